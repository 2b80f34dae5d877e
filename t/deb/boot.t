#!/usr/bin/perl

# conf/systemd/hardening.conf under a systemd that runs: a clean Debian in a
# directory with the packages is booted, and nginx.service starts, judges,
# reloads and restarts with the few rights that are left.  Needs root.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Copy;
use File::Path qw/ make_path /;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{TEST_BUILD} || "$top/build";
my $base = $ENV{TEST_DEB_BASE} || "$build/debian-bookworm";
my $root = "$base.boot";

BAIL_OUT('a clean Debian in a directory needs root') if $> != 0;


sub write_inside {
    my ($path, $content, $mode) = @_;

    make_path(dirname("$root$path"));
    open my $file, '>', "$root$path" or die "$path: $!";
    print $file $content;
    close $file or die "$path: $!";
    chmod($mode || 0644, "$root$path");
}


sub remove {
    system('rm', '-rf', '--one-file-system', $root) == 0 or die;
}


remove();
system('cp', '-a', $base, $root) == 0 or die;
system('cp', '-L', '/etc/resolv.conf', '/etc/hosts', "$root/etc") == 0 or die;
system('cp', glob("$build/libnginx-mod-http-mcp-policy_*.deb"),
       "$root/root") == 0 or die;

# Nothing starts before it is booted.
write_inside('/usr/sbin/policy-rc.d', "#!/bin/sh\nexit 101\n", 0755);
write_inside('/root/install', <<'SH');
apt-get -qq update && apt-get -qq install -y --no-install-recommends \
    curl dbus nginx procps systemd systemd-sysv ./*.deb
SH

my $inside = <<'SH';
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" /usr/bin/env -i -C /root HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh install
SH

my $said = do {
    open my $from, '-|', 'unshare', '-m', '-p', '-f', '--kill-child', 'bash',
        '-c', "exec 2>&1 </dev/null\nset -e\n$inside", 'bash', $root or die $!;
    local $/;
    <$from>;
};

ok(-x "$root/usr/sbin/nginx" && -x "$root/lib/systemd/systemd", 'installed')
    or BAIL_OUT($said);
unlink("$root/usr/sbin/policy-rc.d");

make_path("$root/etc/systemd/system/nginx.service.d");
copy("$top/conf/systemd/hardening.conf",
     "$root/etc/systemd/system/nginx.service.d") or die $!;

write_inside('/etc/nginx/conf.d/policy.conf', <<'CONF');
mcp_zone default:8m state=/var/lib/nginx/mcp/counters;
mcp_audit_log /var/log/nginx/mcp-audit.log;

mcp_policy shop {
    tool search { limit 2/day; }
    tool refund { arg amount regex "^[0-9]{1,2}$"; }
}

server {
    listen 127.0.0.1:3001;
    default_type application/json;
    location / { return 200 '{"jsonrpc":"2.0","id":1,"result":{}}'; }
}

server {
    listen 127.0.0.1:8080;
    location /mcp {
        mcp_enforce shop;
        client_body_buffer_size 1k;
        proxy_pass http://127.0.0.1:3001;
    }
}
CONF

# Each answer under the name of what was asked.
write_inside('/root/check', <<'SH', 0755);
#!/bin/bash
exec >/root/said 2>&1

call() {
    curl -s -m 10 -H 'Content-Type: application/json' \
        -H 'Accept: application/json, text/event-stream' -d @- \
        http://127.0.0.1:8080/mcp <<END
{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"$1",
"arguments":{$2}}}
END
}

ask() {
    printf '\n== %s\n' "$1"
    shift
    "$@"
}

main() { systemctl show -P MainPID nginx; }

# Until those who served before have gone.
reload() {
    workers=$(pgrep -P "$(main)" | sort)
    systemctl reload nginx
    while [ "$(pgrep -P "$(main)" | sort | comm -12 - <(echo "$workers"))" ]
    do
        sleep 0.1
    done
}

ask active systemctl is-active nginx
ask rights grep -hE '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' "/proc/$(main)/status"
ask home ls /proc/$(main)/root/root
ask allowed call search
ask refused call refund '"amount":"100"'
ask regex call refund '"amount":"10"'
ask large call refund "\"amount\":\"10\",\"why\":\"$(head -c 50000 /dev/zero | tr '\0' x)\""
ask reload reload
ask second call search
ask third call search
ask restart systemctl restart nginx
ask again call search
ask audit grep -c '"tool":"search"' /var/log/nginx/mcp-audit.log
ask state stat -c '%U %a' /var/lib/nginx/mcp /var/lib/nginx/mcp/counters
ask journal journalctl -q -u nginx -p warning --no-pager
ask end
systemctl poweroff
SH

write_inside('/etc/systemd/system/check.service', <<'UNIT');
[Unit]
After=nginx.service
[Service]
Type=oneshot
ExecStart=/root/check
UNIT

make_path("$root/etc/systemd/system/multi-user.target.wants");
symlink('../check.service',
        "$root/etc/systemd/system/multi-user.target.wants/check.service")
    or die $!;

# Where systemd is not what this system runs on, nobody keeps a list.
my @alone = -d '/run/systemd/system' ? () : qw/ --register=no --keep-unit /;

my $console = do {
    open my $from, '-|', 'timeout', '-k', '10', '200', 'sh', '-c',
        'exec "$@" 2>&1 </dev/null', 'sh', 'systemd-nspawn', '-q', '--boot',
        @alone, '--private-network', '--machine', "mcp-policy-$$", '-D', $root
        or die $!;
    local $/;
    <$from>;
};

my %said = do {
    open my $file, '<', "$root/root/said" or BAIL_OUT($console);
    local $/;
    <$file> =~ /^== (\w+)\n(.*?)(?=\n== |\z)/gms;
};

ok(exists $said{end}, 'booted, and to the end') or diag($console);
is($said{active}, "active\n", 'nginx.service is active');
like($said{rights}, qr/^CapEff:\t0{12}04e3\nCapBnd:\t0{12}04e3\nNoNewPrivs:\t1\nSeccomp:\t2\n/,
     'with few rights');
unlike($said{home}, qr/check/, 'without home directories');
like($said{allowed}, qr/"result":\{\}/, 'a call that is allowed');
like($said{refused}, qr/POLICY DENIED/, 'a call that is refused');
like($said{regex}, qr/"result":\{\}/, 'regular expressions are compiled');
like($said{large}, qr/"result":\{\}/, 'a body that goes to a file');
is($said{reload}, '', 'reload');
like($said{second}, qr/"result":\{\}/, 'the second of two');
like($said{third}, qr/2 calls per day/, 'the limit');
is($said{restart}, '', 'restart');
like($said{again}, qr/2 calls per day/, 'the limit outlives it');
is($said{audit}, "4\n", 'audit log');
is($said{state}, "www-data 700\nwww-data 600\n", 'state');
is($said{journal}, '', 'no warning');

remove();
done_testing();
