#!/usr/bin/perl

# mcp_zone and mcp_zone_full: what the configuration says, counters over a
# reload and another size, and a zone without room.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $t = MCPTest->new(timeout => 120);


sub conf {
    my ($zones, $more) = @_;

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes 2;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    $zones

    mcp_policy shop {
        tool buy { limit 3/day per=args.who; }
        tool task { }
        tool two { limit 5/day counter=known per=global; limit 5/day per=args.who counter=new; }
        tool batch { limit 100/day per=args.who; }
    }

    server {
        listen 127.0.0.1:8080;

        location /mcp {
            mcp_enforce shop;
            proxy_pass http://127.0.0.1:8081;
        }

        location /open {
            mcp_enforce shop;
            mcp_zone_full allow;
            proxy_pass http://127.0.0.1:8081;
        }
        ${\ ($more || '')}
    }
}
CONF
}


subtest 'configuration' => sub {
    my %wrong = (
        'mcp_zone;' => qr/invalid number of arguments in "mcp_zone"/,
        'mcp_zone one;' => qr/invalid zone "one" in "mcp_zone", expected NAME:SIZE/,
        'mcp_zone :1m;' => qr/invalid zone ":1m"/,
        'mcp_zone one:;' => qr/invalid size "" of zone "one"/,
        'mcp_zone one:x;' => qr/invalid size "x" of zone "one" in "mcp_zone", expected at least 64k/,
        'mcp_zone one:63k;' => qr/invalid size "63k"/,
        'mcp_zone one:1m; mcp_zone one:1m;' => qr/duplicate zone "one" in "mcp_zone"/,
        'mcp_zone one:1m foo;' => qr/invalid parameter "foo" in "mcp_zone", expected state=PATH/,
        'mcp_zone one:1m state=;' => qr/invalid parameter "state="/,
        'mcp_zone one:1m state=x y;' => qr/invalid number of arguments/,
        'mcp_zone one:1m state=x; mcp_zone two:1m state=x;' =>
            qr/state file ".*x" in "mcp_zone" is that of zone "one"/,
        'mcp_zone_full maybe;' => qr/invalid value "maybe"/,
        'mcp_zone_full deny; mcp_zone_full deny;' => qr/"mcp_zone_full" directive is duplicate/,
    );

    for my $zones (sort keys %wrong) {
        my ($ok, $output) = $t->test_config(conf($zones));

        ok(!$ok, "$zones is refused");
        like($output, $wrong{$zones}, 'with the reason');
    }

    my ($ok, $output) = $t->test_config(conf("mcp_zone default:64k; mcp_zone other:1m state=s/counters;"));

    ok($ok, 'a configuration that is right') or diag($output);
    ok(!-e $t->dir() . '/s', 'nginx -t touches no state file');

    ($ok, $output) = $t->test_config(conf('', 'location /x { mcp_zone a:1m; }'));
    like($output, qr/"mcp_zone" directive is not allowed here/, 'mcp_zone in a location');
};


$t->write_file_expand('nginx.conf', conf('mcp_zone default:1m;'));

my $upstream = $t->upstream(8081);

$t->run();


sub call {
    my ($tool, $who, $uri) = @_;

    my $json = $t->post(tool_call($tool, { who => $who }),
                        uri => $uri || '/mcp')->json;

    return $json->{result}{isError}
        ? $json->{result}{_meta}{'ngx-mcp-policy/decision'}{reason} : 'ok';
}


subtest 'reload' => sub {
    is(call('buy', 'a'), 'ok', 'first');
    is(call('buy', 'a'), 'ok', 'second');

    $t->reload();

    is(call('buy', 'a'), 'ok', 'third, after a reload');
    is(call('buy', 'a'), 'rate_limited', 'that was all');
};


