#!/usr/bin/perl

# A task belongs to the tool and the caller of the call that created it, from
# the moment on that the client can know its id.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;

use MCPTest;

my $json = JSON::PP->new->utf8->canonical;

my $t = MCPTest->new(timeout => 90);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 2;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone small:64k;
    mcp_policy tools { tool slow quick { } }
    mcp_policy others { tool slow quick { } }
    mcp_policy lenient { default allow; }
    mcp_policy crowded { zone small; tool slow { } }
    server {
        listen 127.0.0.1:8080 reuseport;
        listen 127.0.0.1:8082 http2;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        mcp_grant $http_x_user;
        location / {
            mcp_enforce tools;
            proxy_buffering off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /others {
            mcp_enforce others;
            proxy_pass http://127.0.0.1:8081;
        }
        location /lenient {
            mcp_enforce lenient;
            proxy_pass http://127.0.0.1:8081;
        }
        location /crowded {
            mcp_enforce crowded;
            proxy_pass http://127.0.0.1:8081;
        }
        location /buffered {
            mcp_enforce tools;
            proxy_buffering on;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);
$t->run();


sub legacy { [ 'MCP-Protocol-Version' => '2025-11-25',
               'X-User' => $_[0] || 'ann' ] }


sub call {
    my ($tool, $id) = @_;
    return rpc('tools/call', { name => $tool, arguments => {},
                               task => { ttl => 60000 } }, id => $id);
}


sub task {
    my ($task, $id, %more) = @_;
    return $json->encode({ jsonrpc => '2.0', id => $id, result => {
        task => { taskId => $task, status => 'working', %more } } });
}


# What becomes of tasks/get for an id: "passes", or the code of the refusal.
sub get {
    my ($task, %options) = @_;

    my $before = $upstream->count();
    my $response = $t->post(rpc($options{method} || 'tasks/get',
                                { taskId => $task }),
                            headers => legacy($options{user}),
                            uri => $options{uri} || '/mcp');
    my $error = ($response->json || {})->{error};

    return $error->{code} if $error && $upstream->count() == $before;
    return 'passes' if $upstream->count() == $before + 1;
    return 'lost';
}


sub create {
    my ($task, %options) = @_;

    $upstream->respond(200, body => task($task, 1), %options);
    return $t->post(call($options{tool} || 'slow', 1),
                    headers => legacy($options{user}),
                    uri => $options{uri} || '/mcp');
}


# Legacy: the call asks for it

isnt(get('t1'), 'passes', 'an unknown task is refused');

my $response = create('t1');
is($response->body, task('t1', 1), 'the answer is as the upstream sent it');
is(get('t1'), 'passes', 'the task of the caller');
is(get('t1', method => 'tasks/result'), 'passes', 'its result');
is(get('t1', method => 'tasks/cancel'), 'passes', 'its end');
isnt(get('t1', user => 'bob'), 'passes', 'not of another caller');
isnt(get('t1', user => 'bob', method => 'tasks/result'), 'passes',
     'nor the result');
isnt(get('t1', uri => '/others'), 'passes', 'not under another policy');
isnt(get('t10'), 'passes', 'nor a similar id');
is(get('t-unknown', uri => '/lenient'), 'passes',
   'an unknown one under default allow');

# A caller cannot take over a task by its id

create('t1', user => 'bob');
isnt(get('t1', user => 'bob'), 'passes', 'an id that is taken');
is(get('t1'), 'passes', 'stays with the first');
ok($t->wait_log(qr/its id is another caller's/), 'as the log says');

# Nobody: a caller without a grant owns nothing

$upstream->respond(200, body => task('t-nobody', 1));
$t->post(call('slow', 1), headers => [ 'MCP-Protocol-Version' =>
                                       '2025-11-25' ]);
isnt(get('t-nobody'), 'passes', 'a task of nobody');

# Shapes that create none

for my $case (
    [ 'no task asked for', tool_call('slow', {}, id => 1), task('n1', 1) ],
    [ 'id of another request', call('slow', 1), task('n2', 2) ],
    [ 'string for a number', call('slow', 1), task('n3', '1') ],
    [ 'duplicate members', call('slow', 1),
      '{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"x",'
      . '"taskId":"n4"}}}' ],
    [ 'within a result', call('slow', 1),
      '{"jsonrpc":"2.0","id":1,"result":{"content":[{"task":'
      . '{"taskId":"n5"}}]}}' ],
    [ 'a notification', call('slow', 1),
      '{"jsonrpc":"2.0","method":"notifications/tasks/status",'
      . '"params":{"taskId":"n6"}}' ],
    [ 'no JSON', call('slow', 1), '{"taskId":"n7"' ],
    [ 'an error', call('slow', 1),
      '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"taskId"}}' ],
    [ 'too long', call('slow', 1),
      task('n8', 1, x => 'x' x 70000) ])
{
    my ($name, $request, $answer) = @$case;
    my ($task) = $answer =~ /"(n\d)"/;

    $upstream->respond(200, body => $answer, chunked => 1);
    my $response = $t->post($request, headers => legacy());

    is($response->body, $answer, "$name: the answer is unchanged");
    isnt(get($task || 'n'), 'passes', "$name: no task");
}

$upstream->respond(200, body => task('n9', 1),
                   headers => [ 'Content-Encoding' => 'br' ]);
$t->post(call('slow', 1), headers => legacy());
isnt(get('n9'), 'passes', 'an encoded answer is not looked at');

create('n10', type => 'text/plain');
isnt(get('n10'), 'passes', 'nor one of another type');

# A long answer that just fits

$upstream->respond(200, body => task('t-long', 1, x => 'x' x 60000),
                   chunked => 1);
$t->post(call('slow', 1), headers => legacy());
is(get('t-long'), 'passes', 'an answer of 60 KB');

# Ids in other spellings

$upstream->respond(200, body => '{"jsonrpc":"2.0","id":"a\u0062",'
                   . '"result":{"task":{"taskId":"t\u002desc"}}}');
$t->post('{"jsonrpc":"2.0","id":"\u0061b","method":"tools/call",'
         . '"params":{"name":"slow","task":{}}}', headers => legacy());
is(get('t-esc'), 'passes', 'escapes in ids');

# Not a byte before the zone knows

$upstream->hold();

sub ask {
    my (%options) = @_;
    my $client = $t->connect();
    $client->send_request('POST', '/mcp', body => call('slow', 1),
                          headers => legacy(), %options);
    return ($client, $upstream->next());
}

# get() for an upstream that holds requests.
sub held_get {
    my ($task) = @_;

    $upstream->respond(200, body => '{}');
    my $response = $t->post(rpc('tasks/get', { taskId => $task }),
                            headers => legacy());
    my $refused = exists(($response->json || {})->{error});

    if ($refused) {
        # the answer is still there to be taken
        $t->post(rpc('ping'), headers => legacy());
    }

    $upstream->clear();
    return $refused ? 'refused' : 'passes';
}

$upstream->clear();

my ($client, $request) = ask();
my $answer = task('t-pieces', 1);

$request->send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
               . "Transfer-Encoding: chunked\r\n\r\n");
$client->read_head();

$request->chunk(substr($answer, 0, -1));
my $got = '';
$got .= $client->body_piece() while length $got < length($answer) - 1;
is(held_get('t-pieces'), 'refused', 'an unfinished answer creates nothing');

$request->chunk(substr($answer, -1));
$got .= $client->body_piece() while length $got < length $answer;
is($got, $answer, 'the text is complete, the response is not');
is(held_get('t-pieces'), 'passes', 'the client may already use the id');
$request->end();
is($client->body_piece(), '', 'end of the response');

# Event streams

for my $end ("\n", "\r\n", "\r") {
    my $name = { "\n" => 'LF', "\r\n" => 'CRLF', "\r" => 'CR' }->{$end};
    my $task = "t-$name";

    ($client, $request) = ask();
    $request->sse();
    $client->read_head();

    my $answer = task($task, 1);
    my $event = ": c${end}id: 1${end}data:$end$end"
        . join('', map { "data: $_$end" } split(/(?<=,)/, $answer));

    $request->chunk($event);
    $got = '';
    $got .= $client->body_piece() while length $got < length $event;
    is(held_get($task), 'refused', "$name: an event that is not complete");

    # a parser may take the CR of a CRLF for the end
    $request->chunk(substr($end, 0, 1));
    $client->body_piece();
    is(held_get($task), 'passes', "$name: the event is complete");

    $request->chunk("\n") if $end eq "\r\n";
    $request->end();
    1 while $client->body_piece() ne '';
}

$upstream->hold(0);
$upstream->clear();

# Buffered by nginx, over HTTP/2, batches

create('t-buffered', uri => '/buffered');
is(get('t-buffered'), 'passes', 'a buffered answer');

SKIP: {
    skip('no HTTP/2', 1)
        unless `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

    $upstream->respond(200, body => task('t-h2', 1), chunked => 1);
    $t->h2(port => 8082)->post(call('slow', 1), headers => legacy());
    is(get('t-h2'), 'passes', 'HTTP/2');
}

$upstream->respond(200, body => '[' . task('b1', 1) . ','
                   . '{"jsonrpc":"2.0","id":2,"result":{"content":[]}},'
                   . task('b3', 3) . ',' . task('b4', 4) . ']');
$t->post('[' . call('slow', 1) . ',' . tool_call('quick', {}, id => 2) . ','
         . call('quick', 3) . ']', headers => [ 'X-User' => 'ann' ]);
is(get('b1'), 'passes', 'batch, first');
is(get('b3'), 'passes', 'batch, last');
isnt(get('b4'), 'passes', 'batch, never asked for');

# 2026-07-28: the client says that it knows tasks

sub modern_call {
    my ($answer, %meta) = @_;

    $upstream->respond(200, body => $answer);
    return $t->post(tool_call('slow', {}, meta => modern(%meta)),
                    headers => [ @{modern_headers('tools/call', 'slow')},
                                 'X-User' => 'ann' ]);
}

sub modern_get {
    my ($task, $user) = @_;

    my $before = $upstream->count();
    $t->post(rpc('tasks/get', { taskId => $task, _meta => modern() }),
             headers => [ @{modern_headers('tasks/get', $task)},
                          'X-User' => $user ]);
    return $upstream->count() > $before ? 'passes' : 'refused';
}

my %knows = ('io.modelcontextprotocol/clientCapabilities' =>
             { extensions => { 'io.modelcontextprotocol/tasks' => {} } });

sub modern_task {
    return '{"jsonrpc":"2.0","id":1,"result":{"resultType":"task",'
        . "\"taskId\":\"$_[0]\",\"status\":\"working\",\"ttlMs\":null}}";
}

my $body = modern_task('m1');
is(modern_call($body, %knows)->body, $body, '2026-07-28: unchanged');
is(modern_get('m1', 'ann'), 'passes', '2026-07-28: own task');
is(modern_get('m1', 'bob'), 'refused', '2026-07-28: not of another caller');

modern_call(modern_task('m2'));
is(modern_get('m2', 'ann'), 'refused',
   '2026-07-28: a client that knows no tasks has none');

modern_call('{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete",'
            . '"taskId":"m3","content":[]}}', %knows);
is(modern_get('m3', 'ann'), 'refused', '2026-07-28: an ordinary result');

modern_call(task('m4', 1), %knows);
is(modern_get('m4', 'ann'), 'refused', '2026-07-28: the legacy form');

# One caller cannot crowd out the others

create('c-bob', user => 'bob', uri => '/crowded');
create("c$_", user => 'ann', uri => '/crowded') for 1 .. 60;

is(get('c-bob', user => 'bob', uri => '/crowded'), 'passes',
   'the task of another caller is still known');
is(get('c60', user => 'ann', uri => '/crowded'), 'passes',
   'the newest of many tasks as well');
isnt(get('c1', user => 'ann', uri => '/crowded'), 'passes',
     'the oldest had to make room');

create('c-carl', user => 'carl', uri => '/crowded');
is(get('c-carl', user => 'carl', uri => '/crowded'), 'passes',
   'and there is room for a third');

# Tasks outlive a reload

$t->reload();
is(get('t1'), 'passes', 'known after a reload');

done_testing();
