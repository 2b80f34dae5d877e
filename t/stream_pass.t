#!/usr/bin/perl

# Streams step by step: the server says the next only after the client has
# seen the last, over HTTP/1.1 and HTTP/2, with proxy_buffering as nginx has
# it; and who leaves is missed on the other side.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $t = MCPTest->new(timeout => 60);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy tools { tool echo { } method subscriptions/listen { } }
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8082 http2;
        mcp_enforce tools;

        location / { proxy_pass http://127.0.0.1:8081; }
        location /gzip {
            gzip on;
            gzip_proxied any;
            proxy_pass http://127.0.0.1:8081;
        }
        location /auth {
            auth_request /check;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /check { mcp_enforce off; return 204; }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $http2 = `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

$t->run();
$upstream->hold();

my $call = tool_call('echo', {}, id => 1);
my $listen = rpc('subscriptions/listen', { notifications => {},
                                           _meta => modern() });
my $listen_headers = modern_headers('subscriptions/listen');


# Both clients in one shape: start, event, body, leave.
sub open_stream {
    my ($version, $method, $uri, $body, $headers) = @_;

    if ($version == 1) {
        my $client = $t->connect();
        $client->send_request($method, $uri, headers => $headers || [],
                              defined $body ? (body => $body) : ());
        return { client => $client };
    }

    my $h2 = $t->h2(port => 8082);

    return { h2 => $h2, stream => $h2->request($uri, method => $method,
             headers => $headers || [], body => $body) };
}


sub next_event {
    my ($s) = @_;

    return $s->{h2}->read_event($s->{stream}) if $s->{h2};
    $s->{head} ||= $s->{client}->read_head();
    return $s->{client}->read_event();
}


sub leave {
    my ($s) = @_;
    ($s->{h2} || $s->{client})->close();
}


for my $version (1, $http2 ? 2 : ()) {
    for my $case ([ 'POST', 'POST', '/', $call ],
                  [ 'POST behind auth_request', 'POST', '/auth', $call ],
                  [ 'POST with gzip on', 'POST', '/gzip', $call,
                    [ 'Accept-Encoding' => 'gzip' ] ],
                  [ 'GET', 'GET', '/' ],
                  [ 'subscriptions/listen', 'POST', '/', $listen,
                    $listen_headers ])
    {
        my ($what, @request) = @$case;
        my $name = "HTTP/$version, $what";
        my $stream = open_stream($version, @request);
        my $server = $upstream->next();
        my $seen = 0;

        $server->sse(headers => [ 'Mcp-Session-Id' => 's' ]);

        for my $n (1 .. 5) {
            $server->event("{\"n\":$n}", id => "e-$n");
            my $event = next_event($stream);
            $seen++ if $event->{data} eq "{\"n\":$n}"
                && $event->{id} eq "e-$n" && $event->{event} eq 'message';
        }

        is($seen, 5, "$name: event by event");

        if ($stream->{head}) {
            is($stream->{head}->header('Content-Type'), 'text/event-stream',
               "$name: type");
            is($stream->{head}->header('Mcp-Session-Id'), 's',
               "$name: session");
            is($stream->{head}->header('Content-Encoding'), undef,
               "$name: not compressed");
        }

        # A large one at once (HTTP/2: within the stream's window), and bytes
        # that are no event yet.

        my $large = '{"x":"' . 'y' x ($version == 1 ? 500_000 : 50_000) . '"}';
        $server->event($large);
        is(length next_event($stream)->{data}, length $large,
           "$name: a large event");

        $server->chunk("data: half");
        $server->chunk(" and half\n\n");
        is(next_event($stream)->{data}, 'half and half',
           "$name: an event in two pieces");

        leave($stream);
        ok($server->wait_closed(), "$name: the upstream misses the client");
    }

    # The server leaves, at an end and in the middle

    for my $how (qw/ end close /) {
        my $stream = open_stream($version, 'POST', '/', $call);
        my $server = $upstream->next();

        $server->sse()->event('{"n":1}');
        is(next_event($stream)->{data}, '{"n":1}', "HTTP/$version, $how: "
           . 'the first event');
        $server->$how();
        is(next_event($stream), undef, "HTTP/$version, $how: no other");
        leave($stream);
    }
}

if ($http2) {
    # One stream of a connection is cancelled, the other goes on

    my $h2 = $t->h2(port => 8082);
    my $one = $h2->request('/', body => $call);
    my $first = $upstream->next()->sse()->event('{"n":1}');
    my $two = $h2->request('/', body => $call);
    my $second = $upstream->next()->sse()->event('{"n":2}');

    is($h2->read_event($one)->{data}, '{"n":1}', 'one stream');
    is($h2->read_event($two)->{data}, '{"n":2}', 'another');
    $h2->cancel($one);
    ok($first->wait_closed(), 'the cancelled one ends upstream');
    $second->event('{"n":3}');
    is($h2->read_event($two)->{data}, '{"n":3}', 'the other goes on');

    # A refusal between them disturbs neither

    like($h2->post(tool_call('nope'), uri => '/')->body, qr/Unknown tool/,
         'a refusal on the same connection');
    $second->event('{"n":4}')->end();
    is($h2->read_event($two)->{data}, '{"n":4}', 'and the other goes on');
    is($h2->read_event($two), undef, 'to its end');
    $h2->close();
}

done_testing();
