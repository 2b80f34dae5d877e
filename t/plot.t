#!/usr/bin/perl

# The plot of what "make bench" has measured: well-formed, a bar for each row,
# and nothing else of the results in it.

use warnings;
use strict;

use File::Temp qw/ tempdir /;
use FindBin;
use JSON::PP;
use Test::More;

my $dir = tempdir(CLEANUP => 1);

for my $unit (qw/ instructions microseconds /) {
    my $svg = plot($unit);

    is(system('python3', '-c', 'import sys, xml.dom.minidom as dom; '
              . 'dom.parse(sys.argv[1])', "$dir/plot.svg"), 0,
       "$unit: well-formed");
    is(() = $svg =~ /<rect x=/g, 5, "$unit: a bar for each row");
    like($svg, qr/20 &#60;b&#62; list/, "$unit: names are text");
    like($svg, qr/\(\+0\.0\).*\(\+2\.\d\)/s, "$unit: what is added");
    unlike($svg, qr/35968|HASH|ARRAY/, "$unit: memory is no row");
}

like(plot('microseconds'), qr/microseconds of CPU/, 'the unit of times');
like(plot('instructions'), qr/thousand instructions/, 'and that of counts');

done_testing();


# Medians of three rounds: 10, 12 and 40.
sub plot {
    my ($unit) = @_;

    my $scale = $unit eq 'instructions' ? 1000 : 1;
    my %row = map {
        my $value = $_;
        ($value => [ map { { cpu_us => $_ * $scale } }
                     $value, $value + 3, $value - 3 ])
    } 10, 12, 40;

    my %results = (
        unit => $unit, memory => { requests => 1, before_kb => 35968 },
        bases => { '300 string allow' => 'bare', '20 <b> list' => 'bare' },
        rows => {
            '300 string allow' => { bare => $row{10}, lua => $row{40},
                                    'module-100' => $row{12} },
            '20 <b> list' => { bare => $row{10}, 'list-all' => $row{12} },
        },
    );

    open my $file, '>', "$dir/results.json" or die "results.json: $!\n";
    print $file JSON::PP->new->encode(\%results);
    close $file;

    my $svg = `'$FindBin::Bin/bench/plot' $dir/results.json 2>&1`;
    is($?, 0, "$unit: plotted") or diag($svg);

    open $file, '>', "$dir/plot.svg" or die "plot.svg: $!\n";
    print $file $svg;
    close $file;

    return $svg;
}
