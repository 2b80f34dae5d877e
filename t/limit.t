#!/usr/bin/perl

# The directive limit, through nginx, by a clock that the test sets: keys,
# named counters, costs, algorithms, batches, dry runs, and what is told.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;
use MCPTest::Hooks;

my $t = MCPTest->new(timeout => 90);
my $hooks = MCPTest::Hooks->new($t);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 2;
events { }
http {
    %%TEST_GLOBALS_HTTP%%

    log_format limit '$mcp_tool $mcp_decision $mcp_reason '
                     'remaining=$mcp_limit_remaining reset=$mcp_limit_reset';

    mcp_policy limits {
        tool minute { limit 2/minute; }
        tool hour { limit 2/hour; }
        tool day { limit 2/day; }
        tool ninety { limit 2/90m; }
        tool per_global { limit 1/hour per=global; }
        tool per_session { limit 1/hour per=grant,session; }
        tool per_arg { limit 1/hour per=args.account; }
        tool per_deep { limit 1/hour per=args.a.b[0]; }
        tool per_var { limit 1/hour "per=$http_x_tenant"; }
        tool compound { limit 1/hour per=grant,args.account; }
        tool several { limit 2/10s counter=fast; limit 3/minute; }
        tool each_* { limit 1/hour; }
        tool send mail { limit 2/hour counter=outgoing; }
        tool spend { limit 100/day cost=args.amount per=global; }
        tool heavy { limit 10/hour cost=4; }
        tool cents { limit 1/day cost=0.1; }
        tool sliding { limit 4/minute algorithm=sliding; }
        tool bucket { limit 6/minute algorithm=bucket burst=2; }
        tool single { limit 6/minute algorithm=bucket; }
        tool checked { limit 1/hour; arg ok eq true; }
        tool ruled { rule large { arg amount gt 100; limit 1/day; message "One large amount a day."; } }
        tool shy { denial error; limit 1/hour; }
        tool rehearsed { dry_run on; limit 1/hour; }
        tool dry { limit 2/hour per=global; }
        prompt greet { limit 1/hour; }
        resource file:///srv/* { limit 1/hour; }
        method completion/complete { limit 1/hour; }
        method tools/call { limit 1000/day counter=calls; }
    }

    mcp_policy all {
        tool a b c { }
        tool * { limit 3/hour; limit 4/day per=global counter=all; }
    }

    server {
        listen 127.0.0.1:8080;
        access_log %%TESTDIR%%/access.log limit;
        mcp_grant $http_x_grant;

        location /mcp { mcp_enforce limits; proxy_pass http://127.0.0.1:8081; }
        location /all { mcp_enforce all; proxy_pass http://127.0.0.1:8081; }

        location /status {
            mcp_enforce limits;
            mcp_denial status;
            proxy_pass http://127.0.0.1:8081;
        }

        location /dry {
            mcp_enforce limits;
            mcp_dry_run on;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $grant = 'one';

$hooks->clock('2026-01-15T10:30:00Z');
$t->run();


sub send_call {
    my ($tool, $arguments, %options) = @_;

    return $t->post(tool_call($tool, $arguments),
        uri => $options{uri},
        headers => [ 'X-Grant' => $options{grant} // $grant,
                     @{$options{headers} || []} ]);
}


# What became of it: ok, or action and reason.
sub call {
    my $json = send_call(@_)->json;
    my $decision = $json->{error}
        ? $json->{error}{data}
        : $json->{result}{_meta}{'ngx-mcp-policy/decision'};

    return $decision ? "$decision->{action} $decision->{reason}" : 'ok';
}


sub passes {
    my ($count, $tool, $arguments, %options) = @_;
    return scalar grep { call($tool, $arguments, %options) eq 'ok' }
        1 .. $count;
}


my $limited = 'limit rate_limited';

subtest 'keys' => sub {
    is(passes(3, 'minute'), 2, 'by grant unless said otherwise');
    is(passes(3, 'minute', {}, grant => 'two'), 2, 'another grant has its own');
    is(call('minute', {}, grant => ''), 'deny no_key', 'without a grant: refused');

    is(passes(1, 'per_global'), 1, 'global');
    is(call('per_global', {}, grant => 'two'), $limited, 'is for all');

    my @session = (headers => [ 'Mcp-Session-Id' => 's1' ]);
    is(passes(2, 'per_session', {}, @session), 1, 'session');
    is(passes(2, 'per_session', {}, headers => [ 'Mcp-Session-Id' => 's2' ]), 1, 'another session');
    is(passes(2, 'per_session'), 1, 'none: the grant stands in');

    is(passes(2, 'per_arg', { account => 7 }), 1, 'argument');
    is(call('per_arg', { account => 7 }, grant => 'two'), $limited, 'whoever calls');
    is(passes(1, 'per_arg', { account => '7' }), 1, 'a string is another key');
    is(call('per_arg'), 'deny no_key', 'missing');
    is(call('per_arg', { account => undef }), 'deny no_key', 'null');
    is(call('per_arg', { account => [ 7 ] }), 'deny no_key', 'an array');

    is(passes(2, 'per_deep', { a => { b => [ 'x', 'y' ] } }), 1, 'a path');
    is(call('per_deep', { a => { b => [ 'z', 'y' ] } }), 'ok', 'looks at its end');

    is(passes(2, 'per_var', {}, headers => [ 'X-Tenant' => 'acme' ]), 1, 'variable');
    is(call('per_var', {}, headers => [ 'X-Tenant' => 'globex' ]), 'ok', 'another value');
    is(call('per_var'), 'deny no_key', 'an empty one');

    is(passes(2, 'compound', { account => 1 }), 1, 'compound');
    is(call('compound', { account => 2 }), 'ok', 'differs in one part');
    is(call('compound', { account => 1 }, grant => 'two'), 'ok', 'or the other');
};

subtest 'numbers by value' => sub {
    for my $number ('1e2', '100', '100.0') {
        my $body = tool_call('per_arg', { account => 'N' }) =~ s/"N"/$number/r;
        my $response = $t->post($body, headers => [ 'X-Grant' => 'n' ]);
        my $refused = !!$response->json->{result}{isError};
        is($refused, $number ne '1e2', "$number is the same key");
    }
};

subtest 'counters' => sub {
    is(passes(2, 'each_a'), 1, 'a glob counts by called tool');
    is(passes(2, 'each_b'), 1, 'each its own');

    is(call('send'), 'ok', 'a named counter');
    is(call('mail'), 'ok', 'is shared');
    is(call('send'), $limited, 'by its users');
    is(call('mail'), $limited, 'all of them');

    is(passes(3, 'several'), 2, 'several limits: the tighter one');
    $hooks->forward(10);
    is(passes(3, 'several'), 1, 'then the other one');
};

subtest 'tool *' => sub {
    is(call('a', {}, uri => '/all'), 'ok', 'a');
    is(call('b', {}, uri => '/all'), 'ok', 'b');
    is(call('c', {}, uri => '/all'), 'ok', 'and c');
    is(call('a', {}, uri => '/all'), $limited, 'have one counter');
    is(passes(2, 'a', {}, uri => '/all', grant => 'two'), 1, 'and a second limit, for everybody');
};

subtest 'costs' => sub {
    is(call('spend', { amount => 60 }), 'ok', '60 of 100');
    is(call('spend', { amount => 40.000001 }), $limited, 'a millionth too much');
    is(call('spend', { amount => 39.999999 }), 'ok', 'a refused call took nothing');
    is(call('spend', { amount => 0.000001 }), 'ok', 'to the millionth');
    is(call('spend', { amount => 0.000001 }), $limited, 'and no more');
    is(call('spend', { amount => 0 }), 'ok', 'nothing costs nothing');

    for my $amount ('"5"', 'null', '-1', '0.0000001', '1e30', 'true', '[5]') {
        my $body = tool_call('spend', { amount => 'N' }) =~ s/"N"/$amount/r;
        my $json = $t->post($body, headers => [ 'X-Grant' => 'n' ])->json;

        is($json->{result}{_meta}{'ngx-mcp-policy/decision'}{reason}, 'bad_cost', "amount $amount");
        is($json->{result}{_meta}{'ngx-mcp-policy/decision'}{action}, 'deny', 'is no matter of time');
    }

    is(call('spend'), 'deny bad_cost', 'no amount');
    like(send_call('spend')->json->{result}{content}[0]{text}, qr/^\[POLICY DENIED\] .*amount/, 'the text names it');

    is(passes(4, 'heavy'), 2, '4 and 4 of 10');
    is(passes(12, 'cents'), 10, 'ten tenths');
};

subtest 'windows' => sub {
    $hooks->clock('2026-03-01T10:59:59.999Z');
    $grant = 'windows';

    is(passes(3, $_), 2, $_) for qw/ minute hour day ninety /;

    $hooks->clock('2026-03-01T11:00:00Z');
    is(passes(3, 'minute'), 2, 'the next minute, a millisecond later');
    is(passes(3, 'hour'), 2, 'the next hour');
    is(call('day'), $limited, 'the same day');
    is(call('ninety'), $limited, 'the same 90 minutes');

    $hooks->clock('2026-03-01T12:00:00Z');
    is(passes(3, 'ninety'), 2, '90 minutes are counted from the epoch');

    $hooks->clock('2026-03-01T23:59:59.999Z');
    is(call('day'), $limited, 'until midnight');
    $hooks->clock('2026-03-02T00:00:00Z');
    is(passes(3, 'day'), 2, 'UTC');

    $hooks->clock('2026-03-01T11:00:00Z');
    is(call('day'), $limited, 'a clock that goes back frees nothing');
    is(call('minute'), $limited, 'in no window');
    $hooks->clock('2026-03-02T00:00:01Z');
};

subtest 'sliding' => sub {
    $hooks->clock('2026-03-03T10:00:30Z');
    is(passes(5, 'sliding'), 4, 'four');
    $hooks->clock('2026-03-03T10:01:00Z');
    is(passes(2, 'sliding'), 0, 'the window before weighs in full');
    $hooks->clock('2026-03-03T10:01:15Z');
    is(passes(2, 'sliding'), 1, 'a quarter of it is over');
    $hooks->clock('2026-03-03T10:01:30Z');
    is(passes(3, 'sliding'), 1, 'half');
    $hooks->clock('2026-03-03T10:05:00Z');
    is(passes(5, 'sliding'), 4, 'all');
};

subtest 'bucket' => sub {
    $hooks->clock('2026-03-04T10:00:00Z');
    is(passes(4, 'bucket'), 2, 'a burst of two');
    $hooks->forward(9.999);
    is(call('bucket'), $limited, 'then one every ten seconds');
    $hooks->forward(0.001);
    is(passes(2, 'bucket'), 1, 'to the millisecond');
    $hooks->forward(3600);
    is(passes(4, 'bucket'), 2, 'and never more than two at once');
    is(passes(2, 'single'), 1, 'one without burst=');
};

subtest 'batches' => sub {
    my $batch = sub {
        my @tools = @_;
        my $id = 0;

        $upstream->clear();

        my $answers = $t->post('[' . join(',', map { tool_call($_, {}, id => ++$id) } @tools) . ']',
            headers => [ 'X-Grant' => 'batch', 'MCP-Protocol-Version' => '2025-03-26' ])->json;

        return join(' ', map { $_->{error} ? $_->{error}{code} : 'ok' } @$answers);
    };

    is($batch->('hour', 'hour', 'hour'), '-31003 -31003 -31002', 'three of two');
    is($upstream->count, 0, 'nothing went on');
    is($batch->('hour', 'nope'), '-31003 -32602', 'one is refused for another reason');
    is($batch->('hour', 'hour'), 'ok ok', 'and nothing was counted');
    is($upstream->count, 1, 'forwarded whole');
    is($batch->('day', 'hour'), '-31003 -31002', 'now it is used up');
    is($batch->('day', 'day'), 'ok ok', 'and the innocent was not charged');
};

subtest 'a refused call counts nowhere' => sub {
    is(call('checked', { ok => 0 }), 'deny condition', 'a condition after the limit');
    is(passes(2, 'checked', { ok => JSON::PP::true() }), 1, 'the limit is whole');

    is(passes(2, 'ruled', { amount => 5 }), 2, 'calls that are not meant');
    is(passes(2, 'ruled', { amount => 500 }), 1, 'and those that are');
    like(send_call('ruled', { amount => 500 })->json->{result}{content}[0]{text}, qr/One large amount a day/, 'with its message');
    is(send_call('ruled', { amount => 500 })->json->{result}{_meta}{'ngx-mcp-policy/decision'}{rule}, 'large', 'and its name');
};

subtest 'prompts, resources, methods' => sub {
    my %requests = (
        'prompts/get' => { name => 'greet' },
        'resources/read' => { uri => 'file:///srv/a' },
        'completion/complete' => { ref => { type => 'ref/prompt', name => 'greet' }, argument => { name => 'a', value => '' } },
    );

    for my $method (sort keys %requests) {
        my $post = sub { $t->post(rpc($method, $requests{$method}), headers => [ 'X-Grant' => 'm' ])->json };

        ok($post->()->{result}, "$method: one");

        my $error = $post->()->{error};

        is($error->{code}, -31002, 'the second has code -31002');
        is($error->{data}{reason}, 'rate_limited', 'the reason');
        cmp_ok($error->{data}{retryAfterMs}, '>', 0, 'and a time');
    }
};

subtest 'what is told' => sub {
    $hooks->clock('2026-03-05T10:30:48Z');
    $grant = 'told';
    passes(2, 'minute');

    my $json = send_call('minute')->json;

    like($json->{result}{content}[0]{text}, qr/^\[POLICY DENIED\] .*2 calls per minute.*try again in 12 seconds/, 'text');
    is_deeply($json->{result}{_meta}{'ngx-mcp-policy/decision'}, { action => 'limit', reason => 'rate_limited', rule => 'minute', retryAfterMs => 12000 }, 'decision');

    passes(1, 'shy');
    $json = send_call('shy')->json;
    is($json->{error}{code}, -31002, 'as an error');
    is($json->{error}{data}{retryAfterMs}, 1752000, 'with the time');

    my $response = send_call('minute', {}, uri => '/status');
    is($response->status, 429, 'as a status');
    is($response->header('Retry-After'), 12, 'with Retry-After');
    is($response->json->{error}{code}, -31002, 'and code');

    $hooks->forward(0.5);
    is(send_call('minute', {}, uri => '/status')->header('Retry-After'), 12, 'rounded up');
    $hooks->forward(11.5);
    is(call('minute'), 'ok', 'and it holds');
};

subtest 'dry runs count apart' => sub {
    $hooks->clock('2026-03-06T10:00:00Z');
    $grant = 'dry';

    is(passes(4, 'rehearsed'), 4, 'a rule with dry_run on');
    is(passes(4, 'dry', {}, uri => '/dry'), 4, 'a location with mcp_dry_run on');

    # two workers write the log: of these lines the order says nothing
    $t->wait_until(sub {
        my $log = $t->log('access.log');
        (() = $log =~ /^dry /mg) == 4 && (() = $log =~ /^rehearsed /mg) == 4
    });

    my @lines = sort $t->log('access.log') =~ /^rehearsed (.*)/mg;
    like($lines[0], qr/^allow  remaining=0 reset=3600$/, 'the log of the rule');
    like($lines[$_], qr/^dry_limit rate_limited remaining=99\d /, 'with what still holds') for 1 .. 3;

    @lines = sort $t->log('access.log') =~ /^dry (.*)/mg;
    is_deeply(\@lines, [ 'allow  remaining=0 reset=3600', 'allow  remaining=1 reset=3600', ('dry_limit rate_limited remaining=0 reset=3600') x 2 ], 'and of the location')
        or diag(explain(\@lines));

    is(passes(4, 'dry'), 2, 'took nothing from the real counter');
    is(passes(1, 'dry', {}, uri => '/dry'), 1, 'nor the other way round');
};

subtest 'variables' => sub {
    $hooks->clock('2026-03-07T10:59:00.500Z');
    $grant = 'variables';

    my $last = sub {
        my ($tool, $arguments) = @_;

        # another worker may still have to write of an earlier call

        my $lines = sub { $t->log('access.log') =~ /^(\Q$tool\E .*)\n/mg };
        my $before = () = $lines->();

        send_call($tool, $arguments);
        $t->wait_until(sub { (() = $lines->()) > $before });
        return ($lines->())[-1];
    };

    is($last->('hour'), 'hour allow  remaining=1 reset=60', 'after the first, rounded up');
    is($last->('hour'), 'hour allow  remaining=0 reset=60', 'after the last');
    is($last->('hour'), 'hour limit rate_limited remaining=0 reset=60', 'of the limit that refused');
    is($last->('spend', { amount => 50.25 }), 'spend allow  remaining=49.75 reset=46860', 'amounts');
    is($last->('several'), 'several allow  remaining=1 reset=10', 'the tightest of several');
    is($last->('nope'), 'nope deny not_listed remaining=- reset=-', 'nothing was counted');
};

subtest 'the lock' => sub {
    $hooks->clock('2026-03-08T10:00:00Z');
    $grant = 'lock';
    $t->allow_log(qr/exited on signal 9|was locked by/);

    is(call('day'), 'ok', 'a call');
    $hooks->kill_locked();
    is(send_call('day')->status, 0, 'a worker that dies in the lock loses its own');
    is(call('day'), $limited, 'which was charged; the other worker goes on');
    ok($t->wait_log(qr/shared memory zone "default" was locked by/), 'the master gave the lock back');
};

done_testing();
