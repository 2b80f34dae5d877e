#!/usr/bin/perl

# What callers and servers entrust to a gateway is in none of the things that
# it writes or shows: logs, audit log, status, metrics, state of a zone, and
# the errors that it answers with.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use MIME::Base64 qw/ encode_base64 /;

use MCPTest;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $t = MCPTest->new(timeout => 120)->has(qw/ http_v2 debug /);
my $dir = $t->dir();

my (%secrets, @answers);

mkdir("$dir/state");

if ($> == 0) {
    chown((getpwnam('nobody'))[2, 3], "$dir/state");
}

my $group = getgrgid((getpwnam('nobody'))[3]);
my $user = $> == 0 ? "user nobody $group;" : '';

$t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
$user
worker_processes 2;
error_log %%TESTDIR%%/debug.log debug;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    underscores_in_headers on;
    client_body_buffer_size 64k;
    # what would be found, were it looked for here
    log_format all escape=none '\$http_authorization \$http_cookie '
        '\$http_mcp_session_id \$http_x_api_key \$http_origin \$http_mcp_name '
        '\$http_mcp_method \$http_x_user \$http_mcp_protocol_version '
        '\$request_body';

    mcp_zone default:1m state=state/counters;
    mcp_audit_log %%TESTDIR%%/audit.log;
    mcp_grant \$http_x_user\$http_authorization;

    mcp_policy one {
        tool safe { }
        tool purge { deny "No."; }
        tool pay {
            rule large { arg amount gt 5; message "Too much."; deny; }
            arg account regex ^a;
            deny_if { arg note contains bad; }
        }
        tool few { limit 1/day per=args.key,session; }
        tool cost { limit 5/day cost=args.amount; }
        tool pause { dry_run on; deny; }
        tool ask { approve; }
        prompt hello { }
        prompt other { deny; }
        resource file:///public/* { }
        method completion/complete logging/setLevel { }
        method resources/templates/list { deny "Not that."; }
    }
    mcp_policy open { default allow; }

    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8090 http2;
        access_log %%TESTDIR%%/access.log;
        access_log %%TESTDIR%%/control.log all;
        proxy_connect_timeout 5s;
        proxy_set_header X-Api-Key \$http_x_api_key;

        location /mcp {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8081;
        }
        location /strict {
            mcp_enforce one;
            mcp_origin example.com;
            mcp_denial status;
            proxy_pass http://127.0.0.1:8081;
        }
        location /error {
            mcp_enforce one;
            mcp_denial error;
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
        location /unknown {
            mcp_enforce \$http_x_none;
            proxy_pass http://127.0.0.1:8081;
        }
        location /down {
            mcp_enforce one;
            proxy_pass http://127.0.0.1:8082;
        }
        location = /status { access_log off; mcp_status; }
        location = /metrics { access_log off; mcp_metrics; }
        location /admin/ { access_log off; mcp_admin; }
    }
}
CONF

my $upstream = $t->upstream(8081);
$t->run();


# A secret of this place; it looks like a token and is like no other word.
sub secret {
    my ($place) = @_;

    my $name = $place =~ s/\W//gr;

    $secrets{$place} ||= "Zq7$name" . join('', map { int(rand(10)) } 1 .. 16);
    return $secrets{$place};
}


# Everything that a caller sends has a secret of its own.
sub headers {
    return (Authorization => 'Bearer ' . secret('authorization'),
            Cookie => 'session=' . secret('cookie'),
            'X-Api-Key' => secret('api key'),
            'Mcp-Session-Id' => secret('session'),
            'X-User' => secret('grant'), @_);
}


sub send_all {
    my ($uri, $body, @more) = @_;

    my %headers = headers(@more);
    my $answer = $t->post($body, uri => $uri, headers => [ %headers ]);

    push @answers, $answer->head . $answer->body;
    return $answer;
}


sub arguments {
    my ($place) = @_;

    return { key => secret("$place key"), password => secret($place),
             deep => { list => [ { token => secret("$place deep") } ] } };
}


