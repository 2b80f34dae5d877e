#!/usr/bin/perl

# approve wait=: calls that are held until a human decides, their time is
# over, or nobody waits any more.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP;
use MCPTest;
use MCPTest::Approvals qw/ outcome approval_id said /;
use Time::HiRes qw/ sleep time /;

my $json = JSON::PP->new->utf8->canonical;

my $t = MCPTest->new(timeout => 150);
my $people = MCPTest::Approvals->new($t);


sub conf {
    my (%options) = @_;

    my $zone = $options{zone} || 'default:1m';
    my $workers = $options{workers} || 2;
    my $globals = $options{globals} || '';
    my $h2 = `${\ $t->binary()} -V 2>&1` =~ /http_v2/
        ? "listen 127.0.0.1:8082 http2;" : '';

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes $workers;
$globals
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone $zone;
    mcp_audit_log %%TESTDIR%%/audit.log;

    mcp_policy shop {
        tool free { }
        tool pay { approve wait=1h ttl=1h; }
        tool short { approve wait=1s; }
        tool brief { approve wait=4s ttl=4s; }
        tool once { limit 1/day; approve wait=1h ttl=1h; }
        tool now { approve; }
        tool both {
            rule first { approve wait=1h ttl=1h; }
            rule second { approve; }
        }
    }

    log_format approvals '\$mcp_decision \$mcp_reason \$mcp_approval \$status';
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    server {
        listen 127.0.0.1:8080;
        $h2
        access_log %%TESTDIR%%/access.log approvals;
        mcp_grant \$http_x_user;
        client_body_buffer_size 1k;
        client_max_body_size 4m;

        location /mcp {
            mcp_enforce shop;
            proxy_pass http://127.0.0.1:8081;
        }

        location /connect {
            mcp_enforce shop;
            proxy_connect_timeout 2s;
            proxy_pass http://127.0.0.1:8091;
        }

        location /post {
            mcp_enforce shop;
            post_action \@post;
            proxy_pass http://127.0.0.1:8081;
        }

        location \@post {
            mcp_enforce shop;
            proxy_pass http://127.0.0.1:8081;
        }

        location /sse {
            mcp_enforce shop;
            mcp_transport sse;
            proxy_pass http://127.0.0.1:8081;
        }

        location /dry {
            mcp_enforce shop;
            mcp_dry_run on;
            proxy_pass http://127.0.0.1:8081;
        }

        location /admin/ {
            access_log off;
            mcp_admin;
        }

        location /status {
            access_log off;
            mcp_status;
        }
    }
}
CONF
}


$t->write_file_expand('nginx.conf', conf());

my $upstream = $t->upstream(8081);

# A server that takes no more connections: its queue is full.
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp',
                                 LocalPort => $t->port(8091), Listen => 1);
my @queue = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', Proto => 'tcp',
                          PeerPort => $t->port(8091), Blocking => 0)
} 1 .. 8;

$t->run();

my $user = 'ann';


# A call on a connection of its own that is not answered yet.
sub ask {
    my ($body, %options) = @_;

    my $client = $t->connect(port => $options{port});

    $client->send_request('POST', $options{uri} || '/mcp', body => $body,
                          headers => [ 'X-User' => $user ], %options);
    return $client;
}


sub lines {
    return map { $json->decode($_) } split(/\n/, $t->log('audit.log'));
}


# Lines of decisions on a tool.
sub decisions {
    my ($tool) = @_;
    return grep { !$_->{event} && ($_->{tool} || '') eq $tool } lines();
}


subtest 'approved' => sub {
    my $client = ask(tool_call('pay', { amount => 1 }));
    my ($id) = $people->wait_pending(1);

    is($upstream->count, 0, 'the call is held');
    is($people->show($id)->{tool}, 'pay', 'and somebody sees it');

    is($people->approve($id), 200, 'approved');
    is(outcome($client->read_response()), 'ok', 'the call goes on');
    is($upstream->count, 1, 'once');

    is(outcome($t->post(tool_call('now', { amount => 1 }),
                        headers => [ 'X-User' => $user ])),
       'approval_required', 'a rule without wait= does not hold');

    is($people->deny($people->wait_pending(1)), 200, 'that was another one');

    ok($t->wait_until(sub { decisions('pay') == 1 }), 'one line');
    my ($line) = decisions('pay');
    is($line->{decision}, 'allow', 'of the decision');
    is($line->{approval}, $id, 'with the approval');
    is($line->{status}, 200, 'and its answer');

    like($t->log('access.log'), qr/^allow  $id 200$/m, 'as the variables have it');
    like($t->log(), qr/\[info\].*mcp policy "shop": call is held, approval "$id"/, 'the log tells that it was held');
};


