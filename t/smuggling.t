#!/usr/bin/perl

# Everything that two parsers could read differently, row by row of
# docs/security.md: what is refused never reaches the server, what is allowed
# reaches it byte for byte.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw/ encode /;
use MCPTest;

my $t = MCPTest->new(timeout => 120);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%

    map $mcp_arg_q $bad_argument { bad 1; }

    mcp_policy strict {
        tool safe "say \"hi\"" { }
        tool tasky { deny "Not as a task either."; }
        tool counted { limit 1/day; }
        tool keyed { limit 1/day per=$http_x_key; }
        tool asked { require $mcp_arg_q eq good; }
        tool mapped { deny_if { require $bad_argument eq 1; } }
        tool metered { limit 1/day per=$mcp_arg_q; }
        resource file:///srv/* { }
    }

    mcp_policy lax {
        default allow;
        tool danger { deny; }
        tool delete_* { deny; }
        resource file:///etc/* { deny; }
    }

    server {
        listen 127.0.0.1:8080;
        client_max_body_size 8m;
        client_body_buffer_size 64k;
        ignore_invalid_headers off;
        underscores_in_headers on;

        location /mcp { mcp_enforce strict; proxy_pass http://127.0.0.1:8081; }
        location /own {
            mcp_enforce strict;
            mcp_grant "$uri $http_authorization";
            proxy_pass http://127.0.0.1:8081;
        }
        location /argument {
            mcp_enforce strict;
            mcp_grant "$mcp_arg_q";
            proxy_pass http://127.0.0.1:8081;
        }
        location /hop {
            mcp_enforce lax;
            mcp_grant "caller $bad_argument";
            try_files /none @hop;
        }
        location @hop {
            mcp_enforce strict;
            mcp_grant somebody;
            proxy_pass http://127.0.0.1:8081;
        }
        location /lax { mcp_enforce lax; proxy_pass http://127.0.0.1:8081; }
    }
}
CONF

my $upstream = $t->upstream(8081);

$t->run();

my $version = [ 'MCP-Protocol-Version' => '2025-11-25' ];
my $old = [ 'MCP-Protocol-Version' => '2025-03-26' ];
my $safe = tool_call('safe');


sub refused {
    my ($name, $body, $status, $code, %options) = @_;

    $upstream->clear();

    my $response = $t->post($body, headers => $version, %options);

    subtest $name => sub {
        is($response->status, $status, "status $status");
        is($response->header('Content-Type'), 'application/json',
           'a JSON answer');

        my $json = $response->json;
        is($json->{error}{code}, $code, "code $code") if defined $code;
        is_deeply($json->{id}, $options{id}, 'the id is echoed or left out');
        is($upstream->count, 0, 'nothing reached the server');
    };
}


sub refused_batch {
    my ($name, $body, %options) = @_;

    $upstream->clear();

    my $json = $t->post($body, headers => $old, %options)->json;

    subtest $name => sub {
        is(scalar(grep { $_->{error} } @$json), 2, 'both are refused');
        is($upstream->count, 0, 'nothing reached the server');
    };
}


sub escaped {
    my ($text) = @_;

    $text =~ s/([^ -~])/sprintf('\\x%02x', ord($1))/ge;

    return qq("$text");
}


# A well-formed call that policy refuses.
sub denied {
    my ($name, $body, %options) = @_;

    $upstream->clear();

    my $response = $t->post($body, headers => $version, %options);

    subtest $name => sub {
        is($response->status, $options{status} || 200, 'status');

        my $json = $response->json;
        ok($json->{error} || $json->{result}{isError}, 'a refusal');
        is($upstream->count, 0, 'nothing reached the server');
    };
}


sub allowed {
    my ($name, $body, %options) = @_;

    $upstream->clear();

    my $response = $t->post($body, headers => $version, %options);

    subtest $name => sub {
        is($response->status, $options{status} || 200, 'allowed');
        is($upstream->count, 1, 'it reached the server once');
        is($upstream->last->body, $body, 'byte for byte')
            if $upstream->count;
    };
}


sub call {
    my ($params, $rest) = @_;
    return '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{'
           . $params . '}' . ($rest || '') . '}';
}


allowed('a plain call', $safe);
allowed('white space around it', " \r\n\t$safe\n");
allowed('members in another order',
        '{"params":{"arguments":{},"name":"safe"},"method":"tools/call",'
        . '"jsonrpc":"2.0","id":"x"}');

subtest 'duplicate keys' => sub {
    refused('two names', call('"name":"safe","name":"danger"'), 400, -32600,
            id => 1);
    refused('two params', '{"jsonrpc":"2.0","id":1,"method":"tools/call",'
            . '"params":{"name":"safe"},"params":{"name":"danger"}}', 400,
            -32600, id => 1);
    refused('two methods', '{"jsonrpc":"2.0","id":1,"method":"ping",'
            . '"method":"tools/call","params":{"name":"danger"}}', 400,
            -32600, id => 1);
    refused('two ids', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400,
            -32600);
    refused('spelled differently',
            call('"name":"safe","n\u0061me":"danger"'), 400, -32600, id => 1);
    refused('deep inside the arguments',
            call('"name":"safe","arguments":{"a":[{"b":{"c":1,"c":2}}]}'),
            400, -32600, id => 1);
    refused('__proto__ twice',
            call('"name":"safe","arguments":{"__proto__":1,"__proto__":2}'),
            400, -32600, id => 1);
    allowed('equal keys of different objects',
            call('"name":"safe","arguments":{"a":{"x":1},"b":{"x":1}}'));
};

subtest 'escaped spelling' => sub {
    allowed('of an allowed tool', call('"n\u0061me":"s\u0061fe"'));
    allowed('of the method', '{"jsonrpc":"2.0","id":1,'
            . '"m\u0065thod":"tools\/call","params":{"name":"safe"}}');
    denied('of a forbidden tool', call('"n\u0061me":"d\u0061nger"'),
           uri => '/lax');
    denied('of the method and a forbidden tool', '{"jsonrpc":"2.0","id":1,'
           . '"m\u0065thod":"tools\/call","params":{"name":"danger"}}',
           uri => '/lax');
};

subtest 'case variants of protocol keys' => sub {
    for my $key ('Name', 'NAME', 'Arguments', 'URI', '_Meta',
                 "ta\x{17f}k", "tas\x{212a}", 'tas\u212a', 'argument\u017f')
    {
        refused('params ' . encode('UTF-8', $key),
                call('"name":"safe","' . encode('UTF-8', $key)
                     . '":"danger"'), 400, -32600, id => 1, uri => '/lax');
    }

    refused('METHOD', '{"jsonrpc":"2.0","id":1,"method":"ping",'
            . '"METHOD":"tools/call"}', 400, -32600, id => 1);
    refused('param' . "\\u017f", '{"jsonrpc":"2.0","id":1,"method":"ping",'
            . '"param\u017f":{"name":"danger"}}', 400, -32600, id => 1);
    refused('in _meta', call('"name":"safe","_meta":{'
            . '"IO.modelcontextprotocol/protocolVersion":"2026-07-28"}'),
            400, -32600, id => 1);
    allowed('but not inside arguments, whose keys are the tool\'s',
            call('"name":"safe","arguments":{"Name":"x","METHOD":"y"}'));
};

subtest 'U+0000' => sub {
    refused('in a key', call('"name\u0000":"danger","name":"safe"'), 400,
            -32600, id => 1);
    refused('in the tool name', call('"name":"safe\u0000danger"'), 400,
            -32600, id => 1);
    refused('in the method', '{"jsonrpc":"2.0","id":1,'
            . '"method":"ping\u0000"}', 400, -32600, id => 1);
    refused('in the id', '{"jsonrpc":"2.0","id":"a\u0000",'
            . '"method":"ping"}', 400, -32600);
    refused('raw', "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\0",
            400, -32700);
    allowed('in a value that no condition looks at',
            call('"name":"safe","arguments":{"a":"x\u0000y"}'));
};

subtest 'unknown members and hybrids' => sub {
    refused('unknown member', '{"jsonrpc":"2.0","id":1,"method":"ping",'
            . '"extra":1}', 400, -32600, id => 1);
    refused('method and result', '{"jsonrpc":"2.0","id":1,'
            . '"method":"tools/call","params":{"name":"danger"},'
            . '"result":{}}', 400, -32600, id => 1);
    refused('method and error', '{"jsonrpc":"2.0","id":1,'
            . '"method":"tools/call","params":{"name":"danger"},'
            . '"error":{"code":1,"message":"x"}}', 400, -32600, id => 1);
    refused('neither', '{"jsonrpc":"2.0","id":1}', 400, -32600, id => 1);
    refused('jsonrpc 1.0', '{"jsonrpc":"1.0","id":1,"method":"ping"}', 400,
            -32600, id => 1);
    refused('jsonrpc as a number', '{"jsonrpc":2.0,"id":1,"method":"ping"}',
            400, -32600, id => 1);
    refused('no jsonrpc', '{"id":1,"method":"ping"}', 400, -32600, id => 1);
    refused('a string', '"tools/call"', 400, -32600);
    refused('null', 'null', 400, -32600);
};

subtest 'arrays' => sub {
    my $pair = "[$safe," . tool_call('danger', {}, id => 2) . ']';

    refused('under a version without batches', "[$safe]", 400, -32600);
    refused('empty', '[]', 400, -32600, headers => $old);
    refused('nested', "[[$safe]]", 400, -32600, headers => $old);
    refused('of no objects', "[1,$safe]", 400, -32600, headers => $old);
    refused('initialize inside', '[' . rpc('initialize', {}) . ']', 400,
            -32600, headers => $old);
    refused('requests and responses', "[$safe,"
            . '{"jsonrpc":"2.0","id":9,"result":{}}]', 400, -32600,
            headers => $old);
    refused('one id twice', "[$safe,$safe]", 400, -32600, headers => $old);
    refused('too many', '[' . join(',', map { tool_call('safe', {}, id => $_) }
            1 .. 17) . ']', 400, -32600, headers => $old);
    allowed('every element allowed', "[$safe,"
            . tool_call('safe', {}, id => 2) . ']', headers => $old);
    allowed('without a version header', "[$safe]", headers => []);

    $upstream->clear();
    my $response = $t->post($pair, headers => $old);
    my $answers = $response->json;

    is(ref $answers, 'ARRAY', 'an array answers an array');
    is($answers->[0]{error}{code}, -31003, 'the innocent is told why');
    is($answers->[1]{error}{code}, -32602, 'the refused too');
    is($upstream->count, 0, 'nothing of it reached the server');
};

subtest 'encodings' => sub {
    refused('byte order mark', "\xef\xbb\xbf$safe", 400, -32700);
    refused("$_", encode($_, $safe), 400, -32700)
        for 'UTF-16LE', 'UTF-16BE', 'UTF-16', 'UTF-32LE', 'UTF-32BE';
    refused('overlong', call("\"name\":\"safe\",\"arguments\":{\"a\":\"\xc0"
            . "\xaf\"}"), 400, -32700);
    refused('surrogate bytes', call("\"name\":\"safe\",\"arguments\":{"
            . "\"a\":\"\xed\xa0\x80\"}"), 400, -32700);
    refused('beyond U+10FFFF', call("\"name\":\"safe\",\"arguments\":{"
            . "\"a\":\"\xf4\x90\x80\x80\"}"), 400, -32700);
    refused('a cut sequence', call("\"name\":\"safe\",\"arguments\":{"
            . "\"a\":\"\xe2\x82\"}"), 400, -32700);
    refused('unpaired surrogate in the tool name',
            call('"name":"safe\ud800"'), 400, -32600, id => 1);
    refused('unpaired surrogate in a key',
            call('"name":"safe","a\udc00":1'), 400, -32600, id => 1);
    allowed('unpaired surrogate in a value nobody looks at',
            call('"name":"safe","arguments":{"a":"\ud800"}'), status => 202);
    allowed('well-formed text', call("\"name\":\"safe\",\"arguments\":{"
            . "\"a\":\"\xe2\x82\xac \xf0\x9f\x98\x80 \\ud83d\\ude00\"}"));
};

subtest 'content type and encoding' => sub {
    for my $type ('text/plain', 'text/plain; x=application/json',
                  'application/json; charset=utf-16le',
                  'application/json; charset=utf-7',
                  'application/json; charset=utf-8; charset=utf-16',
                  'application/jsonx', 'application/json,text/plain', '')
    {
        refused("\"$type\"", $safe, 415, -32600,
                headers => [ @$version, 'Content-Type' => $type ]);
    }

    refused('two lines', $safe, 415, -32600,
            headers => [ @$version, 'Content-Type' => 'application/json',
                         'Content-Type' => 'text/plain' ]);
    refused('none', $safe, 415, -32600, bare => 1,
            headers => [ @$version, Host => 'localhost', Connection => 'close',
                         'Content-Length' => length $safe ]);
    refused("beside $_->[0]", $safe, 415, -32600,
            headers => [ @$version, @$_ ])
        for [ Content_Type => 'text/plain' ], [ Content_Encoding => 'gzip' ];
    refused("Content-Encoding: $_", $safe, 415, -32600,
            headers => [ @$version, 'Content-Encoding' => $_ ])
        for 'gzip', 'deflate', 'br', 'identity, gzip', 'x';

    for my $type ('APPLICATION/JSON', 'application/json; charset=UTF-8',
                  'application/json;charset="utf-8"')
    {
        allowed($type, $safe, headers => [ 'Content-Type' => $type ]);
        is($upstream->last->header('Content-Type'), $type,
           'it goes on as it came');
    }

    allowed('Content-Encoding: identity', $safe,
            headers => [ 'Content-Encoding' => 'identity' ]);
};

subtest 'not JSON' => sub {
    my %bodies = (
        'two values' => $safe . tool_call('danger'),
        'trailing garbage' => "$safe;",
        'NaN' => call('"name":"safe","arguments":{"a":NaN}'),
        'Infinity' => call('"name":"safe","arguments":{"a":-Infinity}'),
        'a comment' => call('"name":"safe"/* x */'),
        'a leading zero' => call('"name":"safe","arguments":{"a":01}'),
        'a plus sign' => call('"name":"safe","arguments":{"a":+1}'),
        'hexadecimal' => call('"name":"safe","arguments":{"a":0x1}'),
        'a raw control character'
            => call("\"name\":\"safe\",\"arguments\":{\"a\":\"\n\"}"),
        'single quotes' => "{'jsonrpc':'2.0'}",
        'a trailing comma' => call('"name":"safe",'),
        'a cut body' => substr($safe, 0, -1),
        'nothing' => '',
        'white space' => "  \n",
        'too deep' => call('"name":"safe","arguments":'
                           . '{"a":' . '[' x 62 . ']' x 62 . '}'),
        'far too deep' => '[' x 100_000,
        'a form feed outside' => "\f$safe",
    );

    refused($_, $bodies{$_}, 400, -32700) for sort keys %bodies;

    allowed('as deep as permitted',
            call('"name":"safe","arguments":{"a":' . '[' x 61 . ']' x 61
                 . '}'));
    allowed('numbers that no double holds',
            call('"name":"safe","arguments":{"a":1e400,"b":-0,'
                 . '"c":12345678901234567890}'));
    refused('an endless number', call('"name":"safe","arguments":{"a":'
            . '1' x 2000 . '}'), 400, -32700);
};

subtest 'ids' => sub {
    refused("id $_", "{\"jsonrpc\":\"2.0\",\"id\":$_,\"method\":\"ping\"}",
            400, -32600)
        for 'null', 'true', '1.5', '1.0', '1e0', '{}', '[]', '-0',
            '9007199254740992', '-9007199254740992', '"' . 'x' x 257 . '"';

    for my $id ('0', '""', '"1"', '"\u0061"', '-1', '9007199254740991',
                '"' . 'x' x 256 . '"')
    {
        $upstream->clear();

        my $response = $t->post("{\"jsonrpc\":\"2.0\",\"id\":$id,"
            . '"method":"tools/call","params":{"name":"nope"}}');

        like($response->body, qr/^\{"jsonrpc":"2\.0","id":\Q$id\E,/,
             'id ' . substr($id, 0, 20) . ' is echoed byte for byte');
        is($upstream->count, 0, 'and the call is refused');
    }

    refused('a call without an id', '{"jsonrpc":"2.0",'
            . '"method":"tools/call","params":{"name":"safe"}}', 400, -32600);
    refused('a notification with one', '{"jsonrpc":"2.0","id":1,'
            . '"method":"notifications/initialized"}', 400, -32600, id => 1);
    allowed('a notification', '{"jsonrpc":"2.0",'
            . '"method":"notifications/initialized"}', status => 202);
};

subtest 'methods are compared byte for byte' => sub {
    denied($_, rpc($_, { name => 'safe' }))
        for 'TOOLS/CALL', 'tools/call ', ' tools/call', 'tools//call',
            'tools/Call', 'vendor/run', 'tasks/list';
    allowed('an unknown method under default allow', rpc('vendor/run', {}),
            uri => '/lax');
};

subtest 'shapes of params' => sub {
    my %params = (
        'an array' => '[]', 'a string' => '"safe"', 'null' => 'null',
        'no name' => '{}', 'an empty name' => '{"name":""}',
        'a number as name' => '{"name":5}',
        'null arguments' => '{"name":"safe","arguments":null}',
        'an array of arguments' => '{"name":"safe","arguments":[]}',
        'a string of arguments' => '{"name":"safe","arguments":"{}"}',
        '_meta an array' => '{"name":"safe","_meta":[]}',
        'task a string' => '{"name":"safe","task":"x"}',
    );

    refused($_, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
            . "\"params\":$params{$_}}", 400, -32600, id => 1,
            uri => '/lax') for sort keys %params;
    allowed('unknown members of params pass',
            call('"name":"safe","x":{"y":1},"inputResponses":{},'
                 . '"requestState":"s"'));
};

subtest 'prototype keys are ordinary names' => sub {
    denied("a tool called $_", tool_call($_))
        for '__proto__', 'constructor', 'toString';
    allowed('as arguments', call('"name":"safe","arguments":'
            . '{"__proto__":1,"constructor":2}'));
};

subtest 'look-alike names under default allow' => sub {
    denied($_->[0], tool_call($_->[1]), uri => '/lax')
        for [ 'Cyrillic' => "d\x{430}nger" ],
            [ 'zero width' => "danger\x{200b}" ],
            [ 'decomposed' => "da\x{301}nger" ],
            [ 'trailing blank' => 'danger ' ],
            [ 'too long' => 'x' x 129 ];
    denied('another case is another tool, refused only if a rule says so',
           tool_call('delete_x'), uri => '/lax');
    allowed('an ordinary name', tool_call('Other.tool/x-1'), uri => '/lax');
};

subtest 'task-augmented calls' => sub {
    $upstream->clear();

    my $body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
               . '{"name":"tasky","task":{"ttl":1000}}}';
    my $json = $t->post($body, headers => $version)->json;

    is($json->{error}{code}, -31001, 'refused as an error, not a result');
    is($upstream->count, 0, 'nothing reached the server');

    allowed('an allowed tool', call('"name":"safe","task":{"ttl":1}'));

    for my $method (qw{ tasks/get tasks/result tasks/cancel tasks/update }) {
        denied("$method of an unknown task", rpc($method,
               { taskId => 'unknown' }));
    }
};

subtest 'resources' => sub {
    my $read = sub { rpc('resources/read', { uri => $_[0] }) };

    allowed('inside', $read->('file:///srv/a/b'));
    denied($_, $read->($_))
        for 'file:///etc/passwd', 'file:///srv/../etc/passwd',
            'file:///srv/%2e%2e/etc/passwd', 'file:///srv/.%2E/x',
            'file:///srv/./x', 'FILE:///srv/a';
    denied("under default allow $_", $read->($_), uri => '/lax')
        for 'file:///etc/passwd', 'file:///%65tc/passwd', 'FILE:///etc/x',
            'file:///%2565tc/x', 'file:////etc/x', 'file:///etc%2fx',
            'file:///srv//x', 'file:///srv/x?', 'file:///srv/x#y',
            'file:///srv/x%00', 'file:///srv/x/';
    allowed('under default allow another', $read->('file:///a%20b'),
            uri => '/lax');
    denied('subscribe is judged as reading',
           rpc('resources/subscribe', { uri => 'file:///etc/passwd' }));
    denied('one of many in subscriptions/listen', rpc(
           'subscriptions/listen', { notifications => {
               resourceSubscriptions => [ 'file:///srv/a',
                                          'file:///etc/passwd' ] } }));
};

subtest '2026-07-28: headers and body' => sub {
    my $body = tool_call('safe', {}, meta => modern());
    my $other = tool_call('danger', {}, meta => modern());
    my @headers = @{ modern_headers('tools/call', 'safe') };
    my $without = sub {
        my ($drop) = @_;
        my @kept;
        for (my $i = 0; $i < @headers; $i += 2) {
            push @kept, @headers[$i, $i + 1] unless $headers[$i] eq $drop;
        }
        return \@kept;
    };

    allowed('as it should be', $body, headers => \@headers);
    refused('another name in the header', $other, 400, -32020, id => 1,
            headers => \@headers, uri => '/lax');
    refused('another method in the header', $body, 400, -32020, id => 1,
            headers => modern_headers('tools/list', 'safe'));
    refused("without $_", $body, 400, -32020, id => 1,
            headers => $without->($_)) for 'Mcp-Method', 'Mcp-Name';
    refused('a legacy header with a modern body', $body, 400, -32020,
            id => 1);
    refused('no header with a modern body', $body, 400, -32020, id => 1,
            headers => []);
    refused('a modern header with a legacy body', $safe, 400, -32602,
            id => 1, headers => \@headers);
    refused('two Mcp-Name lines', $body, 400, -32020, id => 1,
            headers => [ @headers, 'Mcp-Name' => 'safe' ]);
    refused('two version lines', $body, 400, -32020, id => 1,
            headers => [ @headers, 'MCP-Protocol-Version' => '2025-11-25' ]);
    refused("beside $_", $body, 400, undef, id => 1,
            headers => [ @headers, $_ => 'danger' ])
        for qw/ Mcp_Name Mcp-Name MCP_Protocol-Version Mcp_Session_Id /;
    allowed('headers with underscores reach the server', $body,
            headers => [ @headers, 'Mcp-Param-tenant_id' => 'x' ]);
    is($upstream->last->header('Mcp-Param-tenant_id'), 'x', 'unchanged');
    denied('a method of older revisions is unknown',
           rpc('resources/subscribe', { _meta => modern() }), status => 404,
           headers => modern_headers('resources/subscribe'));
    allowed('and passes as such', rpc('resources/subscribe',
            { _meta => modern() }), uri => '/lax',
            headers => modern_headers('resources/subscribe'));
    denied('with a URI it is judged all the same',
           rpc('resources/subscribe', { uri => 'file:///etc/passwd',
                                        _meta => modern() }), uri => '/lax',
           headers => modern_headers('resources/subscribe'));
    is_deeply($t->post($body, headers => [ 'MCP-Protocol-Version' =>
                                           '2027-01-01' ])
                ->json->{error}{data},
              { supported => [ '2026-07-28' ], requested => '2027-01-01' },
              'what is supported of its kind');
    is(scalar @{ $t->post($safe, headers => [ 'MCP-Protocol-Version' =>
                                              '2020-01-01' ])
                   ->json->{error}{data}{supported} }, 5,
       'a legacy body learns of all');
    refused('an unknown version', $safe, 400, -32022, id => 1,
            headers => [ 'MCP-Protocol-Version' => '2027-01-01' ]);
    refused('another case of the name', $body, 400, -32020, id => 1,
            headers => modern_headers('tools/call', 'SAFE'));
    refused('bytes outside ASCII in the name', $body, 400, -32020, id => 1,
            headers => modern_headers('tools/call', "s\xc3\xa4fe"));
    allowed('the name in Base64', $body, headers => modern_headers(
            'tools/call', '=?base64?c2FmZQ==?='));
    refused("sentinel $_", $body, 400, -32020, id => 1,
            headers => modern_headers('tools/call', $_))
        for '=?base64?c2FmZR==?=', '=?base64?c2FmZQ?=', '=?base64?=',
            '=?base64?c2Fm ZQ==?=', '=?BASE64?c2FmZQ==?=',
            '=?base64?ZGFuZ2Vy?=';
    allowed('blanks around the value', $body, headers => modern_headers(
            'tools/call', " \tsafe\t "));
    refused('initialize', rpc('initialize', { _meta => modern() }), 404,
            -32601, id => 1, headers => modern_headers('initialize'));
    refused('a posted response', '{"jsonrpc":"2.0","id":1,"result":{}}', 400,
            -32600, headers => modern_headers('x'));
    refused('a batch', "[$body]", 400, -32600, headers => \@headers);
    allowed('a notification without Mcp-Method', '{"jsonrpc":"2.0",'
            . '"method":"notifications/cancelled","params":{"requestId":1}}',
            status => 202,
            headers => [ 'MCP-Protocol-Version' => '2026-07-28' ]);
    allowed('params.task is ignored there',
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{'
            . '"name":"safe","task":{},"_meta":{'
            . '"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
            . '"io.modelcontextprotocol/clientCapabilities":{}}}}',
            headers => \@headers);
};

subtest 'legacy: the headers of 2026-07-28 mean nothing' => sub {
    denied('Mcp-Name does not make a call safe', tool_call('danger'),
           headers => [ @$version, 'Mcp-Name' => 'safe',
                        'Mcp-Method' => 'tools/call' ], uri => '/lax');
    allowed('nor does it spoil one', $safe,
            headers => [ @$version, 'Mcp-Name' => 'danger' ]);
};

# Variables are of one message, whatever is said in the others.
subtest 'variables in a batch' => sub {
    my $messages = sub {
        my $id = 0;
        return '[' . join(',', map {
            tool_call($_->[0], { q => $_->[1] }, id => ++$id) } @_) . ']';
    };

    allowed("$_->[0] alone", tool_call($_->[0], { q => $_->[1] }))
        for [ asked => 'good' ], [ mapped => 'fine' ], [ metered => 'a' ];
    denied("$_->[0] alone", tool_call($_->[0], { q => $_->[1] }))
        for [ asked => 'fine' ], [ mapped => 'bad' ], [ metered => 'a' ];
    allowed("$_->[0] in a batch of one", $messages->($_), headers => $old)
        for [ asked => 'good' ], [ mapped => 'fine' ], [ metered => 'b' ];

    for ([ asked => 'fine' ], [ mapped => 'bad' ], [ metered => 'a' ]) {
        refused_batch("$_->[0] behind another", $messages->(
                      [ safe => $_->[0] eq 'asked' ? 'good' : 'x' ], $_));
        refused_batch("$_->[0] before another", $messages->(
                      $_, [ safe => 'good' ]));
    }

    allowed('a caller by an argument', tool_call('counted', { q => 'x' }),
            uri => '/argument');
    refused_batch('is none in a batch', $messages->(
                  [ safe => 'y' ], [ counted => 'x' ]), uri => '/argument');

    # A map is remembered over an internal redirect.
    denied('mapped alone, in another location',
           tool_call('mapped', { q => 'bad' }), uri => '/hop');
    refused_batch('mapped behind another there', $messages->(
                  [ safe => 'fine' ], [ mapped => 'bad' ]), uri => '/hop');

    allowed('which others do not mind', $messages->(
            [ safe => 1 ], [ safe => 2 ]), uri => '/argument', headers => $old);
};

# What servers take for the same credentials is the same caller here.
subtest 'spellings of credentials' => sub {
    my $counted = tool_call('counted');

    for my $uri ('/mcp', '/own') {
        my @options = (uri => $uri);

        allowed("one call at $uri", $counted, uri => $uri,
                headers => [ Authorization => 'Bearer token' ]);
        denied("another as $_", $counted, uri => $uri,
               headers => [ Authorization => "$_ token" ])
            for 'Bearer', 'bearer', 'BEARER', 'bEaReR';
        refused("another as " . escaped($_), $counted, 400, -32600, @options,
                headers => [ Authorization => $_ ])
            for "Bearer token\t", "Bearer token \t ", "\tBearer token",
                "Bearer token\x0b", 'Bearer  token', "Bearer\ttoken",
                "Bearer \ttoken";
        allowed('another token', $counted, uri => $uri,
                headers => [ Authorization => 'bearer Token' ]);
        is($upstream->last->header('Authorization'), 'Bearer Token',
           'gets the scheme as it is known');
    }

    for ('token', 'token two', 'x-Own a', 'Basic dXNlcjpwYXNz') {
        allowed("as it is: $_", $counted, headers => [ Authorization => $_ ]);
        is($upstream->last->header('Authorization'), $_, 'not changed');
    }

    allowed('a key', tool_call('keyed'), headers => [ 'X-Key' => 'k' ]);
    denied('the same', tool_call('keyed'), headers => [ 'X-Key' => ' k ' ]);
    refused('another spelling', tool_call('keyed'), 400, -32600,
            headers => [ 'X-Key' => "k\t" ]);
};

subtest 'other doors' => sub {
    for my $method (qw/ PUT PATCH PROPFIND MOVE BREW /) {
        $upstream->clear();
        my $response = $t->request($method, '/mcp', body => $safe);
        like($response->status, qr/^40[05]$/, "$method is refused");
        is($upstream->count, 0, 'and not forwarded');
    }

    is($t->request('PUT', '/mcp')->header('Allow'),
       'POST, GET, HEAD, DELETE, OPTIONS', 'Allow lists the methods');

    for my $method (qw/ GET DELETE OPTIONS /) {
        $upstream->clear();
        is($t->request($method, '/mcp', body => $safe)->status, 400,
           "$method with a body is refused");
        is($upstream->count, 0, 'and not forwarded');

        is($t->request($method, '/mcp')->status, 200, "$method passes");
        is($upstream->count, 1, 'and is forwarded');
    }

    $upstream->clear();
    is($t->get('/mcp', headers => [ Connection => 'upgrade, close',
                                    Upgrade => 'websocket' ])->status, 400,
       'Upgrade is refused');
    is($t->get('/mcp', headers => [ 'Mcp-Session-Id' => "a b" ])->status,
       400, 'a session id must be visible ASCII');
    is($t->get('/mcp', headers => [ 'MCP-Protocol-Version' => 'x' ])->status,
       400, 'GET: the version is checked too');
    is($upstream->count, 0, 'none was forwarded');
};

subtest 'bodies are judged whole' => sub {
    my $big = tool_call('safe', { text => 'x' x 200_000 });

    allowed('from a temporary file', $big);
    allowed('chunked', $safe, chunked => 7);
    allowed('chunked, from a file', $big, chunked => 10_000);
    denied('a forbidden call at the end of a file',
           '{"params":{"arguments":{"text":"' . 'x' x 200_000
           . '"},"name":"danger"},"jsonrpc":"2.0","id":1,'
           . '"method":"tools/call"}', uri => '/lax');
    refused('too large', tool_call('safe', { text => 'x' x (9 << 20) }), 413,
            -32600);
    refused('too large, chunked', tool_call('safe',
            { text => 'x' x (9 << 20) }), 413, -32600, chunked => 65_536);
};

done_testing();
