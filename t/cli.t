#!/usr/bin/perl

# The tool: its exit codes and messages, and every pair of files in t/cases.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $tool = $ENV{MCP_POLICY_BIN} || $ENV{TEST_MCP_POLICY}
    || "$top/build/mcp-policy";

plan skip_all => "$tool is not built" unless -x $tool;

my $dir = tempdir(CLEANUP => 1);

# Runs the tool in $dir; returns exit status, standard output and error.
sub run
{
    my @args = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        chdir $dir or die "$dir: $!";
        open STDIN, '<', '/dev/null' or die $!;
        open STDOUT, '>', '.out' or die $!;
        open STDERR, '>', '.err' or die $!;
        exec $tool, @args or die "$tool: $!";
    }

    waitpid $pid, 0;

    my $status = $? & 127 ? "signal " . ($? & 127) : $? >> 8;

    return ($status, slurp("$dir/.out"), slurp("$dir/.err"));
}


sub slurp
{
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;

    return scalar <$file> // '';
}


sub spew
{
    my ($name, $text) = @_;

    open my $file, '>:raw', "$dir/$name" or die "$name: $!";
    print $file $text;
    close $file or die "$name: $!";
}


# A run is (arguments, status, standard output, standard error); a text is
# compared, a pattern matched.
sub runs
{
    my ($name, $args, $status, $out, $err) = @_;

    my @got = run(@$args);

    subtest $name => sub {
        is($got[0], $status, 'exit status');
        ref $out ? like($got[1], $out, 'output') : is($got[1], $out, 'output');
        ref $err ? like($got[2], $err, 'errors') : is($got[2], $err, 'errors');
    };
}


sub check
{
    my ($name, $text, $status, $out) = @_;

    spew('p.conf', $text);
    runs($name, ['check', 'p.conf'], $status, $out, '');
}