subtest 'the connection afterwards' => sub {
    my $client = $t->connect();

    # A second request lies behind the first one while that waits.
    my @options = (headers => [ 'X-User' => $user ]);
    my ($head, $body) = $client->request_bytes('POST', '/mcp', @options,
        body => tool_call('pay', { amount => 2 }));
    my ($more, $free) = $client->request_bytes('POST', '/mcp', @options,
        body => tool_call('free', {}, id => 2));

    $client->write($head . $body . $more . $free);

    my ($id) = $people->wait_pending(1);

    is($people->approve($id), 200, 'approved');
    is($client->read_response()->json->{id}, 1, 'answered');
    is($client->read_response()->json->{id}, 2, 'and what was sent behind it');

    $client->send_request('POST', '/mcp', @options,
                          body => tool_call('free', {}, id => 3));
    is($client->read_response()->json->{id}, 3, 'the connection is as good as ever');
};


subtest 'denied' => sub {
    $upstream->clear();

    my $client = ask(tool_call('pay', { amount => 3 }));
    my ($id) = $people->wait_pending(1);

    is($people->deny($id, reason => 'Ask Ben first.'), 200, 'denied');

    my $response = $client->read_response();

    is(outcome($response), 'approval_denied', 'the call is told');
    like($response->json->{result}{content}[0]{text}, qr/Ask Ben first\./, 'in the human\'s words');
    is($upstream->count, 0, 'it went nowhere');
};


subtest 'out of time' => sub {
    my $response = $t->post(tool_call('short', {}), headers => [ 'X-User' => $user ]);
    my ($id) = $people->wait_pending(1);

    is(outcome($response), 'approval_required', 'refused');
    is(approval_id($response), $id, 'with the record that stays');
    is($people->approve($id), 200, 'approved later');
    is(outcome($t->post(tool_call('short', {}), headers => [ 'X-User' => $user ])), 'ok', 'a retry passes without waiting');

    ok($t->wait_until(sub { decisions('short') == 2 }), 'a line for each');
    is((decisions('short'))[0]{approval}, $id, 'and the id in the first');
};


subtest 'the record ends earlier' => sub {
    my $first = ask(tool_call('brief', {}));
    my ($id) = $people->wait_pending(1);

    $first->close();
    sleep(2);

    my $client = ask(tool_call('brief', {}));
    my $other;

    $t->wait_until(sub {
        ($other) = grep { $_ ne $id } $people->pending();
        defined $other
    });

    ok(defined $other, 'the call asks again');
    is($people->approve($other), 200, 'approved');
    is(outcome($client->read_response()), 'ok', 'it goes on');
};


subtest 'two alike' => sub {
    $upstream->clear();

    my @clients = map { ask(tool_call('pay', { amount => 4 })) } 1 .. 2;
    my ($id) = $people->wait_pending(1);

    # Both are held: the record was asked for twice.
    $t->wait_until(sub { ($people->show($id)->{asked} || 0) == 2 });
    is($people->approve($id), 200, 'approved');

    my $other;
    $t->wait_until(sub {
        ($other) = $people->pending();
        defined $other
    });

    isnt($other, $id, 'the second one waits for another approval');
    $t->wait_until(sub { $upstream->count > 0 });
    is($upstream->count, 1, 'the first has passed');
    is($people->approve($other), 200, 'which it gets');
    is(outcome($_->read_response()), 'ok', 'answered') for @clients;
    is($upstream->count, 2, 'each passed once');
};


subtest 'many alike' => sub {
    $upstream->clear();

    my @clients = map { ask(tool_call('pay', { many => 1 })) } 1 .. 60;
    my ($id) = $people->wait_pending(1);

    $t->wait_until(sub { ($people->show($id)->{asked} || 0) == 60 });
    is($people->approve($id), 200, 'one of sixty');

    my $other;
    $t->wait_until(sub {
        ($other) = $people->pending();
        defined $other && ($people->show($other)->{asked} || 0) == 59
    });

    is($people->show($other)->{asked}, 59, 'the others wait together');
    is($people->deny($other), 200, 'until they are denied');

    my %outcomes;
    $outcomes{outcome($_->read_response())}++ for @clients;

    is_deeply(\%outcomes, { ok => 1, approval_denied => 59 }, 'each has its answer');
    is($upstream->count, 1, 'one passed');
};


