#!/usr/bin/perl

# The decision among nginx's other modules: after every authenticator, before
# anything is sent anywhere, once for a request and policy, and never lost on
# the way through internal redirects and subrequests.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64;

use MCPTest;

my $t = MCPTest->new(timeout => 120);

$t->write_file('users', "ann:{PLAIN}secret\n");
$t->write_file('page.json', '{"page":true}');
$t->write_file('ssi.shtml', '<!--#include virtual="/inside" -->');
$t->write_file('ssi_refused.shtml', '<!--#include virtual="/unknown" -->');

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%

    log_format decision '$uri|$request_method|$mcp_policy|$mcp_tool|'
                        '$mcp_decision|$mcp_reason|$mcp_id|$status';

    mcp_policy one { tool safe first { } }
    mcp_policy two { tool safe second { } }

    limit_req_zone $uri zone=often:1m rate=1r/m;
    proxy_cache_path %%TESTDIR%%/cache keys_zone=cache:1m;
    types { application/json json; text/html shtml; }

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8083 http2;
        access_log %%TESTDIR%%/decision.log decision;

        # Authentication

        location /any {
            mcp_enforce one;
            satisfy any;
            auth_basic closed;
            auth_basic_user_file %%TESTDIR%%/users;
            proxy_pass http://127.0.0.1:8081;

            location /any/open { allow all; proxy_pass http://127.0.0.1:8081; }
            location /any/deny { deny all; proxy_pass http://127.0.0.1:8081; }
        }
        location /all {
            mcp_enforce one;
            auth_basic closed;
            auth_basic_user_file %%TESTDIR%%/users;
            proxy_pass http://127.0.0.1:8081;
        }
        location /auth/ok {
            mcp_enforce one;
            auth_request /check_ok;
            proxy_pass http://127.0.0.1:8081;
        }
        location /auth/no {
            mcp_enforce one;
            auth_request /check_no;
            proxy_pass http://127.0.0.1:8081;
        }
        location /auth/only {
            auth_request /check_enforced;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /check_ok {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_pass http://127.0.0.1:8084;
        }
        location = /check_no { internal; return 403; }
        location = /check_enforced {
            internal;
            mcp_enforce one;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_pass http://127.0.0.1:8084;
        }

        # Mirrors

        location /mirror/off {
            mcp_enforce one;
            mirror /copy_off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /mirror/same {
            mcp_enforce one;
            mirror /copy_same;
            proxy_pass http://127.0.0.1:8081;
        }
        location /mirror/other {
            mcp_enforce one;
            mirror /copy_other;
            proxy_pass http://127.0.0.1:8081;
        }
        location /mirror/none {
            mirror /copy_same;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /copy_off { internal; proxy_pass http://127.0.0.1:8085; }
        location = /copy_same {
            internal;
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8085;
        }
        location = /copy_other {
            internal;
            mcp_enforce two;
            proxy_pass http://127.0.0.1:8085;
        }

        # Errors and redirects

        location /error/named {
            mcp_enforce one;
            error_page 502 = @backup;
            proxy_pass http://127.0.0.1:8089;
        }
        location @backup {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081;
        }
        location /error/uri {
            mcp_enforce one;
            error_page 502 = /backup;
            proxy_pass http://127.0.0.1:8089;
        }
        location = /backup {
            mcp_enforce one;
            proxy_method POST;
            proxy_pass http://127.0.0.1:8081;
        }
        location /error/page {
            mcp_enforce one;
            error_page 502 /page.json;
            proxy_pass http://127.0.0.1:8089;
        }
        location = /page.json { mcp_enforce one; }
        location /error/other_named {
            mcp_enforce one;
            error_page 502 = @other;
            proxy_pass http://127.0.0.1:8089;
        }
        location @other {
            mcp_enforce two;
            proxy_pass http://127.0.0.1:8081;
        }
        location /error/other_uri {
            mcp_enforce one;
            error_page 502 = /other;
            proxy_pass http://127.0.0.1:8089;
        }
        location = /other {
            mcp_enforce two;
            proxy_method POST;
            proxy_pass http://127.0.0.1:8081;
        }
        location /error/off {
            mcp_enforce one;
            error_page 502 = @off;
            proxy_pass http://127.0.0.1:8089;
        }
        location @off { proxy_pass http://127.0.0.1:8081; }
        location /accel {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8086;
        }
        location /unread {
            deny all;
            error_page 403 /backup;
        }
        location /try {
            mcp_enforce one;
            try_files /none $uri @backup;
        }
        location /try_uri {
            mcp_enforce one;
            try_files /none /backup;
        }
        location /last {
            mcp_enforce one;
            rewrite ^ /rewritten last;
        }
        location /rewritten {
            mcp_enforce two;
            proxy_pass http://127.0.0.1:8081;
        }
        location /break {
            mcp_enforce one;
            rewrite ^ /broken break;
            proxy_pass http://127.0.0.1:8081;
        }
        location /return { mcp_enforce one; return 200 "ok"; }
        location = /internal {
            internal;
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /to_internal { rewrite ^ /internal last; }

        # Bodies that never came whole

        location /cut {
            mcp_enforce one;
            client_max_body_size 1k;
            error_page 400 408 413 /cut_page;
            proxy_pass http://127.0.0.1:8081;

            location = /cut/late {
                client_body_timeout 200ms;
                proxy_pass http://127.0.0.1:8081;
            }

            location = /cut_page {
                proxy_method POST;
                proxy_pass http://127.0.0.1:8081;
            }
        }
        location /cut_named {
            mcp_enforce one;
            client_max_body_size 1k;
            error_page 413 @backup;
            proxy_pass http://127.0.0.1:8081;
        }

        # Blocks

        location /if {
            mcp_enforce one;
            set $x "";
            if ($http_x_if) { set $x 1; }
            if ($http_x_pass) { proxy_pass http://127.0.0.1:8081; }
            proxy_pass http://127.0.0.1:8081;
        }
        location /except {
            mcp_enforce one;
            limit_except GET { allow all; }
            proxy_pass http://127.0.0.1:8081;
        }
        location /except_deny {
            mcp_enforce one;
            limit_except GET { deny all; }
            proxy_pass http://127.0.0.1:8081;
        }
        location /outer {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081;

            location /outer/inner { proxy_pass http://127.0.0.1:8081; }
            location /outer/off {
                mcp_enforce off;
                proxy_pass http://127.0.0.1:8081;
            }
            location /outer/two {
                mcp_enforce two;
                proxy_pass http://127.0.0.1:8081;
            }
        }
        location /often {
            mcp_enforce one;
            limit_req zone=often;
            proxy_pass http://127.0.0.1:8081;
        }
        location /cached {
            mcp_enforce one;
            proxy_cache cache;
            proxy_cache_methods POST;
            proxy_cache_key $mcp_tool$request_body;
            proxy_cache_valid 200 1h;
            proxy_ignore_headers Cache-Control Expires;
            proxy_pass http://127.0.0.1:8081;
        }

        # Whatever produces the answer

        location /h/grpc { mcp_enforce one; grpc_pass 127.0.0.1:8089; }
        location /h/fastcgi { mcp_enforce one; fastcgi_pass 127.0.0.1:8089; }
        location /h/uwsgi { mcp_enforce one; uwsgi_pass 127.0.0.1:8089; }
        location /h/scgi { mcp_enforce one; scgi_pass 127.0.0.1:8089; }
        location /h/proxy {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8089;
        }
        location /h/static { mcp_enforce one; }
        location /h/stub { mcp_enforce one; stub_status; }

        location /ssi { alias %%TESTDIR%%/; ssi on; }
        location = /inside {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /unknown {
            mcp_enforce $http_x_policy;
            proxy_pass http://127.0.0.1:8081;
        }
    }

    # Everything enforced, the location that authenticates too.
    server {
        listen 127.0.0.1:8082;
        listen 127.0.0.1:8087 http2;
        mcp_enforce one;
        auth_request /check;

        location / {
            error_page 502 /page.json;
            mirror /copy;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /check {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_pass http://127.0.0.1:8084;
        }
        location = /copy { internal; proxy_pass http://127.0.0.1:8085; }
    }
}
CONF

mkdir($t->dir() . '/cache');
chmod(0777, $t->dir() . '/cache');
chmod(0644, map { $t->dir() . "/$_" } qw/ users page.json ssi.shtml
                                          ssi_refused.shtml /);

my $upstream = $t->upstream(8081);
my $checker = $t->upstream(8084);
my $copies = $t->upstream(8085);
my $accel = $t->upstream(8086);
my $http2 = `${\ $t->binary()} -V 2>&1` =~ /http_v2_module/;

$t->run();

my $safe = tool_call('safe', {}, id => 7);
my $first = tool_call('first', {}, id => 8);
my $danger = tool_call('danger', {}, id => 9);
my $ann = [ Authorization => 'Basic ' . encode_base64('ann:secret', '') ];


sub clear {
    $_->clear() for $upstream, $checker, $copies, $accel;
}


sub allowed {
    my ($name, $response, $body) = @_;

    is($response->status, 200, "$name: status");
    like($response->body, qr/from upstream/, "$name: the answer");
    is($upstream->count, 1, "$name: forwarded once");
    is($upstream->last->body, $body || $safe, "$name: byte for byte")
        if $upstream->count;
    clear();
}


sub refused {
    my ($name, $response, $tool) = @_;

    is($response->status, 200, "$name: status");
    is($response->json->{error}{message}, 'Unknown tool: '
       . ($tool || 'danger'), "$name: the refusal");
    is($upstream->count, 0, "$name: not forwarded");
}


# An error that is not policy's.
sub failed {
    my ($name, $response, $status) = @_;

    is($response->status, $status, "$name: status");
    is($response->json->{error}{code}, $status < 500 ? -32600 : -32603,
       "$name: JSON-RPC");
    is($upstream->count, 0, "$name: not forwarded");
}


# The line of the access log that the last request wrote.
sub logged {
    my ($name, $line) = @_;

    ok($t->wait_log(qr/^\Q$line\E$/m, 'decision.log'), "$name: log")
        or diag($t->log('decision.log'));
    truncate($t->dir() . '/decision.log', 0);
}


subtest 'satisfy any' => sub {
    allowed('password', $t->post($safe, uri => '/any', headers => $ann));
    refused('password', $t->post($danger, uri => '/any', headers => $ann));
    failed('no password', $t->post($safe, uri => '/any'), 401);
    failed('no password, refused', $t->post($danger, uri => '/any'), 401);
    allowed('allow', $t->post($safe, uri => '/any/open'));
    refused('allow', $t->post($danger, uri => '/any/open'));
    failed('deny', $t->post($safe, uri => '/any/deny'), 401);
    allowed('deny, but a password',
            $t->post($safe, uri => '/any/deny', headers => $ann));
    refused('deny, but a password',
            $t->post($danger, uri => '/any/deny', headers => $ann));
    failed('satisfy all', $t->post($safe, uri => '/all'), 401);
    refused('satisfy all', $t->post($danger, uri => '/all',
                                    headers => $ann));
};

subtest 'auth_request' => sub {
    my @doors = (sub { $t->post(@_) });
    my @servers = ([ 8080 ]);

    if ($http2) {
        push @servers, [ 8083, 1 ];
    }

    for my $server (@servers) {
        my ($port, $two) = @$server;
        my $name = $two ? 'HTTP/2, ' : '';
        my $post = sub {
            my ($body, %options) = @_;
            return $t->post($body, port => $port, %options) unless $two;
            my $h2 = $t->h2(port => $port);
            my $response = $h2->post($body, %options);
            $h2->close();
            return $response;
        };

        allowed("${name}it agrees", $post->($safe, uri => '/auth/ok'));
        refused("${name}it agrees", $post->($danger, uri => '/auth/ok'));
        failed("${name}it does not", $post->($safe, uri => '/auth/no'), 403);
        failed("${name}it does not", $post->($danger, uri => '/auth/no'),
               403);

        $checker->clear();
        allowed("${name}only its location has a policy",
                $post->($danger, uri => '/auth/only'), $danger);

        # The subrequest carries no message.
        $post->($safe, uri => '/auth/only');
        is($checker->count, 1, "${name}asked once");
        is($checker->last->body, '', "${name}without a body");
        clear();
    }

    for my $server ([ 8082 ], $http2 ? [ 8087, 1 ] : ()) {
        my ($port, $two) = @$server;
        my $name = ($two ? 'HTTP/2, ' : '') . 'policy in the server';

        my $post = sub {
            return $t->post($_[0], port => $port) unless $two;
            my $h2 = $t->h2(port => $port);
            my $response = $h2->post($_[0]);
            $h2->close();
            return $response;
        };

        my $response = $post->($safe);
        is($copies->next->body, $safe, "$name: mirrored");
        is($copies->count, 1, "$name: once");
        is($checker->count, 1, "$name: asked once");
        allowed($name, $response);

        refused($name, $post->($danger));
        is($copies->count, 0, "$name: a refusal is not mirrored");
        clear();

        $checker->respond(403);
        failed($name, $post->($safe), 403);
        is($copies->count, 0, "$name: not mirrored without access");
        clear();
    }

    # A body that arrives in pieces is read once the access is granted.
    my $client = $t->connect();
    $client->send_request('POST', '/auth/ok', body => $safe,
                          split => [ 0, 10, 50 ]);
    allowed('in pieces', $client->read_response());
};

subtest 'mirror' => sub {
    for my $place (qw/ off same other /) {
        my $response = $t->post($safe, uri => "/mirror/$place");
        is($copies->next->body, $safe, "$place: mirrored");
        is($copies->count, 1, "$place: once");
        allowed($place, $response);

        refused($place, $t->post($danger, uri => "/mirror/$place"));
        is($copies->count, 0, "$place: a refusal is not mirrored");
        clear();
    }

    # The mirror's own policy refuses the copy alone.
    allowed('other policy', $t->post($first, uri => '/mirror/other'), $first);
    is($copies->count, 0, 'other policy: refused there');
    allowed('policy of the mirror alone',
            $t->post($danger, uri => '/mirror/none'), $danger);
    is($copies->count, 0, 'policy of the mirror alone: refused there');

    my $response = $t->post($safe, uri => '/mirror/none');
    is($copies->next->body, $safe, 'policy of the mirror alone: allowed');
    allowed('policy of the mirror alone', $response);

    my $client = $t->connect();
    $client->send_request('POST', '/mirror/same', body => $safe,
                          split => [ 0, 30 ]);
    $response = $client->read_response();
    is($copies->next->body, $safe, 'in pieces: mirrored');
    allowed('in pieces', $response);
};

subtest 'error_page' => sub {
    my $judged = sub {
        my $refusals = () = $t->log() =~ /"two": decision deny/g;
        return $refusals;
    };
    my $before = $judged->();

    truncate($t->dir() . '/decision.log', 0);

    allowed('named', $t->post($safe, uri => '/error/named'));
    logged('named', '/error/named|POST|one|safe|allow||7|200');
    refused('named', $t->post($danger, uri => '/error/named'));
    logged('named', '/error/named|POST|one|danger|deny|not_listed|9|200');

    allowed('URI', $t->post($safe, uri => '/error/uri'));
    logged('URI', '/backup|GET|one|safe|allow||7|200');
    refused('URI', $t->post($danger, uri => '/error/uri'));
    logged('URI', '/error/uri|POST|one|danger|deny|not_listed|9|200');

    my $response = $t->post($safe, uri => '/error/page');
    is($response->status, 502, 'page: status');
    is($response->body, '{"page":true}', 'page: the page');
    logged('page', '/page.json|GET|one|safe|allow||7|502');

    allowed('another policy, named',
            $t->post($safe, uri => '/error/other_named'));
    refused('another policy, named',
            $t->post($first, uri => '/error/other_named'), 'first');
    logged('another policy, named',
           '/error/other_named|POST|two|first|deny|not_listed|8|200');
    allowed('another policy, URI',
            $t->post($safe, uri => '/error/other_uri'));
    logged('another policy, URI', '/other|GET|two|safe|allow||7|200');
    refused('another policy, URI',
            $t->post($first, uri => '/error/other_uri'), 'first');
    logged('another policy, URI',
           '/other|GET|two|first|deny|not_listed|8|200');

    if ($http2) {
        my $h2 = $t->h2(port => 8083);
        allowed('HTTP/2, another policy',
                $h2->post($safe, uri => '/error/other_uri'));
        refused('HTTP/2, another policy',
                $h2->post($first, uri => '/error/other_uri'), 'first');
        $h2->close();
        $before++;
        truncate($t->dir() . '/decision.log', 0);
    }

    allowed('no policy there', $t->post($first, uri => '/error/off'),
            $first);
    logged('no policy there', '/error/off|POST|one|first|allow||8|200');
    refused('no policy there', $t->post($danger, uri => '/error/off'));

    is($judged->() - $before, 2, 'each was judged once by the other policy');
};

subtest 'a body that was never read' => sub {
    # The page's location forwards: nothing may pass it unjudged.
    my $response = $t->post($danger, uri => '/unread');
    is($response->status, 403, 'refused: status');
    is($upstream->count, 0, 'refused: not forwarded');

    $response = $t->post($safe, uri => '/unread');
    is($response->status, 403, 'allowed: status');
    is($upstream->count, 1, 'allowed: forwarded');
    clear();
};

subtest 'X-Accel-Redirect' => sub {
    for my $case ([ '/backup', $safe, 1 ], [ '/backup', $first, 1 ],
                  [ '/other', $safe, 1 ], [ '/other', $first, 0 ],
                  [ '@other', $safe, 1 ], [ '@other', $first, 0 ])
    {
        my ($uri, $body, $allowed) = @$case;

        $accel->respond(200, headers => [ 'X-Accel-Redirect' => $uri ]);
        my $response = $t->post($body, uri => '/accel');

        if ($allowed) {
            allowed($uri, $response, $body);
        } else {
            refused($uri, $response, 'first');
        }
    }

    clear();
    refused('before', $t->post($danger, uri => '/accel'));
    is($accel->count, 0, 'before: not forwarded');
    clear();
};

subtest 'other redirects' => sub {
    allowed('try_files', $t->post($safe, uri => '/try'));
    refused('try_files', $t->post($danger, uri => '/try'));
    allowed('try_files, URI', $t->post($safe, uri => '/try_uri'));
    refused('try_files, URI', $t->post($danger, uri => '/try_uri'));
    allowed('rewrite last', $t->post($safe, uri => '/last'));
    refused('rewrite last', $t->post($first, uri => '/last'), 'first');
    allowed('rewrite break', $t->post($first, uri => '/break'), $first);
    refused('rewrite break', $t->post($danger, uri => '/break'));
    allowed('internal', $t->post($safe, uri => '/to_internal'));
    refused('internal', $t->post($danger, uri => '/to_internal'));
    failed('internal, from outside', $t->post($safe, uri => '/internal'),
           404);

    my $response = $t->post($danger, uri => '/return');
    is($response->status, 200, 'return answers before any decision');
    is($response->body, 'ok', 'and itself');
};

subtest 'bodies that never came whole' => sub {
    my $big = tool_call('safe', { x => 'x' x 5000 });

    for my $case ([ 'length' ], [ 'chunked', chunked => [ (100) x 100 ] ],
                  [ 'chunked and split', chunked => [ (100) x 100 ],
                    split => [ 0, 500 ] ])
    {
        my ($name, %options) = @$case;

        for my $uri ('/cut', '/cut_named') {
            my $response = $t->post($big, uri => $uri, %options);
            is($response->status, 413, "$name, $uri: status");
            unlike($response->body, qr/</, "$name, $uri: no HTML");
            is(scalar(grep { length $_->body } $upstream->requests), 0,
               "$name, $uri: no body is forwarded");
            clear();
        }
    }

    my $client = $t->connect();
    my ($head) = $client->request_bytes('POST', '/cut/late', body => $safe);
    $client->write($head . substr($safe, 0, 20));
    my $response = $client->read_response();
    is($response->status, 408, 'late: status') if $response->status;
    is(scalar(grep { length $_->body } $upstream->requests), 0,
       'late: no body is forwarded');
    clear();

    $response = $t->raw("POST /cut HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        . "\r\n5\r\n{\"a\":\r\nXX\r\n");
    is($response->status, 400, 'broken chunks: status');
    unlike($response->body, qr/</, 'broken chunks: no HTML');
    is(scalar(grep { length $_->body } $upstream->requests), 0,
       'broken chunks: no body is forwarded');
    clear();
};

subtest 'blocks' => sub {
    for my $header ('X-If', 'X-Pass', 'X-None') {
        allowed($header, $t->post($safe, uri => '/if',
                                  headers => [ $header => 1 ]));
        refused($header, $t->post($danger, uri => '/if',
                                  headers => [ $header => 1 ]));
    }

    allowed('limit_except', $t->post($safe, uri => '/except'));
    refused('limit_except', $t->post($danger, uri => '/except'));
    failed('limit_except with deny', $t->post($safe, uri => '/except_deny'),
           403);

    refused('outer', $t->post($danger, uri => '/outer'));
    refused('inherited', $t->post($danger, uri => '/outer/inner'));
    allowed('inherited', $t->post($first, uri => '/outer/inner'), $first);
    allowed('off', $t->post($danger, uri => '/outer/off'), $danger);
    refused('another', $t->post($first, uri => '/outer/two'), 'first');

    refused('limit_req', $t->post($danger, uri => '/often'));
    failed('limit_req counts first', $t->post($safe, uri => '/often'), 503);
};

subtest 'proxy_cache' => sub {
    allowed('first', $t->post($safe, uri => '/cached'));
    my $response = $t->post($safe, uri => '/cached');
    like($response->body, qr/from upstream/, 'second: the answer');
    is($upstream->count, 0, 'second: from the cache');
    refused('never cached', $t->post($danger, uri => '/cached'));
    refused('never cached', $t->post($danger, uri => '/cached'));
    allowed('nor mistaken', $t->post($first, uri => '/cached'), $first);
};

subtest 'HTTP methods' => sub {
    for my $method (qw/ GET HEAD DELETE OPTIONS /) {
        my $response = $t->request($method, '/outer');
        is($response->status, 200, "$method passes");
        is($upstream->last->method, $method, "$method is forwarded");
        clear();
    }

    my $response = $t->request('HEAD', '/outer', headers => [ Upgrade => 1 ]);
    is($response->status, 400, 'HEAD, refused');
    is($response->body, '', 'HEAD, refused: no body');
};

subtest 'content handlers' => sub {
    for my $handler (qw/ grpc fastcgi uwsgi scgi proxy /) {
        refused($handler, $t->post($danger, uri => "/h/$handler"));
        my $response = $t->post($safe, uri => "/h/$handler");
        failed($handler, $response, 502);
        is($response->json->{id}, 7, "$handler: id");
    }

    refused('static', $t->post($danger, uri => '/h/static'));
    failed('static', $t->post($safe, uri => '/h/static'), 404);
    refused('stub_status', $t->post($danger, uri => '/h/stub'));
};

subtest 'subrequests' => sub {
    my $response = $t->get('/ssi/ssi.shtml');
    like($response->body, qr/: open/, 'included from an enforced location');
    is($upstream->count, 1, 'forwarded once');
    clear();

    $response = $t->get('/ssi/ssi_refused.shtml');
    unlike($response->body, qr/: open/, 'not from a refused one');
    is($upstream->count, 0, 'not forwarded');
};

done_testing();