subtest 'another size' => sub {
    is(call('buy', 'b'), 'ok', 'first');
    $upstream->respond(200, body => '{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t-1","status":"working"}}}');
    $t->post(rpc('tools/call', { name => 'task', arguments => {}, task => { ttl => 60000 } }),
             headers => [ 'MCP-Protocol-Version' => '2025-11-25' ]);

    for my $size ('4m', '512k') {
        $t->write_file_expand('nginx.conf', conf("mcp_zone default:$size;"));
        $t->reload();

        is(call('buy', 'a'), 'rate_limited', "used up, with $size too");
        is(call('buy', 'b'), 'ok', 'what was left');
    }

    is(call('buy', 'b'), 'rate_limited', 'and no more');

    $upstream->clear();
    $t->post(rpc('tasks/get', { taskId => 't-1' }), headers => [ 'MCP-Protocol-Version' => '2025-11-25' ]);
    is($upstream->count, 1, 'tasks are known in the new zone');
};


subtest 'too small for what is counted' => sub {
    call('buy', "many $_") for 1 .. 1000;

    $t->write_file_expand('nginx.conf', conf('mcp_zone default:64k;'));
    $t->allow_log(qr/\[emerg\].*too small for the counters/);
    kill('HUP', $t->{pid});

    ok($t->wait_log(qr/mcp_zone "default" is too small for the counters that are in use/), 'the reload is refused');
    is(call('buy', 'a'), 'rate_limited', 'the old workers go on');
    is(call('buy', 'c'), 'ok', 'with their counters');
    is(call('buy', 'c'), 'ok', 'which are');
    is(call('buy', 'c'), 'ok', 'not given up');
    is(call('buy', 'c'), 'rate_limited', 'for good');
};


subtest 'a reload that fails later' => sub {
    $t->write_file_expand('nginx.conf', conf('mcp_zone default:2m;', '} server { listen 192.0.2.1:1;'));
    $t->allow_log(qr/192\.0\.2\.1:1 failed|still could not bind/);
    kill('HUP', $t->{pid});

    ok($t->wait_log(qr/\[emerg\].*(192\.0\.2\.1:1|still could not bind)/), 'the address is not ours');
    $t->wait_until(sub { call('buy', 'd') eq 'ok' });
    is(call('buy', 'd'), 'ok', 'the counters stayed where they were');
    is(call('buy', 'a'), 'rate_limited', 'all of them');
};

$t->stop();


$t->write_file_expand('nginx.conf', conf('mcp_zone default:64k;'));
$t->run();

subtest 'full' => sub {
    is(call('buy', 'first'), 'ok', 'somebody');
    is(call('two', 'first'), 'ok', 'and two counters of another tool');

    my ($n, $reason) = (0, 'ok');

    while ($reason eq 'ok' && $n < 5000) {
        $reason = call('buy', 'flood ' . ++$n);
    }

    is($reason, 'zone_full', "new counters are refused after $n");
    cmp_ok($n, '>', 300, 'a zone of 64k has room for hundreds');

    my $json = $t->post(tool_call('buy', { who => 'x' }))->json;

    like($json->{result}{content}[0]{text}, qr/^\[POLICY DENIED\] .*cannot be counted now/, 'with a sentence');
    is($json->{result}{_meta}{'ngx-mcp-policy/decision'}{action}, 'deny', 'a denial');

    call('buy', "more $_") for 1 .. 50;

    is(call('buy', 'first'), 'ok', 'known counters go on');
    is(call('buy', 'first'), 'ok', 'to their end');
    is(call('buy', 'first'), 'rate_limited', 'and no flood resets them');

    is(call('buy', 'new', '/open'), 'ok', 'mcp_zone_full allow');
    is(call('buy', 'new', '/open'), 'ok', 'lets pass') for 1 .. 3;
    is(call('buy', 'first', '/open'), 'rate_limited', 'but not what is counted');

    is(call('two', 'new'), 'zone_full', 'one of two counters has no room');
    is(call('two', 'new', '/open'), 'ok', 'which may be') for 1 .. 4;
    is(call('two', 'new', '/open'), 'rate_limited', 'while the other one counted all the time');

    my @lines = $t->log() =~ /zone "default" is full, increase its size in mcp_zone/g;

    cmp_ok(scalar @lines, '>=', 1, 'the log names the remedy');
    cmp_ok(scalar @lines, '<=', 2, 'once in each worker');
    like($t->log(), qr/\[error\].*zone "default" is full/, 'as an error');
};

done_testing();
