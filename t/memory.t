#!/usr/bin/perl

# Thousands of requests of every kind leave a worker as it was: memory and
# descriptors.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $t = MCPTest->new(timeout => 120);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    error_log %%TESTDIR%%/error.log error;
    log_format mcp '$mcp_tool $mcp_decision $mcp_arg_a $mcp_args_hash';
    keepalive_requests 1000000;

    mcp_policy mixed {
        hide secret*;
        tool safe ~^s\d+$ { }
        tool price {
            arg a lte 500;
            arg b.c[*] regex ^[a-z]+$;
            deny_if { arg a in 1 2 3; message "Not $remote_addr."; }
        }
        tool purge { deny "No."; }
    }

    server {
        listen 127.0.0.1:8080;
        access_log %%TESTDIR%%/mcp.log mcp;
        mcp_enforce mixed;
        client_max_body_size 200k;
        location / {
            mcp_origin good.example;
            proxy_pass http://127.0.0.1:8081;
        }
        location /down { proxy_pass http://127.0.0.1:8089; }
    }

    # The requests are many: this upstream is fast.
    server {
        listen 127.0.0.1:8081;
        location / { return 200 '{}'; }
    }
}
CONF

$t->run();

my $worker;
$t->wait_until(sub { ($worker) = $t->workers() });


sub memory {
    open(my $file, '<', "/proc/$worker/status") or return 0;
    my ($rss) = join('', <$file>) =~ /VmRSS:\s+(\d+)/;
    return $rss;
}


sub descriptors {
    return scalar(my @fds = glob("/proc/$worker/fd/*"));
}


my @requests = map { [ $t->connect()->request_bytes(@$_) ] } (
    [ POST => '/', body => tool_call('safe', { a => 1 }) ],
    [ POST => '/', body => tool_call('s5', { a => "\n" }), chunked => 1 ],
    [ POST => '/', body => tool_call('purge') ],
    [ POST => '/', body => tool_call('secret') ],
    [ POST => '/', body => tool_call('price', { a => 7,
                                     b => { c => [ 'x', 'y' ] } }) ],
    [ POST => '/', body => tool_call('price', { a => 2,
                                     b => { c => [ 'x', 'y' ] } }) ],
    [ POST => '/', body => tool_call('price', { a => 'x' }) ],
    [ POST => '/', body => '[' . join(',', map { tool_call('safe', {},
                                        id => $_) } 1 .. 10) . ']' ],
    [ POST => '/', body => '[' . join(',', map { tool_call("x$_", {},
                                        id => $_) } 1 .. 10) . ']' ],
    [ POST => '/', body => tool_call('safe', {}, meta => modern()),
      headers => modern_headers('tools/call', 'safe') ],
    [ POST => '/', body => tool_call('safe'),
      headers => modern_headers('tools/call', 'purge') ],
    [ POST => '/', body => '{"jsonrpc":"2.0","method":"x"}' ],
    [ POST => '/', body => '{"a":1,"a":2}' ],
    [ POST => '/', body => '{' ],
    [ POST => '/', body => '[' x 100 ],
    [ POST => '/', body => tool_call('safe'),
      headers => [ 'Content-Type' => 'text/plain' ] ],
    [ POST => '/', body => tool_call('safe'),
      headers => [ Origin => 'http://evil.example' ] ],
    [ POST => '/down', body => tool_call('safe') ],
    [ GET => '/' ],
    [ PUT => '/' ],
);

my @large = map { [ $t->connect()->request_bytes(@$_) ] } (
    [ POST => '/', body => tool_call('safe', { a => 'x' x 100_000 }) ],
    [ POST => '/', body => tool_call('x', { map { $_ => 1 } 1 .. 5000 }) ],
    [ POST => '/', body => tool_call('safe', { a => [ (1) x 50_000 ] }),
      chunked => 1 ],
    [ POST => '/', body => '[' . '{},' x 30_000 . '1]' ],
);

$_ = join('', @$_) for @requests, @large;


# Each round on a connection of its own, its small requests pipelined.
sub rounds {
    my ($count) = @_;

    my $answers = 0;

    for my $n (1 .. $count) {
        my $client = $t->connect();

        $client->write(join('', (@requests) x 10));
        $answers += ($client->read_response()->status > 0)
            for 1 .. 10 * @requests;

        if ($n % 4 == 0) {
            for my $large (@large) {
                $client->write($large);
                $answers += ($client->read_response()->status > 0);
            }

            # And one that goes away.
            $client->write(substr($large[0], 0, 50_000));
        }

        $client->close();
    }

    return $answers;
}


# What the first requests leave: buffers that are kept, log and cache pages.
rounds(12);

my $idle = sub {
    my $last = -1;
    $t->wait_until(sub {
        my $now = descriptors();
        my $same = $now == $last;
        $last = $now;
        return $same;
    });
    return $last;
};

my ($before, $fds) = (memory(), $idle->());
my $answers = rounds(100);
my $after = memory();

is($answers, 100 * 10 * @requests + 25 * @large, 'all were answered');
diag("$answers requests, RSS $before KB before, $after KB after");
cmp_ok($after - $before, '<', 512, 'the worker does not grow')
    unless $ENV{TEST_SANITIZE};
ok($t->wait_until(sub { descriptors() <= $fds }), 'nor do its descriptors');
is(join(' ', $t->workers()), $worker, 'and it is the same worker');

done_testing();
