#!/usr/bin/perl

# mcp_audit_log: as many lines as decisions, whoever asks in whatever way,
# while files are renamed and workers replaced; a worker that is killed takes
# with it what is in its buffer, and nothing else.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use POSIX qw/ /;

use MCPTest;

my $top = "$FindBin::Bin/..";
my $json = JSON::PP->new->utf8->canonical;
my $t = MCPTest->new(timeout => 240)->has(qw/ http_v2 http_realip /);
my $dir = $t->dir();
my $rounds = $ENV{TEST_SANITIZE} ? 4 : 12;

plan(skip_all => 'make e2e-deps has not run')
    unless -e "$top/t/e2e/node_modules/.installed";

# name => parameters
my %logs = (plain => '', buffer => 'buffer=4k flush=5ms',
            large => 'buffer=256k flush=50ms', killed => 'buffer=4k flush=1h');

my $locations = join('', map { <<"CONF" } sort keys %logs);
        location /$_/ {
            mcp_enforce one;
            mcp_audit_log %%TESTDIR%%/$_.log $logs{$_};
            access_log %%TESTDIR%%/$_.pids pid;
            proxy_pass http://127.0.0.1:8081;

            location /$_/dry {
                mcp_dry_run on;
                proxy_pass http://127.0.0.1:8081;
            }
            location /$_/first {
                try_files /none /$_/second;
            }
            location /$_/second {
                mcp_enforce two;
                proxy_pass http://127.0.0.1:8081;
            }
            location /$_/down {
                proxy_pass http://127.0.0.1:8082;
                error_page 502 = /$_/instead;
            }
        }
CONF

$t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
worker_processes 8;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    log_format pid '\$pid \$remote_addr';

    mcp_policy one {
        tool safe { }
        tool few { limit 2/day per=global; }
        tool purge { deny "No."; }
    }
    mcp_policy two { tool purge { } }

    # every request has an address of its own
    set_real_ip_from 127.0.0.1;

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8090 http2;

$locations    }
}
CONF

my $upstream = $t->upstream(8081);
$t->run();

my $safe = tool_call('safe', { a => 'x' x 200 });
my $purge = tool_call('purge', { a => 1 });
my $ping = rpc('ping', undef, id => 2);
my $note = rpc('notifications/initialized', undef, id => undef);

# What is sent, by how it is sent and where, and the decisions of its lines.
my @kinds = (
    [ POST => '', $safe, 200, 'allow' ],
    [ POST => '', $purge, 200, 'deny' ],
    [ POST => '', "[$ping,$purge,$note]", 200, 'deny', 'deny', 'deny' ],
    [ POST => '', "[$ping,$note]", 200, 'allow', 'allow' ],
    [ POST => '', '{"jsonrpc":', 400, 'invalid' ],
    [ POST => '', "\x00\n\xff\n", 400, 'invalid' ],
    [ POST => 'dry', $purge, 200, 'dry_deny' ],
    [ POST => 'dry', '{', 202, 'dry_invalid' ],
    [ POST => 'first', $safe, 200, 'allow', 'deny' ],
    [ POST => 'first', $purge, 200, 'deny' ],
    [ POST => 'down', $safe, 200, 'allow' ],
    [ GET => '', undef, 200, 'allow' ],
    [ DELETE => '', undef, 200, 'allow' ],
    [ PUT => '', '{}', 405, 'invalid' ],
    [ h2 => '', $safe, 200, 'allow' ],
    [ h2 => '', '[', 400, 'invalid' ],
    [ left => '', $safe, undef, 'allow' ],
    [ half => '', $safe, undef ],
);


# One request; the status of its answer, or undef.
sub ask {
    my ($kind, $uri, $address) = @_;

    my ($method, $name, $body) = @$kind;
    my @headers = ('X-Real-IP' => $address);

    $uri = "/$uri/$name";

    # a worker that leaves takes no new stream, and says so
    while ($method eq 'h2') {
        my $h2 = $t->h2(port => 8090);
        my $response = $h2->post($body, uri => $uri, headers => \@headers);

        $h2->close();
        return $response->status if $response->status;
    }

    if ($method eq 'left' || $method eq 'half') {
        my $client = $t->connect();
        my ($head, $rest) = $client->request_bytes('POST', $uri,
            body => $body, headers => \@headers);

        $rest = substr($rest, 0, 50) if $method eq 'half';
        $client->write($head . $rest);
        $client->close();
        return undef;
    }

    return $t->request($method, $uri, body => $body,
                       headers => \@headers)->status;
}


