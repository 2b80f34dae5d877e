#!/usr/bin/perl

# The image, built by docker and run as the manifests run it: not root, with
# no rights, on a file system that cannot be written.  It judges calls, takes
# a new policy, says how it is, and leaves when it is told to.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Temp qw/ tempdir /;
use Test::More;
use Time::HiRes qw/ sleep time /;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $dir = tempdir(CLEANUP => 1);
my $image = 'mcp-gateway-test';
my $name = "mcp-gateway-$$";
my @started;


sub docker {
    my (@words) = @_;

    open my $from, '-|', 'sh', '-c', 'exec docker "$@" 2>&1 </dev/null', 'sh',
        @words or die $!;
    local $/;
    my $said = <$from> // '';
    close $from;

    return ($? >> 8, $said);
}


sub does {
    my ($what, @words) = @_;
    my ($status, $said) = docker(@words);

    ok($status == 0, $what) or diag("docker @words\n" . substr($said, -3000));
    return $said;
}


# A container that ends with the test.
sub start {
    my ($which, @options) = @_;

    push @started, "$name-$which";
    does("$which starts", 'run', '-d', '--name', "$name-$which", '--read-only',
         '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt',
         'no-new-privileges', @options, $image);
}


END {
    my $status = $?;
    docker('rm', '-f', $_) for reverse @started;
    $? = $status;
}


sub write_file {
    my ($path, $content) = @_;

    open my $file, '>', "$dir/$path" or die "$path: $!";
    print $file $content;
    close $file or die $!;
    chmod(0644, "$dir/$path");
}


sub wait_until {
    my ($check) = @_;
    my $until = time() + 60;

    until ($check->()) {
        return 0 if time() > $until;
        sleep(0.2);
    }

    return 1;
}


sub inside {
    my ($which, @words) = @_;
    return (docker('exec', "$name-$which", @words))[1];
}


sub call {
    my ($tool, $which) = @_;

    return inside($which || 'gateway', 'curl', '-sS', '-m', '10',
                  '-H', 'Content-Type: application/json',
                  '-H', 'Accept: application/json, text/event-stream', '-d',
                  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
                  . "{\"name\":\"$tool\",\"arguments\":{}}}",
                  'http://127.0.0.1:8080/mcp');
}


# As the kubelet does it: the file is a link, and the directory that it leads
# through is exchanged.
sub policy {
    my ($version, @tools) = @_;

    mkdir("$dir/policy/..$version") or die $!;
    write_file("policy/..$version/policy.json",
               '{"version":"1","default":"deny","tools":{'
               . join(',', map { "\"$_\":{}" } @tools) . '}}');
    symlink("..$version", "$dir/policy/..data_tmp") or die $!;
    rename("$dir/policy/..data_tmp", "$dir/policy/..data") or die $!;
}


my ($status) = docker('version');
BAIL_OUT('docker is needed, and its daemon') if $status != 0;

does('the image is built', 'build', '-q', '-f', "$top/conf/docker/Dockerfile",
     '-t', $image, split(' ', $ENV{TEST_IMAGE_ARGS} || ''), $top);
BAIL_OUT('no image') unless Test::More->builder->is_passing;

chmod(0755, $dir);
mkdir("$dir/policy") or die $!;
policy('1', 'search');
symlink('..data/policy.json', "$dir/policy/policy.json") or die $!;

# A server in the place of the pod's own, on the loopback address they share
write_file('server.conf', <<'CONF');
pid /tmp/nginx.pid;
events { }
http {
    client_body_temp_path /tmp/client_body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    default_type application/json;
    server {
        listen 127.0.0.1:3001;
        location / { return 200 '{"jsonrpc":"2.0","id":1,"result":{}}'; }
    }
}
CONF

start('server', '--network', 'none', '--no-healthcheck',
      '-v', "$dir/server.conf:/etc/nginx/nginx.conf:ro");
start('gateway', '--network', "container:$name-server",
      '-v', "$dir/policy:/etc/nginx/policy:ro");

ok(wait_until(sub {
    (docker('inspect', '-f', '{{.State.Health.Status}}', "$name-gateway"))[1]
        =~ /^healthy/
}), 'healthy') or diag((docker('logs', "$name-gateway"))[1]);

like(call('search'), qr/"result":\{\}/, 'a call that is allowed');
like(call('wipe'), qr/Unknown tool: wipe/, 'a call that is refused');
like((docker('logs', "$name-gateway"))[1],
     qr/^\{"time":.*"tool":"wipe".*"decision":"deny"/m, 'audit lines');
like(inside('gateway', 'grep', '-hE', '^(Uid|CapEff|NoNewPrivs):',
            '/proc/1/status'),
     qr/^Uid:\t101\t101\t101\t101\nCapEff:\t0+\nNoNewPrivs:\t1$/m,
     'not root, without rights');
like(inside('gateway', 'touch', '/etc/nginx/x'), qr/Read-only file system/,
     'cannot be written');
like(inside('gateway', 'mcp-policy', 'check', '/etc/nginx/policy/policy.json'),
     qr/\S/, 'the tool');
like(inside('gateway', 'curl', '-s', 'http://127.0.0.1:8090/status'),
     qr/"policies":/, 'status');
like(inside('gateway', 'curl', '-s', 'http://127.0.0.1:8090/metrics'),
     qr/^mcp_policy_decisions_total\{/m, 'metrics');

policy('2', 'search', 'wipe');
ok(wait_until(sub { call('wipe') =~ /"result":\{\}/ }),
   'a new policy is taken');

# What preStop runs.
does('quit', 'exec', "$name-gateway", 'nginx', '-s', 'quit');
is((docker('wait', "$name-gateway"))[1], "0\n", 'leaves');

start('bare', '--network', "container:$name-server", '--user', '12345:0');
ok(wait_until(sub { call('search', 'bare') =~ /jsonrpc/ }), 'any user will do');
like(call('search', 'bare'), qr/Unknown tool: search/,
     'and without a policy of its own nothing passes');
does('stop', 'stop', '-t', '20', "$name-bare");
is((docker('inspect', '-f', '{{.State.ExitCode}}', "$name-bare"))[1], "0\n",
   'leaves by the signal of the image');

done_testing();
