#!/usr/bin/perl

# A short run of every fuzzer that "make test" has built, on inputs that are
# the same each time: "make fuzz" is for those that nobody has seen.

use warnings;
use strict;

use Test::More;

my $dir = $ENV{TEST_FUZZ_BUILD} || 'build/fuzz';
my $seconds = $ENV{TEST_FUZZ_SECONDS} || 7;
my @fuzzers = split(' ', $ENV{TEST_FUZZERS} || '');

plan(skip_all => 'no fuzzers') unless @fuzzers;

for my $name (@fuzzers) {
    my $output = `t/tools/fuzz $dir $name $seconds 1 10000 2>&1`;
    my $status = $?;
    my ($runs) = $output =~ /number_of_executed_units: (\d+)/;

    is($status, 0, "$name: " . ($runs || 0) . ' runs')
        or diag(substr($output =~ s/^(?:INFO: |#\d).*\n//mgr, 0, 4000));
}

done_testing();
