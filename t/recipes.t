#!/usr/bin/perl

# Every recipe of docs/recipes.md, with exactly its text: nginx starts without
# a warning, and does what the page says.  Only ports and folders are those of
# the test.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MCPTest;
use MCPTest::Clients;

my $page = "$FindBin::Bin/../docs/recipes.md";
my $bridge = "$FindBin::Bin/e2e/bridge/node_modules/mcp-proxy/dist/bin/"
    . 'mcp-proxy.mjs';
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my %recipe = read_recipes();
my %test = (
    affinity => \&affinity,
    cache => \&cache,
    canary => \&canary,
    concurrency => \&concurrency,
    identity => \&identity,
    jwt => \&jwt,
    mtls => \&mtls,
    night => \&night,
    oauth => \&oauth,
    paths => \&paths,
    stdio => \&stdio,
    syslog => \&syslog,
);

is(join(' ', sort keys %recipe), join(' ', sort keys %test),
   'every recipe has its test');

for my $name (sort keys %test) {
    next unless $recipe{$name};

    my $t = MCPTest->new(timeout => 120);

    subtest $name => sub {
        $test{$name}->($t);
    };

    $t->finish();
}

done_testing();


sub read_recipes {
    open(my $file, '<', $page) or die "$page: $!\n";
    local $/;
    return <$file> =~ /^```(?:nginx|js) recipe (\w+)\n(.*?)^```$/gms;
}


sub start {
    my ($t, $name) = @_;

    my $text = $recipe{$name};

    $text =~ s/\b127\.0\.0\.1:(\d+)/'127.0.0.1:' . $t->port($1)/ge;
    $text =~ s/\blisten (\d+)(?=[ ;])/'listen 127.0.0.1:' . $t->port($1)/ge;
    $text =~ s{/srv/share}{$t->dir()}ge;
    $text =~ s{/var/lib/nginx/mcp/}{$t->dir() . '/state/'}ge;

    $t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
$text
}
CONF

    $t->run();
    unlike($t->log(), qr/\[(?:warn|error)\]/, 'nginx warns of nothing');
}


sub call {
    my ($t, $tool, $arguments, %options) = @_;
    return $t->post(tool_call($tool, $arguments), %options);
}


# What became of a call, in a word or two.
sub outcome {
    my ($response) = @_;

    return $response->status if $response->status != 200;

    my $body = $response->json();

    return 'unknown' if $body->{error} && $body->{error}{code} == -32602;
    return 'error' if $body->{error};

    my $decision = $body->{result}{_meta}{'ngx-mcp-policy/decision'};

    return $decision ? $decision->{action} : 'passed';
}


sub tools {
    my ($response) = @_;

    my $body = $response->json();

    return join(' ', map { $_->{name} } @{$body->{result}{tools}});
}


sub bearer { return headers => [ Authorization => "Bearer $_[0]" ] }


# The server that checks tokens knows some, and what they stand for.
sub token_server {
    my ($t, %tokens) = @_;

    my $server = $t->upstream(9001);

    return sub {
        my ($token, $request) = @_;

        my $claims = $tokens{$token};
        my $status = !$claims ? 401 : $claims->{status} || 200;

        $server->respond($status, headers => [
            map { ("X-$_" => $claims->{$_}) }
                grep { $_ ne 'status' } sort keys %{$claims || {}} ]);

        my $response = $request->(bearer($token));

        is($server->last->header('Authorization'), "Bearer $token",
           "$token: checked");
        is($server->last->body, '', "$token: without the body");

        return $response;
    };
}


