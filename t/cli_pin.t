#!/usr/bin/perl

# mcp-policy pin: the file it writes from a server's list, in whatever shape
# that comes, and what it tells of two lists.

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $tool = $ENV{TEST_MCP_POLICY} || "$top/build/mcp-policy";

plan skip_all => "$tool is not built" unless -x $tool;

my $dir = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->utf8->canonical;

sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or return undef;
    local $/;
    return scalar <$file> // '';
}

sub spew {
    my ($name, $text) = @_;

    open my $file, '>:raw', "$dir/$name" or die "$name: $!";
    print $file $text;
    close $file or die "$name: $!";
}

# The tool with something to read; exit status, output, errors.
sub run {
    my ($input, @args) = @_;

    spew('in', $input);
    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        chdir $dir or die $!;
        open STDIN, '<', 'in' or die $!;
        open STDOUT, '>', 'out' or die $!;
        open STDERR, '>', 'err' or die $!;
        exec $tool, @args or die "$tool: $!";
    }

    waitpid $pid, 0;
    my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;

    return ($status, slurp("$dir/out"), slurp("$dir/err"));
}

sub pins {
    my ($input, @args) = @_;
    my ($status, $out, $err) = run($input, 'pin', @args);

    is($status, 0, 'exit status') or diag($err);
    return $status ? {} : $json->decode($out);
}

sub answer { $json->encode({ jsonrpc => '2.0', id => 1, result => $_[0] }) }
sub hash_of { sha256_hex($json->encode($_[0])) }

my %echo = (name => 'echo', description => "Says it\nagain.",
            inputSchema => { type => 'object',
                             properties => { text => { type => 'string' },
                                             n => { maximum => 5 } } });
my %add = (name => 'add', title => "Add \x{e4}", annotations => {
    readOnlyHint => JSON::PP::true });
my %extra = (%echo, icons => [], _meta => { a => 1 });

my $expected = { version => 1, tools => {
    echo => { sha256 => hash_of(\%echo), definition => \%echo },
    add => { sha256 => hash_of(\%add), definition => \%add } } };


# What can be read

my $text = answer({ tools => [ \%extra, \%add ] });
is_deeply(pins($text), $expected, 'an answer');
is_deeply(pins($json->encode({ tools => [ \%echo, \%add ] })), $expected,
          'a result');
is_deeply(pins($json->encode([ \%echo, \%add ])), $expected, 'tools alone');
is_deeply(pins("[$text]"), $expected, 'a batch');
is_deeply(pins(JSON::PP->new->utf8->pretty->encode($json->decode($text))),
          $expected, 'on several lines');
is_deeply(pins(answer({ tools => [ \%echo ], nextCursor => 'x' }) . "\n"
               . answer({ tools => [ \%add, \%echo ] }) . "\n"),
          $expected, 'pages, one tool on both');
is_deeply(pins("event: message\r\nid: 1\r\ndata: " . $text . "\r\n\r\n"),
          $expected, 'an event stream');
