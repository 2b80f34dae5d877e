#!/usr/bin/perl

# Answers in which a list cannot be found, read or trusted to be whole never
# reach the client: it is told so, with the id of its request, on a connection
# that goes on.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;
use JSON::PP;

use MCPTest;

my $t = MCPTest->new(timeout => 90);

$t->write_file('page.html', '<html>sorry</html>');
$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 1;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    types { application/json json; text/html html; }

    mcp_policy tools { tool echo { } }

    upstream kept { server 127.0.0.1:8081 max_fails=0; keepalive 4; }

    mcp_enforce tools;
    mcp_max_list 4k;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 500ms;

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8082 http2;

        location / { proxy_pass http://kept; }
        location /plain { proxy_buffering off; proxy_pass http://kept; }
        location /pages {
            proxy_intercept_errors on;
            error_page 404 500 502 =200 /page.html;
            proxy_pass http://kept;
        }
        location = /page.html { mcp_enforce off; alias %%TESTDIR%%/page.html; }
        location = /short.json {
            alias %%TESTDIR%%/short.json;
        }
        location /gzip {
            gzip on;
            gzip_types application/json;
            gzip_min_length 1;
            gzip_proxied any;
            proxy_pass http://kept;
        }
        location /deep { mcp_max_depth 4; proxy_pass http://kept; }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $http2 = `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

my $secret = '{"name":"secret","inputSchema":{"type":"object"}}';
my $echo = '{"name":"echo","inputSchema":{"type":"object"}}';
my $all = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$secret,"
    . "$echo]}}";
my $left = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$echo]}}";
my $list = rpc('tools/list', undef, id => 7);


sub head {
    my (@lines) = @_;
    return join("\r\n", 'HTTP/1.1 200 OK', 'Content-Type: application/json',
                @lines, '', '');
}


sub chunk {
    my ($bytes) = @_;
    return sprintf("%x\r\n%s\r\n", length $bytes, $bytes);
}


sub zipped {
    my ($bytes) = @_;
    my $z;
    gzip(\$bytes, \$z);
    return $z;
}


sub response { MCPTest::Upstream::response(@_) }


# A list that is exactly so long.
sub list_of {
    my ($length) = @_;
    my $empty = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[],"
        . '"x":""}}';
    my $x = 'x' x ($length - length $empty);

    $empty =~ s/"x":""/"x":"$x"/;
    return $empty;
}