sub paths {
    my ($t) = @_;

    my $crm = $t->upstream(3001);
    my $files = $t->upstream(3002);

    start($t, 'paths');

    my @crm = (uri => '/crm/mcp');
    my @files = (uri => '/files/mcp');

    is(outcome(call($t, 'find_customer', {}, @crm)), 'passed', 'crm');
    is($crm->last->uri, '/mcp', 'at the path of the server');
    is(outcome(call($t, 'merge_customers', {}, @crm)), 'deny', 'crm: rule');
    is(outcome(call($t, 'read_file', { path => '/share/a' }, @crm)),
       'unknown', 'crm: no tool of the other');

    is(outcome(call($t, 'read_file', { path => '/share/a' }, @files)),
       'passed', 'files');
    is(outcome(call($t, 'read_file', { path => '/etc/a' }, @files)), 'deny',
       'files: rule');
    is(outcome(call($t, 'find_customer', {}, @files)), 'unknown',
       'files: no tool of the other');

    for my $uri ('/', '/mcp', '/crm/mcp/', '/crm/mcp/x', '/crm', '/files/') {
        is(outcome(call($t, 'find_customer', {}, uri => $uri)), 404,
           "$uri leads nowhere");
    }

    is($crm->count . ' ' . $files->count, '1 1', 'each got its own');
}


sub identity {
    my ($t) = @_;

    $t->has('http_auth_request');

    my $server = $t->upstream(3001);
    my $as = token_server($t,
        ann => { Subject => 'ann', Role => 'support', Region => 'eu' },
        'ann-2' => { Subject => 'ann', Role => 'support', Region => 'eu' },
        bob => { Subject => 'bob', Role => 'support', Region => 'us' },
        eve => { Subject => 'eve', Role => 'admin' },
        odd => { Subject => 'odd', Role => 'other' },
        none => { Subject => 'none' });

    start($t, 'identity');

    my $refund = sub {
        my ($who, $region, @more) = @_;
        return outcome($as->($who, sub {
            call($t, 'refund', { region => $region }, @_) }));
    };

    is($refund->('ann', 'eu'), 'passed', 'her region');
    is($refund->('ann', 'uk'), 'deny', 'another region');
    is($refund->('bob', 'us'), 'deny', 'a region without refunds');
    is($refund->('eve', 'us'), 'passed', 'another policy by role');
    is($refund->('odd', 'eu'), 'error', 'a role without a policy');
    is($refund->('none', 'eu'), 'error', 'no role');
    is($refund->('x', 'eu'), 401, 'no such token');

    # What the client says of itself is nothing.
    my $forged = $as->('odd', sub {
        my (undef, $headers) = @_;
        call($t, 'refund', { region => 'eu' },
             headers => [ @$headers, 'X-Role' => 'admin',
                          'X-Subject' => 'eve' ]) });
    is(outcome($forged), 'error', 'claims of the client');

    is($refund->('ann', 'eu'), 'passed', "refund $_") for 2 .. 20;
    is($refund->('ann', 'eu'), 'limit', 'the limit of the day');
    is($refund->('ann-2', 'eu'), 'limit', 'also with a new token');

    is($server->count, 21, 'nothing else arrived');
}


