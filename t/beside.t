#!/usr/bin/perl

# What nginx does is not changed: the same requests to nginx without the
# module, with the module that has something to do in another server only,
# where every location is a dry run of a policy that refuses everything, and
# where it enforces one that allows them.  Answers, what reached the servers,
# and the lines of the access log are the same, but for dates and ports.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw/ gzip /;

use MCPTest;
use MCPTest::CGI;

my %enforce = (
    bare => '',
    idle => "mcp_policy none { default deny; tool * { deny; } }\n"
        . "server { listen unix:%%TESTDIR%%/idle.sock; mcp_enforce none; }\n",
    dry => "mcp_policy none { default deny; tool * { deny; } }\n"
        . "mcp_enforce none;\nmcp_dry_run on;\nmcp_audit_log audit.log;\n",
    enforced => "mcp_zone default:1m;\n"
        . "mcp_policy all { default allow; tool * { limit 9999/hour; } }\n"
        . "mcp_enforce all;\nmcp_audit_log audit.log;\n",
);

my @kinds = qw/ bare idle dry enforced /;
my (%gate, %server, %copies);

my $root = MCPTest->new();
my $html = $root->dir();
my $long = join('', map { "$_ is a line of a page.\n" } 1 .. 4000);
my $zipped;

gzip(\$long, \$zipped);

$root->write_file('page.html', "<p>a page</p>\n" . $long);
$root->write_file('small.txt', 'small');
$root->write_file('index.html', 'the index' x 10);
$root->write_file('first.html', '<i>first</i>');
$root->write_file('last.html', '<i>last</i>');
$root->write_file('last.html.gz', $zipped);
$root->write_file('missing.html', '<p>nothing is here</p>');
$root->write_file('missing.txt', 'nothing is here');
$root->write_file('data.json', '{"tools":1,"a":[' . '1,' x 5000 . '2]}');
$root->write_file('parts.shtml', 'a<!--#include virtual="/small.txt" -->b'
                  . '<!--#include virtual="/proxy/part" -->c'
                  . '<!--#echo var="arg_x" default="none" -->');
$root->write_file('users', "ann:{PLAIN}secret\n");
utime(1e9, 1e9, glob("$html/*"));

my $version = `${\ $root->binary() } -V 2>&1`;
my $slice = $version =~ /--with-http_slice_module/;
my $configuration = contents("$FindBin::Bin/beside.conf")
    =~ s/%%HTML%%/$html/gr;

# The module is not part of every build.
$configuration =~ s/^ +# slice \{\n.*?\n +# \}\n//ms if !$slice;

for my $kind (@kinds) {
    # Where the module is part of nginx there is no nginx without it.
    local $ENV{TEST_NGINX_MODULE} = '' if $kind eq 'bare';

    my $t = $gate{$kind} = MCPTest->new(timeout => 200);

    $server{$kind} = $t->upstream(8081);
    $copies{$kind} = $t->upstream(8082);
    MCPTest::CGI->start($t, 8083);
    mkdir($t->dir() . '/store');
    chmod(0777, $t->dir() . '/store');
    $t->write_file_expand('nginx.conf', $configuration
                          =~ s/%%POLICY%%/$enforce{$kind}/r);
    $t->run();
}


# One request and what is to be compared of it.
#
#   method, headers, body, chunked, split: see MCPTest::Client
#   raw      these bytes instead, "answers" of them
#   replies  what the server says, one after another
#   copy     how many requests the second server gets
#   clients  how often the same is sent, each time on a new connection
#   enforced what a policy answers, where it is not the same on purpose

my @cases;

