#!/usr/bin/perl

# The Debian packages: what is in them and what they need, that lintian is
# content, and that building them again elsewhere gives the same bytes.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use Digest::SHA;
use File::Basename qw/ dirname basename /;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{TEST_BUILD} || "$top/build";
my $again = $ENV{TEST_DEB_AGAIN} || "$build/deb-again";
my $nginx = 'libnginx-mod-http-mcp-policy';

my ($version) = slurp("$top/ngx_mcp_policy_module/core/mcp_version.h")
    =~ /^#define MCP_POLICY_VERSION +"(.*)"/m;


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}


sub package_file {
    my ($name, $dir) = @_;
    my @found = glob(($dir || $build) . "/${name}_*.deb");

    is(scalar @found, 1, "$name is built");
    return $found[0];
}


sub field {
    my ($file, $name) = @_;
    my $value = `dpkg-deb -f $file $name`;

    chomp($value);
    return $value;
}


# Path => mode and owner.
sub contents {
    my ($file) = @_;
    my %paths;

    for (`dpkg-deb -c $file`) {
        my ($mode, $owner, undef, undef, undef, $path) = split(' ');
        $paths{$path =~ s/^\.//r} = "$mode $owner";
    }

    return \%paths;
}


my $module = package_file($nginx);
my $tool = package_file('mcp-policy');
my $files = contents($module);
my $doc = "/usr/share/doc/$nginx";

for my $file ($module, $tool) {
    like(field($file, 'Version'), qr/^\Q$version\E-\d/, 'version');
}

like(field($module, 'Depends'), qr/\bnginx-abi-[\d.]+-\d+\b/,
     'the module needs the nginx that it was built for');

for my $path ('/usr/lib/nginx/modules/ngx_http_mcp_policy_module.so',
              '/usr/share/nginx/modules-available/mod-http-mcp-policy.conf',
              "/etc/logrotate.d/$nginx",
              "$doc/examples/nginx.conf",
              map { "$doc/examples/policies/" . basename($_) }
                  glob("$top/conf/policies/*"))
{
    is($files->{$path}, '-rw-r--r-- root/root', $path);
}

for my $path (map { "$doc/" . basename($_) } glob("$top/docs/*.md")) {
    ok($files->{$path} || $files->{"$path.gz"}, $path);
}

# Nothing but its own places.
is_deeply([ grep { !m{^(/(etc|usr)?/?$|/etc/logrotate\.d/|/usr/share/?$
                      |/usr/lib/(nginx/(modules/)?)?
                       (ngx_http_mcp_policy_module\.so)?$
                      |/usr/share/(nginx|doc|lintian)/)}x }
                sort keys %$files ], [], 'nothing else');

$files = contents($tool);

is($files->{'/usr/bin/mcp-policy'}, '-rwxr-xr-x root/root', 'the tool');
is($files->{$_}, '-rw-r--r-- root/root', $_)
    for '/usr/share/man/man1/mcp-policy.1.gz',
        '/usr/share/bash-completion/completions/mcp-policy';

my ($changes) = glob("$build/deb/*.changes");
my $said = `lintian --fail-on error,warning --display-level '>=warning' \\
    --allow-root --no-tag-display-limit $changes 2>&1`;

is($? >> 8, 0, 'lintian') or diag($said);

# Every override says why.
for my $path (glob("$top/conf/debian/*lintian-overrides")) {
    my @lines = split(/\n/, slurp($path));
    my @bare = grep { $lines[$_] !~ /^#/
                      && ($_ == 0 || $lines[$_ - 1] !~ /^#/) } 0 .. $#lines;

    is_deeply([ @lines[@bare] ], [], basename($path) . ' gives reasons');
}

my $digest = sub { Digest::SHA->new(256)->addfile($_[0])->hexdigest() };

for my $name ($nginx, "$nginx-dbgsym", 'mcp-policy', 'mcp-policy-dbgsym') {
    is($digest->(package_file($name, $again)),
       $digest->(package_file($name)), "$name: reproducible");
}

done_testing();