sub mtls {
    my ($t) = @_;

    $t->has('http_ssl');

    my $server = $t->upstream(3001);
    my $dir = $t->dir();

    my $openssl = sub {
        my $output = `cd $dir && openssl @_ 2>&1`;
        is($?, 0, "openssl $_[0]") or diag($output);
    };

    my $issue = sub {
        my ($name, $subject, $ca) = @_;
        $openssl->('req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes',
                   "-keyout $name.key -out $name.csr -subj '$subject'");
        $openssl->("x509 -req -in $name.csr -CA $ca.pem -CAkey $ca.key",
                   "-CAcreateserial -days 2 -out $name.pem");
    };

    for my $ca ('agents-ca', 'other-ca') {
        $openssl->('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256',
                   "-nodes -keyout $ca.key -out $ca.pem -days 2",
                   "-subj '/O=Example/CN=$ca'");
    }

    $issue->('server', '/CN=localhost', 'agents-ca');
    $issue->('ann', '/O=Example/OU=support/CN=ann', 'agents-ca');
    $issue->('bob', '/O=Example/OU=research/CN=bob', 'agents-ca');
    $issue->('mallory', '/O=Example/OU=support/CN=mallory', 'other-ca');
    $issue->('trick', '/O=Example/OU=research/CN=x\,OU=support', 'agents-ca');

    start($t, 'mtls');

    my $as = sub {
        my ($who, $tool) = @_;
        return outcome(call($t, $tool, {}, port => 8443, ssl => {
            $who ? (SSL_cert_file => "$dir/$who.pem",
                    SSL_key_file => "$dir/$who.key") : () }));
    };

    is($as->('ann', 'refund'), 'passed', 'support refunds');
    is($as->('bob', 'refund'), 'deny', 'research does not');

    is($as->('ann', 'search'), 'passed', "ann's search $_") for 1, 2;
    is($as->('ann', 'search'), 'limit', 'ann has had hers');
    is($as->('bob', 'search'), 'passed', 'bob has not');

    is($as->(undef, 'search'), 400, 'no certificate');
    is($as->('mallory', 'refund'), 400, 'of another authority');
    is($as->('trick', 'refund'), 'deny', 'a name that looks like two');

    is($server->count, 4, 'nothing else arrived');
}


sub oauth {
    my ($t) = @_;

    $t->has('http_auth_request');

    my $server = $t->upstream(3001);
    my $as = token_server($t,
        reader => { Subject => 'r', Scope => 'crm:read' },
        writer => { Subject => 'w', Scope => 'crm:read crm:write' },
        nearly => { Subject => 'n', Scope => 'crm:read crm:writer' },
        brief => { Subject => 'b', Scope => 'crm:read', status => 204 },
        useless => { status => 403 });

    start($t, 'oauth');

    my $metadata = 'resource_metadata="https://gw.example.com/.well-known/'
        . 'oauth-protected-resource/mcp"';
    my $step_up = 'Bearer error="insufficient_scope", '
        . "scope=\"crm:read crm:write\", $metadata, "
        . 'error_description="merge_customers needs crm:write"';

    my $merge = sub { call($t, 'merge_customers', {}, @_) };
    my $challenge = sub {
        my ($response) = @_;
        return join(' | ', $response->head
                           =~ /^WWW-Authenticate: (.*?)\r?$/gmi);
    };

    # No token, or one that is not good
    my $r = $as->('unknown', $merge);

    is($r->status, 401, 'not a token');
    is($challenge->($r), "Bearer $metadata, scope=\"crm:read\"",
       'challenge of a 401');

    $r = $as->('unknown', sub { $t->get('/mcp', @_) });
    is($r->status, 401, 'GET, too');
    is($challenge->($r), "Bearer $metadata, scope=\"crm:read\"",
       'with the same challenge');

    $r = $as->('useless', $merge);
    is($r->status, 403, 'a token without any scope');
    is($challenge->($r), 'Bearer error="insufficient_scope", '
       . "scope=\"crm:read\", $metadata", 'challenge of a 403');

    # A scope for one tool
    # Its check may answer any 2xx.
    for my $who ('reader', 'nearly', 'brief') {
        $r = $as->($who, $merge);
        is($r->status, 403, "$who merges");
        is($challenge->($r), $step_up, 'step up');
        is($r->json->{error}{code}, -31001, 'as a JSON-RPC error');
    }

    is($server->count, 0, 'so far nothing arrived');

    $r = $as->('reader', sub { call($t, 'find_customer', {}, @_) });
    is(outcome($r), 'passed', 'reading');
    is($challenge->($r), '', 'no challenge when it passed');
    is(scalar $server->last->header('Authorization'), undef,
       'the token ends at the gateway');

    is(outcome($as->('writer', $merge)), 'passed', 'with the scope');

    $server->respond(200, body => $json->encode({
        jsonrpc => '2.0', id => 1, result => { tools => [
            map { { name => $_, inputSchema => { type => 'object' } } }
                qw/ find_customer merge_customers / ] } }));
    is(tools($as->('reader', sub { $t->post(rpc('tools/list'), @_) })),
       'find_customer merge_customers', 'tools to step up for are seen');

    # The server's own challenge is for another resource.
    $server->respond(403, headers => [ 'WWW-Authenticate' => 'Basic' ]);
    is($challenge->($as->('writer', $merge)), '', "not the server's");

    # The document
    $r = $t->get('/.well-known/oauth-protected-resource/mcp');
    is($r->status, 200, 'metadata without a token');
    is($r->header('Content-Type'), 'application/json', 'as JSON');

    my $document = $r->json();
    is($document->{resource}, 'https://gw.example.com/mcp', 'resource');
    is(scalar @{$document->{authorization_servers}}, 1,
       'an authorization server');
}