sub refused {
    my ($r, $what, $status) = @_;

    my $json = $r->json() || {};

    is($r->status, $status || 502, "$what: status");
    is(join(' ', $json->{id} // 'none', ($json->{error} || {})->{code} // ''),
       '7 -32603', "$what: the error of the request");
    is($r->header('Content-Type'), 'application/json', "$what: type");
    is($r->header('Content-Length'), length $r->body, "$what: length");
    unlike($r->body, qr/secret/, "$what: nothing of the answer");
    is($r->header($_), undef, "$what: no $_")
        for qw/ ETag Content-Encoding Content-Range Accept-Ranges /;
}


$t->run();

# Bytes of the server, whether it closes afterwards, and the reason in the log

my $long = list_of(4097);
my @tag = ('ETag: "1"', 'Accept-Ranges: bytes');

my @cases = (
    [ 'another type', response(200, { type => 'text/plain', body => $all }),
      0, 'its type is not application/json' ],
    [ 'a type that begins alike', response(200, { body => $all,
      type => 'application/json-seq' }), 0, 'its type' ],
    [ 'no type', "HTTP/1.1 200 OK\r\nContent-Length: " . length($all)
      . "\r\n\r\n$all", 0, 'its type' ],
    [ 'a body without a header', $all, 1, 'its type' ],
    [ 'nothing', response(200, {}), 0, 'its type' ],
    [ 'nothing, as JSON', head('Content-Length: 0'), 0, '' ],
    [ 'a part', response(206, { body => $all, headers =>
      [ 'Content-Range' => 'bytes 0-9/10' ] }), 0, 'it is a part' ],
    [ 'no JSON', response(200, { body => 'tools: secret' }), 0, 'JSON' ],
    [ 'JSON that ends early', response(200, { body => substr($all, 0, -1) }),
      0, 'JSON' ],
    [ 'JSON that goes on', response(200, { body => "$all$all" }), 0, 'JSON' ],
    [ 'too long, by its length', response(200, { body => $long }), 0,
      'longer than mcp_max_list' ],
    [ 'too long, in chunks', head('Transfer-Encoding: chunked', @tag)
      . join('', map { chunk($_) } unpack('(a1000)*', $long))
      . "0\r\n\r\n", 0, 'longer than mcp_max_list' ],
    [ 'too long, in one chunk', response(200, { body => $long, chunked => 1,
      headers => [ ETag => '"1"' ] }), 0, 'longer than mcp_max_list' ],
    [ 'without its end, by its length', head('Content-Length: 500', @tag)
      . $all, 1, 'it is not complete' ],
    [ 'without its end, in chunks', head('Transfer-Encoding: chunked', @tag)
      . chunk($all), 1, 'it is not complete' ],
    [ 'without a beginning', head('Content-Length: 500', @tag), 1,
      'it is not complete' ],
    [ 'without its end, until the server closes', head('Connection: close',
      @tag) . substr($all, 0, -1), 1, 'JSON' ],
    [ 'br', response(200, { body => $all, headers =>
      [ 'Content-Encoding' => 'br' ] }), 0, 'its encoding is not known' ],
    [ 'gzip twice', response(200, { body => zipped(zipped($all)), headers =>
      [ 'Content-Encoding' => 'gzip, gzip' ] }), 0, 'its encoding' ],
    [ 'no gzip', response(200, { body => $all, headers =>
      [ 'Content-Encoding' => 'gzip' ] }), 0, 'it cannot be inflated' ],
    [ 'gzip that ends early', response(200, { headers =>
      [ 'Content-Encoding' => 'gzip' ],
      body => substr(zipped($all), 0, -1) }), 0, 'it is not complete' ],
    [ 'gzip of another text', response(200, { headers =>
      [ 'Content-Encoding' => 'gzip' ],
      body => substr(zipped($all), 0, -8) . 'xxxxxxxx' }), 0,
      'it cannot be inflated' ],
    [ 'gzip that goes on', response(200, { headers =>
      [ 'Content-Encoding' => 'gzip' ],
      body => zipped($all) . zipped($all) }), 0, 'behind its end' ],
    [ 'nothing, as gzip', response(200, { chunked => 1, headers =>
      [ 'Content-Encoding' => 'gzip' ] }), 0, '' ],
    [ 'a list that is too long inflated', response(200, { headers =>
      [ 'Content-Encoding' => 'gzip' ], body => zipped($long) }), 0,
      'longer than mcp_max_list' ],
    [ 'a thousand times its length inflated', response(200, { headers =>
      [ 'Content-Encoding' => 'gzip' ], body => zipped(' ' x 3_000_000) }),
      0, 'longer than mcp_max_list' ],
);

# An empty chunked body has no type in response().
for my $case (grep { $_->[0] eq 'nothing, as gzip' } @cases) {
    $case->[1] = head('Transfer-Encoding: chunked', 'Content-Encoding: gzip')
        . "0\r\n\r\n";
    $case->[3] = 'it is not complete';
}

for my $uri ('/', '/plain') {
    for my $case (@cases) {
        my ($what, $bytes, $close, $reason) = @$case;

        my $logged = () = $t->log() =~ /cannot be filtered: .*\Q$reason\E/g;

        $upstream->reply($bytes, close => $close);
        refused($t->post($list, uri => $uri), "$uri, $what");

        my $now = () = $t->log() =~ /cannot be filtered: .*\Q$reason\E/g;
        is($now, $logged + 1, "$uri, $what: logged");
    }
}

# The limit itself

for my $case ([ 'with a length', {} ], [ 'chunked', { chunked => 1 } ],
              [ 'gzip', { headers => [ 'Content-Encoding' => 'gzip' ] } ])
{
    my ($what, $options) = @$case;
    my $body = list_of(4096);

    $upstream->respond(200, %$options,
                       body => $options->{headers} ? zipped($body) : $body);
    is($t->post($list, uri => '/')->body, $body,
       "as long as mcp_max_list, $what");
}

# A server that says nothing more

$upstream->clear()->hold();

for my $uri ('/', '/plain') {
    my $client = $t->connect();
    $client->send_request('POST', $uri, body => $list);
    $upstream->next()->send(head('Content-Length: 500') . $all);
    refused($client->read_response(), "$uri, a server that falls silent");
    ok($client->closed(), 'nginx ends the connection, as it does');
    $client->close();
}

# A client that leaves meanwhile

my $client = $t->connect();
$client->send_request('POST', '/', body => $list);
my $server = $upstream->next()->send(head('Content-Length: 500') . $all);
$client->reset();
ok($server->wait_closed(), 'the server misses a client that left');

# Too long: told at once, not at the end

$client = $t->connect();
$client->send_request('POST', '/plain', body => $list);
$server = $upstream->next();
$server->send(head('Transfer-Encoding: chunked') . chunk($long));
refused($client->read_response(), 'too long, still coming');
$server->send(chunk('more') . "0\r\n\r\n");
$client->send_request('POST', '/', body => $list);
$upstream->next()->respond(200, body => $all);
is($client->read_response()->body, $left, 'and the connection goes on');
$client->close();

$upstream->hold(0);

# Connections on both sides go on

my @kept = grep { !$_->[2] } @cases;

$t->post($list, uri => '/');
my $connections = $upstream->connections();
$client = $t->connect();

for my $case (@kept) {
    $upstream->reply($case->[1]);
    $client->send_request('POST', '/', body => $list);
    is($client->read_response()->status, 502, "$case->[0]: kept");
}

$upstream->respond(200, body => $all);
$client->send_request('POST', '/', body => $list);
is($client->read_response()->body, $left, 'then a list');
is($upstream->connections(), $connections, 'all on one connection');
$client->close();

if ($http2) {
    my $h2 = $t->h2(port => 8082);

    for my $uri ('/', '/plain') {
        for my $case (@cases) {
            $upstream->reply($case->[1], close => $case->[2]);
            my $r = $h2->post($list, uri => $uri);
            like($r->body, qr/^\{"jsonrpc":"2\.0","id":7,"error":\{"code":-32603/,
                 "HTTP/2, $uri, $case->[0]");
        }
    }

    $upstream->respond(200, body => $all);
    is($h2->post($list, uri => '/')->body, $left, 'HTTP/2: then a list');
    $h2->close();
}

# Error statuses stay, with what a client needs to know

for my $status (400, 401, 404, 500, 503) {
    $upstream->respond($status, body => "{\"tools\":[$secret]",
                       headers => [ 'WWW-Authenticate' => 'Bearer' ]);
    my $r = $t->post($list, uri => '/');
    refused($r, "no JSON with $status", $status);
    is($r->header('WWW-Authenticate'), 'Bearer', 'its header');
}

$upstream->respond(400, body => zipped($all),
                   headers => [ 'Content-Encoding' => 'br' ]);
refused($t->post($list, uri => '/'), 'br with 400', 400);

# error_page is not for us: the reply is the answer of a request, no page

$upstream->reply($cases[0][1]);
refused($t->post($list, uri => '/pages'), 'with error_page 502');

$upstream->respond(500, body => $all);
my $r = $t->post($list, uri => '/pages');
refused($r, 'a page instead of a list');

# A file that promises more than there is

$upstream->reply("HTTP/1.1 200 OK\r\nX-Accel-Redirect: /short.json\r\n"
                 . "Content-Length: 0\r\n\r\n");
$t->write_file('short.json', substr($all, 0, -1));
refused($t->post($list, uri => '/'), 'a file that is no JSON');

# gzip to the client

$upstream->reply($cases[0][1]);
$r = $t->post($list, uri => '/gzip', headers =>
              [ 'Accept-Encoding' => 'gzip' ]);
is($r->status, 502, 'gzip towards the client: refused all the same');

# Depth

$upstream->respond(200, body => $all);
refused($t->post($list, uri => '/deep'), 'too deep');

# Answers that are none: one of several

my $batch = '[' . rpc('tools/list', undef, id => 7) . ','
    . rpc('ping', undef, id => 8) . ']';
my @old = (headers => [ 'MCP-Protocol-Version' => '2025-03-26' ]);
my $pong = '{"jsonrpc":"2.0","id":8,"result":{}}';

for my $bad ('{"tools":{}}', '{"tools":null}', '{"tools":["secret"]}',
             '{"tools":[{"title":"secret"}]}', '{"content":"secret"}',
             "{\"tools\":[],\"tools\":[$secret]}")
{
    my $answer = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":$bad}";

    $upstream->respond(200, body => $answer);
    refused($t->post($list, uri => '/'), $bad, 200);

    $upstream->respond(200, body => "[$pong,$answer]");
    $r = $t->post($batch, uri => '/', @old);
    is($r->status, 200, "$bad in a batch");
    like($r->body, qr/^\[\Q$pong\E,\{"jsonrpc":"2\.0","id":7,"error":\{/,
         'the error in its place');
    unlike($r->body, qr/secret/, 'without it');
}

$upstream->respond(200, body => "[$pong");
$r = $t->post($batch, uri => '/', @old);
is($r->status, 502, 'a batch that cannot be read');
is(join(' ', map { "$_->{id} $_->{error}{code}" } @{$r->json()}),
   '7 -32603', 'the error of its list request');

# Other requests are none of this

for my $case (@cases) {
    my ($what, $bytes, $close) = @$case;

    next if $close;

    $upstream->reply($bytes);
    $r = $t->post(tool_call('echo', {}, id => 7), uri => '/');
    isnt($r->status, 502, "$what: fine for a call");
}

done_testing();
