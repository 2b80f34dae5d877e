#!/usr/bin/perl

# However a body arrives, the decision is the same and an allowed one goes on
# byte for byte; however a request ends, the connection serves the next one.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $t = MCPTest->new(timeout => 120);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%

    mcp_policy strict { tool safe { } }

    keepalive_requests 100000;

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8082 http2;
        mcp_enforce strict;

        location / {
            mcp_origin example.com;
            proxy_pass http://127.0.0.1:8081;
        }
        location /small {
            client_body_buffer_size 1k;
            client_max_body_size 100k;
            proxy_pass http://127.0.0.1:8081;
        }
        location /clean {
            client_body_in_file_only clean;
            proxy_pass http://127.0.0.1:8081;
        }
        location /kept {
            client_body_in_file_only on;
            proxy_pass http://127.0.0.1:8081;
        }
        location /single {
            client_body_in_single_buffer on;
            client_body_buffer_size 4k;
            proxy_pass http://127.0.0.1:8081;
        }
        location /unbuffered {
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $http2 = `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

$t->run();

my $safe = tool_call('safe', { text => "\x{20ac}\n" }, id => 'a');
my $danger = tool_call('danger', { name => 'safe' }, id => 'b');
my $unknown = '{"jsonrpc":"2.0","id":"b","error":{"code":-32602,'
              . '"message":"Unknown tool: danger"}}';


# The bodies of the requests that reached the upstream: so many, all alike.
sub forwarded {
    my ($name, $count, $body) = @_;

    my @requests = $upstream->requests();

    is(scalar @requests, $count, "$name: what was allowed was forwarded");
    is(scalar(grep { $_->body ne $body } @requests), 0,
       "$name: byte for byte");
    $upstream->clear();
}


# Sends a call again and again on one connection: with each of the options.
sub each_way {
    my ($name, $uri, @ways) = @_;

    my $client = $t->connect();
    my ($allowed, $refused) = (0, 0);

    for my $way (@ways) {
        $client->send_request('POST', $uri, body => $safe, %$way);
        my $response = $client->read_response();
        $allowed++ if $response->status == 200
            && $response->body =~ /from upstream/;

        $client->send_request('POST', $uri, body => $danger, %$way);
        $response = $client->read_response();
        $refused++ if $response->status == 200
            && $response->body eq $unknown;
    }

    is($allowed, scalar @ways, "$name: allowed");
    is($refused, scalar @ways, "$name: refused");
    forwarded($name, scalar @ways, $safe);
}


# Two bodies of different length: the longer one knows all offsets.
my $length = length($safe) > length($danger) ? length $safe : length $danger;

each_way('split', '/', map { { split => [ $_ ] } } 0 .. $length);
each_way('split, 1k buffer', '/small',
         map { { split => [ 7 * $_ ] } } 0 .. $length / 7);
each_way('split, in a file', '/clean',
         map { { split => [ 7 * $_ ] } } 0 .. $length / 7);
each_way('byte by byte', '/', { split => [ 0 .. $length ] });
each_way('chunked', '/',
         map { { chunked => [ ($_) x $length ] } } 1 .. $length);
each_way('chunked and split', '/',
         map { { chunked => [ (10) x $length ], split => [ $_ ] } }
         0 .. $length + 40);
each_way('in a file', '/kept', {}, { chunked => 1 }, { split => [ 0 ] });
each_way('in a single buffer', '/single', {}, { chunked => 1 },
         { split => [ 0 ] }, { split => [ 10 ] });
each_way('proxy_request_buffering off', '/unbuffered', {}, { chunked => 1 },
         { split => [ 10 ] });

my @kept = glob($t->dir() . '/client_body_temp/*');
is(scalar @kept, 6, 'client_body_in_file_only on keeps its files');
unlink(@kept);

# Sizes around the buffer's; the end of the body decides

for my $size (500, 900, 1023, 1024, 1025, 2000, 8000, 70000) {
    my $big = '{"jsonrpc":"2.0","method":"tools/call","params":{"arguments":'
              . '{"x":"' . 'x' x $size . '"},"name":"safe"},"id":1}';

    for my $way ({}, { split => [ 0 ] }, { split => [ 10, 300, 1000 ] },
                 { chunked => 1 }, { chunked => [ (100) x 1000 ],
                                     split => [ 0, 50 ] })
    {
        my $response = $t->post($big, uri => '/small', %$way);
        fail("$size bytes: allowed") unless $response->status == 200
            && $response->body =~ /from upstream/;

        (my $evil = $big) =~ s/"safe"/"evil"/;
        $response = $t->post($evil, uri => '/small', %$way);
        fail("$size bytes: refused")
            unless $response->body =~ /Unknown tool: evil/;
    }

    forwarded("$size bytes", 5, $big);
}

# Empty ones

for my $way ({}, { chunked => 1 }) {
    my $response = $t->post('', uri => '/', %$way);
    is($response->status, 400, 'empty body: status');
    is($response->json->{error}{code}, -32700, 'empty body: code');
}

is($t->raw("POST / HTTP/1.0\r\nHost: x\r\nContent-Type: application/json"
           . "\r\n\r\n")->status, 400, 'no length at all');
is($t->raw("POST / HTTP/1.0\r\nHost: x\r\nContent-Type: application/json"
           . "\r\nContent-Length: " . length($safe) . "\r\n\r\n$safe")->status,
   200, 'HTTP/1.0');
forwarded('HTTP/1.0', 1, $safe);

# Expect: 100-continue

sub expect {
    my ($body, %options) = @_;

    my $client = $t->connect();
    my ($head) = $client->request_bytes(
        'POST', $options{uri} || '/', body => $body,
        headers => [ Expect => '100-continue', @{$options{headers} || []} ]);

    $client->write($head);
    my $line = $client->take_line();

    if ($line =~ /^HTTP\/1\.1 100 /) {
        $client->take_line();
        $client->write($body);
        $line = $client->take_line();

    } else {
        $options{early} = 1;
    }

    $client->{buffer} = $line . $client->{buffer};

    return ($client, $client->read_response(), $options{early});
}

my ($client, $response, $early) = expect($safe);
ok(!$early, 'Expect: the body is asked for');
is($response->status, 200, 'Expect: allowed');
forwarded('Expect', 1, $safe);

($client, $response, $early) = expect($danger);
ok(!$early, 'Expect: the body is needed for a refusal, too');
is($response->body, $unknown, 'Expect: refused');

for my $case ([ 415, 'Content-Type' => 'text/plain' ],
              [ 415, 'Content-Encoding' => 'gzip' ],
              [ 403, Origin => 'http://evil.example' ])
{
    my ($status, @header) = @$case;

    ($client, $response, $early) = expect($safe, headers => \@header);
    ok($early, "Expect, $header[0]: refused without the body");
    is($response->status, $status, "Expect, $header[0]: status");

    # A client may send it all the same.
    $client->write($safe);
    $client->send_request('POST', '/', body => $safe);
    is($client->read_response()->status, 200,
       "Expect, $header[0]: the connection goes on");
    forwarded("Expect, $header[0]", 1, $safe);
}

($client, $response, $early) = expect('x' x 200_000, uri => '/small');
ok($early, 'Expect, too large: refused without the body');
is($response->status, 413, 'Expect, too large: status');

# The client goes away while it sends

for my $way ('close', 'reset') {
    $client = $t->connect();
    my ($head) = $client->request_bytes('POST', '/', body => $safe);
    $client->write_split($head . substr($safe, 0, 20), length $head);
    $client->wait_taken();
    $client->$way();
}

$client = $t->connect();
$client->write("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
               . "chunked\r\nContent-Type: application/json\r\n\r\n"
               . "1000\r\n" . 'x' x 3000);
$client->wait_taken();
$client->close();

is($t->post($safe)->status, 200, 'after clients that left');
forwarded('after clients that left', 1, $safe);

# Two at once, the first refused

for my $first ([ 200, [], $danger ], [ 400, [], '{' ],
               [ 415, [ 'Content-Type' => 'text/plain' ], $safe ],
               [ 403, [ Origin => 'http://evil.example' ], $safe ])
{
    my ($status, $headers, $body) = @$first;

    $client = $t->connect();
    $client->write(join('', $client->request_bytes(
        'POST', '/', body => $body, headers => $headers),
        $client->request_bytes('POST', '/', body => $safe)));

    my $response = $client->read_response();
    is($response->status, $status, "pipelined: $status");
    unlike($response->body, qr/from upstream/, 'pipelined: refused');
    is($client->read_response()->json->{id}, 'a', 'pipelined: the second');
    forwarded('pipelined', 1, $safe);
}

# One connection, every kind of refusal

my $long = tool_call('safe', { x => 'x' x 300_000 });

$client = $t->connect();

for my $case ([ 'denied', 200, POST => '/', body => $danger ],
              [ 'invalid', 400, POST => '/', body => '[]' ],
              [ 'in a file', 200, POST => '/small',
                body => tool_call('x', { x => 'x' x 50_000 }) ],
              [ 'chunked', 200, POST => '/', body => $danger, chunked => 1 ],
              [ 'notification', 202, POST => '/',
                body => '{"jsonrpc":"2.0","method":"x"}' ],
              [ 'unread body, 415', 415, POST => '/', body => $long,
                headers => [ 'Content-Type' => 'text/plain' ] ],
              [ 'unread chunks, 415', 415, POST => '/', body => $long,
                chunked => [ (1000) x 400 ],
                headers => [ 'Content-Type' => 'text/plain' ] ],
              [ 'origin', 403, POST => '/', body => $long,
                headers => [ Origin => 'null' ] ],
              [ 'method', 405, PUT => '/', body => $long ],
              [ 'GET with a body', 400, GET => '/', body => $long ],
              [ 'upgrade', 400, GET => '/', headers => [ Upgrade => 'x' ] ])
{
    my ($name, $status, $method, $uri, %options) = @$case;

    $client->send_request($method, $uri, %options);
    my $response = $client->read_response();

    is($response->status, $status, "keepalive, $name: status");
    is($response->header('Connection'), 'keep-alive',
       "keepalive, $name: the connection stays");
    is($upstream->count, 0, "keepalive, $name: not forwarded");
}

$client->send_request('POST', '/', body => $safe);
is($client->read_response()->status, 200, 'keepalive: after all of them');
forwarded('keepalive', 1, $safe);

# Too large: nginx closes, but the client reads why

for my $way ({}, { chunked => [ (10_000) x 40 ] }) {
    $client = $t->connect();
    $client->send_request('POST', '/small', body => $long, %$way);
    my $response = $client->read_response();
    is($response->status, 413, 'too large: status');
    is($response->json->{error}{code}, -32600, 'too large: code');
    is($upstream->count, 0, 'too large: not forwarded');
}

# HTTP/2

if ($http2) {
    my $h2 = $t->h2(port => 8082);
    my ($allowed, $refused, $count) = (0, 0, 0);

    for my $length (0, 1) {
        for my $n (0 .. length $safe) {
            $count++;
            $allowed++ if $h2->post($safe, uri => '/', split => [ $n ],
                                    length => $length)->body
                =~ /from upstream/;
        }

        for my $n (0 .. length $danger) {
            $refused++ if $h2->post($danger, uri => '/', split => [ $n ],
                                    length => $length)->body eq $unknown;
        }
    }

    is($allowed, $count, 'HTTP/2, split: allowed');
    is($refused, 2 * (1 + length $danger), 'HTTP/2, split: refused');
    forwarded('HTTP/2, split', $count, $safe);

    is($h2->post($safe, uri => '/', split => [ 0 .. length $safe ])->status,
       200, 'HTTP/2, byte by byte');
    forwarded('HTTP/2, byte by byte', 1, $safe);

    my $big = tool_call('safe', { x => 'x' x 50_000 });

    for my $uri ('/', '/small', '/clean') {
        is($h2->post($big, uri => $uri)->status, 200, "HTTP/2, large, $uri");
        is($h2->post($big, uri => $uri, length => 1)->status, 200,
           "HTTP/2, large, with its length, $uri");
        forwarded("HTTP/2, large, $uri", 2, $big);
    }

    is($h2->post('', uri => '/')->status, 400, 'HTTP/2, empty');
    is($h2->response($h2->request('/', open => 0))->status, 415,
       'HTTP/2, no body and no type');
    is($h2->post($long, uri => '/small')->status, 413,
       'HTTP/2, too large without a length');

    # A connection that lost a stream in the middle of its body

    my $stream = $h2->request('/', body => substr($safe, 0, 30), open => 1);
    $client = $h2->{client};
    $client->wait_taken();
    $h2->cancel($stream);

    $stream = $h2->request('/', body => substr($danger, 0, 30), open => 1);
    my $other = $h2->request('/', body => $safe);
    is($h2->response($other)->status, 200, 'HTTP/2, streams interleave');
    $h2->data($stream, substr($danger, 30), 1);
    is($h2->response($stream)->body, $unknown, 'HTTP/2, the other one');
    forwarded('HTTP/2, interleaved', 1, $safe);

    for my $case ([ 415, [ 'content-type' => 'text/plain' ] ],
                  [ 403, [ 'content-type' => 'application/json',
                           origin => 'null' ] ])
    {
        my ($status, $headers) = @$case;
        my $response = $h2->post($big, uri => '/', headers => $headers);
        is($response->status, $status, "HTTP/2, $status, unread body");
        ok($response->json->{error}, "HTTP/2, $status: JSON");
    }

    is($h2->post($safe, uri => '/')->status, 200, 'HTTP/2, after all that');
    forwarded('HTTP/2, after all that', 1, $safe);
    $h2->close();
}

ok($t->wait_until(sub { !glob($t->dir() . '/client_body_temp/*') }),
   'temporary files are gone');

done_testing();
