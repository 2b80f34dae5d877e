#!/usr/bin/perl

# HTTP+SSE, the transport of 2024-11-05: the answer to a POST is ignored, so
# a refusal has to appear on the client's event stream, whichever worker holds
# that.  Its bytes are otherwise what the upstream sent.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Raw::Zlib;
use JSON::PP;

use MCPTest;

my $json = JSON::PP->new->utf8;

my $t = MCPTest->new(timeout => 120);
my $upstream = $t->upstream(8081)->hold();

sub configure {
    my ($workers) = @_;

    return $t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
worker_processes $workers;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy tools {
        tool echo { }
        tool forbidden { deny "never"; }
    }
    server {
        listen 127.0.0.1:8080 reuseport;
        listen 127.0.0.1:8082 http2;
        add_header X-Worker \$pid always;
        keepalive_requests 100000;

        proxy_http_version 1.1;
        proxy_set_header Connection "";

        mcp_enforce tools;
        mcp_transport sse;

        location / {
            proxy_pass http://127.0.0.1:8081;
        }

        location /plain {
            mcp_list_filter off;
            proxy_pass http://127.0.0.1:8081;
        }

        location /zipped {
            gzip on;
            gzip_types text/event-stream;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF
}


sub post {
    my ($session, $tool, $id, %options) = @_;
    return $t->post(tool_call($tool, {}, id => $id),
                    uri => "/message?sessionId=$session", %options);
}


# A client's stream whose endpoint both sides know.
sub open_stream {
    my ($endpoint, %options) = @_;

    my $client = $t->connect();
    $client->send_request('GET', $options{uri} || '/sse',
                          headers => $options{headers} || []);

    my $request = $upstream->next();
    $request->sse(headers => $options{answer} || []);
    $request->event($endpoint, event => 'endpoint');

    my $head = $client->read_head();
    my $event = $client->read_event();

    return { client => $client, request => $request, head => $head,
             endpoint => $event, worker => $head->header('X-Worker') };
}


sub data { $json->decode($_[0]{data}) }


configure(1);
$t->run();

# One worker

my $s = open_stream('/message?sessionId=one');

is($s->{endpoint}{event}, 'endpoint', 'the endpoint event passes');
is($s->{endpoint}{data}, '/message?sessionId=one', 'unchanged');

my $response = post('one', 'forbidden', 7);

is($response->status, 202, 'a refused call is accepted');
is($response->body, '', 'with no body');

my $event = $s->{client}->read_event();

is($event->{event}, 'message', 'the refusal is on the stream');
is(data($event)->{id}, 7, 'with the id of the call');
like($event->{data}, qr/\[POLICY DENIED\] never/, 'and its message');
is($event->{raw}, "event: message\ndata: $event->{data}\n",
   'as one event of two lines');

$s->{request}->event('{"n":1}', id => 'e1');
$event = $s->{client}->read_event();
is($event->{raw}, "event: message\nid: e1\ndata: {\"n\":1}\n",
   'the stream goes on');

is($upstream->count, 1, 'the call did not reach the upstream');

post('one', 'hidden', 'a');
is(data($s->{client}->read_event())->{error}{code}, -32602,
   'an unknown tool is refused on the stream, too');

$response = $t->post('{"jsonrpc":"1.0","id":9,"method":"x"}',
                     uri => '/message?sessionId=one');
is($response->status, 202, 'and so is a malformed message with an id');
is(data($s->{client}->read_event())->{id}, 9, 'on the stream');

$response = $t->post('{"jsonrpc":"2.0",', uri => '/message?sessionId=one');
is($response->status, 400, 'one without an id is refused by HTTP');

# An allowed call

my $client = $t->connect();
$client->send_request('POST', '/message?sessionId=one',
                      body => tool_call('echo', {}, id => 8));
my $request = $upstream->next();
$request->respond(202);
is($client->read_response()->status, 202, 'an allowed call passes');
is($request->json->{id}, 8, 'to the upstream');

# An event that has begun is held where lists are filtered: nothing waits

$s->{request}->chunk("event: message\nda");
post('one', 'forbidden', 19);
is(data($s->{client}->read_event())->{id}, 19,
   'a refusal does not wait for an event that has begun');
$s->{request}->chunk("ta: {\"n\":\"first\"}\n\n");
is($s->{client}->read_event()->{raw}, "event: message\ndata: {\"n\":\"first\"}\n",
   'which is not broken');

$s->{request}->chunk(": half a com");
1 until ($s->{client}{events} .= $s->{client}->body_piece()) =~ /com$/;
post('one', 'forbidden', 18);
$s->{request}->chunk("ment\n");
is($s->{client}->read_event()->{raw} =~ s/data:.*id":(\d+).*/$1/r,
   ": half a comment\nevent: message\n18\n", 'nor is a comment');
$s->{client}->close();
$s->{request}->wait_closed();

# Not within an event

$s = open_stream('/message?sessionId=one', uri => '/plain');

$s->{request}->chunk("event: message\nda");
post('one', 'forbidden', 20);
$s->{request}->chunk("ta: {\"n\":\"first\"}\n");
$s->{request}->chunk("\n");
is(data($s->{client}->read_event())->{n}, 'first',
   'an event that has begun is not broken');
is(data($s->{client}->read_event())->{id}, 20, 'the refusal comes after it');

# Slots of the box are used again; the order stays that of the calls

my $first = open_stream('/message?sessionId=first', uri => '/plain');
$s->{request}->chunk('data: {');
$first->{request}->chunk('data: {');

for my $client ($s->{client}, $first->{client}) {
    $client->{events} .= $client->body_piece()
        until $client->{events} =~ /data: /;
}

post('first', 'forbidden', 1);
post('one', 'forbidden', 21);
$first->{request}->chunk("}\n\n");
$first->{client}->read_event();
is(data($first->{client}->read_event())->{id}, 1, 'a message is taken');
post('one', 'forbidden', 22);
post('one', 'forbidden', 23);
$s->{request}->chunk("}\n\n");
$s->{client}->read_event();
is(join(' ', map { data($s->{client}->read_event())->{id} } 1 .. 3),
   '21 22 23', 'others come in their order');
$first->{client}->close();

# Streams in CRLF and CR, cut anywhere

for my $end ("\r\n", "\r") {
    my $client = $t->connect();
    my $name = $end eq "\r" ? 'CR' : 'CRLF';

    $client->send_request('GET', '/sse');
    my $request = $upstream->next()->sse();
    $request->chunk($_) for split(//, "event: endpoint${end}"
                                  . "data: /message?sessionId=$name$end$end");
    $client->read_head();

    my $bytes = '';
    $bytes .= $client->body_piece() until length $bytes
        >= length "event: endpoint${end}data: /message?sessionId=$name$end$end";

    is(post($name, 'forbidden', 1)->status, 202, "endpoint in $name");

    $bytes = '';
    $bytes .= $client->body_piece() until $bytes =~ /\n\n$/;
    like($bytes, qr/^event: message\ndata: .*"id":1.*\n\n$/,
         "refusal between $name events");
    $client->close();
}

# Endpoints of other forms

for my $endpoint ('http://127.0.0.1/message?sessionId=abs',
                  '/other/path?sessionId=abs#fragment', '?sessionId=abs')
{
    my $s = open_stream($endpoint);
    is(post('abs', 'forbidden', 3)->status, 202, "endpoint $endpoint");
    is(data($s->{client}->read_event())->{id}, 3, 'delivers');
    $s->{request}->end();
    is($s->{client}->read_event(), undef, 'end of the stream');
}

my $path = open_stream('/messages/5e55');
is($t->post(tool_call('forbidden', {}, id => 4),
            uri => '/messages/5e55')->status, 202, 'session in the path');
is(data($path->{client}->read_event())->{id}, 4, 'delivers');
is($t->post(tool_call('forbidden', {}, id => 4),
            uri => '/messages/5e56')->status, 400, 'another session does not');

my $again = open_stream('/messages/5e55');
is($t->post(tool_call('forbidden', {}, id => 5),
            uri => '/messages/5e55')->status, 400,
   'two streams of one URL: nobody knows whose call it is');
$path->{client}->close();
$path->{request}->wait_closed();
is($t->post(tool_call('forbidden', {}, id => 6),
            uri => '/messages/5e55')->status, 202, 'one is left');
is(data($again->{client}->read_event())->{id}, 6, 'and gets it');
$again->{client}->close();

# Long endpoint, no endpoint

my $long = open_stream('/message?sessionId=' . 'x' x 3000);
is(post('x' x 3000, 'forbidden', 1)->status, 400, 'an endpoint too long');
$long->{client}->close();

# Nobody listens

$response = post('nobody', 'forbidden', 1);
is($response->status, 400, 'no stream: an HTTP error');
is($response->json->{id}, 1, 'with the refusal as body');
is($response->header('Content-Type'), 'application/json', 'in JSON');

$s->{client}->close();
$s->{request}->wait_closed();
is(post('one', 'forbidden', 1)->status, 400, 'the client closed its stream');

$s = open_stream('/message?sessionId=two');
$s->{client}->reset();
$s->{request}->wait_closed();
is(post('two', 'forbidden', 1)->status, 400, 'the client reset its stream');

$s = open_stream('/message?sessionId=three');
$s->{request}->end();
is($s->{client}->read_event(), undef, 'the upstream ended the stream');
is(post('three', 'forbidden', 1)->status, 400, 'it takes no more refusals');

$s = open_stream('/message?sessionId=four');
$s->{request}->close();
is($s->{client}->read_event(), undef, 'the upstream broke off');
is(post('four', 'forbidden', 1)->status, 400, 'likewise');

# Left for a stream that ends in the middle of an event

$s = open_stream('/message?sessionId=five', uri => '/plain');
$s->{request}->chunk("data: unfin");
1 until $s->{client}->body_piece() =~ /unfin/;
is(post('five', 'forbidden', 1)->status, 202, 'a refusal waits');
$s->{request}->close();
1 while $s->{client}->body_piece() ne '';
ok($t->wait_log(qr/event stream ended before 1 refusals were sent/),
   'and is dropped with a log line');

# Streams that nothing can be put into

$s = open_stream('/message?sessionId=six', uri => '/plain',
                 answer => [ 'Content-Encoding' => 'gzip' ]);
is(post('six', 'forbidden', 1)->status, 400, 'a compressed stream');
$s->{client}->close();

# What nginx itself compresses is another matter

my $zipped = $t->connect();
$zipped->send_request('GET', '/zipped',
                      headers => [ 'Accept-Encoding' => 'gzip' ]);
$request = $upstream->next()->sse();
$request->event('/message?sessionId=seven', event => 'endpoint');
is($zipped->read_head()->header('Content-Encoding'), 'gzip',
   'compressed by nginx');

my $inflate = Compress::Raw::Zlib::Inflate->new(-WindowBits => WANT_GZIP);
my $plain = '';

while ($plain !~ /"id":1/) {
    my $bytes = $zipped->body_piece();

    $inflate->inflate($bytes, my $out);
    $plain .= $out;

    if ($plain =~ /sessionId=seven\n\n$/) {
        is(post('seven', 'forbidden', 1)->status, 202, 'a refusal');
    }
}

like($plain, qr/\n\nevent: message\ndata: [^\n]*\n\n$/, 'delivered');
$zipped->close();

# HTTP/2

SKIP: {
    skip('no HTTP/2', 1)
        unless `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

    my $h2 = $t->h2(port => 8082);
    my $stream = $h2->request('/sse', method => 'GET');
    my $request = $upstream->next()->sse();

    $request->event('/message?sessionId=h2', event => 'endpoint');
    is($h2->read_event($stream)->{event}, 'endpoint', 'HTTP/2 stream');
    is(post('h2', 'forbidden', 2)->status, 202, 'refused');
    is(data($h2->read_event($stream))->{id}, 2, 'delivered');

    my $call = $h2->request('/message?sessionId=h2',
                            body => tool_call('forbidden', {}, id => 3));
    is($h2->response($call)->status, 202,
       'a call on the same connection');
    is(data($h2->read_event($stream))->{id}, 3, 'delivered');
    $h2->close();
    $request->wait_closed();
    is(post('h2', 'forbidden', 2)->status, 400, 'and gone');
}

# Reload with an open stream

$s = open_stream('/message?sessionId=reload');
my $old = $s->{worker};
$t->reload();
$response = post('reload', 'forbidden', 1);
isnt($response->header('X-Worker'), $old, 'after a reload: a new worker');
is($response->status, 202, 'knows the stream of the old one');
is(data($s->{client}->read_event())->{id}, 1, 'which delivers');
$s->{request}->event('{"n":2}');
is(data($s->{client}->read_event())->{n}, 2, 'and streams on');
$s->{request}->end();
is($s->{client}->read_event(), undef, 'to the end');
ok($t->wait_until(sub { !-e "/proc/$old" }), 'then the old worker leaves');

# Many refusals between real events

configure(4);
$t->reload();

$s = open_stream('/message?sessionId=many');

my (%expected, %got, %workers);
my $keep = $t->connect();

for my $n (1 .. 100) {
    my $event = "id: $n\nevent: message\ndata: {\"n\":$n,\ndata: \"x\":\"y\"}";
    my $at = 1 + $n % (length($event) - 1);

    $s->{request}->chunk(substr($event, 0, $at));

    # on one connection and on new ones, hence on any worker

    my $response;

    if ($n % 2) {
        $keep->send_request('POST', '/message?sessionId=many',
                            body => tool_call('forbidden', {},
                                              id => 1000 + $n));
        $response = $keep->read_response();
    } else {
        $response = post('many', 'forbidden', 1000 + $n);
    }

    $expected{1000 + $n} = 1 if $response->status == 202;
    $workers{$response->header('X-Worker')}++;

    $s->{request}->chunk(substr($event, $at) . "\n\n");
    $expected{$n} = 1;
}

is(keys %expected, 200, 'every refusal was accepted');
cmp_ok(scalar keys %workers, '>', 1, 'by more than one worker');
cmp_ok($workers{$s->{worker}} || 0, '<', 100,
       'and not by that of the stream alone');

my (@ids, @broken);

for (1 .. 200) {
    my $event = $s->{client}->read_event();
    my $message = eval { data($event) };

    if (!$message) {
        push @broken, $event->{raw};
        next;
    }

    my $number = $message->{id} || $message->{n};
    $got{$number}++;
    push @ids, $message->{id} if $message->{id};
}

is(join("\n", @broken), '', 'no event was broken');
is(join(' ', sort { $a <=> $b } keys %got),
   join(' ', sort { $a <=> $b } keys %expected), 'each came');
is(scalar(grep { $_ > 1 } values %got), 0, 'once');
is(join(' ', @ids), join(' ', 1001 .. 1100), 'in order');

# A worker that surely is another one

my $other;

for (1 .. 200) {
    my $response = post('many', 'forbidden', 5000);
    $s->{client}->read_event();

    next if $response->header('X-Worker') == $s->{worker};
    $other = $response;
    last;
}

ok($other, 'a call on another worker');
is($other->status, 202, 'delivered across workers');

# A client that does not read: the box fills, memory does not

sub memory {
    my ($pid) = @_;
    open(my $file, '<', "/proc/$pid/status") or return 0;
    my ($rss) = join('', <$file>) =~ /VmRSS:\s+(\d+)/;
    return $rss;
}

$s = open_stream('/message?sessionId=slow');
my $big = '{"n":0,"x":"' . 'x' x 100000 . '"}';
$s->{request}->event($big) for 1 .. 40;

my ($taken, $full) = (0, 0);
my $client2 = $t->connect();
my $before;

for my $n (1 .. 3000) {
    $client2->send_request('POST', '/message?sessionId=slow',
                           body => tool_call('forbidden', {}, id => $n));
    my $status = $client2->read_response()->status;

    $taken++ if $status == 202;
    $full++ if $status == 400;
    $before = memory($s->{worker}) if $n == 500;
}

is($taken + $full, 3000, 'a flood of calls is answered');
cmp_ok($full, '>', 0, 'the box of a client that does not read gets full');

SKIP: {
    skip('a sanitizer keeps what is freed', 1) if $ENV{TEST_SANITIZE};
    cmp_ok(memory($s->{worker}) - $before, '<', 1000,
           'the memory of the worker does not grow');
}

my ($read, $last, $order) = (0, 0, 1);

for (1 .. 40 + $taken) {
    my $message = data($s->{client}->read_event());

    next unless $message->{id};
    $order &&= $message->{id} > $last;
    $last = $message->{id};
    $read++;
}

is($read, $taken, 'what was accepted is delivered when the client reads');
ok($order, 'in order');

is(post('slow', 'forbidden', 9999)->status, 202, 'the box is free again');
is(data($s->{client}->read_event())->{id}, 9999, 'and works');

$s->{client}->close();
$s->{request}->wait_closed();

# Many streams at once, each gets its own

my @streams = map { open_stream("/message?sessionId=s$_") } 1 .. 40;

post("s$_", 'forbidden', $_) for 1 .. 40;

is(join(' ', map { data($_->{client}->read_event())->{id} } @streams),
   join(' ', 1 .. 40), 'forty streams');

$_->{client}->close() for @streams;
$_->{request}->wait_closed() for @streams;

is(post('s1', 'forbidden', 1)->status, 400, 'all are forgotten');

# A worker that dies takes its streams with it

@streams = map { open_stream("/message?sessionId=k$_") } 1 .. 8;

my $killed = $streams[0]{worker};
$t->kill_worker($killed);

for my $n (1 .. 8) {
    my $stream = $streams[$n - 1];
    my $status = post("k$n", 'forbidden', $n)->status;

    if ($stream->{worker} == $killed) {
        is($status, 400, "stream $n: gone with its worker");
        next;
    }

    is($status, 202, "stream $n: of another worker");
    is(data($stream->{client}->read_event())->{id}, $n,
       "stream $n: goes on");
}

done_testing();
