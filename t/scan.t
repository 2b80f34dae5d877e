#!/usr/bin/perl

# "mcp-policy scan": a server of every revision, scripted down to its bytes,
# and servers that fail in every way: then nothing is written.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;

use MCPTest;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $tool = $ENV{TEST_MCP_POLICY} || "$FindBin::Bin/../build/mcp-policy";

my $t = MCPTest->new(timeout => 200);
my $upstream = $t->upstream(8081);
my $url = 'http://127.0.0.1:' . $t->port(8081) . '/mcp';
my $dir = $t->dir();


# Exit status, standard output and error of a scan.
sub run_tool {
    my (@args) = @_;

    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        alarm(0);
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', "$dir/out");
        open(STDERR, '>', "$dir/err");
        { exec($tool, @args) }
        POSIX::_exit(127);
    }

    waitpid($pid, 0);

    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8,
            $t->read_file('out'), $t->read_file('err'));
}


sub scan { return run_tool('scan', $url, '--timeout', '30', @_) }


# A scripted answer to the request with that id.
sub answer {
    my ($id, $result, %options) = @_;

    my $body = $json->encode({ jsonrpc => '2.0', id => $id,
                               result => $result });

    if ($options{sse}) {
        $body = "id: e-$id\nretry: 1\ndata:\n\n: comment\r\n"
            . "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":"
            . "\"notifications/message\",\"params\":{}}\n\n"
            . "event: message\r\ndata: $body\r\n\r\n";
        $options{type} = 'text/event-stream';
    }

    $upstream->respond(200, body => $body, chunked => 1, %options);
}


sub tools {
    my (@names) = @_;
    return [ map { { name => $_, inputSchema => { type => 'object' } } }
             @names ];
}


my $discovered = { supportedVersions => [ '2026-07-28' ],
                   resultType => 'complete', capabilities => {},
                   _meta => { 'io.modelcontextprotocol/serverInfo' =>
                              { name => "old\nmill", version => '7' } } };


sub initialized {
    my ($version, @headers) = @_;

    answer(2, { protocolVersion => $version, capabilities => {},
                serverInfo => { name => 'legacy', version => '1' } },
           headers => \@headers);
    $upstream->respond(202);
}


sub names {
    my ($out) = @_;
    return join(' ', map { $_->{name} } @{$json->decode($out)->{tools}});
}


sub messages {
    return map { $_->method() . ' ' . (($_->json() || {})->{method} || '-') }
        $upstream->requests();
}


# 2026-07-28: no session, headers that repeat the body.

$upstream->clear();
answer(1, $discovered);
answer(2, { tools => tools('get_a'), resultType => 'complete',
            nextCursor => "p\"2\x{e9}" });
answer(3, { tools => tools('get_b'), resultType => 'complete' }, sse => 1);

my ($status, $out, $err) = scan('--json');

is($status, 0, '2026-07-28') or diag($err);
is(names($out), 'get_a get_b', 'both pages');
is($err, '', 'no progress but on a terminal');

{
    my @requests = $upstream->requests();

    is_deeply([ messages() ], [ 'POST server/discover', 'POST tools/list',
                                'POST tools/list' ], 'what was asked');
    is($requests[1]->header('MCP-Protocol-Version'), '2026-07-28', 'version');
    is($requests[1]->header('Mcp-Method'), 'tools/list', 'method');
    is($requests[1]->json()->{params}{_meta}
           {'io.modelcontextprotocol/protocolVersion'}, '2026-07-28',
       '_meta');
    is($requests[2]->json()->{params}{cursor}, "p\"2\x{e9}", 'the cursor');
    like($requests[0]->header('Accept'),
         qr/application\/json, text\/event-stream/, 'both kinds of answer');
    is(scalar(my @none = $requests[0]->header('Mcp-Session-Id')), 0,
       'no session');
}

my $described = $json->decode($out);
is($described->{protocol}, '2026-07-28', 'protocol in the output');
is($described->{server}, "old\nmill", 'server in the output');


# The policy: on standard output, or in a file.

$upstream->clear();
answer(1, $discovered);
answer(2, { tools => tools(qw/ get_a delete_b /) });
($status, $out, $err) = scan();
is($status, 0, 'a policy on standard output') or diag($err);
like($out, qr/^# Written by .* the 2 tools of old\\nmill 7\.$/m,
     'says what it is made of, in one line');
like($out, qr/tool get_a \{\n    \}\n.*hide delete_b;/s, 'and has rules');