# The recipe for OAuth with tokens of an authorization server and what checks
# them.
sub jwt {
    my ($t) = @_;

    plan(skip_all => 'make t/e2e/node_modules/.installed has not run')
        unless -d "$FindBin::Bin/e2e/node_modules/jose";
    $t->has('http_auth_request');

    my $server = $t->upstream(3001);
    my $tokens = check_tokens($t);
    my $challenge =
        qr/^Bearer resource_metadata="https:[^"]+", scope="crm:read"$/;

    start($t, 'oauth');

    my $find = sub { call($t, 'find_customer', {}, bearer($_[0])) };
    my $merge = sub { call($t, 'merge_customers', {}, bearer($_[0])) };

    is(outcome($find->($tokens->{good}{$_})), 'passed', $_)
        for sort keys %{$tokens->{good}};
    is(outcome($merge->($tokens->{good}{writer})), 'passed', 'with the scope');
    is($server->last->header('Authorization'), undef, 'the token ends here');

    my $r = $merge->($tokens->{good}{reader});
    is($r->status, 403, 'without the scope');
    like($r->header('WWW-Authenticate'),
         qr/^Bearer error="insufficient_scope", scope="crm:read crm:write", /,
         'which the challenge names');

    $server->clear();

    for my $name (sort keys %{$tokens->{scopeless}}) {
        $r = $find->($tokens->{scopeless}{$name});
        is($r->status, 403, $name);
        like($r->header('WWW-Authenticate'),
             qr/^Bearer error="insufficient_scope", scope="crm:read", /,
             "$name: challenge");
    }

    for my $name (sort keys %{$tokens->{bad}}) {
        $r = $find->($tokens->{bad}{$name});
        is($r->status, 401, $name);
        like($r->header('WWW-Authenticate'), $challenge, "$name: challenge");
    }

    is(call($t, 'find_customer')->status, 401, 'no credentials');
    is(call($t, 'find_customer', {}, headers => [
        Authorization => "Basic $tokens->{good}{reader}" ])->status, 401,
       'of another kind');
    is($server->count, 0, 'nothing of these arrived');

    # What the recipe for identities asks for
    my $checked = $t->get('/', port => 9001,
                          bearer($tokens->{good}{claims}));
    is(join(' ', map { $checked->header("X-$_") } qw/ Subject Role Region /),
       'ann support eu', 'claims');

    # Nobody can say whether a token is good.
    $checked = $t->get('/', port => 9003, bearer($tokens->{good}{reader}));
    is($checked->status, 500, 'no keys: an error, which nginx refuses with');
}


