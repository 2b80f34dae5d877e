#!/usr/bin/perl

# A short torture with seeds that are always the same, and the proof that its
# oracle sees what it is there for.  More with "make torture".

use warnings;
use strict;

use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";

plan(skip_all => 'no test build of the module')
    unless $ENV{TEST_NGINX_TEST_BINARY};

for my $command ("$top/t/torture/selftest",
                 "$top/t/torture/run --seed 1 --rounds 6 --short"
                 . ' --seconds 600')
{
    open(my $run, '-|', "$command 2>&1") or die "$command: $!";

    while (my $line = <$run>) {
        chomp($line);

        if ($line =~ /^(not )?ok - (.*)/) {
            ok(!$1, $2);
        } else {
            diag($line) if $line !~ /^# \d/;
        }
    }

    ok(close($run), "$command ends well");
}

done_testing();
