#!/usr/bin/perl

# mcp_status and mcp_metrics: every decision is counted once, whichever of
# the workers took it, and no name that a client makes up pushes out another.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw/ sha256_hex /;
use JSON::PP;
use MCPTest;
use MCPTest::Hooks;

my $t = MCPTest->new(timeout => 200);
my $hooks = MCPTest::Hooks->new($t);
my $json = JSON::PP->new->utf8->canonical;
my $top = "$FindBin::Bin/..";


sub conf {
    my (%options) = @_;

    my $zone = $options{zone} || 'mcp_zone default:1m;';
    my $more = $options{more} || '';
    my $shop = $options{shop} || '';

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes 3;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    $zone
    mcp_grant \$http_x_grant;

    mcp_policy shop {
        hide secret;
        tool search get_* { }
        tool 'we"ird\\\\ name
line' { }
        tool deny { deny; }
        tool condition { arg n lte 5; }
        tool deny_if { deny_if { arg n gt 5; } }
        tool limited { limit 2/day counter=two per=global; }
        tool bad_cost { limit 5/day cost=args.n; }
        tool no_key { limit 5/day per=args.n; }
        tool approve { approve; }
        tool dry { deny; dry_run on; }
        tool task { }
        resource file:///docs/* { }
        resource file:///docs/known { }
        prompt ask { }
        $shop
    }

    mcp_policy open { default allow; }
    mcp_policy_file file policy.json watch=50ms;

    server {
        listen 127.0.0.1:8080 reuseport;

        location / { mcp_enforce shop; proxy_pass http://127.0.0.1:8081; }
        location /open { mcp_enforce open; proxy_pass http://127.0.0.1:8081; }
        location /file { mcp_enforce file; proxy_pass http://127.0.0.1:8081; }
        location /dry { mcp_enforce shop; mcp_dry_run on; proxy_pass http://127.0.0.1:8081; }
        location /unknown { mcp_enforce \$http_x_policy; proxy_pass http://127.0.0.1:8081; }

        location /status {
            mcp_status;
            allow 127.0.0.1;
            deny all;
        }

        location /metrics {
            mcp_metrics;
            allow 127.0.0.1;
            deny all;
        }

        location /closed { mcp_status; deny all; }
        $more
    }
}
CONF
}


# The text format 0.0.4, to the letter: what Prometheus would refuse dies.
sub parse_metrics {
    my ($text) = @_;

    my (%metrics, %type, %help, %seen, $family);

    die "no line end at the end\n" if $text !~ /\n\z/;

    for my $line (split(/\n/, $text)) {
        if ($line =~ /^# HELP ([a-z_:][a-z0-9_:]*) (\S.*)$/) {
            die "second HELP: $line\n" if $help{$1}++;
            $family = $1;
            next;
        }

        if ($line =~ /^# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram)$/) {
            die "TYPE without its HELP: $line\n" if $family ne $1;
            die "second TYPE: $line\n" if $type{$1};
            my ($name, $type) = ($1, $2);
            die "counter without _total: $line\n" if ($type eq 'counter') != ($name =~ /_total$/);
            $type{$name} = $type;
            next;
        }

        $line =~ /\G([a-z_:][a-z0-9_:]*)\{/gc or die "no sample: $line\n";
        my ($name, %labels) = ($1);

        while ($line =~ /\G([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|(?=\}))/gc) {
            my ($label, $value) = ($1, $2);
            die "label twice: $line\n" if exists $labels{$label};
            $value =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ge;
            utf8::decode($value) or die "no UTF-8: $line\n";
            $labels{$label} = $value;
        }

        $line =~ /\G\} ([0-9]+(?:\.[0-9]+)?)$/gc or die "no value: $line\n";
        my $value = $1;

        my $base = $name;
        $base =~ s/_(bucket|sum|count)$// if ($type{$family} || '') eq 'histogram';
        die "outside of its family: $line\n" if $base ne $family;
        die "no type: $line\n" if !$type{$base};

        my $key = join('|', map { "$_=$labels{$_}" } sort keys %labels);
        die "sample twice: $line\n" if $seen{"$name|$key"}++;

        push @{$metrics{$name}}, { labels => \%labels, value => $value };
    }

    return \%metrics;
}


sub status {
    my $response = $t->get('/status');
    return $json->decode($response->body);
}


sub metrics { return parse_metrics($t->get('/metrics')->body) }


# "policy|method|tool|decision|reason" to count, as both pages have it.
sub series {
    my %status;

    for my $policy (@{status()->{policies}}) {
        for my $series (@{$policy->{series}}) {
            my $decision = ($series->{dry_run} ? 'dry_' : '') . $series->{decision};
            $status{join('|', $policy->{name}, $series->{method}, $series->{tool}, $decision,
                         $series->{reason})} = $series->{count};
        }
    }

    my %metrics = map {
        my $labels = $_->{labels};
        (join('|', map { $labels->{$_} } qw/ policy method tool decision reason /) => $_->{value})
    } @{metrics()->{mcp_policy_decisions_total}};

    is_deeply(\%metrics, \%status, 'both pages say the same');

    return \%status;
}


# What has changed since "before".
sub changes {
    my ($before) = @_;

    my $now = series();
    my %changes;

    for my $key (keys %$now) {
        my $change = $now->{$key} - ($before->{$key} || 0);
        $changes{$key} = $change if $change;
    }

    ok(!(grep { !defined $now->{$_} || $now->{$_} < $before->{$_} } keys %$before), 'no count falls');

    return \%changes;
}


sub call {
    my ($tool, $arguments, %options) = @_;
    return $t->post(tool_call($tool, $arguments), headers => [ 'X-Grant' => 'g' ], uri => '/mcp', %options);
}


subtest 'configuration' => sub {
    my %wrong = (
        'location /x { mcp_status; mcp_status; }' => qr/"mcp_status" directive is duplicate/,
        'location /x { mcp_status; mcp_metrics; }' => qr/"mcp_metrics" directive needs a location of its own/,
        'location /x { mcp_metrics on; }' => qr/invalid number of arguments in "mcp_metrics"/,
        'mcp_status;' => qr/"mcp_status" directive is not allowed here/,
    );

    $t->write_file('policy.json', '{"version":"1","default":"deny","tools":{"one":{}}}');

    for my $more (sort keys %wrong) {
        my ($ok, $output) = $t->test_config(conf(more => $more));

        ok(!$ok, "$more is refused");
        like($output, $wrong{$more}, 'with the reason');
    }

    my ($ok, $output) = $t->test_config(<<'CONF');
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    server { listen 127.0.0.1:8080; location / { mcp_status; } }
}
CONF
    ok($ok, 'a page without any policy') or diag($output);
};


$hooks->clock('2026-01-15T10:30:00Z');
$t->write_file_expand('nginx.conf', conf());

my $upstream = $t->upstream(8081);

$t->run();


subtest 'the pages' => sub {
    my $status = $t->get('/status');
    is($status->status, 200, 'mcp_status');
    is($status->header('Content-Type'), 'application/json', 'is JSON');
    is($status->header('Cache-Control'), 'no-store', 'not to be kept');

    my $metrics = $t->get('/metrics');
    is($metrics->status, 200, 'mcp_metrics');
    is($metrics->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8', 'is text');
    is($metrics->header('Cache-Control'), 'no-store', 'not to be kept');

    for my $uri ('/status', '/metrics') {
        my $head = $t->request('HEAD', $uri);
        is($head->status, 200, "HEAD $uri");
        cmp_ok($head->header('Content-Length'), '>', 100, 'with the length');
        is($head->body, '', 'without a body');

        for my $method ('POST', 'PUT', 'DELETE', 'OPTIONS') {
            my $response = $t->request($method, $uri, body => $method eq 'POST' ? tool_call('search') : undef);
            is($response->status, 405, "$method $uri");
            is($response->header('Allow'), 'GET, HEAD', 'says what is allowed');
        }
    }

    is($t->get('/closed')->status, 403, 'who may look is the operator\'s to say');

    $status = status();
    is($status->{schema}, 1, 'the version of the schema');
    like($status->{nginx}, qr/^1\.\d+\.\d+$/, 'the version of nginx');
    ok((grep { $_ == $status->{pid} } $t->workers()), 'a worker answers');
    is_deeply([ map { $_->{name} } @{$status->{policies}} ], [ 'shop', 'open', 'file' ], 'the policies');
    is_deeply(series(), {}, 'nothing was decided, and looking is no decision');
};


subtest 'every reason' => sub {
    my %expected;

    my $expect = sub {
        my ($key, $count) = @_;
        $expected{$key} += $count || 1;
    };

    call('search');
    $expect->('shop|tools/call|search|allow|');
    call('get_one');
    $expect->('shop|tools/call|get_one|allow|');
    call('secret');
    $expect->('shop|tools/call|secret|deny|hidden');
    call('nobody');
    $expect->('shop|tools/call|nobody|deny|not_listed');
    call('bad name', undef, uri => '/open');
    $expect->('open|tools/call|other|deny|bad_name');
    call("bad \"\\\n{}= name", undef, uri => '/open');
    $expect->('open|tools/call|other|deny|bad_name');
    call("we\"ird\\ name\nline");
    $expect->("shop|tools/call|we\"ird\\ name\nline|allow|");
    call('deny');
    $expect->('shop|tools/call|deny|deny|denied');
    call('condition', { n => 6 });
    $expect->('shop|tools/call|condition|deny|condition');
    call('deny_if', { n => 6 });
    $expect->('shop|tools/call|deny_if|deny|deny_if');
    call('bad_cost', { n => 'x' });
    $expect->('shop|tools/call|bad_cost|deny|bad_cost');
    call('no_key');
    $expect->('shop|tools/call|no_key|deny|no_key');
    call('approve');
    call('dry');
    $expect->('shop|tools/call|dry|dry_deny|denied');
    call('deny', undef, uri => '/dry');
    $expect->('shop|tools/call|deny|dry_deny|denied');
    call('search', undef, uri => '/dry');
    $expect->('shop|tools/call|search|allow|');

    call('limited') for 1 .. 5;
    $expect->('shop|tools/call|limited|allow|', 2);
    $expect->('shop|tools/call|limited|limit|rate_limited', 3);

    call('search', undef, uri => '/unknown', headers => [ 'X-Policy' => 'nosuch' ]);
    $expect->('|tools/call||deny|unknown_policy');

    my @common = (headers => [ 'X-Grant' => 'g' ]);
    $t->post(rpc('prompts/get', { name => 'ask' }), @common);
    $expect->('shop|prompts/get|ask|allow|');
    $t->post(rpc('resources/read', { uri => 'file:///docs/known' }), @common);
    $expect->('shop|resources/read|file:///docs/known|allow|');
    $t->post(rpc('resources/read', { uri => 'file:///docs/planted-secret' }), @common);
    $expect->('shop|resources/read|other|allow|');
    $t->post(rpc('resources/read', { uri => 'file:///docs/../x' }), @common);
    $expect->('shop|resources/read|other|deny|bad_uri');
    $t->post(rpc('custom/planted-secret', {}), @common);
    $expect->('shop|other||deny|method');
    $t->post(rpc('tasks/get', { taskId => 'planted-secret' }),
             headers => [ 'X-Grant' => 'planted-secret', 'MCP-Protocol-Version' => '2025-11-25' ]);
    $expect->('shop|tasks/get||deny|unknown_task');

    $t->post(rpc('initialize', { protocolVersion => '2025-06-18', capabilities => {},
                                 clientInfo => { name => 'planted-secret', version => '1' } }), @common);
    $expect->('shop|initialize||allow|');
    $t->post(rpc('notifications/initialized', undef, id => undef), @common);
    $expect->('shop|notification||allow|');
    $t->post('{"jsonrpc":"2.0","id":7,"result":{}}', @common);
    $expect->('shop|response||allow|');
    $t->get('/mcp');
    $expect->('shop|GET||allow|');
    $t->request('DELETE', '/mcp', headers => [ 'Mcp-Session-Id' => 'planted-secret' ]);
    $expect->('shop|DELETE||allow|');

    # each message of a batch
    $t->post('[' . tool_call('search') . ',' . rpc('tools/call', { name => 'deny', arguments => {} }, id => 2) . ']',
             headers => [ 'MCP-Protocol-Version' => '2025-03-26' ]);
    $expect->('shop|tools/call|search|deny|batch');
    $expect->('shop|tools/call|deny|deny|denied');

    my %invalid = (
        '{"planted-secret"' => 'bad_json',
        '{"id":1,"id":2}' => 'duplicate_key',
        '{"jsonrpc":"2.0","id":1,"Method":"ping"}' => 'case_variant',
        '{"jsonrpc":"2.0","id":1,"method":"ping","x":1}' => 'unknown_member',
        '{"jsonrpc":"1.0","id":1,"method":"ping"}' => 'bad_jsonrpc',
        '{"jsonrpc":"2.0","id":[],"method":"ping"}' => 'bad_id',
        '{"jsonrpc":"2.0","id":1,"method":5}' => 'bad_method',
        '{"jsonrpc":"2.0","id":1,"method":"ping","params":5}' => 'bad_params',
        '{"jsonrpc":"2.0","method":"ping"}' => 'request_without_id',
        '{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}' => 'notification_with_id',
        '[]' => 'bad_batch',
    );

    for my $body (sort keys %invalid) {
        $t->post($body);
        $expect->("shop|||invalid|$invalid{$body}");
    }

    $t->post(tool_call('search'), headers => [ 'Content-Type' => 'text/plain' ]);
    $expect->('shop|||invalid|content_type');
    $t->post('{', uri => '/dry');
    $expect->('shop|||dry_invalid|bad_json');
    $t->request('PUT', '/mcp', body => '');
    $expect->('shop|||invalid|http_method');

    $upstream->sync();

    my $now = series();
    my @approve = grep { /\|approve\|/ } keys %$now;
    is(scalar @approve, 1, 'a call that needs approval is counted');
    is($now->{$approve[0]}, 1, 'once');
    delete $now->{$approve[0]};

    is_deeply($now, \%expected, 'all of them, once each') or do {
        diag("missing $_") for grep { !defined $now->{$_} || $now->{$_} != $expected{$_} } keys %expected;
        diag("found $_ $now->{$_}") for grep { !defined $expected{$_} } keys %$now;
    };

    my ($shop) = grep { $_->{name} eq 'shop' } @{status()->{policies}};
    my ($none) = grep { $_->{source} eq 'none' } @{status()->{policies}};

    is($shop->{decisions}{limit}, 3, 'limits that refused');
    is($shop->{decisions}{invalid}, 13, 'input that is malformed');
    is($shop->{dry_run}{deny}, 2, 'dry run, apart');
    is($shop->{dry_run}{invalid}, 1, 'malformed in dry run');
    is($none->{name}, '', 'a policy that does not exist has no name');
    is($none->{decisions}{deny}, 1, 'and refuses');
};


subtest 'no secrets' => sub {
    call('planted-secret', { 'planted-secret' => 'planted-secret' },
         headers => [ Authorization => 'planted-secret', 'X-Grant' => 'planted-secret',
                      'Mcp-Session-Id' => 'planted-secret' ], uri => '/open?planted-secret');
    my ($name) = grep { /planted-secret/ } keys %{series()};
    is($name, 'open|tools/call|planted-secret|allow|', 'a plain name of a tool is one, whatever it says');

    my $pages = $t->get('/status')->body . $t->get('/metrics')->body;
    my $n = () = $pages =~ /planted-secret/g;
    is($n, 2, 'and nothing else of a call is on the pages');
};


subtest 'schema' => sub {
    my $node = "$top/t/tools/node";

    plan(skip_all => 'the packages of npm are not installed')
        unless -e "$top/t/e2e/node_modules/.installed";

    $t->write_file('page.json', $t->get('/status')->body);

    my $run = sub {
        local $ENV{ASAN_OPTIONS};
        return `'$node' '$top/t/e2e/validate.mjs' '$top/docs/status.schema.json' '${\ $t->dir()}/page.json' 2>&1`;
    };

    is($run->(), "valid\n", 'the page is as the schema says');

    my $page = status();
    $page->{extra} = 1;
    $t->write_file('page.json', $json->encode($page));
    like($run->(), qr/additional/, 'which is strict');
};


subtest 'histogram' => sub {
    my $before = status()->{zones}[0]{evaluation};
    call('search') for 1 .. 20;
    my $zone = status()->{zones}[0];
    my $now = $zone->{evaluation};

    is($now->{count} - $before->{count}, 20, 'each body was measured');
    cmp_ok($now->{seconds}, '>', $before->{seconds}, 'and took some time');

    my ($last, $rising) = (0, 1);

    for my $bucket (@{$now->{buckets}}) {
        $rising = 0 if $bucket->{count} < $last;
        $last = $bucket->{count};
    }

    ok($rising, 'every bucket has those before it');
    cmp_ok($last, '<=', $now->{count}, 'and none has more than all');

    my $metrics = metrics();
    my @buckets = @{$metrics->{mcp_policy_evaluation_seconds_bucket}};
    is(scalar @buckets, 16, 'buckets');
    is($buckets[-1]{labels}{le}, '+Inf', 'the last has all');
    is($buckets[-1]{value}, $metrics->{mcp_policy_evaluation_seconds_count}[0]{value}, 'of them');
    is_deeply([ map { $_->{labels}{le} + 0 } @buckets[0 .. 14] ],
              [ sort { $a <=> $b } map { $_->{le} } @{$now->{buckets}} ], 'the same bounds');
};


subtest 'several workers' => sub {
    my $before = series();
    my @clients = map { $t->connect() } 1 .. 6;
    my %pids;

    for my $n (1 .. 50) {
        for my $client (@clients) {
            $client->send_request('POST', '/mcp', body => tool_call($n % 2 ? 'search' : 'deny'));
        }
        $_->read_response() for @clients;
    }

    $_->close() for @clients;

    is_deeply(changes($before), { 'shop|tools/call|search|allow|' => 150, 'shop|tools/call|deny|deny|denied' => 150 },
              'all that any of them decided');

    ok($t->wait_until(sub { $pids{status()->{pid}} = 1; keys %pids > 1 }), 'and more than one tells it');
};


subtest 'zone' => sub {
    my $zone = status()->{zones}[0];

    is($zone->{name}, 'default', 'name');
    is($zone->{size}, 1024 * 1024, 'size');
    is($zone->{counters}{used}, 1, 'one counter is in use');
    cmp_ok($zone->{counters}{limit}, '>', 1000, 'of many');
    is($zone->{series}{lost}, 0, 'no decision was lost');
    is($zone->{tasks}, 0, 'no task');

    $upstream->respond(200, body => '{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t-1","status":"working"}}}');
    $t->post(rpc('tools/call', { name => 'task', arguments => {}, task => { ttl => 60000 } }),
             headers => [ 'X-Grant' => 'g', 'MCP-Protocol-Version' => '2025-11-25' ]);
    is(status()->{zones}[0]{tasks}, 1, 'a task');
    $upstream->clear();
};


subtest 'policy file' => sub {
    my $file = sub { (grep { $_->{name} eq 'file' } @{status()->{policies}})[0]{file} };
    my $first = sha256_hex($t->read_file('policy.json'));

    is_deeply($file->(), { generation => 1, sha256 => $first, newest => { generation => 1, sha256 => $first },
                             rejected => JSON::PP::false },
              'its first generation');

    my $content = '{"version":"1","default":"deny","tools":{"two":{}}}';
    my $second = sha256_hex($content);

    $t->write_file('policy.json', $content);

    my %seen;
    my $all = $t->wait_until(sub {
        my $status = status();
        my ($policy) = grep { $_->{name} eq 'file' } @{$status->{policies}};
        my $file = $policy->{file};

        fail('a worker is newer than the newest') if $file->{generation} > $file->{newest}{generation};
        delete $seen{$status->{pid}};
        $seen{$status->{pid}} = 1 if $file->{generation} == 2 && $file->{sha256} eq $second;
        keys %seen == 3;
    });
    ok($all, 'every worker has the second');
    is_deeply($file->()->{newest}, { generation => 2, sha256 => $second }, 'which is the newest');

    my $metrics = metrics();
    is($metrics->{mcp_policy_file_generation}[0]{value}, 2, 'as a metric');
    is($metrics->{mcp_policy_file_info}[0]{labels}{sha256}, $second, 'with the content');
};


subtest 'reload' => sub {
    my $before = series();
    my $since = status()->{zones}[0]{since};

    $t->reload();

    is_deeply(changes($before), {}, 'nothing is lost');
    call('search');
    is_deeply(changes($before), { 'shop|tools/call|search|allow|' => 1 }, 'and counting goes on');
    is(status()->{zones}[0]{since}, $since, 'since the same time');
};


subtest 'a worker that dies' => sub {
    my $before = series();

    $t->kill_worker();
    call('search') for 1 .. 10;

    is_deeply(changes($before), { 'shop|tools/call|search|allow|' => 10 }, 'takes no count along');
};


subtest 'another size' => sub {
    my $before = series();
    my $evaluated = status()->{zones}[0]{evaluation}{count};

    for my $size ('4m', '512k') {
        $t->write_file_expand('nginx.conf', conf(zone => "mcp_zone default:$size;"));
        $t->reload();

        is_deeply(changes($before), {}, "nothing is lost in a zone of $size");
        is(status()->{zones}[0]{evaluation}{count}, $evaluated, 'no time either');
    }

    call('search');
    is_deeply(changes($before), { 'shop|tools/call|search|allow|' => 1 }, 'and counting goes on');
};


subtest 'a flood of names' => sub {
    my $before = series();

    call("made_up_$_", undef, uri => '/open') for 1 .. 300;

    my $changes = changes($before);
    my $other = delete $changes->{'open|tools/call|other|allow|'};
    my $named = keys %$changes;
    my $slots = status()->{zones}[0]{series}{slots};

    is(status()->{zones}[0]{series}{lost}, 0, 'no decision was lost');
    cmp_ok($named, '<=', $slots / 4, "$named names of $slots slots");
    cmp_ok($named, '>', 0, 'some are shown');
    is($other + $named, 300, 'the others are counted together');

    # known names come late, and have their place
    $t->write_file_expand('nginx.conf', conf(zone => 'mcp_zone default:512k;',
                                             shop => join(' ', 'tool', map("known_$_", 1 .. 30), '{ }')));
    $t->reload();

    my $known = series();
    call("known_$_") for 1 .. 30;

    is_deeply(changes($known), { map { ("shop|tools/call|known_$_|allow|" => 1) } 1 .. 30 },
              'names of the policy are not pushed out');

    call("made_up_more_$_", undef, uri => '/open') for 1 .. 20;
    is(series()->{'open|tools/call|other|allow|'}, $other + 20, 'and the flood stays where it is');

    # into the smallest of zones: what does not fit is added up
    my $total = 0;
    $total += $_ for values %{series()};

    $t->write_file_expand('nginx.conf', conf(zone => 'mcp_zone default:64k;'));
    $t->reload();

    my ($sum, $zone) = (0, status()->{zones}[0]);
    $sum += $_ for values %{series()};

    is($sum + $zone->{series}{lost}, $total, 'every decision is still counted');
    cmp_ok($zone->{series}{used}, '<=', $zone->{series}{slots} / 8 * 7, 'in fewer series');
};

$t->stop();


# In a new zone a worker dies while it gives out a slot.

$t->write_file_expand('nginx.conf', conf());
$t->run();

subtest 'a worker that dies with the lock' => sub {
    call('search');
    my $before = series();

    $t->allow_log(qr/exited on signal 9|shared memory zone "default" was locked/);
    $hooks->kill_locked();
    eval { call('deny') };
    ok($t->wait_log(qr/worker process \d+ exited on signal 9/), 'a worker died');
    $t->wait_until(sub { my $n = () = $t->workers(); $n == 3 });

    call('deny');

    my $changes = changes($before);
    is($changes->{'shop|tools/call|deny|deny|denied'}, 1, 'the next one counts');
    is(scalar keys %$changes, 1, 'and nothing else has changed');
};

done_testing();
