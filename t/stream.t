#!/usr/bin/perl

# Answers on their way back: event streams pass as they come and as they are;
# a client that reads JSON never gets an HTML page.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $t = MCPTest->new(timeout => 90);

$t->write_file('page.html', '<html>sorry</html>');
$t->write_file('page.json', '{"sorry":true}');
$t->write_file('big.html', '<html>' . 'x' x 200000);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    types { text/html html; application/json json; }

    mcp_policy tools { tool echo { } }

    limit_req_zone $uri zone=one:1m rate=1r/m;
    proxy_connect_timeout 5s;
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8082 http2;
        mcp_enforce tools;
        client_max_body_size 1k;

        location / {
            proxy_pass http://127.0.0.1:8081;
        }
        location /down {
            proxy_pass http://127.0.0.1:8089;
        }
        location /slow {
            proxy_read_timeout 100ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /auth {
            auth_basic secret;
            auth_basic_user_file %%TESTDIR%%/users;
            proxy_pass http://127.0.0.1:8081;
        }
        location /closed {
            deny all;
            proxy_pass http://127.0.0.1:8081;
        }
        location /limited {
            limit_req zone=one;
            limit_req_status 429;
            proxy_pass http://127.0.0.1:8081;
        }
        location /files {
            alias %%TESTDIR%%;
        }
        location /page {
            error_page 502 /page.html;
            proxy_pass http://127.0.0.1:8089;
        }
        location /big {
            error_page 502 /big.html;
            proxy_pass http://127.0.0.1:8089;
        }
        location = /page.html {
            mcp_enforce off;
        }
        location = /big.html {
            mcp_enforce off;
        }
        location /json {
            error_page 502 /page.json;
            proxy_pass http://127.0.0.1:8089;
        }
        location = /page.json {
            mcp_enforce off;
        }
        location /ok {
            error_page 502 =200 /page.json;
            proxy_pass http://127.0.0.1:8089;
        }
        location /named {
            error_page 502 @named;
            proxy_pass http://127.0.0.1:8089;
        }
        location @named {
            return 503;
        }
        location /intercept {
            proxy_intercept_errors on;
            error_page 500 /page.html;
            proxy_pass http://127.0.0.1:8081;
        }
        location /teapot {
            return 418;
        }
        location /moved {
            return 301 /elsewhere;
        }
        location /elsewhere {
            mcp_enforce off;
            return 404;
        }
        location /buffered {
            proxy_buffering on;
            proxy_buffers 8 64k;
            proxy_pass http://127.0.0.1:8081;
        }
        location /stored {
            proxy_store %%TESTDIR%%/store/answer;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

$t->write_file('users', "ann:{PLAIN}secret\n");
mkdir("${\ $t->dir()}/store");
chmod(0777, "${\ $t->dir()}/store");
chmod(0644, map { "${\ $t->dir()}/$_" } qw/ users page.html page.json
                                            big.html /);

my $upstream = $t->upstream(8081);
$t->run();

my $call = tool_call('echo', {}, id => 42);


# Whatever happened, the client reads a JSON-RPC error with its id.
sub is_error {
    my ($name, $response, $status, %options) = @_;

    my $error = $response->json();

    is($response->status, $status, "$name: status");
    is($response->header('Content-Type'), 'application/json',
       "$name: JSON") if @{$response->{headers}};
    is(ref $error->{error} && $error->{error}{code},
       $status < 500 ? -32600 : -32603, "$name: error");
    is($error->{id}, exists $options{id} ? $options{id} : 42, "$name: id");
    unlike($response->body, qr/</, "$name: no HTML");
}


is_error('unreachable', $t->post($call, uri => '/down'), 502);
is_error('no answer in time', do {
    $upstream->hold();
    my $response = $t->post($call, uri => '/slow');
    $upstream->hold(0);
    $response;
}, 504);
is_error('too large', $t->post(tool_call('echo', { x => 'x' x 2000 })), 413,
         id => undef);
is_error('too large, chunked',
         $t->post(tool_call('echo', { x => 'x' x 2000 }), chunked => 1), 413,
         id => undef);
is_error('forbidden', $t->post($call, uri => '/closed'), 403, id => undef);
is_error('not found', $t->get('/files/none'), 404, id => undef);
is_error('not allowed', $t->post($call, uri => '/files/page.html'), 405);
is_error('a status without a page', $t->post($call, uri => '/teapot'), 418,
         id => undef);

my $response = $t->post($call, uri => '/auth');
is_error('no credentials', $response, 401, id => undef);
like($response->header('WWW-Authenticate'), qr/^Basic/,
     'no credentials: the challenge');

$t->post($call, uri => '/limited');
is_error('too often', $t->post($call, uri => '/limited'), 429, id => undef);

# error_page

is_error('HTML page', $t->post($call, uri => '/page'), 502);
is_error('large HTML page', $t->post($call, uri => '/big'), 502);
is_error('named location', $t->post($call, uri => '/named'), 503);

$response = $t->post($call, uri => '/json');
is($response->status, 502, 'JSON page: status');
is($response->body, '{"sorry":true}', 'JSON page: as it was written');

$response = $t->post($call, uri => '/ok');
is($response->status, 200, 'page with another status');
is($response->body, '{"sorry":true}', 'as it was written');

$upstream->respond(500, body => '<html>', type => 'text/html');
is_error('intercepted error', $t->post($call, uri => '/intercept'), 500);

# What the upstream says is its own business

$upstream->respond(404, body => '<html>not here', type => 'text/html');
$response = $t->post($call);
is($response->status, 404, 'error of the upstream: status');
is($response->body, '<html>not here', 'error of the upstream: body');

$upstream->respond(401, body => '{"error":"invalid_token"}',
                   headers => [ 'WWW-Authenticate' => 'Bearer' ]);
$response = $t->post($call);
is($response->header('WWW-Authenticate'), 'Bearer',
   'challenge of the upstream');
is($response->body, '{"error":"invalid_token"}', 'and its body');

# Redirects are followed, not read

is($t->post($call, uri => '/moved')->status, 301, 'redirect');

# Not in locations without a policy

like($t->post($call, uri => '/elsewhere')->body, qr/<html>/,
     'mcp_enforce off: nginx as ever');

# HEAD

$response = $t->request('HEAD', '/files/none');
is($response->status, 404, 'HEAD: status');
is($response->header('Content-Type'), 'application/json', 'HEAD: JSON');
is($response->body, '', 'HEAD: no body');

# The connection can be used again

my $client = $t->connect();
$client->send_request('POST', '/down', body => $call);
is($client->read_response()->status, 502, 'an error');
$client->send_request('POST', '/page', body => $call);
is($client->read_response()->json->{id}, 42, 'another on the connection');
$client->send_request('POST', '/', body => $call);
is($client->read_response()->status, 200, 'and then an answer');

# HTTP/2

SKIP: {
    skip('no HTTP/2', 1)
        unless `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

    my $h2 = $t->h2(port => 8082);

    is_error('HTTP/2, unreachable', $h2->post($call, uri => '/down'), 502);
    is_error('HTTP/2, page', $h2->post($call, uri => '/page'), 502);
    is_error('HTTP/2, too large',
             $h2->post(tool_call('echo', { x => 'x' x 2000 })), 413,
             id => undef);
    is_error('HTTP/2, not found',
             $h2->response($h2->request('/files/none', method => 'GET')),
             404, id => undef);

    my $head = $h2->response($h2->request('/files/none', method => 'HEAD'));
    is($head->status, 404, 'HTTP/2, HEAD');
    is($head->body, '', 'HTTP/2, HEAD: no body');
    $h2->close();
}

# Event streams are never held back

$upstream->hold();
$upstream->clear();

for my $uri ('/', '/buffered') {
    my $client = $t->connect();
    $client->send_request('POST', $uri, body => $call);

    my $request = $upstream->next();
    $request->sse();
    is($client->read_head()->status, 200, "$uri: head before any event");

    for my $n (1 .. 3) {
        $request->event("{\"n\":$n}", id => $n);
        is($client->read_event()->{raw},
           "event: message\nid: $n\ndata: {\"n\":$n}\n", "$uri: event $n");
    }

    $request->chunk(': ping');
    my $bytes = '';
    $bytes .= $client->body_piece() while length $bytes < 6;
    is($bytes, ': ping', "$uri: half a comment");

    $request->end();
    is($client->body_piece(), '', "$uri: end");
}

# A GET stream of the newer transports is passed byte for byte

$client = $t->connect();
$client->send_request('GET', '/', headers => [ Accept => 'text/event-stream',
                                               'Last-Event-ID' => '5' ]);
my $request = $upstream->next();
is($request->header('Last-Event-ID'), '5', 'resumption passes');
$request->sse();
$client->read_head();

my $sent = join('', map { "id: $_\r\ndata: {\"n\":$_}\r\n\r\n" } 1 .. 500);
my $got = '';

for (my $at = 0; $at < length $sent; $at += 997) {
    $request->chunk(substr($sent, $at, 997));
}

$request->end();

while ((my $bytes = $client->body_piece()) ne '') {
    $got .= $bytes;
}

ok($got eq $sent, 'events in CRLF, cut anywhere');

# A stream to be stored is nginx's own

$upstream->clear();
$client = $t->connect();
$client->send_request('POST', '/stored', body => $call);
$request = $upstream->next();
$request->sse()->event('{"n":1}')->end();
$response = $client->read_response();
like($response->body, qr/data: \{"n":1\}/, 'an event stream under proxy_store');
ok($t->wait_until(sub { $t->read_file('store/answer') eq $response->body }),
   'is stored');

# Cancelling: the upstream learns of a client that leaves

$client = $t->connect();
$client->send_request('POST', '/', body => $call);
$request = $upstream->next();
$request->sse()->event('{"n":1}');
$client->read_head();
$client->read_event();
$client->close();
ok($request->wait_closed(), 'a client that leaves ends the stream upstream');

# A slow client of a fast stream: the worker's memory stays

$client = $t->connect();
$client->send_request('POST', '/', body => $call);
$request = $upstream->next();
$request->sse();
$client->read_head();

sub memory {
    my ($pid) = $t->workers();
    open(my $file, '<', "/proc/$pid/status") or return 0;
    my ($rss) = join('', <$file>) =~ /VmRSS:\s+(\d+)/;
    return $rss;
}

my $before = memory();
my $event = '{"n":1,"x":"' . 'x' x 50000 . '"}';

$request->event($event) for 1 .. 400;
$request->end();

my ($count, $same) = (0, 1);

while (my $e = $client->read_event()) {
    $count++;
    $same &&= $e->{data} eq $event;
}

is($count, 400, '20 MB of events');
ok($same, 'all of them whole');

SKIP: {
    skip('a sanitizer keeps what is freed', 1) if $ENV{TEST_SANITIZE};
    cmp_ok(memory() - $before, '<', 2000, 'memory of the worker');
}

done_testing();
