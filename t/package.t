#!/usr/bin/perl

# What the Debian packages are built from; "make test-deb" builds and installs
# them.  The changelog is one that Debian's tools read, every file that is to
# be packaged exists, and what "make" needs is what the packages are built
# with.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname basename /;
use File::Find;
use File::Temp qw/ tempdir /;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $dir = tempdir(CLEANUP => 1);
my $name = 'libnginx-mod-http-mcp-policy';


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}


my ($version) = slurp("$top/ngx_mcp_policy_module/core/mcp_version.h")
    =~ /^#define MCP_POLICY_VERSION +"(.*)"/m;

chdir($top) or die "$top: $!";
$ENV{SOURCE_DATE_EPOCH} = 1700000000;
is(system('t/tools/deb', $dir, 'source'), 0, 'the source tree');

my $tree = "$dir/deb/$name-$version";
my $log = `dpkg-parsechangelog -l $tree/debian/changelog 2>&1`;

is($?, 0, 'the changelog is read') or diag($log);
like($log, qr/^Source: \Q$name\E$/m, 'its package');
like($log, qr/^Version: \Q$version\E-1$/m, 'its version');
like($log, qr/^Date: Tue, 14 Nov 2023 22:13:20 \+0000$/m,
     'its date is given, not found');
like($log, qr/^   \* \w+: /m, 'it says what is new');
is_deeply([ grep { /^ {2}/ && length > 78 } split(/\n/, slurp("$tree/debian/changelog")) ],
          [], 'in lines that fit');

my @other;

find(sub { push @other, $_ if (lstat($_))[9] != $ENV{SOURCE_DATE_EPOCH} },
     $tree);
is_deeply(\@other, [], 'no file has a time of its own');

ok(!-e "$tree/conf/debian", 'there is one "debian"');
ok(!-e "$tree/build", 'and nothing that was built');

for my $list (glob("$top/conf/debian/*.{docs,examples,manpages}")) {
    for my $path (split(/\n/, slurp($list))) {
        my @found = glob("$tree/$path");
        ok(@found && !grep({ !-e } @found), basename($list) . ": $path");
    }
}

my $control = slurp("$tree/debian/control");
my ($needs) = $control =~ /^Build-Depends: (.*?)\n(?! )/ms;
my ($libraries) = slurp("$top/t/tools/deps") =~ /^libraries='\n(.*?)'/ms;

unlike($control, qr/\@[A-Z]/, 'nothing is left to fill in');
like($needs, qr/(?:^|, *|\n) *\Q$_\E(?:,|$)/, "built with $_")
    for split(' ', $libraries), 'nginx-dev';

done_testing();
