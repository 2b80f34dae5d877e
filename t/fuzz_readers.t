#!/usr/bin/perl

# The tokenizer and the view of messages beside the parsers that servers have:
# the committed texts, and some thousand that are made of them, always the
# same.  A reader that reads otherwise, or is not what it says, is found out.

use warnings;
use strict;

use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Test::More;

my $dir = $ENV{TEST_FUZZ_BUILD} || 'build/fuzz';
my $fuzzer = "$dir/readers";
my $corpus = 't/fuzz/corpus/readers';
my $mutants = 16;

plan(skip_all => 'no fuzzers') unless -x $fuzzer;

my $temp = tempdir(CLEANUP => 1);
my %commands = map { /^(\S+) (.*)/ ? ($1 => $2) : () }
    split(/\n/, `t/tools/readers $dir/../readers $dir/../python`);

sub run {
    my ($readers, @args) = @_;

    local $ENV{FUZZ_READERS} = join("\n", map { "$_->[0] $_->[1]" }
                                    @$readers);

    my $pid = open(my $out, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        exec($fuzzer, "-artifact_prefix=$temp/", '-timeout=60',
             '-rss_limit_mb=2048', @args) or die "$fuzzer: $!";
    }

    local $/;
    my $output = <$out>;
    close($out);

    return ($?, $output);
}

sub text {
    my ($content) = @_;
    my $path = "$temp/text";

    open(my $file, '>', $path) or die "$path: $!";
    print $file $content;
    close($file);

    return $path;
}

for my $name (qw(node json jiter sdk1 sdk2)) {
    ok($commands{$name}, "$name is asked");
}

for my $name (qw(go serde)) {
    SKIP: {
        skip("$name: its compiler is not here", 1) unless $commands{$name};
        pass("$name is asked");
    }
}

my @all = map { [$_, $commands{$_}] } sort keys %commands;
my @seeds = glob("$corpus/*");

my ($status, $output) = run(\@all, '-runs=0', $corpus);
is($status, 0, 'committed texts') or diag(substr($output, 0, 2000));

for my $name (sort keys %commands) {
    my ($texts) = $output =~ /^stat::texts_$name: (\d+)/m;
    cmp_ok($texts || 0, '>', @seeds / 2, "$name has read most of them");
}

{
    local $ENV{FUZZ_MUTANTS} = $mutants;

    ($status, $output) = run(\@all, '-runs=0', $corpus);
    is($status, 0, 'texts made of them') or diag(substr($output, 0, 2000));

    my ($texts) = $output =~ /^stat::texts_node: (\d+)/m;
    cmp_ok($texts || 0, '>', @seeds * $mutants / 2, "$texts that we accept");
}

# What is said of one reader does not hold for another.
my @lies = (
    ['json', 'node', '[9007199254740993]', 'integers that were rounded'],
    ['node', 'json', '{"a":1}', 'integers where there are none'],
    ['jiter', 'json', '["\ud800"]', 'a surrogate that was to be refused'],
    ['json', 'jiter', '["\ud800"]', 'a text that was to be read'],
    ['sdk2', 'sdk1', '{"jsonrpc":"2.0","id":1,"method":"tools/call",'
     . '"params":{"name":"a","arguments":{"n":1e999}}}', 'null for a number'],
    ['json', 'cat', '{}', 'no answers'],
);

for my $lie (@lies) {
    my ($name, $real, $content, $what) = @$lie;
    my $path = text($content);

    ($status, $output) = run([[$name, $commands{$real} || $real]], $path);
    isnt($status, 0, "$what: found");

    next unless $commands{$real};

    like($output, qr/^$name differs, text left in \Q$temp\E/m,
         "$what: told");

    ($status, $output) = run([[$real, $commands{$real}]], $path);
    is($status, 0, "$what: as it should be")
        or diag(substr($output, 0, 2000));
}

done_testing();
