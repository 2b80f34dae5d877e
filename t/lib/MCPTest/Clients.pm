package MCPTest::Clients;

# The official servers behind nginx, and official clients run against it.
# Their own test output becomes ours.

use warnings;
use strict;

use Exporter qw/ import /;
use File::Basename qw/ dirname /;
use MCPTest;

our @EXPORT = qw/ clients run_node run_python start_fixture
                  start_everything start_lists start_changing start_samples
                  start_sse start_conformance node conformance /;

my $top = dirname(__FILE__) . '/../../..';
my $e2e = "$top/t/e2e";


# nginx with one policy for all clients; the servers are 8081 to 8083.
# Options: policy, what is inside of it; http and server, more directives.
sub clients {
    my (%options) = @_;

    plan(skip_all => 'make e2e-deps has not run')
        unless -e "$e2e/node_modules/.installed";

    my $t = MCPTest->new(timeout => 240);

    my $policy = $options{policy} || <<'CONF';
    hide gzip-file-as-resource backdoor;

    tool echo calls hold release announce
         trigger-long-running-operation trigger-sampling-request {
    }

    tool get-sum {
        arg a lte 1000;
        message "small numbers only";
    }

    tool get-env {
        deny "no secrets";
    }

    tool transfer publish {
        arg amount lte 100;
        message "amounts up to 100";
    }

    tool delete-file {
        deny "nothing is deleted";
    }

    prompt simple-prompt greeting {
    }

    resource demo://resource/static/* note://public/* {
    }
CONF

    my $http = $options{http} || '';
    my $server = $options{server} || '';

    $t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%

worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
    $http

    mcp_policy clients {
$policy
    }

    proxy_http_version 1.1;
    proxy_set_header Host \$http_host;
    proxy_set_header Connection "";
    proxy_buffering off;
    client_body_buffer_size 64k;
    ignore_invalid_headers off;
    underscores_in_headers on;

    server {
        listen 127.0.0.1:8080;
        mcp_enforce clients;

        location /fixture/ {
            proxy_pass http://127.0.0.1:8081/;
        }

        location /everything/ {
            proxy_pass http://127.0.0.1:8082/;
        }

        location = /sse {
            mcp_transport sse;
            proxy_pass http://127.0.0.1:8083;
        }

        location = /message {
            mcp_transport sse;
            proxy_pass http://127.0.0.1:8083;
        }

$server
    }
}
CONF

    $t->run();
    return $t;
}


sub node {
    return "$top/t/tools/node";
}


sub start {
    my ($t, $port, @command) = @_;

    local $ENV{PORT} = $t->port($port);
    local $ENV{ASAN_OPTIONS};

    $t->run_program(node(), '-r', "$e2e/loopback.cjs", @command);
    $t->waitforsocket($port) or diag($t->read_file('output'));
}


my $everything = "$e2e/node_modules/\@modelcontextprotocol/"
    . 'server-everything/dist/index.js';


sub start_fixture { start($_[0], 8081, "$e2e/fixture-server.mjs") }
sub start_everything { start($_[0], 8082, $everything, 'streamableHttp') }
sub start_lists { start($_[0], 8081, "$e2e/list-server.mjs") }
sub start_changing { start($_[0], 8081, "$e2e/changing-server.mjs") }
sub start_samples { start($_[0], 8081, "$e2e/samples-server.mjs") }
sub start_conformance { start($_[0], 8081, "$e2e/conformance-server.mjs") }
sub start_sse { start($_[0], 8083, $everything, 'sse') }


sub conformance {
    return "$e2e/node_modules/conformance-$_[0]/dist/index.js";
}


sub environment {
    my ($t) = @_;

    my $url = 'http://127.0.0.1:' . $t->port(8080);

    return (FIXTURE_URL => "$url/fixture/mcp",
            EVERYTHING_URL => "$url/everything/mcp",
            SSE_URL => "$url/sse");
}


sub run_node {
    my ($t, $file, $seconds) = @_;
    relay($t, node(), '--test', '--test-reporter=tap', '--test-force-exit',
          '--test-timeout=' . ($seconds || 90) * 1000, "$e2e/$file");
}


sub run_python {
    my ($t, $sdk, $file) = @_;

    my $python = "$top/build/python/sdk$sdk/bin/python";

    plan(skip_all => 'make e2e-deps has not run') unless -x $python;

    local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
    relay($t, $python, "$e2e/$file");
}


# Every "ok" of a program, nested or not, as one of ours.
sub relay {
    my ($t, @command) = @_;

    local %ENV = (%ENV, environment($t));
    local $ENV{ASAN_OPTIONS};

    my $count = 0;
    my $failed;

    open(my $output, '-|', @command) or die "$command[0]: $!";

    while (my $line = <$output>) {
        chomp $line;

        if ($line =~ /^\s*(not )?ok \d+ - (.*)$/) {
            $count++;
            $failed = $1;
            ok(!$1, $2);

        } elsif ($failed && $line !~ /^\s*(\d+\.\.\d+)?$/) {
            diag($line);
        }
    }

    close($output);
    ok($count > 0, 'the client ran');
    is($?, 0, 'and ended well');
}

1;
