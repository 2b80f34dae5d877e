#!/usr/bin/perl

# Another checker's opinion: Ajv on the schemas of real servers' tools,
# which all compile, and on schemas and values by chance: others with
# another TEST_SCHEMA_SEED.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

my $top = "$FindBin::Bin/..";
my $build = $ENV{TEST_BUILD} || "$top/build";
my $cases = "$build/unit/schema_cases";
my $node = "$top/t/tools/node";
my $dir = tempdir(CLEANUP => 1);

plan(skip_all => 'make schema-deps has not run')
    unless -x $cases && -e "$top/t/e2e/node_modules/.installed";

my $seed = $ENV{TEST_SCHEMA_SEED} || 1;
my %count;

compare('tools', $dir);
cmp_ok($count{schemas}, '>=', 80, 'schemas of tools');

compare('random', $seed, 200);
cmp_ok($count{$_}, '>=', 300, "values that are $_")
    for qw(valid invalid);

done_testing();


sub compare {
    my (@args) = @_;

    my $name = "$args[0] $args[1]";
    my $path = "$dir/cases.json";

    %count = (schemas => 0, valid => 0, invalid => 0);
    my $status = do {
        local $ENV{ASAN_OPTIONS};
        system("'$node' '$top/t/e2e/schema-cases.mjs' @args > '$path'");
    };

    is($status, 0, "$name: Ajv has judged") or return;

    open(my $output, '-|', "'$cases' < '$path'") or die "$cases: $!";
    my @lines = <$output>;
    close($output);
    is($?, 0, "$name: we have as well");

    open(my $file, '<:raw', $path) or die "$path: $!";
    local $/;
    my $groups = JSON::PP->new->decode(<$file>);

    check_group($name, $_, \@lines) for @$groups;
}


sub check_group {
    my ($name, $group, $lines) = @_;

    my $json = JSON::PP->new->canonical->allow_nonref;
    my $schema = $json->encode($group->{schema});

    is(shift(@$lines), "schema ok\n", "$name: $group->{description}")
        or return diag($schema);

    $count{schemas}++;

    for my $test (@{$group->{tests}}) {
        my $expected = $test->{valid} ? 'valid' : 'invalid';
        my $line = shift(@$lines) // '';

        $count{$expected}++;

        next if $line =~ /^$expected\b/;

        fail("$name: $group->{description}: a value");
        diag("schema $schema\nvalue ", $json->encode($test->{data}),
             "\nexpected $expected, got $line");
    }
}