# Several at once; what they sent is known by their addresses.
sub start {
    my ($name, $careless) = @_;

    my @children;

    for my $child (1 .. 4) {
        my $pid = fork() // die $!;

        if ($pid) {
            push @children, $pid;
            next;
        }

        my $bad = 0;

        for my $n (0 .. $rounds * @kinds - 1) {
            my $kind = $kinds[$n % @kinds];
            my $status = eval { ask($kind, $name, address($child, $n)) };

            if (!$careless && ($status // 0) != ($kind->[3] // 0)) {
                print STDERR "# $kind->[0] $kind->[1]: ",
                             $status // "none: $@", "\n";
                $bad = 1;
            }
        }

        POSIX::_exit($bad);
    }

    return @children;
}


sub address { "10.$_[0]." . ($_[1] >> 8) . '.' . ($_[1] & 0xff) }


sub wait_for {
    for my $pid (@_) {
        waitpid($pid, 0);
        is($?, 0, 'all are answered');
    }
}


sub check_schema {
    my (@names) = @_;

    my $check = "'$top/t/tools/node' '$top/t/e2e/audit-check.mjs' "
        . "'$top/docs/audit.schema.json'";
    my $paths = join(' ', map { "'$dir/$_'" } @names);

    return `$check $paths 2>&1`;
}


# Lines by address, in their order for each.
sub lines {
    my %lines;

    for my $name (@_) {
        for my $text (split(/\n/, $t->read_file($name))) {
            my $line = $json->decode($text);
            push @{$lines{$line->{address}}}, $line;
        }
    }

    return \%lines;
}


# Whether a process still writes to the file: its log is not to be renamed
# again before, or the new one could be missing where a worker looks for it.
sub written {
    my ($file) = @_;

    for my $fd (map { glob("/proc/$_/fd/*") } $t->{pid}, $t->workers()) {
        return 1 if (readlink($fd) // '') eq $file;
    }

    return 0;
}


for my $name (qw/ plain buffer large /) {
    subtest "$name: under load" => sub {
        my @children = start($name);
        my $work = sub {
            my $size = -s "$dir/$name.log" || 0;
            $t->wait_until(sub { (-s "$dir/$name.log" || 0) > $size + 3000 },
                           2);
        };

        for my $n (1 .. 4) {
            $work->();
            rename("$dir/$name.log", "$dir/$name.log.$n") or die $!;
            kill('USR1', $t->{pid});
            ok($t->wait_until(sub { !written("$dir/$name.log.$n") }),
               "reopened by all: $n");

            $work->();
            $t->reload() if $n % 2;
        }

        wait_for(@children);
    };
}


# The hard way while all are busy.
my %killed;

subtest 'killed: under load' => sub {
    my @children = start('killed', 1);

    for my $n (1 .. 3) {
        my $size = -s "$dir/killed.log";
        $t->wait_until(sub { -s "$dir/killed.log" > $size + 4096 * 3 }, 3);

        # it has logged a request, so the last one is in its buffer
        my ($pid) = grep { !$killed{$_} }
            reverse map { /^(\d+)/ } split(/\n/, $t->log('killed.pids'));
        $killed{$t->kill_worker($pid)} = 1;
    }

    wait_for(@children);
};

# requests whose clients left are served to their end
$t->stop();


for my $name (qw/ plain buffer large /) {
    subtest "$name: every line" => sub {
        my @files = ("$name.log", map { "$name.log.$_" } 1 .. 4);
        my $lines = lines(@files);
        my ($expected, %wrong) = (0);

        for my $child (1 .. 4) {
            for my $n (0 .. $rounds * @kinds - 1) {
                my ($method, $uri, undef, $status, @decisions)
                    = @{$kinds[$n % @kinds]};
                my @got = @{delete $lines->{address($child, $n)} || []};

                $expected += @decisions;

                my $is = join(' ', map { $_->{decision} } @got);
                my %ids = map { $_->{request_id} => 1 } @got;

                next if $is eq "@decisions" && keys %ids <= 1
                    && !grep { $status && $_->{status} != $status } @got;

                $wrong{"$method $uri: $is"}++;
            }
        }

        is_deeply(\%wrong, {}, 'no more, no fewer');
        is_deeply([ keys %$lines ], [], 'no others');
        is(check_schema(@files), "valid $expected\n",
           "$expected lines, all whole");
    };
}


subtest 'killed: what is lost' => sub {
    my $lines = lines('killed.log');
    my $text = $t->read_file('killed.log');
    my ($count, $shortest, %of, %lost) = ($text =~ tr/\n//, 4096);

    for my $line (split(/\n/, $text)) {
        $shortest = length $line if length $line < $shortest;
    }

    # the same phase writes both, request by request
    my $pids = $t->read_file('killed.pids');
    push @{$of{$1}}, $2 while $pids =~ /\G(\d+) (\S+)\n/g;

    is(check_schema('killed.log'), "valid $count\n", 'all lines are whole');
    is(scalar keys %killed, 3, 'three were killed');

    for my $pid (keys %of) {
        for my $address (@{$of{$pid}}) {
            my ($child, $high, $low) = $address =~ /^10\.(\d+)\.(\d+)\.(\d+)$/
                or next;
            my $kind = $kinds[($high * 256 + $low) % @kinds];
            my $count = @$kind - 4;
            my $got = @{$lines->{$address} || []};

            $lost{$pid} += $count - $got if $got < $count;
            fail("$address: $got lines") if $got > $count;
        }
    }

    for my $pid (keys %lost) {
        ok($killed{$pid}, 'it was killed');

        # it was just logging one when it died
        cmp_ok($lost{$pid}, '<=', 4096 / $shortest + 2,
               'no more than its buffer');
    }

    cmp_ok(scalar keys %lost, '>', 0, 'something was lost');
};

done_testing();
