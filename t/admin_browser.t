#!/usr/bin/perl

# The page of mcp_admin in Chromium, with official clients of both
# generations behind the gateway.

use warnings;
use strict;

use MCPTest;
use MCPTest::Clients;

my ($chromium) = grep { -x } map { "$_/chromium" } split(/:/, $ENV{PATH});

plan(skip_all => 'there is no chromium') unless $chromium;

my $t = clients(
    http => 'mcp_zone default:16m; mcp_max_approvals 2000;',
    policy => <<"CONF",
    tool '<img src=x onerror="hacked=1">\xe2\x80\xaefdp.exe' {
        approve;
    }

    tool transfer {
        rule "large" { arg amount gt 500; approve; }
        rule "anything" { arg note exists; approve; }
        rule "lists" { arg list exists; approve; }
    }

    tool delete-file {
        approve wait=60s;
    }

    tool echo {
        limit 2/hour;
    }

    tool calls { }
CONF
    server => <<'CONF',
        location /mcp-admin/ {
            mcp_admin by=tester;
        }
CONF
);

start_fixture($t);

$ENV{CHROMIUM} = $chromium;
run_node($t, 'admin.test.mjs', 220);

done_testing();
