#!/usr/bin/perl

# A rug pull by a real server: its tools are pinned as "mcp-policy pin" finds
# them, then it changes one, and clients of both SDK generations list and call
# it through every worker.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;
use MCPTest::Clients;

my $tool = $ENV{TEST_MCP_POLICY} || "$FindBin::Bin/../build/mcp-policy";

plan(skip_all => 'make e2e-deps has not run')
    unless -e "$FindBin::Bin/e2e/node_modules/.installed";

my $t = MCPTest->new(timeout => 120);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 4;
events { worker_connections 1024; }
http {
    %%TEST_GLOBALS_HTTP%%

    mcp_policy pinned {
        mcp_pin pins.json unpinned=hide;
        tool * { }
        tool echo add turn { }
    }

    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection "";

    server {
        listen 127.0.0.1:8080 reuseport;
        add_header X-Worker $pid always;
        mcp_enforce pinned;

        location /fixture/ { proxy_pass http://127.0.0.1:8081/; }
    }
}
CONF

start_changing($t);

my $url = 'http://127.0.0.1:' . $t->port(8081) . '/mcp';

is(system($tool, 'pin', '--url', $url, '-o', $t->dir() . '/pins.json'), 0,
   'the server is asked for its tools');

$t->run();
run_node($t, 'pin.test.mjs');

my $changed = () = $t->log() =~ /the definition of tool "echo" has changed/g;
is($changed, 2, 'each change is logged once');
unlike($t->log(), qr/definition of tool "(add|turn)"/, 'and no other');

done_testing();
