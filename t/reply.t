#!/usr/bin/perl

# How a refusal looks: every row of docs/decisions.md in every revision and
# form, and nginx's own errors, which never reach a client as HTML.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;

use MCPTest;

my $t = MCPTest->new(timeout => 90);
my $true = JSON::PP::true;

$t->write_file('users', "ann:{PLAIN}secret\n");
$t->write_file('50x.html', '<html>Something went wrong</html>');
$t->write_file('file', 'a file');

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    types { text/html html; }
    default_type text/plain;

    mcp_policy crm {
        hide secret* file:///secret/*;
        tool find { }
        tool purge { deny "No purging."; }
        tool mute { deny; }
        tool refund { rule large { arg amount gt 500; deny "Too much."; } }
        tool price { arg amount lte 500; }
        tool as_error { denial error; deny "E."; }
        tool as_status { denial status; deny "S."; }
        tool as_result { denial result; deny "R."; }
        tool quote { deny "Say \"no\" \\ twice."; }
        tool who { deny "Not for $http_x_who."; }
        prompt greet { deny "No greeting."; }
        prompt hello { }
        resource file:///srv/* { deny_if { require $arg_x eq 1; } }
        method completion/complete { deny "No completion."; }
        method acme/free { }
    }

    limit_req_zone $uri zone=one:1m rate=1r/m;
    proxy_connect_timeout 5s;

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8082 http2;
        add_header X-Always 1 always;

        location / { mcp_enforce crm; proxy_pass http://127.0.0.1:8081; }
        location /error {
            mcp_enforce crm;
            mcp_denial error;
            proxy_pass http://127.0.0.1:8081;
        }
        location /status {
            mcp_enforce crm;
            mcp_denial status;
            proxy_pass http://127.0.0.1:8081;
        }
        location /unknown {
            mcp_enforce $http_x_policy;
            proxy_pass http://127.0.0.1:8081;
        }
    }

    # Everything is enforced: also what fails before a location is chosen.

    server {
        listen 127.0.0.1:8083;
        listen 127.0.0.1:8084 http2;
        mcp_enforce crm;
        large_client_header_buffers 2 1k;
        client_max_body_size 1k;
        client_body_timeout 100ms;

        location / { proxy_pass http://127.0.0.1:8081; }
        location /down { proxy_pass http://127.0.0.1:8089; }
        location /slow {
            proxy_read_timeout 100ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /auth {
            auth_basic secret;
            auth_basic_user_file %%TESTDIR%%/users;
            proxy_pass http://127.0.0.1:8081;
        }
        location /closed { deny all; }
        location /limited { limit_req zone=one; }
        location /loop { rewrite ^ /loop last; }
        location /files { alias %%TESTDIR%%; }
        location /r { rewrite ^/r/(.*) /$1; }
        location /return403 { return 403; }
        location /return503 { return 503; }
        location /return500 { return 500; }
        location /return507 { return 507; }
        location /text { return 403 "plain text"; }
    }

    # The page of nginx's own example configuration.

    server {
        listen 127.0.0.1:8085;
        mcp_enforce crm;
        error_page 500 502 503 504 /50x.html;
        location = /50x.html { root %%TESTDIR%%; }
        location / { proxy_pass http://127.0.0.1:8089; }
        location /return { return 503; }
        location /loop { rewrite ^ /loop last; }
    }
    server {
        listen 127.0.0.1:8086;
        error_page 404 500 502 503 504 /50x.html;
        error_page 403 http://127.0.0.1:8081/elsewhere;
        location = /50x.html { root %%TESTDIR%%; }
        location / { mcp_enforce crm; proxy_pass http://127.0.0.1:8089; }
        location /closed { mcp_enforce crm; deny all; }
    }
}
CONF

chmod(0644, map { $t->dir() . "/$_" } qw/ users 50x.html file /);

my $upstream = $t->upstream(8081);
my $http2 = `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

$t->run();

my @legacy = qw/ 2024-11-05 2025-03-26 2025-06-18 2025-11-25 /;
my $modern = '2026-07-28';


# A request in a revision, the empty one without a header.
sub send_in {
    my ($revision, $method, $params, %options) = @_;

    my %message = (jsonrpc => '2.0', method => $method);
    $message{id} = $options{id} unless $options{notification};
    my @headers = @{$options{headers} || []};

    if ($revision eq $modern) {
        $params = { %{$params || {}}, _meta => modern() };
        my $name = $method =~ /^resources/ ? $params->{uri} : $params->{name};
        $name = undef unless $method =~ m{^(tools/call|prompts/get
                                            |resources/read)$}x;
        unshift @headers, @{modern_headers($method, $name)};

    } elsif ($revision) {
        unshift @headers, 'MCP-Protocol-Version' => $revision;
    }

    $message{params} = $params if $params;

    return $t->post(JSON::PP->new->utf8->encode(\%message),
                    uri => $options{uri} || '/', headers => \@headers);
}


# Status, headers and body of one refusal, nothing more and nothing less.
sub is_reply {
    my ($name, $response, $status, $body) = @_;

    subtest $name => sub {
        is($response->status, $status, 'status');
        is($upstream->count, 0, 'not forwarded');
        is($response->header('Content-Length'), length $response->body,
           'length');

        my %headers = map { $_->[0] => $_->[1] } @{$response->{headers}};
        delete @headers{qw/ Server Date Content-Length Connection X-Always /};

        if (!$body) {
            is($response->body, '', 'no body');
            is_deeply(\%headers, {}, 'no other headers');
            return;
        }

        is($response->header('Content-Type'), 'application/json', 'type');
        delete @headers{qw/ Content-Type Allow WWW-Authenticate /};
        is_deeply(\%headers, {}, 'no other headers');
        is_deeply($response->json, $body, 'body') or diag($response->body);
    };

    $upstream->clear();
}


sub error {
    my ($id, $code, $message, $data) = @_;

    my %error = (code => $code, message => $message);
    $error{data} = $data if $data;

    return { jsonrpc => '2.0', defined $id ? (id => $id) : (),
             error => \%error };
}


sub result {
    my ($revision, $id, $text, $decision) = @_;

    return { jsonrpc => '2.0', id => $id, result => {
        $revision eq $modern ? (resultType => 'complete') : (),
        content => [ { type => 'text', text => "[POLICY DENIED] $text" } ],
        isError => $true,
        _meta => { 'ngx-mcp-policy/decision' => $decision } } };
}


my $denied = { action => 'deny', reason => 'denied', rule => 'purge' };
my $id = 0;

for my $revision ('', @legacy, $modern) {
    my $name = $revision || 'no header';

    $id++;

    # A visible tool: three forms

    my $call = { name => 'purge', arguments => {} };
    my $error = error($id, -31001, '[POLICY DENIED] No purging.', $denied);

    is_reply("$name, result",
             send_in($revision, 'tools/call', $call, id => $id), 200,
             result($revision, $id, 'No purging.', $denied));
    is_reply("$name, error",
             send_in($revision, 'tools/call', $call, id => $id,
                     uri => '/error'), 200, $error);
    is_reply("$name, status",
             send_in($revision, 'tools/call', $call, id => $id,
                     uri => '/status'), 403, $error);

    # What shall look unknown has one form

    for my $uri ('/', '/error', '/status') {
        is_reply("$name, $uri, hidden tool",
                 send_in($revision, 'tools/call', { name => 'secret1' },
                         id => $id, uri => $uri),
                 200, error($id, -32602, 'Unknown tool: secret1'));
        is_reply("$name, $uri, unlisted tool",
                 send_in($revision, 'tools/call', { name => 'other' },
                         id => $id, uri => $uri),
                 200, error($id, -32602, 'Unknown tool: other'));
        is_reply("$name, $uri, unlisted prompt",
                 send_in($revision, 'prompts/get', { name => 'x' },
                         id => $id, uri => $uri),
                 200, error($id, -32602, 'Unknown prompt: x'));
        is_reply("$name, $uri, hidden resource",
                 send_in($revision, 'resources/read',
                         { uri => 'file:///secret/x' }, id => $id,
                         uri => $uri),
                 200, error($id, -32602,
                            'Resource not found: file:///secret/x'));
        is_reply("$name, $uri, prompt by a rule",
                 send_in($revision, 'prompts/get', { name => 'greet' },
                         id => $id, uri => $uri),
                 200, error($id, -31001, '[POLICY DENIED] No greeting.',
                            { action => 'deny', reason => 'denied',
                              rule => 'greet' }));
        is_reply("$name, $uri, unknown task",
                 send_in($revision, 'tasks/get', { taskId => 't' },
                         id => $id, uri => $uri),
                 200, error($id, -32602, 'Task not found'));

        # Whole methods

        my $status = $revision eq $modern ? 404 : 200;

        is_reply("$name, $uri, unknown method",
                 send_in($revision, 'acme/run', {}, id => $id, uri => $uri),
                 $status, error($id, -32601, 'Method not found'));
        is_reply("$name, $uri, notification",
                 send_in($revision, 'acme/note', {}, uri => $uri,
                         notification => 1), 202);
    }

    my $response = send_in($revision, 'completion/complete', {
        ref => { type => 'ref/prompt', name => 'hello' },
        argument => { name => 'a', value => 'b' } }, id => $id);
    my $json = $response->json;
    is($response->status, $revision eq $modern ? 404 : 200,
       "$name, method by a rule: status");
    is($json->{error}{code}, -32601, "$name, method by a rule: code");
    is($json->{error}{message}, 'No completion.',
       "$name, method by a rule: its message");
    is($upstream->count, 0, "$name, method by a rule: not forwarded");

    # No policy at all

    is_reply("$name, unknown policy, call",
             send_in($revision, 'tools/call', { name => 'find' }, id => $id,
                     uri => '/unknown'), 200,
             error($id, -31001, '[POLICY DENIED] No policy is in force here, '
                   . 'so nothing is permitted. Do not retry.'));
    is_reply("$name, unknown policy, notification",
             send_in($revision, 'notifications/cancelled',
                     { requestId => 1 }, uri => '/unknown',
                     notification => 1), 202);
}

# Tasks: the client could not read a tool result; 2026-07-28 ignores them

is_reply('task', send_in('2025-11-25', 'tools/call',
         { name => 'purge', task => {} }, id => 1), 200,
         error(1, -31001, '[POLICY DENIED] No purging.', $denied));
is_reply('task, status', send_in('2025-11-25', 'tools/call',
         { name => 'purge', task => {} }, id => 1, uri => '/status'), 403,
         error(1, -31001, '[POLICY DENIED] No purging.', $denied));
is_reply('task, modern', send_in($modern, 'tools/call',
         { name => 'purge', task => {} }, id => 1), 200,
         result($modern, 1, 'No purging.', $denied));

# Words

is_reply('named rule', send_in('', 'tools/call',
         { name => 'refund', arguments => { amount => 501 } }, id => 'x'),
         200, result('', 'x', 'Too much.', { action => 'deny',
             reason => 'denied', rule => 'large' }));

my $text = send_in('', 'tools/call', { name => 'price',
    arguments => { amount => 77777 } }, id => 1)->json
    ->{result}{content}[0]{text};
like($text, qr/^\[POLICY DENIED\] .*amount.*500/, 'a generated sentence');
unlike($text, qr/77777/, 'does not repeat what was sent');

like(send_in('', 'tools/call', { name => 'mute' }, id => 1)->json
     ->{result}{content}[0]{text}, qr/^\[POLICY DENIED\] \S.*\.$/,
     'deny without a message');
is(send_in('', 'tools/call', { name => 'quote' }, id => 1)->json
   ->{result}{content}[0]{text}, '[POLICY DENIED] Say "no" \ twice.',
   'quotes and backslashes');
is(send_in('', 'tools/call', { name => 'who' }, id => 1,
           headers => [ 'X-Who' => "a\"b\\c\xc3\xa9\xff" ])->json
   ->{result}{content}[0]{text}, "[POLICY DENIED] Not for a\"b\\c\x{e9}"
   . "\x{fffd}.", 'variables are escaped and made UTF-8');

# The block's own form wins over the location's

for my $uri ('/', '/error', '/status') {
    my $reply = sub {
        return send_in('', 'tools/call', { name => $_[0] }, id => 1,
                       uri => $uri);
    };

    ok($reply->('as_result')->json->{result}{isError}, "$uri: denial result");
    is($reply->('as_error')->json->{error}{code}, -31001,
       "$uri: denial error");
    is($reply->('as_error')->status, 200, "$uri: denial error, status");
    is($reply->('as_status')->status, 403, "$uri: denial status");
}

# Batches

my $batch = '[' . join(',', tool_call('find', {}, id => 1),
                       tool_call('purge', {}, id => 'b'),
                       tool_call('secret', {}, id => 3),
                       '{"jsonrpc":"2.0","method":"acme/note"}',
                       rpc('acme/run', {}, id => 4)) . ']';

for my $uri ('/', '/error', '/status') {
    my $response = $t->post($batch, uri => $uri,
                            headers => [ 'MCP-Protocol-Version'
                                         => '2025-03-26' ]);
    my $innocent = error(1, -31003, 'Batch refused: another message was '
                         . 'denied');

    is_reply("$uri: batch", $response, 200, [ $innocent,
        error('b', -31001, '[POLICY DENIED] No purging.', $denied),
        error(3, -32602, 'Unknown tool: secret'),
        error(4, -32601, 'Method not found') ]);
}

is_reply('batch, only its notification is refused', $t->post(
    '[{"jsonrpc":"2.0","method":"acme/note"},'
    . '{"jsonrpc":"2.0","method":"notifications/initialized"}]',
    uri => '/'), 202);
is_reply('batch, unknown policy', $t->post('['
    . rpc('ping', {}, id => 1) . ',' . rpc('ping', {}, id => 2) . ']',
    uri => '/unknown'), 200, [ map { error($_, -31001, '[POLICY DENIED] No '
    . 'policy is in force here, so nothing is permitted. Do not retry.') }
    1, 2 ]);

# Without a message

for my $method (qw/ GET DELETE /) {
    my $response = $t->request($method, '/unknown');
    is($response->status, 403, "unknown policy, $method");
    is($upstream->count, 0, "unknown policy, $method: not forwarded");
}

# Malformed input: status, code, id, and a sentence

my @malformed = (
    [ 'bad JSON', 400, -32700, undef, '{"id":1' ],
    [ 'duplicate key', 400, -32600, 1,
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"a":2}}' ],
    [ 'bad id', 400, -32600, undef,
      '{"jsonrpc":"2.0","id":null,"method":"ping"}' ],
    [ 'text id', 400, -32600, 'x', '{"jsonrpc":"2.0","id":"x"}' ],
    [ 'no metadata', 400, -32602, 1, tool_call('find'),
      @{modern_headers('tools/call', 'find')} ],
    [ 'header', 400, -32020, 1, tool_call('find', {}, meta => modern()),
      @{modern_headers('tools/call', 'purge')} ],
    [ 'session', 400, -32600, 1, tool_call('find'),
      'Mcp-Session-Id' => 'a b' ],
    [ 'type', 415, -32600, undef, tool_call('find'),
      'Content-Type' => 'text/html' ],
    [ 'encoding', 415, -32600, undef, tool_call('find'),
      'Content-Encoding' => 'br' ],
);

for my $case (@malformed) {
    my ($name, $status, $code, $id, $body, @headers) = @$case;

    my $response = $t->post($body, uri => '/', headers => \@headers);
    my $message = ($response->json || {})->{error}{message};

    like($message, qr/^[A-Za-z"].{5}/, "$name: a sentence");
    is_reply($name, $response, $status, error($id, $code, $message));
}

my $response = $t->post(tool_call('find'), uri => '/',
                        headers => [ 'MCP-Protocol-Version' => '1"2' ]);
is_reply('version', $response, 400,
         error(1, -32022, $response->json->{error}{message},
               { supported => [ @legacy, $modern ], requested => '1"2' }));

$response = send_in($modern, 'initialize', {}, id => 1);
is_reply('initialize', $response, 404,
         error(1, -32601, $response->json->{error}{message}));

$response = $t->request('PUT', '/');
is($response->header('Allow'), 'POST, GET, HEAD, DELETE, OPTIONS', 'Allow');
is_reply('method', $response, 405,
         error(undef, -32600, $response->json->{error}{message}));

$response = $t->request('HEAD', '/', headers => [ Upgrade => 'x' ]);
is($response->status, 400, 'HEAD: status');
is($response->header('Content-Type'), 'application/json', 'HEAD: type');
is($response->body, '', 'HEAD: no body');


# nginx's own errors

sub is_own {
    my ($name, $response, $status, $id) = @_;

    is($response->status, $status, "$name: status");
    is($response->header('Content-Type'), 'application/json',
       "$name: type") if @{$response->{headers}};

    my $json = $response->json;

    is(ref $json && $json->{error}{code}, $status < 500 ? -32600 : -32603,
       "$name: code") or diag($response->body);
    is(ref $json && $json->{id}, $id, "$name: id");
    is($response->header('ETag'), undef, "$name: no ETag")
        if @{$response->{headers}};
}

my $find = tool_call('find', {}, id => 6);

is_own('bad Content-Length', $t->raw("POST / HTTP/1.1\r\nHost: x\r\n"
       . "Content-Length: x\r\n\r\n", port => 8083), 400);
is_own('two lengths', $t->raw("POST / HTTP/1.1\r\nHost: x\r\n"
       . "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       port => 8083), 400);
is_own('no Host', $t->raw("POST / HTTP/1.1\r\n\r\n", port => 8083), 400);
is_own('two Hosts', $t->raw("POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
       port => 8083), 400);
is_own('a long URI', $t->raw('GET /' . 'x' x 2000 . " HTTP/1.1\r\n"
       . "Host: x\r\n\r\n", port => 8083), 414);
is_own('a long header', $t->get('/', port => 8083,
       headers => [ 'X' => 'x' x 2000 ]), 400);
is_own('an unknown coding', $t->raw("POST / HTTP/1.1\r\nHost: x\r\n"
       . "Transfer-Encoding: gzip\r\n\r\n", port => 8083), 501);
is_own('TRACE', $t->raw("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", port => 8083),
       405);

$response = $t->post($find, uri => '/auth', port => 8083);
is_own('401', $response, 401);
is($response->header('WWW-Authenticate'), 'Basic realm="secret"',
   '401: the challenge');

is_own('403', $t->post($find, uri => '/closed', port => 8083), 403);
is_own('403, return', $t->post($find, uri => '/return403', port => 8083),
       403);
is_own('404', $t->get('/files/none', port => 8083), 404);
is_own('404, POST', $t->post($find, uri => '/files/none', port => 8083), 404,
       6);
is_own('405', $t->post($find, uri => '/files/file', port => 8083), 405, 6);
is_own('413', $t->post('x' x 2000, uri => '/', port => 8083), 413);
is_own('500', $t->post($find, uri => '/return500', port => 8083), 500);
is_own('500, a loop', $t->post($find, uri => '/loop', port => 8083), 500);
is_own('502', $t->post($find, uri => '/down', port => 8083), 502, 6);
is_own('503', $t->post($find, uri => '/return503', port => 8083), 503);
is_own('507', $t->post($find, uri => '/return507', port => 8083), 507);

$upstream->hold();
is_own('504', $t->post($find, uri => '/slow', port => 8083), 504, 6);
$upstream->hold(0);

$t->post($find, uri => '/limited', port => 8083);
is_own('limit_req', $t->post($find, uri => '/limited', port => 8083), 503);

is($t->post($find, uri => '/text', port => 8083)->body, 'plain text',
   'a text that somebody wrote');

# A body that does not arrive: nginx closes

my $client = $t->connect(port => 8083);
my ($head) = $client->request_bytes('POST', '/', body => $find);
$client->write($head . substr($find, 0, 10));
$response = $client->read_response();
unlike($response->body, qr/</, 'a late body: no HTML');

# The upstream closes at once, or in the middle

$upstream->clear();
$upstream->reply('', close => 1);
is_own('an upstream that closes', $t->post($find, uri => '/', port => 8083),
       502, 6);
$upstream->reply("HTTP/1.1 200 OK\r\nX", close => 1);
is_own('half a head', $t->post($find, uri => '/', port => 8083), 502, 6);

# With error pages

for my $port (8085, 8086) {
    is_own("50x.html, $port", $t->post($find, uri => '/', port => $port),
           502, 6);
    is_own("50x.html, $port, GET", $t->get('/', port => $port), 502);
    is($t->post(tool_call('purge'), uri => '/', port => $port)->status, 200,
       "50x.html, $port: a refusal is no error");
}

is_own('50x.html, return', $t->post($find, uri => '/return', port => 8085),
       503, 6);
is_own('50x.html, loop', $t->post($find, uri => '/loop', port => 8085), 500);
is($t->post($find, uri => '/closed', port => 8086)->status, 302,
   'an error page elsewhere');

# What the upstream says is its own business

for my $case ([ 404, 'text/html', '<html>not here' ],
              [ 500, 'text/html', '<html>broken' ],
              [ 400, 'application/json', '{"error":1}' ])
{
    my ($status, $type, $body) = @$case;

    for my $port (8083, 8080) {
        $upstream->respond($status, type => $type, body => $body,
                           headers => [ ETag => '"x"' ]);
        $response = $t->post($find, uri => '/', port => $port);
        is($response->status, $status, "upstream's $status: status");
        is($response->body, $body, "upstream's $status: body");
        is($response->header('ETag'), '"x"', "upstream's $status: ETag");
    }
}

$upstream->respond(401, body => 'x', type => 'text/plain',
                   headers => [ 'WWW-Authenticate' => 'Bearer scope="a"' ]);
$response = $t->post($find, uri => '/');
is($response->status, 401, "upstream's 401");
is($response->header('WWW-Authenticate'), 'Bearer scope="a"',
   "upstream's challenge");

# HTTP/2

if ($http2) {
    my $h2 = $t->h2(port => 8082);

    $upstream->clear();
    $response = $h2->post(tool_call('purge', {}, id => 5), uri => '/');
    is($response->status, 200, 'HTTP/2, refused: status');
    is_deeply($response->json, result('', 5, 'No purging.', $denied),
              'HTTP/2, refused: body');
    is($h2->post(tool_call('purge'), uri => '/status')->status, 403,
       'HTTP/2, refused with a status');
    $response = $h2->post('{"jsonrpc":"2.0","method":"x"}', uri => '/');
    is($response->status, 202, 'HTTP/2, notification: status');
    is($response->body, '', 'HTTP/2, notification: no body');
    is($h2->post('{', uri => '/')->json->{error}{code}, -32700,
       'HTTP/2, malformed');
    $response = $h2->response($h2->request('/', method => 'HEAD',
        headers => [ 'mcp-session-id' => 'a b' ]));
    is($response->status, 400, 'HTTP/2, HEAD: status');
    is($response->body, '', 'HTTP/2, HEAD: no body');
    is($upstream->count, 0, 'HTTP/2: nothing was forwarded');
    $h2->close();

    $h2 = $t->h2(port => 8084);

    for my $case ([ '/auth', 401 ], [ '/closed', 403 ],
                  [ '/files/none', 404, 6 ], [ '/files/file', 405, 6 ],
                  [ '/return500', 500 ], [ '/down', 502, 6 ],
                  [ '/return503', 503 ])
    {
        is_own("HTTP/2, $case->[0]", $h2->post($find, uri => $case->[0]),
               $case->[1], $case->[2]);
    }

    is_own('HTTP/2, 413', $h2->post('x' x 2000, uri => '/', length => 1),
           413);
    is_own('HTTP/2, 413 without a length',
           $h2->post('x' x 2000, uri => '/'), 413);
    $h2->close();
}

done_testing();
