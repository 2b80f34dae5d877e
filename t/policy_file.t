#!/usr/bin/perl

# mcp_policy_file: policies from files, and what watch= does when a file
# changes, in every way that files change.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw/ sha256_hex /;
use JSON::PP;
use MCPTest;

my $workers = 3;
my $t = MCPTest->new(timeout => 120);
my $json = JSON::PP->new->canonical;


sub conf {
    my ($policies, %options) = @_;

    my $processes = $options{workers} || $workers;
    my $location = $options{location} // 'mcp_enforce shop;';

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes $processes;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone small:64k;
    $policies

    server {
        listen 127.0.0.1:8080;

        location / {
            $location
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF
}


sub policy {
    my (%tools) = @_;
    return $json->encode({ version => '1', default => 'deny',
                           tools => \%tools });
}


# As editors and Kubernetes do it: the new file takes the name of the old one.
sub replace {
    my ($name, $content) = @_;

    $t->write_file("$name.new", $content);
    rename($t->dir() . "/$name.new", $t->dir() . "/$name") or die $!;
}


sub count_log {
    my ($pattern) = @_;
    my $n = () = $t->log() =~ /$pattern/g;
    return $n;
}


# Every worker says which version it goes on with.
sub all_have {
    my ($policy, $generation, $content) = @_;

    my $sha256 = sha256_hex($content);
    my $line = qr/policy "$policy" is generation $generation from "[^"]+", sha256 $sha256/;

    return $t->wait_until(sub { count_log($line) >= $workers });
}


sub text {
    my ($tool, %options) = @_;

    my $reply = $t->post(tool_call($tool), %options);
    my $json = $reply->json();

    return $json->{error}{message} // $json->{result}{content}[0]{text}
           // 'none';
}


sub passes { text(@_) !~ /POLICY|Unknown tool/ }


subtest 'configuration' => sub {
    $t->write_file('good.json', policy(read => {}));
    $t->write_file('bad.json', qq({\n  "version": "1",\n  "defualt": "deny"\n}\n));
    $t->write_file('empty.json', '');
    mkdir($t->dir() . '/folder') or die $!;

    my %wrong = (
        'mcp_policy_file shop;' => qr/invalid number of arguments in "mcp_policy_file"/,
        'mcp_policy_file shop good.json watch=1s zone=small x;' => qr/invalid number of arguments/,
        'mcp_policy_file "" good.json;' => qr/invalid policy name ""/,
        'mcp_policy_file off good.json;' => qr/invalid policy name "off"/,
        'mcp_policy_file shop good.json; mcp_policy_file shop good.json;' => qr/duplicate policy "shop"/,
        'mcp_policy_file shop good.json; mcp_policy shop { tool a { } }' => qr/duplicate policy "shop"/,
        'mcp_policy_file shop missing.json;' => qr/open\(\) "[^"]*missing.json" failed \(2: No such file/,
        'mcp_policy_file shop folder;' => qr/policy file "[^"]*folder": is no regular file/,
        'mcp_policy_file shop empty.json;' => qr/policy "shop" cannot be read from "[^"]*empty.json"/,
        'mcp_policy_file shop bad.json;' => qr/in [^ ]*bad.json:3:/,
        'mcp_policy_file shop good.json watch=;' => qr/invalid time "watch=" in "mcp_policy_file", expected watch=TIME/,
        'mcp_policy_file shop good.json watch=0;' => qr/invalid time "watch=0"/,
        'mcp_policy_file shop good.json watch=x;' => qr/invalid time "watch=x"/,
        'mcp_policy_file shop good.json watch=1s watch=1s;' => qr/invalid parameter "watch=1s".* each once/,
        'mcp_policy_file shop good.json zone=;' => qr/invalid parameter "zone=" in "mcp_policy_file", expected watch=TIME or zone=NAME/,
        'mcp_policy_file shop good.json zone=none;' => qr/unknown zone "none" of policy "shop"/,
    );

    for my $policies (sort keys %wrong) {
        my ($ok, $output) = $t->test_config(conf($policies));

        ok(!$ok, "$policies is refused");
        like($output, $wrong{$policies}, 'with the reason');
    }

    my ($ok, $output) = $t->test_config(conf(
        'mcp_policy_file shop good.json watch=10s zone=small; '
        . 'mcp_policy_file other good.json;'));

    ok($ok, 'a configuration that is right') or diag($output);

    ($ok, $output) = $t->test_config(conf('', location => 'mcp_policy_file a good.json;'));
    like($output, qr/"mcp_policy_file" directive is not allowed here/, 'not in a location');
};


my $first = policy(read => {},
                   buy => { limits => [ { counter => 'buys', window => 'day',
                                          max => 3, scope => 'grant' } ] });

$t->write_file('shop.json', $first);
$t->write_file('still.json', $first);
mkdir($t->dir() . "/map-$_") or die $! for 1 .. 2;
$t->write_file('map-1/policy.json', $first);
symlink('map-1', $t->dir() . '/data') or die $!;

$t->write_file_expand('nginx.conf', conf(
    "mcp_policy_file shop shop.json watch=20ms;\n"
    . "mcp_policy_file still still.json;\n"
    . 'mcp_policy_file mapped data/policy.json watch=20ms;',
    location => 'if ($http_policy) { set $policy $http_policy; } '
                . 'mcp_enforce $policy;'));

