#!/usr/bin/perl

# The five published sample policies, unchanged, behind the gateway: what an
# official client sees of each.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;
use MCPTest::Clients;
use MCPTest::Hooks;

plan(skip_all => 'make e2e-deps has not run')
    unless -e "$FindBin::Bin/e2e/node_modules/.installed";

my $t = MCPTest->new(timeout => 240);
my $hooks = MCPTest::Hooks->new($t);
my $policies = abs_path("$FindBin::Bin/../conf/policies");
my ($files, $locations) = ('', '');

for my $file (qw/ intersight.json mcp-ap2.json agentmail.yaml
                  sidclaw-sdk.json smartlead.json /) {
    my ($name) = $file =~ /^(.*)\./;

    $files .= "mcp_policy_file $name $policies/$file;\n";
    $locations .= "location = /$name { mcp_enforce $name; "
        . "proxy_pass http://127.0.0.1:8081; }\n";
}

$t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
worker_processes 2;
events { }
http {
    %%TEST_GLOBALS_HTTP%%

    $files

    proxy_http_version 1.1;
    proxy_set_header Host \$http_host;
    proxy_set_header Connection "";

    server {
        listen 127.0.0.1:8080;

        $locations

        location = /direct { proxy_pass http://127.0.0.1:8081; }
    }
}
CONF

$t->run();
start_samples($t);
run_node($t, 'samples.test.mjs');

done_testing();
