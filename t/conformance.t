#!/usr/bin/perl

# The official conformance suites see no difference between a server and the
# same server behind the gateway, check by check, with a policy that allows
# everything.

use warnings;
use strict;

use JSON::PP;
use MCPTest;
use MCPTest::Clients;

my $t = clients(policy => 'default allow;');

start_conformance($t);

my $direct = 'http://127.0.0.1:' . $t->port(8081) . '/mcp';
my $gateway = 'http://127.0.0.1:' . $t->port(8080) . '/fixture/mcp';

for my $run (
    [ '0.1', '2025-11-25', '--suite', 'all' ],
    [ '0.2', '2025-11-25', '--spec-version', '2025-11-25', '--suite', 'all' ],
    [ '0.2', '2026-07-28', '--spec-version', '2026-07-28', '--suite', 'all' ],
) {
    my ($version, $revision, @options) = @$run;
    my $title = "suite $version, $revision";

    # The two do not meet: each server keeps its own sessions.
    my %expected = suite($version, "$version-$revision-direct",
                         $direct, @options);
    my %got = suite($version, "$version-$revision-gateway",
                    $gateway, @options);

    my $passed = grep { /SUCCESS/ } map { @$_ } values %expected;
    ok($passed > 20, "$title: $passed checks succeed without the gateway");

    for my $scenario (sort keys %expected) {
        is(differences($got{$scenario}, $expected{$scenario}), '',
           "$title: $scenario");
    }

    is(join(' ', sort keys %got), join(' ', sort keys %expected),
       "$title: the same scenarios");
}

done_testing();


sub differences {
    my ($got, $expected) = @_;

    my $most = @{$got || []} > @$expected ? @$got : @$expected;

    return join("\n", map {
        my ($ours, $theirs) = ($got->[$_] // 'none', $expected->[$_] // 'none');
        $ours eq $theirs ? () : "$ours, without the gateway $theirs"
    } 0 .. $most - 1);
}


# Scenario => what each of its checks said.
sub suite {
    my ($version, $name, $url, @options) = @_;

    my $out = $t->dir . "/$name";

    system(node() . ' ' . conformance($version) . " server --url $url "
           . "@options -o $out >$out.log 2>&1");

    my %scenarios;

    for my $path (glob("$out/*/checks.json")) {
        my ($scenario) = $path =~ m{/(?:server-)?([^/]+?)-\d{4}-[^/]*/checks};

        open(my $file, '<', $path) or die "$path: $!";
        local $/;

        $scenarios{$scenario} = [
            map { "$_->{id} $_->{status}" } @{decode_json(scalar <$file>)}
        ];
    }

    diag($t->log("$name.log")) unless %scenarios;
    return %scenarios;
}