is_deeply(pins(": hello\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\n"
               . "data: {\"jsonrpc\":\"2.0\",\ndata: " . substr($text, 1)
               =~ s/"jsonrpc":"2.0",//r . "\n"),
          $expected, 'with other events, without an end');
is_deeply(pins('{"tools":[]}'), { version => 1, tools => {} }, 'no tools');

spew('list.json', $text);
is_deeply(pins('', 'list.json'), $expected, 'from a file');

my ($status, $out, $err) = run($text, 'pin');
is((run($text, 'pin'))[1], $out, 'the same bytes every time');
like($out, qr/^\{\n  "version": 1,\n  "tools": \{\n    "add": \{\n      "sha256": "[0-9a-f]{64}",\n      "definition": \{\n        "annotations": \{\n          "readOnlyHint": true\n        \},\n/,
     'for people to read, in the order of names');

($status, $out, $err) = run($text, 'pin', '-o', 'pins.json');
is_deeply([ $status, $out, $err ], [ 0, '', '' ], '-o');
is_deeply($json->decode(slurp("$dir/pins.json")), $expected, 'the file');

($status, $out, $err) = run(answer({ tools => [ \%echo ],
                                     nextCursor => 'x' }), 'pin');
is($status, 1, 'a list that is not complete');
like($err, qr/the list is not complete, "nextCursor" asks for more/,
     'is told');

# What others read of it

spew('p.conf', <<'CONF');
mcp_policy p {
    mcp_pin pins.json unpinned=hide;
    tool echo { validate on; }
    tool new { }
}
CONF
spew('cases.jsonl', <<'CASES');
{"tool":"echo","arguments":{"n":5},"expect":"allow"}
{"tool":"echo","arguments":{"n":6},"expect":"deny","message":"argument \"n\" of tool \"echo\" must"}
{"tool":"new","expect":"deny","rule":"(pin)","message":"was not reviewed"}
CASES

($status, $out, $err) = run('', 'test', 'p.conf', 'cases.jsonl');
is($status, 0, 'mcp-policy test') or diag($out, $err);
is($out, "3 passed, 0 failed\n", 'its cases');
is((run('', 'check', 'p.conf'))[0], 0, 'mcp-policy check');

spew('q.conf', "mcp_policy q { mcp_pin none.json; tool a { } }\n");
($status, $out) = run('', 'check', 'q.conf');
is($status, 1, 'a missing file');
like($out, qr/q\.conf:1: error: open\(\) "none\.json" failed/, 'is told');

spew('bad.json', qq({"tools": {\n "a": 1}}));
spew('q.conf', "mcp_policy q { mcp_pin bad.json; tool a { } }\n");
($status, $out) = run('', 'check', 'q.conf');
like($out, qr/bad\.json:2:7: error: expected the SHA-256 of tool "a"/,
     'what is wrong with a file, and where');


# Differences

sub differs {
    my ($name, $list, $status, $expected, $file) = @_;

    my @got = run(answer({ tools => $list }), 'pin', '--diff',
                  $file || 'pins.json');
    is($got[0], $status, "$name: exit status") or diag($got[2]);
    is($got[1], $expected, $name);
}

differs('none', [ \%extra, \%add ], 0, "0 changed, 0 added, 0 removed\n");

differs('added and removed', [ \%echo, { name => 'zap' } ], 1, <<'OUT');
- removed add
+ added zap
0 changed, 1 added, 1 removed
OUT

differs('a description', [ \%add, { %echo, description =>
    "Says it\nto everyone\x{200b}.\e[1m" } ], 1, <<'OUT');
~ changed echo
  /description
    - Says it
    - again.
    + Says it
    + to everyone<U+200B>.\x1b[1m
1 changed, 0 added, 0 removed
OUT

differs('a schema', [ \%add, { %echo, inputSchema => {
    type => 'object', required => [ 'text' ],
    properties => { text => { type => [ 'string', 'null' ] },
                    n => { maximum => 50 }, 'a/b~c' => {} } } } ],
    1, <<'OUT');
~ changed echo
  /inputSchema/properties/n/maximum
    - 5
    + 50
  /inputSchema/properties/text/type
    - string
    + ["string","null"]
  /inputSchema/properties/a~1b~0c
    + {}
  /inputSchema/required
    + ["text"]
1 changed, 0 added, 0 removed
OUT

spew('short.json', $json->encode({ echo => hash_of(\%echo),
                                   add => '0' x 64 }));
differs('hashes alone', [ \%add, \%echo ], 1, <<"OUT", 'short.json');
~ changed add
  the pin file has no definition to compare with
  - sha256 ${\ ('0' x 64)}
  + sha256 ${\ hash_of(\%add)}
1 changed, 0 added, 0 removed
OUT


# What cannot be done

sub fails {
    my ($name, $input, $args, $expected) = @_;

    my @got = run($input, 'pin', @$args);
    is($got[0], 2, "$name: exit status");
    is($got[1], '', "$name: no output");
    like($got[2], $expected, $name);
}

fails('not JSON', '{"tools": [}', [],
      qr{^mcp-policy: error: /dev/stdin: not JSON that all read alike: \w+ at byte 11\n$});
fails('no list', '{"result": {}}', [], qr/no answer to tools\/list/);
fails('nothing', '', [], qr/not JSON|no answer/);
fails('an error', '{"jsonrpc":"2.0","id":1,"error":{"code":-1}}', [],
      qr/the server answered with an error/);
fails('no name', '{"tools":[{"title":"x"}]}', [],
      qr/tool 1 of the list has no name/);
fails('no canonical form', '{"tools":[{"name":"x","title":1e999}]}', [],
      qr/tool 1 of the list has no canonical form/);
fails('a name twice', '{"tools":[{"name":"x","name":"y"}]}', [],
      qr/duplicate_key/);
fails('two definitions', '{"tools":[{"name":"x"},{"name":"x","title":""}]}',
      [], qr/a tool is listed twice, with two definitions\n  x\n/);
fails('no such file', '', [ 'none' ], qr/none: No such file/);
fails('a pin file that is none', '[]', [ '--diff', 'bad.json' ],
      qr/bad\.json:2:7: expected the SHA-256/);
fails('two files', '', [ 'a', 'b' ], qr/expected one FILE or --url URL/);
fails('-o and --diff', '', [ '-o', 'x', '--diff', 'y' ],
      qr/--diff writes nothing/);
fails('an output that cannot be', $text, [ '-o', 'none/x' ],
      qr/none\/x: No such file/);

done_testing();
