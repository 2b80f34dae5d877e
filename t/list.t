#!/usr/bin/perl

# What a caller finds in lists: the elements that it may use, as the server
# wrote them, and every byte around them, however the answer comes and goes.
# The expected answer is put together from the same pieces without those that
# are hidden.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib qw/ memGunzip /;
use IO::Compress::Gzip qw/ gzip /;
use JSON::PP;

use MCPTest;

my $json = JSON::PP->new->utf8->canonical;

my $t = MCPTest->new(timeout => 90);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    default_type application/json;

    mcp_policy closed {
        hide secret* file:///secret/*;
        tool echo add { }
        tool drop { deny "Never."; }
        tool pay { arg amount lte 5; }
        tool * { limit 1000/day; }
        prompt greet { }
        resource file:///docs/* { }
    }
    mcp_policy open {
        default allow;
        hide secret*;
        tool drop { deny; }
    }
    mcp_policy roles {
        tool echo { }
        tool admin { require $http_x_role eq admin; }
        tool admin_too { require $http_x_role in admin root; }
    }
    mcp_policy adds { tool add drop { } }

    proxy_cache_path %%TESTDIR%%/cache keys_zone=lists:1m;
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8082 http2;
        mcp_enforce closed;

        location / { proxy_pass http://127.0.0.1:8081; }
        location /open {
            mcp_enforce open;
            proxy_pass http://127.0.0.1:8081;
        }
        location /roles {
            mcp_enforce roles;
            proxy_pass http://127.0.0.1:8081;
        }
        location /variable {
            mcp_enforce $http_x_policy;
            proxy_pass http://127.0.0.1:8081;
        }
        location /hidden {
            mcp_list_filter hidden;
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
        location /ttl {
            mcp_list_ttl 5s;
            proxy_pass http://127.0.0.1:8081;
        }
        location /plain {
            proxy_buffering off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /old { proxy_http_version 1.0; proxy_pass http://127.0.0.1:8081; }
        location /gzip {
            gzip on;
            gzip_types application/json;
            gzip_min_length 1;
            gzip_proxied any;
            proxy_pass http://127.0.0.1:8081;
        }
        location /zipped {
            proxy_set_header Accept-Encoding gzip;
            proxy_pass http://127.0.0.1:8081;
        }
        location /cache {
            mcp_enforce roles;
            proxy_cache lists;
            proxy_cache_methods POST;
            proxy_cache_key $request_body;
            proxy_cache_valid 1h;
            proxy_pass http://127.0.0.1:8081;
        }
        location /mirror {
            mirror /mirrored;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /mirrored { internal; proxy_pass http://127.0.0.1:8083; }
        location /auth {
            auth_request /check;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /check { mcp_enforce off; return 204; }
        location /after {
            addition_types application/json;
            add_after_body /tail;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /tail { mcp_enforce off; return 200 "\n"; }
        location /intercept {
            proxy_intercept_errors on;
            error_page 404 =200 /files/list.json;
            proxy_pass http://127.0.0.1:8081;
        }
        location /files/ { mcp_enforce off; alias %%TESTDIR%%/; }
        location /to_open {
            mcp_enforce adds;
            error_page 502 = @open;
            proxy_pass http://127.0.0.1:8089;
        }
        location @open {
            mcp_enforce open;
            proxy_pass http://127.0.0.1:8081;
        }
        location /sse {
            mcp_transport sse;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $mirror = $t->upstream(8083);
my $version = `${\ $t->binary()} -V 2>&1`;


# Tools whose bytes any JSON library would change.

sub tool {
    my ($name, $more) = @_;

    $more = '"description":"tab\\u0009 \\/ \\ud83d\\ude00 ' . "\xe2\x80\xa8"
        . '","n":[12345678901234567890,1e400,1.0,-0],"x":{"y":{}}'
        unless defined $more;

    return "{\"name\":\"$name\",$more,\"inputSchema\":{ \"type\" :\"object\"}}";
}


sub answer {
    my ($member, $elements, %options) = @_;

    my $id = defined $options{id} ? $options{id} : 1;
    my $more = defined $options{more} ? $options{more} : '';

    return "{\"id\":$id,\"result\": {\"_meta\":{\"a\":1.50},\"$member\":["
        . join(',', @$elements) . "]$more,\"nextCursor\":\"\\u0041=\"},"
        . '"jsonrpc":"2.0"}';
}


sub tools {
    my ($names, %options) = @_;
    return answer('tools', [ map { tool($_) } @$names ], %options);
}


my @all = qw/ echo secret add drop pay secret2 other /;
my $all = tools(\@all);
my $list = rpc('tools/list');


# What the server says to a request, and what the client gets.
sub ask {
    my ($uri, $body, %options) = @_;

    $upstream->respond(200, %{$options{answer} || {}}, body => $body);
    return $t->post($options{request} || $list, uri => $uri, %options);
}


sub names {
    my ($r, $member) = @_;

    my $elements = $r->json() && $r->json()->{result}{$member || 'tools'};

    return join(' ', map { $_->{name} } @{$elements || []});
}


$t->write_file('list.json', $all);
$t->run();


# Who sees what

my $r = ask('/', $all);
is($r->status, 200, 'default deny: a list is answered');
is($r->body, tools([ qw/ echo add pay / ]), 'listed tools, byte by byte');
is($r->header('Content-Length'), length $r->body, 'its length');
is($r->header('Content-Type'), 'application/json', 'its type');

$r = ask('/open', $all);
is($r->body, tools([ qw/ echo add pay other / ]),
   'default allow: all but hidden and denied ones');

$r = ask('/hidden', $all);
is($r->body, tools([ qw/ echo add drop pay other / ]),
   'mcp_list_filter hidden');

$r = ask('/off', $all);
is($r->body, $all, 'mcp_list_filter off');

$r = ask('/dry', $all);
is($r->body, $all, 'a dry run hides nothing');

$r = ask('/', tools([ qw/ secret drop / ]));
is($r->body, tools([]), 'nothing left is [], with its cursor');

$r = ask('/', tools([]));
is($r->body, tools([]), 'nothing to hide in nothing');

my $roles = tools([ qw/ admin echo admin_too / ]);

$r = ask('/roles', $roles);
is($r->body, tools([ 'echo' ]), 'without a role');
$r = ask('/roles', $roles, headers => [ 'X-Role' => 'root' ]);
is($r->body, tools([ qw/ echo admin_too / ]), 'with one');
$r = ask('/roles', $roles, headers => [ 'X-Role' => 'admin' ]);
is($r->body, $roles, 'with all');

is(names(ask('/variable', $all, headers => [ 'X-Policy' => 'adds' ])),
   'add drop', 'a policy by name');

# Show and permit are one

for my $name (@all) {
    my $shown = grep { $_ eq $name } qw/ echo add pay /;
    $r = $t->post(tool_call($name, { amount => 1 }), uri => '/');
    is($r->body =~ /from upstream/ ? 1 : 0, $shown,
       "$name: called as it is shown");
}

# Other lists

my @prompts = map { "{\"name\":\"$_\"}" } qw/ greet secret bye /;
$r = ask('/', answer('prompts', \@prompts), request => rpc('prompts/list'));
is($r->body, answer('prompts', [ $prompts[0] ]), 'prompts/list');

my @resources = map { "{\"name\":\"r\",\"uri\":\"$_\"}" }
    qw{ file:///docs/a file:///secret/b file:///docs/../secret/b http://x/ };
$r = ask('/', answer('resources', \@resources),
         request => rpc('resources/list'));
is($r->body, answer('resources', [ $resources[0] ]), 'resources/list');

my @templates = map { "{\"name\":\"t\",\"uriTemplate\":\"$_\"}" }
    'file:///docs/{name}', 'file:///secret/{name}';
$r = ask('/', answer('resourceTemplates', \@templates),
         request => rpc('resources/templates/list'));
is($r->body, answer('resourceTemplates', [ $templates[0] ]),
   'resources/templates/list');

# What is no list

for my $case ([ 'a call with a member "tools"', tool_call('echo'), $all ],
              [ 'initialize', rpc('initialize', { protocolVersion => '1',
                capabilities => {}, clientInfo => { name => 'c',
                version => '1' } }), '{"id":1,"jsonrpc":"2.0","result":'
                . '{"capabilities":{"tools":{}}, "x":1e400}}' ],
              [ 'an error', $list, '{"jsonrpc":"2.0","id":1,"error":'
                . '{"code":-32601,"message":"\u0041", "data":[1.0]}}' ])
{
    my ($what, $request, $body) = @$case;
    is(ask('/', $body, request => $request)->body, $body, "$what passes");
}

# A call is not held back for its answer: the client has its beginning before
# the server sends the rest.

$upstream->clear()->hold();
my $client = $t->connect();
$client->send_request('POST', '/plain', body => tool_call('echo'));
my $server = $upstream->next();
$server->send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              . "Content-Length: 10\r\n\r\n[1,");
ok($client->read_head(), 'the head of a call\'s answer');
is($client->body_piece(), '[1,', 'and its beginning, before its end is sent');
$server->send('2,3,4,]');
$client->close();
$upstream->hold(0);

# Ids, batches

for my $id ('"a\\u00e9"', -7, '"1"') {
    my $request = "{\"jsonrpc\":\"2.0\",\"id\":$id,\"method\":\"tools/list\"}";
    is(names(ask('/', tools(\@all, id => $id), request => $request)),
       'echo add pay', "id $id");
}

my $batch = '[' . join(',', rpc('tools/list', undef, id => 1),
                       tool_call('echo', {}, id => 2),
                       rpc('prompts/list', undef, id => 3)) . ']';
my $call = '{"jsonrpc":"2.0","id":2,"result":{"tools":[' . tool('secret')
    . ']}}';

$r = ask('/', "[ $call," . answer('prompts', \@prompts, id => 3)
         . ", $all\n]", request => $batch,
         headers => [ 'MCP-Protocol-Version' => '2025-03-26' ]);
is($r->body, "[ $call," . answer('prompts', [ $prompts[0] ], id => 3) . ', '
   . tools([ qw/ echo add pay / ]) . "\n]", 'a batch: each by its request');

# 2026-07-28: for whom and for how long a list may be kept

my $modern = rpc('tools/list', { _meta => modern() });
my @modern = (request => $modern, headers => modern_headers('tools/list'));

sub kept {
    my ($scope, $ttl, @names) = @_;
    return tools(\@names, more => ",\"cacheScope\":\"$scope\",\"ttlMs\":$ttl");
}

for my $case ([ '/', 'public', 100, 'public', 100 ],
              [ '/', 'public', 3600000, 'public', 60000 ],
              [ '/', 'private', 0, 'private', 0 ],
              [ '/ttl', 'public', 3600000, 'public', 5000 ],
              [ '/ttl', 'public', 4999, 'public', 4999 ],
              [ '/roles', 'public', 100, 'private', 100 ])
{
    my ($uri, $scope, $ttl, @expected) = @$case;

    $r = ask($uri, kept($scope, $ttl, 'echo'), @modern);
    is($r->body, kept(@expected, 'echo'),
       "$uri, $scope, $ttl: $expected[0], $expected[1]");
}

$r = ask('/variable', kept('public', 1, 'echo'), request => $modern,
         headers => [ @{modern_headers('tools/list')},
                      'X-Policy' => 'closed' ]);
is($r->body, kept('private', 1, 'echo'), 'mcp_enforce $variable is private');

# What becomes longer before and behind what is taken out

for my $order ('"tools":[%s],"cacheScope":"%s"', '"cacheScope":"%s","tools":[%s]')
{
    my $whole = sub {
        my ($scope, @names) = @_;
        my @parts = (join(',', map { tool($_) } @names), $scope);

        @parts = reverse @parts if $order =~ /^"cache/;
        return '{"jsonrpc":"2.0","id":1,"result":{"ttlMs":1,'
            . sprintf($order, @parts) . '}}';
    };

    for my $names ([ 'echo' ], [ qw/ admin echo admin_too / ],
                   [ qw/ echo admin / ], [ 'admin' ])
    {
        $r = ask('/roles', $whole->('public', @$names), @modern);
        is($r->body, $whole->('private', grep { $_ eq 'echo' } @$names),
           "$order, @$names");
    }
}

# However it comes

my $large = tools([ map { ("echo", "secret$_") } 1 .. 2500 ]);
my $left = tools([ map { 'echo' } 1 .. 2500 ]);

for my $uri ('/', '/plain', '/old') {
    is(ask($uri, $all)->body, tools([ qw/ echo add pay / ]),
       "$uri: with a length");
    is(ask($uri, $all, answer => { chunked => 1 })->body,
       tools([ qw/ echo add pay / ]), "$uri: chunked");
    ok(ask($uri, $large)->body eq $left, "$uri: 5000 tools");
    ok(ask($uri, $large, answer => { chunked => 1 })->body eq $left,
       "$uri: 5000 tools, chunked");

    my ($rest, $chunks) = ($all, '');

    while (length $rest) {
        my $chunk = substr($rest, 0, 1 + int(rand(20)), '');
        $chunks .= sprintf("%x\r\n%s\r\n", length $chunk, $chunk);
    }

    $upstream->reply("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     . "Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n");
    is($t->post($list, uri => $uri)->body, tools([ qw/ echo add pay / ]),
       "$uri: random chunks");

    $upstream->reply("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     . "Connection: close\r\n\r\n$all", close => 1);
    is($t->post($list, uri => $uri)->body, tools([ qw/ echo add pay / ]),
       "$uri: until the server closes");
}

$upstream->clear()->hold();

for my $uri ('/', '/plain') {
    my $short = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"secret"},'
        . '{"name":"echo"}]}}';

    $client = $t->connect();
    $client->send_request('POST', $uri, body => $list);
    $server = $upstream->next();
    $server->send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . 'Content-Length: ' . length($short) . "\r\n\r\n");
    $server->send($_) for split(//, $short);
    is($client->read_response()->body, '{"jsonrpc":"2.0","id":1,"result":'
       . '{"tools":[{"name":"echo"}]}}', "$uri: byte by byte");
    $client->close();
}

$upstream->hold(0);

# The header: what tells of other bytes is gone, the rest stays

$r = ask('/', $all, answer => { type => 'application/json; charset=utf-8',
         headers => [ 'Mcp-Session-Id' => 's', ETag => '"1"',
         'Last-Modified' => 'Thu, 01 Jan 2026 00:00:00 GMT',
         'Accept-Ranges' => 'bytes', 'X-Other' => 'o',
         map { ($_ => 'of-other-bytes') } qw/ Content-MD5 Digest
             Content-Digest repr-digest / ] });
is($r->header('Mcp-Session-Id'), 's', 'the session stays');
is($r->header('X-Other'), 'o', 'other lines stay');
is($r->header('Content-Type'), 'application/json; charset=utf-8',
   'so does the type');
is($r->header($_), undef, "no $_") for qw/ ETag Last-Modified Accept-Ranges
    Content-MD5 Digest Content-Digest Repr-Digest /;

$r = ask('/', $all, headers => [ Range => 'bytes=0-9' ]);
is($r->status, 200, 'nothing by ranges');

# Compression: not by the server, by nginx if the client likes

my @accept = ('Accept-Encoding' => 'gzip', 'accept-encoding' => 'br');

$r = ask('/gzip', $all, headers => \@accept);
is(join('|', $upstream->last()->header('Accept-Encoding')),
   'identity|identity', 'the server is asked not to compress');
is($r->header('Content-Encoding'), 'gzip', 'the client gets gzip');
is(memGunzip($r->body), tools([ qw/ echo add pay / ]), 'and its list');

$r = ask('/gzip', $all);
is($r->header('Content-Encoding'), undef, 'a client that did not ask');
is($upstream->last()->header('Accept-Encoding'), undef,
   'no line that it did not send');

$r = ask('/gzip', '{"id":1,"jsonrpc":"2.0","result":{}}', headers => \@accept,
         request => tool_call('echo'));
is(join('|', $upstream->last()->header('Accept-Encoding')), 'gzip|br',
   'for a call its wishes are passed on');
is($r->header('Content-Encoding'), 'gzip', 'and nginx compresses');

$r = ask($_, $all, headers => \@accept), is(
   join('|', $upstream->last()->header('Accept-Encoding')), 'gzip|br',
   "$_: likewise") for '/off', '/dry';

$t->get('/', headers => \@accept);
is(join('|', $upstream->last()->header('Accept-Encoding')),
   'identity|identity', 'GET: a stream may bring a list');

sub zipped {
    my ($bytes, %how) = @_;
    my $z;

    gzip(\$bytes, \$z);
    $z = Compress::Zlib::compress($bytes) if $how{deflate};
    return $z;
}

for my $uri ('/zipped', '/plain') {
    for my $encoding (qw/ gzip GZip x-gzip deflate /) {
        my $z = zipped($all, deflate => $encoding eq 'deflate');

        $r = ask($uri, $z, answer => { chunked => $encoding eq 'x-gzip',
                 headers => [ 'Content-Encoding' => $encoding ] });
        is($r->body, tools([ qw/ echo add pay / ]),
           "$uri: $encoding all the same");
        is($r->header('Content-Encoding'), undef, 'not compressed any more');
    }
}

$r = ask('/', zipped($large),
         answer => { headers => [ 'Content-Encoding' => 'gzip' ] });
ok($r->body eq $left, '5000 tools inflated');

$r = ask('/gzip', zipped($all), headers => \@accept,
         answer => { headers => [ 'Content-Encoding' => 'gzip' ] });
is(memGunzip($r->body), tools([ qw/ echo add pay / ]),
   'gzip in, gzip out, the list between');

$r = ask('/', $all, answer => { headers =>
         [ 'Content-Encoding' => 'identity' ] });
is(names($r), 'echo add pay', 'identity is none');

# What nginx does with answers

$r = ask('/cache', $roles);
is(names($r), 'echo', 'cached: filtered for the first');
my $count = $upstream->count();
$r = $t->post($list, uri => '/cache', headers => [ 'X-Role' => 'admin' ]);
is($r->body, $roles, 'out of the cache, for another');
$r = $t->post($list, uri => '/cache');
is(names($r), 'echo', 'and for the first again');
is($upstream->count(), $count, 'the server was asked once');

$r = ask('/mirror', $all);
is(names($r), 'echo add pay', 'mirrored');
is($mirror->next()->body, $list, 'and the mirror was asked the same');

is(names(ask('/auth', $all)), 'echo add pay', 'auth_request');

SKIP: {
    skip('nginx has no addition filter', 1)
        unless $version =~ /http_addition_module/;
    is(ask('/after', $all)->body, tools([ qw/ echo add pay / ]) . "\n",
       'what another filter adds');
}

$upstream->respond(404, body => 'gone', type => 'text/plain');
is($t->post($list, uri => '/intercept')->body, tools([ qw/ echo add pay / ]),
   'a list out of a file, by error_page');

$upstream->reply("HTTP/1.1 200 OK\r\nX-Accel-Redirect: /files/list.json\r\n"
                 . "Content-Length: 0\r\n\r\n");
is($t->post($list, uri => '/')->body, tools([ qw/ echo add pay / ]),
   'a list out of a file, by X-Accel-Redirect');

is(names(ask('/to_open', $all)), 'add',
   'judged by two policies, filtered by both');

# Statuses without a list

for my $case ([ 202, '', 'text/plain' ], [ 202, 'Accepted', 'text/plain' ],
              [ 204, '', 'text/plain' ], [ 401, '', 'application/json' ],
              [ 404, 'no', 'text/plain' ], [ 500, 'no', 'text/plain' ],
              [ 400, '{"error":"no"}', 'application/json' ],
              [ 302, 'there', 'text/plain' ])
{
    my ($status, $body, $type) = @$case;

    $upstream->respond($status, body => $body, type => $type,
                       headers => [ 'WWW-Authenticate' => 'Bearer' ]);
    $r = $t->post($list, uri => '/');
    is($r->status, $status, "$status with \"$body\"");
    is($r->body, $body, 'and its body');
    is($r->header('WWW-Authenticate'), 'Bearer', 'and its header');
}

$upstream->reply("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
$r = $t->post($list, uri => '/');
is($r->status, 304, 'not modified');
is($r->header('ETag'), '"1"', 'with its tag');

is($t->request('HEAD', '/')->status, 200, 'HEAD');

for my $status (202, 400, 500) {
    $upstream->respond($status, body => $all);
    $r = $t->post($list, uri => '/');
    is($r->status, $status, "a list with $status");
    is(names($r), 'echo add pay', 'is filtered');
}

$upstream->respond(200, body => 'ok', type => 'text/plain');
is($t->post($list, uri => '/sse')->body, 'ok',
   'over HTTP+SSE the list is not here');

# HTTP/2 and connections that are kept

SKIP: {
    skip('nginx has no http_v2', 2) unless $version =~ /http_v2_module/;

    my $h2 = $t->h2(port => 8082);

    for my $uri ('/', '/plain') {
        $upstream->respond(200, body => $all);
        is($h2->post($list, uri => $uri)->body,
           tools([ qw/ echo add pay / ]), "HTTP/2, $uri");
    }

    $h2->close();
}

$client = $t->connect();

for my $n (1 .. 3) {
    $upstream->respond(200, body => $all);
    $client->send_request('POST', '/', body => $list);
    is($client->read_response()->body, tools([ qw/ echo add pay / ]),
       "request $n of a connection");
}

$client->close();

done_testing();
