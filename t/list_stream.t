#!/usr/bin/perl

# Lists in event streams: the answer of a POST, a stream that is resumed, the
# stream of HTTP+SSE.  An event with a list loses what its reader may not see,
# everything else keeps its bytes, whatever the server cuts where.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Raw::Zlib;
use JSON::PP;

use MCPTest;

my $json = JSON::PP->new->utf8;

my $t = MCPTest->new(timeout => 180);
my $upstream = $t->upstream(8081)->hold();

sub configure {
    my ($workers, $hide) = @_;

    return $t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
worker_processes $workers;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy tools {
        hide $hide;
        tool echo { }
        tool add { }
        tool forbidden { deny "never"; }
    }

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_cache_path %%TESTDIR%%/cache keys_zone=cache:1m;

    server {
        listen 127.0.0.1:8080 reuseport;
        listen 127.0.0.1:8082 http2;
        add_header X-Worker \$pid always;
        mcp_enforce tools;

        location / {
            proxy_pass http://127.0.0.1:8081;
        }
        location /off {
            mcp_list_filter off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /dry {
            mcp_dry_run on;
            proxy_pass http://127.0.0.1:8081;
        }
        location /small {
            mcp_max_list 2k;
            proxy_pass http://127.0.0.1:8081;
        }
        location /deep {
            mcp_max_depth 8;
            proxy_pass http://127.0.0.1:8081;
        }
        location /sse {
            mcp_transport sse;
            proxy_pass http://127.0.0.1:8081;
        }
        location /gzip {
            gzip on;
            gzip_types text/event-stream;
            gzip_proxied any;
            proxy_pass http://127.0.0.1:8081;
        }
        location /cache {
            proxy_cache cache;
            proxy_cache_methods POST;
            proxy_cache_valid 10m;
            proxy_cache_key \$uri;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF
}

configure(1, 'secret*');
$t->run();


# A list as a server may write it, and what is to be seen of it.

sub tool {
    my ($name) = @_;
    return "{\"name\":\"$name\",\"x\":[12345678901234567890,1e400,\"\\u00e9"
        . "\\/\"],\"description\":\"d\xc3\xa9\"}";
}


sub list {
    my ($id, @names) = @_;
    return "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"tools\":["
        . join(',', map { tool($_) } @names) . '],"nextCursor":"n"}}';
}


sub open_stream {
    my ($method, $uri, $body, %options) = @_;

    my $client = $t->connect();
    $client->send_request($method, $uri, headers => $options{headers} || [],
                          defined $body ? (body => $body) : ());

    my $request = $upstream->next();
    $request->sse(headers => $options{answer} || [])
        unless $options{silent};

    return ($client, $request);
}


sub rest {
    my ($client) = @_;

    my $bytes = '';

    while ((my $piece = $client->body_piece()) ne '') {
        $bytes .= $piece;
    }

    return $bytes;
}


# What the client gets of a stream that is sent in these chunks.
sub through {
    my ($method, $uri, $body, @chunks) = @_;

    my ($client, $request) = open_stream($method, $uri, $body);

    $request->send(join('', map { sprintf("%x\r\n%s\r\n", length $_, $_) }
                            @chunks) . "0\r\n\r\n");
    $client->read_head();

    return rest($client);
}


sub pieces {
    my ($text, $size) = @_;

    my @pieces;

    while (length $text) {
        push @pieces, substr($text, 0, $size->(), '');
    }

    return @pieces;
}


my $ask = rpc('tools/list', {}, id => 7);
my $call = tool_call('echo', {}, id => 7);
my $seen = list(7, 'echo', 'add');
my $sent = list(7, qw/ secret echo hidden add secret2 /);
my $refusal = qr/"id":7,"error":\{"code":-32603|"error":\{"code":-32603.*"id":7/;


# Event by event: the server says the next only after the client has seen the
# last.

for my $case ([ 'POST', '/mcp', $ask ], [ 'GET', '/mcp' ],
              [ 'GET', '/mcp', undef,
                headers => [ 'Last-Event-ID' => 'e3' ] ])
{
    my ($method, $uri, $body, %options) = @$case;
    my $name = $options{headers} ? 'resumed GET' : $method;
    my ($client, $request) = open_stream($method, $uri, $body, %options);
    my $head = $client->read_head();

    is($head->status, 200, "$name: head before any event");
    is($head->header('Content-Type'), 'text/event-stream', "$name: type");
    is($request->header('Last-Event-ID'), 'e3', "$name: where to go on")
        if $options{headers};

    $request->chunk(': ping');
    my $bytes = '';
    $bytes .= $client->body_piece() while length $bytes < 6;
    is($bytes, ': ping', "$name: half a comment");
    $request->chunk("\n\n");
    $client->{events} = '';
    $client->{events} .= $client->body_piece() while length $client->{events}
        < 2;
    $client->{events} = '';

    $request->chunk("id: e0\nretry: 20\ndata:\n\n");
    is($client->read_event()->{raw}, "id: e0\nretry: 20\ndata:\n",
       "$name: priming event");

    for my $n (1 .. 3) {
        my $data = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\""
            . ",\"params\":{\"n\":$n}}";
        $request->event($data, id => "n$n");
        is($client->read_event()->{raw},
           "event: message\nid: n$n\ndata: $data\n", "$name: event $n");
    }

    $request->chunk("retry: 5\nid:  x \ndata: $sent\n\n");
    is($client->read_event()->{raw},
       "event: message\nretry: 5\nid:  x \ndata: $seen\n", "$name: list");

    $request->chunk("id: y\r\ndata:$seen\r\nevent:message\r\n\r\n");
    is($client->read_event()->{raw},
       "id: y\r\ndata:$seen\r\nevent:message\r\n",
       "$name: a list that may be seen whole");

    $request->end();
    is(rest($client), '', "$name: end");
}

ok((!grep { /gzip/ } map { $_->header('Accept-Encoding') // () }
    $upstream->requests()), 'nothing compressed is asked for');

{
    my ($client, $request) = open_stream('GET', '/mcp', undef,
        headers => [ 'Accept-Encoding' => 'gzip, br' ]);
    is($request->header('Accept-Encoding'), 'identity',
       'nor of a stream that may be resumed');
    $client->close();
    $request->wait_closed();
}


# The plainest model of it: the whole stream, line by line.

sub model {
    my ($text, %replaced) = @_;

    my ($out, $event, @data, @kept, $type) = ('', '');

    $out = $1 if $text =~ s/^(\xef\xbb\xbf)//;

    while ($text =~ s/^(.*?)(\r\n|\r|\n)//s) {
        my ($line, $end) = ($1, $2);

        if ($event eq '' && ($line eq '' || $line =~ /^:/)) {
            $out .= "$line$end";
            next;
        }

        $event .= "$line$end";

        if ($line eq '') {
            my $data = join("\n", @data);

            $out .= defined $replaced{$data}
                && ($type || 'message') eq 'message'
                ? "event: message\n" . join('', map { "$_\n" } @kept)
                    . "data: $replaced{$data}\n\n"
                : $event;

            ($event, $type, @data, @kept) = ('');
            next;
        }

        my ($field, $value) = $line =~ /^([^:]*):? ?(.*)$/s;

        push @data, $value if $field eq 'data';
        push @kept, $line if $line =~ /^(id|retry):/;
        $type = $value if $field eq 'event';
    }

    # A comment passes as it comes, an event only when it is complete.
    $out .= $text if $event eq '' && $text =~ /^:/;

    return $out;
}


my $lines = $sent =~ s/,/,\n/gr;
my $lines_seen = $seen =~ s/,/, /gr;
my $separators = list(7, 'secret', 'echo')
    =~ s/"d/"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\xe2\x80\xa7d/gr;
my $separators_seen = list(7, 'echo')
    =~ s/"d/"\\u2028\\u2029\\u0085\xe2\x80\xa7d/gr;
my %replaced = ($sent => $seen, $lines => $lines_seen,
                $separators => $separators_seen,
                list(7, 'secret') => list(7));

my @texts = map {
    my $text = $_;
    map { $text =~ s/\n/$_/gr } "\n", "\r\n", "\r"
} (
    ": hello\n\n:\n\nid: 0\ndata:\n\ndata: {\"method\":\"x\"}\n\n"
    . "id: 1\ndata: $sent\n\n: after\nevent: message\ndata: $seen\n\n:",
    "event: ping\ndata: $sent\n\nevent: message\nid: 2\n: in between\n"
    . join('', map { "data: $_\n" } split(/\n/, $lines))
    . "retry: 9\nunknown\nunknown: 2\n\nid: 3\n\nretry: 7\n\n",
    "data:$separators\nid:4\n\ndata: " . list(7, 'secret')
    . "\n\n\n\n\ndata: not JSON\n\nid: 5\ndata: $sent\n\ndata: "
    . "[1,\"two\",null]\n\nevent:\ndata: " . list(7, 'secret')
    . "\n\ndata: $sent\n",
    "\xef\xbb\xbfdata: $sent\n\n\xef\xbb\xbfdata: $sent\n\nid: 9\n"
    . "data: $sent\n\n"
);

srand(4);

for my $n (0 .. $#texts) {
    my $text = $texts[$n];
    my $expected = model($text, %replaced);
    my $name = 'stream ' . int($n / 3) . (' LF', ' CRLF', ' CR')[$n % 3];

    isnt($expected, $text, "$name: there is something to do");

    is(through('GET', '/mcp', undef, $text), $expected, "$name: whole");
    is(through('GET', '/mcp', undef, pieces($text, sub { 1 })), $expected,
       "$name: byte by byte");

    my $same = 0;

    for (1 .. 20) {
        my $most = 1 + int(rand(40));
        $same += through('GET', '/mcp', undef,
                         pieces($text, sub { 1 + int(rand($most)) }))
            eq $expected;
    }

    is($same, 20, "$name: in random pieces");
}

# Everywhere once

for my $end ("\n", "\r\n", "\r") {
    my $text = "\xef\xbb\xbf: c\n\nid: 1\ndata: $sent\n\n"
        . "event: x\ndata: 1\n\n: d\n";
    $text =~ s/\n/$end/g;

    my $expected = model($text, %replaced);
    my @wrong;

    for my $at (1 .. length($text) - 1) {
        push @wrong, $at
            if through('GET', '/mcp', undef, substr($text, 0, $at),
                       substr($text, $at)) ne $expected;
    }

    is("@wrong", '', 'cut at any byte');
}

# The answer that a POST waits for, whatever stands around it

for my $text (grep { !/not JSON/ } @texts) {
    is(through('POST', '/mcp', $ask, pieces($text, sub { 7 })),
       model($text, %replaced), 'the same on the stream of a POST');
}


# Events that are not JSON

my $broken = '{"jsonrpc":"2.0","id":7,"result":{"tools":[' . tool('secret');
my $got = through('POST', '/mcp', $ask, "id: 1\ndata: $broken\n\n",
                  "data: later\n\n");

like($got, qr/^event: message\nid: 1\ndata: \{[^\n]*\}\n\n/,
     'on the stream of a list request: another event');
like($got, $refusal, 'an error with the id of the request');
unlike($got, qr/secret/, 'and nothing of it');
like($got, qr/\n\ndata: later\n\n$/, 'once');

$got = through('POST', '/mcp', $ask, "data: $sent\n\ndata: not JSON\n\n");
is($got, "event: message\ndata: $seen\n\ndata: not JSON\n\n",
   'after the list it is nobody\'s business');

$got = through('POST', '/mcp', $ask, "event: x\ndata: not JSON\n\n",
               "data:\n\n", "id: 2\n\n", "data: $sent\n\n");
is($got, "event: x\ndata: not JSON\n\ndata:\n\nid: 2\n\n"
   . "event: message\ndata: $seen\n\n", 'of another type, or without data');

is(through('GET', '/mcp', undef, "data: not JSON\n\n", "data: {\n\n"),
   "data: not JSON\n\ndata: {\n\n", 'on a GET stream');

$got = through('POST', '/mcp', $ask, "id: 3\ndata: {\"jsonrpc\":\"2.0\",\"id\":"
               . "7,\"result\":{\"tools\":7}}\n\n");
like($got, $refusal, 'a list that is none: an error');
like($got, qr/^event: message\nid: 3\n/, 'in its place');

$got = through('GET', '/deep', undef, 'data: {"id":7,"result":{"tools":['
               . '{"name":"secret","x":' . '[' x 9 . ']' x 9 . "}]}}\n\n",
               'data: {"method":"x","x":' . '[' x 9 . ']' x 9 . "}\n\n");
unlike($got, qr/secret/, 'what is too deep to be read may be a list');
like($got, $refusal, 'whoever waits for it is told');
like($got, qr/\n\ndata: \{"method":"x".*\]\}\n\n$/s, 'unless it is none');

$got = through('GET', '/deep', undef, 'data: {"result":{"tools":['
               . '[' x 9 . ']' x 9 . "]},\ndata: \"id\":\"a\\n\\\"\"}\n\n");
like($got, qr/"id":"a\\n\\""/, 'by an id of any kind');

$got = through('GET', '/mcp', undef, "data: {\"id\":7,\"result\":{\"tools\":[{"
               . "\"name\":\"secret\",\"d\":\"\xff\"}]}}\n\n");
unlike($got, qr/secret/, 'bytes that are no UTF-8: clients read on');


# Batches

my $batch = '[' . rpc('tools/list', {}, id => 7) . ','
    . tool_call('echo', {}, id => 8) . ','
    . rpc('prompts/list', {}, id => 9) . ']';
my $result = '{"jsonrpc":"2.0","id":8,"result":{"content":[],"tools":'
    . '[{"name":"secret"}]}}';
my $prompts = '{"jsonrpc":"2.0","id":9,"result":{"prompts":[%s]}}';

is(through('POST', '/mcp', $batch, "id: 1\ndata: [$sent,$result,"
           . sprintf($prompts, '{"name":"p"}') . "]\n\n"),
   "event: message\nid: 1\ndata: [$seen,$result," . sprintf($prompts, '')
   . "]\n\n", 'a batch in one event; a result is left alone');

is(through('POST', '/mcp', $batch, "data: $result\n\ndata: $sent\n\n"),
   "data: $result\n\nevent: message\ndata: $seen\n\n",
   'a batch event by event');


# More than mcp_max_list

my $long = 'x' x 3000;
my $many = list(7, map { ("echo$_", 'secret') } 1 .. 30);

my ($client, $request) = open_stream('POST', '/small', $ask);
$request->chunk("id: 4\ndata: $many");
$client->read_head();
my $event = $client->read_event();
is($event->{id}, 4, 'a list that is too long: its event');
like($event->{data}, $refusal, 'is an error for the request');
is(rest($client), '', 'the stream ends');
ok($request->wait_closed(), 'upstream, too');
ok($t->wait_log(qr/cannot be filtered: it is larger than "mcp_max_list"/),
   'and it is logged');

my $notification = '{"jsonrpc":"2.0","method":"notifications/message",'
    . "\"params\":{\"data\":\"$long\"}}";

is(through('POST', '/small', $ask, "id: 1\ndata: $notification\n\n",
           "data: $sent\n\n"),
   "id: 1\ndata: $notification\n\nevent: message\ndata: $seen\n\n",
   'a notification of any length passes');

is(through('POST', '/small', $ask,
           pieces("id: 1\r\ndata: $notification\r\n\r\ndata: $sent\r\n\r\n",
                  sub { 100 })),
   "id: 1\r\ndata: $notification\r\n\r\nevent: message\ndata: $seen\n\n",
   'in pieces');

is(through('POST', '/small', $ask, "event: x\ndata: $many\n\ndata: $sent\n\n"),
   "event: x\ndata: $many\n\nevent: message\ndata: $seen\n\n",
   'and so does another type');

$got = through('POST', '/small', $ask, "event: x\ndata: $many\n",
               "event: message\n\n", "data: $sent\n\n");
unlike($got, qr/\n\n/, 'unless it is a message in the end');

$got = through('GET', '/small', undef, "id: 5\r\ndata: $many\r\n", "\r\n",
               "data: $sent\n\n");
like($got, qr/^event: message\nid: 5\ndata: \{[^\n]*-32603[^\n]*\}\n\n/,
     'on a GET stream: an error');
like($got, $refusal, 'with the id that the answer began with');
like($got, qr/\n\nevent: message\ndata: \Q$seen\E\n\n$/,
     'and the stream goes on');

$got = through('POST', '/small', $batch, "data: $many\n\n",
               "data: $result\n\n", "data: $sent\n\n");
like($got, qr/-32603[^\n]*\n\ndata: \Q$result\E\n\n/,
     'other requests of a batch get their answers');

is(through('GET', '/small', undef, 'data: {"result":{"tools":',
           "[]},\ndata: \"method\":\"$long\"}\n\n") =~ /-32603/, 1,
   'an answer with a method is an answer');


# Ends

is(through('POST', '/mcp', $ask, ": c\ndata: $sent\n"), ": c\n",
   'an event that is not completed is dropped');

for my $how ('close', 'reset') {
    ($client, $request) = open_stream('POST', '/mcp', $ask);
    $request->chunk(": c\n\ndata: " . substr($sent, 0, -10));
    $client->read_head();
    $request->$how();
    is(rest($client), ": c\n\n", "upstream, $how: the same");
    ok($client->{truncated}, 'and the client knows');
}

($client, $request) = open_stream('POST', '/mcp', $ask);
$request->chunk("id: 1\ndata:\n\n");
$client->read_head();
is($client->read_event()->{id}, 1, 'a primed stream');
$request->end();
is(rest($client), '', 'may end without an answer');

for my $how ('close', 'reset') {
    ($client, $request) = open_stream('GET', '/mcp');
    $request->chunk("data: 1\n\ndata: " . substr($sent, 0, -10));
    $client->read_head();
    is($client->read_event()->{data}, 1, 'in the middle of an event');
    $client->$how();
    ok($request->wait_closed(), "the client's $how is told");
}


# What is not asked for is not looked at

my $odd = "data: $broken\r\rdata:x\n\xff\r\n\r\nevent: message\ndata: $sent\n\n"
    . "data: {\"id\":7,\"result\":{\"tools\":[{\"name\":\"secret\"}]}}\n\nopen";

is(through('POST', '/mcp', $call, pieces($odd, sub { 3 })), $odd,
   'the answer of a tool call');
is(through('POST', '/off', $ask, $odd), $odd, 'mcp_list_filter off');
is(through('GET', '/off', undef, $odd), $odd, 'and GET');
is(through('POST', '/dry', $ask, $odd), $odd, 'mcp_dry_run on');
is(through('GET', '/dry', undef, $odd), $odd, 'and GET');


# Other answers

for my $status (404, 500) {
    $client = $t->connect();
    $client->send_request('POST', '/mcp', body => $ask);
    $upstream->next()->respond($status, type => 'text/event-stream',
                               body => "data: $sent\n\n");
    my $response = $client->read_response();
    is($response->status, $status, "status $status stays");
    is($response->body, "event: message\ndata: $seen\n\n", 'with less in it');
}

$client = $t->connect();
$client->send_request('HEAD', '/mcp');
$upstream->next()->send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n"
                        . "Content-Type: text/event-stream\r\n\r\n");
my $response = $client->read_response(head => 1);
is($response->header('Content-Length'), 99, 'HEAD is not touched');

$client = $t->connect();
$client->send_request('GET', '/mcp', headers => [ 'If-None-Match' => '"x"' ]);
$upstream->next()->send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n"
                        . "Content-Type: text/event-stream\r\n\r\n");
is($client->read_response()->status, 304, '304 neither');

for my $case ([ 'POST', $ask ], [ 'GET' ]) {
    my ($method, $body) = @$case;

    ($client, $request) = open_stream($method, '/mcp', $body,
        answer => [ 'Content-Encoding' => 'gzip' ]);
    $request->chunk("data: $sent\n\n")->end();
    $response = $client->read_response();

    is($response->status, 502, "compressed all the same, $method: refused");
    is($response->header('Content-Encoding'), undef, 'in plain text');
    is($response->header('Content-Type'), 'application/json', 'in JSON');
    is($response->json->{error}{code}, -32603, 'as an error');
    is($response->json->{id}, 7, 'of the request') if $body;
    unlike($response->body, qr/secret/, 'without the list');
}

($client, $request) = open_stream('POST', '/mcp', $ask,
                                  answer => [ 'Content-Encoding' => 'Identity' ]);
$request->chunk("data: $sent\n\n")->end();
is($client->read_response()->body, "event: message\ndata: $seen\n\n",
   'Content-Encoding: identity is none');


# On a connection that is kept

$client = $t->connect();

for my $n (1 .. 3) {
    $client->send_request('POST', '/mcp', body => $ask);
    $upstream->next()->sse()->chunk("data: $sent\n\n")->end();
    is($client->read_response()->body, "event: message\ndata: $seen\n\n",
       "request $n of a connection");
}


# From nginx's cache

for my $how ('the server', 'the cache') {
    $client = $t->connect();
    $client->send_request('POST', '/cache', body => $ask);
    $upstream->next()->respond(200, type => 'text/event-stream',
                               body => "data: $sent\n\n")
        if $how eq 'the server';
    is($client->read_response()->body, "event: message\ndata: $seen\n\n",
       "a stream of $how");
}


# gzip behind us: each event at once

$client = $t->connect();
$client->send_request('POST', '/gzip', body => $ask,
                      headers => [ 'Accept-Encoding' => 'gzip' ]);
$request = $upstream->next();
is($request->header('Accept-Encoding'), 'identity', 'gzip is asked of nginx');
$request->sse();
is($client->read_head()->header('Content-Encoding'), 'gzip', 'which does it');

my $inflate = Compress::Raw::Zlib::Inflate->new(-WindowBits => WANT_GZIP);

for my $case ([ "data: 1\n\n" ], [ "data: $sent\n\n",
                                   "event: message\ndata: $seen\n\n" ],
              [ ": c\n" ], [ "data: 2\n\n" ])
{
    my ($sent, $expected) = @$case;
    my $plain = '';

    $request->chunk($sent);

    until (length $plain >= length($expected // $sent)) {
        my $bytes = $client->body_piece();
        last if $bytes eq '';
        $inflate->inflate($bytes, my $out);
        $plain .= $out;
    }

    is($plain, $expected // $sent, 'an event through gzip');
}

$request->end();
rest($client);


# HTTP/2

SKIP: {
    skip('no HTTP/2', 1)
        unless `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

    my $h2 = $t->h2(port => 8082);

    for my $case ([ 'POST', $ask ], [ 'GET' ]) {
        my ($method, $body) = @$case;
        my $stream = $h2->request('/mcp', method => $method, body => $body);
        my $request = $upstream->next()->sse();

        $request->event('1', id => 1);
        is($h2->read_event($stream)->{data}, 1, "HTTP/2 $method: an event");
        $request->chunk("id: 2\n")->chunk("data: $sent\n")->chunk("\n");
        is($h2->read_event($stream)->{raw},
           "event: message\nid: 2\ndata: $seen\n", 'a list');
        $request->event('3');
        is($h2->read_event($stream)->{data}, 3, 'another');
        $request->chunk("data: $sent")->end();
        is($h2->read_event($stream), undef, 'end');
    }

    my $stream = $h2->request('/small', body => $ask);
    my $request = $upstream->next()->sse();
    $request->chunk("data: $many");
    like($h2->read_event($stream)->{data}, $refusal, 'HTTP/2: too long');
    is($h2->read_event($stream), undef, 'the end');
    ok($request->wait_closed(), 'upstream, too');
    $h2->close();
}


# HTTP+SSE: who asked is known to another worker, if to any.  Refusals come
# between the events, lists among them.

configure(4, 'secret*');
$t->reload();

($client, $request) = open_stream('GET', '/sse');
my $worker = $client->read_head()->header('X-Worker');
$request->event('/sse/message?sessionId=s', event => 'endpoint');
is($client->read_event()->{event}, 'endpoint', 'HTTP+SSE');

my (%workers, @wrong, %got);
my $rounds = 60;

for my $n (1 .. $rounds) {
    my $poster = $t->connect();
    $poster->send_request('POST', '/sse/message?sessionId=s',
                          body => rpc('tools/list', {}, id => $n));
    $upstream->next()->respond(202);
    my $response = $poster->read_response();
    $workers{$response->header('X-Worker')}++;

    my $event = "id: $n\ndata: " . list($n, qw/ echo secret add hidden /)
        . "\n\n";
    my $at = 1 + int(rand(length($event) - 1));

    $request->chunk(substr($event, 0, $at));
    $response = $t->post(tool_call('forbidden', {}, id => 1000 + $n),
                         uri => '/sse/message?sessionId=s');
    push @wrong, $response->status if $response->status != 202;
    $request->chunk(substr($event, $at));
}

for (1 .. 2 * $rounds) {
    my $event = $client->read_event();
    my $message = $json->decode($event->{data});
    my $n = $message->{id};

    $got{$n}++;

    push @wrong, $event->{raw} if $n < 1000
        && $event->{raw} ne "event: message\nid: $n\ndata: "
            . list($n, 'echo', 'add') . "\n";
    push @wrong, $event->{raw}
        if $n > 1000 && $event->{raw} !~ /POLICY DENIED/;
}

is("@wrong", '', 'lists by shape, and refusals');
is(scalar(keys %got), 2 * $rounds, 'each of them');
cmp_ok(scalar keys %workers, '>', 1, 'asked for through several workers');

# An event that is too large to be held is not broken either; of one that was
# replaced the client knows nothing

my ($held, $holder) = open_stream('GET', '/small');
$holder->event('/sse/message?sessionId=p', event => 'endpoint');
$worker = $held->read_head()->header('X-Worker');
$held->read_event();

# The stream's own worker delivers at once, if it can.
sub refuse_there {
    for my $n (1 .. 500) {
        my $response = $t->post(tool_call('forbidden', {}, id => $n),
                                uri => '/sse/message?sessionId=p');
        return $n if $response->header('X-Worker') == $worker;
    }
}

$holder->chunk('data: ' . substr($notification, 0, -10));
$held->{events} .= $held->body_piece()
    until length $held->{events} >= length($notification) - 10;

my $refused = refuse_there();
ok($refused, 'a refusal waits');
$holder->chunk(substr($notification, -10) . "\n\n");
is($held->read_event()->{data}, $notification, 'for the end of the event');
is($json->decode($held->read_event()->{data})->{id}, $_, 'and follows it')
    for 1 .. $refused;

$holder->chunk("data: $many");
like($held->read_event()->{data}, $refusal, 'an event is replaced');
is($json->decode($held->read_event()->{data})->{id}, $_,
   'a refusal does not wait for its end') for 1 .. refuse_there();
$holder->chunk("\n\ndata: 3\n\n");
is($held->read_event()->{raw}, "data: 3\n", 'then the next event');
$held->close();
$holder->wait_closed();

# Old streams keep their policy over a reload

configure(4, 'echo');
$t->reload();
$request->event(list(1, qw/ echo secret /));
is($client->read_event()->{data}, list(1, 'echo'),
   'an open stream has the policy that it began with');
$client->close();
$request->wait_closed();

($client, $request) = open_stream('GET', '/mcp');
$client->read_head();
$request->event(list(1, qw/ echo add /));
is($client->read_event()->{data}, list(1, 'add'), 'a new one the new');
$client->close();

done_testing();
