#!/usr/bin/perl

# HTTP/3: the same decisions as over HTTP/1.1, however the body is cut into
# frames, whatever the client breaks off, and without a byte for the server of
# what is not allowed.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;
use MCPTest::Approvals qw/ outcome said /;
use MCPTest::HTTP3;

my $t = MCPTest->new(timeout => 120)->has('http_v3');

plan(skip_all => 'make build/http3/.installed has not run')
    unless -x MCPTest::HTTP3::python();

my $dir = $t->dir();
my $said = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \\
    -nodes -subj /CN=localhost -days 2 -keyout $dir/server.key \\
    -out $dir/server.pem 2>&1`;

is($?, 0, 'a certificate') or diag($said);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_audit_log %%TESTDIR%%/audit.log;

    mcp_policy tools {
        tool echo { }
        tool pay { arg amount lte 100; message "Up to 100."; }
        tool few { limit 2/day; }
        tool held { approve wait=1h ttl=1h; }
    }

    log_format lines '$request_id $server_protocol $status $mcp_tool '
                     '$mcp_decision $mcp_reason $mcp_approval';
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    ssl_certificate server.pem;
    ssl_certificate_key server.key;

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8443 quic;
        mcp_enforce tools;
        mcp_grant $http_x_user;
        client_body_buffer_size 1k;
        client_max_body_size 100k;
        access_log %%TESTDIR%%/access.log lines;

        location / {
            mcp_origin agents.example.com;
            proxy_pass http://127.0.0.1:8081;
        }
        location /buffered {
            client_body_in_single_buffer on;
            client_body_buffer_size 64k;
            proxy_pass http://127.0.0.1:8081;
        }
        location /unbuffered {
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /down {
            proxy_pass http://127.0.0.1:8089;
        }
        location /admin/ {
            mcp_enforce off;
            access_log off;
            mcp_admin;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $people = MCPTest::Approvals->new($t);

$t->run();

my $h3 = MCPTest::HTTP3->new($t, port => 8443);
my $allowed = tool_call('echo', { text => "\x{20ac}\n" }, id => 'a');
my $refused = tool_call('danger', { name => 'echo' }, id => 'b');
my $unknown = '{"jsonrpc":"2.0","id":"b","error":{"code":-32602,'
    . '"message":"Unknown tool: danger"}}';


# What reached the server since the last time, all of it this.
my $bytes = 0;

sub forwarded {
    my ($name, $count, $body) = @_;

    my @requests = $upstream->requests();
    my $before = $bytes;

    is(scalar @requests, $count, "$name: what was allowed was forwarded");
    is(scalar(grep { $_->body ne $body } @requests), 0,
       "$name: byte for byte");
    $bytes = $upstream->bytes();
    is($bytes, $before, "$name: no byte") unless $count;
    $upstream->clear();
}


sub lines {
    my ($pattern) = @_;
    my $count = () = $t->log('access.log') =~ /$pattern/mg;
    return $count;
}


# However a body arrives

my $length = length($allowed) > length($refused) ? length $allowed
                                                 : length $refused;

for my $case ([ 'at once', '/', {}, { length => 'yes' } ],
              [ 'split', '/', map { { split => [ $_ ] } } 0 .. $length ],
              [ 'split, with a length', '/',
                map { { split => [ 7 * $_ ], length => 'yes' } }
                0 .. $length / 7 ],
              [ 'byte by byte', '/', { split => [ 0 .. $length ] } ],
              [ 'frames that are empty', '/',
                { split => [ 0, 0, 10, 10, 10 ] } ],
              [ 'in a single buffer', '/buffered', {}, { split => [ 10 ] } ],
              [ 'proxy_request_buffering off', '/unbuffered', {},
                { split => [ 10, 20 ] }, { length => 'yes' } ])
{
    my ($name, $uri, @ways) = @$case;
    my ($passed, $stopped) = (0, 0);

    for my $way (@ways) {
        my $response = $h3->post($allowed, uri => $uri, %$way);
        $passed++ if $response->status == 200
            && $response->body =~ /from upstream/;

        $response = $h3->post($refused, uri => $uri, %$way);
        $stopped++ if $response->status == 200
            && $response->body eq $unknown;
    }

    is($passed, scalar @ways, "$name: allowed");
    is($stopped, scalar @ways, "$name: refused");
    forwarded($name, scalar @ways, $allowed);
}

# Bodies that go to a file

for my $size (900, 1024, 5000, 70_000) {
    my $body = tool_call('echo', { text => 'x' x $size });

    is($h3->post($body, split => [ map { 900 * $_ } 1 .. $size / 900 ])
       ->status, 200, "$size bytes in many frames");
    forwarded($size, 1, $body);
}

# Decisions

is(outcome($h3->post(tool_call('pay', { amount => 100 }))), 'ok', 'a payment');
like($h3->post(tool_call('pay', { amount => 101 }))->body,
     qr/\[POLICY DENIED\] Up to 100\./, 'too much');

my @ann = (headers => [ 'x-user' => 'ann' ]);

is(join(' ', map { outcome($h3->post(tool_call('few'), @ann)) } 1 .. 3),
   'ok ok rate_limited', 'a limit');
is(outcome($t->post(tool_call('few'), @ann)), 'rate_limited',
   'is the same over HTTP/1.1');

is(join(' ', map { $_->{error}{code} }
        @{$h3->post("[$allowed,$refused]", split => [ 40 ])->json}),
   '-31003 -32602', 'a batch with a call that is refused');
like($h3->post('{"jsonrpc":')->body, qr/-32700/, 'no JSON');

my $r = $h3->post($allowed, headers => [ origin => 'https://evil.example' ]);
is($r->status, 403, 'another origin');
$r = $h3->post($allowed,
               headers => [ origin => 'https://agents.example.com' ]);
is($r->status, 200, 'the origin that is allowed');

$r = $h3->post($allowed, headers => [ 'mcp-method' => 'tools/list',
                                      'mcp-protocol-version' => '2026-07-28' ]);
is($r->status, 400, 'a header that contradicts the body');

$upstream->clear();

# Lists

my $tools = sub {
    return '{"jsonrpc":"2.0","id":1,"result":{"tools":['
        . join(',', map { "{\"name\":\"$_\",\"inputSchema\":{}}" } @_) . ']}}';
};

$upstream->respond(200, body => $tools->(qw/ echo danger pay wipe few /));
$r = $h3->post(rpc('tools/list'));
is($r->body, $tools->(qw/ echo pay few /), 'a list');
is($r->header('Content-Length') // length $r->body, length $r->body,
   'its length');

# Answers that are streams

$upstream->clear()->hold();

for my $way ([ POST => $allowed ], [ GET => undef ]) {
    my ($method, $body) = @$way;
    my $stream = $h3->request('/', method => $method, body => $body,
                              headers => [ accept => 'text/event-stream' ]);
    my $server = $upstream->next();
    my $seen = 0;

    $server->sse();

    for my $n (1 .. 5) {
        $server->event("{\"n\":$n}", id => "e-$n");
        my $event = $h3->read_event($stream);
        $seen++ if $event->{data} eq "{\"n\":$n}" && $event->{id} eq "e-$n";
    }

    is($seen, 5, "$method: event by event");

    my $large = '{"x":"' . 'y' x 500_000 . '"}';
    $server->event($large);
    is($h3->read_event($stream)->{data}, $large, "$method: a large one");

    $server->end();
    is($h3->read_event($stream), undef, "$method: the end");
}

{
    my $stream = $h3->request('/', body => rpc('tools/list'));
    my $server = $upstream->next();

    $server->sse()->event($tools->(qw/ danger echo /));
    is($h3->read_event($stream)->{data}, $tools->('echo'),
       'a list in a stream');
    $server->end();
    is($h3->read_event($stream), undef, 'and its end');
}

$upstream->clear()->hold(0);

# Errors

$r = $h3->post($allowed, uri => '/down');
is($r->status, 502, 'no server');
is($r->json->{id}, 'a', 'is told as JSON-RPC');

for my $way ({}, { length => 'yes' }) {
    $r = $h3->post(tool_call('echo', { x => 'x' x 120_000 }), %$way);
    is($r->status, 413, 'too large');
    is($r->json->{error}{code}, -32600, 'is told as JSON-RPC');
}

# Lengths

$bytes = $upstream->bytes();

for my $case ([ 'no body', undef,
                headers => [ 'content-type' => 'application/json' ] ],
              [ 'no byte', '' ],
              [ 'no byte, with a length', '', length => 'yes' ],
              [ 'no byte in frames', '', split => [ 0, 0 ] ])
{
    my ($name, $body, @options) = @$case;

    $r = $h3->response($h3->request('/', body => $body, @options));
    is($r->status, 400, $name);
    like($r->body, qr/"error"/, "$name: is told as JSON-RPC");
}

for my $by (-1, 1) {
    for my $body ($allowed, $refused) {
        my $stream = $h3->request('/', body => $body, split => [ 10 ],
                                  length => length($body) + $by);
        $r = $h3->response($stream);
        ok($r->status == 400 || $r->{reset},
           "a length that is $by off: " . ($r->status || 'reset'));
    }
}

# Newer versions of nginx refuse it, others take no notice.
$r = $h3->post($refused, headers => [ 'transfer-encoding' => 'chunked' ]);
ok($r->status == 400 || $r->{reset} || $r->body eq $unknown,
   'Transfer-Encoding changes nothing');
forwarded('nothing of these', 0, '');

{
    my $stream = $h3->request('/', body => $allowed, open => 1);
    $h3->trailers($stream, 'mcp-method', 'tools/list');
    is($h3->response($stream)->status, 200, 'trailers end a body');
    forwarded('trailers', 1, $allowed);
}

# Many streams at a time, their bodies in turns

{
    my @streams = map { [ $h3->request('/', open => 1, headers => [
        'content-type' => 'application/json' ]),
        $_ % 2 ? $refused : $allowed ] } 1 .. 20;

    for (my $at = 0; $at < $length; $at += 25) {
        for my $stream (@streams) {
            my ($number, $body) = @$stream;
            next if $at >= length $body;
            $h3->data($number, substr($body, $at, 25),
                      $at + 25 >= length $body);
        }
    }

    my @seen = map { $h3->response($_->[0])->body =~ /from upstream/ ? 1 : 0 }
        @streams;

    is("@seen", join(' ', (0, 1) x 10), 'twenty streams, each judged');
    forwarded('twenty streams', 10, $allowed);
}

# What a client breaks off

for my $body ($allowed, $refused, tool_call('echo', { x => 'x' x 5000 })) {
    for my $at (0, 1, 30, length($body) - 1) {
        my $stream = $h3->request('/', body => substr($body, 0, $at),
                                  open => 1);
        $h3->cancel($stream);
    }
}

ok($t->wait_until(sub { lines(qr/HTTP\/3\.0 (?:499|400) /) >= 12 + 8 }),
   'bodies that break off')
    or diag($t->log('access.log'));
is($h3->post($allowed)->status, 200, 'the connection goes on');
forwarded('breaking off', 1, $allowed);

$upstream->hold();

{
    my $stream = $h3->request('/', body => $allowed);
    my $server = $upstream->next();

    $server->sse()->event('{"n":1}');
    is($h3->read_event($stream)->{data}, '{"n":1}', 'a stream');
    $h3->stop_reading($stream);
    $server->event('{"n":2}');
    ok($server->wait_closed(), 'that is not wanted ends upstream');
}

$upstream->clear()->hold(0);

{
    my $other = MCPTest::HTTP3->new($t, port => 8443);
    my $before = lines(qr/HTTP\/3\.0/);

    $other->request('/', body => substr($allowed, 0, 20), open => 1);
    $other->close();
    ok($t->wait_until(sub { lines(qr/HTTP\/3\.0/) > $before }),
       'a client that leaves');
}

# Calls that are held

{
    my $body = tool_call('held', { n => 1 });
    my $stream = $h3->request('/', body => $body, split => [ 20 ], @ann);
    my ($id) = $people->wait_pending(1);

    is($h3->post($allowed)->status, 200, 'another stream goes on');
    is($people->approve($id), 200, 'approved');
    is($h3->response($stream)->json->{id}, 1, 'the held call goes on');
    is($upstream->last->body, $body, 'whole');

    $stream = $h3->request('/', body => tool_call('held', { n => 2 }), @ann);
    ($id) = $people->wait_pending(1);
    $h3->stop_reading($stream);
    ok($t->wait_until(sub { lines(qr/499 held approve \S+ $id$/) }),
       'one that the client gives up') or diag($t->log('access.log'));
    is($people->deny($id), 200, 'is left to be decided');
}

# Who decides over HTTP/3 comes from the page itself

for my $case ([ 'https://localhost', 404 ], [ 'https://evil.example', 403 ],
              [ 'http://localhost', 403 ])
{
    my ($origin, $status) = @$case;
    $r = $h3->post('{}', uri => '/admin/api/approvals/x/approve',
                   headers => [ origin => $origin ]);
    is($r->status, $status, "a decision from $origin");
}

# The audit log knows them as it knows others.
like($t->log('audit.log'), qr/"tool":"danger"[^\n]*"decision":"deny"/,
     'audit');

$h3->close();

# The example of docs/install.md, as it stands but for ports

{
    my $example = MCPTest->new();
    my $server = $example->upstream(3001);
    my ($text) = do {
        open(my $file, '<', "$FindBin::Bin/../docs/install.md") or die $!;
        local $/;
        <$file> =~ /^```nginx http3\n(.*?)^```$/ms;
    };

    $text =~ s/127\.0\.0\.1:3001/'127.0.0.1:' . $example->port(3001)/e;
    $text =~ s/listen 8443/'listen 127.0.0.1:' . $example->port(8443)/ge;
    $example->write_file($_, $t->read_file($_)) for qw/ server.pem server.key /;
    $example->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
worker_processes 2;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
$text
}
CONF
    $example->run();
    unlike($example->log(), qr/\[warn\]/, 'the example: no warning');

    my $client = MCPTest::HTTP3->new($example, port => 8443);
    my $found = $client->post(tool_call('find_customer'));

    is($found->status, 200, 'the example: a call');
    like($found->header('Alt-Svc'), qr/^h3=":8443"/, 'Alt-Svc');
    is($server->last->header('Host'), 'localhost', 'the server has a Host');
    like($client->post(tool_call('wipe'))->body, qr/Unknown tool/,
         'the example: a call that is refused');
    is($server->count, 1, 'does not arrive');
    $client->close();
}

done_testing();
