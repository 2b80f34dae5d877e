#!/usr/bin/perl

# conf/docker: hadolint has nothing to say about the Dockerfile, everything
# that it copies exists and is let through, and it installs what is linked.
# The configuration of the image is tested with the manifests.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ basename dirname /;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $bin = $ENV{TEST_MANIFESTS} || "$top/build/manifests/bin/python";
my $file = "$top/conf/docker/Dockerfile";
my $lint = dirname($bin) . '/hadolint';


sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}


my $said = `$lint --no-color $file 2>&1`;
is("$? $said", '0 ', 'hadolint');

my $docker = slurp($file) =~ s/\\\n\s*/ /gr;
my @allowed = slurp("$file.dockerignore") =~ /^!(\S+)$/mg;
my @copied = map { my @words = split(' '); @words[0 .. $#words - 1] }
    $docker =~ /^COPY (?!--from)(.*)$/mg;

cmp_ok(scalar @copied, '>=', 5, 'files are copied');

for my $path (@copied) {
    ok(-e "$top/$path", "$path exists");
    ok(scalar(grep { $path eq $_ || index($path, "$_/") == 0 } @allowed),
       "$path is let through");
}

# Everything that nginx's configure reads.
is_deeply([ sort grep { /^config/ } @copied ],
          [ sort map { basename($_) } glob("$top/config*") ],
          'the configuration of the build is complete');

# What make needs to be there is what the image is built with.
my ($libraries) = slurp("$top/t/tools/deps") =~ /^libraries='\n(.*?)'/ms;

like($docker, qr/ \Q$_\E(?: |$)/m, "built with $_") for split(' ', $libraries);

my ($last) = $docker =~ /.*^FROM (.*)/ms;

like($last, qr/^USER [1-9]\d*$/m, 'not as root');
like($last, qr/^HEALTHCHECK /m, 'tells how it is');
unlike($last, qr/\b(?:gcc|make|\S+-dev) /, 'without what it was built with');

done_testing();
