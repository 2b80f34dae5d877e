#!/usr/bin/perl

# conf/systemd/hardening.conf: systemd has nothing to say against it beside
# Debian's nginx.service, and finds little left that it would expose.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Copy;
use File::Temp qw/ tempdir /;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $dir = tempdir(CLEANUP => 1);
my $unit = '/lib/systemd/system/nginx.service';

sub exposure {
    my $said = `systemd-analyze security --offline=yes nginx.service 2>&1`;
    return $said =~ /exposure level for nginx\.service: ([\d.]+)/ ? $1 : $said;
}

copy($unit, $dir) or die "$unit: $!";

# Nothing but these, and the units that systemd itself brings.
$ENV{SYSTEMD_UNIT_PATH} = "$dir:/lib/systemd/system";

my $before = exposure();

mkdir("$dir/nginx.service.d");
copy("$top/conf/systemd/hardening.conf", "$dir/nginx.service.d") or die $!;

my $said = `systemd-analyze verify --man=no nginx.service 2>&1`;

is($? >> 8, 0, 'verified');
is(join("\n", grep { /hardening/ } split(/\n/, $said)), '', 'no complaint');
like($before, qr/^9\.\d$/, 'what Debian leaves open');
cmp_ok(exposure(), '<=', 3, 'what this leaves open');

done_testing();
