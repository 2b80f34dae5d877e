#!/usr/bin/perl

# mcp_admin: what the API answers, whom it refuses, and that a decision is
# taken once, whichever of the workers it is told to.

use strict;
use warnings;

use Digest::SHA qw/ sha256_base64 /;
use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use MCPTest;
use MCPTest::Hooks;

my $t = MCPTest->new(timeout => 200)->has('http_v2');
my $hooks = MCPTest::Hooks->new($t);
my $json = JSON::PP->new->utf8->canonical->allow_bignum;

my $now = 1_767_225_600;
$hooks->clock($now * 1000);


sub conf {
    my (%options) = @_;

    my $more = $options{more} || '';
    my $size = $options{size} || '12m';

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes 4;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone default:$size;
    mcp_zone second:1m;
    mcp_grant \$http_x_grant;
    mcp_max_approvals 5000;
    mcp_max_approval_arguments 400;

    mcp_policy shop {
        tool refund { rule "large refund" { arg amount gt 500; approve; } }
        tool 'odd <b>"name"' { approve; }
        tool brief { approve ttl=60s; }
        tool search { }
        tool limited { limit 3/day; }
    }

    mcp_policy other { zone second; tool wipe { approve; } }

    server {
        listen 127.0.0.1:8080 reuseport;
        mcp_audit_log %%TESTDIR%%/audit.log;

        location / { mcp_enforce shop; proxy_pass http://127.0.0.1:8081; }
        location /other { mcp_enforce other; proxy_pass http://127.0.0.1:8081; }

        location /mcp-admin/ {
            mcp_admin by=\$http_x_name;
            allow 127.0.0.1;
            deny all;
        }

        location /known/ {
            mcp_admin;
            auth_basic admin;
            auth_basic_user_file %%TESTDIR%%/users;
        }

        location /closed/ { mcp_admin; deny all; }

        location /behind/it/ {
            proxy_set_header Host \$http_host;
            proxy_pass http://127.0.0.1:8082/mcp-admin/;
        }

        location /rewritten/ { rewrite ^ /elsewhere break; mcp_admin; }
        $more
    }

    server {
        listen 127.0.0.1:8082;
        location /mcp-admin/ { mcp_admin; }
    }

    server {
        listen 127.0.0.1:8083 http2 reuseport;
        location /mcp-admin/ { mcp_admin by=h2; }
    }
}
CONF
}


my $grants = 0;

# A call of its own caller, and the id of its approval.
sub ask {
    my ($tool, $arguments, %options) = @_;

    my $body = ref $arguments ? tool_call($tool, $arguments)
        : sprintf('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
                  . '{"name":%s,"arguments":%s}}',
                  JSON::PP->new->allow_nonref->encode($tool), $arguments);

    my $response = $t->post($body, uri => $options{uri} || '/mcp', headers =>
        [ 'X-Grant' => $options{grant} // 'g' . ++$grants ]);

    return $response->json()->{result}{_meta}
        {'ngx-mcp-policy/decision'}{approvalId};
}


sub admin {
    my ($method, $path, %options) = @_;

    my @headers = @{delete $options{headers} || []};

    push @headers, 'Content-Type' => 'application/json' if $method eq 'POST'
        && !grep { /^Content-Type$/i } @headers;
    push @headers, 'Content-Length' => 0 if $method ne 'GET'
        && !defined $options{body};

    return $t->request($method, "/mcp-admin/$path", headers => \@headers,
                       %options);
}


sub list {
    my ($state) = @_;
    my $response = admin('GET', 'api/approvals'
                         . ($state ? "?state=$state" : ''));
    return $json->decode($response->body)->{approvals};
}


sub show { return $json->decode(admin('GET', "api/approvals/$_[0]")->body) }


sub code {
    my ($response) = @_;
    my $error = $json->decode($response->body)->{error};
    return join(' ', $response->status, $error->{code});
}


my $upstream = $t->upstream(8081);
$t->write_file('users', "alice:{PLAIN}secret\n");
$t->write_file_expand('nginx.conf', conf());
$t->run();

my $port = $t->port(8080);


subtest 'the page' => sub {
    my $page = admin('GET', '');

    is($page->status, 200, 'is there');
    is($page->header('Content-Type'), 'text/html; charset=utf-8', 'HTML');
    is($page->header('Cache-Control'), 'no-cache', 'asked for each time');
    is($page->header('X-Content-Type-Options'), 'nosniff', 'no sniffing');
    is($page->header('Referrer-Policy'), 'no-referrer', 'no referrer');
    is($page->header('Cross-Origin-Opener-Policy'), 'same-origin', 'COOP');

    my $body = $page->body;
    my ($style) = $body =~ m{<style>(.*?)</style>}s;
    my ($script) = $body =~ m{<script>(.*?)</script>}s;
    my $csp = $page->header('Content-Security-Policy');

    is($csp, "default-src 'none'; connect-src 'self'; img-src data:; "
       . "script-src 'sha256-" . sha256_base64($script) . "='; "
       . "style-src 'sha256-" . sha256_base64($style) . "='; "
       . "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
       . "require-trusted-types-for 'script'; trusted-types 'none'",
       'its policy lets nothing in but what is in it');

    my @parts = $body =~ m{<(?:style|script)\b}g;
    is(@parts, 2, 'one style, one script');
    unlike($body, qr{\bon[a-z]+\s*=\s*["']|style="|javascript:}, 'no inline handlers');
    unlike($body =~ s{xmlns='http://www.w3.org/2000/svg'}{}r, qr{https?://}, 'nothing of elsewhere');
    unlike($script, qr{innerHTML|outerHTML|insertAdjacent|document\.write|eval\(}, 'text is text');

    my $etag = $page->header('ETag');
    like($etag, qr/^"[0-9a-f]{32}"$/, 'an ETag');
    my $again = admin('GET', '', headers => [ 'If-None-Match' => $etag ]);
    is($again->status, 304, 'not again');
    is($again->body, '', 'without a body');

    my $head = admin('HEAD', '');
    is($head->status, 200, 'HEAD');
    is($head->header('Content-Length'), length $body, 'with the length');
    is($head->body, '', 'without a body');
};


subtest 'places' => sub {
    my $response = $t->get('/mcp-admin');
    is($response->status, 301, 'without the slash');
    like($response->header('Location'), qr{^http://[^/]+/mcp-admin/$}, 'it leads to the page');

    is($t->get('/behind/it/')->status, 200, 'behind another prefix');
    is($t->get('/behind/it/api/approvals')->status, 200, 'with its API');
    is($t->get('/closed/')->status, 403, 'access is nginx\'s business');
    is($t->get('/closed/api/approvals')->status, 403, 'all of it');
    is($t->get('/known/')->status, 401, 'so is who it is');
    is(code($t->get('/rewritten/')), '404 not_found', 'rewritten');

    for my $path (qw{ api api/ api/approvals/ api/overview/ x api/approvalsx index.html
                      api/approvals/0123/ api/approvals/0123/approv api/approvals/0123/approve/ }) {
        is(code(admin('GET', $path)) =~ s/unknown/not_found/r, '404 not_found', "/$path");
    }
};


subtest 'methods' => sub {
    my $id = '0' x 32;

    for my $method (qw/ POST PUT DELETE PATCH OPTIONS /) {
        for my $path ('', 'api/approvals', 'api/overview', "api/approvals/$id") {
            my $response = admin($method, $path);
            is(code($response), '405 method', "$method /$path");
            is($response->header('Allow'), 'GET, HEAD', 'allowed is');
        }
    }

    for my $method (qw/ GET PUT DELETE OPTIONS /) {
        my $response = admin($method, "api/approvals/$id/approve");
        is(code($response), '405 method', "$method approve");
        is($response->header('Allow'), 'POST', 'allowed is');
        is($response->header('Access-Control-Allow-Origin'), undef, 'other origins are not welcome');
    }

    is(admin('HEAD', "api/approvals/$id/approve")->status, 405, 'HEAD approve');
};


subtest 'an approval' => sub {
    is_deeply(list(), [], 'none yet');

    my $arguments = '{"amount": 12345678901234567890.10, "to":"<script>alert(1)</script>\u202e","x":[1,{"y":null}]}';
    my $id = ask('refund', $arguments, grant => 'me');
    like($id, qr/^[0-9a-f]{32}$/, 'a call asks');

    my $list = list();
    is(@$list, 1, 'and is in the list');

    my $record = $list->[0];
    is($record->{id}, $id, 'its id');
    is($record->{state}, 'pending', 'state');
    is($record->{policy}, 'shop', 'policy');
    is($record->{rule}, 'large refund', 'rule');
    is($record->{tool}, 'refund', 'tool');
    is($record->{zone}, 'default', 'zone');
    like($record->{grant}, qr/^[0-9a-f]{32}$/, 'grant');
    is($record->{created}, $now, 'since');
    is($record->{expires}, $now + 900, 'until');
    is($record->{asked}, 1, 'asked once');
    is($record->{arguments_length}, length $arguments, 'length of the arguments');
    ok(!exists $record->{arguments}, 'not the arguments');
    ok(!exists $record->{by}, 'nobody decided');

    my $response = admin('GET', "api/approvals/$id");
    is($response->status, 200, 'shown');
    is($response->header('Content-Type'), 'application/json', 'as JSON');
    is($response->header('Cache-Control'), 'no-store', 'for nobody to keep');
    is($response->header('X-Content-Type-Options'), 'nosniff', 'and nothing else');
    is($response->header('Content-Security-Policy'), "default-src 'none'; frame-ancestors 'none'", 'with a policy');
    like($response->body, qr/,"arguments":\Q$arguments\E,"truncated":false\}\n\z/, 'arguments as they were sent');

    my $head = admin('HEAD', "api/approvals/$id");
    is($head->header('Content-Length'), length $response->body, 'HEAD');

    ask('refund', $arguments, grant => 'me');
    is(list()->[0]{asked}, 2, 'the same call shares it');
    is(admin('GET', 'api/approvals/' . uc $id)->status, 200, 'in capitals, too');

    $response = admin('POST', "api/approvals/$id/approve", headers => [ 'X-Name' => "bob\"\x{1b}" ]);
    is($response->status, 200, 'approved');

    my $answer = $json->decode($response->body);
    is($answer->{state}, 'approved', 'state');
    is($answer->{by}, "bob\"\x{1b}", 'by whom');
    is($answer->{decided}, $now, 'when');
    is($answer->{reason}, '', 'without a reason');
    is(show($id)->{arguments}, undef, 'the arguments are gone');

    is_deeply(list(), [], 'nothing waits');
    is_deeply(list('pending'), [], 'state=pending says the same');
    is(list('all')->[0]{id}, $id, 'state=all has it');
    is(code(admin('GET', 'api/approvals?state=x')), '400 bad_state', 'another state');

    is(ask('refund', $arguments, grant => 'me'), undef, 'the call passes');
    is($upstream->count, 1, 'to the server');
    is(show($id)->{state}, 'used', 'and has used it');

    for my $verb (qw/ approve deny /) {
        my $late = admin('POST', "api/approvals/$id/$verb");
        is(code($late), '409 decided', "$verb again");

        my $approval = $json->decode($late->body)->{approval};
        is($approval->{state}, 'used', 'it says how');
        is($approval->{by}, "bob\"\x{1b}", 'and by whom');
    }

    my $next = ask('refund', $arguments, grant => 'me');
    isnt($next, $id, 'the next such call asks again');

    ok($t->wait_log(qr/approval "$id" was approved by "bob\\"\\u001b"/), 'the log says so, in one line');
    unlike($t->log(), qr/alert\(1\)|12345678901234567890/, 'without the arguments');

    admin('POST', "api/approvals/$next/deny");
};


subtest 'a denial' => sub {
    my $id = ask('refund', { amount => 501 }, grant => 'them');

    my $response = admin('POST', "api/approvals/$id/deny", body => '{"reason":"ask \u0041lice \"first\""}',
                         headers => [ 'X-Name' => 'carol' ]);
    is($response->status, 200, 'denied');

    my $answer = $json->decode($response->body);
    is($answer->{state}, 'denied', 'state');
    is($answer->{reason}, 'ask Alice "first"', 'why');

    my $refused = $t->post(tool_call('refund', { amount => 501 }), headers => [ 'X-Grant' => 'them' ])->json();
    like($refused->{result}{content}[0]{text}, qr/ask Alice "first"/, 'the agent is told');
    is($refused->{result}{_meta}{'ngx-mcp-policy/decision'}{reason}, 'approval_denied', 'by its reason');

    my $late = admin('POST', "api/approvals/$id/approve");
    is(code($late), '409 decided', 'approved too late');
    is($json->decode($late->body)->{approval}{reason}, 'ask Alice "first"', 'it says why');
    is(admin('POST', "api/approvals/$id/deny", body => '{}')->status, 409, 'denied again');
};


subtest 'who it was' => sub {
    my $id = ask('refund', { amount => 502 });
    my @alice = (Authorization => 'Basic YWxpY2U6c2VjcmV0', 'Content-Type' => 'application/json',
                 'Content-Length' => 0);

    is($t->request('POST', "/known/api/approvals/$id/approve", headers => \@alice)->status, 200, 'a known user');
    is(show($id)->{by}, 'alice', 'is named');

    $id = ask('refund', { amount => 503 });
    is(admin('POST', "api/approvals/$id/approve", headers => [ 'X-Name' => 'n' x 600 ])->status, 200, 'a long name');
    is(show($id)->{by}, 'n' x 512, 'is cut');

    $id = ask('refund', { amount => 504 });
    is(admin('POST', "api/approvals/$id/approve")->status, 200, 'no name');
    is(show($id)->{by}, '', 'is nobody');
};


subtest 'other origins' => sub {
    my $id = ask('refund', { amount => 600 });
    my $path = "api/approvals/$id/approve";
    my @json = ('Content-Type' => 'application/json');

    for my $case (
        [ 'another site', [ 'Sec-Fetch-Site' => 'cross-site' ] ],
        [ 'the same site', [ 'Sec-Fetch-Site' => 'same-site' ] ],
        [ 'no page', [ 'Sec-Fetch-Site' => 'none' ] ],
        [ 'an unknown one', [ 'Sec-Fetch-Site' => '' ] ],
        [ 'another origin', [ Origin => 'http://evil.example' ] ],
        [ 'another port', [ Origin => "http://localhost:1" ] ],
        [ 'no origin', [ Origin => 'null' ] ],
        [ 'an empty origin', [ Origin => '' ] ],
        [ 'no scheme', [ Origin => 'localhost' ] ],
        [ 'an odd scheme', [ Origin => 'ftp://localhost' ] ],
        [ 'a longer host', [ Origin => 'http://localhost.evil.example' ] ],
        [ 'a host that ends alike', [ Origin => 'http://evil.localhost' ] ],
        [ 'a path', [ Origin => 'http://localhost/' ] ],
        [ 'a user', [ Origin => 'http://localhost@evil.example' ] ],
        [ 'two origins', [ Origin => 'http://localhost', Origin => 'http://localhost' ] ],
        [ 'a list of origins', [ Origin => 'http://localhost http://evil.example' ] ],
        [ 'a good site of another origin', [ 'Sec-Fetch-Site' => 'same-origin', Origin => 'http://evil.example' ] ],
        [ 'another site with a good origin', [ 'Sec-Fetch-Site' => 'cross-site', Origin => 'http://localhost' ] ],
    ) {
        my ($name, $headers) = @$case;
        is(code(admin('POST', $path, headers => [ @json, @$headers ])), '403 cross_origin', $name);
    }

    for my $case (
        [ 'a form', 'application/x-www-form-urlencoded' ], [ 'a form with parts', 'multipart/form-data; boundary=x' ],
        [ 'text', 'text/plain' ], [ 'text that looks alike', 'text/plain; application/json' ],
        [ 'an empty type', '' ], [ 'another type', 'application/json-patch+json' ],
        [ 'another charset', 'application/json; charset=utf-16' ],
    ) {
        my ($name, $type) = @$case;
        is(code(admin('POST', $path, headers => [ 'Content-Type' => $type ], body => '{}')), '415 not_json', $name);
    }

    is(code($t->request('POST', "/mcp-admin/$path", bare => 1, headers => [ Host => 'localhost', 'Content-Length' => 0 ])),
       '415 not_json', 'no type');
    is(code(admin('POST', $path, headers => [ 'Content-Encoding' => 'gzip' ], body => '{}')), '415 not_json', 'gzip');
    is(code(admin('POST', $path, headers => [ @json, @json ], body => '{}')), '403 cross_origin', 'two types');
    is(show($id)->{state}, 'pending', 'none of them decided anything');

    my $n = 0;

    for my $case (
        [ 'this page', [ 'Sec-Fetch-Site' => 'same-origin', Origin => "http://localhost:$port", Host => "localhost:$port" ] ],
        [ 'an older browser', [ Origin => 'http://localhost' ] ],
        [ 'the port of the scheme', [ Origin => 'http://localhost', Host => 'localhost:80' ] ],
        [ 'in capitals', [ Origin => 'HTTP://LOCALHOST' ] ],
        [ 'TLS that ended before', [ Origin => 'https://localhost' ] ],
        [ 'an address', [ Origin => 'http://[::1]:8', Host => '[::1]:8' ] ],
        [ 'no browser', [] ],
    ) {
        my ($name, $headers) = @$case;
        my $own = ask('refund', { amount => 601 + $n++ });
        is(admin('POST', "api/approvals/$own/approve", headers => $headers, body => '{}')->status, 200, $name);
    }
};


subtest 'bodies' => sub {
    my $id = ask('refund', { amount => 700 });
    my $path = "api/approvals/$id/deny";

    for my $case (
        [ 'no JSON', '{', '400 bad_body' ], [ 'an array', '[]', '400 bad_body' ], [ 'a string', '"reason"', '400 bad_body' ],
        [ 'another member', '{"resaon":"x"}', '400 bad_body' ], [ 'one more', '{"reason":"x","y":1}', '400 bad_body' ],
        [ 'twice', '{"reason":"x","reason":"y"}', '400 bad_body' ], [ 'no string', '{"reason":1}', '400 bad_body' ],
        [ 'a NUL', '{"reason":"\u0000"}', '400 bad_body' ], [ 'half a pair', '{"reason":"\ud800"}', '400 bad_body' ],
        [ 'no UTF-8', "{\"reason\":\"\xff\"}", '400 bad_body' ], [ 'white space', ' ', '400 bad_body' ],
        [ 'too long', '{"reason":"' . 'x' x 1025 . '"}', '400 long_reason' ],
        [ 'too large', '{"reason":"' . 'x' x 16384 . '"}', '413 too_large' ],
    ) {
        my ($name, $body, $expected) = @$case;
        is(code(admin('POST', $path, body => $body)), $expected, $name);
        is(code(admin('POST', $path, body => $body, chunked => 1)), $expected, "$name, in chunks");
    }

    is(code(admin('POST', 'api/approvals/' . 'f' x 32 . '/deny', body => '{}')), '404 unknown', 'an unknown id');
    is(code(admin('POST', 'api/approvals/' . 'g' x 32 . '/deny', body => '{}')), '404 unknown', 'no id');
    is(code(admin('POST', 'api/approvals/' . 'f' x 34 . '/deny', body => '{}')), '404 unknown', 'a longer one');
    is(code(admin('GET', 'api/approvals/' . 'f' x 32)), '404 unknown', 'not shown, either');
    is(show($id)->{state}, 'pending', 'nothing is decided');

    my $reason = 'x' x 1024;
    is(admin('POST', $path, body => "{\"reason\":\"$reason\"}", chunked => [ 100, 500 ])->status, 200, 'the longest, in chunks');
    is(show($id)->{reason}, $reason, 'is kept whole');
};


subtest 'expired' => sub {
    my $id = ask('brief', { x => 1 });
    my $etag = admin('GET', 'api/approvals')->header('ETag');
    is(show($id)->{expires}, $now + 60, 'a minute');

    $hooks->clock(($now += 61) * 1000);

    is(code(admin('GET', "api/approvals/$id")), '404 unknown', 'not shown');
    is(code(admin('POST', "api/approvals/$id/approve")), '404 unknown', 'not approved');
    is(scalar(grep { $_->{id} eq $id } @{list('all')}), 0, 'not in the list');
    is(admin('GET', 'api/approvals', headers => [ 'If-None-Match' => $etag ])->status, 200, 'which has changed');
};


subtest 'names and lengths' => sub {
    my $name = 'odd <b>"name"';
    my $id = ask($name, { key => 'y' x 600 });
    my $record = show($id);

    is($record->{tool}, $name, 'an odd name is what it is');
    ok($record->{truncated}, 'long arguments are cut');
    is(length $record->{arguments}, 400, 'to what is kept');
    like($record->{arguments}, qr/^\{"key":"yyy/, 'a string with their beginning');
    is($record->{arguments_length}, length('{"key":""}') + 600, 'of this length');

    my $exact = '{"k":"' . 'z' x 392 . '"}';
    is(show(ask('refund', $exact))->{truncated}, JSON::PP::false, 'the longest that is whole');
    admin('POST', "api/approvals/$_->{id}/deny") for @{list()};
};


subtest 'only what has changed' => sub {
    my $response = admin('GET', 'api/approvals');
    my $etag = $response->header('ETag');
    like($etag, qr{^W/"[0-9a-f]{32}"$}, 'a weak ETag');

    my @same = map { admin('GET', 'api/approvals', headers => [ 'If-None-Match' => $etag ]) } 1 .. 12;
    is(scalar(grep { $_->status == 304 && $_->body eq '' } @same), 12, 'the same by every worker');
    is($same[0]->header('ETag'), $etag, 'says which');
    is(admin('GET', 'api/approvals', headers => [ 'If-None-Match' => "\"x\", $etag" ])->status, 304, 'one of several');
    is(admin('GET', 'api/approvals', headers => [ 'If-None-Match' => '*' ])->status, 304, 'any');
    is(admin('GET', 'api/approvals?state=all', headers => [ 'If-None-Match' => $etag ])->status, 200, 'another list');

    my $both = admin('GET', 'api/approvals', headers => [ 'If-None-Match' => $etag,
                     'If-Modified-Since' => 'Thu, 01 Jan 2026 00:00:00 GMT' ]);
    is($both->status, 200, 'a date says nothing');
    ok($json->decode($both->body)->{approvals}, 'all of it');

    my $id = ask('refund', { amount => 800 });
    $response = admin('GET', 'api/approvals', headers => [ 'If-None-Match' => $etag ]);
    is($response->status, 200, 'a new one');
    is($json->decode($response->body)->{approvals}[0]{id}, $id, 'is there');

    for my $verb (qw/ approve /) {
        $etag = $response->header('ETag');
        admin('POST', "api/approvals/$id/$verb");
        $response = admin('GET', 'api/approvals', headers => [ 'If-None-Match' => $etag ]);
        is($response->status, 200, 'a decision');
    }
};


subtest 'all zones' => sub {
    my $here = ask('refund', { amount => 900 });
    $hooks->clock(++$now * 1000);
    my $there = ask('wipe', {}, uri => '/other');
    $hooks->clock(++$now * 1000);
    my $last = ask('refund', { amount => 901 });

    is(join(' ', map { $_->{id} } @{list()}), "$here $there $last", 'oldest first, of both');
    is(show($there)->{zone}, 'second', 'in its zone');
    is(admin('POST', "api/approvals/$there/approve")->status, 200, 'decided there');
    is(ask('wipe', {}, uri => '/other', grant => "g" . ($grants - 1)), undef, 'and used there');
    admin('POST', "api/approvals/$_/deny") for $here, $last;
};


subtest 'several at once' => sub {
    for my $round (1 .. 10) {
        my $id = ask('refund', { amount => 1000 + $round });
        my @clients = map { $t->connect() } 1 .. 12;
        my $n = 0;

        for my $client (@clients) {
            my $verb = $n++ % 2 ? 'approve' : 'deny';
            $client->send_request('POST', "/mcp-admin/api/approvals/$id/$verb", body => '{}',
                                  headers => [ 'X-Name' => "n$n" ]);
        }

        my @answers = map { $_->read_response() } @clients;
        my @won = grep { $answers[$_]->status == 200 } 0 .. 11;

        is(@won, 1, 'one of them decides');
        is(scalar(grep { $_->status == 409 } @answers), 11, 'the others are told');

        my $state = show($id)->{state};
        is($state, $won[0] % 2 ? 'approved' : 'denied', 'by the one that did');
        is(scalar(grep { $json->decode($_->body)->{approval}{by} eq 'n' . ($won[0] + 1) }
                  grep { $_->status == 409 } @answers), 11, 'whoever that was');
    }
};


subtest 'HTTP/2' => sub {
    my $id = ask('refund', { amount => 1100 });
    my $client = $t->h2(port => 8083);

    my $list = $client->response($client->request('/mcp-admin/api/approvals', method => 'GET'));
    is($list->status, 200, 'list');
    is($json->decode($list->body)->{approvals}[0]{id}, $id, 'has it');

    my $body = $json->encode({ reason => 'z' x 900 });
    my $path = "/mcp-admin/api/approvals/$id/deny";

    my $refused = $client->post($body, uri => $path, headers => [ origin => 'http://evil.example' ]);
    is($refused->status, 403, 'another origin');
    my $denied = $client->post($body, uri => $path, split => [ 3, 500 ],
                               headers => [ origin => 'http://localhost', 'sec-fetch-site' => 'same-origin' ]);
    is($denied->status, 200, 'decided');
    is(show($id)->{by}, 'h2', 'by whom');
    is($client->post('{}', uri => $path)->status, 409, 'decided before');
};


subtest 'many' => sub {
    my @before = map { $_->{id} } @{list()};
    is(@before, 0, 'none yet');

    my $client = $t->connect();
    my $count = 0;

    for my $i (1 .. 1000) {
        $client->send_request('POST', '/mcp', body => tool_call('refund', { amount => 2000 + $i }),
                              headers => [ 'X-Grant' => "many$i" ]);
        $client->read_response()->body =~ /"approvalId":"/ and $count++;
        $hooks->clock(++$now * 1000) if $i == 500;
    }

    is($count, 1000, '1000 calls ask');

    my $response = admin('GET', 'api/approvals');
    my $all = $json->decode($response->body)->{approvals};
    is(@$all, 1000, 'and are listed');
    is(join(' ', map { $_->{id} } @$all),
       join(' ', map { $_->{id} } sort { $a->{created} <=> $b->{created} || $a->{id} cmp $b->{id} } @$all), 'in order');
    is(admin('GET', 'api/approvals', headers => [ 'If-None-Match' => $response->header('ETag') ])->status, 304, 'once');
    is($json->decode($t->get('/behind/it/api/approvals')->body)->{approvals}[999]{id}, $all->[999]{id}, 'by a proxy, too');
    is(admin('POST', "api/approvals/$all->[500]{id}/approve")->status, 200, 'one of them is decided');
    is(@{list()}, 999, 'the others wait');
};


subtest 'overview' => sub {
    $t->post(tool_call('limited'), headers => [ 'X-Grant' => 'someone' ]);
    $t->post(tool_call('unknown'), headers => [ 'X-Grant' => 'someone' ]);

    my $response = admin('GET', 'api/overview');
    is($response->status, 200, 'there');
    is($response->header('Cache-Control'), 'no-store', 'for nobody to keep');

    my $overview = $json->decode($response->body);
    my ($shop) = grep { $_->{name} eq 'shop' } @{$overview->{policies}};
    my ($zone) = grep { $_->{name} eq 'default' } @{$overview->{zones}};
    my ($limit) = grep { $_->{tool} eq 'limited' } @{$overview->{limits}};

    is($overview->{schema}, 1, 'as the status');
    ok((grep { $_->{name} eq 'refund' } @{$shop->{tools}}), 'with tools');
    is($zone->{approvals}{pending}, 999, 'with what waits');
    is($limit->{used}, '1', 'with what is used');
    like($limit->{grant}, qr/^[0-9a-f]{32}$/, 'by whom');
    is($overview->{refusals}[0]{tool}, 'unknown', 'with what was refused');
    unlike($response->body, qr/someone/, 'without tokens');
};


subtest 'audit' => sub {
    my $id = ask('refund', { amount => 501, token => 'planted-secret' }, grant => 'auditee');
    admin('POST', "api/approvals/$id/deny", body => '{"reason":"no"}', headers => [ 'X-Name' => 'dave' ]);
    admin('POST', "api/approvals/$id/approve");

    ok($t->wait_log(qr/"event":"approval".*$id|$id.*"event":"approval"/, 'audit.log'), 'a line');

    my @lines = grep { ($_->{event} || '') eq 'approval' && $_->{approval} eq $id }
        map { $json->decode($_) } split(/\n/, $t->log('audit.log'));
    is(@lines, 1, 'one, for the decision that counted');
    is($lines[0]{decision}, 'denied', 'how');
    is($lines[0]{by}, 'dave', 'by whom');
    unlike($t->log('audit.log') . $t->log(), qr/planted-secret/, 'without the arguments');
};


subtest 'another size' => sub {
    my $all = list();
    my ($id) = map { $_->{id} } @$all;

    $t->write_file_expand('nginx.conf', conf(size => '14m'));
    $t->reload();

    is(@{list()}, @$all, 'a reload keeps them');
    is(admin('POST', "api/approvals/$id/approve")->status, 200, 'and they are decided after it');
};


subtest 'configuration' => sub {
    for my $case (
        [ 'location /x/ { mcp_admin; mcp_admin; }', qr/"mcp_admin" directive is duplicate/ ],
        [ 'location /x/ { mcp_admin; mcp_status; }', qr/"mcp_status" directive needs a location of its own/ ],
        [ 'location /x/ { mcp_status; mcp_admin; }', qr/"mcp_admin" directive needs a location of its own/ ],
        [ 'location /x/ { mcp_admin; proxy_pass http://127.0.0.1:8081; }', qr/"mcp_admin" is beside another handler in location "\/x\/"/ ],
        [ 'location /x/ { proxy_pass http://127.0.0.1:8081; mcp_admin; }', qr/"mcp_admin" directive is beside another handler/ ],
        [ 'location /x/ { mcp_admin; mcp_enforce shop; }', qr/"mcp_admin" and "mcp_enforce" are both in location "\/x\/"/ ],
        [ 'location /x/ { mcp_enforce shop; mcp_status; }', qr/"mcp_status" and "mcp_enforce" are both in location/ ],
        [ 'location /x { mcp_admin; }', qr/"mcp_admin" directive needs a location by prefix that ends in "\/"/ ],
        [ 'location = /x/ { mcp_admin; }', qr/needs a location by prefix/ ],
        [ 'location ~ /x/ { mcp_admin; }', qr/needs a location by prefix/ ],
        [ 'location @x { mcp_admin; }', qr/needs a location by prefix/ ],
        [ 'location /x/ { mcp_admin x; }', qr/invalid parameter "x" in "mcp_admin", expected "by=STRING"/ ],
        [ 'location /x/ { mcp_admin by=; }', qr/invalid parameter "by="/ ],
        [ 'location /x/ { mcp_admin by=a b; }', qr/invalid number of arguments/ ],
        [ 'location /x/ { mcp_admin by=$no_such; }', qr/unknown "no_such" variable/ ],
        [ 'mcp_admin;', qr/"mcp_admin" directive is not allowed here/ ],
        [ 'location /x/ { if ($arg_a) { mcp_admin; } }', qr/"mcp_admin" directive is not allowed here/ ],
    ) {
        my ($more, $expected) = @$case;
        my ($ok, $output) = $t->test_config(conf(more => $more));
        ok(!$ok, $more);
        like($output, $expected, 'and says why');
    }

    my ($ok, $output) = $t->test_config(conf(more => 'location ^~ /x/ { mcp_admin "by=$remote_user at $remote_addr"; '
                                             . 'location /x/y/ { return 204; } } mcp_enforce shop;'));
    ok($ok, 'with a text of variables, inside of what is enforced') or diag($output);
};


done_testing();