sub test
{
    my ($name, $cases, $status, $out, $err) = @_;

    spew('c.jsonl', $cases);
    runs($name, ['test', 't.conf', 'c.jsonl'], $status, $out, $err // '');
}


# usage

runs('no command', [], 2, '', qr/^usage: mcp-policy COMMAND/);
runs('--help', ['--help'], 0, qr/^usage: .*check.*test/s, '');
runs('--version', ['--version'], 0, qr/^mcp-policy \d+\.\d+\.\d+\n\z/, '');
runs('unknown command', ['chekc'], 2, '', qr/unknown command "chekc"/);
runs('check --help', ['check', '--help'], 0, qr/^usage: mcp-policy check /,
     '');
runs('test --help', ['test', '--help'], 0, qr/^usage: mcp-policy test /, '');
runs('check without a file', ['check'], 2, '', qr/no file given\nusage: /);
runs('test without cases', ['test', 'x.conf'], 2, '',
     qr/expected a policy and a file of cases\nusage: /);
runs('unknown option', ['check', '--fix', 'x.conf'], 2, '',
     qr/unknown option "--fix"\nusage: /);
runs('option without value', ['test', 'a', 'b', '--policy'], 2, '',
     qr/option "--policy" needs a value\nusage: /);
runs('option with a value too many', ['check', '--help=x'], 2, '',
     qr/option "--help" takes no value/);
runs('no such file', ['check', 'nowhere.conf'], 2, '',
     "mcp-policy: error: nowhere.conf: No such file or directory\n");
runs('a directory', ['check', '.'], 2, '', qr/\.: Is a directory/);

for my $name ('p.json', 'p.yaml', 'p.yml') {
    runs("no $name", ['check', $name], 2, '',
         "mcp-policy: error: $name: No such file or directory\n");
}


# check

check('a good policy', <<'CONF', 0, "1 policy: 0 errors, 0 warnings\n");
mcp_policy p {
    default deny;
    tool a { }
}
CONF

check('several policies', <<'CONF', 0, "2 policies: 0 errors, 0 warnings\n");
mcp_policy p { default deny; tool a { } }
mcp_policy q { default deny; tool a { } }
CONF

my $five = qr/\A
    p\.conf:2:\ error:\ [^\n]*"maybe"[^\n]*\n
    p\.conf:3:\ error:\ [^\n]*"limit"[^\n]*\n
    p\.conf:4:\ error:\ [^\n]*"frob"[^\n]*\n
    p\.conf:5:\ error:\ [^\n]*"tol"[^\n]*\n
    p\.conf:8:\ error:\ [^\n]*"nonsense"[^\n]*\n
    1\ policy:\ 5\ errors,\ 0\ warnings\n\z/x;

check('all errors at once', <<'CONF', 1, $five);
mcp_policy p {
    default maybe;
    tool a { limit 0/minute; }
    tool b { arg x frob 1; }
    tol c { deny; unknown; nested { deeper { } } }
    tool d
    {
        nonsense;
    }
}
CONF

check('warnings alone are good', <<'CONF', 0,
mcp_policy p {
    hide admin_*;
    tool read { }
    tool admin_x { }
}
CONF
      qr/\Ap\.conf:4: warning: .*"tool admin_x".*\n1 policy: 0 errors, 1 w/);

check('syntax: end of file', "mcp_policy p {\n    default deny;\n", 1,
      <<'OUT');
p.conf:3: error: unexpected end of file, expecting "}"
1 policy: 1 error, 0 warnings
OUT

check('syntax: end of file in a directive', "mcp_policy p {\n  default", 1,
      <<'OUT');
p.conf:2: error: unexpected end of file, expecting ";" or "}"
1 policy: 1 error, 0 warnings
OUT

check('syntax: a missing ";"', "mcp_policy p {\n  default deny\n}\n", 1,
      qr/^p\.conf:3: error: unexpected "}"\n/);
check('syntax: a "}" too many', "mcp_policy p { default allow; }\n}\n", 1,
      qr/^p\.conf:2: error: unexpected "}"\n/m);
check('syntax: text behind a quote', "mcp_policy p { tool \"a\"b { } }", 1,
      qr/^p\.conf:1: error: unexpected "b"\n/);
check('no policy', "events { }\n", 1,
      qr/^p\.conf:1: error: the file defines no policy/);
check('an empty file', '', 1,
      qr/^p\.conf:1: error: the file defines no policy/);
check('two policies of one name', <<'CONF', 1,
mcp_policy p { default allow; }
mcp_policy p { default deny; }
CONF
      qr/^p\.conf:2: error: duplicate policy "p", the first is at p\.conf:1\n/m
      );
check('a policy without a name', "mcp_policy { }", 1,
      qr/invalid number of arguments in "mcp_policy" directive/);
check('a policy without a block', "mcp_policy p;", 1,
      qr/directive "mcp_policy" has no opening "\{"/);
check('a policy in a server', <<'CONF', 1,
http {
    server {
        mcp_policy p { }
    }
}
CONF
      qr/^p\.conf:3: error: "mcp_policy" directive is not allowed here\n/m);
check('an invalid variable name', <<'CONF', 1,
mcp_policy p {
    tool a { require $ eq x; }
    tool b { require ${b eq x; }
}
CONF
      qr/^p\.conf:2:.*invalid\ variable\ name\n
         p\.conf:3:.*closing\ bracket\ in\ "b"\ variable\ is\ missing\n/mx);

spew('good.conf', "mcp_policy p { default allow; tool a { deny; } }\n");
spew('bad.conf', "mcp_policy p { default allow; tool a { bad; } }\n");

runs('the worst file decides: errors', ['check', 'good.conf', 'bad.conf'], 1,
     qr/^bad\.conf:1: error: .*^2 policies: 1 error, 0 warnings\n\z/ms, '');
runs('the worst file decides: a missing one',
     ['check', 'nowhere.conf', 'bad.conf', 'good.conf'], 2,
     qr/^2 policies: 1 error, 0 warnings\n\z/m, qr/nowhere\.conf/);
runs('a file with a name like an option', ['check', '--', '--help'], 2, '',
     qr/--help: No such file/);


# a whole nginx.conf, with what else may stand there

mkdir "$dir/conf.d";
mkdir "$dir/elsewhere";
spew('conf.d/one.conf', "mcp_policy one { default allow; tool a { deny; } }\n"
                        . "server { listen 81; }\n");
spew('conf.d/two.conf', "mcp_policy two { include tools.inc; }\n");
spew('tools.inc', "tool a { }\ntool b { deny; }\n");
spew('elsewhere/tools.inc', "tool a { deny; }\n");
spew('nginx.conf', <<'CONF');
user  nobody;   # mcp_policy comment {
load_module "modules/ngx_http_mcp_policy_module.so";
events { worker_connections  64; }

http {
    include       conf.d/*.conf;
    include       nothing/*.conf;
    include       mime.types;
    log_format    x '$remote_addr "mcp_policy quoted {"';
    map $uri $name { default "}"; "~^/(?<n>.{3})$" ${n}; }

    mcp_policy three {
        default deny;
        tool a { arg path regex "^/data/[a-z]{1,3};$"; }
    }

    server {
        listen 80;
        if ($uri = "/x") { return 403; }
        location / {
            content_by_lua_block {
                local s = "}" -- }
                local l = [==[ } ]] ]==] --[[ }
                ]]
                if s then ngx.say('\'}') end
                local t = { { } }
            }
            mcp_enforce one;
            proxy_pass http://${name}.example;
        }
    }
}
CONF

runs('a whole nginx.conf', ['check', 'nginx.conf'], 0, <<'OUT', '');
nginx.conf:8: warning: open() "mime.types" failed (2: No such file or directory), skipped
3 policies: 0 errors, 1 warning
OUT

spew('c.jsonl', qq({"tool":"a","expect":"deny"}\n));

for (['one', 0], ['two', 1], ['three', 0]) {
    my ($policy, $status) = @$_;

    runs("--policy $policy",
         ['test', '--policy', $policy, 'nginx.conf', 'c.jsonl'], $status,
         qr/^\d passed, \d failed\n\z/m, qr/warning: /);
}

runs('--policy=NAME', ['test', 'nginx.conf', '--policy=one', 'c.jsonl'], 0,
     "1 passed, 0 failed\n", qr/warning: /);
runs('no choice among several', ['test', 'nginx.conf', 'c.jsonl'], 2, '',
     qr/choose a policy with --policy:\n  one\n  two\n  three\n/);
runs('no policy of that name',
     ['test', '--policy=four', 'nginx.conf', 'c.jsonl'], 2, '',
     qr/there is no policy "four", but:\n  one\n  two\n  three\n/);

spew('include.conf', "mcp_policy p { include tools.inc; }\n");
runs('relative includes are beside the file',
     ['test', 'include.conf', 'c.jsonl'], 1, qr/\n0 passed, 1 failed\n\z/, '');
runs('or where --prefix says',
     ['test', '--prefix', 'elsewhere', 'include.conf', 'c.jsonl'], 0,
     "1 passed, 0 failed\n", qr/^include\.conf:1: warning: |^\z/);

check('an include that is missing in a policy', <<'CONF', 1, <<'OUT');
mcp_policy p {
    include nowhere.inc;
}
CONF
p.conf:2: error: open() "nowhere.inc" failed (2: No such file or directory)
1 policy: 1 error, 0 warnings
OUT

spew('broken.inc', "tool a { }\n}\n");
check('a block ends in its file', "mcp_policy p {\n include broken.inc;\n}\n",
      1, qr/^broken\.inc:2: error: unexpected "}"\n/);
spew('open.inc', "tool a {\n");
check('and begins there', "mcp_policy p {\n include open.inc;\n } }\n", 1,
      qr/^open\.inc:2: error: unexpected end of file, expecting "}"\n/);
check('include without an end', "include p.conf;\n", 1,
      qr/^p\.conf:1: error: "include" is nested too deep\n/);
check('include of two files', "include a b;\n", 1,
      qr/invalid number of arguments in "include" directive/);


# test

spew('t.conf', <<'CONF');
mcp_policy t {
    default deny;
    hide secret;
    tool a { arg x eq 1; message "x\tmust be 1"; }
    tool b { limit 1/minute; message "slow down"; }
    tool c { rule soft { dry_run on; deny; } }
}
CONF

test('passed', <<'JSONL', 0, "3 passed, 0 failed\n");
# a comment

{"tool":"a","arguments":{"x":1},"expect":"allow"}
  {"tool":"a","expect":"deny"}
{"tool":"a","arguments":{"x":2},"expect":"deny","rule":"a"}
JSONL

test('no cases', '', 0, "0 passed, 0 failed\n");
test('no newline at the end', '{"tool":"a","expect":"deny"}', 0,
     "1 passed, 0 failed\n");
test('lines that end with CR LF', qq({"tool":"a","expect":"deny"}\r\n\r\n), 0,
     "1 passed, 0 failed\n");

test('mismatches', <<'JSONL', 1, <<'OUT');
{"tool":"a","arguments":{"x":1},"expect":"deny"}
{"tool":"a","expect":"allow"}
{"tool":"secret","expect":"allow"}
{"body":"{","expect":"allow"}
{"tool":"b","expect":"allow"}
{"tool":"b","expect":"deny"}
{"tool":"a","expect":"deny","rule":"other"}
{"tool":"a","expect":"deny","message":"nothing of the kind"}
{"tool":"a","expect":"allow","rule":"other"}
{"tool":"a","expect":"invalid"}
{"tool":"a","expect":"deny","message":"must be 1","rule":"a"}
JSONL
c.jsonl:1: expected deny, got allow
c.jsonl:2: expected allow, got deny (rule "a", reason condition): [POLICY DENIED] x\x09must be 1
c.jsonl:3: expected allow, got deny (rule "(hidden)", reason hidden): Unknown tool: secret
c.jsonl:4: expected allow, got invalid (reason bad_json): The body is not valid JSON: truncated at byte 1
c.jsonl:6: expected deny, got limit (rule "b", reason rate_limited): [POLICY DENIED] slow down
c.jsonl:7: expected rule "other", got "a"
c.jsonl:8: expected message "nothing of the kind", got "[POLICY DENIED] x\x09must be 1"
c.jsonl:9: expected allow, got deny (rule "a", reason condition): [POLICY DENIED] x\x09must be 1
c.jsonl:9: expected rule "other", got "a"
c.jsonl:10: expected invalid, got deny (rule "a", reason condition): [POLICY DENIED] x\x09must be 1
2 passed, 9 failed
OUT

test('dry run', qq({"tool":"c","expect":"allow","rule":"soft"}\n), 0, <<'OUT');
c.jsonl:1: dry run: would have been deny (rule "soft", reason denied)
1 passed, 0 failed
OUT

my $good = '"tool":"a","expect":"deny"';

for (['{', 'the case is not valid JSON: truncated at column 2'],
     ['[]', 'the case is not a JSON object'],
     ["{$good,$good}",
      'the case is ambiguous JSON: duplicate_key at column 30'],
     ["{$good,\"expected\":1}", 'unknown field "expected"'],
     ['{"expect":"deny"}', 'the case has neither "tool" nor "body"'],
     ['{"tool":"a"}', 'the case has no "expect"'],
     ['{"tool":"a","expect":"denied"}',
      'invalid "expect", it must be "allow", "deny", "limit", "approve" or '
      . '"invalid"'],
     ['{"tool":5,"expect":"deny"}', '"tool" must be a string'],
     ['{"body":{},"expect":"deny"}', '"body" must be a string'],
     ['{"body":"{}","arguments":{},"expect":"deny"}',
      'the case has both "arguments" and "body"'],
     ["{$good,\"vars\":[]}", '"vars" must be an object'],
     ["{$good,\"vars\":{\"role\":1}}",
      '"role" in "vars" must be a string without U+0000 and unpaired '
      . 'surrogates'],
     ["{$good,\"headers\":{\"A\":\"\\ud800\"}}",
      '"A" in "headers" must be a string without U+0000 and unpaired '
      . 'surrogates'],
     ["{$good,\"grant\":\"\\u0000\"}",
      '"grant" contains U+0000 or an unpaired surrogate'],
     ["{$good,\"upstream\":\"down\"}",
      'invalid "upstream", it must be "ok", "error", "tool_error" or '
      . '"unreachable"'])
{
    my ($case, $error) = @$_;

    test("case $case", "{$good}\n$case\n", 2, '',
         "c.jsonl:2: error: $error\n");
}

for my $at ('2026-01-15', '2026-01-15T10:30:00', '2026-02-29T00:00:00Z',
            '2026-13-01T00:00:00Z', '2026-01-15T24:00:00Z',
            '2026-01-15T10:60:00Z', '2026-01-15T10:30:60Z',
            '2026-01-15T10:30:00.Z', '2026-01-15T10:30:00+1:00',
            '2026-01-15T10:30:00+24:00', '2026-01-15T10:30:00Zx',
            '1969-12-31T23:59:59Z', '26-01-15T10:30:00Z', '')
{
    test("at \"$at\"", "{$good,\"at\":\"$at\"}\n", 2, '',
         "c.jsonl:1: error: invalid \"at\", it must be a time such as "
         . "\"2026-01-15T10:30:00Z\"\n");
}

# each is the first moment of its minute, or the last one
test('times', <<'JSONL', 0, "10 passed, 0 failed\n");
{"tool":"b","at":"2000-02-29T12:00:00Z","expect":"allow"}
{"tool":"b","at":"2000-02-29t12:00:59.9999999z","expect":"limit"}
{"tool":"b","at":"2000-02-29T12:01:00.0Z","expect":"allow"}
{"tool":"b","at":"2000-02-29T13:31:59+01:30","expect":"limit"}
{"tool":"b","at":"2000-02-29T11:02:00-01:00","expect":"allow"}
{"tool":"b","at":"2016-12-31T23:59:60Z","expect":"allow"}
{"tool":"b","at":"2017-01-01T00:00:59Z","expect":"limit"}
{"tool":"b","at":"2017-01-01T00:59:60+01:00","expect":"limit"}
{"tool":"b","at":"2024-03-01 00:00:00Z","expect":"allow"}
{"tool":"b","at":"2100-02-28T23:59:59Z","expect":"allow"}
JSONL

runs('cases that are missing', ['test', 't.conf', 'nowhere.jsonl'], 2, '',
     "mcp-policy: error: nowhere.jsonl: No such file or directory\n");
runs('a policy that does not load', ['test', 'bad.conf', 'c.jsonl'], 2, '',
     qr/^bad\.conf:1: error: .*^mcp-policy: .* policy does not load\n\z/ms);
runs('a policy that is missing', ['test', 'nowhere.conf', 'c.jsonl'], 2, '',
     qr/nowhere\.conf: No such file or directory/);


# the cases that document the rules

for my $conf (sort glob "$top/t/cases/*.conf") {
    my $cases = $conf =~ s/\.conf$/.jsonl/r;
    my $name = basename($conf, '.conf');

    my ($status, $out) = run('check', $conf);
    is($status, 0, "cases: $name loads") or diag $out;

    ($status, $out) = run('test', $conf, $cases);
    is($status, 0, "cases: $name") or diag $out;
    like($out, qr/^[1-9]\d* passed, 0 failed\n\z/m, "cases: $name are there");
}

done_testing();