my $config = $t->read_file('nginx.conf');
$config =~ s/location \/ \{/set \$policy shop;\nlocation \/ {/;
$t->write_file('nginx.conf', $config);

my $upstream = $t->upstream(8081);
$t->run();

ok(passes('read'), 'a tool of the file');
like(text('write'), qr/Unknown tool/, 'one that is not in it');
ok(passes('buy'), 'the first of three') for 1 .. 2;


subtest 'a file that is replaced' => sub {
    my $content = policy(write => {},
                         buy => { limits => [ { counter => 'buys', window => 'day',
                                                max => 3, scope => 'grant' } ] });

    replace('shop.json', $content);
    ok(all_have('shop', 2, $content), 'every worker takes it');

    ok(passes('write'), 'the new tool') for 1 .. 2 * $workers;
    like(text('read'), qr/Unknown tool/, 'not the old one') for 1 .. 2 * $workers;

    ok(passes('buy'), 'the third of three');
    like(text('buy'), qr/POLICY DENIED/, 'counters go on');

    ok(passes('read', headers => [ Policy => 'still' ]),
       'a file that is not watched stays as it was');

    is(count_log(qr/\[notice\].*policy "shop" is generation 2/), 1,
       'one notice of it');
};


subtest 'a file that is written in place' => sub {
    my $content = policy(list => {});

    $t->write_file('shop.json', $content);
    ok(all_have('shop', 3, $content), 'every worker takes it');
    ok(passes('list'), 'the new tool');
};


subtest 'a bad file' => sub {
    my $before = count_log(qr/\[error\]/);

    $t->allow_log(qr/\[error\].*(?:shop\.json|policy "shop")/);

    replace('shop.json', qq({"version": "1",\n "default": "maybe", "tools": 5}\n));

    ok($t->wait_log(qr/policy "shop" is left as it was/), 'is not taken');
    ok($t->wait_log(qr/in [^ ]*shop\.json:2:/), 'for this reason');

    # what follows is known to every worker, and so was this file

    my $content = policy(find => {});
    replace('shop.json', $content);
    ok(all_have('shop', 4, $content), 'the next good file is');

    is(count_log(qr/policy "shop" is left as it was/), 1, 'one worker told it');
    ok(passes('find'), 'the new tool');

    ok(count_log(qr/\[error\].*shop\.json:2:/) >= 2, 'all errors were told');
    is(count_log(qr/\[error\].*default.*shop\.json:2:/), 1, 'each once');
};


subtest 'a file that goes and comes back' => sub {
    $t->allow_log(qr/open\(\) "[^"]*shop\.json" failed/);

    unlink($t->dir() . '/shop.json') or die $!;
    ok($t->wait_log(qr/open\(\) "[^"]*shop\.json" failed \(2/), 'is missed');
    ok(passes('find'), 'its policy stays');

    my $content = policy(again => {});
    $t->write_file('shop.json', $content);
    ok(all_have('shop', 5, $content), 'and is taken when it is back');
    like(text('find'), qr/Unknown tool/, 'with what it says now');
};


subtest 'a ConfigMap' => sub {
    my $content = policy(mapped => {});
    my @mapped = (headers => [ Policy => 'mapped' ]);

    ok(passes('read', @mapped), 'the first one');

    $t->write_file('map-2/policy.json', $content);
    symlink('map-2', $t->dir() . '/data.new') or die $!;
    rename($t->dir() . '/data.new', $t->dir() . '/data') or die $!;

    ok(all_have('mapped', 2, $content), 'every worker follows the link');
    ok(passes('mapped', @mapped), 'the new tool');
};


subtest 'a request that is under way' => sub {
    my $held = policy(again => {},
                      slow => { limits => [ { counter => 'slow', window => 'day',
                                              max => 1, scope => 'grant' } ] });
    replace('shop.json', $held);
    ok(all_have('shop', 6, $held), 'a policy with a limit');

    # the server answers with an error when the policy has long been replaced

    $upstream->clear();
    $upstream->hold();

    my $client = $t->connect();
    $client->send_request('POST', '/mcp', body => tool_call('slow'));
    my $request = $upstream->next();

    my $content = policy(again => {}, slow => $json->decode($held)->{tools}{slow},
                         more => {});
    replace('shop.json', $content);
    ok(all_have('shop', 7, $content), 'another version comes into force');

    $request->respond(200, body => '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}');
    like($client->read_response()->body(), qr/"no"/, 'the answer arrives');

    $upstream->hold(0);
    ok(passes('slow'), 'the call was given back by the version that charged it');
};


subtest 'reload' => sub {
    $t->reload();

    ok(passes('more'), 'the file is read with the configuration');
    is(count_log(qr/policy "shop" is generation 8/), 0,
       'the same content is the same generation');

    my $content = policy(last => {});
    replace('shop.json', $content);
    ok(all_have('shop', 8, $content), 'the next one has the next number');
};


subtest 'a worker that may not read the file' => sub {
    plan(skip_all => 'workers are the same user as the master unless root runs the tests')
        if $> != 0;

    my $u = MCPTest->new();

    $u->write_file('secret.json', policy(read => {}));
    chmod(0600, $u->dir() . '/secret.json') or die $!;
    $u->write_file_expand('nginx.conf',
        conf("mcp_policy_file shop secret.json watch=1h;"));
    $u->upstream(8081);
    $u->run();

    ok($u->wait_log(qr/\[warn\].*policy file "[^"]*secret\.json" cannot be opened by worker processes/),
       'is told at start');
    my $n = () = $u->log() =~ /cannot be opened by worker/g;
    is($n, 1, 'once');
    like($u->post(tool_call('read'))->body(), qr/result/, 'the policy is in force');
};


done_testing();
