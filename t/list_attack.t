#!/usr/bin/perl

# A server that wants its client to see what the policy hides: answers that
# the gateway could read in another way than the clients do.  What a client
# may read as a list is filtered or withheld.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw/ encode /;

use MCPTest;

my $t = MCPTest->new(timeout => 90);

my $secret = '{"name":"secret","inputSchema":{"type":"object"}}';
my $echo = '{"name":"echo","inputSchema":{"type":"object"}}';
my $all = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$secret,"
    . "$echo]}}";
my $left = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$echo]}}";
my $list = rpc('tools/list', undef, id => 7);
my @accept = (Accept => 'text/event-stream');

mkdir $t->dir() . '/files';
$t->write_file('files/all.sse', "data: $all\n\n");
$t->write_file('files/all.txt', "data: $all\n\n");

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 1;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    types { text/event-stream sse; text/plain txt; }

    mcp_policy tools { tool echo { } }
    mcp_enforce tools;

    server {
        listen 127.0.0.1:8080;

        location / { proxy_pass http://127.0.0.1:8081; }
        location /off {
            mcp_list_filter off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /sse {
            mcp_transport sse;
            proxy_pass http://127.0.0.1:8081;
        }
        location /pages {
            proxy_intercept_errors on;
            error_page 404 =200 /files/all.sse;
            error_page 410 =200 /files/all.txt;
            proxy_pass http://127.0.0.1:8081;
        }
        location /files/ {
            mcp_enforce off;
            internal;
            alias %%TESTDIR%%/files/;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);

$t->run();


sub stream {
    my ($body, $type) = @_;
    return MCPTest::Upstream::response(200, {
        body => $body, chunked => 1, type => $type || 'text/event-stream' });
}


sub post { return $t->post($list, uri => $_[0] // '/') }


# The charset, by which some clients decode whatever the specification says

for my $charset ('utf-16-le', 'UTF-16', 'utf-7', '"utf-16"', 'iso-8859-1',
                 'utf-8-sig', 'utf-8; charset=utf-16')
{
    my $bytes = $charset =~ /16/ ? encode('UTF-16LE', "data: $all\n\n")
                                 : "data: $all\n\n";

    for my $type ("text/event-stream; charset=$charset",
                  "Text/Event-Stream;Charset=$charset",
                  "text/event-stream; x=1; charset=$charset")
    {
        $upstream->reply(stream($bytes, $type));
        my $r = post();
        is($r->status, 502, "stream, $type");
        unlike($r->body, qr/s\0?e\0?c\0?r\0?e\0?t/, 'nothing of it');
        is($r->json()->{id}, 7, 'the error of the request');

        $upstream->reply(stream($bytes, $type));
        $r = $t->get('/', headers => \@accept);
        is($r->status, 502, "GET, $type");
    }

    $upstream->reply(stream($all, "application/json; charset=$charset"));
    is(post()->status, 502, "JSON, charset=$charset");
}

for my $type ("text/event-stream; charset*=utf-8''utf-16",
              'text/event-stream; charset = utf-16',
              'text/event-stream, text/plain',
              'text/event-stream x')
{
    $upstream->reply(stream("data: $all\n\n", $type));
    is(post()->status, 502, "stream, $type");
}

for my $parameters ('', '; charset=utf-8', ';charset=UTF-8', '; x=1',
                    '; charset="utf-8"')
{
    $upstream->reply(stream("data: $all\n\n",
                            "text/event-stream$parameters"));
    like(post()->body, qr/^data: \Q$left\E$/m, "stream, '$parameters'");

    $upstream->reply(stream($all, "application/json$parameters"));
    is(post()->body, $left, "JSON, '$parameters'");
}

$upstream->reply(stream("data: $all\n\n", 'text/event-stream;charset=x'));
is($t->post($list, uri => '/off')->body, "data: $all\n\n",
   'any charset where nothing is filtered');

# Bytes that one client takes for a mark, in front of the name of a field

my $latin = encode('UTF-8', "\x{ef}\x{bb}\x{bf}");
my $mark = "\xef\xbb\xbf";

for my $front ($latin, "$mark$latin", "$mark$mark", "\xff", "\xef", "\xef\xbb")
{
    for my $bytes ("${front}data: $all\n\n",
                   "${front}event: x\ndata: $all\n\n",
                   "${front}id: 1\n\ndata: $all\n\n")
    {
        for my $request ([ 'POST', '/', $list ], [ 'GET', '/' ],
                         [ 'GET', '/sse' ])
        {
            my ($method, $uri, $body) = @$request;

            $upstream->reply(stream($bytes));
            my $r = $method eq 'POST' ? $t->post($body, uri => $uri)
                                      : $t->get($uri, headers => \@accept);
            unlike($r->body, qr/data/,
                   "$method $uri, " . unpack('H*', $front) . ' in front');
        }
    }
}

like($t->log(), qr/name of the first field begins with no ASCII/, 'it is logged');

# The same, byte by byte; behind the first line nobody drops them

{
    my $client = $t->connect();
    $upstream->clear()->hold();
    $client->send_request('GET', '/', headers => \@accept);
    my $request = $upstream->next();

    $request->sse();
    $client->read_head();
    $request->chunk($_) for split //, "${latin}data: $all\n\n";
    is($client->body_piece(), '', 'the stream ends');
    $client->close();
    $request->wait_closed();
    $upstream->clear()->hold(0);
}

for my $front (':', "\n", "id: 1\n\n") {
    my $bytes = "$front\n${latin}data: $all\n\n";
    $upstream->reply(stream($bytes));
    is(post()->body, $bytes, 'the name of a field that nobody knows');
}

# A stream by any other name, for a client that has asked for one

for my $type ('text/plain', 'application/json', 'text/event-streams',
              'text/event-stream-x', 'application/octet-stream')
{
    for my $uri ('/', '/sse') {
        $upstream->reply(stream("data: $all\n\n", $type));
        my $r = $t->get($uri, headers => \@accept);
        is($r->status, 502, "GET $uri, $type");
        unlike($r->body, qr/secret/, 'withheld');
    }

    $upstream->reply(stream("data: $all\n\n", $type));
    is($t->get('/', headers => [ Accept => 'application/json, '
                                 . 'Text/Event-Stream;q=0.5' ])->status, 502,
       "$type, to a client that accepts it among others");

    $upstream->reply(stream('page', $type));
    is($t->get('/', headers => [ Accept => 'text/html, */*' ])->body, 'page',
       "$type, to a browser");

    $upstream->reply(stream('page', $type));
    is($t->get('/off', headers => \@accept)->body, 'page',
       "$type, where nothing is filtered");

    $upstream->respond(405, type => $type, body => 'no stream here');
    is($t->get('/', headers => \@accept)->body, 'no stream here',
       "405, $type");
}

# Out of files

for my $status (404, 410) {
    for my $uri ('/pages') {
        $upstream->respond($status);
        unlike($t->get($uri, headers => \@accept)->body, qr/secret/,
               "GET, error_page $status");

        $upstream->respond($status);
        unlike(post($uri)->body, qr/secret/, "POST, error_page $status");
    }
}

for my $file ('all.sse', 'all.txt') {
    my $reply = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /files/$file\r\n"
        . "Content-Length: 0\r\n\r\n";

    $upstream->reply($reply);
    unlike($t->get('/', headers => \@accept)->body, qr/secret/,
           "GET, X-Accel-Redirect to $file");

    $upstream->reply($reply);
    unlike(post()->body, qr/secret/, "POST, X-Accel-Redirect to $file");

    # a range of it

    $upstream->reply($reply);
    unlike($t->get('/', headers => [ @accept, Range => 'bytes=2-' ])->body,
           qr/secret/, "a range of $file");
}

# JSON that parsers read in two ways

for my $body ($mark . $all,
              encode('UTF-16', $all), encode('UTF-16LE', $all),
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$echo]},"
              . "\"result\":{\"tools\":[$secret]}}",
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$echo],"
              . "\"tools\":[$secret]}}",
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$echo],"
              . "\"t\\u006fols\":[$secret]}}",
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[$echo],"
              . "\"x\":NaN,\"y\":[$secret]}}",
              "[$all,$all]", "$all\n$all", "$all\0", "\0$all",
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"Result\":{\"tools\":[$secret"
              . "]}}",
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[[$secret"
              . "]]}}",
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":"
              . "\"echo\",\"name\":\"secret\"}]}}",
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":"
              . "\"echo\",\"n\\u0061me\":\"secret\"}]}}",
              "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{\"tools\":[$secret"
              . "]}}")
{
    my $what = substr($body, 0, 200);

    $what =~ s/([^ -~])/sprintf('\\x%02x', ord $1)/ge;

    for my $answer ([ 'JSON', $body, 'application/json' ],
                    [ 'event', "data: $body\n\n" ])
    {
        my ($form, $bytes, $type) = @$answer;

        $upstream->reply(stream($bytes, $type));
        unlike(post()->body, qr/s\0?e\0?c\0?r\0?e\0?t/, "$form: $what");
    }
}

$t->allow_log(qr/mcp policy/);
$t->done_testing();
