#!/usr/bin/perl

# Policies in JSON and YAML: what each dialect decides, by the cases in
# t/cases/files, and what the tool says of files that are wrong, by
# t/cases/files/errors.txt.  Every message is in docs/policy-files.md, and
# every message there has a file that gives it.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $tool = $ENV{MCP_POLICY_BIN} || $ENV{TEST_MCP_POLICY}
    || "$top/build/mcp-policy";

plan skip_all => "$tool is not built" unless -x $tool;

my $dir = tempdir(CLEANUP => 1);
chdir $dir or die "$dir: $!";

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

    open my $file, '>:raw', $name or die "$name: $!";
    print $file $text;
    close $file or die "$name: $!";
}


# The findings of a file as errors.txt writes them, and the exit status.
sub check
{
    my ($name, $options) = @_;

    my $output = `$tool check $options $name 2>&1`;
    my @lines = split /\n/, $output;

    like(pop @lines, qr/^1 policy: \d+ errors?, \d+ warnings?$/,
         "$name: count");

    for my $line (@lines) {
        $line =~ s/^(?:\Q$name\E|pins_\w+\.json):(\d+:\d+): (error|warning): /$2 $1: /
            or $line = "not a finding: $line";
    }

    return (join('', map { "$_\n" } @lines), $? >> 8);
}


# Cases of each dialect.

