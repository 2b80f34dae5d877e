#!/usr/bin/perl

# Variables: in logs, maps, headers and proxy_pass; final wherever they were
# read before; and no client writes into a log what it likes.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;

use MCPTest;

my $json = JSON::PP->new->utf8->allow_nonref;
my $t = MCPTest->new(timeout => 90);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    underscores_in_headers on;
    large_client_header_buffers 4 64k;

    log_format mcp escape=json
        '{"method":"$mcp_method","tool":"$mcp_tool","id":"$mcp_id",'
        '"protocol":"$mcp_protocol","session":"$mcp_session",'
        '"client":"$mcp_client","grant":"$mcp_grant","policy":"$mcp_policy",'
        '"decision":"$mcp_decision","rule":"$mcp_rule",'
        '"reason":"$mcp_reason","count":"$mcp_count",'
        '"args_hash":"$mcp_args_hash","trace":"$mcp_traceparent",'
        '"a":"$mcp_arg_a","b":"$mcp_arg_b","long":"$mcp_arg_long_name",'
        '"camel":"$mcp_arg_userId","early":"$early","status":$status}';
    log_format plain '$mcp_tool|$mcp_id|$mcp_decision|$mcp_arg_a';

    map $mcp_decision $early {
        volatile;
        "" none;
        default "saw $mcp_decision";
    }
    map $mcp_tool $port {
        ~^crm\. 127.0.0.1:8082;
        default 127.0.0.1:8081;
    }
    map $mcp_decision $skip { deny 0; default 1; }

    mcp_policy one {
        tool safe crm.* ~^x { }
        tool purge { deny; }
        tool pay { rule large { arg a gt 5; deny; } }
        tool roles { require $mcp_arg_a eq yes; }
        tool pause { dry_run on; deny "Dry."; }
        prompt hello { }
        resource file:///* { }
    }
    mcp_policy open { default allow; }

    server {
        listen 127.0.0.1:8080;
        client_max_body_size 8m;
        access_log %%TESTDIR%%/mcp.log mcp;
        access_log %%TESTDIR%%/plain.log plain;

        location / {
            mcp_enforce one;
            add_header X-Tool $mcp_tool always;
            add_header X-Decision $mcp_decision always;
            add_header X-Reason $mcp_reason always;
            proxy_set_header X-Mcp-Tool $mcp_tool;
            proxy_set_header X-Mcp-Grant $mcp_grant;
            proxy_set_header X-Mcp-A $mcp_arg_a;
            proxy_pass http://127.0.0.1:8081;
        }
        location /route {
            mcp_enforce one;
            proxy_pass http://$port;
        }
        location /path {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081/tool$mcp_arg_a;
        }
        location /early {
            mcp_enforce one;
            set $seen "<$mcp_decision$mcp_tool$mcp_arg_a$mcp_count>";
            if ($mcp_decision = allow) { return 500; }
            if ($early = x) { return 500; }
            if ($mcp_policy) { return 500; }
            if ($mcp_grant) { return 500; }
            if ($mcp_args_hash) { return 500; }
            add_header X-Seen $seen always;
            proxy_pass http://127.0.0.1:8081;
        }
        location /open { mcp_enforce open; proxy_pass http://127.0.0.1:8081; }
        location /dry {
            mcp_enforce one;
            mcp_dry_run on;
            proxy_pass http://127.0.0.1:8081;
        }
        location /who {
            mcp_enforce one;
            mcp_grant $http_x_who;
            proxy_pass http://127.0.0.1:8081;
        }
        location /nobody { mcp_enforce $http_x_policy; return 200; }
        location /unknown {
            mcp_enforce $http_x_policy;
            proxy_pass http://127.0.0.1:8081;
        }
        location /off { proxy_pass http://127.0.0.1:8081; }
        location /if_log {
            mcp_enforce one;
            access_log %%TESTDIR%%/allowed.log plain if=$skip;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $crm = $t->upstream(8082);

$t->run();


# The line that the next request writes, decoded.
sub line_of {
    my ($request) = @_;

    my $lines = () = $t->log('mcp.log') =~ /\n/g;
    my $response = $request->();

    $t->wait_until(sub { (() = $t->log('mcp.log') =~ /\n/g) > $lines });

    my @lines = split(/\n/, $t->log('mcp.log'));

    is(scalar @lines, $lines + 1, 'one request, one line');
    my $line = eval { $json->decode($lines[-1]) };
    ok($line, 'of JSON') or diag($lines[-1]);

    return ($line || {}, $response);
}


# Runs code that makes $count requests and waits for their lines, so that
# none of them is taken for the next one's.
sub logging {
    my ($count, $code) = @_;

    my $lines = () = $t->log('mcp.log') =~ /\n/g;

    $code->();
    $t->wait_until(sub {
        (() = $t->log('mcp.log') =~ /\n/g) >= $lines + $count });
}


sub logs {
    my ($name, $request, %expected) = @_;

    subtest $name => sub {
        my ($line, $response) = line_of(ref $request ? $request
            : sub { $t->post($request, uri => $expected{uri} || '/',
                             headers => $expected{headers}) });

        for my $key (sort keys %expected) {
            next if $key =~ /^(uri|headers)$/;
            is($line->{$key}, $expected{$key}, $key);
        }
    };
}


my $call = sub {
    my ($tool, $arguments) = @_;
    return '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":'
           . $json->encode($tool) . ",\"arguments\":$arguments}}";
};

# Each of them

logs('allowed', tool_call('safe', { a => 'x' }, id => 'i'),
     method => 'tools/call', tool => 'safe', id => 'i', protocol => '',
     session => '', client => '', policy => 'one', decision => 'allow',
     rule => '', reason => '', count => 1, a => 'x', b => '', trace => '',
     early => 'saw allow', status => 200);
logs('refused', tool_call('purge', {}, id => 5), tool => 'purge', id => 5,
     decision => 'deny', rule => 'purge', reason => 'denied', status => 200);
logs('a named rule', $call->('pay', '{"a":6}'), rule => 'large',
     reason => 'denied', a => 6);
logs('unlisted', tool_call('nope'), decision => 'deny', rule => '(default)',
     reason => 'not_listed');
logs('prompt', rpc('prompts/get', { name => 'hello' }), tool => 'hello',
     method => 'prompts/get', decision => 'allow');
logs('resource', rpc('resources/read', { uri => 'file:///a' }),
     tool => 'file:///a');
logs('a notification', '{"jsonrpc":"2.0",'
     . '"method":"notifications/initialized"}', id => '', tool => '',
     method => 'notifications/initialized', decision => 'allow',
     status => 202);
logs('a posted answer', '{"jsonrpc":"2.0","id":3,"result":{}}',
     decision => 'allow', id => 3, method => '', count => 1);
logs('initialize', rpc('initialize', { protocolVersion => '2025-06-18',
     clientInfo => { name => 'acme "ide"', version => '3' },
     capabilities => {} }), protocol => '2025-06-18',
     client => 'acme "ide"/3', method => 'initialize');
logs('initialize without a version of the client', rpc('initialize',
     { protocolVersion => '2025-06-18', clientInfo => { name => 'acme' },
       capabilities => {} }), client => 'acme');
logs('headers', tool_call('safe'), session => 's-1',
     protocol => '2025-11-25', headers => [
         'Mcp-Session-Id' => 's-1',
         'MCP-Protocol-Version' => '2025-11-25' ]);
logs('2026-07-28', tool_call('safe', {}, meta => modern(
     traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
     )), headers => modern_headers('tools/call', 'safe'),
     protocol => '2026-07-28', client => 'test/1',
     trace => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
logs('unescaped', '{"jsonrpc":"2.0","id":"\u0061\"","method":"tools\/call",'
     . '"params":{"name":"s\u0061fe"}}', id => 'a"', tool => 'safe',
     method => 'tools/call');
logs('invalid', '{', decision => 'invalid', reason => 'bad_json',
     policy => 'one', count => 0, id => '', status => 400);
logs('invalid with an id', '{"jsonrpc":"2.0","id":"\u0061b"}',
     decision => 'invalid', reason => 'bad_message', id => 'ab');
logs('GET', sub { $t->get('/') }, method => '', decision => 'allow',
     count => 0, policy => 'one');
logs('unknown policy', tool_call('safe'), uri => '/unknown', policy => '',
     decision => 'deny', reason => 'unknown_policy', tool => 'safe');
logs('off', tool_call('safe'), uri => '/off', policy => '', decision => '',
     tool => '', count => '', grant => '', early => 'none');
logs('answered before any decision', tool_call('safe'), uri => '/nobody',
     policy => '', decision => '', tool => '', status => 200);
logs('dry run', tool_call('nope'), uri => '/dry', decision => 'dry_deny',
     reason => 'not_listed', status => 200);
logs('dry run, allowed', tool_call('safe'), uri => '/dry',
     decision => 'allow', reason => '');
logs('dry run, invalid', '{', uri => '/dry', decision => 'dry_invalid',
     reason => 'bad_json', status => 202);
logs('dry run of a block', tool_call('pause'), decision => 'dry_deny',
     rule => 'pause', status => 200);

# Batches

my $batch = sub { '[' . join(',', @_) . ']' };

logs('batch, allowed', $batch->(tool_call('safe', { a => 1 }, id => 1),
     tool_call('crm.x', { a => 2 }, id => 2)), count => 2, tool => 'safe',
     id => 1, decision => 'allow', a => 1);
logs('batch, the first refused', $batch->(
     tool_call('safe', { a => 1 }, id => 1),
     tool_call('purge', { a => 2 }, id => 2),
     tool_call('nope', {}, id => 3)), count => 3, tool => 'purge', id => 2,
     decision => 'deny', reason => 'denied', rule => 'purge', a => 2);

# Arguments

logs('arguments: ' . $_->[0], $call->('safe', "{\"a\":$_->[0]}"),
     a => $_->[1])
    for [ '"x"', 'x' ], [ '"\u0041\""', 'A"' ], [ '""', '' ],
        [ '1.50', '1.50' ], [ '12345678901234567890',
          '12345678901234567890' ], [ '-0e5', '-0e5' ], [ 'true', 'true' ],
        [ 'false', 'false' ], [ 'null', 'null' ], [ '{"x":1}', '' ],
        [ '[1]', '' ], [ '"\u20ac"', "\x{20ac}" ], [ '"\ud800"', '' ];
logs('arguments: missing', $call->('safe', '{"c":1}'), a => '', b => '');
logs('arguments: several', $call->('safe',
     '{"b":2,"long_name":3,"a":1}'), a => 1, b => 2, long => 3);
logs('arguments: nginx knows no case', $call->('safe', '{"userId":7}'),
     camel => 7);
logs('arguments: two that differ in case only',
     $call->('safe', '{"userId":7,"USERID":8}'), camel => '');
logs('arguments: one of them as nginx writes it',
     $call->('safe', '{"userId":7,"userid":8}'), camel => 8);
logs('arguments: none at all', '{"jsonrpc":"2.0","id":1,'
     . '"method":"tools/call","params":{"name":"safe"}}', a => '');
logs('arguments in a policy', $call->('roles', '{"a":"yes"}'),
     decision => 'allow');
logs('arguments in a policy, refused', $call->('roles', '{"a":"no"}'),
     decision => 'deny', reason => 'condition');

# Line ends: a header or a request line is not the place for them

subtest 'line ends' => sub {
    my $split = "x\r\nX-Admin: 1\r\n\r\nPOST / HTTP/1.1\r\n";

    $upstream->clear();
    my ($line, $response) = line_of(sub {
        $t->post(tool_call("x$split", { a => $split }), uri => '/') });

    is($upstream->count, 1, 'proxy_set_header: one request');
    is($upstream->last->header('X-Admin'), undef,
       'proxy_set_header: no more headers');
    is($upstream->last->header('X-Mcp-A'), 'x\u000d\u000aX-Admin: 1\u000d'
       . '\u000a\u000d\u000aPOST / HTTP/1.1\u000d\u000a',
       'proxy_set_header: the value');
    is($response->header('X-Admin'), undef, 'add_header: no more headers');
    like($response->header('X-Tool'), qr/^xx\\u000d/, 'add_header: the value');
    like($line->{tool}, qr/^xx\\u000d/, 'log: the same value');

    $upstream->clear();
    logging(1, sub {
        $t->post(tool_call('safe', { a => "/ HTTP/1.1\r\nHost: x\r\n\r\n" }),
                 uri => '/path') });
    is($upstream->count, 1, 'proxy_pass: one request');
    unlike($upstream->last->head, qr/^Host: x\r/m, 'proxy_pass: one head');
};

# Hashes are keyed, equal for equal input, and not the input

subtest 'hashes' => sub {
    my ($one) = line_of(sub { $t->post($call->('safe', '{"a":"secret"}'),
        uri => '/who', headers => [ 'X-Who' => 'ann' ]) });
    my ($two) = line_of(sub { $t->post($call->('crm.x', '{"a":"secret"}'),
        uri => '/who', headers => [ 'X-Who' => 'ann' ]) });
    my ($three) = line_of(sub { $t->post($call->('safe', '{"a":"other"}'),
        uri => '/who', headers => [ 'X-Who' => 'bob' ]) });
    my ($none) = line_of(sub { $t->post($call->('safe', '{}'),
                                        uri => '/who') });

    like($one->{grant}, qr/^[0-9a-f]{32}$/, 'grant');
    is($two->{grant}, $one->{grant}, 'equal for the same caller');
    isnt($three->{grant}, $one->{grant}, 'another for another');
    is($none->{grant}, '', 'none without one');
    like($one->{args_hash}, qr/^[0-9a-f]{32}$/, 'arguments');
    is($two->{args_hash}, $one->{args_hash}, 'equal for the same');
    isnt($three->{args_hash}, $one->{args_hash}, 'another for others');

    my ($bearer) = line_of(sub { $t->post(tool_call('safe'), uri => '/',
        headers => [ Authorization => 'Bearer x' ]) });
    my ($address) = line_of(sub { $t->post(tool_call('safe'), uri => '/') });

    isnt($bearer->{grant}, $address->{grant}, 'by default the credentials');
    like($address->{grant}, qr/^[0-9a-f]{32}$/, 'else the address');
};

# Elsewhere than in logs

subtest 'headers' => sub { logging(2, sub {
    $upstream->clear();
    my $response = $t->post(tool_call('safe', { a => 'v' }), uri => '/');
    is($response->header('X-Tool'), 'safe', 'add_header');
    is($response->header('X-Decision'), 'allow', 'add_header');
    is($response->header('X-Reason'), undef, 'an empty one is not sent');
    is($upstream->last->header('X-Mcp-Tool'), 'safe', 'proxy_set_header');
    is($upstream->last->header('X-Mcp-A'), 'v', 'proxy_set_header');
    like($upstream->last->header('X-Mcp-Grant'), qr/^[0-9a-f]{32}$/,
         'proxy_set_header');

    $response = $t->post(tool_call('purge'), uri => '/');
    is($response->header('X-Tool'), 'purge', 'refused: add_header');
    is($response->header('X-Decision'), 'deny', 'refused: add_header');
    is($response->header('X-Reason'), 'denied', 'refused: add_header');
}) };

subtest 'routing' => sub { logging(3, sub {
    $_->clear() for $upstream, $crm;
    $t->post(tool_call('safe'), uri => '/route');
    is($upstream->count, 1, 'one tool');
    is($crm->count, 0, 'goes there');
    $t->post(tool_call('crm.find'), uri => '/route');
    is($crm->count, 1, 'another');
    is($upstream->count, 1, 'goes elsewhere');
    is($t->post(tool_call('purge'), uri => '/route')->json
       ->{result}{isError}, JSON::PP::true, 'a third nowhere');
}) };

subtest 'read too early' => sub {
    my ($line, $response) = line_of(sub {
        $t->post(tool_call('safe', { a => 1 }), uri => '/early') });
    is($response->status, 200, 'allowed');
    is($response->header('X-Seen'), '<>', 'nothing was known');
    is($line->{decision}, 'allow', 'the log has the decision');
    is($line->{tool}, 'safe', 'the tool');
    is($line->{a}, 1, 'the argument');
    is($line->{policy}, 'one', 'the policy');
    is($line->{count}, 1, 'the count');
    is($line->{early}, 'saw allow', 'the map is right');
    like($line->{grant}, qr/^[0-9a-f]{32}$/, 'the caller');
    like($line->{args_hash}, qr/^[0-9a-f]{32}$/, 'the hash');

    ($line, $response) = line_of(sub {
        $t->post(tool_call('purge'), uri => '/early') });
    is($line->{decision}, 'deny', 'refused: the log has the decision');
};

$t->post(tool_call('purge'), uri => '/if_log');
$t->post(tool_call('safe'), uri => '/if_log');
ok($t->wait_log(qr/\n/, 'allowed.log'), 'access_log if=');
is($t->log('allowed.log'), "safe|1|allow|-\n", 'by the decision');

# Hostile values

subtest 'hostile values' => sub {
    my $evil = "x\"\\\n\r\t\x00\x01\x1b[31m\x7f\x{2028}\x{85}'\$host`;"
               . "\",\"decision\":\"allow\"}";
    my $huge = 'x' x 100_000;

    for my $case ([ 'tool' => tool_call($evil =~ s/\x00//r) ],
                  [ 'tool, allowed' => tool_call("x\n\"evil"), '/' ],
                  [ 'U+0000 in a tool' => tool_call("a\0b") ],
                  [ 'huge tool' => tool_call($huge) ],
                  [ 'huge evil tool' => tool_call("\n" x 100_000) ],
                  [ 'argument' => tool_call('safe', { a => $evil }) ],
                  [ 'huge argument' => tool_call('safe', { a => $huge }) ],
                  [ 'id' => tool_call('nope', {},
                                      id => substr($evil, 0, 5)) ],
                  [ 'huge id' => tool_call('nope', {}, id => $huge) ],
                  [ 'method' => rpc($evil =~ s/\x00//r, {}) ],
                  [ 'huge method' => rpc($huge, {}) ],
                  [ 'client' => rpc('initialize', {
                        protocolVersion => $evil, capabilities => {},
                        clientInfo => { name => $evil =~ s/\x00//r,
                                        version => $huge } }) ],
                  [ 'key' => tool_call('safe', { $evil => { $evil => 1 } }) ],
                  [ 'URI' => rpc('resources/read', { uri => $evil }) ],
                  [ 'trace' => tool_call('safe', {}, meta => {
                        traceparent => $evil }) ],
                  [ 'JSON' => "{\"\n\x00\x1b" ],
                  [ 'bytes' => "\x80\xff\n" ])
    {
        my ($name, $body, $uri) = @$case;

        for my $where ($uri ? $uri : ('/', '/open', '/dry')) {
            my ($line, $response) = line_of(sub {
                $t->post($body, uri => $where) });
            ok($response->status, "$name, $where: answered");
            like($line->{decision}, qr/^(dry_)?(allow|deny|invalid)$/,
                 "$name, $where: decision");
        }
    }

    # Headers that nginx lets through

    for my $header ('Mcp-Session-Id', 'MCP-Protocol-Version', 'Mcp-Name',
                    'Mcp-Method', 'Origin', 'Content-Type')
    {
        my ($line) = line_of(sub { $t->post(tool_call('safe'), uri => '/',
            headers => [ $header => "x\"\x1b[31m\xff\x80\\" ]) });
        ok($line->{decision}, "$header: decision");
    }

    my $plain = $t->log('plain.log');
    unlike($plain, qr/[^\x20-\x7e\n]/, 'the default escape is enough');
    is((() = $plain =~ /\n/g), (() = $t->log('mcp.log') =~ /\n/g),
       'a line for each request');

    my $log = $t->log();
    my @odd = grep { !/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[\w+\] / }
        split(/\n/, $log);
    is_deeply(\@odd, [], 'error.log: no line of a client');
    unlike($log, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/,
           'error.log: no control characters');
    unlike($log, qr/x{300}/, 'error.log: names are cut');
};

subtest 'secrets' => sub {
    my $token = 'Bearer sk-live-0123456789';
    my $argument = 'password-hunter2';

    for my $uri ('/', '/open', '/dry', '/who', '/unknown') {
        for my $tool (qw/ safe purge pay roles nope /) {
            $t->post(tool_call($tool, { a => $argument, key => $argument }),
                     uri => $uri, headers => [ Authorization => $token,
                                               'X-Who' => $token ]);
        }

        $t->post("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                 . "\"params\":{\"name\":\"safe\",\"arguments\":{\"a\":1,"
                 . "\"a\":\"$argument\"}}}", uri => $uri,
                 headers => [ Authorization => $token ]);
        $t->post("{\"a\":\"$argument\"", uri => $uri,
                 headers => [ Authorization => $token ]);
    }

    unlike($t->log(), qr/sk-live/, 'error.log: no token');
    unlike($t->log(), qr/hunter2/, 'error.log: no argument');
    unlike($t->log('mcp.log') =~ s/"a":"[^"]*"//gr, qr/sk-live|hunter2/,
           'access_log: only what was asked for');
};

done_testing();
