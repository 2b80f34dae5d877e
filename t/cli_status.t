#!/usr/bin/perl

# "mcp-policy status": the page of mcp_status as tables, and pages that are
# none.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use MCPTest;
use POSIX ();

my $tool = $ENV{TEST_MCP_POLICY} || "$FindBin::Bin/../build/mcp-policy";
my $t = MCPTest->new(timeout => 120);
my $dir = $t->dir();

$t->write_file('policy.json', '{"version":"1","default":"deny","tools":{"one":{}}}');
$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy shop {
        tool search { }
        tool "esc\tape" { }
        tool small { rule "a few" { limit 3/day; } }
        tool trial { dry_run on; limit 2.5/hour per=global; }
        tool ask { approve; }
    }
    mcp_policy_file file policy.json watch=50ms;
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

$t->post(tool_call('small')) for 1 .. 2;
$t->post(tool_call('small'), headers => [ Authorization => 'other' ]) for 1 .. 5;
$t->post(tool_call('trial')) for 1 .. 2;
$t->post(tool_call('ask'));

($status, $out) = run_tool("$base/status", @key);
is($status, 0, 'used limits and pending approvals are nothing to look after');
like($out, qr/^ +100\.0 %  ##########  3\/day of a few: 2 in use, 1 at the end$/m, 'a limit');
like($out, qr/^ +80\.0 %  ########\.\.  2\.5\/hour of trial: 1 in use, 1 at the end, dry run$/m, 'one in dry run');
like($out, qr/^  approvals: pending 1, approved 0, denied 0, room \d+, created 1, expired 0, used 0, refused 0$/m,
     'approvals');

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

# What somebody should look after, and pages of gateways that tell less.
my %policy = (name => 'x', series => []);
my %zone = (name => 'z', counters => { used => 1, limit => 8, full => 3 });
my %file = (generation => 2, sha256 => '00', newest => { generation => 2, sha256 => '00' }, rejected => JSON::PP::false);
my %approvals = map { $_ => 0 } qw/ pending approved denied room created expired used refused /;
my %limit = (rule => "r\e[2J", limit => '1/day', dry_run => JSON::PP::false, utilization => 0.5, counters => 1,
             exhausted => 0);

for my $case (
    [ 0, 'an older page', {}, {} ],
    [ 0, 'a file', { file => { %file } }, {} ],
    [ 1, 'a file with errors', { file => { %file, rejected => JSON::PP::true } }, {}, 'the file has errors and is not in force' ],
    [ 1, 'an old file', { file => { %file, generation => 1 } }, {}, 'another worker has generation 2' ],
    [ 0, 'pins', { pins => { pinned => 3, changed => 0 } }, {} ],
    [ 1, 'changed definitions', { pins => { pinned => 3, changed => 2 } }, {}, '2 of 3 pinned definitions have changed' ],
    [ 1, 'a full zone', {}, { counters => { used => 8, limit => 8, full => 0 } }, 'the zone has no room for another counter' ],
    [ 0, 'a limit', { limits => [ { %limit } ] }, {} ],
    [ 2, 'too much of a limit', { limits => [ { %limit, utilization => 1.1 } ] }, {} ],
    [ 2, 'less than nothing of a limit', { limits => [ { %limit, utilization => -1 } ] }, {} ],
    [ 2, 'a limit that is none', { limits => [ 7 ] }, {} ],
    [ 2, 'a file without its newest', { file => { %file, newest => 1 } }, {} ],
    [ 2, 'a number that is none', { pins => { pinned => 3, changed => 'x' } }, {} ],
    [ 0, 'approvals', {}, { approvals => { %approvals } } ],
    [ 2, 'approvals in part', {}, { approvals => { pending => 1 } } ],
) {
    my ($code, $name, $policy, $zone, $text) = @$case;

    $upstream->respond(200, body => JSON::PP->new->encode({ schema => 1, policies => [ { %policy, %$policy } ],
                                                            zones => [ { %zone, %$zone } ] }));
    ($status, $out, $err) = run_tool('http://127.0.0.1:' . $t->port(8081) . '/');
    is($status, $code, $name) or diag($err);
    is(join('', $out =~ /^  attention: (.*)$/mg), $text // '', 'says so') if $code != 2;
    is($out, '', 'prints nothing') if $code == 2;
    unlike($out, qr/\e/, 'and nothing for the terminal');
}


# A terminal of its own for the tool.
sub run_terminal {
    my (@args) = @_;

    open(my $master, '+<', '/dev/ptmx') or die "/dev/ptmx: $!";
    my $number = pack('i', 0);
    ioctl($master, 0x40045431, $number) or die "TIOCSPTLCK: $!";
    ioctl($master, 0x80045430, $number) or die "TIOCGPTN: $!";
    my $path = '/dev/pts/' . unpack('i', $number);

    resize($master, 6, 60);

    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        alarm(0);
        POSIX::setsid();
        open(STDIN, '<', $path);
        open(STDOUT, '>', $path);
        open(STDERR, '>', $path);
        close($master);
        $ENV{TERM} = 'xterm';
        delete $ENV{NO_COLOR};
        { exec($tool, 'status', @args) }
        POSIX::_exit(127);
    }

    return { pid => $pid, master => $master, text => '' };
}

sub resize {
    my ($master, $rows, $columns) = @_;
    ioctl($master, 0x5414, pack('S4', $rows, $columns, 0, 0)) or die "TIOCSWINSZ: $!";
}

# What comes until it is as expected; the end of it is an end, too.
sub shown {
    my ($terminal, $expected) = @_;

    while ($terminal->{text} !~ $expected) {
        my $n = sysread($terminal->{master}, $terminal->{text}, 65536, length $terminal->{text});
        last if !$n;
    }

    my $text = $terminal->{text};
    $terminal->{text} = "";
    return $text;
}

sub ended {
    my ($terminal) = @_;
    waitpid($terminal->{pid}, 0);
    return $?;
}

my $open = qr/\e\[\?1049h\e\[\?25l\e\[\?7l/;
my $close = qr/\e\[\?7h\e\[\?25h\e\[\?1049l\z/;

for my $case ([ 'Ctrl-C', 2, sub { syswrite($_[0]{master}, "\x03") } ],
              [ 'an end from outside', 15, sub { kill('TERM', $_[0]{pid}) } ],
              [ 'Ctrl-\\', 3, sub { syswrite($_[0]{master}, "\x1c") } ])
{
    my ($name, $signal, $end) = @$case;

    # so long an interval that nothing comes by time
    my $terminal = run_terminal("$base/status", '--watch=3600', @key);

    my ($text) = shown($terminal, qr/\e\[J/);
    like($text, qr/\A$open\e\[H/, 'another screen, from its corner');
    like($text, qr/\e\[1mpolicy \e\[0mshop/, 'with colours');
    is(scalar(my @lines = $text =~ /\r\n/g), 5, 'as many lines as it has');
    like($text, qr/\r\n\.\.\.\e\[0m\e\[K\e\[J\z/, 'and that there are more');
    unlike($text, qr/zone/, 'that are not shown');

    resize($terminal->{master}, 60, 60);
    ($text) = shown($terminal, qr/zone.*\e\[J/s);
    like($text, qr/\A\e\[H/, 'in a larger one it is written anew');
    like($text, qr/\e\[1mzone \e\[0mdefault/, 'whole');

    if ($signal == 2) {
        kill('TSTP', $terminal->{pid});
        waitpid($terminal->{pid}, POSIX::WUNTRACED());
        like(join('', map { open(my $fh, '<', "/proc/$terminal->{pid}/status"); <$fh> } 1), qr/^State:\s+T/m, 'it stops');
        kill('CONT', $terminal->{pid});
        ($text) = shown($terminal, qr/1049h.*\e\[J/s);
        like($text, qr/1049l$open.*zone/s, 'and goes on, on its own screen');
    }

    $end->($terminal);
    ($text) = shown($terminal, $close);
    like($text, $close, "$name leaves the terminal as it was");
    is(ended($terminal) & 127, $signal, 'and is what ended it');
}

# Seen by whoever looks.
my $terminal = run_terminal("$base/status", '--watch=1', @key);
resize($terminal->{master}, 60, 60);
shown($terminal, qr/search.*\e\[J/s);
$t->post(tool_call('search'));
like((shown($terminal, qr/  4  [^\n]*search/))[0], qr/  4  /, 'what has changed is seen');
$t->write_file('policy.json', '{');
$t->allow_log(qr/left as it was|policy\.json/);
like((shown($terminal, qr/attention/))[0], qr/attention/, 'and what needs attention');
kill('TERM', $terminal->{pid});
ended($terminal);

($status, $out) = run_tool("$base/status", @key);
is($status, 1, 'a policy file with errors is a finding');

$terminal = run_terminal("$base/nowhere", '--watch=1', @key);
my ($text) = shown($terminal, qr/at this URL/);
like($text, qr/1049l.*the answer is not JSON/s, 'an error is told when the terminal is as it was');
is(ended($terminal) >> 8, 2, 'as an error');


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