subtest 'calls' => sub {
    for my $uri (qw{ /mcp /strict /error /dry /open /unknown /down }) {
        for my $tool (qw/ safe purge few few cost pause nothing ask /) {
            my $answer = send_all($uri, tool_call($tool, arguments($tool)),
                                  Origin => 'https://example.com');
            cmp_ok($answer->status, '>', 0, "$uri: $tool");
        }

        for my $arguments ({ amount => 9, account => secret('account') },
                           { amount => secret('no number') },
                           { amount => 1, account => 'a',
                             note => 'bad ' . secret('note') })
        {
            cmp_ok(send_all($uri, tool_call('pay', $arguments))->status, '>',
                   0, "$uri: pay");
        }

        for my $message (
            rpc('prompts/get', { name => 'hello',
                                 arguments => { a => secret('prompt') } }),
            rpc('prompts/get', { name => 'other',
                                 arguments => { a => secret('prompt 2') } }),
            rpc('completion/complete',
                { ref => { type => 'ref/prompt', name => 'hello' },
                  argument => { name => 'a', value => secret('complete') } }),
            rpc('resources/templates/list', { cursor => secret('cursor') }),
            rpc('tools/list', { cursor => secret('list cursor') }),
            rpc('tasks/get', { taskId => secret('task') }),
            rpc('nonsense', { a => secret('unknown method') }),
            rpc('notifications/cancelled',
                { requestId => 1, reason => secret('reason') }, id => undef),
            '{"jsonrpc":"2.0","id":1,"result":{"content":"'
                . secret('answer of the client') . '"}}',
            '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"'
                . secret('error of the client') . '"}}',
            tool_call('safe', {}, meta => { progressToken => 1,
                                            more => secret('meta') }))
        {
            cmp_ok(send_all($uri, $message)->status, '>', 0, $uri);
        }
    }
};


subtest 'approvals' => sub {
    my $api = '/admin/api/approvals';

    send_all('/mcp', tool_call('ask', { text => secret('ask again') }));

    my @ids = map { $_->{id} } @{$t->get($api)->json->{approvals}};

    is(scalar @ids, 2, 'calls wait');

    # a human sees what it is about, as long as it waits
    like($t->get("$api/$ids[0]")->body, qr/\Q${\ secret('ask') }\E/, 'seen');

    for my $id (@ids) {
        my $denied = $id eq $ids[0];
        my $body = $denied ? { reason => 'No: ' . secret('denial') } : {};
        my $verb = $denied ? 'deny' : 'approve';

        is($t->request('POST', "$api/$id/$verb",
                       body => $json->encode($body))->status, 200, $verb);
        unlike($t->get("$api/$id")->body, qr/\Q${\ secret('ask') }\E/,
               'and no more');
    }

    my $body = '';

    $body .= send_all($_, tool_call('ask', arguments('ask')))->body
        for qw{ /mcp /strict /error };

    like($body, qr/\Q${\ secret('denial') }\E/, 'the agent is told why');
};


subtest 'what cannot be read' => sub {
    for my $uri (qw{ /mcp /dry /unknown }) {
        for my $body (
            '{"jsonrpc":"2.0","id":1,"method":"ping","a":"'
                . secret('unknown member') . '"}',
            '{"' . secret('duplicate') . '":1,"' . secret('duplicate')
                . '":2}',
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
                . '{"name":"safe","arguments":{"a":"' . secret('cut off'),
            secret('no JSON'),
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"'
                . secret('params') . '"}',
            '{"jsonrpc":"' . secret('jsonrpc') . '","id":1,"method":"ping"}',
            '{"jsonrpc":"2.0","id":{"a":"' . secret('id') . '"},'
                . '"method":"ping"}')
        {
            cmp_ok(send_all($uri, $body)->status, '>', 0, $uri);
        }

        for my $header ([ Origin => 'https://' . secret('origin') ],
                        [ 'MCP-Protocol-Version' => secret('version') ],
                        [ 'Content-Type' => 'text/' . secret('type') ],
                        [ 'Mcp-Session-Id' => secret('odd') . "\t\x80" ])
        {
            cmp_ok(send_all($uri eq '/mcp' ? '/strict' : $uri,
                            tool_call('safe'), @$header)->status, '>', 0,
                   $header->[0]);
        }

        # a header that is to say what the body says
        my %meta = (meta => modern());

        for my $header ([ 'Mcp-Name' => secret('name of the header') ],
                        [ 'Mcp-Method' => secret('method of the header') ])
        {
            send_all($uri, tool_call('safe', arguments('safe'), %meta),
                     @{modern_headers('tools/call', 'safe')}, @$header);
        }
    }
};


