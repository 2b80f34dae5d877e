#!/usr/bin/perl

# mcp_approval_notify: a webhook is told of each call that waits for a human,
# once, signed, again until it takes it; nothing waits for a webhook.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw/ hmac_sha256_hex /;
use MCPTest;
use MCPTest::Hooks;
use Time::HiRes qw/ time /;

my $t = MCPTest->new(timeout => 240);
my $hooks = MCPTest::Hooks->new($t);

my $secret = 'correct horse battery staple';
my $planted = 'planted-argument-7391';
my $token = 'T000-secret-part-of-the-url';
my $number = 0;

$t->write_file('secret', "$secret\n");


# "notify": the directive's parameters, "more": of http, "workers"
sub conf {
    my (%with) = @_;

    my $notify = exists $with{notify} ? $with{notify}
        : "http://127.0.0.1:8090/hooks/$token?a=b secret=%%TESTDIR%%/secret";
    my $workers = $with{workers} || 1;
    my $connections = $with{connections} || 512;
    my $more = $with{more} || '';

    $notify = "mcp_approval_notify $notify;" if $notify;

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes $workers;
events { worker_connections $connections; }
http {
    %%TEST_GLOBALS_HTTP%%
    $notify
    mcp_policy shop {
        tool buy { approve ttl=1h; }
        tool rush { rule "in a hurry" { approve ttl=10s; } }
        tool free { }
    }
    $more

    server {
        listen 127.0.0.1:8080;
        location /mcp {
            mcp_enforce shop;
            mcp_grant \$http_x_user;
            mcp_max_approvals 1000;
            proxy_pass http://127.0.0.1:8081;
        }
        location /metrics { mcp_metrics; }
        location /status { mcp_status; }
        location /mcp-admin/ { mcp_admin by=operator; }
    }
}
CONF
}


sub start {
    $hooks->clock('2026-01-15T10:30:00Z');
    $t->write_file_expand('nginx.conf', conf(@_));
    return $t->run();
}


# The id of the approval that a call asks for; each has its own unless named.
sub ask {
    my ($tool, %options) = @_;

    my $who = $options{who} || 'call ' . ++$number;
    my $answer = $t->post(
        tool_call($tool, { who => $who, note => $planted }),
        headers => [ 'X-User' => $options{user} || 'alice' ])->json();

    return $answer->{result}{_meta}{'ngx-mcp-policy/decision'}{approvalId};
}


sub free {
    my $answer = $t->post(tool_call('free'), headers => [ 'X-User', 'bob' ]);
    return $answer->status() == 200
        && $answer->json() && !$answer->json()->{result}{isError};
}


# A human's word, at the page: the HTTP status.
sub decide {
    my ($id, $word) = @_;

    return $t->post('', uri => "/mcp-admin/api/approvals/$id/$word",
                    headers => [ 'Content-Type' => 'application/json' ])
        ->status();
}


# Whether the pages tell so many notifications and failed tries.
sub counted {
    my ($notified, $failed) = @_;

    my $metrics = $t->get('/metrics')->body();
    my $name = 'mcp_policy_approvals_total\{zone="default",event=';
    my $approvals = $t->get('/status')->json()->{zones}[0]{approvals};

    return $metrics =~ /^$name"notified"\} $notified$/m
        && $metrics =~ /^$name"notify_failed"\} $failed$/m
        && $approvals->{notified} == $notified
        && $approvals->{notify_failed} == $failed;
}


sub failures {
    return $t->get('/status')->json()->{zones}[0]{approvals}{notify_failed};
}