answer(1, $discovered);
answer(2, { tools => tools(qw/ get_a delete_b /) });
($status, $out, $err) = scan('-o', "$dir/new.yaml", '--name', 'x');
is($status, 0, 'a policy in a file') or diag($err);
like($out, qr/^Destructive +Critical +delete_b /, 'the table beside it');
like($t->read_file('new.yaml'), qr/^hide:\n.*  - "delete_b"$/ms, 'in YAML');
is_deeply([ glob("$dir/new.yaml.*") ], [], 'nothing else is left');


# Revisions with a handshake.

for my $version (qw/ 2024-11-05 2025-03-26 2025-06-18 2025-11-25 /) {
    for my $sse (0, 1) {
        $upstream->clear();
        $upstream->respond(400, body => '{"jsonrpc":"2.0","error":{"code":'
                           . '-32000,"message":"no session"},"id":null}');
        initialized($version, 'Mcp-Session-Id' => 'abc~1');
        answer(3, { tools => tools('get_a'), nextCursor => 'n' },
               sse => $sse);
        answer(4, { tools => tools('get_b'), nextCursor => undef },
               sse => $sse);

        ($status, $out, $err) = scan('--json');

        is($status, 0, "$version" . ($sse ? ', events' : '')) or diag($err);
        is(names($out), 'get_a get_b', 'both pages');
        is($json->decode($out)->{protocol}, $version, 'protocol');
        is_deeply([ messages() ],
                  [ 'POST server/discover', 'POST initialize',
                    'POST notifications/initialized', 'POST tools/list',
                    'POST tools/list', 'DELETE -' ], 'what was asked');

        my @requests = $upstream->requests();

        is($requests[1]->header('MCP-Protocol-Version'), undef,
           'no version before one is agreed on');
        is($requests[1]->header('Mcp-Method'), undef, 'no header of 2026');
        is($requests[3]->header('MCP-Protocol-Version'),
           $version ge '2025-06-18' ? $version : undef, 'version then');
        is($requests[$_]->header('Mcp-Session-Id'), 'abc~1',
           "the session, request $_") for 2 .. 5;
        is($requests[3]->json()->{params}{_meta}, undef, 'no _meta of 2026');
    }
}


# Ways in which a server shows that it does not know server/discover.

my %refusals = (
    'an error in the answer' => sub {
        $upstream->respond(200, body => '{"jsonrpc":"2.0","id":1,"error":'
                           . '{"code":-32601,"message":"no"}}') },
    'an older version' => sub {
        answer(1, { supportedVersions => [ '2025-11-25' ] }) },
    'a result of another kind' => sub { answer(1, { content => [] }) },
    'error -32022' => sub {
        $upstream->respond(400, body => '{"jsonrpc":"2.0","id":1,"error":'
                           . '{"code":-32022,"message":"v","data":'
                           . '{"supported":["2025-11-25"]}}}') },
    '404' => sub { $upstream->respond(404, body => 'x', type => 'text/html') },
    '405' => sub { $upstream->respond(405) },
    '500' => sub { $upstream->respond(500, body => '{}') },
    '202 and no answer' => sub { $upstream->respond(202) },
);

for my $name (sort keys %refusals) {
    $refusals{$name}->();
    initialized('2025-11-25');
    answer(3, { tools => tools('get_a') });

    ($status, $out, $err) = scan('--json');
    is($status, 0, "handshake after $name") or diag($err);
    is(names($out), 'get_a', 'and the list');
}


# An answer among others in an array; one that comes when asked for again.

$upstream->respond(404);
initialized('2025-03-26');
$upstream->respond(200, body => '[{"jsonrpc":"2.0","id":99,"result":{}},'
                   . '{"jsonrpc":"2.0","id":3,"result":{"tools":'
                   . '[{"name":"get_a"}]}}]');
($status, $out, $err) = scan('--json');
is($status, 0, 'an answer in an array') or diag($err);

$upstream->clear();
$upstream->respond(404);
initialized('2025-11-25', 'Mcp-Session-Id' => 's');
$upstream->respond(200, type => 'text/event-stream', close => 1,
                   body => "id: 17\nretry: 1\ndata:\n\n");
$upstream->respond(200, type => 'text/event-stream', close => 1,
                   body => "id: 18\nretry: 1\ndata:\n\n");
$upstream->respond(200, type => 'text/event-stream',
                   body => "id: 19\ndata: {\"jsonrpc\":\"2.0\",\"id\":3,"
                   . "\"result\":{\"tools\":[{\"name\":\"get_a\"}]}}\n\n");
($status, $out, $err) = scan('--json');
is($status, 0, 'a stream that is resumed') or diag($err);
is_deeply([ map { $_->method() . ' ' . ($_->header('Last-Event-ID') || '') }
            ($upstream->requests())[4, 5] ], [ 'GET 17', 'GET 18' ],
          'from where it broke off');


