#!/usr/bin/perl

# "mcp-policy status": the page of mcp_status as tables, and pages that are
# none.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $tool = $ENV{TEST_MCP_POLICY} || "$FindBin::Bin/../build/mcp-policy";
my $t = MCPTest->new(timeout => 120);
my $dir = $t->dir();

$t->write_file('policy.json', '{"version":"1","default":"deny","tools":{"one":{}}}');
$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy shop { tool search { } tool "esc\tape" { } }
    mcp_policy_file file policy.json;
    server {
        listen 127.0.0.1:8080;
        location / { mcp_enforce shop; proxy_pass http://127.0.0.1:8081; }
        location /dry { mcp_enforce shop; mcp_dry_run on; proxy_pass http://127.0.0.1:8081; }
        location /status { mcp_status; if ($http_x_key != right) { return 403; } }
        location /metrics { mcp_metrics; }
    }
}
CONF

my $upstream = $t->upstream(8081);

$t->run();


sub run_tool {
    my (@args) = @_;

    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        alarm(0);
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', "$dir/out");
        open(STDERR, '>', "$dir/err");
        { exec($tool, 'status', @args) }
        POSIX::_exit(127);
    }

    waitpid($pid, 0);

    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8,
            $t->read_file('out'), $t->read_file('err'));
}


my $base = 'http://127.0.0.1:' . $t->port(8080);
my @key = ('-H', 'X-Key: right');

$t->post(tool_call('search')) for 1 .. 3;
$t->post(tool_call('nobody'));
$t->post(tool_call("esc\tape"));
$t->post(tool_call('nobody'), uri => '/dry');

my ($status, $out, $err) = run_tool("$base/status", @key);

is($status, 0, 'a page');
is($err, '', 'without complaint');
like($out, qr/^policy shop$/m, 'a policy');
like($out, qr/^ +3  allow +tools\/call search$/m, 'what was allowed');
like($out, qr/^ +1  deny +tools\/call nobody: not_listed$/m, 'refused');
like($out, qr/^ +1  dry deny +tools\/call nobody: not_listed$/m, 'and would have been');
like($out, qr/^policy file, generation 1, sha256 [0-9a-f]{64}$/m, 'a policy file');
like($out, qr/^zone default: 0 of \d+ counters, full 0 times$/m, 'the zone');
unlike($out, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'names cannot drive a terminal, and there are no colours');

($status, $out) = run_tool("$base/status", '--json', @key);
is($status, 0, '--json');
like($out, qr/\A\{"schema":1,.*\}\n\z/s, 'is the page');

for my $case (
    [ 'no key', [ "$base/status" ], qr/error: the server answered 403/ ],
    [ 'another page', [ "$base/metrics" ], qr/error: the answer is not JSON: is mcp_status at this URL\?/ ],
    [ 'no server', [ 'http://127.0.0.1:' . $t->port(8099) . '/' ], qr/error: / ],
    [ 'no URL', [], qr/expected a URL/ ],
    [ 'two URLs', [ 'a', 'b' ], qr/expected one URL/ ],
    [ 'unknown option', [ '--nosuch', 'a' ], qr/unknown option "--nosuch"/ ],
    [ 'an interval of 0', [ '--watch=0', 'a' ], qr/invalid interval "0", it must be 1 to 3600 seconds/ ],
) {
    my ($name, $args, $expected) = @$case;

    ($status, $out, $err) = run_tool(@$args);
    is($status, 2, $name);
    is($out, '', 'prints nothing');
    like($err, $expected, 'but the reason');
}

for my $body ('{}', '[]', '7', '{"schema":2,"policies":[],"zones":[]}', '{"schema":1,"policies":[7],"zones":[]}',
              '{"schema":1,"policies":[],"zones":[{"name":"x"}]}', '{"schema":1,"schema":1}') {
    $upstream->respond(200, body => $body);
    ($status, $out, $err) = run_tool('http://127.0.0.1:' . $t->port(8081) . '/');
    is($status, 2, "refused: $body");
    like($err, qr/no page of mcp_status|not JSON that all read alike/, 'with the reason');
}

# A watch goes on until the page is gone.
my $pid = fork() // die "fork: $!";

if (!$pid) {
    alarm(0);
    open(STDOUT, '>', "$dir/watch");
    open(STDERR, '>', "$dir/watch.err");
    { exec($tool, 'status', "$base/status", '--watch=1', @key) }
    POSIX::_exit(127);
}

ok($t->wait_until(sub { my $n = () = $t->log('watch') =~ /^policy shop$/mg; $n >= 2 }), '--watch prints it again');
$t->stop();
waitpid($pid, 0);
is($? >> 8, 2, 'and ends when it cannot');

done_testing();