subtest 'an approval that comes back' => sub {
    $upstream->clear();

    my $first = ask(tool_call('pay', { back => 1 }), uri => '/connect');
    my ($id) = $people->wait_pending(1);

    is($people->approve($id), 200, 'approved');
    ok($t->wait_until(sub { $people->show($id)->{state} eq 'used' }),
       'the first call has taken it');

    my $second = ask(tool_call('pay', { back => 1 }));
    my ($other) = $people->wait_pending(1);

    isnt($other, $id, 'while the first call tries to reach its server');
    is($first->read_response()->status, 504, 'which it does not');
    is(outcome($second->read_response()), 'ok', 'the second one has the approval');
    is(scalar $people->pending(), 0, 'and needs no other');
    is($upstream->count, 1, 'one passed');
};


subtest 'two rules' => sub {
    my $client = ask(tool_call('both', {}));
    my @ids = $people->wait_pending(2);

    is($people->approve($_), 200, 'approved') for @ids;
    my $response = $client->read_response();

    # The second rule does not hold calls: what is decided last matters.
    like(outcome($response), qr/^(ok|approval_required)$/, 'answered');
    is(outcome($t->post(tool_call('both', {}), headers => [ 'X-User' => $user ])), 'ok', 'both approvals were there')
        if outcome($response) ne 'ok';

    ok($t->wait_until(sub { grep { ($_->{approvals} || 0) == 2 } decisions('both') }), 'the line counts them');
};


subtest 'limits' => sub {
    my @clients = map { ask(tool_call('once', { n => $_ })) } 1 .. 2;
    my @ids = $people->wait_pending(2);

    is($people->approve($_), 200, 'approved') for @ids;

    my @outcomes = sort map { outcome($_->read_response()) } @clients;
    is("@outcomes", 'ok rate_limited', 'limits count what passes');
};


subtest 'dry run' => sub {
    is(outcome($t->post(tool_call('pay', { amount => 5 }), uri => '/dry', headers => [ 'X-User' => $user ])), 'ok', 'passes at once');
    is(scalar $people->pending(), 0, 'and leaves no record');
    ok($t->wait_until(sub { grep { $_->{decision} eq 'dry_approve' } decisions('pay') }), 'but a line');
};


subtest 'bodies' => sub {
    my $large = 'x' x 300_000;

    my %sent = (
        'in a file' => {},
        'chunked' => { chunked => [ 7, 100, 4000 ] },
        'chunked in one' => { chunked => 1 },
    );

    for my $how (sort keys %sent) {
        $upstream->clear();

        my $body = tool_call('pay', { note => "$how $large" });
        my $client = ask($body, %{$sent{$how}});
        my ($id) = $people->wait_pending(1);

        is($people->approve($id), 200, $how);
        is(outcome($client->read_response()), 'ok', 'passes');
        is($upstream->last->body, $body, 'whole');
    }

    $upstream->clear();

    my $body = tool_call('pay', { amount => 6 });
    my $client = ask($body, split => [ 10, 40 ]);
    my ($id) = $people->wait_pending(1);

    is($people->approve($id), 200, 'in pieces');
    is(outcome($client->read_response()), 'ok', 'passes');
    is($upstream->last->body, $body, 'whole');
};


subtest 'batches' => sub {
    $upstream->clear();

    my $batch = '[' . tool_call('free', {}, id => 1) . ','
        . tool_call('pay', { amount => 7 }, id => 2) . ','
        . tool_call('pay', { amount => 8 }, id => 3) . ']';

    my @version = (headers => [ 'X-User' => $user, 'MCP-Protocol-Version' => '2025-03-26' ]);
    my $client = ask($batch, @version);
    my @ids = $people->wait_pending(2);

    is($people->approve($ids[0]), 200, 'one of two');
    ok($people->wait_pending(1), 'is not enough');
    is($upstream->count, 0, 'nothing passes');
    is($people->approve($ids[1]), 200, 'the other one');

    my $answer = $client->read_response()->json;
    is(scalar @$answer, 3, 'all go on');
    is($upstream->count, 1, 'together');
};


