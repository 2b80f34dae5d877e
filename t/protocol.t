#!/usr/bin/perl

# What a location accepts: revisions, origins, sizes; and the headers that
# nginx would drop by default.

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
    mcp_policy open { default allow; }
    mcp_enforce open;

    server {
        listen 127.0.0.1:8080;

        # As in conf/nginx.conf
        ignore_invalid_headers off;
        underscores_in_headers on;

        location /all { proxy_pass http://127.0.0.1:8081; }
        location /modern {
            mcp_protocol 2026-07-28;
            proxy_pass http://127.0.0.1:8081;
        }
        location /legacy {
            mcp_protocol 2024-11-05 2025-03-26 2025-06-18 2025-11-25;
            proxy_pass http://127.0.0.1:8081;
        }
        location /new {
            mcp_protocol 2025-11-25 2026-07-28;
            proxy_pass http://127.0.0.1:8081;

            location /new/inherited { proxy_pass http://127.0.0.1:8081; }
            location /new/other {
                mcp_protocol 2025-06-18;
                proxy_pass http://127.0.0.1:8081;
            }
        }

        location /origin {
            mcp_origin good.example *.wild.example tail.* ~^re\d+$
                       LOCALHOST 127.0.0.1 [::1];
            proxy_pass http://127.0.0.1:8081;

            location /origin/off {
                mcp_origin off;
                proxy_pass http://127.0.0.1:8081;
            }
        }

        location /depth { mcp_max_depth 4; proxy_pass http://127.0.0.1:8081; }
        location /batch { mcp_max_batch 3; proxy_pass http://127.0.0.1:8081; }
        location /tokens {
            mcp_max_tokens 7;
            proxy_pass http://127.0.0.1:8081;
        }
        location /string {
            mcp_max_string 16;
            proxy_pass http://127.0.0.1:8081;
        }
        location /number {
            mcp_max_number 5;
            proxy_pass http://127.0.0.1:8081;
        }
        location /least {
            mcp_max_depth 1;
            mcp_max_batch 1;
            mcp_max_tokens 1;
            mcp_max_number 1;
            mcp_max_string 1;
            proxy_pass http://127.0.0.1:8081;
        }
    }

    # As nginx is by default
    server {
        listen 127.0.0.1:8082;
        location / { proxy_pass http://127.0.0.1:8081; }
    }
}
CONF

my $upstream = $t->upstream(8081);

$t->run();

my @legacy = qw/ 2024-11-05 2025-03-26 2025-06-18 2025-11-25 /;
my $modern = '2026-07-28';
my $call = tool_call('x', {}, id => 4);


sub passes {
    my ($name, $response) = @_;

    is($response->status, 200, "$name: status");
    is($upstream->count, 1, "$name: forwarded");
    $upstream->clear();
}


sub refused {
    my ($name, $response, $status, $code) = @_;

    is($response->status, $status, "$name: status");
    is(($response->json || {})->{error}{code}, $code, "$name: code");
    is($upstream->count, 0, "$name: not forwarded");
    $upstream->clear();
    return $response->json;
}


sub call_in {
    my ($revision, $uri) = @_;

    return $t->post(tool_call('x', {}, meta => modern(), id => 4),
                    uri => $uri, headers => modern_headers('tools/call', 'x'))
        if $revision eq $modern;

    return $t->post($call, uri => $uri, headers => $revision
                    ? [ 'MCP-Protocol-Version' => $revision ] : []);
}


my %accepted = (
    '/all' => [ @legacy, $modern ], '/modern' => [ $modern ],
    '/legacy' => \@legacy, '/new' => [ '2025-11-25', $modern ],
    '/new/inherited' => [ '2025-11-25', $modern ],
    '/new/other' => [ '2025-06-18' ],
);

for my $uri (sort keys %accepted) {
    my @accepted = @{$accepted{$uri}};
    my $any = grep { $_ ne $modern } @accepted;

    subtest "revisions, $uri" => sub {
        for my $revision (@legacy, $modern) {
            my $response = call_in($revision, $uri);

            if (grep { $_ eq $revision } @accepted) {
                passes($revision, $response);
                next;
            }

            my $json = refused($revision, $response, 400, -32022);
            is_deeply($json->{error}{data}, { supported => \@accepted,
                      requested => $revision }, "$revision: data");
            is($json->{id}, 4, "$revision: id");
        }

        for my $unknown ('2027-01-01', 'x', '2025-11-2') {
            my $json = refused($unknown, call_in($unknown, $uri), 400,
                               -32022);
            is_deeply($json->{error}{data}, { supported => \@accepted,
                      requested => $unknown }, "$unknown: data");
        }

        if ($any) {
            passes('no header', call_in('', $uri));
            passes('GET without a header', $t->get($uri));
            passes('initialize asks for another',
                   $t->post(rpc('initialize',
                                { protocolVersion => '2024-11-05',
                                  capabilities => {} }), uri => $uri));
        } else {
            refused('no header', call_in('', $uri), 400, -32022);
        }

        refused('GET of an unknown one', $t->get($uri,
                headers => [ 'MCP-Protocol-Version' => '2027-01-01' ]),
                400, -32022);
        refused('two lines', $t->post($call, uri => $uri,
                headers => [ 'MCP-Protocol-Version' => $accepted[0],
                             'MCP-Protocol-Version' => $accepted[0] ]),
                400, -32020);
    };
}

subtest 'mcp_origin' => sub {
    my $ask = sub {
        my ($method, @origins) = @_;
        my %options = (headers => [ map { (Origin => $_) } @origins ]);
        return $method eq 'POST'
            ? $t->post($call, uri => '/origin', %options)
            : $t->request($method, '/origin', %options);
    };

    for my $origin ('http://good.example', 'https://good.example',
                    'https://good.example:8443', 'HTTPS://GOOD.Example',
                    'http://a.wild.example', 'http://a.b.wild.example:1',
                    'http://tail.com', 'http://tail.co.uk', 'http://re12',
                    'http://localhost', 'http://localhost:6274',
                    'http://127.0.0.1:80', 'http://[::1]',
                    'http://[::1]:8080')
    {
        passes($origin, $ask->('POST', $origin));
    }

    for my $origin ('null', '', 'http://evil.example', 'good.example',
                    'http://', 'https://', 'http:good.example',
                    'http://good.example.evil.com', 'http://xgood.example',
                    'http://good.example@evil.com',
                    'http://ann@good.example', 'http://ann:pw@good.example',
                    'http://evil.com#good.example',
                    'http://evil.com/good.example',
                    'http://evil.com?good.example',
                    'http://good.example/', 'http://good.example/x',
                    'http://good.example:80/', 'http://good.example:x',
                    'http://good.example:80:80', 'http://good.example\\',
                    'http://good.example evil', 'http://good.exampl\x{e9}',
                    'http://wild.example', 'http://.wild.example',
                    'http://xwild.example', 'http://tail.',
                    'http://tail', 'http://xtail.com', 'http://re12x',
                    'http://xre12', 'http://[::2]', 'http://[::1',
                    'http://[::1]x', 'http://::1', 'ws://good.example',
                    'file://', 'chrome-extension://good.example',
                    'http://good.example, http://good.example')
    {
        refused("\"$origin\"", $ask->('POST', $origin), 403, -32600);
    }

    refused('two lines', $ask->('POST', 'http://good.example',
            'http://good.example'), 403, -32600);
    refused('two lines, one evil', $ask->('POST', 'http://good.example',
            'http://evil.example'), 403, -32600);
    passes('none', $ask->('POST'));

    for my $method (qw/ GET DELETE OPTIONS /) {
        refused($method, $ask->($method, 'http://evil.example'), 403, -32600);
        passes($method, $ask->($method, 'http://good.example'));
    }

    refused('before the method', $ask->('PUT', 'http://evil.example'), 403,
            -32600);
    passes('off', $t->post($call, uri => '/origin/off',
                           headers => [ Origin => 'http://evil.example' ]));
    passes('elsewhere', $t->post($call, uri => '/all',
                                 headers => [ Origin => 'null' ]));
};

subtest 'limits' => sub {
    my $params = sub {
        return '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{'
               . '"name":"x","arguments":' . $_[0] . '}}';
    };
    my $post = sub { $t->post($_[1], uri => $_[0]) };
    my $batch = sub {
        return '[' . join(',', map { rpc('ping', undef, id => $_) }
                          1 .. $_[0]) . ']';
    };

    passes('depth 4', $post->('/depth', $params->('{"a":[]}')));
    passes('depth 4, wide',
           $post->('/depth', $params->('{"a":[],"b":{},"c":[1,2]}')));
    refused('depth 5', $post->('/depth', $params->('{"a":[[]]}')), 400,
            -32700);
    refused('depth 5, in a batch', $post->('/depth',
            '[' . $params->('{"a":[]}') . ']'), 400, -32700);

    passes('3 messages', $post->('/batch', $batch->(3)));
    refused('4 messages', $post->('/batch', $batch->(4)), 400, -32600);
    passes('16 messages', $post->('/all', $batch->(16)));
    refused('17 messages', $post->('/all', $batch->(17)), 400, -32600);

    passes('7 values and names', $post->('/tokens', rpc('ping')));
    refused('9 values and names', $post->('/tokens', rpc('ping', {})), 400,
            -32700);

    passes('16 bytes',
           $post->('/string', $params->('{"a":"' . 'x' x 16 . '"}')));
    refused('17 bytes',
            $post->('/string', $params->('{"a":"' . 'x' x 17 . '"}')), 400,
            -32700);
    passes('a name of 16 bytes',
           $post->('/string', $params->('{"' . 'x' x 16 . '":1}')));
    refused('a name of 17 bytes',
            $post->('/string', $params->('{"' . 'x' x 17 . '":1}')), 400,
            -32700);

    passes("number $_", $post->('/number', $params->("{\"a\":$_}")))
        for '12345', '-1234', '1.234', '12e34';
    refused("number $_", $post->('/number', $params->("{\"a\":$_}")), 400,
            -32700) for '123456', '-12345', '1.2345', '1e+345';
    passes('number of 1024',
           $post->('/all', $params->('{"a":' . '1' x 1024 . '}')));
    refused('number of 1025',
            $post->('/all', $params->('{"a":' . '1' x 1025 . '}')), 400,
            -32700);

    refused('the least of everything', $post->('/least', $_), 400, -32700)
        for rpc('ping'), '[1]', '[[]]', '"xx"', '11';
    refused('an empty message', $post->('/least', '{}'), 400, -32600);
};

subtest 'headers' => sub {
    my @headers = ('Mcp-Param-tenant_id' => 'a', 'Mcp-Param-a.b' => 'b',
                   "Mcp-Param-x!#\$%&'*+-^`|~" => 'c',
                   'Mcp-Param-Region' => '=?base64?ZXU=?=');

    my $send = sub {
        return $t->post(tool_call('x', {}, meta => modern()), uri => '/all',
                        headers => [ @{modern_headers('tools/call', 'x')},
                                     @headers ], @_);
    };

    is($send->()->status, 200, 'allowed');

    my $request = $upstream->last;

    for (my $i = 0; $i < @headers; $i += 2) {
        is($request->header($headers[$i]), $headers[$i + 1],
           "$headers[$i] survives");
    }

    is($request->header($_), undef, "$_ is nginx's") for 'Transfer-Encoding';

    # Why conf/nginx.conf says so

    $send->(port => 8082);
    is($upstream->last->header('Mcp-Param-tenant_id'), undef,
       'by default nginx drops underscores');
    $upstream->clear();

    # Servers that know headers as environment variables mix the two up.

    refused('mcp_method beside Mcp-Method', $t->post(tool_call('x', {},
            meta => modern()), uri => '/all', headers => [
                @{modern_headers('tools/call', 'x')},
                'mcp_method' => 'tools/list' ]), 400, -32020);
    refused('Mcp_Name alone', $t->post(tool_call('x', {}, meta => modern()),
            uri => '/all', headers => [ @{modern_headers('tools/call')},
                                        'Mcp_Name' => 'x' ]), 400, -32020);
    passes('names in any case', $t->post(tool_call('x', {},
           meta => modern()), uri => '/all', headers => [
               'mcp-PROTOCOL-version' => $modern, 'MCP-METHOD' => 'tools/call',
               'mcp-name' => 'x' ]));
    refused('two types, equal', $t->post($call, uri => '/all', headers => [
            'Content-Type' => 'application/json',
            'content-TYPE' => 'application/json' ]), 415, -32600);
};

done_testing();