my $page = qr{^<html>.*<center>nginx/[\d.]+</center>}s;
my $own_page = qr/^\{"jsonrpc":"2\.0",("id":1,)?"error":
                   \{"code":-326\d\d,"message":"[^"]+"\}\}$/x;

sub try {
    my ($name, $uri, %case) = @_;
    push @cases, { method => $case{body} ? 'POST' : 'GET', %case,
                   name => $name, uri => $uri };
}


sub reply {
    my ($status, %options) = @_;
    return MCPTest::Upstream::response($status, { type => 'text/plain',
                                                  %options });
}

my $call = tool_call('echo', { text => 'hello' });
my $large = tool_call('echo', { text => 'x' x 100_000 });
my $said = reply(200, body => 'the upstream says');
my $json = reply(200, body => rpc('x'), type => 'application/json',
                 headers => [ 'Mcp-Session-Id' => 's1' ]);

# Every way of a body to a server and back.

for my $way (qw/ proxy unbuffered disk file kept /) {
    try("$way: GET", "/$way/a?b=c&d=%20e", replies => [ $said ],
        headers => [ 'X-Any' => 'thing', Cookie => 'a=b' ]);
    try("$way: HEAD", "/$way/a", method => 'HEAD', replies => [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" ]);
    try("$way: call", "/$way/a", body => $call, replies => [ $json ]);
    try("$way: large call", "/$way/a", body => $large, replies => [ $json ]);
    try("$way: chunks", "/$way/a", body => $large, chunked => [ 1, 7, 9000 ],
        replies => [ $json ]);
    try("$way: pieces", "/$way/a", body => $call, split => [ 1, 20 ],
        replies => [ $json ]);
    try("$way: long answer", "/$way/a", body => $call, replies => [
        reply(200, body => $long) ]);
    try("$way: chunked answer", "/$way/a", replies => [
        reply(200, body => $long, chunked => 1) ]);
    try("$way: answer until the end", "/$way/a", cut => 1, replies => [
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n$long" ]);
    try("$way: answer cut short", "/$way/a", cut => 1, replies => [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly" ]);
    try("$way: no answer", "/$way/a", cut => 1, replies => [ '' ]);
    try("$way: garbage", "/$way/a", body => $call, cut => 1, answers => 0,
        replies => [ "garbage\r\n\r\n" ]);
    try("$way: 204", "/$way/a", replies => [ reply(204) ]);
    try("$way: 304", "/$way/a", replies => [
        "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n" ]);
    try("$way: 404", "/$way/a", body => $call, replies => [
        reply(404, body => 'no') ]);
    try("$way: 500", "/$way/a", body => $call, replies => [
        reply(500, body => 'no', headers => [ 'X-Reason' => 'none' ]) ]);
    try("$way: many headers", "/$way/a", replies => [ reply(200,
        body => 'x', headers => [ map { ("X-H$_", "v$_") } 1 .. 40 ],
    ) ]);
    try("$way: cookies", "/$way/a", replies => [ reply(200, body => 'x',
        headers => [ 'Set-Cookie' => 'a=b', 'Set-Cookie' => 'c=d' ]) ]);
    try("$way: events", "/$way/a", body => $call, replies => [
        reply(200, type => 'text/event-stream', chunked => 1,
              body => "event: message\ndata: " . rpc('x') . "\n\n: c\n\n") ]);
    try("$way: JSON", "/$way/a", replies => [ reply(200, chunked => 1,
        type => 'application/json', body => '[' . '{"a":1},' x 9000 . '2]') ]);

    for my $method (qw/ DELETE OPTIONS /) {
        try("$way: $method", "/$way/a", method => $method,
            replies => [ $said ]);
    }

    for my $method (qw/ PUT PATCH PROPFIND /) {
        try("$way: $method", "/$way/a", method => $method,
            replies => [ $said ],
            enforced => qr/^HTTP\S+ 405 .*"The HTTP method must be/s);
    }
}

try('streamed: call', '/streamed/a', body => $large, replies => [ $json ]);

# Where it goes.

try('next upstream', '/next/a', replies => [ $said ]);
try('next upstream: call', '/next/a', body => $large, replies => [ $json ]);
try('next upstream: 503', '/next/a', body => $call,
    replies => [ reply(503, body => 'no') ]);
try('kept connection', '', answers => 2, replies => [ $said, $json ],
    raw => "GET /kept/1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        . "POST /kept/2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($call) . "\r\n\r\n$call");
try('store', '/store/a.txt', replies => [ $said ]);
try('cache', '/cache/a', clients => 3, replies => [
    reply(200, body => $long, headers => [ ETag => '"e"' ]) ]);
try('cache: range', '/cache/a', headers => [ Range => 'bytes=100-199' ]);
try('cache: not modified', '/cache/a',
    headers => [ 'If-None-Match' => '"e"' ]);
try('cache: HEAD', '/cache/a', method => 'HEAD');
try('cache: call', '/cache/a', body => $call, clients => 2,
    replies => [ $json ]);
try('cache: another call', '/cache/a', body => tool_call('add'),
    replies => [ $json ]);

for my $range ('0-1499', '1000-', '-100', '200000-', '0-1023') {
    my @replies = map {
        reply(206, body => substr($long, $_ * 1024, 1024), headers => [
            'Content-Range' => sprintf('bytes %d-%d/%d', $_ * 1024,
                                       $_ * 1024 + 1023, 4096) ])
    } 0 .. 3;

    try("slice: $range", '/slice/' . $range,
        headers => [ Range => "bytes=$range" ], replies => \@replies)
        if $slice;
}

try('auth_basic: none', '/basic/a');
try('auth_basic: wrong', '/basic/a', body => $call,
    headers => [ Authorization => 'Basic YW5uOndyb25n' ]);
try('auth_basic: right', '/basic/a', body => $call, replies => [ $json ],
    headers => [ Authorization => 'Basic YW5uOnNlY3JldA==' ]);

for my $status (200, 401, 403, 500) {
    try("auth_request: $status", '/asked/a', body => $call, copy => 1,
        replies => [ $status == 200 ? $json : () ], copies => [
        reply($status, headers => [ 'X-Told' => 'yes',
                                    'WWW-Authenticate' => 'Bearer' ]) ]);
}

try('mirror: GET', '/mirrored/a?b', replies => [ $said ], copy => 1);
try('mirror: call', '/mirrored/a', body => $large, replies => [ $json ],
    copy => 1);

for my $status (404, 500, 502, 503) {
    try("error_page: $status", '/errors/a', body => $call,
        replies => [ reply($status, body => 'no'), $json ]);
}

try('error_page: HTML', '/errors/a', replies => [ reply(403, body => 'no') ],
    enforced => qr/"Access is forbidden"/);
try('error_page: no server', '/dead/a', body => $call, replies => [ $json ]);
try('error_page: no server, GET', '/dead/a', replies => [ $said ]);
try('X-Accel-Redirect', '/accel/a', body => $call, replies => [
    reply(200, headers => [ 'X-Accel-Redirect' => '/inside/small.txt' ]) ]);
try('X-Accel-Redirect, named', '/accel/a', body => $call, replies => [
    reply(200, headers => [ 'X-Accel-Redirect' => '@named' ]), $json ]);
try('X-Accel-Redirect, range', '/accel/a', replies => [
    reply(200, headers => [ 'X-Accel-Redirect' => '/inside/page.html' ]) ],
    headers => [ Range => 'bytes=3-9' ]);
try('internal', '/inside/small.txt');
try('try_files: file', '/try/a?f=/page.html');
try('try_files: next', '/try/a?f=/none');
try('try_files: named', '/try/named/a', body => $call, replies => [ $json ]);
try('return', '/gone/a');
try('return: call', '/gone/a', body => $call);
try('return: 301', '/moved/a');
try('rewrite', '/rewritten/a', body => $call, replies => [ $json ]);
try('rewrite: break', '/broken/a');
try('deny', '/forbidden/a');
try('deny: call', '/forbidden/a', body => $call);
try('limit_except', '/only/a', replies => [ $said ]);
try('limit_except: call', '/only/a', body => $call);
try('limit_req', '/often/a', clients => 2, replies => [ $said ]);
try('limit_req: call', '/often/b', body => $call, clients => 2,
    replies => [ $json ]);

for my $arguments (qw{ who=1 who=2 who=3 n=1 n=2 n=xyz if=1 }) {
    try("variables: $arguments", "/words/?$arguments");
}

for my $kind (qw/ fastcgi scgi uwsgi /) {
    try("$kind: GET", "/$kind/a?b");
    try("$kind: call", "/$kind/a", body => $call);
    try("$kind: large call", "/$kind/a", body => $large);
    try("$kind: chunks", "/$kind/a", body => $large, chunked => [ 5, 6000 ]);
}

# Files and what is done to answers.

try('file', '/page.html');
try('file: HEAD', '/page.html', method => 'HEAD');
try('file: JSON', '/data.json');
try('file: none', '/none');
try('file: call', '/small.txt', body => $call);
try('index', '/');
try('directory', '/cache');

for my $range ('0-9', '100-', '-10', '5-2', '9999999-', '0-1,5-9', '0-0,-1') {
    try("range: $range", '/page.html', headers => [ Range => "bytes=$range" ]);
}

try('If-Modified-Since', '/page.html', headers => [
    'If-Modified-Since' => 'Sun, 09 Sep 2001 01:46:40 GMT' ]);
try('If-Range', '/page.html', headers => [ Range => 'bytes=1-2',
    'If-Range' => 'Sun, 09 Sep 2001 01:46:40 GMT' ]);
try('If-Match', '/page.html', headers => [ 'If-Match' => '"other"' ]);

my @zip = ('Accept-Encoding' => 'gzip');

try('gzip', '/gzip/page.html', headers => [ @zip ]);
try('gzip: JSON', '/gzip/data.json', headers => [ @zip ]);
try('gzip: not asked for', '/gzip/page.html');
try('gzip: index', '/gzip/', headers => [ @zip ]);
try('gzip_static', '/gzip/static/last.html', headers => [ @zip ]);
try('gzip_static: not asked for', '/gzip/static/last.html');
try('gzip: proxied', '/gzip/proxy/a', headers => [ @zip ], replies => [
    reply(200, body => $long) ]);
try('gzip: proxied call', '/gzip/proxy/a', headers => [ @zip ],
    body => $call, replies => [ reply(200, body => $long) ]);
try('gzip: done upstream', '/proxy/a', headers => [ @zip ],
    replies => [ reply(200, body => $zipped,
                       headers => [ 'Content-Encoding' => 'gzip' ]) ]);
try('gunzip', '/gunzip/a', replies => [ reply(200, body => $zipped,
    headers => [ 'Content-Encoding' => 'gzip' ]) ]);
try('sub_filter', '/sub/page.html');
try('sub_filter: proxied', '/sub/proxy/a', replies => [ $said ]);
try('sub_filter: call', '/sub/proxy/a', body => $call, replies => [ $said ]);
try('addition', '/added/page.html');
try('SSI', '/ssi/parts.shtml?x=1', replies => [ $said ]);
try('SSI: proxied', '/ssi/proxy/a', replies => [
    reply(200, type => 'text/html', chunked => 1,
          body => '1<!--#include virtual="/small.txt" -->2'), ]);
try('SSI: call', '/ssi/proxy/a', body => $call, replies => [
    reply(200, type => 'text/html',
          body => '1<!--#include virtual="/gone/x" -->2') ]);

# The connection.

my $head = "POST /proxy/a HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nContent-Length: "
    . length($call) . "\r\n";

# A length of 0 is no body; what comes in chunks is one, whatever it turns out
# to be.

for my $method (qw/ GET DELETE OPTIONS /) {
    my $line = "$method /proxy/a HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n";

    try("no body: $method", '', replies => [ $said ],
        raw => "${line}Content-Length: 0\r\n\r\n");
    try("no chunk: $method", '', replies => [ $said ],
        raw => "${line}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        enforced => qr/^HTTP\S+ 400 .*"code":-32600/s);
}

try('100-continue', '', then => $call,
    raw => "${head}Expect: 100-continue\r\nConnection: close\r\n\r\n",
    replies => [ $json ]);
try('pipelined', '', answers => 4, replies => [ $json, $said, $json ],
    raw => "$head\r\n$call" . "GET /proxy/b HTTP/1.1\r\nHost: x\r\n\r\n"
        . "$head\r\n$call"
        . "GET /small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
try('HTTP/1.0', '', replies => [ $said ], answers => 1,
    raw => "GET /proxy/a HTTP/1.0\r\n\r\n");
try('HTTP/1.0, kept', '', replies => [ reply(200, chunked => 1, body => 'x') ],
    raw => "GET /proxy/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    answers => 1);
try('HTTP/0.9', '', raw => "GET /small.txt\r\n", answers => 0);
try('bad request', '', raw => "GET / HTTP/1.1\r\n\r\n", answers => 1);
try('bad length', '', answers => 1,
    raw => "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n");
try('too large', '/small/a', body => $call x 10);
try('too large, in chunks', '/small/a', body => $call x 10, chunked => 1);
try('too large, lingering', '/small/a', body => $large x 20);

for my $case (@cases) {
    my ($bare, @others) = map { outcome($_, $case) } @kinds;

    is($others[0], $bare, "$case->{name}: idle");
    is($others[1], $bare, "$case->{name}: dry");

    if ($case->{enforced}) {
        like($others[2], $case->{enforced}, "$case->{name}: refused");
    } else {
        is($others[2], $bare, "$case->{name}: enforced");
    }
}

# What takes two connections, or more than a request and an answer.

same('stored file', sub { $_[0]->read_file('store/a.txt') });

same('HTTP/2', sub {
    my ($t, $server) = @_;
    my $h2 = $t->h2(port => 8084);
    my @seen;

    $server->reply($_) for $json, $said, $json;

    for my $body ($call, undef, $large) {
        my $response = $h2->post($body, uri => '/proxy/2', split => [ 10 ],
                                 $body ? () : (method => 'GET'));
        push @seen, $response->status(), $response->body();
    }

    my $file = $h2->post(undef, uri => '/data.json', method => 'GET');

    $h2->close();
    return @seen, $file->body(), map { $_->raw() } $server->requests();
});

same('HTTP/2: client resets the stream', sub {
    my ($t, $server) = @_;
    my $h2 = $t->h2(port => 8084);

    $server->hold();
    my $stream = $h2->request('/proxy/3', body => $call);
    my $request = $server->next();
    $h2->cancel($stream);
    $request->wait_closed();
    $server->hold(0);

    my $next = $h2->post($call, uri => '/proxy/4');

    $h2->close();
    return $request->raw(), $next->status(), $next->body();
});

same('limit_conn', sub {
    my ($t, $server) = @_;

    $server->hold();
    my $first = $t->connect();
    $first->send_request('POST', '/many/a', body => $call, close => 1);
    my $request = $server->next();

    my $second = $t->post($call, uri => '/many/a')->status();
    my $other = $t->get('/small.txt')->status();

    $request->respond(200, body => 'late');
    $server->hold(0);
    return $second, $other, text('', {}, $first->read_response());
});

same('client leaves while the server thinks', sub {
    my ($t, $server) = @_;

    $server->hold();
    my $client = $t->connect();
    $client->send_request('POST', '/proxy/left', body => $call);
    my $request = $server->next();
    $client->close();
    $request->wait_closed();
    $server->hold(0);
    return $request->raw(),
        $t->wait_log(qr{/proxy/left .* 499 }, 'access.log');
});

same('client leaves in its body', sub {
    my ($t, $server) = @_;
    my $client = $t->connect();

    $client->write($head =~ s{/proxy/a}{/proxy/half}r . "\r\n"
                   . substr($call, 0, 20));
    $client->wait_taken();
    $client->close();

    # The lines of the log are compared below.
    return $t->wait_log(qr{/proxy/half }, 'access.log'), $server->count();
});

same('client reads slowly', sub {
    my ($t, $server) = @_;
    my $body = 'y' x 3_000_000;

    $server->respond(200, body => $body);
    my $client = $t->connect();
    $client->send_request('POST', '/disk/slow', body => $call, close => 1);
    $server->next();
    return $client->read_response()->body() eq $body;
});

# A tunnel would be out of the policy's sight.
my %tunnel = map { $_ => join('|', tunnel($gate{$_}, $server{$_})) } @kinds;

like($tunnel{bare}, qr/^101\|hello\|bye$/, 'tunnel: bare');
is($tunnel{$_}, $tunnel{bare}, "tunnel: $_") for qw/ idle dry /;
like($tunnel{enforced}, qr/^400/, 'tunnel: refused');

# The logs, in no order: a connection that lingers ends later than the next.

my %lines;

for my $kind (@kinds) {
    my $t = $gate{$kind};

    $t->stop();
    $lines{access}{$kind} = lines($t->log('access.log'));
    $lines{error}{$kind} = lines(
        join('', map { /\[error\] \S+ (.*\n)/ ? $1 : () }
             split(/^/, $t->log())));
}

is($lines{access}{$_}, $lines{access}{bare}, "access log: $_")
    for qw/ idle dry /;
is($lines{error}{idle}, $lines{error}{bare}, 'error log: idle');

done_testing();


# Everything that the client and the servers saw, as text.
sub outcome {
    my ($kind, $case) = @_;

    my ($server, $copies) = ($server{$kind}, $copies{$kind});
    my @seen;

    $server->clear();
    $copies->clear();
    $server->reply($_, close => $case->{cut}) for @{$case->{replies} || []};
    $copies->reply($_) for @{$case->{copies} || []};

    for (1 .. $case->{clients} || 1) {
        push @seen, conversation($kind, $case);
    }

    $copies->next() for 1 .. $case->{copy} || 0;

    for my $request ($server->requests(), $copies->requests()) {
        push @seen, $request->raw();
    }

    # Nothing is left of the script for the next one.
    push @seen, 'left: ' . $server->forget() . $copies->forget();

    return normal($kind, join("\n", @seen));
}


sub contents {
    my ($name) = @_;

    open(my $file, '<', $name) or die "$name: $!";
    local $/;
    return scalar <$file>;
}


sub conversation {
    my ($kind, $case) = @_;

    my $client = $gate{$kind}->connect();
    my @seen;

    if (defined $case->{raw}) {
        $client->write($case->{raw});
    } else {
        $client->send_request(@$case{qw/ method uri /}, %$case, close => 1);
    }

    if ($case->{then}) {
        push @seen, $client->take_line(), $client->take_line();
        $client->write($case->{then});
    }

    for (1 .. $case->{answers} // 1) {
        push @seen, text($kind, $case, $client->read_response(
            head => $case->{method} eq 'HEAD'));
    }

    push @seen, 'and: ' . $client->take(1e6) . ' closed: '
        . $client->closed() if !$case->{stays};

    $client->close();
    return @seen;
}


# An answer without its framing, which depends on when what was read.  Where
# a policy is enforced the pages of nginx's own are JSON.
sub text {
    my ($kind, $case, $response) = @_;

    my ($head, $body) = ($response->head(), $response->body());

    if ($response->status() >= 400 && !$case->{enforced}
        && $body =~ ($kind eq 'enforced' ? $own_page : $page))
    {
        $body = '(a page of nginx)';
        $head =~ s/^Content-(Type|Length): .*\n//gm;
    }

    return $head . $body . ($response->truncated() ? '(cut)' : '');
}


# What differs by itself: ports, times, what nginx counts.  A policy asks the
# servers for answers that it can read.
sub normal {
    my ($kind, $text) = @_;

    $text =~ s/(127\.0\.0\.1|localhost):\d+/$1:PORT/g;
    $text =~ s/^((?:Date|Expires): ).*?(\r?)$/$1DATE$2/gm;
    $text =~ s/\b\d{20}\b/BOUNDARY/g;
    $text =~ s/^(Accept-Encoding: )identity\r$/$1gzip\r/gm
        if $kind eq 'enforced';

    return $text;
}


# The same steps at each of them, from the same state.
sub same {
    my ($name, $steps) = @_;

    my %seen = map {
        $server{$_}->clear();
        $_ => normal($_, join("\n", $steps->($gate{$_}, $server{$_})))
    } @kinds;

    is($seen{$_}, $seen{bare}, "$name: $_") for @kinds[1 .. 3];
}


sub tunnel {
    my ($t, $server) = @_;

    my $client = $t->connect();

    $server->clear();
    $server->hold();
    $client->send_request('GET', '/tunnel/a', headers => [
        Upgrade => 'websocket', Connection => 'upgrade' ]);

    if ($t == $gate{enforced}) {
        my $status = $client->read_response()->status();
        $server->hold(0);
        return $status, $server->count();
    }

    my $request = $server->next();

    $request->send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n"
                   . "Upgrade: websocket\r\n\r\nhello");
    my $response = $client->read_head();
    my @seen = ($response->status(), $client->take(5));

    $request->send('bye');
    $request->close();
    push @seen, $client->take(1e6);

    $server->hold(0);
    $client->close();
    return @seen;
}


sub lines {
    my ($text) = @_;

    my @lines = split(/\n/, normal('', $text));

    s/^\*\d+ //, s/ while [^,]*//, s/, upstream: "[^"]*"// for @lines;
    return join("\n", sort @lines);
}