# HTTP+SSE of 2024-11-05: answers come on the stream.

sub old_transport {
    my ($endpoint, $then) = @_;

    my $held = $t->upstream(8082)->hold();
    my $sse = 'http://127.0.0.1:' . $t->port(8082) . '/sse';
    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        alarm(0);
        open(STDOUT, '>', "$dir/out");
        open(STDERR, '>', "$dir/err");
        { exec($tool, 'scan', $sse, '--json', '-H', 'X-Key: k') }
        POSIX::_exit(127);
    }

    $held->next()->respond(404, body => 'no') for 1 .. 2;

    my $stream = $held->next();
    is($stream->method(), 'GET', 'a stream is asked for');
    is($stream->header('X-Key'), 'k', 'with the headers given');

    $endpoint =~ s/PORT/$t->port(8082)/e;
    $stream->sse();
    $stream->event($endpoint, event => 'endpoint');
    $then->($held, $stream) if $then;

    waitpid($pid, 0);
    my $status = $? >> 8;
    $held->stop();

    return ($status, $t->read_file('out'), $t->read_file('err'));
}

for my $endpoint ('/message?s=1', 'http://127.0.0.1:PORT/message?s=1') {
    ($status, $out, $err) = old_transport($endpoint, sub {
        my ($held, $stream) = @_;
        my %results = (
            'initialize' => { protocolVersion => '2024-11-05',
                              serverInfo => { name => 'old' } },
            'tools/list' => { tools => tools('get_a') },
        );

        for my $method (qw( initialize notifications/initialized
                            tools/list ))
        {
            my $request = $held->next();
            my $message = $request->json();

            is($request->uri(), '/message?s=1', "$method at the endpoint");
            is($message->{method}, $method, 'in order');

            $request->respond(202, body => 'Accepted', type => 'text/plain');
            $stream->event($json->encode({
                jsonrpc => '2.0', id => $message->{id},
                result => $results{$method} })) if $results{$method};
        }
    });

    is($status, 0, "HTTP+SSE, $endpoint") or diag($err);
    is($json->decode($out)->{protocol}, '2024-11-05', 'protocol');
    is(names($out), 'get_a', 'the list');
}

($status, $out, $err) = old_transport('http://192.0.2.1/message', undef);
is($status, 2, 'an endpoint at another origin');
like($err, qr/wants messages at another origin/, 'said');

($status, $out, $err) = old_transport('/message', sub {
    my ($held, $stream) = @_;
    $held->next()->respond(202);
    $stream->end();
});
is($status, 2, 'a stream that ends');
like($err, qr/event stream ended/, 'said');


# Headers.

$upstream->clear();
$t->write_file('headers', "Authorization: Bearer s3cret\r\n\nX-Two: 2\n");
answer(1, $discovered);
answer(2, { tools => [] });
($status, $out, $err) = scan('-H', 'X-One: 1', '-H', "\@$dir/headers",
                             '--header=X-Three:3');
is($status, 0, 'headers') or diag($err);

