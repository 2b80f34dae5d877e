#!/usr/bin/perl

# mcp_audit_log: one line for each decision, no more, no fewer, whole and
# valid whoever writes at the same time, and nothing in it that is secret.

use warnings;
use strict;

use Digest::SHA qw/ sha256_hex /;
use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use POSIX qw/ /;

use MCPTest;

my $top = "$FindBin::Bin/..";
my $json = JSON::PP->new->utf8->canonical;
my $t = MCPTest->new(timeout => 240);
my $dir = $t->dir();
my $secret = 'planted-secret-0123456789';

my ($upstream, %seen);

plan(skip_all => 'make e2e-deps has not run')
    unless -e "$top/t/e2e/node_modules/.installed";

write_policy({ read => {} });

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 8;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    underscores_in_headers on;
    log_format plain '$request_id $status';

    mcp_policy one {
        tool safe { }
        tool purge { deny "No."; }
        tool pay { rule large { arg amount gt 5; deny; } }
        tool few { limit 2/day per=global; }
        tool ask { approve; }
        tool pause { dry_run on; deny; }
        prompt hello { }
        resource file:///* { }
    }
    mcp_policy two { tool safe { } }
    mcp_policy open { default allow; }
    mcp_policy_file shop %%TESTDIR%%/shop.json watch=20ms;

    mcp_audit_log %%TESTDIR%%/audit.log;

    server {
        listen 127.0.0.1:8080;
        access_log %%TESTDIR%%/access.log plain;
        client_max_body_size 1k;
        proxy_connect_timeout 5s;

        location /mcp {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081;
        }
        location /dry {
            mcp_enforce one;
            mcp_dry_run on;
            proxy_pass http://127.0.0.1:8081;
        }
        location /open {
            mcp_enforce open;
            proxy_pass http://127.0.0.1:8081;
        }
        location /named {
            mcp_enforce $arg_policy;
            proxy_pass http://127.0.0.1:8081;
        }
        location /redirect {
            mcp_enforce one;
            try_files /none /second;
        }
        location /second {
            mcp_enforce two;
            proxy_pass http://127.0.0.1:8081;
        }
        location /page {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8082;
            error_page 502 = /instead;
        }
        location /instead {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081;
        }
        location /file {
            mcp_enforce shop;
            proxy_pass http://127.0.0.1:8081;
        }
        location /load {
            mcp_enforce one;
            mcp_audit_log %%TESTDIR%%/load.log;
            proxy_pass http://127.0.0.1:8081;
        }
        location /load/buffer {
            mcp_enforce one;
            mcp_audit_log %%TESTDIR%%/load_buffer.log buffer=4k flush=10ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /buffer {
            mcp_enforce one;
            mcp_audit_log %%TESTDIR%%/buffer.log buffer=64k flush=1h;
            proxy_pass http://127.0.0.1:8081;
        }
        location /flush {
            mcp_enforce one;
            mcp_audit_log %%TESTDIR%%/flush.log buffer=64k flush=20ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /full {
            mcp_enforce one;
            mcp_audit_log /dev/full;
            proxy_pass http://127.0.0.1:8081;
        }
        location /full/buffer {
            mcp_enforce one;
            mcp_audit_log %%TESTDIR%%/full buffer=4k flush=10ms;
            proxy_pass http://127.0.0.1:8081;
        }
        location /off {
            mcp_enforce one;
            mcp_audit_log off;
            proxy_pass http://127.0.0.1:8081;
        }
        location /free { proxy_pass http://127.0.0.1:8081; }
    }
}
CONF

symlink('/dev/full', "$dir/full") or die $!;

$upstream = $t->upstream(8081);
$t->run();


sub write_policy {
    my ($tools) = @_;

    my $text = $json->encode({ version => '1', default => 'deny',
                               tools => $tools });

    $t->write_file('shop.json.new', $text);
    rename("$dir/shop.json.new", "$dir/shop.json") or die $!;

    return sha256_hex($text);
}


sub lines {
    my ($name) = @_;
    return map { $json->decode($_) } split(/\n/, $t->read_file($name));
}


# The lines that have come since the last call, at least so many.
sub news {
    my ($count, $name) = @_;

    $name ||= 'audit.log';
    my $old = $seen{$name} || 0;

    $t->wait_until(sub {
        ($t->read_file($name) =~ tr/\n//) >= $old + $count
    });

    my @lines = lines($name);
    $seen{$name} = @lines;

    return @lines[$old .. $#lines];
}


sub count {
    my @lines = news(@_);
    return scalar @lines;
}


# One request, and the members of its lines.
sub told {
    my ($name, $send, @expected) = @_;

    my $reply = $send->();
    my @lines = news(scalar @expected);

    is(scalar @lines, scalar @expected, "$name: lines");

    for my $i (0 .. $#expected) {
        my %got = map { $_ => $lines[$i]{$_} } keys %{$expected[$i]};
        is_deeply(\%got, $expected[$i], "$name: line $i")
            or diag($json->encode($lines[$i] // {}));
    }

    return wantarray ? @lines : $lines[0];
}


sub reopen {
    my ($marker) = @_;

    kill('USR1', $t->{pid});
    return $t->wait_until(sub { -e "$dir/$marker" });
}


# What Ajv finds wrong, and the number of lines that are right.
sub check_schema {
    my (@names) = @_;

    my $check = "'$top/t/tools/node' '$top/t/e2e/audit-check.mjs' "
        . "'$top/docs/audit.schema.json'";
    my $paths = join(' ', map { m{^/} ? "'$_'" : "'$dir/$_'" } @names);

    return `$check $paths 2>&1`;
}


subtest 'decisions' => sub {
    my $line = told('allowed', sub {
        $t->post(tool_call('safe', { b => 1, a => $secret }, id => 'x"1'),
                 headers => [ Authorization => "Bearer $secret",
                              'Mcp-Session-Id' => $secret,
                              'MCP-Protocol-Version' => '2025-06-18' ])
    }, { decision => 'allow', method => 'tools/call', tool => 'safe',
         id => 'x"1', policy => 'one', index => 0, count => 1,
         http_method => 'POST', address => '127.0.0.1', status => 200,
         upstream_status => 200, upstream_tries => 1, rule => undef,
         reason => undef, generation => undef, limit => undef,
         argument_count => 2, argument_keys => [ 'a', 'b' ],
         protocol => '2025-06-18' });

    like($line->{$_}, qr/^[0-9a-f]{32}$/, "hash: $_")
        for qw/ grant session args_hash /;
    like($line->{upstream_time}, qr/^\d+(\.\d+)?$/, 'time of the server');

    ok($t->wait_log(qr/^\Q$line->{request_id}\E 200$/m, 'access.log'),
       'the id is $request_id');

    told('denied', sub { $t->post(tool_call('purge')) },
         { decision => 'deny', rule => 'purge', reason => 'denied',
           status => 200, upstream_tries => undef, argument_keys => [] });
    told('by a rule', sub { $t->post(tool_call('pay', { amount => 6 })) },
         { decision => 'deny', rule => 'large', reason => 'denied' });
    told('not listed', sub { $t->post(tool_call("odd\n\x{7f}")) },
         { decision => 'deny', tool => "odd\n\x{7f}" });

    for my $left (1, 0) {
        $line = told('counted', sub { $t->post(tool_call('few')) },
                     { decision => 'allow', tool => 'few' });
        is($line->{limit}{remaining}, $left, 'remaining');
    }

    $line = told('limit', sub { $t->post(tool_call('few')) },
                 { decision => 'limit', rule => 'few',
                   reason => 'rate_limited' });
    is($line->{limit}{remaining}, 0, 'nothing remains');
    ok($line->{limit}{reset} > 0, 'reset');

    told('approval', sub { $t->post(tool_call('ask')) },
         { decision => 'approve', reason => 'approval_required' });
    told('dry rule', sub { $t->post(tool_call('pause')) },
         { decision => 'dry_deny', rule => 'pause', upstream_status => 200 });
    told('dry location', sub { $t->post(tool_call('purge'), uri => '/dry') },
         { decision => 'dry_deny', rule => 'purge', upstream_status => 200 });
    told('dry garbage', sub { $t->post('{', uri => '/dry') },
         { decision => 'dry_invalid', upstream_status => 202 });
    told('prompt', sub { $t->post(rpc('prompts/get', { name => 'hello' })) },
         { decision => 'allow', prompt => 'hello', tool => undef });
    told('resource',
         sub { $t->post(rpc('resources/read', { uri => 'file:///a' })) },
         { decision => 'allow', uri => 'file:///a' });
    told('notification', sub {
        $t->post(rpc('notifications/initialized', undef, id => undef))
    }, { decision => 'allow', id => undef,
         method => 'notifications/initialized' });
    told('unknown policy',
         sub { $t->post(tool_call('safe'), uri => '/named?policy=none') },
         { decision => 'deny', reason => 'unknown_policy', policy => undef,
           tool => 'safe' });
    told('GET', sub { $t->get('/mcp') },
         { decision => 'allow', http_method => 'GET', method => undef,
           index => undef });
    told('DELETE', sub { $t->request('DELETE', '/mcp') },
         { decision => 'allow', http_method => 'DELETE' });

    my $task = told('task', sub {
        $t->post(rpc('tasks/get', { taskId => $secret }),
                 headers => [ 'MCP-Protocol-Version' => '2025-11-25' ])
    }, { decision => 'deny', reason => 'unknown_task' });
    like($task->{task}, qr/^[0-9a-f]{32}$/, 'id of a task');
};


subtest 'what cannot be read' => sub {
    told('garbage', sub { $t->post("{\"a\":\"$secret\"") },
         { decision => 'invalid', status => 400, method => undef,
           count => undef });
    told('duplicate keys',
         sub { $t->post('{"jsonrpc":"2.0","id":5,"id":6,"method":"ping"}') },
         { decision => 'invalid', reason => 'duplicate_key' });
    told('an id that can be read',
         sub { $t->post('{"jsonrpc":"1","id":5,"method":"ping"}') },
         { decision => 'invalid', id => 5 });
    told('bytes', sub { $t->post("\xff\x00\n\xfe") },
         { decision => 'invalid' });
    told('empty', sub { $t->post('') }, { decision => 'invalid' });
    told('method of HTTP', sub { $t->request('PUT', '/mcp', body => '{}') },
         { decision => 'invalid', http_method => 'PUT', status => 405 });

    is($t->post('x' x 2000)->status, 413, 'too large');
    is($t->post(tool_call('safe'), uri => '/off')->status, 200, 'off');
    is($t->post(tool_call('safe'), uri => '/free')->status, 200, 'no policy');
    told('none of these', sub { $t->post(tool_call('purge')) },
         { decision => 'deny' });
};


subtest 'batches' => sub {
    my $ping = rpc('ping', undef, id => 1);
    my $purge = tool_call('purge', { z => $secret }, id => 2);
    my $note = rpc('notifications/initialized', undef, id => undef);

    my @lines = told('refused', sub { $t->post("[$ping,$purge,$note]") },
        { index => 0, count => 3, decision => 'deny', reason => 'batch',
          method => 'ping', id => 1 },
        { index => 1, count => 3, decision => 'deny', reason => 'denied',
          tool => 'purge', id => 2, argument_keys => [ 'z' ] },
        { index => 2, count => 3, decision => 'deny', reason => 'batch',
          id => undef });

    is($lines[$_]{request_id}, $lines[0]{request_id}, 'one request')
        for 1, 2;

    told('allowed', sub { $t->post("[$ping,$note]") },
         { index => 0, decision => 'allow', method => 'ping' },
         { index => 1, decision => 'allow' });
    told('dry', sub { $t->post("[$ping,$purge]", uri => '/dry') },
         { decision => 'dry_deny', reason => 'batch' },
         { decision => 'dry_deny', reason => 'denied', status => 200 });
};


subtest 'ways through nginx' => sub {
    my @lines = told('two policies',
        sub { $t->post(tool_call('safe'), uri => '/redirect') },
        { policy => 'one', decision => 'allow', status => 200 },
        { policy => 'two', decision => 'allow', status => 200 });
    is($lines[0]{request_id}, $lines[1]{request_id}, 'one request');

    told('the second refuses',
         sub { $t->post(tool_call('pay', { amount => 1 }), uri => '/redirect') },
         { policy => 'one', decision => 'allow' },
         { policy => 'two', decision => 'deny' });

    told('a server that is down, and its error_page',
         sub { $t->post(tool_call('safe'), uri => '/page') },
         { policy => 'one', decision => 'allow', status => 200,
           upstream_status => 200, upstream_tries => 2 });

    $upstream->clear()->hold();
    my $client = $t->connect();
    $client->send_request('POST', '/mcp', body => tool_call('safe'));
    $upstream->next();
    $client->close();
    my ($line) = news(1);
    is($line->{status}, 499, 'a client that left');
    $upstream->hold(0);
};


subtest 'long input' => sub {
    my %arguments = map { ("k$_" . 'y' x 5 => $_) } 10 .. 45;
    my $name = 'n' x 300;

    told('names', sub {
        $t->post(tool_call("$name\x{1}", \%arguments), uri => '/open')
    }, { decision => 'deny', tool => "$name\x{1}", argument_count => 36 });

    my $line = told('cut', sub {
        $t->post(rpc('x' x 600), uri => '/open')
    }, { method => ('x' x 125) . "\x{2026}", decision => 'allow' });
};


subtest 'policy files' => sub {
    my $sha256 = sha256_hex($t->read_file('shop.json'));

    told('first', sub { $t->post(tool_call('read'), uri => '/file') },
         { policy => 'shop', decision => 'allow', generation => 1,
           policy_sha256 => $sha256 });

    my $next = write_policy({ write => {} });
    my $taken = qr/policy "shop" is generation 2/;

    ok($t->wait_until(sub {
        my $n = () = $t->log() =~ /$taken/g;
        $n >= 8
    }), 'every worker has the next');

    told('next', sub { $t->post(tool_call('read'), uri => '/file') },
         { policy => 'shop', decision => 'deny', generation => 2,
           policy_sha256 => $next });
};


subtest 'buffers' => sub {
    $t->post(tool_call('safe'), uri => '/flush');
    is(count(1, 'flush.log'), 1, 'flush=');

    # a worker that has buffered its line has finished the next request, too
    my $client = $t->connect();
    for my $id (1 .. 3) {
        $client->send_request('POST', '/buffer', body => tool_call('safe'));
        is($client->read_response()->status, 200, "answer $id");
    }

    is(-s "$dir/buffer.log", 0, 'nothing is written yet');

    rename("$dir/buffer.log", "$dir/buffer.log.1") or die $!;
    ok(reopen('buffer.log'), 'a new file');
    is(count(3, 'buffer.log.1'), 3, 'the old one has its lines');
    is(-s "$dir/buffer.log", 0, 'and the new one none');

    $t->post(tool_call('purge'), uri => '/buffer');
    $client->close();
};


# What is sent while files are renamed and workers replaced.
sub load {
    my ($uri, $name, $calls) = @_;

    my @children;

    for my $child (1 .. 4) {
        my $pid = fork() // die $!;

        if (!$pid) {
            my $good = eval {
                for my $call (1 .. $calls) {
                    my $id = "$child-$call";
                    my $body = $call % 3 ? tool_call('safe', {}, id => $id)
                                         : tool_call('purge', {}, id => $id);

                    $t->post($body, uri => $uri)->status == 200
                        or die "no answer";
                }
                1;
            };

            print STDERR $@ unless $good;
            POSIX::_exit($good ? 0 : 1);
        }

        push @children, $pid;
    }

    for my $n (1 .. 3) {
        my $size = -s "$dir/$name";

        $t->wait_until(sub { (-s "$dir/$name" || 0) > $size + 2000 }, 3);
        rename("$dir/$name", "$dir/$name.$n") or die $!;
        ok(reopen($name), "$name: reopened");
        $t->reload() if $n == 2;
    }

    for my $pid (@children) {
        waitpid($pid, 0);
        is($?, 0, 'all are answered');
    }

    return;
}


sub check_load {
    my ($name, $calls) = @_;

    my %ids;
    my @files = ($name, map { "$name.$_" } 1 .. 3);

    $ids{$_->{id}}++ for map { lines($_) } @files;

    is(scalar keys %ids, 4 * $calls, "$name: every call");
    is(scalar(grep { $_ != 1 } values %ids), 0, "$name: once");

    return @files;
}


subtest 'full disk' => sub {
    for my $uri ('/full', '/full/buffer') {
        is($t->post(tool_call('safe'), uri => $uri)->status, 200, $uri)
            for 1 .. 20;
    }

    $t->allow_log(qr/write\(\) to "[^"]*full" failed/);

    for my $path ('/dev/full', "$dir/full") {
        ok($t->wait_log(qr/\[alert\].*write\(\) to "$path" failed, lines of the audit log lost: \d+ \(28: /),
           "$path: reported");

        my $n = () = $t->log() =~ /write\(\) to "$path" failed/g;
        cmp_ok($n, '<=', 8, 'once by each worker');
    }
};


my $calls = $ENV{TEST_SANITIZE} ? 40 : 150;

load('/load', 'load.log', $calls);
load('/load/buffer', 'load_buffer.log', $calls);

$t->stop();

subtest 'all is there in the end' => sub {
    is(count(1, 'buffer.log'), 1, 'buffers are written at exit');
    is(count(0), 0, 'and no line came twice');

    my @files = (check_load('load.log', $calls),
                 check_load('load_buffer.log', $calls),
                 qw/ audit.log buffer.log buffer.log.1 flush.log /);

    my $count = 0;

    for my $name (@files) {
        my $text = $t->read_file($name);

        $count += ($text =~ tr/\n//);
        is(index($text, $secret), -1, "$name: no secret");
        is((grep { length > 4095 } split(/\n/, $text)), 0, "$name: bounded");
    }

    is(check_schema(@files), "valid $count\n",
       'every line is what the schema says');
};


subtest 'documentation' => sub {
    my $page = do {
        open(my $file, '<', "$top/docs/audit.md") or die $!;
        local $/;
        <$file>;
    };
    my $schema = do {
        open(my $file, '<', "$top/docs/audit.schema.json") or die $!;
        local $/;
        $json->decode(<$file>);
    };

    my %rows = map { $_ => 1 }
        map { /`(\w+)`/g } $page =~ /^\| ((?:`\w+`(?:, )?)+) \|/mg;

    is_deeply([ sort keys %rows ], [ sort keys %{$schema->{properties}} ],
              'members');

    my @examples = $page =~ /^```json\n(.*?)^```/msg;
    my $count = join('', @examples) =~ tr/\n//;

    cmp_ok($count, '>', 0, 'examples');
    $t->write_file('examples', join('', @examples));
    is(check_schema('examples'), "valid $count\n", 'examples are valid');

    # what the commands of docs/operations.md are run on
    my $sample = "$top/t/logs/audit.jsonl";
    open(my $file, '<', $sample) or die $!;
    $count = () = <$file>;
    is(check_schema($sample), "valid $count\n", 'and so is the sample');

    # what checks the lines can find them wrong
    $t->write_file('wrong', "{}\nx\n");
    like(check_schema('wrong'), qr/^valid 0$/m, 'and others are not');
};


subtest 'configuration' => sub {
    my $dup = '"mcp_audit_log" directive is duplicate';
    my %wrong = (
        'mcp_audit_log;' => 'invalid number of arguments in "mcp_audit_log" directive',
        'mcp_audit_log a b c d;' => 'invalid number of arguments in "mcp_audit_log" directive',
        'mcp_audit_log a.log; mcp_audit_log b.log;' => $dup,
        'mcp_audit_log off; mcp_audit_log b.log;' => $dup,
        'mcp_audit_log off buffer=4k;' => 'invalid parameter "buffer=4k" in "mcp_audit_log off", expected none',
        'mcp_audit_log "";' => 'invalid path "" in "mcp_audit_log", expected a file, without variables',
        'mcp_audit_log logs/$host.log;' => 'invalid path "logs/$host.log" in "mcp_audit_log", expected a file, without variables',
        'mcp_audit_log syslog:server=unix:/log;' => 'invalid path "syslog:server=unix:/log" in "mcp_audit_log", expected a file, without variables',
        'mcp_audit_log a.log buffer=4095;' => 'invalid size "buffer=4095" in "mcp_audit_log", expected buffer=SIZE of at least 4k',
        'mcp_audit_log a.log buffer=x;' => 'invalid size "buffer=x" in "mcp_audit_log", expected buffer=SIZE of at least 4k',
        'mcp_audit_log a.log buffer=4k flush=0;' => 'invalid time "flush=0" in "mcp_audit_log", expected flush=TIME',
        'mcp_audit_log a.log buffer=4k flush=x;' => 'invalid time "flush=x" in "mcp_audit_log", expected flush=TIME',
        'mcp_audit_log a.log flush=1s;' => '"flush" in "mcp_audit_log" needs "buffer"',
        'mcp_audit_log a.log buffer=4k buffer=4k;' => 'invalid parameter "buffer=4k" in "mcp_audit_log", expected buffer=SIZE and flush=TIME, each once',
        'mcp_audit_log a.log gzip;' => 'invalid parameter "gzip" in "mcp_audit_log", expected buffer=SIZE and flush=TIME, each once',
        'mcp_audit_log a.log buffer=4k; location /b { mcp_audit_log a.log; }' => 'mcp_audit_log "a.log" has other parameters elsewhere',
        'mcp_audit_log a.log buffer=4k; access_log a.log combined buffer=4k;' => 'with "buffer" is the file of another buffered log',
        'mcp_audit_log /nonexistent/a.log;' => 'open() "/nonexistent/a.log" failed (2: No such file or directory)',
    );

    for my $text (sort keys %wrong) {
        my ($ok, $output) = $t->test_config(<<"CONF");
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy p { tool t { } }
    server { location / { mcp_enforce p; $text } }
}
CONF
        ok(!$ok && $output =~ /\[emerg\].*\Q$wrong{$text}\E/, $text)
            or diag($output);
    }

    my ($ok, $output) = $t->test_config(<<'CONF');
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy p { tool t { } }
    mcp_audit_log a.log buffer=64k;
    server {
        mcp_enforce p;
        mcp_audit_log a.log buffer=64k flush=1s;
        access_log b.log;
        location /off { mcp_audit_log off; }
        location /b { mcp_audit_log b.log; }
    }
}
CONF
    ok($ok && $output !~ /\[(warn|emerg)\]/, 'files shared') or diag($output);

    ($ok, $output) = $t->test_config(<<'CONF');
%%TEST_GLOBALS%%
events { }
mcp_audit_log a.log;
http { }
CONF
    ok(!$ok && $output =~ /"mcp_audit_log" directive is not allowed here/,
       'outside http') or diag($output);
};

done_testing();
