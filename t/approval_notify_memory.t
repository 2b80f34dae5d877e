#!/usr/bin/perl

# Thousands of notifications, taken, refused, cut short and late: a worker
# keeps neither memory nor descriptors of them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;
use MCPTest::Hooks;

my $t = MCPTest->new(timeout => 180);
my $hooks = MCPTest::Hooks->new($t);

my $batch = 150;
my $number = 0;

$hooks->clock('2026-01-15T10:30:00Z');
$t->write_file('secret', 'x' x 32);
$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 1;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_approval_notify http://hooks/x secret=%%TESTDIR%%/secret timeout=5s;
    mcp_policy shop { tool buy { approve ttl=10s; } }

    upstream hooks { server 127.0.0.1:8090; keepalive 4; }

    server {
        listen 127.0.0.1:8080;
        location /mcp {
            mcp_enforce shop;
            mcp_max_approvals 1000;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

my $server = $t->upstream(8081);
my $hook = $t->upstream(8090);

$t->run();

my ($worker) = $t->workers();


sub memory {
    open(my $file, '<', "/proc/$worker/status") or return 0;
    my ($rss) = join('', <$file>) =~ /VmRSS:\s+(\d+)/;
    return $rss;
}


sub descriptors {
    return scalar(my @fds = glob("/proc/$worker/fd/*"));
}


# What the webhook answers to the first of a batch.
my @kinds = (
    [ 'taken' ],
    [ 'refused', "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" ],
    [ 'closed', '', close => 1 ],
    [ 'reset', '', reset => 1 ],
    [ 'cut short', 'HTTP/1.1 20', close => 1 ],
    [ 'garbage', "garbage\r\n\r\n", close => 1 ],
    [ 'with a body', "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx" ],
    [ 'chunked', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" ],
);


sub round {
    my $told = 0;

    for my $kind (@kinds) {
        my ($name, $bytes, %how) = @$kind;

        for (1 .. $batch / 10) {
            $hook->reply($bytes, %how) if defined $bytes;
        }

        $told += batch();
        $hooks->forward(11);
    }

    return $told;
}


# Calls, each of which is told of once; what fails is left to expire.
sub batch {
    my %ids;
    my $client = $t->connect();

    $hook->clear();

    for (1 .. $batch) {
        $client->send_request('POST', '/mcp',
                              body => tool_call('buy', { n => ++$number }));
        $client->read_response();
    }

    $client->close();

    while (keys %ids < $batch) {
        $ids{$hook->next()->header('X-MCP-Delivery')} = 1;
    }

    return scalar keys %ids;
}


is(round(), $batch * @kinds, 'all are told, whatever becomes of it');

my $memory = memory();
my $descriptors = descriptors();

is(round(), $batch * @kinds, 'and again') for 1 .. 2;

# A sanitizer keeps what is freed, and tells of leaks itself.
cmp_ok(memory() - $memory, '<', 1024, 'memory does not grow')
    unless $ENV{TEST_SANITIZE};
cmp_ok(descriptors() - $descriptors, '<=', 5, 'nor do descriptors');

done_testing();
