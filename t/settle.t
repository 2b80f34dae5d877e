#!/usr/bin/perl

# mcp_refund: a call that came to nothing is not counted, and nothing else is
# given back.  Of a limit of 2 a caller first uses 1; then a call is made
# whose charge stands or not, so that 0 or 1 remain, never 2.  What remains is
# counted at the server.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MCPTest;

my $json = JSON::PP->new->utf8->canonical;

my $t = MCPTest->new(timeout => 120);

my $sorry = '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"sorry"}}';

$t->write_file('sorry.json', $sorry);
$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 1;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy shop { tool buy sell look { limit 2/day; } }
    mcp_policy other { tool buy { limit 2/day; } }
    mcp_policy closed { tool look { } }

    upstream dead { server 127.0.0.1:8089 down; }
    upstream pair {
        server 127.0.0.1:8081 max_fails=0;
        server 127.0.0.1:8082 max_fails=0 backup;
    }

    upstream stuck {
        server 127.0.0.1:8081 max_fails=0;
        server 127.0.0.1:8091 max_fails=0 backup;
    }

    server {
        listen 127.0.0.1:8080;
        mcp_enforce shop;
        mcp_grant $http_x_user;
        proxy_http_version 1.1;
        proxy_set_header Connection "";

        location /mcp { proxy_pass http://127.0.0.1:8081; }
        location /plain {
            proxy_buffering off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /tool {
            mcp_refund tool_error;
            proxy_pass http://127.0.0.1:8081;
        }
        location /off {
            mcp_refund off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /off_down {
            mcp_refund off;
            proxy_pass http://127.0.0.1:8089;
        }
        location /sse {
            mcp_transport sse;
            proxy_pass http://127.0.0.1:8081;
        }
        location /down { proxy_pass http://127.0.0.1:8089; }
        location /dead { proxy_pass http://dead; }
        location /slow {
            proxy_read_timeout 300ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /resolve {
            set $backend backend.example;
            resolver 127.0.0.1:8090 ipv6=off;
            proxy_pass http://$backend:1;
        }
        location /pair {
            proxy_next_upstream error http_500 http_429 non_idempotent;
            proxy_pass http://pair;
        }
        location /connect { proxy_pass http://127.0.0.1:8091; }
        location /stuck {
            proxy_next_upstream error http_500 non_idempotent;
            proxy_pass http://stuck;
        }
        location /to_server {
            error_page 502 = @server;
            proxy_pass http://127.0.0.1:8089;
        }
        location @server { proxy_pass http://127.0.0.1:8081; }
        location /to_dead {
            error_page 502 = @dead;
            proxy_pass http://127.0.0.1:8089;
        }
        location @dead { proxy_pass http://dead; }
        location /to_page {
            error_page 502 =200 /sorry.json;
            proxy_pass http://127.0.0.1:8089;
        }
        location /intercept {
            proxy_intercept_errors on;
            error_page 404 500 =200 /sorry.json;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /sorry.json {
            mcp_enforce off;
            default_type application/json;
        }
        location /to_other {
            error_page 502 = @other;
            proxy_pass http://127.0.0.1:8089;
        }
        location @other {
            mcp_enforce other;
            proxy_pass http://127.0.0.1:8081;
        }
        location /other {
            mcp_enforce other;
            proxy_pass http://127.0.0.1:8081;
        }
        location /to_closed {
            error_page 502 = @closed;
            proxy_pass http://127.0.0.1:8089;
        }
        location @closed {
            mcp_enforce closed;
            proxy_pass http://127.0.0.1:8081;
        }
        location /accel { proxy_pass http://127.0.0.1:8081; }
        location /inner {
            internal;
            proxy_pass http://127.0.0.1:8089;
        }
        location /try { try_files /nothing @closed; }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $backup = $t->upstream(8082);

my $dns = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp',
                                LocalPort => $t->port(8090));

# A server that takes no more connections: its queue is full.
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp',
                                 LocalPort => $t->port(8091), Listen => 1);
my @queue = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', Proto => 'tcp',
                          PeerPort => $t->port(8091), Blocking => 0)
} 1 .. 8;

$t->run();

my $user = 'user0';

my $error = error(1);
my $tool_error = '{"jsonrpc":"2.0","id":1,"result":{"content":[],'
    . '"isError":true}}';


sub error {
    my ($id) = @_;
    return "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32603,"
        . '"message":"no"}}';
}


sub post {
    my ($body, %options) = @_;
    return $t->post($body, headers => [ 'X-User' => $user ], %options);
}


sub call { post(tool_call($_[0] || 'buy'), uri => $_[1] || '/mcp') }


# How many more calls reach the server.
sub left {
    my ($tool, $uri) = @_;

    my $before = $upstream->count();

    for (1 .. 3) {
        my $count = $upstream->count();
        call($tool, $uri);
        last if $upstream->count() == $count;
    }

    return $upstream->count() - $before;
}


# A new caller, of whose budget one is used.
sub caller_is_new {
    $user++;
    call($_) for @_ ? @_ : 'buy';
}


sub stands {
    my ($name, $check) = @_;

    caller_is_new();
    $check->();
    is(left(), 0, "charged: $name");
}


sub refunded {
    my ($name, $check) = @_;

    caller_is_new();
    $check->();
    is(left(), 1, "given back: $name");
}


# The server gives these bytes for a body.
sub answers {
    my ($body, %options) = @_;

    return sub {
        $upstream->respond($options{status} || 200, %options, body => $body);
        my $response = call('buy', $options{uri});
        is($response->body, $body, '... which is passed on as it was')
            unless $options{other};
    };
}


sub sse { return (type => 'text/event-stream', body => "data: $_[0]\n\n") }


subtest 'configuration' => sub {
    my $conf = sub { "%%TEST_GLOBALS%%\nevents { }\nhttp { $_[0] }" };

    for my $value (qw/ error tool_error off /) {
        my ($good) = $t->test_config($conf->("mcp_refund $value;"));
        ok($good, $value);
    }

    my %wrong = (
        'mcp_refund;' => qr/invalid number of arguments in "mcp_refund"/,
        'mcp_refund all;' => qr/invalid value "all"/,
        'mcp_refund off; mcp_refund off;' => qr/"mcp_refund" directive is duplicate/,
        'mcp_policy p { mcp_refund off; }' => qr/"mcp_refund" directive is not allowed here/,
    );

    for my $directive (sort keys %wrong) {
        like(scalar $t->test_config($conf->($directive)),
             $wrong{$directive}, $directive);
    }
};


subtest 'no server' => sub {
    refunded('connection refused', sub {
        is(call('buy', '/down')->status, 502, 'status 502');
    });
    refunded('no live upstreams', sub {
        is(call('buy', '/dead')->status, 502, 'status 502');
    });
    refunded('cut off before an answer', sub {
        $upstream->reply('', close => 1);
        is(call()->status, 502, 'status 502');
    });
    refunded('no answer in time', sub {
        $upstream->hold();
        is(call('buy', '/slow')->status, 504, 'status 504');
        $upstream->hold(0);
    });
    stands('off', sub {
        is(call('buy', '/off_down')->status, 502, 'status 502');
    });
};


subtest 'statuses' => sub {
    for my $status (qw/ 500 502 503 504 /) {
        refunded($status, answers('{"x":1}', status => $status));
        refunded("$status as text", answers('no', status => $status,
                                            type => 'text/plain'));
    }

    for my $status (qw/ 400 401 403 404 429 /) {
        stands($status, answers('{"x":1}', status => $status));
        refunded("$status with an error",
                 answers($error, status => $status));
    }

    refunded('an error without id', answers(
        '{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}',
        status => 400));
    refunded('an error with an id of its own',
             answers(error('"server-error"'), status => 400));
    refunded('an error with null for an id', answers(error('null')));
    stands('no object', answers('{"id":1,"error":"not found"}',
                                status => 404));
    stands('202', answers('', status => 202));
    stands('off', answers('{"x":1}', status => 500, uri => '/off'));
};


subtest 'JSON' => sub {
    stands('a result', answers('{"jsonrpc":"2.0","id":1,"result":{}}'));
    refunded('an error', answers($error));
    refunded('an error without buffering', answers($error, uri => '/plain'));
    refunded('an error in other spellings', answers(
        "\n{ \"\\u0065rror\" : {\"code\":1} ,\t\"id\": 1 } \r\n"));
    refunded('chunked', answers($error, chunked => 1));
    refunded('with a charset', answers($error,
                                type => 'application/json; charset=utf-8'));
    stands('for another id', answers(error(2)));
    stands('for another type of id', answers(error('"1"')));
    stands('error and result', answers(
        '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}'));
    stands('twice an error', answers(
        '{"id":1,"error":{"code":1},"error":{"code":1}}'));
    stands('a request', answers(
        '{"id":1,"method":"x","error":{"code":1}}'));
    stands('not JSON', answers('{"id":1,"error":{"code":01}}'));
    stands('not whole', answers('{"id":1,"error":{"code":1}'));
    stands('another type', answers($error, type => 'text/plain'));
    stands('compressed', answers($error,
                                 headers => [ 'Content-Encoding' => 'br' ]));
    stands('off', answers($error, uri => '/off'));

    stands('less than was promised', sub {
        $upstream->reply("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n"
            . "Content-Type: application/json\r\n\r\n"
            . substr($error, 0, -1), reset => 1);
        call();
    });
};


subtest 'ids' => sub {
    for my $case ([ '"a"', '"a"' ], [ '"a"', '"\\u0061"' ],
                  [ '"\\u00e9\\n"', '"\\u00E9\\u000a"' ], [ '""', '""' ],
                  [ '0', '0' ], [ '-7', '-7' ], [ '"' . 'x' x 256 . '"' ])
    {
        my ($id, $answered) = (@$case, @$case);

        refunded(substr("$id, $answered", 0, 40), sub {
            $upstream->respond(200, body => error($answered));
            post('{"jsonrpc":"2.0","method":"tools/call","id":' . $id
                 . ',"params":{"name":"buy"}}');
        });
    }
};


subtest 'isError' => sub {
    stands('error', answers($tool_error));
    stands('off', answers($tool_error, uri => '/off'));
    refunded('tool_error', answers($tool_error, uri => '/tool'));
    refunded('tool_error, a stream', sub {
        $upstream->respond(200, sse($tool_error));
        is(call('buy', '/tool')->body, "data: $tool_error\n\n", 'passed on');
    });

    refunded('an error under tool_error', answers($error, uri => '/tool'));
    stands('false', answers('{"id":1,"result":{"isError":false}}',
                            uri => '/tool'));
    stands('inside of something', answers(
        '{"id":1,"result":{"structuredContent":{"isError":true}}}',
        uri => '/tool'));
    stands('a text', answers('{"id":1,"result":{"isError":"true"}}',
                             uri => '/tool'));
    stands('twice', answers(
        '{"id":1,"result":{"isError":true,"isError":true}}', uri => '/tool'));
};


subtest 'large results in small pieces' => sub {
    my $text = 'text \\" "error": {\\n ' x 5000;
    $text =~ s/ "error"/ \\"error\\"/g;

    my $body = "{\"result\":{\"content\":[{\"text\":\"$text\"}],"
        . '"isError":true},"jsonrpc":"2.0","id":1}';

    my $chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n";

    for (my $at = 0; $at < length $body; $at += 97) {
        my $piece = substr($body, $at, 97);
        $chunked .= sprintf("%x\r\n%s\r\n", length $piece, $piece);
    }

    my $give = sub {
        my ($uri) = @_;
        return sub {
            $upstream->reply("${chunked}0\r\n\r\n");
            ok(call('buy', $uri)->body eq $body, 'passed on');
        };
    };

    stands('error', $give->('/mcp'));
    refunded('tool_error', $give->('/tool'));

    # through a temporary file
    my $large = '{"id":1,"error":{"data":"' . 'x' x 3_000_000 . '"}}';

    refunded('three megabytes', sub {
        $upstream->respond(200, body => $large);
        ok(call()->body eq $large, 'passed on');
    });
};


subtest 'streams' => sub {
    refunded('an error', sub {
        $upstream->respond(200, sse($error));
        is(call()->body, "data: $error\n\n", 'passed on');
    });
    refunded('over several lines, after other events', sub {
        $upstream->respond(200, type => 'text/event-stream', body =>
            ": hello\r\n\r\nid: 1\r\ndata:\r\n\r\n"
            . "data: {\"method\":\"notifications/progress\"}\r\n\r\n"
            . "data: not JSON\r\n\r\ndata: " . error(7) . "\r\n\r\n"
            . "data:{\"id\":1,\r\ndata: \"error\":\r\ndata:{\"code\":1}}\r\n"
            . "event: message\r\n\r\n");
        call();
    });
    refunded('in an array', sub {
        $upstream->respond(200, sse("[$error]"));
        call();
    });
    stands('of another type', sub {
        $upstream->respond(200, type => 'text/event-stream',
                           body => "event: error\ndata: $error\n\n");
        call();
    });
    stands('not terminated', sub {
        $upstream->respond(200, type => 'text/event-stream',
                           body => "data: $error\n");
        call();
    });
    stands('a result', sub {
        $upstream->respond(200, sse('{"id":1,"result":{}}'));
        call();
    });
    stands('a result before an error', sub {
        $upstream->respond(200, type => 'text/event-stream', body =>
            "data: [{\"id\":1,\"result\":{}}]\n\ndata: $error\n\n");
        call();
    });
    stands('a request of the server that has the same id', sub {
        $upstream->respond(200, sse('{"id":1,"method":"roots/list"}'));
        call();
    });
    stands('an error without id', sub {
        $upstream->respond(200, sse(error('null')));
        call();
    });
    stands('off', sub {
        $upstream->respond(200, sse($error));
        call('buy', '/off');
    });
};


# A call that the test answers step by step.
sub held {
    my ($uri, $steps) = @_;

    return sub {
        $upstream->clear()->hold();

        my $client = $t->connect();
        $client->send_request('POST', $uri, body => tool_call('buy'),
                              headers => [ 'X-User' => $user ]);

        $steps->($client, $upstream->next());
        $upstream->hold(0);
        $client->close();
    };
}


subtest 'reset in the middle of a stream' => sub {
    stands('before the answer', held('/mcp', sub {
        my ($client, $request) = @_;

        $request->sse()->event('{"method":"notifications/progress"}');
        $client->read_head();
        $client->read_event();
        $request->reset();
        is($client->read_event(), undef, 'the stream is over');
    }));
    stands('inside of the answer', held('/mcp', sub {
        my ($client, $request) = @_;

        $request->sse()->chunk("data: $error\n");
        $client->read_head();
        $client->body_piece();
        $request->reset();
        is($client->body_piece(), '', 'the stream is over');
    }));
    refunded('after the answer', held('/mcp', sub {
        my ($client, $request) = @_;

        $request->sse()->event($error);
        $client->read_head();
        $client->read_event();
        $request->reset();
        is($client->read_event(), undef, 'the stream is over');
    }));
    stands('after a result', held('/mcp', sub {
        my ($client, $request) = @_;

        $request->sse()->event('{"id":1,"result":{}}');
        $client->read_head();
        $client->read_event();
        $request->reset();
        is($client->read_event(), undef, 'the stream is over');
    }));
};


caller_is_new();
held('/mcp', sub {
    my ($client, $request) = @_;

    $request->sse()->event($error);
    $client->read_head();
    is($client->read_event()->{data}, $error, 'an error on an open stream');

    $upstream->hold(0);
    is(left(), 1, 'whoever has read it finds the charge given back');

    $request->event($error)->end();
    is($client->read_event()->{data}, $error, 'a second error');
    is(left(), 0, 'gives nothing more back');
})->();


subtest 'clients that go away' => sub {
    stands('after forwarding', held('/mcp', sub {
        my ($client, $request) = @_;

        $client->close();
        $request->wait_closed();
    }));
    stands('in the middle of a stream', held('/mcp', sub {
        my ($client, $request) = @_;

        $request->sse()->event('{"method":"notifications/progress"}');
        $client->read_head();
        $client->read_event();
        $client->close();
        $request->wait_closed();
    }));

    # until nginx tries to connect
    my $connects = sub {
        my %queued = map { $_->sockport() => 1 } @queue;
        my $port = sprintf(':%04X', $t->port(8091));

        ok($t->wait_until(sub {
            open(my $table, '<', '/proc/net/tcp') or return 0;
            grep { /: \S+:(\S+) \S+\Q$port\E 02 / && !$queued{hex $1} }
                <$table>;
        }), 'nginx connects');
    };

    my $goes = sub {
        my ($client) = @_;
        my $log = length $t->log();

        $client->close();
        $t->wait_until(sub {
            substr($t->log(), $log) =~ /prematurely closed connection/
        });
    };

    refunded('while connecting', sub {
        my $client = $t->connect();

        $client->send_request('POST', '/connect', body => tool_call('buy'),
                              headers => [ 'X-User' => $user ]);
        $connects->();
        is(left(), 0, 'it is charged');
        $goes->($client);
    });
    stands('while connecting, after one server had it', sub {
        my $client = $t->connect();

        $upstream->respond(500);
        $client->send_request('POST', '/stuck', body => tool_call('buy'),
                              headers => [ 'X-User' => $user ]);
        $connects->();
        $goes->($client);
    });

    for my $how (qw/ close reset /) {
        refunded("before forwarding, $how", sub {
            my $client = $t->connect();

            $client->send_request('POST', '/resolve',
                                  body => tool_call('buy'),
                                  headers => [ 'X-User' => $user ]);

            # nginx has asked for the address of the server
            IO::Select->new($dns)->can_read(10);
            $dns->recv(my $query, 512);
            is(left(), 0, 'it is charged');

            my $log = length $t->log();
            $client->$how();
            $t->wait_until(sub {
                substr($t->log(), $log) =~ /prematurely closed connection/
            });
        });
    }
};


subtest 'a worker that dies' => sub {
    stands('the charge', held('/mcp', sub { $t->kill_worker() }));
};


subtest 'batches' => sub {
    my @calls = ([ buy => '1' ], [ sell => '"x"' ], [ look => '3' ]);

    my $batch = '[' . join(',', map {
        '{"jsonrpc":"2.0","method":"tools/call","id":' . $_->[1]
        . ',"params":{"name":"' . $_->[0] . '"}}' } @calls) . ']';

    my $check = sub {
        my ($name, $uri, $answer, @expected) = @_;

        caller_is_new(qw/ buy sell look /);
        $upstream->respond(200, %$answer);
        is(post($batch, uri => $uri)->body, $answer->{body},
           "$name: passed on");
        is(join(' ', map { left($_->[0]) } @calls), "@expected", $name);
    };

    my $result = '{"id":1,"result":{"isError":true}}';

    $check->('one error', '/mcp',
             { body => "[$result," . error('"\\u0078"')
                     . ',{"id":3,"result":{}}]' }, 0, 1, 0);
    $check->('another order, one tool error', '/tool',
             { body => '[' . error(3) . ',{"method":"x"},{"id":"x","result":'
                     . "{}}, $result ]" }, 1, 0, 1);
    $check->('all', '/mcp',
             { body => '[' . join(',', error(1), error(3), error('"x"'))
                     . ']' }, 1, 1, 1);
    $check->('one answer is missing', '/mcp',
             { body => '[' . error(1) . ']' }, 1, 0, 0);
    $check->('two answers to one', '/mcp',
             { body => '[' . join(',', error(1), error(1), error(3)) . ']' },
             0, 0, 1);
    $check->('not whole', '/mcp',
             { body => '[' . error(1) . ',' }, 0, 0, 0);
    $check->('an error for all', '/mcp', { body => error('null') }, 1, 1, 1);
    $check->('an error for one', '/mcp', { body => error(3) }, 0, 0, 1);

    $check->('one by one on a stream', '/mcp',
             { type => 'text/event-stream', body =>
               "data: $result\n\n" . 'data: ' . error(3) . "\n\n"
               . "data: {\"id\":\"x\",\"result\":{}}\n\n" }, 0, 0, 1);
    $check->('twice on a stream', '/mcp',
             { type => 'text/event-stream', body =>
               'data: ' . error(3) . "\n\n" . 'data: ' . error(3) . "\n\n"
               . 'data: ' . error(1) . "\n\n" }, 1, 0, 1);
    $check->('together on a stream', '/mcp',
             { type => 'text/event-stream', body =>
               "data: [$result,\ndata: " . error('"x"') . "]\n\n"
               . 'data: ' . error(3) . "\n\n" }, 0, 1, 1);

    caller_is_new(qw/ buy sell look /);
    post($batch, uri => '/down');
    is(join(' ', map { left($_->[0]) } @calls), '1 1 1', 'no server');
};


subtest 'HTTP+SSE' => sub {
    stands('202', answers('', status => 202, uri => '/sse'));
    stands('an error that no client reads', answers($error, uri => '/sse'));
    refunded('500', answers('', status => 500, uri => '/sse', other => 1));
};


subtest 'error_page' => sub {
    stands('another server', sub {
        is(call('buy', '/to_server')->status, 200, 'status 200');
    });
    refunded('an error of another server', sub {
        $upstream->respond(200, body => $error);
        is(call('buy', '/to_server')->body, $error, 'passed on');
    });
    refunded('500 of another server', sub {
        $upstream->respond(500, body => 'x');
        is(call('buy', '/to_server')->status, 500, 'status 500');
    });
    refunded('no other server', sub {
        is(call('buy', '/to_dead')->status, 502, 'status 502');
    });
    refunded('a page', sub {
        my $response = call('buy', '/to_page');
        is($response->status . $response->body, "200$sorry", 'sent');
    });
    refunded('500 intercepted', sub {
        $upstream->respond(500, body => 'x');
        is(call('buy', '/intercept')->body, $sorry, 'sent');
    });
    stands('404 intercepted', sub {
        $upstream->respond(404, body => $error);
        is(call('buy', '/intercept')->body, $sorry, 'sent');
    });
    stands('a redirect of the server that leads to none', sub {
        $upstream->respond(200, body => 'x',
                           headers => [ 'X-Accel-Redirect' => '/inner' ]);
        is(call('buy', '/accel')->status, 502, 'status 502');
    });
};


subtest 'two policies' => sub {
    for my $case ([ 'a result', undef, 0 ], [ 'an error', $error, 1 ]) {
        my ($name, $body, $left) = @$case;

        caller_is_new();
        call('buy', '/other');
        $upstream->respond(200, body => $body) if $body;
        call('buy', '/to_other');
        is(left(), $left, "$name: the first policy");
        is(left('buy', '/other'), $left, "$name: the second one");
    }

    refunded('refused by the second one', sub {
        call('buy', '/to_closed');
    });
    refunded('refused before a server was asked', sub {
        call('buy', '/try');
    });
};


subtest 'proxy_next_upstream' => sub {
    my $both = sub { $upstream->count() + $backup->count() };
    my $before;

    stands('the second server has a result', sub {
        $before = $both->();
        $upstream->respond(500);
        is(call('buy', '/pair')->status, 200, 'status 200');
        is($both->() - $before, 2, 'two servers saw it');
    });
    refunded('the second server has an error', sub {
        $upstream->respond(500);
        $backup->respond(200, body => $error);
        is(call('buy', '/pair')->body, $error, 'passed on');
    });
    refunded('none has an answer', sub {
        $before = $both->();
        $upstream->respond(500);
        $backup->respond(500);
        is(call('buy', '/pair')->status, 500, 'status 500');
        is($both->() - $before, 2, 'two servers saw it');
    });
    stands('the first one did not fail', sub {
        $upstream->respond(429);
        $backup->respond(500);
        is(call('buy', '/pair')->status, 500, 'status 500');
    });
};


subtest 'HTTP/1.1 connections that are kept' => sub {
    my $client = $t->connect();

    $user++;

    for my $body ($error, $error, '{"id":1,"result":{}}', $error) {
        $upstream->respond(200, body => $body);
        $client->send_request('POST', '/mcp', body => tool_call('buy'),
                              headers => [ 'X-User' => $user ]);
        is($client->read_response()->body, $body, 'passed on');
    }

    is(left(), 1, 'errors are not counted');
};

done_testing();
