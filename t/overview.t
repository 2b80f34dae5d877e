#!/usr/bin/perl

# What an admin sees beside the sums: who is how near to which limit, what was
# refused lately, and which tools there are.  The pages of mcp_status and
# mcp_metrics tell of limits, and of nobody.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw/ sha256_hex /;
use JSON::PP;
use MCPTest;
use MCPTest::Hooks;

my $t = MCPTest->new(timeout => 300);
my $hooks = MCPTest::Hooks->new($t);
my $json = JSON::PP->new->utf8->canonical;
my $top = "$FindBin::Bin/..";
my $start = 1_768_473_000;     # 2026-01-15T10:30:00Z

my %echo = (name => 'echo', description => 'Says it again.', inputSchema => { type => 'object' });
my %pay = (name => 'pay', description => 'Transfers money to somebody.', inputSchema => { type => 'object' });


sub conf {
    my (%options) = @_;

    my $zone = $options{zone} || 'mcp_zone default:1m;';
    my $more = $options{more} || '';

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes 3;
events { worker_connections 128; }
http {
    %%TEST_GLOBALS_HTTP%%
    $zone
    mcp_zone pinned:512k;
    mcp_grant \$http_x_grant;
    keepalive_requests 10000;
    client_max_body_size 64m;
    client_body_buffer_size 16k;

    mcp_policy shop {
        hide secret;
        tool search delete_all get_* { }
        tool a b c { limit 10/day counter=shared; }
        tool small { limit 2/day; limit 100/hour; }
        tool 'odd "name"' { rule "large one" { arg n gt 5; limit 4/90m per=global; } }
        tool slide { limit 8/hour algorithm=sliding; }
        tool leak { limit 1/10s algorithm=bucket burst=5; }
        tool money { limit 100.5/day cost=args.n; }
        tool trial { dry_run on; limit 1/day; }
        tool deny { deny; }
        tool * { limit 1000/day; }
        prompt ask { limit 5/day; }
        resource file:///* { }
        $more
    }

    mcp_policy pinned {
        zone pinned;
        mcp_pin pins.json;
        tool echo pay drop_table { }
        tool get_* { }
    }

    mcp_policy open { default allow; }
    mcp_policy_file file policy.json watch=50ms;

    server {
        listen 127.0.0.1:8080 reuseport;
        add_header X-Grant \$mcp_grant always;

        location / { mcp_enforce shop; proxy_pass http://127.0.0.1:8081; }
        location /pinned { mcp_enforce pinned; proxy_pass http://127.0.0.1:8081; }
        location /open { mcp_enforce open; proxy_pass http://127.0.0.1:8081; }
        location /file { mcp_enforce file; proxy_pass http://127.0.0.1:8081; }
        location /dry { mcp_enforce shop; mcp_dry_run on; proxy_pass http://127.0.0.1:8081; }
        location /unknown { mcp_enforce \$http_x_policy; proxy_pass http://127.0.0.1:8081; }
        location = /status { mcp_status; }
        location = /metrics { mcp_metrics; }
        location /admin/ { mcp_admin; }
    }
}
CONF
}


sub page { return $json->decode($t->get($_[0])->body) }
sub overview { return page('/admin/api/overview') }
sub status { return page('/status') }
sub policy_of { my ($page, $name) = @_; return (grep { $_->{name} eq $name } @{$page->{policies}})[0] }

sub call {
    my ($tool, $arguments, %options) = @_;
    my $grant = delete $options{grant} // 'g';
    return $t->post(tool_call($tool, $arguments), headers => [ 'X-Grant' => $grant ], uri => '/mcp', %options);
}

# Of one policy, without "tool *": "tool|rule|limit" of one caller.
sub limits {
    my ($grant) = @_;

    return { map { (($_->{dry_run} ? 'dry ' : '') . "$_->{tool}|$_->{rule}|$_->{limit}" => $_) }
             grep { $_->{rule} ne '*' && (!defined $grant || $_->{grant} eq $grant) } @{overview()->{limits}} };
}

sub read_proc {
    my ($pid) = @_;
    open(my $fh, '<', "/proc/$pid/status") or die "process $pid: $!";
    local $/;
    return scalar <$fh>;
}

sub workers { return $t->wait_until(sub { my $n = () = $t->workers(); $n == 3 }) }


$t->write_file('policy.json', '{"version":"1","default":"deny","tools":{"one":{}}}');
$t->write_file('pins.json', $json->encode({ version => 1, tools => {
    echo => { sha256 => sha256_hex($json->encode(\%echo)), definition => \%echo },
    pay => { sha256 => sha256_hex($json->encode(\%pay)), definition => \%pay },
    gone => { sha256 => 'b' x 64 } } }));

$hooks->clock($start * 1000);
$t->write_file_expand('nginx.conf', conf());

my $upstream = $t->upstream(8081);

$t->run();

my $one = call('search', undef, grant => 'one')->header('X-Grant');
my $two = call('search', undef, grant => 'two')->header('X-Grant');


subtest 'limits' => sub {
    call($_, undef, grant => 'one') for 'a', 'b', 'b', 'c';
    call('a', undef, grant => 'two');
    call('small', undef, grant => 'one') for 1 .. 5;
    call('odd "name"', { n => 9 }, grant => 'one') for 1 .. 3;
    call('odd "name"', { n => 1 }, grant => 'one');
    call('slide', undef, grant => 'one') for 1 .. 2;
    call('leak', undef, grant => 'one') for 1 .. 5;
    call('money', { n => 40.25 }, grant => 'one');
    call('money', { n => 70 }, grant => 'one');
    call('trial', undef, grant => 'one') for 1 .. 3;
    call('small', undef, grant => 'one', uri => '/dry');
    $t->post(rpc('prompts/get', { name => 'ask' }), headers => [ 'X-Grant' => 'one' ]);
    $upstream->sync();

    my $overview = overview();
    my $mine = limits($one);
    my $all = limits();
    my %short = (policy => 'shop', zone => 'default', algorithm => 'fixed', counter => '', grant => $one,
                 dry_run => JSON::PP::false);
    my $day = $start - $start % 86400 + 86400;

    is_deeply($mine->{'|a|10/day'} || $mine->{'|b|10/day'} || $mine->{'|c|10/day'},
              { %short, tool => '', rule => 'a', limit => '10/day', counter => 'shared', amount => '10', used => '4',
                remaining => '6', reset => $day }, 'a counter that tools share');
    is_deeply($mine->{'small|small|2/day'},
              { %short, tool => 'small', rule => 'small', limit => '2/day', amount => '2', used => '2', remaining => '0',
                reset => $day }, 'one at its end');
    is($mine->{'small|small|100/hour'}{used}, '2', 'and what was charged beside it');
    is_deeply($all->{'odd "name"|large one|4/90m'},
              { %short, tool => 'odd "name"', rule => 'large one', limit => '4/90m', amount => '4', used => '3',
                remaining => '1', reset => $start - $start % 5400 + 5400, grant => '' }, 'of nobody by name');
    is_deeply($mine->{'slide|slide|8/hour'},
              { %short, tool => 'slide', rule => 'slide', limit => '8/hour', algorithm => 'sliding', amount => '8',
                used => '2', remaining => '6', reset => $start - $start % 3600 + 7200 }, 'a sliding window');
    is_deeply($mine->{'leak|leak|1/10s'},
              { %short, tool => 'leak', rule => 'leak', limit => '1/10s', algorithm => 'bucket', amount => '5',
                used => '5', remaining => '0', reset => $start + 50 }, 'a bucket');
    is_deeply([ @{$mine->{'money|money|100.5/day'}}{qw/ amount used remaining /} ], [ '100.5', '40.25', '60.25' ],
              'decimals');
    is($mine->{'ask|ask|5/day'}{used}, '1', 'a prompt');
    is($mine->{'dry trial|trial|1/day'}{used}, '1', 'dry run is told');
    is($mine->{'dry small|small|2/day'}{used}, '1', 'that of a location, too');

    my @order = map { $_->{used} / $_->{amount} } @{$overview->{limits}};
    is_deeply(\@order, [ sort { $b <=> $a } @order ], 'the highest utilization comes first');
    is((grep { $_->{rule} eq '*' && $_->{grant} eq $one } @{$overview->{limits}})[0]{tool}, '', 'one for all tools');

    my ($other) = grep { $_->{counter} eq 'shared' && $_->{grant} eq $two } @{$overview->{limits}};
    is($other->{used}, '1', 'another caller has a counter of its own');
};


subtest 'sums' => sub {
    my $limits = sub { my $page = status();
                       return { map { ("$_->{rule}|$_->{limit}|" . ($_->{dry_run} ? 1 : 0) => $_) }
                                @{policy_of($page, 'shop')->{limits}} } };
    my $sums = $limits->();

    is_deeply($sums->{'small|2/day|0'}, { rule => 'small', limit => '2/day', dry_run => JSON::PP::false,
                                          utilization => 1, counters => 1, exhausted => 1 }, 'at the end');
    is($sums->{'small|2/day|1'}{utilization}, 0.5, 'and in dry run, apart');
    is($sums->{'leak|1/10s|0'}{exhausted}, 1, 'a bucket that is empty');
    is($sums->{'money|100.5/day|0'}{utilization}, 0.4004, 'four digits');
    is($sums->{'*|1000/day|0'}{counters}, 2, 'callers are counted');
    is_deeply(policy_of(status(), 'open')->{limits}, [], 'none where there are none');

    call('small', undef, grant => 'two');
    is($limits->()->{'small|2/day|0'}{counters}, 2, 'another caller');
    is($limits->()->{'small|2/day|0'}{utilization}, 1, 'the highest counts');

    my $metrics = $t->get('/metrics')->body;
    my $labels = 'policy="shop",rule="small",limit="2/day",dry_run="false"';
    like($metrics, qr/^mcp_policy_limit_utilization_ratio\{\Q$labels\E\} 1\.0000$/m, 'as a metric');
    like($metrics, qr/^mcp_policy_limit_counters\{\Q$labels\E\} 2$/m, 'how many');
    like($metrics, qr/^mcp_policy_limit_exhausted\{\Q$labels\E\} 1$/m, 'at their end');

    for my $uri ('/status', '/metrics') {
        unlike($t->get($uri)->body, qr/$one|$two/, "$uri tells nobody's hash");
    }
};


subtest 'time' => sub {
    $hooks->forward(5);
    is(limits($one)->{'leak|leak|1/10s'}{used}, '4.5', 'a bucket runs out');
    $hooks->forward(45);
    ok(!limits($one)->{'leak|leak|1/10s'}, 'until nothing is used');
    ok(limits($one)->{'small|small|2/day'}, 'a day is longer');
    $hooks->forward(86400);
    is_deeply(overview()->{limits}, [], 'all windows are over');
    is_deeply(policy_of(status(), 'shop')->{limits}, [], 'for the sums, too');
};


subtest 'refusals' => sub {
    my $long = 'x' x 127 . "\x{e9}" . 'y' x 100;
    my @expected;

    my $expect = sub {
        my ($policy, $method, $tool, $rule, $decision, $reason, %more) = @_;
        unshift @expected, { policy => $policy, method => $method, tool => $tool, rule => $rule, decision => $decision,
                             reason => $reason, grant => $one, dry_run => JSON::PP::false, time => 0, %more };
    };

    $hooks->clock(($start + 200_000) * 1000 + 123);

    call('deny', { planted => 'planted-secret' }, grant => 'one');
    $expect->('shop', 'tools/call', 'deny', 'deny', 'deny', 'denied');
    call('secret', undef, grant => 'two');
    $expect->('shop', 'tools/call', 'secret', '(hidden)', 'deny', 'hidden', grant => $two);
    call('small', undef, grant => 'one') for 1 .. 3;
    $expect->('shop', 'tools/call', 'small', 'small', 'limit', 'rate_limited');
    call('trial', undef, grant => 'one') for 1 .. 2;
    $expect->('shop', 'tools/call', 'trial', 'trial', 'limit', 'rate_limited', dry_run => JSON::PP::true);
    call('deny', undef, grant => 'one', uri => '/dry');
    $expect->('shop', 'tools/call', 'deny', 'deny', 'deny', 'denied', dry_run => JSON::PP::true);
    call($long, undef, grant => 'one');
    $expect->('shop', 'tools/call', 'x' x 127, '(default)', 'deny', 'bad_name');
    $expected[0]{reason} = $expected[0]{rule} = undef;
    $t->post('{"planted-secret"', headers => [ 'X-Grant' => 'one' ]);
    $expect->('shop', '', '', '', 'invalid', 'bad_json');
    $t->post(rpc('tasks/get', { taskId => 'planted-secret' }),
             headers => [ 'X-Grant' => 'one', 'MCP-Protocol-Version' => '2025-11-25' ]);
    $expect->('shop', 'tasks/get', '', '(default)', 'deny', 'unknown_task');
    $expected[0]{rule} = undef;
    $t->post('[' . tool_call('search') . ',' . rpc('tools/call', { name => 'deny', arguments => {} }, id => 2) . ']',
             headers => [ 'X-Grant' => 'one', 'MCP-Protocol-Version' => '2025-03-26' ]);
    $expect->('shop', 'tools/call', 'deny', 'deny', 'deny', 'denied');
    call('search', undef, uri => '/unknown', headers => [ 'X-Policy' => 'planted-secret', 'X-Grant' => 'one' ]);
    $expect->('', 'tools/call', '', '', 'deny', 'unknown_policy');
    $t->request('PUT', '/mcp', body => '', headers => [ 'X-Grant' => '' ]);
    $expect->('shop', '', '', '', 'invalid', 'http_method', grant => '');

    my $response = $t->get('/admin/api/overview');
    my $refusals = $json->decode($response->body)->{refusals};

    for my $i (0 .. $#expected) {
        my $got = $refusals->[$i];
        is($got->{time}, $start + 200_000.123, 'the time') if $i == 0;
        $got->{time} = 0;
        $got->{$_} = undef for grep { !defined $expected[$i]{$_} } keys %{$expected[$i]};
        is_deeply($got, $expected[$i], "$expected[$i]{tool}: " . ($expected[$i]{reason} || 'a long name'));
    }

    unlike($response->body, qr/planted-secret/, 'no argument, no id, no name of a policy');
    like($response->body, qr/"refusals"/, 'and yet refusals');

    for my $uri ('/status', '/metrics') {
        unlike($t->get($uri)->body, qr/$one|$two|bad_name".*xxxx/, "$uri tells nobody");
    }
};


subtest 'schema' => sub {
    my $node = "$top/t/tools/node";

    plan(skip_all => 'the packages of npm are not installed')
        unless -e "$top/t/e2e/node_modules/.installed";

    my $validate = sub {
        my ($schema) = @_;
        local $ENV{ASAN_OPTIONS};
        return `'$node' '$top/t/e2e/validate.mjs' '$top/docs/$schema.schema.json' '${\ $t->dir()}/page.json' 2>&1`;
    };

    call('small');
    my $overview = overview();
    ok(@{$overview->{limits}} && @{$overview->{refusals}}, 'something is on the page');

    $t->write_file('page.json', $json->encode($overview));
    is($validate->('overview'), "valid\n", 'it is as the schema says');

    $overview->{limits}[0]{extra} = 1;
    $t->write_file('page.json', $json->encode($overview));
    like($validate->('overview'), qr/additional/, 'which is strict');

    # what the status has is there as it is
    delete @{$overview}{qw/ limits refusals /};
    delete $_->{tools} for @{$overview->{policies}};
    $t->write_file('page.json', $json->encode($overview));
    is($validate->('status'), "valid\n", 'the rest is the page of mcp_status');

    my ($of_status, $of_overview) = map {
        my $name = $_;
        open(my $fh, '<', "$top/docs/$name.schema.json") or die "$name: $!";
        local $/;
        $json->decode(scalar <$fh>);
    } qw/ status overview /;

    delete $of_overview->{'$defs'}{policy}{properties}{tools};
    is_deeply($of_overview->{'$defs'}{$_}, $of_status->{'$defs'}{$_}, "$_ is described alike")
        for keys %{$of_status->{'$defs'}};
};


subtest 'tools' => sub {
    my %tools = map { ($_->{name} => "$_->{risk} $_->{pin}") } @{policy_of(overview(), 'shop')->{tools}};

    is($tools{search}, 'Read none', 'what a name tells');
    is($tools{delete_all}, 'Destructive none', 'at its worst');
    ok(!exists $tools{'get_*'}, 'patterns are no tools');
    ok(!exists $tools{ask}, 'prompts neither');
    ok(exists $tools{'odd "name"'}, 'odd names are');

    my $pinned = sub { return { map { ($_->{name} => "$_->{risk} $_->{pin}") }
                                @{policy_of(overview(), 'pinned')->{tools}} } };

    is_deeply($pinned->(), { echo => 'Read pinned', pay => 'Financial pinned', drop_table => 'Destructive unpinned',
                             gone => 'Execute pinned' }, 'pinned definitions tell more') or diag(explain($pinned->()));
    is_deeply(policy_of(status(), 'pinned')->{pins}, { pinned => 3, changed => 0 }, 'in the status: how many');

    $upstream->respond(200, body => $json->encode({ jsonrpc => '2.0', id => 1, result => { tools => [
        \%echo, { %pay, description => 'Does nothing at all.' } ] } }));
    $t->post(rpc('tools/list', {}), uri => '/pinned');
    $upstream->clear();

    is($pinned->()->{pay}, 'Financial changed', 'a definition that has changed');
    is($pinned->()->{echo}, 'Read pinned', 'and one that has not');
    is_deeply(policy_of(status(), 'pinned')->{pins}, { pinned => 3, changed => 1 }, 'in the status: one');
    like($t->get('/metrics')->body, qr/^mcp_policy_changed_tools\{policy="pinned"\} 1$/m, 'in the metrics, too');
    ok(!policy_of(status(), 'shop')->{pins}, 'who pins nothing says nothing');
    ok(!policy_of(status(), 'pinned')->{tools}, 'tools are for the admin');
    $t->allow_log(qr/the definition of tool "pay" has changed/);
};


subtest 'a policy file with errors' => sub {
    my $rejected = sub { return policy_of(status(), 'file')->{file}{rejected} };
    my $good = $t->read_file('policy.json');

    ok(!$rejected->(), 'not at first');

    $t->allow_log(qr/policy "file" is left as it was|policy\.json/);
    $t->write_file('policy.json', '{"version":"1","default":"deny","tools":{"one":{"nosuch":1}}}');
    ok($t->wait_until(sub { $rejected->() }), 'when its content is bad');
    is(policy_of(status(), 'file')->{file}{generation}, 1, 'the old one is in force');
    like($t->get('/metrics')->body, qr/^mcp_policy_file_rejected\{policy="file"\} 1$/m, 'as a metric');

    $t->write_file('policy.json', $good);
    ok($t->wait_until(sub { !$rejected->() }), 'not when it is put back');

    $t->write_file('policy.json', '{');
    ok($t->wait_until(sub { $rejected->() }), 'bad again');
    $t->write_file('policy.json', '{"version":"1","default":"deny","tools":{"two":{}}}');
    ok($t->wait_until(sub { !$rejected->() && policy_of(status(), 'file')->{file}{generation} == 2 }),
       'until another good one');
};


subtest 'many at once' => sub {
    my @clients = map { $t->connect() } 1 .. 6;

    for my $n (1 .. 60) {
        for my $i (0 .. 5) {
            $clients[$i]->send_request('POST', '/open', body => tool_call("bad name $i" . $i x 100),
                                       headers => [ 'X-Grant' => "g$i" ]);
        }
        $_->read_response() for @clients;
    }

    $_->close() for @clients;

    my $refusals = overview()->{refusals};
    my @torn = grep { $_->{tool} !~ /^bad name (\d)\1{100}$/ } @$refusals;
    my %grants = map { ($_->{tool} => $_->{grant}) } @$refusals;

    cmp_ok(scalar @$refusals, '>', 50, 'there are as many as there is room for');
    cmp_ok(scalar @$refusals, '<=', 100, 'and no more');
    is_deeply(\@torn, [], 'each is whole');
    is_deeply([ grep { $_->{grant} ne $grants{$_->{tool}} } @$refusals ], [], 'and of one');
};


subtest 'a flood of callers' => sub {
    call('small', undef, grant => 'one') for 1 .. 3;
    call('slide', undef, grant => 'one') for 1 .. 4;
    ok(limits($one)->{'small|small|2/day'}, 'one is at its end');

    my $client = $t->connect();

    for my $n (1 .. 1500) {
        $client->send_request('POST', '/mcp', body => tool_call('slide'), headers => [ 'X-Grant' => "flood $n" ]);
        $client->read_response()->status == 200 or fail("call $n");
    }

    my $overview = overview();
    my $mine = limits($one);

    is($mine->{'small|small|2/day'}{used}, '2', 'that is still to be seen');
    is($mine->{'slide|slide|8/hour'}{used}, '4', 'as what is used more than by the flood');
    is($overview->{limits}[0]{used} / $overview->{limits}[0]{amount}, 1, 'first');
    cmp_ok(scalar @{$overview->{limits}}, '<=', 200, 'the page is bounded');

    my ($sum) = grep { $_->{rule} eq 'slide' } @{policy_of(status(), 'shop')->{limits}};
    cmp_ok($sum->{counters}, '>', 10, 'callers are known');
    cmp_ok($sum->{counters}, '<', 200, 'as many as there is room for');
    is($sum->{utilization}, 0.5, 'and the highest among them');

    # one of them comes near to its end, and into view
    call('slide', undef, grant => 'flood 700') for 1 .. 8;

    my ($risen) = grep { $_->{rule} eq 'slide' && $_->{used} eq '8' } @{overview()->{limits}};
    ok($risen, 'whoever uses more takes the place of one that uses less');
};


subtest 'reload, and a worker that dies' => sub {
    my $before = limits($one);
    my $refusals = overview()->{refusals};

    $t->reload();
    is_deeply(limits($one), $before, 'a reload keeps who it was');
    is_deeply(overview()->{refusals}, $refusals, 'and what was refused');

    $t->kill_worker();
    ok(workers(), 'a worker died');
    is_deeply(limits($one), $before, 'nothing went with it');

    $t->allow_log(qr/exited on signal 9|shared memory zone "default" was locked/);
    $hooks->kill_locked();
    eval { call('a', undef, grant => 'one') };
    ok($t->wait_log(qr/worker process \d+ exited on signal 9/), 'another died with the lock');
    workers();
    call('b', undef, grant => 'one');
    my ($shared) = grep { $_->{counter} eq 'shared' } values %{limits($one)};
    ok($shared, 'and the next ones go on');
};


subtest 'another size' => sub {
    my $before = limits($one);
    my $refusals = overview()->{refusals};

    $t->write_file_expand('nginx.conf', conf(zone => 'mcp_zone default:4m;'));
    $t->reload();
    is_deeply(limits($one), $before, 'a larger zone has them');
    is_deeply([ @{overview()->{refusals}}[0 .. 20] ], [ @{$refusals}[0 .. 20] ], 'and the refusals');

    $t->write_file_expand('nginx.conf', conf(zone => 'mcp_zone default:512k;'));
    $t->reload();
    my $overview = overview();
    cmp_ok(scalar @{$overview->{limits}}, '>', 0, 'a smaller one has some');
    is($overview->{limits}[0]{used} / $overview->{limits}[0]{amount}, 1, 'those at their end');
    cmp_ok(scalar @{$overview->{refusals}}, '>', 0, 'and some refusals');
    is_deeply($overview->{refusals}[0], $refusals->[0], 'the newest');

    call('deny', undef, grant => 'two');
    is(overview()->{refusals}[0]{grant}, $two, 'newer ones come before them');
};

$t->stop();


mkdir($t->dir() . '/state');
chmod(0777, $t->dir() . '/state');
$t->write_file_expand('nginx.conf', conf(zone => 'mcp_zone default:1m state=state/counters;'));
$t->run();

subtest 'a restart' => sub {
    call('small', undef, grant => 'one') for 1 .. 2;
    call('slide', undef, grant => 'one');
    my $one_now = call('search', undef, grant => 'one')->header('X-Grant');

    $t->stop();
    $t->run();

    is_deeply(limits(), {}, 'the file has counters without names');
    is(call('small', undef, grant => 'one')->header('X-Grant'), $one_now, 'but the same hashes');
    is(limits($one_now)->{'small|small|2/day'}{used}, '2', 'who is refused is told of');
    call('slide', undef, grant => 'one');
    is(limits($one_now)->{'slide|slide|8/hour'}{used}, '2', 'as is who is charged, with what was used before');
};


subtest 'requests that fail' => sub {
    my ($prlimit) = grep { -x } map { "$_/prlimit" } split(/:/, $ENV{PATH});

    plan(skip_all => 'there is no prlimit') unless $prlimit;
    plan(skip_all => 'a sanitizer ends the worker instead') if $ENV{TEST_SANITIZE};

    # a body of which a worker that may have little more memory makes nothing
    my ($size) = read_proc(($t->workers())[0]) =~ /^VmSize:\s+(\d+) kB/m;
    my $limit = sub { system($prlimit, '--pid', $$, "--as=$_[0]:") == 0 or die 'prlimit failed' };

    $t->stop();
    $limit->(($size + 12 * 1024) * 1024);
    $t->run();
    $limit->('unlimited');

    $t->allow_log(qr/malloc\(\d+\) failed|posix_memalign|Cannot allocate memory/);
    my $response = call('search', { text => 'x' x (24 * 1024 * 1024) }, grant => 'one');
    is($response->status, 500, 'it is refused');

    my ($series) = grep { $_->{reason} eq 'internal' } @{policy_of(status(), 'shop')->{series}};
    is_deeply($series, { method => '', tool => '', decision => 'deny', dry_run => JSON::PP::false, reason => 'internal',
                         count => 1 }, 'and counted');
    is(overview()->{refusals}[0]{reason}, 'internal', 'and told of');
};

done_testing();