# An authorization server at 9002; what checks tokens at 9001, and at 9003 one
# that gets no keys.  Returns the tokens.
sub check_tokens {
    my ($t) = @_;

    my $dir = $t->dir();

    local $ENV{ISSUER} = 'https://login.example.com';
    local $ENV{AUDIENCE} = 'https://gw.example.com/mcp';
    local $ENV{ASAN_OPTIONS};

    symlink("$FindBin::Bin/e2e/node_modules", "$dir/node_modules")
        or die "node_modules: $!\n";

    {
        local $ENV{PORT} = $t->port(9002);
        $t->run_program(node(), "$FindBin::Bin/e2e/tokens.mjs");
    }

    for my $port (9001, 9003) {
        my $keys = $t->port($port == 9001 ? 9002 : 9004);
        local $ENV{JWKS_URL} = "http://127.0.0.1:$keys/jwks";

        $t->write_file("check-$port.mjs", $recipe{jwt}
            =~ s/listen\(9001/'listen(' . $t->port($port)/er);
        $t->run_program(node(), "$dir/check-$port.mjs");
    }

    $t->waitforsocket($_) for 9001, 9002, 9003;

    my ($line) = $t->read_file('output') =~ /^(\{.*\})$/m;
    return $json->decode($line);
}


sub affinity {
    my ($t) = @_;

    my %server = map { $_ => $t->upstream($_) } 3001 .. 3003;

    start($t, 'affinity');

    # The servers that got what was sent since the last time.
    my $where = sub {
        my @got = grep { $server{$_}->count } sort keys %server;
        $server{$_}->clear() for @got;
        return join(' ', @got);
    };

    for my $token ('research-7d1f0c', 'support-20b94e', 'nightly-c81d66') {
        my @session = (Authorization => "Bearer $token",
                       'Mcp-Session-Id' => "session-of-$token");

        $t->post(rpc('initialize', { protocolVersion => '2025-11-25' }),
                 bearer($token));
        my $begun = $where->();

        like($begun, qr/^300[123]$/, "$token: one server");

        call($t, 'search', {}, headers => \@session) for 1 .. 5;
        $t->get('/mcp', headers => [ @session,
                                     Accept => 'text/event-stream' ]);
        $t->request('DELETE', '/mcp', headers => \@session);

        is($where->(), $begun, 'calls, stream and end at the same');
    }

    is(call($t, 'search', {}, bearer('unknown'))->status, 401, 'a stranger');
    is($where->(), '', 'gets nowhere');

    # By session, whoever asks
    my %at;

    # where each goes depends on ports: with so many none is left out
    for my $n (1 .. 60) {
        for my $token ('research-7d1f0c', 'support-20b94e') {
            call($t, 'search', {}, uri => '/shared', headers => [
                Authorization => "Bearer $token",
                'Mcp-Session-Id' => "session-$n" ]);
        }

        my $server = $where->();
        like($server, qr/^300[123]$/, "session $n: one server");
        $at{$server} = 1;
    }

    is(scalar keys %at, 3, 'sessions are spread');

    # One that is gone
    my @who = bearer('nightly-c81d66');

    call($t, 'search', {}, @who);
    my $gone = $where->();
    delete($server{$gone})->stop();

    is(call($t, 'search', {}, @who)->status, 502, 'its callers are told');
    is($where->(), '', 'nobody else gets the call');
    is(outcome(call($t, 'search', {}, @who)), 'passed', 'the next one');
    like($where->(), qr/^300[123]$/, 'goes to another');
}


sub canary {
    my ($t) = @_;

    my $stable = $t->upstream(3001);
    my $canary = $t->upstream(3002);

    start($t, 'canary');

    my ($old, $new) = (0, 0);

    for my $n (1 .. 80) {
        my $before = $canary->count;

        call($t, 'search', {}, bearer($n)) for 1, 2;

        my $got = $canary->count - $before;
        fail("caller $n: at both") if $got == 1;
        $got ? $new++ : $old++;
    }

    # With a chance of 0.8 ** 80 of none.
    cmp_ok($new, '>', 0, 'some callers at the canary');
    cmp_ok($old, '>', $new, 'most are not');
    is($stable->count, 2 * $old, 'each at one of them');

    $canary->clear();

    for my $n (1 .. 80) {
        call($t, 'fetch', {}, bearer($n));
    }

    $t->post(rpc('tools/list'), bearer($_)) for 1 .. 80;
    is($canary->count, 0, 'no other tool, and no list');
}


sub cache {
    my ($t) = @_;

    my $own = $t->upstream(3001);
    my $same = $t->upstream(3002);

    start($t, 'cache');

    my @tools = map { { name => $_, inputSchema => { type => 'object' } } }
        qw/ search refund /;
    my $list = sub {
        my ($token, $uri, %options) = @_;
        return $t->post(rpc('tools/list', $options{params},
                            id => $options{id} // 1),
                        uri => $uri, headers => [
                            Authorization => "Bearer $token",
                            @{$options{headers} || []} ]);
    };
    my $answer = sub {
        my ($id, @names) = @_;
        return (200, body => $json->encode({
            jsonrpc => '2.0', id => $id, result => {
                ttlMs => 30000, cacheScope => 'public', tools => [
                    map { { name => $_, inputSchema => {} } } @names ] } }));
    };

    # One list for everybody: whole in the cache, filtered on its way out.
    $same->respond($answer->(1, 'search', 'refund'));

    is(tools($list->('ann', '/catalog')), 'search', 'an agent');
    is(tools($list->('admin-40e1a2', '/catalog')), 'search refund',
       'an administrator, out of the same');
    is(tools($list->('bob', '/catalog')), 'search', 'another agent');
    is($same->count, 1, 'the server was asked once');

    my $r = $list->('ann', '/catalog');
    is($r->json->{result}{cacheScope}, 'private',
       'no cache of a client shares the view');

    $same->respond($answer->('1', 'search'));
    is($list->('ann', '/catalog', id => '1')->json->{id}, '1',
       'another id is another answer');
    is($same->count, 2, 'of the server');

    $list->('ann', '/catalog', params => { cursor => 'b' });
    is($same->count, 3, 'so is another page');

    # A list that depends on who asks
    $own->respond($answer->(1, 'search'));
    is(tools($list->('ann', '/mcp')), 'search', "ann's list");
    $own->respond($answer->(1, 'search', 'refund'));
    is(tools($list->('admin-40e1a2', '/mcp')), 'search refund',
       "an administrator's");
    is($own->count, 2, 'each asked');

    is(tools($list->('ann', '/mcp')), 'search', "ann's, again");
    is(tools($list->('admin-40e1a2', '/mcp')), 'search refund',
       "the administrator's, again");
    is($own->count, 2, 'both cached');

    $list->('ann', '/mcp', headers => [ 'Mcp-Session-Id' => 's2' ]);
    is($own->count, 3, 'another session');

    # Callers who are only known to the server
    $own->clear();

    for my $key ('k1', 'k2') {
        $own->respond($answer->(1, $key eq 'k1' ? 'search' : ()));
        my $seen = $t->post(rpc('tools/list'), headers => [
            'X-Api-Key' => $key ]);
        is(tools($seen), $key eq 'k1' ? 'search' : '', "$key: its own");
    }

    is($own->count, 2, 'nobody in particular: not cached');

    # Answers that bear a session
    $same->clear();

    for my $who ('ann', 'bob') {
        $same->respond($answer->(5, 'search'), headers => [
            'Mcp-Session-Id' => "session of $who" ]);
        is($list->($who, '/catalog', id => 5)->header('Mcp-Session-Id'),
           "session of $who", "$who: in no other session");
    }

    $own->clear();
    $same->clear();

    # Never calls, batches, or what cannot be told apart
    for my $uri ('/mcp', '/catalog') {
        my $server = $uri eq '/mcp' ? $own : $same;
        my $n = 0;

        for my $body (tool_call('search', { q => 'a' }), rpc('initialize',
                      { protocolVersion => '2025-11-25' }), rpc('ping'),
                      rpc('completion/complete', {
                          ref => { type => 'ref/prompt', name => 'p' },
                          argument => { name => 'a', value => '' } }),
                      '[' . rpc('tools/list', undef, id => 71) . ','
                      . rpc('tools/list', undef, id => 72) . ']',
                      rpc('tools/list', { cursor => 'x' x 40_000 }))
        {
            my $what = substr($body, 0, 60);

            $t->post($body, uri => $uri, bearer('ann')) for 1, 2;
            $n += 2;
            is($server->count, $n, "$uri: not cached: $what");
        }

        $t->get($uri, bearer('ann')) for 1, 2;
        is($server->count, $n + 2, "$uri: nor are streams");
    }

    # A body in a file is empty in the key: two of them must not be equal.
    my @long = map { rpc('tools/list', { cursor => $_ x 40_000 }) } 'a', 'b';
    my $before = $same->count;

    $t->post($_, uri => '/catalog', bearer('ann')) for @long, @long;
    is($same->count, $before + 4, 'long bodies go to the server');
}


sub concurrency {
    my ($t) = @_;

    my $server = $t->upstream(3001);

    start($t, 'concurrency');
    $server->hold();

    my $send = sub {
        my ($tool) = @_;
        my $client = $t->connect();
        $client->send_request('POST', '/mcp', body => tool_call($tool));
        return ($client, $server->next());
    };

    my ($first, $one) = $send->('render');
    my ($second, $two) = $send->('render');

    my $r = call($t, 'render');
    is($r->status, 503, 'a third at a time');
    is($r->json->{id}, 1, 'refused as a JSON-RPC error, with its id');

    my ($third, $export) = $send->('export');
    my ($fourth, $search) = $send->('search');
    pass('other tools run');

    my $answer = tool_answer();

    $one->respond(200, body => $answer);
    is(outcome($first->read_response()), 'passed', 'one has ended');

    # On the same connection it is counted out before the next is read.
    $first->send_request('POST', '/mcp', body => tool_call('render'));
    my $again = $server->next();

    is($again->json->{params}{name}, 'render', 'then another one runs');
    is(call($t, 'render')->status, 503, 'and no more');

    $_->respond(200, body => $answer) for $again, $two, $export, $search;
    is(outcome($_->read_response()), 'passed', 'all come to their end')
        for $first, $second, $third, $fourth;
    $_->close() for $first, $second, $third, $fourth;

    # Of 100 a day three were counted, and two given back.
    $server->hold(0);
    is(outcome(call($t, 'render')), 'passed', "render $_") for 4 .. 100;
    is(outcome(call($t, 'render')), 'limit', 'the limit of the day');
}


sub tool_answer {
    return $json->encode({ jsonrpc => '2.0', id => 1,
                           result => { content => [] } });
}


sub stdio {
    my ($t) = @_;

    plan(skip_all => 'make t/e2e/bridge/node_modules/.installed has not run')
        unless -e $bridge;
    mkdir($t->dir() . '/inside');
    $t->write_file('inside/hello.txt', 'hello from the share');

    my $files = "$FindBin::Bin/e2e/node_modules/\@modelcontextprotocol/"
        . 'server-filesystem/dist/index.js';

    my ($command) = do {
        open(my $file, '<', $page) or die "$page: $!\n";
        local $/;
        <$file> =~ /^```sh\nnpx (mcp-proxy .*)\n```$/m;
    };

    my $port = $t->port(3001);
    my $dir = $t->dir();

    $command =~ s/^mcp-proxy/$bridge/;
    $command =~ s/3001/$port/;
    $command =~ s/npx \S+/${\ node()} $files/;
    $command =~ s{/srv/share}{$dir};

    $t->run_program(node(), split(/ /, $command));
    $t->waitforsocket(3001) or diag($t->read_file('output'));
    start($t, 'stdio');

    my $r = $t->post(rpc('initialize', {
        protocolVersion => '2025-11-25', capabilities => {},
        clientInfo => { name => 'test', version => '1' } }));
    my @headers = ('Mcp-Session-Id' => $r->header('Mcp-Session-Id'),
                   'MCP-Protocol-Version' => '2025-11-25');

    is($r->status, 200, 'the bridge answers');
    $t->post(rpc('notifications/initialized', undef, id => undef),
             headers => \@headers);

    my $say = sub {
        my $response = $t->post(@_, headers => \@headers);
        my ($event) = grep { ($_->{data} // '') ne '' } $response->events();
        return $event ? $json->decode($event->{data}) : $response->json();
    };

    my $seen = $say->(rpc('tools/list'));
    is(join(' ', sort map { $_->{name} } @{$seen->{result}{tools}}),
       'list_directory read_text_file', 'the list, filtered');

    $r = $say->(tool_call('read_text_file',
                          { path => "$dir/inside/hello.txt" }));
    is($r->{result}{content}[0]{text}, 'hello from the share', 'a file');

    $r = $say->(tool_call('read_text_file',
                          { path => "$dir/inside/../nginx.conf" }));
    is($r->{result}{_meta}{'ngx-mcp-policy/decision'}{action}, 'deny',
       'no way up');

    $r = $say->(tool_call('write_file', { path => "$dir/inside/hello.txt",
                                          content => 'x' }));
    is($r->{error}{code}, -32602, 'no tool that writes');
    is($t->read_file('inside/hello.txt'), 'hello from the share', 'untouched');
}


sub night {
    my ($t) = @_;

    my $server = $t->upstream(3001);
    my $hook = $t->upstream(9002);

    $t->write_file('notify.key', 'x' x 32);
    mkdir($t->dir() . '/state');
    chmod(0777, $t->dir() . '/state');
    $t->write_file('users', "ann:{PLAIN}secret\n");
    start($t, 'night');

    is(outcome(call($t, 'refund', { amount => 500 })), 'passed', 'small');

    my $client = $t->connect();
    $client->send_request('POST', '/mcp',
                          body => tool_call('refund', { amount => 900 }),
                          bearer('agent'));

    my $told = $hook->next();
    my $id = $told->json->{id};

    is($told->uri, '/hook', 'the webhook is told');
    like($told->header('X-MCP-Signature'), qr/^sha256=[0-9a-f]{64}$/,
         'signed');
    is($told->json->{url}, "https://ops.example.com/mcp-admin/#$id",
       'where to decide');
    unlike($told->body, qr/900/, 'not the arguments');
    is($server->count, 1, 'the call is held');

    my $approve = sub {
        my (@headers) = @_;
        return $t->post('{}', port => 8090,
                        uri => "/mcp-admin/api/approvals/$id/approve",
                        headers => \@headers)->status;
    };

    is($approve->(), 401, 'nobody approves without a password');
    is($approve->(Authorization => 'Basic YW5uOndyb25n'), 401,
       'nor with a wrong one');
    is($server->count, 1, 'still held');

    is($approve->(Authorization => 'Basic YW5uOnNlY3JldA=='), 200, 'ann does');
    is(outcome($client->read_response()), 'passed', 'the held call goes on');
    is($server->last->json->{params}{arguments}{amount}, 900, 'as it was');
}


sub syslog {
    my ($t) = @_;

    my $log = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1',
                                    LocalPort => $t->port(514))
        or die "syslog: $!\n";

    $t->upstream(3001);
    start($t, 'syslog');

    is(outcome(call($t, 'search')), 'passed', 'one that passes');
    is(outcome(call($t, 'wipe')), 'unknown', 'one that is refused');
    is($t->post('{')->status, 400, 'one that cannot be read');

    my @lines = map {
        IO::Select->new($log)->can_read(10) or die "no line\n";
        recv($log, my $line, 4096, 0);
        $line;
    } 1, 2;

    # nginx logs in the order of requests: the first line is no allowed one.
    my @told = map { /mcp: (\{.*\})$/ ? $json->decode($1) : {} } @lines;

    is("@{$told[0]}{qw/ decision reason tool policy /}",
       'deny not_listed wipe shop', 'the refusal');
    is($told[1]{decision}, 'invalid', 'what could not be read');
    unlike("@lines", qr/allow/, 'nothing else');
}
