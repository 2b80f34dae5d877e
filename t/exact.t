#!/usr/bin/perl

# A limit of 1,000 is 1,000 calls that the server sees: with 8 workers and 64
# connections, while the configuration is reloaded, while workers are killed,
# also inside the lock.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;
use MCPTest::Hooks;
use MCPTest::Load;

use constant { CALLS => 20_000, LIMIT => 1000 };

# The log of refusals is for other tests.
$ENV{TEST_NGINX_LOG} = 'notice';

my $t = MCPTest->new(timeout => 120);
my $hooks = MCPTest::Hooks->new($t);

my @tools = map {
    my $algorithm = $_;
    map { "tool ${algorithm}_$_ { limit 1000/hour algorithm=$algorithm"
          . ($algorithm eq 'bucket' ? ' burst=1000' : '')
          . ' per=global; }' } qw/ calm reload kill resize locked /
} qw/ fixed sliding bucket /;

sub conf {
    my ($size) = @_;

    $t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
worker_processes 8;
events { worker_connections 512; }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone default:$size;
    mcp_policy exact { @tools }

    server {
        listen 127.0.0.1:8080 backlog=512;
        keepalive_requests 1000000;

        location /mcp {
            mcp_enforce exact;
            mcp_denial status;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF
}

conf('1m');
$hooks->clock('2026-01-15T10:30:00Z');

my $upstream = $t->upstream(8081);

$t->run();


sub load {
    my ($tool, %options) = @_;

    $upstream->clear();

    my $result = MCPTest::Load::run($t, body => tool_call($tool),
        count => CALLS, connections => 64, %options);

    $result->{seen} = $upstream->count;
    return $result;
}


for my $algorithm (qw/ fixed sliding bucket /) {
    my $result = load("${algorithm}_calm");

    is($result->{seen}, LIMIT, "$algorithm: the server saw the limit");
    is($result->{allowed}, LIMIT, "$algorithm: all of it was answered");
    is($result->{refused}, CALLS - LIMIT, "$algorithm: the rest was refused");
}

# A reload is asked for as soon as the one before has new workers.

my $reloads = 0;

for my $algorithm (qw/ fixed sliding bucket /) {
    my $result = load("${algorithm}_reload", every => 1000, do => sub {
        my $done = () = $t->log() =~ /reconfiguring/g;

        if ($done >= $reloads) {
            kill('HUP', $t->{pid});
            $reloads++;
        }
    });

    is($result->{seen}, LIMIT, "$algorithm: exactly the limit over reloads");
}

cmp_ok($reloads, '>=', 6, "$reloads reloads while calls were made");

# What a killed worker had charged and not sent is lost to the caller, never
# given twice.

$t->allow_log(qr/exited on signal 9|was locked by/);

for my $algorithm (qw/ fixed sliding bucket /) {
    my $kills = 0;

    my $result = load("${algorithm}_kill", every => 1000, do => sub {
        my @workers = $t->workers() or return;

        kill('KILL', $workers[rand @workers]);
        $kills++;
    });

    cmp_ok($kills, '>', 5, "$algorithm: $kills workers killed");
    cmp_ok($result->{seen}, '<=', LIMIT, "$algorithm: never over the limit");
    cmp_ok($result->{seen}, '>', LIMIT - 64 * $kills, 'nor far below');
}

$t->wait_until(sub { $t->workers() == 8 });

# Each of these workers dies with the lock in its hand.

{
    my $result = load('fixed_locked', count => 4000, every => 500,
                      do => sub { $hooks->kill_locked() });

    my $locked = () = $t->log() =~ /was locked by/g;

    cmp_ok($locked, '>=', 3, "$locked workers died while they held the lock");
    cmp_ok($result->{answers}, '>=', 4000 - 64 * $locked, 'the others went on');
    cmp_ok($result->{seen}, '<=', LIMIT, 'and not over the limit');
    cmp_ok($result->{seen}, '>=', LIMIT - 10, 'nor far below');
}

$t->wait_until(sub { $t->workers() == 8 });

# The counters move to a larger zone while they are charged.

{
    my $size = 1;
    my $result = load('fixed_resize', every => 2000, do => sub {
        conf(++$size . 'm') if $size < 9;
        kill('HUP', $t->{pid});
    });

    is($result->{seen}, LIMIT, 'exactly the limit while the zone grows');
}

done_testing();
