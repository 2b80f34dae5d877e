#!/usr/bin/perl

# The packages on a clean Debian in a directory: installed by apt, the module
# decides calls and the tool checks policies; a new version takes the place of
# an old one; removed, nginx goes on; purged, nothing is left.  Needs root, for
# the directory becomes a system of its own.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname basename /;
use IPC::Open2;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{TEST_BUILD} || "$top/build";
my $base = $ENV{TEST_DEB_BASE} || "$build/debian-bookworm";
my $root = "$base.test";
my $module = 'libnginx-mod-http-mcp-policy';
my ($shell_in, $shell_out, $shell);
my $stop = 'kill -QUIT $(cat /run/nginx.pid) '
    . '&& while [ -e /run/nginx.pid ]; do sleep 0.1; done';
my $capabilities = join(',', map { '+' . lc }
    map { /CAP_(\w+)/g } grep { /^CapabilityBoundingSet=/ }
    do {
        open my $file, '<', "$top/conf/systemd/hardening.conf" or die $!;
        <$file>;
    });

BAIL_OUT('a clean Debian in a directory needs root') if $> != 0;


# One shell inside for all commands: what they start stays alive until the
# test ends, and then ends, too.
sub enter {
    my $script = <<'SH';
set -e
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" /usr/bin/env -i -C /root HOME=/root TERM=dumb \
    LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash
SH

    $shell = open2($shell_out, $shell_in, 'unshare', '-m', '-p', '-f',
                   '--kill-child', 'bash', '-c', $script, 'bash', $root);
}


