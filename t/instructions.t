#!/usr/bin/perl

# Instructions per decision do not grow.  They are counted, not timed, so one
# run tells; they belong to a compiler and a C library, so with others than
# the baseline has they are compared with a yardstick of the same run.

use warnings;
use strict;

use JSON::PP;
use Test::More;

my $binary = ($ENV{TEST_BUILD} || 'build') . '/bench/bench_decision';

# What a sanitizer adds is not what is measured, and valgrind cannot run it.
plan(skip_all => 'instructions are counted without sanitizers')
    if $ENV{TEST_SANITIZE};

my $exact = 1.05;
my $relative = 1.25;
my $yardstick = 'yardstick';

open my $file, '<', 't/bench/instructions.json' or die $!;
my $baselines = decode_json(do { local $/; <$file> });
my $output = `t/bench/count $binary`;

is($?, 0, 'instructions are counted') or BAIL_OUT('valgrind does not run');

my $counted = decode_json($output);
my $now = $counted->{instructions};
my ($same) = grep { same($_) } @$baselines;
my $baseline = $same || $baselines->[0];
my $then = $baseline->{instructions};

is_deeply([sort keys %$now], [sort keys %$then],
          'cases are those of the baseline');

# The yardstick and the compiler say whether counts mean the same.
my $scale = $same ? 1 : $now->{$yardstick} / $then->{$yardstick};
my $bound = $same ? $exact : $relative;

diag("no baseline of $counted->{compiler}, $counted->{flags}, "
     . "$counted->{libc}, $counted->{machine}: compared with that of "
     . "$baseline->{compiler} by the yardstick, within "
     . sprintf('%.0f %%', ($bound - 1) * 100))
    unless $same;

for my $name (sort keys %$then) {
    my $change = ($now->{$name} || 0) / ($then->{$name} * $scale);

    cmp_ok($change, '<=', $bound,
           sprintf('%s: %d instructions, %+.1f %%', $name, $now->{$name} || 0,
                   ($change - 1) * 100));

    diag("$name: fewer than the baseline has; \"make baseline\" keeps that")
        if $same && $change < 2 - $exact;
}

# A policy of ten thousand tools costs what one of a single tool does.
my ($one, $many) = @$now{'evaluate, 1 tool', 'evaluate, 10000 tools'};

cmp_ok($many / $one, '<=', 1.02, "evaluate: $one instructions for one tool, "
                                 . "$many for ten thousand");

done_testing();


sub same {
    my ($known) = @_;

    return !grep { $known->{$_} ne $counted->{$_} }
                 qw/ compiler flags libc machine /;
}
