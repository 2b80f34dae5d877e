#!/usr/bin/perl

# mcp_approval_notify: what a configuration may say, with the message for
# what it may not, and https with its certificates.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $t = MCPTest->new(timeout => 120)->has('http_ssl');

eval { require IO::Socket::SSL::Utils; 1 }
    or plan(skip_all => 'no IO::Socket::SSL to make certificates with');

my $dir = $t->dir();

$t->write_file('secret', 'x' x 32 . "\n");
$t->write_file('short', 'x' x 15 . "\r\n");
$t->write_file('shortest', 'x' x 16 . "\r\n");
$t->write_file('long', 'x' x 4097);
$t->write_file('empty', '');
$t->write_file('not.pem', "no certificate\n");

certificates();


sub certificates {
    my ($ca, $ca_key) = IO::Socket::SSL::Utils::CERT_create(
        CA => 1, subject => { commonName => 'test CA' });

    IO::Socket::SSL::Utils::PEM_cert2file($ca, "$dir/ca.pem");

    my ($other) = IO::Socket::SSL::Utils::CERT_create(
        CA => 1, subject => { commonName => 'another CA' });

    IO::Socket::SSL::Utils::PEM_cert2file($other, "$dir/other.pem");

    my ($cert, $key) = IO::Socket::SSL::Utils::CERT_create(
        issuer => [ $ca, $ca_key ], subject => { commonName => 'hooks.test' },
        subjectAltNames => [ [ DNS => 'hooks.test' ] ]);

    IO::Socket::SSL::Utils::PEM_cert2file($cert, "$dir/cert.pem");
    IO::Socket::SSL::Utils::PEM_key2file($key, "$dir/key.pem");
}


sub conf {
    my ($notify, $more) = @_;

    $more = '' unless defined $more;

    return <<"CONF";
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    $notify
    mcp_policy shop { tool buy { approve; } }
    $more

    server {
        listen 127.0.0.1:8080;
        location /mcp { mcp_enforce shop; proxy_pass http://127.0.0.1:8081; }
    }
}
CONF
}


# Configurations

my $line = () = (split(/mcp_approval/, $t->expand(conf('mcp_approval'))))[0]
    =~ /\n/g;
$line++;


sub accepted {
    my ($words, $more) = @_;

    my ($ok, $output) = $t->test_config(conf("mcp_approval_notify $words;",
                                             $more));

    ok($ok, "good: $words") or diag($output);
}


sub refused {
    my ($words, $pattern, $more) = @_;

    my ($ok, $output) = $t->test_config(conf("mcp_approval_notify $words;",
                                             $more));

    ok(!$ok, "bad: $words");
    like($output, qr/\[emerg\].*$pattern.* in .*test\.conf:$line$/m,
         'and it says why, and where');
}


my $good = 'http://127.0.0.1:8090/hook';
my $key = "secret=$dir/secret";

accepted("$good $key");
accepted("$good secret=secret");
accepted("$good secret=shortest");
accepted("http://127.0.0.1:8090 $key");
accepted("HTTP://127.0.0.1?a=b $key");
accepted("http://[::1]:8090/hook $key");
accepted("http://unix:/tmp/hook.sock:/hook $key");
accepted("http://unix:/tmp/hook.sock $key host=hooks.test");
accepted("http://hooks/x $key", 'upstream hooks { server 127.0.0.1:1; }');
accepted("https://127.0.0.1/x $key");
accepted("https://127.0.0.1/x $key ca=$dir/ca.pem host=hooks.test");
accepted("https://127.0.0.1/x $key ca=ca.pem");
accepted("$good $key arguments=on");
accepted("$good $key arguments=off timeout=1500ms");
accepted("$good $key admin=https://ops.example.com/approvals?x=y");

my $url = 'invalid URL in "mcp_approval_notify", expected https://HOST';

refused("ftp://127.0.0.1/ $key", $url);
refused("127.0.0.1:8090 $key", $url);
refused("https:// $key", $url);
refused("https:///x $key", $url);
refused("http://me:word\@127.0.0.1/ $key", $url);
refused("http://127.0.0.1/#x $key", $url);
refused("'http://127.0.0.1/a b' $key", 'invalid URL .* without spaces');
refused("'http://127.0.0.1/\\r\\nX:y' $key", 'invalid URL .* control');
refused("http://127.0.0.1/\$host $key", 'invalid URL .* no variables');
refused("http://127.0.0.1/\x{e4} $key", 'invalid URL .* expected ASCII');
refused("http://127.0.0.1:99999/ $key", 'invalid port in upstream');
refused("$good", 'needs secret=PATH');
refused("$good secret=", 'invalid parameter "secret="');
refused("$good secret=nowhere",
        "cannot read the secret \"$dir/nowhere\" of \"mcp_approval_notify\" "
        . '\(2: No such file');
refused("$good secret=$dir", 'cannot read the secret .* Is a directory');

