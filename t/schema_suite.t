#!/usr/bin/perl

# The JSON Schema Test Suite, draft 2020-12: all that compiles is checked as
# it says, and what does not compile is listed here with the reason.  Left
# out is optional/format alone, where "format" refuses values: here it is an
# annotation, as format.json demands.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use Test::More;

my $top = "$FindBin::Bin/..";
my $build = $ENV{TEST_BUILD} || "$top/build";
my $cases = "$build/unit/schema_cases";
my $suite = "$top/build/suite/draft2020-12";

plan(skip_all => 'make schema-deps has not run')
    unless -x $cases && -d $suite;

# each has an error of its own
my %reasons = (
    embedded => qr/\$id" is supported at the top only/,
    remote => qr/points out of the document/,
    dynamic => qr/dynamic(Ref|Anchor)" is not /,
    unevaluated => qr/unevaluated(Items|Properties)" is not supported/,
    dialect => qr/"\/\$schema" must be/,
    unknown => qr/unknown-keyword" is not a supported keyword/,
    old => qr/"\/dependencies" is not supported/,
    no_schema => qr/points at no schema/
);

# file => reason for all of it, or group => reason
my %refused = (
    'unevaluatedItems.json' => 'unevaluated',
    'unevaluatedProperties.json' => 'unevaluated',
    'dynamicRef.json' => 'dynamic',
    'refRemote.json' => 'remote',
    'vocabulary.json' => 'dialect',
    'optional/cross-draft.json' => 'remote',
    'optional/dependencies-compatibility.json' => 'old',
    'optional/dynamicRef.json' => 'embedded',
    'optional/format-assertion.json' => 'dialect',
    'anchor.json' => {
        'Location-independent identifier with absolute URI' => 'embedded',
        'Location-independent identifier with base URI change in subschema'
            => 'embedded',
        'same $anchor with different base uri' => 'embedded'
    },
    'defs.json' => {
        'validate definition against metaschema' => 'remote'
    },
    'not.json' => {
        'collect annotations inside a \'not\', even if collection is disabled'
            => 'unevaluated'
    },
    'ref.json' => {
        'remote ref, containing refs itself' => 'remote',
        'Recursive references between schemas' => 'embedded',
        'ref creates new scope when adjacent to keywords' => 'unevaluated',
        'refs with relative uris and defs' => 'embedded',
        'relative refs with absolute uris and defs' => 'embedded',
        '$id must be resolved against nearest parent, not just immediate parent'
            => 'embedded',
        'order of evaluation: $id and $ref' => 'embedded',
        'order of evaluation: $id and $anchor and $ref' => 'embedded',
        'URN ref with nested pointer ref' => 'embedded',
        'ref to if' => 'embedded',
        'ref to then' => 'embedded',
        'ref to else' => 'embedded',
        'ref with absolute-path-reference' => 'embedded'
    },
    'optional/id.json' => {
        '$id inside an enum is not a real identifier' => 'embedded'
    },
    'optional/refOfUnknownKeyword.json' => {
        'reference of a root arbitrary keyword ' => 'unknown',
        'reference of an arbitrary keyword of a sub-schema' => 'unknown',
        'reference internals of known non-applicator' => 'no_schema'
    },
    'optional/unknownKeyword.json' => {
        '$id inside an unknown keyword is not a real identifier' => 'embedded'
    }
);

# Groups of files refused as a whole that are refused for something else.
my %other = (
    'An $anchor with the same name as a $dynamicAnchor is not used for dynamic scope resolution' => 'embedded',
    'multiple dynamic paths to the $dynamicRef keyword' => 'embedded',
    'after leaving a dynamic scope, it is not used by a $dynamicRef'
        => 'embedded',
    '$ref to $dynamicRef finds detached $dynamicAnchor' => 'remote',
    '$dynamicRef skips over intermediate resources - direct reference'
        => 'embedded',
    'base URI change' => 'embedded',
    'base URI change - change folder' => 'embedded',
    'base URI change - change folder in subschema' => 'embedded',
    'unevaluatedItems with $dynamicRef' => 'dynamic',
    'unevaluatedProperties with $dynamicRef' => 'dynamic'
);

my $checked = 0;

for my $path (glob("$suite/*.json $suite/optional/*.json")) {
    my ($file) = $path =~ m{^\Q$suite\E/(.*)};
    my $groups = JSON::PP->new->allow_bignum->decode(slurp($path));

    open(my $output, '-|', "'$cases' < '$path'") or die "$cases: $!";
    my @lines = <$output>;
    close($output);

    is($?, 0, "$file: runs");

    check_group($file, $_, \@lines) for @$groups;

    is(scalar @lines, 0, "$file: no more lines");
}

ok($checked > 1000, "$checked values checked");

for my $file (sort grep { ref $refused{$_} } keys %refused) {
    is(join(', ', sort keys %{$refused{$file}}), '',
       "$file: all that is listed is there");
}

done_testing();


sub check_group {
    my ($file, $group, $lines) = @_;

    my $name = "$file: $group->{description}";
    my $reason = reason($file, $group->{description});
    my $line = shift(@$lines) // '';

    if ($reason) {
        like($line, qr/^schema error\t.*$reasons{$reason}/,
             "$name: refused, $reason");
        return;
    }

    is($line, "schema ok\n", "$name: compiles") or return;

    for my $test (@{$group->{tests}}) {
        my ($got) = split(/\s/, shift(@$lines) // '');

        is($got, $test->{valid} ? 'valid' : 'invalid',
           "$name: $test->{description}");
        $checked++;
    }
}


sub reason {
    my ($file, $group) = @_;

    my $reason = $refused{$file} or return;

    return ref $reason ? delete $reason->{$group}
                       : $other{$group} || $reason;
}


sub slurp {
    my ($path) = @_;

    open(my $file, '<:raw', $path) or die "$path: $!";
    local $/;

    return <$file>;
}
