#!/usr/bin/perl

# mcp_audit_log when there is no room, no memory or no time: requests go on or
# are refused, what is lost is told once a minute, and no line is damaged.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;

use MCPTest;
use MCPTest::Hooks;

my $json = JSON::PP->new->utf8;
my $t = MCPTest->new(timeout => 120);
my $hooks = MCPTest::Hooks->new($t);
my $dir = $t->dir();

plan(skip_all => 'no prlimit') unless -x '/usr/bin/prlimit';

# a process may limit those of its own user alone
$ENV{TEST_NGINX_GLOBALS} .= "user root root;\n" if $> == 0;

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 2;
events { accept_mutex off; }
http {
    %%TEST_GLOBALS_HTTP%%
    log_format pid '$pid $arg_n';
    access_log off;

    mcp_policy one {
        tool safe { }
        tool few { limit 3/day per=global; }
    }

    server {
        listen 127.0.0.1:8080 reuseport;
        mcp_enforce one;

        location /device {
            mcp_audit_log %%TESTDIR%%/full;
            proxy_pass http://127.0.0.1:8081;
        }
        location /device/buffer {
            mcp_audit_log %%TESTDIR%%/full_buffer buffer=4k flush=5ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /file {
            access_log %%TESTDIR%%/pids.log pid;
            mcp_audit_log %%TESTDIR%%/file.log;
            proxy_pass http://127.0.0.1:8081;
        }
        location /buffer {
            access_log %%TESTDIR%%/pids_buffer.log pid;
            mcp_audit_log %%TESTDIR%%/buffer.log buffer=16k flush=5ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /memory {
            mcp_audit_log %%TESTDIR%%/memory.log;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

symlink('/dev/full', "$dir/full") or die $!;
symlink('/dev/full', "$dir/full_buffer") or die $!;

# beyond its limit a file has no room, as on a disk that is full; what is there
# keeps the error log, which has the same limit, below it
$SIG{XFSZ} = 'IGNORE';

my $start = 1 << 18;
$t->write_file($_, 'x' x ($start - 1) . "\n") for qw/ file.log buffer.log /;

my $upstream = $t->upstream(8081);

$hooks->clock('2026-01-15T10:30:00Z');
$t->allow_log(qr/write\(\) to "[^"]*" failed, lines of the audit log lost/);
$t->run();


# How many lines were reported lost of a file, by each worker.
sub reported {
    my ($path) = @_;

    my %lost;
    my $text = $t->log();

    push @{$lost{$1}}, $2
        while $text =~ /\[alert\] (\d+)#\d+: .*write\(\) to "\Q$path\E" failed, lines of the audit log lost: (\d+)/g;

    return \%lost;
}


# Calls over one connection: to one worker.
sub calls {
    my ($client, $uri, $count) = @_;

    my $good = 0;

    for my $n (1 .. $count) {
        $client->send_request('POST', $uri, body => tool_call('safe'));
        $good += $client->read_response()->status == 200;
    }

    return $good;
}


sub sum {
    my ($lost) = @_;

    my $sum = 0;
    $sum += $_ for map { @$_ } values %$lost;

    return $sum;
}


subtest 'a full disk' => sub {
    for my $name (qw/ full full_buffer /) {
        my $uri = $name eq 'full' ? '/device' : '/device/buffer';
        my $path = "$dir/$name";
        my $client = $t->connect();

        is(calls($client, $uri, 20), 20, "$name: calls pass");
        ok($t->wait_until(sub { %{reported($path)} }), "$name: reported");

        my ($pid) = keys %{reported($path)};

        # within the minute nothing more is said
        $hooks->forward(58);
        is(calls($client, $uri, 20), 20, "$name: and pass");
        $client->send_request('POST', $uri, body => 'x');
        is($client->read_response()->status, 400, "$name: judged as ever");

        is(scalar @{reported($path)->{$pid}}, 1, "$name: reported once");

        $hooks->forward(3);
        is(calls($client, $uri, 2), 2, "$name: a minute later");
        ok($t->wait_until(sub { @{reported($path)->{$pid}} == 2 }),
           "$name: reported again");
        cmp_ok(sum(reported($path)), '>=', 41, "$name: and how many");

        # a clock that was wrong must not silence it for long
        $hooks->forward(-3600);
        is(calls($client, $uri, 2), 2, "$name: the clock went back");
        ok($t->wait_until(sub { @{reported($path)->{$pid}} == 3 }),
           "$name: reported");
        $hooks->forward(3600);
        $client->close();
    }
};


# Two connections to two workers.
sub two {
    my ($uri, $log) = @_;

    my (%clients, @all);

    $t->wait_until(sub {
        my $client = $t->connect();
        my $n = @all;

        push @all, $client;
        calls($client, "$uri?n=$n", 1);
        $t->wait_log(qr/^\d+ $n$/m, $log);

        my ($pid) = $t->log($log) =~ /^(\d+) $n$/m;
        $clients{$pid} ||= $client;

        return keys %clients == 2;
    });

    return (scalar @all, map { [ $_, $clients{$_} ] } sort keys %clients);
}


sub text { substr($t->read_file($_[0]), $start) }


sub room {
    my ($pid, $size) = @_;

    system('prlimit', '--pid', $pid, "--fsize=$size:") == 0
        or die "prlimit: $?";
}


# Room for a line and a half; then there is room again, and the worker that
# writes next is not the one that left the half.
for my $name (qw/ file buffer /) {
    subtest "a torn line: $name" => sub {
        my ($count, $first, $second) = two("/$name", $name eq 'file'
                                           ? 'pids.log' : 'pids_buffer.log');

        ok($second, 'two workers') or return;
        $t->wait_until(sub {
            (text("$name.log") =~ tr/\n//) == $count
        });

        my $size = -s "$dir/$name.log";
        my $line = ($size - $start) / $count;

        room($first->[0], int($size + 1.5 * $line));
        is(calls($first->[1], "/$name", 4), 4, 'calls pass');

        $hooks->forward(70);
        ok($t->wait_until(sub { -s "$dir/$name.log" > $size + $line }),
           'half a line');
        unlike(text("$name.log"), qr/\n\z/, 'it is torn');

        is(calls($second->[1], "/$name", 3), 3, 'the other worker writes');
        ok($t->wait_until(sub {
            text("$name.log") =~ /\n\z/
        }), 'the next line');

        room($first->[0], 'unlimited');
        $hooks->forward(70);
        is(calls($first->[1], "/$name", 2), 2, 'there is room');

        my $total = $count + 4 + 3 + 2;
        my (@good, @bad);

        $t->wait_until(sub {
            (@good, @bad) = ();

            for my $text (split(/\n/, text("$name.log"))) {
                my $object = eval { $json->decode($text) };
                push @{$object ? \@good : \@bad}, $text;
            }

            @good + sum(reported("$dir/$name.log")) == $total
        });

        is(@bad, 1, 'one line is torn, and it alone');
        is(@good + sum(reported("$dir/$name.log")), $total,
           'every other is there or was reported lost');
        cmp_ok(sum(reported("$dir/$name.log")), '<=', 4, 'no more');

        $_->[1]->close() for $first, $second;
    };
}


subtest 'no memory' => sub {
    my $count = sub {
        $t->read_file('memory.log') =~ tr/\n//
    };

    is($t->post(tool_call('few'), uri => '/memory')->status, 200, 'there is');
    ok($t->wait_until(sub { $count->() == 1 }), 'its line');

    $upstream->clear();
    $hooks->memory(0);

    for (1 .. 3) {
        is($t->post(tool_call('few'), uri => '/memory')->status, 500,
           'refused');
        is($t->get('/memory')->status, 500, 'and a stream');
        is($t->post('{', uri => '/memory')->status, 500, 'and garbage');
    }

    $hooks->memory(1);
    is($upstream->count(), 0, 'nothing went to the server');

    for my $left (1, 0) {
        is($t->post(tool_call('few'), uri => '/memory')->status, 200,
           'nothing was charged');
        ok($t->wait_until(sub { $count->() == 3 - $left }), 'its line');
    }

    my @lines = map { $json->decode($_) }
        split(/\n/, $t->read_file('memory.log'));
    is_deeply([ map { $_->{limit}{remaining} } @lines ], [ 2, 1, 0 ],
              'and all is counted');
};


subtest 'at exit' => sub {
    my $client = $t->connect();
    my $before = sum(reported("$dir/full"));

    is(calls($client, '/device', 5), 5, 'calls pass');
    $client->close();
    $t->stop();

    # of a worker that had just reported some, the rest is told now
    cmp_ok(sum(reported("$dir/full")), '>', $before, 'the rest is told');
    is(sum(reported("$dir/full")), 20 + 21 + 2 + 2 + 5, 'none is forgotten');
    is(sum(reported("$dir/full_buffer")), 20 + 21 + 2 + 2, 'nor buffered');
};


# As nginx's own log: what was answered is there, what was not is not.
subtest 'a fast stop' => sub {
    # nginx leaves its own arrays to the system then.
    local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} || '') . ':detect_leaks=0';

    my $fast = MCPTest->new(timeout => 120);
    my $upstream = $fast->upstream(8081);

    $fast->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 1;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy one { tool safe { } }
    mcp_audit_log %%TESTDIR%%/fast.log buffer=64k flush=1h;

    server {
        listen 127.0.0.1:8080;
        mcp_enforce one;
        location / { proxy_pass http://127.0.0.1:8081; }
    }
}
CONF
    $fast->run();

    is($fast->post(tool_call('safe', {}, id => 1))->status, 200, 'a call');

    $upstream->hold();
    my $client = $fast->connect();
    $client->send_request('POST', '/mcp',
                          body => tool_call('safe', {}, id => 2));
    $upstream->next() for 1 .. 2;

    kill('TERM', $fast->{pid});
    ok($fast->wait_until(sub { !$fast->alive() }), 'nginx ends');

    is_deeply([ map { $json->decode($_)->{id} }
                    split(/\n/, $fast->read_file('fast.log')) ],
              [ 1 ], 'the buffer is written, the call under way is not in it');
};

done_testing();