for my $file (qw/ short long empty /) {
    refused("$good secret=$file", "invalid secret \"$dir/$file\" of "
        . '"mcp_approval_notify", expected a file of 16 to 4096 bytes');
}

refused("$good $key $key", 'invalid parameter "secret=.* each once');
refused("$good $key colour=blue", 'invalid parameter "colour=blue" in '
    . '"mcp_approval_notify", expected secret=PATH, ca=PATH');
refused("$good $key timeout=soon", 'invalid time "soon"');
refused("$good $key timeout=0", 'invalid time "0"');
refused("$good $key arguments=yes", 'invalid value "yes"');
refused("$good $key admin=/approvals", 'invalid page "/approvals"');
refused("$good $key admin=https://x/#y", 'invalid page "https://x/#y"');
refused("$good $key 'admin=https://x/ y'", 'invalid page');
refused("$good $key host=\$host", 'invalid host .* no variables');
refused("$good $key ca=$dir/ca.pem", '"ca" .* https://');
refused("https://127.0.0.1/ $key ca=nowhere", 'cannot use "ca=.*nowhere"');
refused("https://127.0.0.1/ $key ca=not.pem", 'cannot use "ca=.*not.pem"');

$line = "\\d+";
refused("$good $key; mcp_approval_notify $good $key",
        '"mcp_approval_notify" directive is duplicate');
refused("$good $key", '"mcp_approval_notify" directive is not allowed here',
        "server { listen 127.0.0.1:8082; mcp_approval_notify $good $key; }");

my ($ok, $output) = $t->test_config(conf(
    "mcp_approval_notify http://no.such.host.invalid/T0-secret $key;"));

ok(!$ok, 'a host that has no address');
like($output, qr/host not found in upstream "no\.such\.host\.invalid"/,
     'is named');
unlike($output, qr/T0-secret/, 'and nothing else of the URL');


# https: the webhook is a server of the same nginx, before the real one

my $tls = <<"CONF";
server {
    listen 127.0.0.1:8443 ssl;
    ssl_certificate $dir/cert.pem;
    ssl_certificate_key $dir/key.pem;
    location / {
        proxy_pass http://127.0.0.1:8090;
        proxy_set_header X-SNI \$ssl_server_name;
        proxy_set_header Host \$host;
    }
}
CONF

my $server = $t->upstream(8081);
my $hook = $t->upstream(8090);


sub start {
    my ($parameters) = @_;

    $t->write_file_expand('nginx.conf', conf(
        "mcp_approval_notify https://127.0.0.1:8443/hook $key $parameters;",
        $tls));

    return $t->run();
}


sub ask {
    my ($who) = @_;

    return $t->post(tool_call('buy', { who => $who }))->json()
        ->{result}{_meta}{'ngx-mcp-policy/decision'}{approvalId};
}


start('ca=ca.pem host=hooks.test');

my $id = ask('one');
my $request = $hook->next();

is($request->header('X-MCP-Delivery'), $id, 'told over TLS');
is($request->header('X-SNI'), 'hooks.test', 'with the name in its handshake');
is($request->header('Host'), 'hooks.test', 'and in its request');
is($request->uri(), '/hook', 'for the path');

$t->stop();

# through a server of the same nginx, and with what balancers may ask

my $threads = `${\ $t->binary()} -V 2>&1` =~ /--with-threads/
    ? 'aio threads;' : '';

$t->write_file_expand('nginx.conf', conf(<<"CONF", ''));
    $threads
    mcp_approval_notify http://hooks/hook $key;

    upstream hooks {
        hash "\$remote_addr \$server_port \$host \$mcp_tool \$request_uri";
        server unix:$dir/notify.sock;
    }

    server {
        listen unix:$dir/notify.sock;
        location = /hook {
            proxy_set_header Authorization "Bearer me";
            proxy_pass http://127.0.0.1:8090;
        }
    }
CONF

$t->run();
$id = ask('through a server');
$request = $hook->next();

is($request->header('X-MCP-Delivery'), $id, 'told through a server of ours');
is($request->header('Authorization'), 'Bearer me', 'which adds what is needed');

$t->stop();

for my $case (
    [ 'another name', 'ca=ca.pem host=other.test',
      'upstream SSL certificate does not match "other\.test"' ],
    [ 'another CA', 'ca=other.pem host=hooks.test',
      'upstream SSL certificate verify error' ],
    [ 'those of the system', 'host=hooks.test',
      'upstream SSL certificate verify error' ],
) {
    my ($name, $parameters, $pattern) = @$case;

    my $seen = $hook->count();

    start($parameters);
    $id = ask($name);

    ok($t->wait_log(qr/$pattern.* while SSL handshaking to upstream, mcp_approval_notify to "[a-z]+\.test", approval: $id/),
       "$name: refused, and told why");
    ok($t->wait_log(qr/failed: no connection, status: 0, approval: $id/),
       "$name: not told");
    $t->stop();
    is($hook->count(), $seen, "$name: nothing was sent");
}

done_testing();