subtest 'answers of the server' => sub {
    my $secret = secret('answer');

    for my $script (
        { status => 200, body => rpc('x', undef) =~ s/"method".*/"result":{"content":[{"type":"text","text":"$secret"}]}}/sr },
        { status => 500, body => $secret },
        { status => 200, body => "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"$secret\"}}" },
        { status => 200, type => 'text/event-stream',
          body => "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"$secret\"}]}}\n\n" })
    {
        $upstream->respond(delete $script->{status}, %$script,
                           headers => [ 'Mcp-Session-Id' => secret('issued'),
                                        'Set-Cookie' => secret('set') ]);
        like($t->post(tool_call('safe', {}))->body, qr/$secret/,
             'the client gets it');
    }

    # a list that cannot be filtered
    $upstream->respond(200, body => "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"$secret");
    unlike($t->post(rpc('tools/list'))->body, qr/$secret/, 'withheld');
};


subtest 'HTTP/2' => sub {
    my $h2 = $t->h2(port => 8090);

    for my $tool (qw/ safe purge /) {
        my $response = $h2->post(tool_call($tool, arguments($tool)),
                                 headers => [ map { lc } headers() ]);
        is($response->status, 200, $tool);
        push @answers, $response->body;
    }

    $h2->close();
};


# Which secrets are in the text, as they are or in another dress, but for
# those that are known to be.
sub found {
    my ($text, @known) = @_;

    my %known = map { $_ => 1 } @known;
    my @found;

    for my $place (grep { !$known{$_} } sort keys %secrets) {
        my $secret = $secrets{$place};
        my $base64 = substr(encode_base64($secret, ''), 0, 20);

        push @found, $place
            if $text =~ /\Q$secret\E/i || index($text, $base64) >= 0
               || $text =~ /\Q${\ unpack('H*', $secret)}\E/i
               || index($text, scalar reverse $secret) >= 0;
    }

    return join(', ', @found);
}


my $status = $t->get('/status')->body;
my $metrics = $t->get('/metrics')->body;

$t->stop();

# The server's own lines at the level of debug tell of headers.
my $module = join('', grep { /mcp[ _]/i } split(/^/, $t->log('debug.log')));

my %texts = (
    'error log' => $t->log(), 'debug log' => $module,
    'access log' => $t->log('access.log'), 'audit log' => $t->log('audit.log'),
    status => $status, metrics => $metrics,
    'state file' => $t->read_file('state/counters'),
);

# the words of a human are told and kept, as docs/operations.md warns
my %known = ('audit log' => [ 'denial' ], 'state file' => [ 'denial' ]);

for my $name (sort keys %texts) {
    cmp_ok(length $texts{$name}, '>', 100, "$name: is there");
    is(found($texts{$name}, @{$known{$name} || []}), '',
       "$name: nothing is found");
}

{
    my $refusals = join('', grep { /POLICY DENIED|"error"/ } @answers);

    # whoever asks for a revision that is not there is told which, as the
    # protocol wants it
    $refusals =~ s/"requested":"[^"]*"//g;

    cmp_ok(length $refusals, '>', 1000, 'refusals');
    is(found($refusals, 'denial'), '', 'refusals: nothing is found');
}

# it would be found if it were there: all was sent, and all is looked for
{
    my $control = $t->log('control.log');
    my %other = map { $_ => 1 } qw/ answer issued set type denial /;

    is_deeply([ grep { !$other{$_} && index($control, $secrets{$_}) < 0 }
                keys %secrets ], [], 'everything was sent');
    cmp_ok(scalar keys %secrets, '>', 40, 'from many places');

    is(found("x$secrets{cookie}y"), 'cookie', 'found');
    is(found(encode_base64("$secrets{note}:")), 'note', 'found in base64');
    is(found(unpack('H*', $secrets{meta})), 'meta', 'found in hex');
}

done_testing();