subtest 'the client leaves' => sub {
    my $before = () = decisions('pay');

    for my $how (qw/ close reset half /) {
        $upstream->clear();

        my $client = ask(tool_call('pay', { left => $how }));
        my ($id) = $people->wait_pending(1);
        my $lines = () = $t->log('access.log') =~ /^approve approval_required $id 499$/mg;

        is($lines, 0, "$how: the call is held");

        $how eq 'half' ? shutdown($client->{socket}, 1) : $client->$how();

        ok($t->wait_until(sub { $t->log('access.log') =~ /^approve approval_required $id 499$/m }), 'the request has ended');

        my ($line) = grep { ($_->{approval} || '') eq $id } decisions('pay');
        is($line->{decision}, 'approve', 'and is logged');
        is($line->{status}, 499, 'as one that was left');

        is($people->approve($id), 200, 'its record can still be approved');
        is($upstream->count, 0, 'for nobody');
        is(outcome($t->post(tool_call('pay', { left => $how }), headers => [ 'X-User' => $user ])), 'ok', 'until the call comes again');
    }

    ok($t->wait_until(sub {
        my $after = () = decisions('pay');
        $after == $before + 6
    }), 'one line for each call');
};


subtest 'a post_action' => sub {
    $upstream->clear();

    my $client = ask(tool_call('pay', { post => 1 }), uri => '/post');
    my ($id) = $people->wait_pending(1);
    my $lines = () = $t->log('access.log') =~ /\n/g;

    $client->close();

    ok($t->wait_until(sub {
        my $now = () = $t->log('access.log') =~ /\n/g;
        $now > $lines
    }), 'of a client that left');

    is($people->approve($id), 200, 'approved');
    is(outcome($t->post(tool_call('pay', { post => 1 }), headers => [ 'X-User' => $user ])), 'ok', 'the next call passes');
    is($upstream->count, 1, 'and none that was not approved');
};


subtest 'HTTP/2' => sub {
    plan(skip_all => 'nginx has no http_v2')
        unless `${\ $t->binary()} -V 2>&1` =~ /http_v2/;

    my $h2 = $t->h2(port => 8082);
    my $body = tool_call('pay', { amount => 9 });
    my @options = (headers => [ 'x-user' => $user, accept => 'application/json, text/event-stream' ]);

    $upstream->clear();

    my $stream = $h2->request('/mcp', body => $body, split => [ 20 ], @options);
    my ($id) = $people->wait_pending(1);
    my $other = $h2->request('/mcp', body => tool_call('free', {}), @options);

    is($h2->response($other)->status, 200, 'another stream goes on');
    is($people->approve($id), 200, 'approved');
    is($h2->response($stream)->json->{id}, 1, 'the call goes on');
    is($upstream->last->body, $body, 'whole');

    $stream = $h2->request('/mcp', body => tool_call('pay', { amount => 10 }), @options);
    ($id) = $people->wait_pending(1);
    $h2->cancel($stream);

    ok($t->wait_until(sub { $t->log('access.log') =~ /^approve approval_required $id 499$/m }), 'a stream that is reset');
    is($people->deny($id), 200, 'is left');

    $stream = $h2->request('/mcp', body => tool_call('pay', { amount => 11 }), @options);
    ($id) = $people->wait_pending(1);
    $h2->{client}->close();

    ok($t->wait_until(sub { $t->log('access.log') =~ /^approve approval_required $id 499$/m }), 'a connection that is closed');
    is($people->deny($id), 200, 'too');
};


subtest 'HTTP+SSE' => sub {
    $upstream->hold();

    my $stream = $t->connect();
    $stream->send_request('GET', '/sse', headers => [ Accept => 'text/event-stream', 'X-User' => $user ]);

    my $source = $upstream->next();
    $source = $upstream->next() until $source->method eq 'GET';
    $source->sse()->event('/sse?s=1', event => 'endpoint');

    $stream->read_head();
    is($stream->read_event()->{event}, 'endpoint', 'a stream');

    my $client = ask(tool_call('pay', { amount => 12 }, id => 21), uri => '/sse?s=1');
    my ($id) = $people->wait_pending(1);

    is($people->deny($id), 200, 'denied');
    is($client->read_response()->status, 202, 'the POST ends');

    my $event = $json->decode($stream->read_event()->{data});
    is($event->{id}, 21, 'and the stream has the answer');

    $client = ask(tool_call('pay', { amount => 13 }, id => 22), uri => '/sse?s=1');
    ($id) = $people->wait_pending(1);
    is($people->approve($id), 200, 'approved');

    my $request = $upstream->next();
    is($request->json->{id}, 22, 'a call passes');
    $request->respond(202);
    is($client->read_response()->status, 202, 'as without waiting');

    $source->end();
    $upstream->hold(0);
};


