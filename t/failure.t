#!/usr/bin/perl

# What happens when something breaks, as docs/operations.md has it: nothing
# that breaks opens a policy.  What has a test of its own is not here.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;

use MCPTest;

my $t = MCPTest->new(timeout => 120)->has(qw/ http_auth_request /);
my $dir = $t->dir();

sub conf {
    my ($more) = @_;

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes 2;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone default:1m;
    mcp_policy one {
        tool safe { }
        tool few { limit 3/day per=global; }
    }
    server {
        listen 127.0.0.1:8080;
        mcp_enforce one;
        proxy_connect_timeout 2s;

        location /mcp { proxy_pass http://127.0.0.1:8081; }
        location /down { proxy_pass http://127.0.0.1:8082; }
        location /auth {
            auth_request /ask;
            proxy_pass http://127.0.0.1:8081;
        }
        location = /ask {
            internal;
            mcp_enforce off;
            proxy_pass http://127.0.0.1:8082;
        }
        location /file {
            client_body_buffer_size 1k;
            client_body_temp_path %%TESTDIR%%/gone;
            proxy_pass http://127.0.0.1:8081;
        }
        location /name {
            set \$name nowhere.invalid;
            resolver 127.0.0.1:8083 ipv6=off;
            resolver_timeout 300ms;
            proxy_pass http://\$name:80;
        }
    }
    $more
}
CONF
}

$t->write_file_expand('nginx.conf', conf(''));

my $upstream = $t->upstream(8081);
$t->run();


sub refused {
    my ($name) = @_;

    my $before = $upstream->count();

    like($t->post(tool_call('purge'))->body, qr/Unknown tool/, $name);
    is($upstream->count(), $before, "$name: nothing arrived");
}


sub left {
    my ($name, $count) = @_;

    my $passed = 0;

    for (1 .. 4) {
        $passed++ if $t->post(tool_call('few'))->body =~ /from upstream/;
    }

    is($passed, $count, "$name: so many calls are left");
}


subtest 'the server is down' => sub {
    for (1 .. 5) {
        my $answer = $t->post(tool_call('few'), uri => '/down');

        is($answer->status, 502, 'as nginx has it');
        is(($answer->json || {})->{error}{code}, -32603, 'for JSON-RPC')
            or diag($answer->body);
    }

    refused('and the policy is there');
};


subtest 'the server of auth_request is down' => sub {
    my $before = $upstream->count();

    is($t->post(tool_call('few'), uri => '/auth')->status, 500, 'refused');
    is($upstream->count(), $before, 'nothing arrived');
};


subtest 'no resolver' => sub {
    is($t->post(tool_call('few'), uri => '/name')->status, 502, 'refused');
    $t->allow_log(qr/send\(\) failed|recv\(\) failed/);
};


subtest 'no place for a temporary file' => sub {
    my $before = $upstream->count();
    my $body = tool_call('few', { text => 'x' x 4000 });

    rmdir("$dir/gone") or die $!;
    is($t->post($body, uri => '/file')->status, 500, 'refused');
    is($upstream->count(), $before, 'nothing arrived');
    is($t->post(tool_call('safe'), uri => '/file')->status, 200,
       'small ones pass');
    mkdir("$dir/gone");
    $t->allow_log(qr/open\(\) ".*gone/);
};


# None of these calls counted.
left('after all that', 3);


subtest 'a reload with an error' => sub {
    $t->write_file_expand('nginx.conf', conf('mcp_policy two { nonsense; }'));
    $t->allow_log(qr/\[emerg\].*nonsense/);

    my @workers = sort $t->workers();

    kill('HUP', $t->{pid});
    ok($t->wait_log(qr/\[emerg\].*nonsense/), 'is told');

    is($t->post(tool_call('safe'))->status, 200, 'the old one goes on');
    is_deeply([ sort $t->workers() ], \@workers, 'with its workers');
    refused('with its policy');
    left('with its counters', 0);
};


subtest 'the master dies' => sub {
    my @workers = $t->workers();

    $t->write_file_expand('nginx.conf', conf(''));
    kill('KILL', $t->{pid});
    ok($t->wait_until(sub { !$t->alive() }), 'it is gone');
    $t->{status} = 0;

    is($t->post(tool_call('safe'))->status, 200, 'workers go on')
        for 1 .. 4;
    refused('with the policy');
    left('with the counters', 0);

    my $command = join(' ', map { quotemeta } $t->command());
    my $output = `$command 2>&1`;

    like($t->log() . $output, qr/bind\(\) to .* failed/,
         'another one cannot start');
    $t->allow_log(qr/bind\(\) to|still could not bind/);

    kill('TERM', @workers);
    ok($t->wait_until(sub { !grep { kill(0, $_) && !zombie($_) } @workers }),
       'workers end');

    $t->{pid} = undef;
    $t->run();
    is($t->post(tool_call('safe'))->status, 200, 'and then it can');
    left('without state= all is new', 3);
};


sub zombie {
    my ($pid) = @_;

    open(my $file, '<', "/proc/$pid/stat") or return 1;
    return (<$file> // '') =~ /\) Z /;
}

done_testing();
