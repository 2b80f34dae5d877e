#!/usr/bin/perl

# Policies in JSON and YAML: what each dialect decides, by the cases in
# t/cases/files, and what the tool says of files that are wrong, by
# t/cases/files/errors.txt.  Every message is in docs/policy-files.md, and
# every message there has a file that gives it.

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
    my ($name) = @_;

    my $output = `$tool check $name 2>&1`;
    my @lines = split /\n/, $output;

    like(pop @lines, qr/^1 policy: \d+ errors?, \d+ warnings?$/,
         "$name: count");

    for my $line (@lines) {
        $line =~ s/^\Q$name\E:(\d+:\d+): (error|warning): /$2 $1: /
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

for my $error (@errors) {
    my ($name, $text, $expected) = @$error;

    spew($name, $text);

    my ($got, $status) = check($name);

    is($got, $expected, "$name: findings");
    is($status, $expected =~ /^error/m ? 1 : 0, "$name: exit status");
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