for my $request ($upstream->requests()) {
    is($request->header('Authorization'), 'Bearer s3cret', 'from a file');
    is(join(' ', map { $request->header($_) // '-' }
            qw/ X-One X-Two X-Three /), '1 2 3', 'and the others');
}

for my $bad ('nothing', ': x', 'A b: c', 'X:', "X: a\nY: b", "X: \x01",
             'Content-Length: 5', 'mcp-session-id: x', 'Accept: */*',
             "\@$dir/nowhere")
{
    $upstream->clear();
    ($status, $out, $err) = scan('-H', $bad);
    is($status, 2, 'refused header: ' . ($bad =~ s/[^ -~]/?/gr));
    is($upstream->count(), 0, 'and nothing was asked');
}

for my $args ([], [ $url, 'x' ], [ $url, '--timeout', 'x' ],
              [ $url, '--timeout', '0' ], [ $url, '-H' ],
              [ $url, '--format', 'x' ], [ $url, '--frob' ])
{
    ($status, $out, $err) = run_tool('scan', @$args);
    is($status, 2, 'usage: ' . join(' ', @$args[1 .. $#$args]));
    isnt($err, '', 'said');
}


# Failures: exit code 2, a reason, and nothing is written.

sub fails {
    my ($name, $reason, @args) = @_;

    $t->write_file('kept.conf', "as it was\n");
    unlink("$dir/new.conf");

    my ($status, $out, $err) = scan('-o', "$dir/new.conf", @args);

    is($status, 2, $name);
    like($err, $reason, "$name: said");
    unlike($err, qr/s3cret/, "$name: without secrets");
    is($out, '', "$name: no output");
    is_deeply([ glob("$dir/new.conf*") ], [], "$name: nothing is written");

    ($status) = scan('-o', "$dir/kept.conf", '--timeout', '1')
        if !@args && $name eq 'status 401';
    is($t->read_file('kept.conf'), "as it was\n", "$name: nothing is lost");

    $upstream->clear();
}


sub modern_list {
    my ($body, %options) = @_;

    answer(1, $discovered);
    $upstream->respond(200, body => $body, %options);
}

$upstream->respond(401) for 1 .. 2;
fails('status 401', qr/HTTP status 401; give credentials with -H/);

$upstream->respond(403, body => '{"jsonrpc":"2.0","error":{"code":-32600,'
                   . '"message":"go \u001b[2J away"}}');
fails('status 403', qr/HTTP status 403: go \\x1b\[2J away \(-32600\)/, '-H',
      'Authorization: Bearer s3cret');

$upstream->respond(429);
fails('status 429', qr/HTTP status 429/);

$upstream->respond(307, headers => [ Location => 'http://192.0.2.1/' ]);
fails('a redirect', qr/HTTP status 307; redirects are not followed/);

$upstream->respond(404);
$upstream->respond(500, body => '{}');
fails('status 500 twice', qr/initialize: HTTP status 500/);

$upstream->respond($_) for 404, 404, 405;
fails('nothing of MCP', qr/initialize: HTTP status 404/);

$upstream->respond(404);
answer(2, { protocolVersion => '1999-01-01' });
fails('an unknown revision', qr/protocol version "1999-01-01" is not known/);

$upstream->respond(404);
answer(2, { protocolVersion => '2025-11-25' });
$upstream->respond(500);
fails('initialized refused', qr/notifications\/initialized: HTTP status 500/);

modern_list('{"jsonrpc":"2.0","id":2,"result":');
fails('half an answer', qr/not JSON that all read alike: truncated/);

modern_list('<html>', type => 'text/html');
fails('an HTML page', qr/content of type "text\/html"/);

modern_list('{"jsonrpc":"2.0","id":2,"result":{"tools":[],"tools":[]}}');
fails('two lists', qr/duplicate_key/);

modern_list('{"jsonrpc":"2.0","id":7,"result":{"tools":[]}}');
fails('another id', qr/HTTP status 200 without an answer/);

modern_list('{"jsonrpc":"2.0","id":2,"error":{"code":-32603,'
            . '"message":"broken"}}');
fails('an error', qr/answers with an error: broken \(-32603\)/);

modern_list('{"jsonrpc":"2.0","id":2,"result":{}}');
fails('no list', qr/has no array "tools"/);

modern_list('{"jsonrpc":"2.0","id":2,"result":{"tools":[{"nam":"x"}]}}');
fails('a tool without a name', qr/tool 1 has no name/);

modern_list('{"jsonrpc":"2.0","id":2,"result":{"tools":[],"resultType":'
            . '"input_required"}}');
fails('a server that asks back', qr/not complete, the server asks back/);

modern_list('{"jsonrpc":"2.0","id":2,"result":{"tools":[],"nextCursor":5}}');
fails('a cursor that is none', qr/"nextCursor" is no string/);

modern_list("data: {\"jsonrpc\":\"2.0\",\"id\":2,", close => 1,
            type => 'text/event-stream');
fails('half an event', qr/without an answer/);

modern_list('', type => 'application/json');
fails('an empty answer', qr/without an answer/);

answer(1, $discovered);
answer($_, { tools => tools("get_$_"), nextCursor => $_ == 4 ? 'c2' : "c$_" })
    for 2 .. 4;
fails('cursors that go round', qr/the same cursor came twice/);

answer(1, $discovered);
answer(2, { tools => [], nextCursor => '' });
answer(3, { tools => [], nextCursor => '' });
fails('an empty cursor again', qr/the same cursor came twice/);

answer(1, $discovered);
answer(2, { tools => tools('get_a'), nextCursor => 'x' });
$upstream->respond(500);
fails('a page that fails', qr/tools\/list: HTTP status 500/);

answer(1, $discovered);
$upstream->reply("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 . "Content-Length: 100\r\n\r\n{", close => 1);
fails('a connection that breaks', qr/error:/);

answer(1, $discovered);
$upstream->respond(200, body => '"' . 'x' x (16 * 1024 * 1024 + 1) . '"');
fails('an answer without end', qr/an answer is over 16777216 bytes/);

answer(1, $discovered);
$upstream->respond(200, type => 'text/event-stream',
                   body => 'data: ' . 'x' x (16 * 1024 * 1024 + 100));
fails('an event without end', qr/an event is over 16777216 bytes/);

# Every answer has a cursor of its own, and the same id as the request.
{
    my $pages = $t->upstream(8083)->hold();
    my $endless = 'http://127.0.0.1:' . $t->port(8083) . '/mcp';
    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        alarm(0);
        open(STDOUT, '>', "$dir/out");
        open(STDERR, '>', "$dir/err");
        { exec($tool, 'scan', $endless, '-o', "$dir/new.conf") }
        POSIX::_exit(127);
    }

    for my $n (1 .. 1001) {
        my $request = $pages->next();
        my $result = $n == 1 ? $discovered
            : { tools => [], nextCursor => "c$n" };
        $request->respond(200, body => $json->encode({
            jsonrpc => '2.0', id => $request->json()->{id},
            result => $result }));
    }

    waitpid($pid, 0);
    is($? >> 8, 2, 'too many pages');
    like($t->read_file('err'), qr/more than 1000 pages/, 'said');
    ok(!-e "$dir/new.conf", 'nothing is written');
}

$upstream->hold();
fails('a server that says nothing', qr/no answer within 1 seconds/,
      '--timeout', '1');
$upstream->hold(0);

{
    my $closed = $t->port(8099);
    my ($status, $out, $err) = run_tool('scan', "http://127.0.0.1:$closed/");
    is($status, 2, 'nobody there');
    like($err, qr/connect/i, 'said');
    is($out, '', 'no output');

    ($status, $out, $err) = run_tool('scan', 'file:///etc/passwd');
    is($status, 2, 'no web address');
    ($status, $out, $err) = run_tool('scan', 'gopher://127.0.0.1/');
    is($status, 2, 'no web address either');
}


# TLS: certificates are checked.

SKIP: {
    eval { require IO::Socket::SSL; require IO::Socket::SSL::Utils; 1 }
        or skip('no IO::Socket::SSL', 6);

    my ($ca, $ca_key) = IO::Socket::SSL::Utils::CERT_create(
        CA => 1, subject => { commonName => 'authority' });
    my ($cert, $key) = IO::Socket::SSL::Utils::CERT_create(
        issuer => [ $ca, $ca_key ], purpose => 'server',
        subject => { commonName => 'test' },
        subjectAltNames => [ [ IP => '127.0.0.1' ] ]);

    IO::Socket::SSL::Utils::PEM_cert2file($ca, "$dir/ca.pem");
    IO::Socket::SSL::Utils::PEM_cert2file($cert, "$dir/cert.pem");
    IO::Socket::SSL::Utils::PEM_key2file($key, "$dir/key.pem");

    my $port = $t->port(8084);
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 8,
        ReuseAddr => 1) or die "listen: $!";

    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        alarm(100);

        while (my $plain = $listen->accept()) {
            my $client = IO::Socket::SSL->start_SSL($plain, SSL_server => 1,
                SSL_cert_file => "$dir/cert.pem",
                SSL_key_file => "$dir/key.pem") or next;
            my $bytes = '';

            while (sysread($client, $bytes, 65536, length $bytes)) {
                next unless $bytes =~ /"id":(\d+),.*\}\z/s;
                my $result = $1 == 1 ? $discovered
                    : { tools => tools('get_a') };
                my $body = $json->encode({ jsonrpc => '2.0', id => $1 + 0,
                                           result => $result });
                print $client "HTTP/1.1 200 OK\r\nContent-Type: "
                    . "application/json\r\nContent-Length: "
                    . length($body) . "\r\n\r\n$body";
                $bytes = '';
            }
        }

        POSIX::_exit(0);
    }

    close($listen);

    my $https = "https://127.0.0.1:$port/mcp";

    ($status, $out, $err) = run_tool('scan', $https, '-o', "$dir/tls.conf");
    is($status, 2, 'a certificate that nobody vouches for');
    like($err, qr/certificate/i, 'said');
    ok(!-e "$dir/tls.conf", 'nothing is written');

    ($status, $out, $err) = run_tool('scan', $https, '--json', '--cacert',
                                     "$dir/ca.pem");
    is($status, 0, '--cacert') or diag($err);
    is(names($out || '{}'), 'get_a', 'the list');

    ($status, $out, $err) = run_tool('scan', $https, '--cacert',
                                     "$dir/nowhere.pem");
    is($status, 2, 'a file of authorities that is not there');

    kill('TERM', $pid);
    waitpid($pid, 0);
}

done_testing();