# Whether just the holder of the secret can have sent the request.
sub signed {
    my ($request, $key) = @_;

    my $time = $request->header('X-MCP-Timestamp') // '';
    my $mac = hmac_sha256_hex($time . '.' . $request->body(),
                              $key // $secret);

    return ($request->header('X-MCP-Signature') // '') eq "sha256=$mac";
}


# What the function of docs/approval-notify.md says of a request.
sub documented {
    my ($request, %with) = @_;

    open(my $file, '<', "$FindBin::Bin/../docs/approval-notify.md")
        or die "docs: $!\n";
    my ($python) = do { local $/; <$file> } =~ /^```python\n(.*?)^```$/ms;

    my @words = map { unpack('H*', $_) }
        $request->header('X-MCP-Timestamp'),
        $request->header('X-MCP-Signature'),
        $with{body} // $request->body(), $with{secret} // $secret;
    my $now = $request->header('X-MCP-Timestamp') + ($with{later} || 0);

    $t->write_file('check.py', <<"PYTHON");
$python
words = [bytes.fromhex(word) for word in '@words'.split()]
headers = {'X-MCP-Timestamp': words[0].decode(),
           'X-MCP-Signature': words[1].decode()}
print(is_genuine(headers, words[2], words[3], lambda: $now), end='')
PYTHON

    return scalar `python3 ${\ $t->dir()}/check.py 2>&1`;
}


my $server = $t->upstream(8081);
my $hook = $t->upstream(8090);


# What is told

start(workers => 2);

my $id = ask('buy', who => 'one');

like($id, qr/^[0-9a-f]{32}$/, 'the call asks for an approval');

my $request = $hook->next();

is($request->method(), 'POST', 'the webhook gets a POST');
is($request->uri(), "/hooks/$token?a=b", 'for the path of the URL');
is($request->version(), 'HTTP/1.1', 'by HTTP/1.1');
is($request->header('Host'), '127.0.0.1:' . $t->port(8090), 'with its host');
is($request->header('Content-Type'), 'application/json', 'JSON');
like($request->header('User-Agent'), qr{^ngx-mcp-policy/\d}, 'from us');
is($request->header('X-MCP-Delivery'), $id, 'with the id of the approval');
is($request->header('X-MCP-Timestamp'), '1768473000', 'and the time');
ok(signed($request), 'signed');
ok(!signed($request, 'another secret of a length'), 'by this secret alone');

is(documented($request), 'True', 'as the example in the documentation checks');
is(documented($request, body => $request->body() . ' '), 'False',
   'which refuses another body');
is(documented($request, secret => 'another secret'), 'False',
   'and another secret');
is(documented($request, later => 301), 'False', 'and what is old');

my $body = $request->json();

is_deeply(
    { %$body, grant => '' },
    { schema => 1, event => 'approval.pending', id => $id,
      time => '2026-01-15T10:30:00.000Z',
      expires => '2026-01-15T11:30:00.000Z', policy => 'shop',
      rule => 'buy', tool => 'buy', grant => '' },
    'the body tells of the call, without arguments');

like($body->{grant}, qr/^[0-9a-f]{32}$/, 'and a hash of the caller');

is(ask('buy', who => 'one'), $id, 'the same call shares the approval');

my $other = ask('rush');

isnt($other, $id, 'another does not');

$request = $hook->next();

is($request->json()->{id}, $other, 'which is told next, the first just once');
is($request->json()->{rule}, 'in a hurry', 'with the name of its rule');

ok(ask('free', who => 'x') ? 0 : 1, 'a call that asks nobody');

my %told = map { $_ => 1 } map { ask('buy') } 1 .. 30;
my %got = map { $hook->next()->json()->{id} => 1 } 1 .. 30;

is_deeply(\%got, \%told, 'thirty at once, of both workers');
is($hook->count(), 32, 'each of them once');

$t->stop();


# Failures: again, later, with the same id

sub retried {
    my ($name, $fail, %with) = @_;

    $hook->clear();
    start(%with);

    $fail->();

    my $id = ask('buy');
    my $first = $hook->next();

    is($first->header('X-MCP-Delivery'), $id, "$name: the first try");

    # one that is told while the other has to wait
    failed($id);
    $hook->hold(0);

    my $second = ask('buy');

    is($hook->next()->header('X-MCP-Delivery'), $second,
       "$name: not at once, and others are told");

    $hooks->forward(2);

    my $again = $hook->next();

    is($again->header('X-MCP-Delivery'), $id, "$name: again, later");
    is($again->body(), $first->body(), "$name: the same");
    is($again->header('X-MCP-Timestamp'),
       $first->header('X-MCP-Timestamp') + 2, "$name: at its own time");
    ok(signed($again), "$name: signed");

    is($hook->count(), 3, "$name: and that is all");
    $t->stop();
}


sub failed {
    my ($id) = @_;

    ok($t->wait_log(qr/mcp_approval_notify to "[^"]+" failed: .*, approval: $id, try: 1,/),
       'the failure is logged');
}


sub answers {
    my ($bytes, %how) = @_;
    return sub { $hook->reply($bytes, %how) };
}


my $head = "HTTP/1.1 204 No Content\r\n";

retried('500', sub { $hook->respond(500) });
retried('404', sub { $hook->respond(404) });
retried('302', sub { $hook->respond(302, headers => [ Location => '/x' ]) });
retried('101', answers("HTTP/1.1 101 Switching\r\n\r\n", close => 1));
retried('closed', answers('', close => 1));
retried('reset', answers('', reset => 1));
retried('garbage', answers("\x16\x03\x01\x00\x00garbage\r\n\r\n"));
retried('a status cut short', answers('HTTP/1.1 20', close => 1));
retried('a header cut short', answers("${head}X: y", close => 1));
retried('a bad header', answers("${head}X\x00: y\r\n\r\n"));
retried('a header without end', answers('HTTP/1.1 2' . '0' x 100_000));
retried('an interim answer and no other',
        answers("HTTP/1.1 103 Early Hints\r\n\r\n", close => 1));
retried('no answer', sub { $hook->hold() },
        notify => "http://127.0.0.1:8090/ secret=%%TESTDIR%%/secret"
            . ' timeout=300ms');


# Answers that are good enough

sub complaints {
    my $count = () = $t->log() =~ /mcp_approval_notify/g;
    return $count;
}


my $complaints = complaints();

$hook->clear();
start();

for my $case (
    [ 'an empty 200', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" ],
    [ 'HTTP/1.0', "HTTP/1.0 202 Accepted\r\n\r\nok" ],
    [ 'chunks', "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
        . "2\r\nok\r\n0\r\n\r\n" ],
    [ 'an interim answer first', "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n"
        . "\r\n$head\r\n" ],
    [ 'a huge header', $head . 'X: ' . 'x' x 100_000 . "\r\n\r\n" ],
    [ 'a huge body', "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"
        . 'x' x 10_000_000 ],
    [ 'a wrong length', "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nlonger" ],
    [ 'a length that is none', "HTTP/1.1 200 OK\r\nContent-Length: -x\r\n\r\n" ],
) {
    my ($name, $bytes) = @$case;

    $hook->reply($bytes, close => 1);

    my $id = ask('buy');

    is($hook->next()->header('X-MCP-Delivery'), $id, "$name: told");
}

$hooks->forward(600);

$id = ask('buy');

is($hook->next()->header('X-MCP-Delivery'), $id, 'and none of them again');
is(complaints(), $complaints, 'nothing to complain of');


# 410, and approvals that are over

$hook->respond(410);
$id = ask('buy');
is($hook->next()->header('X-MCP-Delivery'), $id, '410 is an answer, too');
ok($t->wait_log(qr/it is gone, and not told again, status: 410/),
   'and logged');

$hook->respond(500);
my $expires = ask('rush');
is($hook->next()->header('X-MCP-Delivery'), $expires, 'one that expires');
ok($t->wait_log(qr/it is refused, status: 500, approval: $expires, try: 1/),
   'is refused');

for my $word (qw/ approve deny /) {
    $hook->respond(500);
    $id = ask('buy');
    is($hook->next()->header('X-MCP-Delivery'), $id, "$word: one that fails");
    ok($t->wait_until(sub { failures() == ($word eq 'approve' ? 2 : 3) }),
       "$word: and is counted");
    is(decide($id, $word), 200, "$word: is decided before it is told again");
}

$hooks->forward(11);

$id = ask('buy');
is($hook->next()->header('X-MCP-Delivery'), $id,
   'none is told of again when there is no more to decide');

# the last answer is counted when it has come
ok($t->wait_until(sub { counted(10, 3) }), 'counted');

$t->stop();


# Nobody there

my $nobody = 'http://127.0.0.1:8092/hook secret=%%TESTDIR%%/secret';

start(notify => $nobody);

$id = ask('buy');
ok($t->wait_log(qr/failed: no connection, status: 0, approval: $id, try: 1/),
   'a refused connection is logged');
like($t->log(), qr/connect\(\) failed \(111: .* while connecting to upstream, mcp_approval_notify to "127\.0\.0\.1:\d+", approval: $id/,
     "in nginx's words, too");

my $late = $t->upstream(8092);
$hooks->forward(2);

is($late->next()->header('X-MCP-Delivery'), $id, 'and told when one listens');
$t->stop();


# Several servers, connections that are kept

$hook->clear();
start(notify => 'http://hooks/x secret=%%TESTDIR%%/secret host=hooks.test',
      more => <<'CONF');
upstream hooks {
    server 127.0.0.1:8093;
    server 127.0.0.1:8090;
    keepalive 2;
}
CONF

my $before = $hook->connections();

for my $count (1 .. 10) {
    $id = ask('buy');
    $request = $hook->next();
    is($request->header('X-MCP-Delivery'), $id,
       "told by the next server: $count");

    # a connection is free when its answer has come
    ok($t->wait_until(sub { counted($count, 0) }), 'and counted');
}

is($request->header('Host'), 'hooks.test', 'which host= names');
is($hook->connections() - $before, 1, 'over one connection');
$t->stop();


# A webhook that hangs

$hook->clear();
$hook->hold();
start();

my @asked = map { ask('buy') } 1 .. 12;
my @held = map { $hook->next() } 1 .. 8;

ok(free(), 'a call is answered while webhooks hang');
isnt(ask('buy'), undef, 'and so is one that asks');
is($hook->count(), 8, 'eight are told at once');

$held[0]->respond(204);
push @held, $hook->next();

is(scalar(keys %{{ map { $_->header('X-MCP-Delivery') => 1 } @held }}), 9,
   'then the next one, none of them twice');


# Worker lost: another one goes on when the lease is over

$hook->clear();
$t->kill_worker();
$hook->hold(0);

ok(free(), 'another worker serves');

$hooks->forward(16);

my %left = map { $_ => 1 } @asked;
delete $left{$held[0]->header('X-MCP-Delivery')};

my %again = map { $hook->next()->header('X-MCP-Delivery') => 1 } 1 .. 12;

is(scalar(grep { $again{$_} } keys %left), 11,
   'and tells what the lost one did not');
ok(!$again{$held[0]->header('X-MCP-Delivery')}, 'but not what it did');

$t->stop();


# Reload

$hook->clear();
$hook->hold();
start(notify => 'http://127.0.0.1:8090/old secret=%%TESTDIR%%/secret'
      . ' timeout=60s');

my $slow = ask('buy');
my $held = $hook->next();

$t->write_file_expand('nginx.conf', conf(
    notify => 'http://127.0.0.1:8090/new secret=%%TESTDIR%%/secret'));
$t->reload();

is($held->uri(), '/old', 'told before a reload');

my $new = ask('buy');
$request = $hook->next();

# the old worker gives up on its own and the new one tells it
my @both = sort map { $_->uri() . ' ' . $_->header('X-MCP-Delivery') }
    $request, $hook->next();

is_deeply(\@both, [ sort "/new $new", "/new $slow" ],
          'then the new configuration counts, for what is open, too');

ok($t->wait_log(qr/exited with code 0/), 'and the old worker is gone');
ok($held->wait_closed(), 'with its connection');


# Stop

my $started = time();

$t->stop();

cmp_ok(time() - $started, '<', 8 * $t->patience(),
       'nginx does not wait for webhooks to stop');

$hook->hold(0);


# All connections taken

$hook->clear();
$hook->respond(500);
$t->allow_log(qr/worker_connections are not enough$/);
start(connections => 32);

$id = ask('buy');
is($hook->next()->header('X-MCP-Delivery'), $id, 'a try');
failed($id);

my @clients;

while (@clients < 40) {
    my $client = eval { $t->connect() } or last;
    push @clients, $client;
}

ok($t->wait_log(qr/worker_connections are not enough/), 'no connection left');
$hooks->forward(2);
$_->close() for @clients;

is($hook->next()->header('X-MCP-Delivery'), $id, 'told when there is one');
$t->stop();


# Secrets, in the most talkative of all logs

{
    local $ENV{TEST_NGINX_LOG} = 'debug';

    $hook->clear();
    $hook->respond(500);
    start();

    $id = ask('buy');
    is($hook->next()->header('X-MCP-Delivery'), $id, 'told, with debugging');
    failed($id);
    $hooks->forward(2);
    is($hook->next()->header('X-MCP-Delivery'), $id, 'again');
    $t->stop();
}

unlike($t->log(), qr/\Q$secret\E/, 'no secret in the log');
unlike($t->log(), qr/mcp_approval_notify[^\n]*\Q$token\E/, 'nor the URL');
unlike($t->read_file('output'), qr/\Q$secret\E|\Q$token\E/, 'nor elsewhere');


# Arguments and page, if the operator wants them

$hook->clear();
start(notify => 'http://127.0.0.1:8090/ secret=%%TESTDIR%%/secret'
      . ' arguments=on admin=https://ops.example.com/mcp');

$id = ask('buy', who => 'me');
$body = $hook->next()->json();

is_deeply($body->{arguments}, { who => 'me', note => $planted },
          'arguments=on');
is($body->{url}, "https://ops.example.com/mcp#$id", 'admin=');

$t->stop();

done_testing();
