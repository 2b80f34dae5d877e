#!/usr/bin/perl

# approve: a call is refused until a human approves it, and then passes once,
# for these arguments, this caller and this policy; what gives an approval
# back; who can have how many; and what survives what.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use MCPTest;
use MCPTest::Approvals qw/ outcome approval_id said /;
use MCPTest::Hooks;
use Time::HiRes qw/ sleep /;

my $json = JSON::PP->new->utf8->canonical;

my $t = MCPTest->new(timeout => 240);
my $hooks = MCPTest::Hooks->new($t);
my $people = MCPTest::Approvals->new($t);

my $dir = $t->dir() . '/state';
my $file = "$dir/zone";

mkdir($dir);
chown((getpwnam('nobody'))[2, 3], $dir) if $> == 0;


sub conf {
    my (%options) = @_;

    my $zone = $options{zone} || 'default:1m';
    my $workers = $options{workers} || 2;
    my $message = $options{message} || 'Ask somebody.';
    my $group = getgrgid((getpwnam('nobody'))[3]);
    my $user = $> == 0 ? "user nobody $group;" : '';

    return <<"CONF";
%%TEST_GLOBALS%%
$user
worker_processes $workers;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone $zone;
    mcp_zone long:1m;
    mcp_audit_log %%TESTDIR%%/audit.log;

    mcp_policy shop {
        tool free { }
        tool pay { approve ttl=10m; message "$message"; }
        tool other { approve; }
        tool once {
            limit 1/day;
            approve;
        }
        tool counted {
            limit 3/day;
            approve;
        }
        tool large {
            rule "large refund" { arg amount gt 500; approve; }
        }
    }

    mcp_policy shop2 {
        tool pay { approve ttl=10m; message "$message"; }
    }

    mcp_policy long {
        zone long;
        tool pay { approve; }
    }

    log_format approvals '\$mcp_decision \$mcp_reason \$mcp_approval \$status';
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    upstream dead { server 127.0.0.1:8089 down; }

    server {
        listen 127.0.0.1:8080;
        access_log %%TESTDIR%%/access.log approvals;
        mcp_grant \$http_x_user;
        mcp_enforce shop;
        mcp_max_approvals 4;
        mcp_max_approval_arguments 100;

        location /mcp { proxy_pass http://127.0.0.1:8081; }
        location /down { proxy_pass http://127.0.0.1:8089; }
        location /dead { proxy_pass http://dead; }
        location /off {
            mcp_refund off;
            proxy_pass http://127.0.0.1:8089;
        }
        location /nowhere {
            set \$nowhere "";
            proxy_pass \$nowhere;
        }
        location /page {
            error_page 502 =200 /free.json;
            proxy_pass http://127.0.0.1:8089;
        }
        location = /free.json {
            mcp_enforce off;
            default_type application/json;
            return 200 '{}';
        }
        location /static { }
        location /two {
            error_page 502 = \@two;
            proxy_pass http://127.0.0.1:8089;
        }
        location \@two {
            mcp_enforce shop2;
            proxy_pass http://127.0.0.1:8081;
        }
        location /shop2 {
            mcp_enforce shop2;
            proxy_pass http://127.0.0.1:8081;
        }
        location /many {
            mcp_max_approvals 10000;
            proxy_pass http://127.0.0.1:8081;
        }
        location /long {
            mcp_enforce long;
            mcp_max_approvals 10000;
            mcp_max_approval_arguments 16k;
            proxy_pass http://127.0.0.1:8081;
        }
        location /dry {
            mcp_dry_run on;
            proxy_pass http://127.0.0.1:8081;
        }

        location /admin/ {
            access_log off;
            mcp_enforce off;
            mcp_admin by=\$http_x_human;
        }
    }
}
CONF
}


sub start {
    $t->write_file_expand('nginx.conf', conf(@_));
    return $t->run();
}


my $user = 'ann';

sub call {
    my ($tool, $arguments, %options) = @_;

    return $t->post(tool_call($tool, $arguments),
                    headers => [ 'X-User' => $options{user} || $user ],
                    uri => $options{uri} || '/mcp');
}


# The id of a call that is refused for lack of an approval.
sub wanted {
    my $response = call(@_);

    is(outcome($response), 'approval_required', 'an approval is required');
    return approval_id($response);
}


sub approved {
    my $id = wanted(@_);

    is($people->approve($id), 200, 'and given');
    return $id;
}


sub lines {
    return map { $json->decode($_) } split(/\n/, $t->log('audit.log'));
}


sub slurp {
    my ($path) = @_;

    open(my $in, '<', $path) or return '';
    binmode($in);
    local $/;
    return scalar <$in> // '';
}


sub runs { slurp("/proc/$_[0]/stat") =~ /\) [^XZ] / }


# Master and workers gone at once.
sub crash {
    my @workers = $t->workers();

    kill('KILL', $t->{pid}, @workers);
    waitpid($t->{pid}, 0);
    $t->wait_until(sub { !grep { runs($_) } @workers });
    $t->{pid} = undef;
}


# Until worker 0 has written what there is; it does each second.
sub saved {
    my ($change) = @_;

    my $before = (stat($file))[1] || 0;

    $change->();
    $t->wait_until(sub { ((stat($file))[1] || 0) != $before });
}


my $upstream = $t->upstream(8081);

$hooks->clock('2026-01-15T10:30:00Z');
start();


subtest 'the life of an approval' => sub {
    my $response = call('pay', { amount => 100 });
    my $said = said($response);

    is($said->{action}, 'approve', 'refused for now');
    is($said->{reason}, 'approval_required', 'with the reason');
    like($said->{approvalId}, qr/^[0-9a-f]{32}$/, 'and an id');
    like($response->json->{result}{content}[0]{text}, qr/^\[POLICY DENIED\] Ask somebody\./, 'and the policy\'s words');
    is($upstream->count, 0, 'nothing passes');

    my $id = $said->{approvalId};

    is(wanted('pay', { amount => 100 }), $id, 'the same call waits for the same');
    is($people->approve($id, reason => 'a good one'), 200, 'approved');
    is(outcome(call('pay', { amount => 100 })), 'ok', 'it passes');
    is($upstream->count, 1, 'through');
    isnt(wanted('pay', { amount => 100 }), $id, 'once: the next one needs another');
    is($upstream->count, 1, 'and does not pass');
    is($people->approve($id), 409, 'what was used is not approved again');

    ok($t->wait_until(sub { 4 <= grep { !$_->{event} } lines() }), 'a line for each call');

    # workers write when they come to it
    my @lines = grep { !$_->{event} } lines();
    is(join(' ', sort map { $_->{decision} } @lines), 'allow approve approve approve', 'in the audit log');

    my @about = grep { $_->{approval} eq $id } @lines;
    is(join(' ', sort map { $_->{decision} } @about), 'allow approve approve', 'with the id');

    my ($event) = grep { $_->{event} } lines();
    is($event->{event}, 'approval', 'and one of the decision');
    is($event->{decision}, 'approved', 'what it was');
    is($event->{approval}, $id, 'about which call');
    is($event->{tool}, 'pay', 'of which tool');
    is($event->{comment}, 'a good one', 'and why');
    is($event->{grant}, $lines[0]{grant}, 'whose it is');
    like($t->log('access.log'), qr/^approve approval_required $id 200$/m, 'variables');
    like($t->log('access.log'), qr/^allow  $id 200$/m, 'of what passed, too');
    like($t->log(), qr/\[warn\].*decision approve, reason approval_required, rule "pay", .* tool "pay", approval "$id"/, 'error log');
};


subtest 'what it is for' => sub {
    my $id = approved('pay', { amount => 1, to => { name => 'x', n => [ 1, 2 ] } });

    isnt(wanted('pay', { amount => 2, to => { name => 'x', n => [ 1, 2 ] } }), $id, 'other arguments');
    isnt(wanted('pay', { amount => 1, to => { name => 'x', n => [ 2, 1 ] } }), $id, 'another order of elements');
    $people->deny($_) for $people->pending();
    isnt(wanted('other', { amount => 1, to => { name => 'x', n => [ 1, 2 ] } }), $id, 'another tool');
    isnt(wanted('pay', { amount => 1, to => { name => 'x', n => [ 1, 2 ] } }, user => 'ben'), $id, 'another caller');
    isnt(wanted('pay', { amount => 1, to => { name => 'x', n => [ 1, 2 ] } }, uri => '/shop2'), $id, 'another policy');

    $people->deny($_) for $people->pending();

    my $body = '{"jsonrpc":"2.0","id":"other","method":"tools/call","params":{"arguments": {"to":{"n":[1,2.0],"name":"\u0078"},"amount":1e0}, "name":"pay"}}';
    is(outcome($t->post($body, headers => [ 'X-User' => $user ])), 'ok', 'the same in other words');

    is(outcome(call('large', { amount => 500 })), 'ok', 'what does not meet the conditions needs none');
    $id = approved('large', { amount => 501 });
    is(outcome(call('large', { amount => 501 })), 'ok', 'what does passes when it is approved');

    $people->deny($_) for $people->pending();
};


subtest 'denied' => sub {
    my $id = wanted('pay', { amount => 3 });

    is($people->deny($id, reason => 'Not on a Thursday.'), 200, 'denied');

    my $response = call('pay', { amount => 3 });
    my $said = said($response);

    is($said->{reason}, 'approval_denied', 'the call is refused');
    is($said->{action}, 'deny', 'for good');
    like($response->json->{result}{content}[0]{text}, qr/Not on a Thursday\./, 'in the human\'s words');
    is($people->approve($id), 409, 'it is decided');
    ok($t->wait_until(sub { grep { ($_->{approval} || '') eq $id && $_->{decision} eq 'denied' && $_->{event} } lines() }), 'and logged');

    $hooks->forward(601);
    isnt(wanted('pay', { amount => 3 }), $id, 'until it would have expired');
};


subtest 'expired' => sub {
    my $id = wanted('pay', { amount => 4 });

    $hooks->forward(601);
    is($people->approve($id), 404, 'nobody waits any more');

    $id = wanted('pay', { amount => 4 });
    $hooks->forward(599);
    is($people->approve($id), 200, 'in the last second');
    $hooks->forward(599);
    is(outcome(call('pay', { amount => 4 })), 'ok', 'it is good as long again');

    $id = approved('pay', { amount => 4 });
    $hooks->forward(601);
    isnt(wanted('pay', { amount => 4 }), $id, 'and not longer');
    $hooks->forward(3600);
};


subtest 'given back' => sub {
    my %unreached = (
        'nobody listens' => '/down', 'no server is alive' => '/dead',
        'mcp_refund off' => '/off', 'no address' => '/nowhere',
        'an error_page' => '/page'
    );

    $t->allow_log(qr/invalid URL prefix|zero length URI|invalid port/);

    for my $what (sort keys %unreached) {
        $upstream->clear();

        my $id = approved('other', { what => $what });

        unlike(outcome(call('other', { what => $what }, uri => $unreached{$what})), qr/approval/, "$what: it passes us");
        is(outcome(call('other', { what => $what })), 'ok', 'and may be sent again');
        is($upstream->count, 1, 'to a server');
        isnt(wanted('other', { what => $what }), $id, 'once');
        $people->deny($_) for $people->pending();
    }

    my %reached = (
        'a server that fails' => sub { $upstream->respond(500) },
        'one that gives no answer' => sub { $upstream->reply('', close => 1) },
        'a JSON-RPC error' => sub { $upstream->respond(200, body => '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}') },
        'isError' => sub { $upstream->respond(200, body => '{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}') },
    );

    for my $what (sort keys %reached) {
        my $id = approved('other', { what => $what });

        $reached{$what}->();
        unlike(outcome(call('other', { what => $what })), qr/approval/, "$what: it passes");
        isnt(wanted('other', { what => $what }), $id, 'and was used');
        $people->deny($_) for $people->pending();
    }

    my $id = approved('other', { what => 'here' });
    is(call('other', { what => 'here' }, uri => '/static')->status, 404, 'a location without a server');
    isnt(wanted('other', { what => 'here' }), $id, 'is one');
    $people->deny($_) for $people->pending();

    # A second policy that refuses what the first has let through.
    approved('pay', { what => 'two' });
    is(outcome(call('pay', { what => 'two' }, uri => '/two')), 'approval_required', 'another policy asks, too');
    is(outcome(call('pay', { what => 'two' })), 'ok', 'the first approval came back');
    $people->deny($_) for $people->pending();
};


subtest 'limits' => sub {
    $upstream->clear();

    my @ids = map { approved('once', { n => $_ }) } 1 .. 2;

    is(outcome(call('once', { n => 1 })), 'ok', 'asking is not counted');
    is(outcome(call('once', { n => 2 })), 'rate_limited', 'passing is');

    my @before = $people->pending();
    is(outcome(call('once', { n => 3 })), 'rate_limited', 'nobody is asked for what a limit refuses');
    is(scalar $people->pending(), scalar @before, 'no record');

    $hooks->forward(86_400);

    my $id = approved('counted', {});
    is(outcome(call('counted', {}, uri => '/down')), '502', 'no server');

    for my $n (1 .. 3) {
        approved('counted', { n => $n });
        is(outcome(call('counted', { n => $n })), 'ok', "the call that came to nothing left three: $n");
    }

    is(outcome(call('counted', {})), 'rate_limited', 'no more');
    $hooks->forward(86_400);
};


subtest 'floods' => sub {
    my @ids = map { wanted('other', { n => $_ }) } 1 .. 4;
    my $response = call('other', { n => 5 });

    is(outcome($response), 'approvals_full', 'a caller has so many');
    is(said($response)->{action}, 'deny', 'and then is denied');
    ok(!defined approval_id($response), 'without an id');
    is(wanted('other', { n => 2 }), $ids[1], 'what waits goes on waiting');
    is(scalar $people->pending(), 4, 'four');
    unlike($t->log(), qr/has no room for approvals/, 'and the zone has room');

    wanted('other', { n => 5 }, user => 'ben');
    is($people->deny($ids[0]), 200, 'one is decided');
    wanted('other', { n => 5 });

    my @clients = map {
        my $client = $t->connect();
        $client->send_request('POST', '/mcp', body => tool_call('other', { n => 2 }), headers => [ 'X-User' => $user ]);
        $client;
    } 1 .. 40;

    my %seen = map { (approval_id($_->read_response()) || 'none') => 1 } @clients;

    is_deeply([ keys %seen ], [ $ids[1] ], 'equal calls share one');
    $people->deny($_) for $people->pending();
    $hooks->forward(3600);

    my ($n, $outcome) = (0, 'approval_required');

    while ($outcome eq 'approval_required' && $n < 1000) {
        $n++;
        $outcome = outcome(call('other', { n => $n }, uri => '/many', user => "user $n"));
    }

    is($outcome, 'approvals_full', "a zone of 1m is full after $n");
    cmp_ok($n, '>', 100, 'which is more than a hundred');
    like($t->log(), qr/\[error\].*zone "default" has no room for approvals, increase its size in mcp_zone/, 'the log names the remedy');
    unlike($t->log(), qr/zone "long" has no room/, 'another zone is not');
    $n = 0;

    do {
        $n++;
        $outcome = outcome(call('pay', { n => $n, x => 'x' x 16000 }, uri => '/long'));
    } while ($outcome eq 'approval_required' && $n < 100);

    is($outcome, 'approvals_full', 'until long arguments have taken its memory');
    cmp_ok($n, '<', 50, 'by less than fifty calls');
    like($t->log(), qr/\[error\].*zone "long" has no room for approvals/, 'which is in the log, too');
    is(outcome(call('free', {})), 'ok', 'other calls do not mind');
    $hooks->forward(3600);
    wanted('other', { n => 1 });
    $people->deny($_) for $people->pending();
};


subtest 'arguments' => sub {
    my $id = wanted('pay', { a => 'b' x 80, c => 'SECRET-PART' });
    my $text = $people->request('GET', "approvals/$id")->body;

    like($text, qr/bbbbbbbb/, 'a human sees the beginning');
    unlike($text, qr/SECRET-PART/, 'of what is longer than mcp_max_approval_arguments');

    my $short = wanted('pay', { c => 'SECRET-SHORT' });

    like($people->request('GET', "approvals/$short")->body, qr/SECRET-SHORT/, 'and all of what is not');
    is($people->deny($short), 200, 'when it is decided');
    unlike($people->request('GET', "approvals/$short")->body, qr/SECRET-SHORT/, 'it is gone');
    unlike($t->log() . $t->log('audit.log') . $t->log('access.log'), qr/SECRET/, 'and was never in a log');
    $people->deny($id);
};


subtest 'batches' => sub {
    $upstream->clear();

    my @options = (headers => [ 'X-User' => $user, 'MCP-Protocol-Version' => '2025-03-26' ]);
    my $batch = '[' . tool_call('free', {}, id => 1) . ','
        . tool_call('pay', { amount => 5 }, id => 2) . ','
        . tool_call('other', { amount => 5 }, id => 3) . ']';

    my $response = $t->post($batch, @options);
    my %code = map { $_->{id} => $_->{error}{code} } @{$response->json};

    is($code{1}, -31003, 'an innocent');
    is($code{2}, -31004, 'one that waits');
    is($upstream->count, 0, 'nothing passes');

    my @ids = $people->pending();
    is(scalar @ids, 2, 'two approvals');
    is($people->approve($ids[0]), 200, 'one of them');
    is(outcome($t->post($batch, @options)), 'approval_required', 'is not enough');
    is($people->approve($ids[1]), 200, 'the other one');
    is(scalar @{$t->post($batch, @options)->json}, 3, 'both are');
    is($upstream->count, 1, 'the batch passes');
    is(outcome($t->post($batch, @options)), 'approval_required', 'once');

    my ($line) = grep { ($_->{decision} eq 'allow') && ($_->{count} || 0) == 3 && ($_->{tool} || '') eq 'pay' } lines();
    ok((grep { $_ eq $line->{approval} } @ids), 'lines name the approval of their message');
    $people->deny($_) for $people->pending();

    # Given back together.
    @ids = ();
    $batch =~ s/"amount":5/"amount":6/g;
    $t->post($batch, @options);
    is($people->approve($_), 200, 'approved') for $people->pending();
    $t->post($batch, @options, uri => '/down');
    is(scalar @{$t->post($batch, @options)->json}, 3, 'a batch that reached nobody passes later');
};


subtest 'dry run' => sub {
    is(outcome(call('pay', { dry => 1 }, uri => '/dry')), 'ok', 'passes');
    is(scalar $people->pending(), 0, 'without a record');

    my $id = approved('pay', { dry => 2 });
    is(outcome(call('pay', { dry => 2 }, uri => '/dry')), 'ok', 'with an approval, too');
    is(outcome(call('pay', { dry => 2 })), 'ok', 'which is not used');
};


subtest 'reload' => sub {
    my $waits = wanted('pay', { amount => 7 });
    my $given = approved('pay', { amount => 8 });

    $t->reload();

    is($people->approve($waits), 200, 'what waits can be approved after a reload');
    is(outcome(call('pay', { amount => 7 })), 'ok', 'and passes');
    is(outcome(call('pay', { amount => 8 })), 'ok', 'what was approved passes');

    $waits = wanted('pay', { amount => 9 });
    $given = approved('pay', { amount => 10 });

    for my $size ('4m', '512k') {
        $t->write_file_expand('nginx.conf', conf(zone => "default:$size"));
        $t->reload();
        is(wanted('pay', { amount => 9 }), $waits, "the same record in a zone of $size");
    }

    is($people->approve($waits), 200, 'it is approved');
    is(outcome(call('pay', { amount => 9 })), 'ok', 'and passes');
    is(outcome(call('pay', { amount => 10 })), 'ok', 'as does the other one');
    isnt(wanted('pay', { amount => 10 }), $given, 'once');
    $people->deny($_) for $people->pending();

    $given = approved('pay', { amount => 11 });
    $t->write_file_expand('nginx.conf', conf(zone => 'default:512k', message => 'Really?'));
    $t->reload();
    isnt(wanted('pay', { amount => 11 }), $given, 'another policy text is another policy');
    $people->deny($_) for $people->pending();
};


subtest 'a worker that dies' => sub {
    my $id = wanted('pay', { amount => 12 });

    # In the middle of the table, with the lock.
    $hooks->kill_locked();
    $t->allow_log(qr/exited on signal 9|shared memory zone .* was locked by/);
    call('pay', { amount => 13 });

    is(wanted('pay', { amount => 12 }), $id, 'the others go on');
    is($people->approve($id), 200, 'approved');

    $hooks->kill_locked();
    call('pay', { amount => 12 });

    my $outcome = outcome(call('pay', { amount => 12 }));
    my $hits = grep { $_->body =~ /"amount":12\D/ } $upstream->requests();

    # Used or not when it died: it never passes twice.
    cmp_ok($hits, '<=', 1, "at most one call passes ($outcome, $hits)");
    $people->deny($_) for $people->pending();
};

$t->stop();


subtest 'many at once' => sub {
    start(workers => 4);
    $upstream->clear();

    my ($rounds, $clients) = (12, 12);

    for my $n (1 .. $rounds) {
        my $before = $upstream->count;
        my $body = tool_call('pay', { race => $n });

        is($people->approve(approval_id(call('pay', { race => $n }))), 200, "round $n");

        my @clients = map { $t->connect() } 1 .. $clients;
        $_->send_request('POST', '/mcp', body => $body, headers => [ 'X-User' => $user ]) for @clients;

        my %outcomes;
        $outcomes{outcome($_->read_response())}++ for @clients;

        is_deeply(\%outcomes, { ok => 1, approval_required => $clients - 1 }, 'one passes');
        is($upstream->count - $before, 1, 'and no other');
        $people->deny($_) for $people->pending();
    }

    $t->stop();
};


subtest 'restart with state=' => sub {
    my @state = (zone => 'default:1m state=state/zone');

    start(@state);

    my $waits = wanted('pay', { who => 'SECRET-WAITS' });
    my $given = approved('pay', { who => 'SECRET-GIVEN' });
    my $used = approved('pay', { who => 'used' });
    my $denied = wanted('pay', { who => 'denied' });

    is($people->deny($denied, reason => 'Never.'), 200, 'denied');
    is(outcome(call('pay', { who => 'used' })), 'ok', 'used');
    $t->stop();

    my $bytes = slurp($file);
    ok(length $bytes, 'a file');
    unlike($bytes, qr/SECRET/, 'without arguments');

    start(@state);
    is($people->show($waits)->{state}, 'pending', 'what waits is known');
    is($people->approve($waits), 200, 'and can be approved');
    is(outcome(call('pay', { who => 'SECRET-WAITS' })), 'ok', 'and passes');
    is(outcome(call('pay', { who => 'SECRET-GIVEN' })), 'ok', 'what was approved passes');
    isnt(wanted('pay', { who => 'used' }), $used, 'what was used does not');
    is(outcome(call('pay', { who => 'denied' })), 'approval_denied', 'and a no is a no');
    $t->stop();

    start(@state);
    isnt(wanted('pay', { who => 'SECRET-GIVEN' }), $given, 'nor does what was used later');
    $given = approved('other', { n => 1 });
    $t->stop();

    # Clean, but then started and used, and not written before the crash.
    start(@state);
    is(outcome(call('other', { n => 1 })), 'ok', 'used after a clean start');
    crash();
    start(@state);
    is(outcome(call('other', { n => 1 })), 'approval_required', 'and not once more after a crash');

    # The file knows of the approval and not of its use.
    my $id = approval_id(call('other', { n => 2 }));
    saved(sub { $people->approve($id) });
    crash();
    start(@state);
    is(wanted('other', { n => 2 }), $id, 'after a crash a human is asked again');
    is($people->approve($id), 200, 'and approves');
    is(outcome(call('other', { n => 2 })), 'ok', 'it passes');
    $t->stop();

    # One that is killed is not what a clean end is.
    start(@state);
    $id = approved('other', { n => 3 });
    $t->kill_worker();
    $t->stop();
    start(@state);
    is(outcome(call('other', { n => 3 })), 'ok', 'an orderly end after a crash of a worker is one');
    $t->stop();
};


subtest 'state files that are no good' => sub {
    my @state = (zone => 'default:1m state=state/zone');
    my $good = slurp($file);
    my $counters = 48 + unpack('Q', substr($good, 24));

    my %bad = (
        'cut short' => substr($good, 0, length($good) - 1),
        'cut in the header of approvals' => substr($good, 0, $counters + 20),
        'of another version' => substr($good, 0, $counters + 8) . pack('L', 99) . substr($good, $counters + 12),
        'with a flipped bit in a record' => substr($good, 0, -20) . chr(ord(substr($good, -20, 1)) ^ 1) . substr($good, -19),
        'that claims to be clean' => substr($good, 0, $counters + 24) . pack('Q', 2) . substr($good, $counters + 32),
    );

    for my $what (sort keys %bad) {
        open(my $out, '>', $file) or die $!;
        binmode($out);
        print $out $bad{$what};
        close($out);

        my $lines = () = $t->log() =~ /\[warn\].*approvals in the state file/g;

        start(@state);
        is(outcome(call('free', {})), 'ok', "$what: nginx serves");

        my $now = () = $t->log() =~ /\[warn\].*approvals in the state file/g;
        is($now, $lines + 1, 'and tells');

        is(scalar @{$people->request('GET', 'approvals?state=all')->json->{approvals}}, 0, 'nothing is left');
        $t->stop();
    }

    open(my $out, '>', $file) or die $!;
    binmode($out);
    print $out substr($good, 0, $counters);
    close($out);

    my $lines = () = $t->log() =~ /\[warn\]/g;

    start(@state);
    is(outcome(call('free', {})), 'ok', 'a file of the version before, which has no approvals');

    my $now = () = $t->log() =~ /\[warn\]/g;
    is($now, $lines, 'is as good as ever');
};

done_testing();
