#!/usr/bin/perl

# Canonical forms against an independent implementation, other texts in every
# run.  The seed is told, so that a failure can be repeated.

use warnings;
use strict;

use Test::More;

use File::Temp;

use MCPTest::Clients;

plan(skip_all => 'make e2e-deps has not run')
    unless -e 't/e2e/node_modules/.installed';

my $seed = $ENV{TEST_SEED} // int(rand(2 ** 31));
my $vectors = File::Temp->new;

my $node = node();

is(system("$node t/e2e/canonical.mjs $seed 20000 > $vectors"), 0,
   "vectors of seed $seed");

my $output = `$ENV{TEST_BUILD}/unit/test_canonical $vectors`;

is($?, 0, 'the same canonical forms') or diag("seed $seed\n$output");

done_testing();