subtest 'reload' => sub {
    my $client = ask(tool_call('pay', { amount => 14 }));
    my ($id) = $people->wait_pending(1);
    my @old = $t->workers();

    $t->reload();

    is($people->approve($id), 200, 'a new worker is told');
    is(outcome($client->read_response()), 'ok', 'the old one lets the call pass');

    $client->close();
    ok($t->wait_until(sub { !grep { -d "/proc/$_" && kill(0, $_) } @old }), 'and leaves');
};


subtest 'status' => sub {
    my ($policy) = grep { $_->{name} eq 'shop' } @{$t->get('/status')->json->{policies}};
    my ($counted, %lines) = (0);

    $counted += $_ for values %{$policy->{decisions}}, values %{$policy->{dry_run}};
    $lines{$_->{decision}}++ for grep { !$_->{event} } lines();

    my $lines = 0;
    $lines += $_ for values %lines;

    cmp_ok($lines, '>', 80, 'after many calls');
    is($counted, $lines, 'each of them was counted once, as it has one line');
    is($policy->{decisions}{allow}, $lines{allow}, 'those that passed');
    is($policy->{decisions}{approve}, $lines{approve}, 'and those that were not approved');
};


subtest 'a zone of another size' => sub {
    my $client = ask(tool_call('pay', { amount => 15 }));
    my ($id) = $people->wait_pending(1);

    $t->write_file_expand('nginx.conf', conf(zone => 'default:2m'));
    $t->reload();

    my $response = $client->read_response();
    is(outcome($response), 'approval_required', 'the call is told to come again');
    is(approval_id($response), $id, 'for the same record');

    is($people->approve($id), 200, 'which is in the new zone');
    is(outcome($t->post(tool_call('pay', { amount => 15 }), headers => [ 'X-User' => $user ])), 'ok', 'and is good there');
};


subtest 'a worker that dies' => sub {
    my $client = ask(tool_call('pay', { amount => 16 }));
    my ($id) = $people->wait_pending(1);

    $t->kill_worker($_) for $t->workers();

    ok($client->closed(), 'the connection is lost');
    is($people->show($id)->{state}, 'pending', 'the record is not');
    is($people->approve($id), 200, 'approved');
    is(outcome($t->post(tool_call('pay', { amount => 16 }), headers => [ 'X-User' => $user ])), 'ok', 'for the next call');
};


subtest 'a worker that dies before it hears of the decision' => sub {
    my $client = ask(tool_call('pay', { amount => 17 }));
    my ($id) = $people->wait_pending(1);

    # Who holds the call is not known, so all are stopped and then die; the
    # decision waits in the socket for their successors.
    my @workers = $t->workers();

    kill('STOP', @workers);

    my $admin = $t->connect();
    $admin->send_request('POST', "/admin/api/approvals/$id/approve", body => '{}', close => 1);

    $t->kill_worker($_) for @workers;

    is($admin->read_response()->status, 200, 'approved');
    is(outcome($t->post(tool_call('pay', { amount => 17 }), headers => [ 'X-User' => $user ])), 'ok', 'the approval is not lost');
};


subtest 'quit' => sub {
    my $held = ask(tool_call('short', { quit => 1 }));
    my ($id) = $people->wait_pending(1);

    kill('QUIT', $t->{pid});

    is(outcome($held->read_response()), 'approval_required', 'a call that is held has its time');
    ok($t->wait_until(sub { !$t->alive() }), 'then nginx ends');
    $t->{pid} = undef;
};


subtest 'worker_shutdown_timeout' => sub {
    $t->write_file_expand('nginx.conf', conf(globals => 'worker_shutdown_timeout 300ms;'));
    $t->run();

    my $held = ask(tool_call('pay', { quit => 2 }));
    my ($id) = $people->wait_pending(1);

    kill('QUIT', $t->{pid});

    ok($held->closed(), 'ends the wait');
    ok($t->wait_until(sub { !$t->alive() }), 'and nginx');
    $t->{pid} = undef;

    my ($line) = grep { ($_->{approval} || '') eq $id } decisions('pay');
    is($line->{decision}, 'approve', 'which is logged');
};

done_testing();