sub inside {
    my ($command) = @_;
    my $said = '';

    write_inside('/root/step', "$command\n");
    print $shell_in 'timeout 100 bash step </dev/null 2>&1; '
        . "printf '\\n-- end %d\\n' \$?\n";
    $shell_in->flush();

    while (my $line = <$shell_out>) {
        if (my ($status) = $line =~ /^-- end (\d+)$/) {
            return ($status, $said =~ s/\n\z//r);
        }

        $said .= $line;
    }

    return (-1, $said);
}


sub does {
    my ($command, $what, $pattern) = @_;
    my ($status, $said) = inside($command);

    my $good = ok($status == 0 && $said =~ ($pattern || qr//), $what);
    diag("$command\nexit $status\n" . substr($said, -2000)) unless $good;
}


sub write_inside {
    my ($path, $content) = @_;

    open my $file, '>', "$root$path" or die "$path: $!";
    print $file $content;
    close $file or die "$path: $!";
}


system('rm', '-rf', '--one-file-system', $root) == 0 or die;
system('cp', '-a', $base, $root) == 0 or die;
system('cp', '-L', '/etc/resolv.conf', '/etc/hosts', "$root/etc") == 0 or die;

# No service starts by itself: nginx would want a port of this machine.
write_inside('/usr/sbin/policy-rc.d', "#!/bin/sh\nexit 101\n");
chmod(0755, "$root/usr/sbin/policy-rc.d");
mkdir("$root/root/$_") for qw/ debs before /;

# What is here, and the same as a version before it.
for my $name ($module, 'mcp-policy') {
    my @files = glob("$build/${name}_*.deb");
    is(scalar @files, 1, "$name is built");
    system('cp', @files, "$root/root/debs") == 0 or die;

    my $dir = "$root/root/before/$name";
    system('dpkg-deb', '-R', $files[0], $dir) == 0 or die;
    system('sed', '-i', 's/^Version: .*/Version: 0.0.1-1/',
           "$dir/DEBIAN/control") == 0 or die;
    system('dpkg-deb', '--root-owner-group', '-b', $dir, "$dir.deb") == 0
        or die;
}

enter();

does('apt-get -qq update', 'apt-get update');
does('command -v nginx; test $? -ne 0', 'no nginx before');
does('apt-get -qq install -y ./before/*.deb', 'apt install');
does('readlink -e /etc/nginx/modules-enabled/50-mod-http-mcp-policy.conf',
     'enabled', qr{^/usr/share/nginx/modules-available/});
does('nginx -t', 'nginx -t', qr/test is successful/);
does('mcp-policy --version', 'the tool runs');

my $examples = "/usr/share/doc/$module/examples";

does("mcp-policy check $_", 'checks ' . basename($_))
    for map { "$examples/policies/" . basename($_) }
        glob("$top/conf/policies/*");

# The example as it stands, but for what the package has done already, and
# for ports, of which this machine may have others in use.
{
    open my $file, '<', "$root$examples/nginx.conf" or die $!;
    local $/;
    my $conf = <$file>;

    $conf =~ s{^load_module .*}{include /etc/nginx/modules-enabled/*.conf;}m;
    $conf =~ s{listen 127\.0\.0\.1:8080}{listen unix:/run/gateway};
    $conf =~ s{server 127\.0\.0\.1:3001}{server unix:/run/server};
    $conf =~ s<^http \{><$&
    mcp_audit_log /var/log/nginx/mcp-audit.log;

    server {
        listen unix:/run/server;
        default_type application/json;
        location / { return 200 '{"jsonrpc":"2.0","id":1,"result":{}}'; }
    }
>m;

    write_inside('/etc/nginx/nginx.conf', $conf);
}

does('nginx -t', 'nginx -t with it', qr/test is successful/);
# As conf/systemd/hardening.conf has it.
does('setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,'
     . "$capabilities nginx", 'nginx starts with few rights');
does('grep -h ^CapBnd: /proc/$(cat /run/nginx.pid)/status', 'not with all',
     qr/^CapBnd:\t0{12}04e3$/);

write_inside('/root/call', <<'PERL');
use IO::Socket::UNIX;

my $body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    . '{"name":"' . $ARGV[0] . '","arguments":{}}}';
my $socket = IO::Socket::UNIX->new(Peer => '/run/gateway') or die $!;
print $socket "POST /mcp HTTP/1.0\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\n"
    . "Accept: application/json, text/event-stream\r\n"
    . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
print <$socket>;
PERL

does('perl call echo', 'a call that is allowed', qr/"result":\{\}\}$/);
does('perl call get-env', 'a call that is refused',
     qr/\[POLICY DENIED\] the environment of the server is not for agents/);
does('nginx -s reopen; cat /var/log/nginx/mcp-audit.log', 'audit log',
     qr/"tool":"echo".*"decision":"allow".*"tool":"get-env".*"deny"/s);

write_inside('/root/reload', <<'SH');
workers() {
    grep -lsP "^PPid:\t$(cat /run/nginx.pid)$" /proc/[0-9]*/status
}

old=$(workers | sort)
nginx -s reload
while [ "$(workers | sort | comm -12 - <(echo "$old"))" ]; do
    sleep 0.1
done
SH

does('bash reload', 'reload');
does('perl call echo', 'then it allows', qr/"result":\{\}\}$/);
does('perl call get-env', 'and refuses', qr/POLICY DENIED/);


# Debian's own file for nginx names the same directory.
does('apt-get -qq install -y logrotate', 'logrotate');
does('logrotate -d /etc/logrotate.conf 2>&1 | tee logrotate; '
     . '! grep -i error: logrotate', 'logrotate has no complaint',
     qr{ /var/log/nginx/mcp-audit\.log\n.* /var/log/nginx/error\.log\n}s);

does('apt-get -qq install -y ./debs/*.deb', 'a new version');
does("dpkg-query -W -f '\${Version} \${db:Status-Status}' $module",
     'is installed', qr/^(?!0\.0\.1)[\d.]+-\d+ installed$/);
does('nginx -t', 'nginx -t with it', qr/test is successful/);
does('test -L /etc/nginx/modules-enabled/50-mod-http-mcp-policy.conf',
     'still enabled');
does('perl call get-env', 'what runs decides as before', qr/POLICY DENIED/);
does("$stop && rm -f /run/gateway /run/server && nginx", 'a restart');
does('perl call echo', 'allows', qr/"result":\{\}\}$/);
does('perl call get-env', 'and refuses', qr/POLICY DENIED/);
does("dpkg -i debs/$module*.deb", 'installed over itself');
does('perl call get-env', 'decides as before', qr/POLICY DENIED/);

# An administrator who forgets the configuration loses nothing at once.
does("apt-get -qq remove -y $module", 'removed');
does('perl call get-env', 'what runs goes on', qr/POLICY DENIED/);
does('! nginx -t', 'the directives are unknown', qr/unknown directive "mcp_/);
does($stop, 'nginx stops');
does('printf "%s\n" "include /etc/nginx/modules-enabled/*.conf;" '
     . '"events { }" "http { server { listen unix:/run/gateway; '
     . 'location / { return 200 plain; } } }" >/etc/nginx/nginx.conf',
     'another configuration');
does('nginx -t && rm -f /run/gateway && nginx', 'nginx without the module');
does('perl call echo', 'answers', qr/^plain$/m);

does('apt-get -qq install -y ./debs/libnginx*.deb && nginx -t',
     'installed again', qr/test is successful/);
does('test -L /etc/nginx/modules-enabled/50-mod-http-mcp-policy.conf',
     'and enabled');
does("apt-get -qq purge -y $module mcp-policy", 'purged');
does('nginx -t && perl call echo', 'nginx goes on', qr/^plain$/m);
does('rm -r debs before /var/log/nginx/mcp-audit.log*; '
     . 'find / -xdev \( -path /proc -o -path /dev -o -path /tmp \) -prune '
     . '-o \( -iname "*mcp*policy*" -o -iname "*mcp*audit*" \) -print '
     . '>left; cat left; test ! -s left', 'nothing is left');
does('find /etc/nginx -xtype l >left; cat left; test ! -s left',
     'no link to nowhere');
does('dpkg --audit', 'dpkg is content');
inside('kill -QUIT $(cat /run/nginx.pid)');

close($shell_in);
waitpid($shell, 0);
system('rm', '-rf', '--one-file-system', $root);

done_testing();