for my $cases (sort glob "$top/t/cases/files/*.jsonl") {
    my ($policy) = grep { !/\.jsonl$/ } glob($cases =~ s/jsonl$/*/r);
    my $count = () = slurp($cases) =~ /^\{/mg;

    my $output = `$tool test $policy $cases 2>&1`;

    is($?, 0, basename($cases)) or diag($output);
    like($output, qr/^$count passed, 0 failed$/m,
         basename($cases) . ' all passed');
}


# Errors and warnings.

my @errors;

for my $part (split /^=== /m,
              slurp("$top/t/cases/files/errors.txt") =~ s/^#.*\n//mgr)
{
    my ($name, $rest) = $part =~ /^(\S+)\n(.*)/s or next;

    my ($text, $expected) = $rest =~ /^(.*?)^>>>\n(.*)\z/ms
        or die "$name: no expectation";

    push @errors, [$name, $text, $expected =~ s/\n+\z/\n/r];
}

push @errors,
    ['utf8.json', "{ \"version\": \"\xff\" }",
     "error 1:15: invalid UTF-8 at byte 14\n"],

    ['large.json', '{' . ' ' x (16 * 1024 * 1024) . '}',
     "error 1:1: the file is larger than 16 MiB\n"],

    ['deep.json', '[' x 65 . ']' x 65,
     "error 1:65: JSON nested too deep at byte 64\n"],

    ['deep.yaml', '[' x 65 . ']' x 65,
     "error 1:65: nested deeper than 64 levels\n"],

    ['laughs.yaml',
     "a0: &a0 x\n"
     . join('', map { my $n = $_ - 1;
                      "a$_: &a$_ [" . join(', ', ("*a$n") x 10) . "]\n"
                } 1 .. 9),
     "error 7:45: more than 1000000 values, aliases included\n"],

    ['many.json',
     '{"version": "1", "default": "deny", "tools": {"a": {"limits": ['
     . join(',', map { qq({"counter":"c$_","window":"day","max":1}) }
                 1 .. 101)
     . ']}}}',
     "error 1:63: more than 100 limits of tool \"a\"\n"],

    ['counters_many.yaml',
     qq(version: "1"\ntools:\n  a:\n    rules:\n)
     . join('', map { qq(      - {name: r$_, conditions: )
                      . qq([{path: state.a.c$_, op: lte, value: 1}], )
                      . qq(state: {counter: c$_, window: day}}\n) }
                1 .. 1001),
     "error 1005:86: more than 1000 counters in tool \"a\"\n"];

# A pin file beside the policy, which says what tools require.

sub pins
{
    my ($name, %definitions) = @_;

    # the hash of a definition in canonical form
    my $canonical = JSON::PP->new->canonical;

    spew($name, $canonical->encode({
        version => 1,
        tools => {
            map {
                my $definition = $definitions{$_};
                my $hash = sha256_hex(ref $definition
                                      ? $canonical->encode($definition) : $_);
                $_ => ref $definition
                      ? { sha256 => $hash, definition => $definition }
                      : { sha256 => $hash };
            } keys %definitions
        }
    }));
}


sub definition
{
    my ($name, $schema) = @_;

    return { name => $name, inputSchema => $schema };
}


pins('pins_two.json',
     run => definition('run', { type => 'object',
                                required => ['command', 'in'] }),
     free => definition('free', { type => 'object' }),
     hash => undef);

pins('pins_none.json');

pins('pins_bad.json', run => definition('run', { required => JSON::PP::true }));

my $validated = <<'YAML';
version: "1"
default: allow
tools:
  run: {rules: [{action: allow, validate: {required_args: true}}]}
  free: {rules: [{action: allow, validate: {required_args: true}}]}
  hash: {rules: [{action: allow, validate: {required_args: true}}]}
  none: {rules: [{action: allow, validate: {required_args: true}}]}
  "*": {rules: [{action: allow, validate: {required_args: true}}]}
YAML

my $unchecked = 'is not checked: the definition of the tool is not pinned';

push @errors,
    ['pins.yaml', $validated,
     qq(warning 6:60: "required_args" of rule 1 of tool "hash" $unchecked\n)
     . qq(warning 7:60: "required_args" of rule 1 of tool "none" $unchecked\n)
     . qq(warning 8:59: "required_args" of rule 1 of tool "*" is checked only )
     . qq(for tools whose definition is pinned\n),
     '--pin pins_two.json'],

    ['pins_hide.yaml', $validated =~ s/^  hash.*\n//mr =~ s/^  "\*".*\n//mr,
     '', '--pin pins_two.json --unpinned=hide'],

    ['pins_none.yaml', qq(version: "1"\ndefault: allow\n),
     qq(warning 1:1: pin file "pins_none.json" pins no tool\n),
     '--pin=pins_none.json'],

    ['pins_bad.yaml', qq(version: "1"\ndefault: deny\ntools: {run: {validate: )
                      . qq({required_args: true}}}\n),
     qr/^error 1:\d+: the inputSchema of tool "run" does not say what is required: .*required.*\n$/,
     '--pin pins_bad.json'];

for my $error (@errors) {
    my ($name, $text, $expected, $options) = @$error;

    spew($name, $text);

    my ($got, $status) = check($name, $options // '');

    if (ref $expected) {
        like($got, $expected, "$name: findings");
        is($status, 1, "$name: exit status");
        $error->[2] = $got;
        next;
    }

    is($got, $expected, "$name: findings");
    is($status, $expected =~ /^error/m ? 1 : 0, "$name: exit status");
}


# What required_args does with pins.

sub cases
{
    my ($policy, $options, @cases) = @_;

    my $count = @cases;
    spew('cases.jsonl', join('', map { "$_\n" } @cases));

    my $output = `$tool test $options $policy cases.jsonl 2>&1`;

    like($output, qr/^$count passed, 0 failed$/m, "$policy $options: cases")
        or diag($output);
}


my $missing = '"rule":"run","expect":"deny","message":"argument \\"in\\" of tool \\"run\\" is required';

cases('pins.yaml', '--pin pins_two.json',
      '{"tool":"run","arguments":{"command":1,"in":null},"expect":"allow"}',
      qq({"tool":"run","arguments":{"command":1},$missing"}),
      '{"tool":"run","expect":"deny","message":"\"command\""}',
      '{"tool":"free","expect":"allow"}',
      '{"tool":"hash","expect":"allow"}',
      '{"tool":"none","expect":"allow"}',
      '{"tool":"other","expect":"allow"}');

cases('pins.yaml', '--pin pins_two.json --unpinned=hide',
      qq({"tool":"run","arguments":{"command":1},$missing"}),
      '{"tool":"hash","expect":"allow"}',
      '{"tool":"none","expect":"deny","rule":"(pin)"}',
      '{"tool":"other","expect":"deny","rule":"(pin)"}');

cases('pins.yaml', '', '{"tool":"run","expect":"allow"}');

spew('star.yaml', qq(version: "1"\ntools: {"*": {rules: [{name: all, )
                  . qq(action: allow, validate: {required_args: true}, )
                  . qq(on_deny: Say where.}]}}\n));

cases('star.yaml', '--pin pins_two.json',
      '{"tool":"run","arguments":{"command":1},"expect":"deny","message":"\"in\"","rule":"all"}',
      '{"tool":"run","arguments":{"command":1,"in":2},"expect":"allow"}',
      '{"tool":"hash","expect":"allow"}',
      '{"tool":"other","expect":"allow"}');

spew('approve.yaml', qq(version: "1"\ntools: {run: {rules: [{name: ask, )
                     . qq(action: require_approval, conditions: [{path: )
                     . qq(args.n, op: gt, value: 5}], )
                     . qq(validate: {required_args: true}}]}}\n));

cases('approve.yaml', '--pin pins_two.json',
      '{"tool":"run","arguments":{"n":1,"command":1},"expect":"deny","rule":"ask"}',
      '{"tool":"run","arguments":{"n":1,"command":1,"in":1},"expect":"allow"}',
      '{"tool":"run","arguments":{"n":9,"command":1,"in":1},"expect":"approve"}');

spew('short.json', '{"version":"1","default":"deny","tools":{'
                   . '"run":{"rate_limit":{"max":1,"window":60},"reason":"Slow down.",'
                   . '"validate":{"required_args":true}},'
                   . '"free":{"reason":"Not so.","validate":{"required_args":true}}}}');

cases('short.json', '--pin pins_two.json',
      '{"tool":"run","arguments":{"in":1},"expect":"deny","rule":"/tools/run/validate","message":"\"command\""}',
      '{"tool":"run","arguments":{"in":1,"command":1},"expect":"allow"}',
      '{"tool":"run","arguments":{"in":1,"command":1},"expect":"limit","message":"Slow down.","rule":"/tools/run/rate_limit"}',
      '{"tool":"free","expect":"allow"}');

for my $wrong (
    ['--pin missing.json pins.yaml', qr/missing\.json: No such file/],
    ['--unpinned=hide pins.yaml', qr/--unpinned needs --pin/],
    ['--pin pins_two.json --unpinned=no pins.yaml', qr/invalid value "no" of --unpinned/],
    ['--pin pins_two.json no.conf', qr/--pin is for policies in \.json and \.yaml/],
) {
    my ($arguments, $expected) = @$wrong;

    spew('no.conf', "mcp_policy a { }\n");

    my $output = `$tool check $arguments 2>&1`;

    is($? >> 8, 2, "check $arguments: exit status");
    like($output, $expected, "check $arguments: message");
}


# The table of messages in the documentation.

my @rows;

for my $line (split /\n/, slurp("$top/docs/policy-files.md")) {
    next unless $line =~ /^\| (error|warning) \| `(.*?)` \|/;

    my ($kind, $message) = ($1, $2);

    # words in capitals stand for what differs
    my $pattern = join '', map { /^[A-Z]{1,}$/ && !/^(?:MiB|JSON|YAML|RE)$/
                                 ? '.+' : quotemeta }
                           split /\b/, $message;

    push @rows, { kind => $kind, message => $message,
                  pattern => qr/^$kind \d+:\d+: $pattern$/, used => 0 };
}

cmp_ok(scalar @rows, '>', 50, 'messages in docs/policy-files.md');

for my $line (map { split /\n/, $_->[2] } @errors) {
    my @match = grep { $line =~ $_->{pattern} } @rows;

    $_->{used}++ for @match;

    ok(scalar @match, "documented: $line");
}

for my $row (@rows) {
    ok($row->{used}, "tested: $row->{message}");
}

done_testing();
