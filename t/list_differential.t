#!/usr/bin/perl

# Lists at random on every transport, in every policy's eyes.  Two judges: the
# parsed answer is what Python's JSON library makes of the server's after
# taking the hidden names out; and its bytes are those that the server wrote.
# The seed is told, so that a failure can be repeated with TEST_SEED.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IPC::Open2 qw/ open2 /;
use JSON::PP;

use MCPTest;
use MCPTest::Lists;

my $seed = $ENV{TEST_SEED} // int(rand(2 ** 31));
my $only = $ENV{TEST_ONLY};
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# Names, patterns and fates as the policy has them, in its order.
my @tools = ([ echo => 'allow' ], [ add => 'allow' ], [ 'get_*', 'allow' ],
             [ 'get_drop*', 'deny' ], [ '~^list_[0-9]+$', 'allow' ],
             [ drop => 'deny' ]);
my @prompts = ([ 'get_*', 'allow' ], [ echo => 'allow' ]);
my @resources = ([ 'file:///docs/*', 'allow' ],
                 [ 'file:///docs/keys/*', 'deny' ]);
my @hide = ('secret*', '*_hidden', '~^admin');

my %names = (hide => \@hide, tools => \@tools, prompts => \@prompts,
             resources => \@resources);
my %policy = (closed => { %names, default => 'deny', filter => 'on' },
              open => { %names, default => 'allow', filter => 'on' },
              hidden => { %names, default => 'deny', filter => 'hidden' });

my %method = (tools => 'tools/list', prompts => 'prompts/list',
              resources => 'resources/list',
              resourceTemplates => 'resources/templates/list');

my $t = MCPTest->new(timeout => 180);

$t->write_file_expand('nginx.conf', configuration());

my $upstream = $t->upstream(8081)->hold();

$t->run();

my $judge = open2(my $verdicts, my $questions, 'python3',
                  "$FindBin::Bin/lib/list_reference.py");


sub configuration {
    my $rules = join("\n", map {
        my ($kind, $list) = @$_;
        map { "        $kind $_->[0] { "
              . ($_->[1] eq 'deny' ? 'deny; }' : '}') } @$list
    } [ tool => \@tools ], [ prompt => \@prompts ],
      [ resource => \@resources ]);

    my $policies = join("\n", map {
        "    mcp_policy $_ {\n        default $policy{$_}{default};\n"
        . "        hide @hide;\n$rules\n    }"
    } sort keys %policy);

    my $locations = join("\n", map {
        my $name = $_;
        map {
            my ($suffix, $line) = @$_;
            "        location /$name$suffix {\n"
            . "            mcp_enforce $name;\n            $line\n"
            . "            mcp_list_filter $policy{$name}{filter};\n"
            . "            proxy_pass http://127.0.0.1:8081;\n        }"
        } [ '', '' ], [ '/plain', 'proxy_buffering off;' ],
          [ '/sse', 'mcp_transport sse;' ],
          [ '/small', 'mcp_max_list 4k;' ]
    } sort keys %policy);

    return <<"CONF";
%%TEST_GLOBALS%%
worker_processes 2;
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
$policies
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {
        listen 127.0.0.1:8080;
$locations
    }
}
CONF
}


# Cuts at random: pieces of at most $most bytes.
sub pieces {
    my ($bytes, $most) = @_;

    my ($at, @pieces) = (0);

    while ($at < length $bytes) {
        my $size = 1 + int(rand($most));
        push @pieces, substr($bytes, $at, $size);
        $at += $size;
    }

    return @pieces;
}


sub chunked {
    my ($bytes) = @_;

    my $least = length($bytes) > 20000 ? 500 : 1;
    my $most = (1, 3, 50, 500, 5000, 50000)[rand 6];

    return join('', map { sprintf("%x\r\n%s\r\n", length $_, $_) }
                pieces($bytes, $most < $least ? $least : $most))
        . "0\r\n\r\n";
}


# An answer leaves the server in some writes.
sub send_all {
    my ($request, $bytes) = @_;

    my $most = rand() < 0.5 ? length $bytes : 1 + length($bytes) / 3;

    $request->send($_) for pieces($bytes, $most);
}


# Transports.  Each takes a policy's URI, what is listed and how long the list
# is.  It returns what the server said, what the client got, and what that
# should be if so many elements stay.

my @transports = (
    [ 'JSON with a length', \&in_json, 0 ],
    [ 'JSON in chunks', \&in_json, 1 ],
    [ 'a batch', \&in_batch ],
    [ 'the stream of a POST', \&in_stream, \&posted ],
    [ 'a stream that is resumed', \&in_stream, \&resumed ],
    [ 'HTTP+SSE', \&in_stream, \&old ],
);


sub in_json {
    my ($lists, $uri, $kind, $size, $chunked) = @_;

    my $id = id();
    my $text = $lists->message(id => $id, kind => $kind, size => $size);

    return { whole($uri, request($kind, $id), $text, $chunked) };
}


# Other answers stand between; that of a call is no list, whatever it looks
# like.
sub in_batch {
    my ($lists, $uri, $kind, $size) = @_;

    my @requests = (request($kind, 1), tool_call('echo', {}, id => 2),
                    request('tools', 3), request('prompts', 4));
    my @texts = (
        $lists->message(id => 1, kind => $kind, size => $size, batch => 1),
        $lists->message(id => 3, kind => 'tools', size => int(rand(4)),
                        batch => 1),
        $lists->message(id => 4, kind => 'prompts', size => int(rand(4)),
                        batch => 1),
        MCPTest::Lists::Text->new('{"id":2,"result":{"tools":[{"name":'
                                  . '"secret"}, 1e400]},"jsonrpc":"2.0"}'),
        MCPTest::Lists::Text->new('{"id":null,"error":{"code":-1.0}}'));

    return { whole($uri, '[' . join(',', $lists->mixed(@requests)) . ']',
                   $lists->batch($lists->mixed(@texts)), rand() < 0.5,
                   headers => [ 'MCP-Protocol-Version' => '2025-03-26' ]),
             others => [ '2' ] };
}


sub whole {
    my ($uri, $request, $text, $chunked, %options) = @_;

    my $sent = $text->full();
    my $client = $t->connect();

    $client->send_request('POST', rand() < 0.5 ? $uri : "$uri/plain",
                          body => $request, %options);

    my $head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

    send_all($upstream->next(), $chunked
             ? "${head}Transfer-Encoding: chunked\r\n\r\n" . chunked($sent)
             : "${head}Content-Length: ${\ length $sent}\r\n\r\n$sent");

    my $r = $client->read_response();
    $client->close();

    return (kind => 'json', sent => $sent, got => $r->body,
            length => scalar($r->header('Content-Length')),
            expected => sub { $text->left(@_) });
}


sub in_stream {
    my ($lists, $uri, $kind, $size, $way) = @_;

    my $id = id();
    my $text = $lists->message(id => $id, kind => $kind, size => $size);
    my ($before, $event, $rewritten, $after) = events($text, $way != \&old);
    my ($start, $got) = $way->($uri, request($kind, $id),
                               $before . $event . $after);

    return { kind => 'stream', sent => $start . $before . $event . $after,
             got => $got, expected => sub {
                 return $start . $before . $rewritten->(@_) . $after } };
}


my $stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n";


sub posted {
    my ($uri, $request, $bytes) = @_;

    my $client = $t->connect();

    $client->send_request('POST', $uri, body => $request);
    send_all($upstream->next(), $stream_head . chunked($bytes));

    return ('', body($client));
}


sub resumed {
    my ($uri, $request, $bytes) = @_;

    my $client = $t->connect();

    $client->send_request('GET', $uri,
                          headers => [ 'Last-Event-ID' => 'e-1' ]);
    send_all($upstream->next(), $stream_head . chunked($bytes));

    return ('', body($client));
}


sub old {
    my ($uri, $request, $bytes) = @_;

    my $start = "event: endpoint\ndata: $uri/sse/m?sessionId=s\n\n";
    my $client = $t->connect();
    my $poster = $t->connect();

    $client->send_request('GET', "$uri/sse");
    my $stream = $upstream->next();
    $stream->send($stream_head)->chunk($start);

    $poster->send_request('POST', "$uri/sse/m?sessionId=s", body => $request);
    $upstream->next()->respond(202);
    $poster->read_response();
    $poster->close();

    send_all($stream, chunked($bytes));

    return ($start, body($client));
}


sub body {
    my ($client) = @_;

    my $body = $client->read_response()->body;

    $client->close();
    return $body;
}


sub request {
    my ($kind, $id) = @_;
    return "{\"jsonrpc\":\"2.0\",\"id\":$id,\"method\":\"$method{$kind}\"}";
}


# Ids as clients choose them.
sub id {
    return (1, 0, -7, 9007199254740991, '"a"', '"\\u00e9/"',
            "\"\xf0\x9f\x98\x80\"")[rand 7];
}


# What comes before the event of a text, be it the first of all bytes or not, the event as it is sent, as it has to
# be when elements were taken out of it, and what follows it.
sub events {
    my ($text, $first) = @_;

    my $end = ("\n", "\r\n", "\r")[rand 3];
    my $lines = sub { join('', map { "$_$end" } @_) };
    my $others = sub {
        return join('', map { $lines->(@{other_event()}) } 1 .. rand(4));
    };

    my $before = rand() < 0.3 ? $lines->('id: e-0', 'retry: 100', 'data:', '')
                              : '';
    $before = "\xef\xbb\xbf$before" if $first && rand() < 0.3;

    my @fields = grep { rand() < 0.4 } 'id: a', 'event: message', 'retry: 20',
        'unknown';
    push @fields, ': among them' if @fields && rand() < 0.3;
    my @late = grep { rand() < 0.2 } 'id: b', 'event:message';

    # A line feed for each end of a line is what a reader of the data has.
    my $full = $text->full() =~ s/\r\n?/\n/gr;
    my $event = $lines->(@fields, (map { "data: $_" } split(/\n/, $full, -1)),
                         @late, '');

    my $rewritten = sub {
        my $left = $text->left(@_) =~ s/\r\n?/\n/gr;

        return $event if $left eq $full;

        $left =~ s/\n/ /g;
        $left =~ s/\xe2\x80\xa8/\\u2028/g;
        $left =~ s/\xe2\x80\xa9/\\u2029/g;
        $left =~ s/\xc2\x85/\\u0085/g;

        return join('', map { "$_\n" } 'event: message',
                    (grep { /^(id|retry):/ } @fields, @late),
                    "data: $left", '');
    };

    return ($before . $others->(), $event, $rewritten, $others->());
}


sub other_event {
    return [ ": \xe2\x80\xa8 a comment", rand() < 0.5 ? '' : () ]
        if rand() < 0.4;
    return [ 'event: ping', 'data: no {JSON', '' ] if rand() < 0.4;
    return [ (rand() < 0.5 ? 'event: message' : ()),
             (rand() < 0.5 ? 'id: n' . int(rand(99)) : ()),
             'data: {"jsonrpc":"2.0","method":"notifications/message",'
             . "\"params\":{\"tools\":[{\"name\":\"secret\"}],"
             . "\"data\":\"\xe2\x80\xa8\",\"n\":1e400}}", '' ];
}


sub ask_judge {
    my ($case, $policy) = @_;

    print $questions $json->encode({
        policy => $policy, kind => $case->{kind},
        others => $case->{others} || [], sent => length $case->{sent},
        got => length $case->{got} }), "\n", $case->{sent}, $case->{got};
    $questions->flush();

    my $line = <$verdicts>;
    return $json->decode($line // die "the judge is gone\n");
}


# Where two texts part, for a message.
sub parting {
    my ($expected, $got) = @_;

    ($expected ^ $got) =~ /^\0*/;
    my $at = $+[0] < 40 ? 0 : $+[0] - 40;

    return "at $+[0]: expected \"" . substr($expected, $at, 120)
        . "\", got \"" . substr($got, $at, 120) . '"';
}


my ($number, $changed, $bytes) = (0, 0, 0);


# Each case has a seed of its own: TEST_ONLY repeats it without the others.
sub right {
    my ($transport, $name, $kind, $size) = @_;

    my ($title, $run, @more) = @$transport;

    return 1 if ++$number != ($only // $number);
    srand($seed + $number);
    $size //= 2 + int(rand(20));

    my $case = $run->(MCPTest::Lists->new(), "/$name", $kind, $size, @more);
    my $verdict = ask_judge($case, $policy{$name});
    my $problem = $verdict->{difference};
    my $expected = $problem ? '' : $case->{expected}->(@{$verdict->{kept}});

    $changed++ if $expected ne $case->{sent};
    $bytes += length $case->{sent};

    $problem ||= parting($expected, $case->{got})
        if $expected ne $case->{got};
    $problem ||= "a length of $case->{length}"
        if ($case->{length} // length $case->{got}) != length $case->{got};

    diag("TEST_SEED=$seed TEST_ONLY=$number: $title, $name, $size $kind: "
         . $problem) if $problem;

    return !$problem;
}


diag("TEST_SEED=$seed");

for my $transport (@transports) {
    my $title = $transport->[0];

    for my $name (sort keys %policy) {
        my $wrong = 0;

        for my $kind (sort keys %method) {
            $wrong += !right($transport, $name, $kind, $_)
                for 0, 1, (undef) x 10;
        }

        is($wrong, 0, "$title, $name: small lists");
        ok(right($transport, $name, 'tools', $_), "$title, $name: $_ tools")
            for 200, 5000;
    }
}

diag("$number lists, $changed of them changed, $bytes bytes");


# Lists that cannot be told apart from others, or not be read at all

my $deepest = 64 - 4;
my $secret = '{"name":"secret"}';
my @bad = (
    [ 'too deep', "[$secret,{\"name\":\"echo\",\"inputSchema\":"
      . nested($deepest + 1) . '}]' ],
    [ 'a name twice', '[{"name":"secret","name":"echo"}]' ],
    [ 'a name twice, escaped', '[{"name":"secret","\\u006eame":"echo"}]' ],
    [ 'a name in capitals', '[{"name":"echo","Name":"secret"}]' ],
    [ 'no name', "[$secret,{\"title\":\"echo\"}]" ],
    [ 'a name that is a number', "[$secret,{\"name\":1}]" ],
    [ 'a name with U+0000', "[$secret,{\"name\":\"echo\\u0000\"}]" ],
    [ 'half of a surrogate pair', "[$secret,{\"name\":\"\\ud83d\"}]" ],
    [ 'a list in a list', "[[$secret]]" ],
    [ 'null among them', "[$secret,null]" ],
    [ 'an object of tools', "{\"secret\":$secret}" ],
    [ 'two lists', "[],\"tools\":[$secret]" ],
    [ 'a list in capitals', "[],\"TOOLS\":[$secret]" ],
    [ 'not UTF-8', "[{\"name\":\"secret\xff\"}]" ],
);

my @unreadable = (
    [ 'a comma too many', "[$secret,]" ],
    [ 'the list cut off', "[$secret" ],
    [ 'a number with zeros', "[{\"name\":\"secret\",\"x\":007}]" ],
    [ 'a string in quotes of another kind', "[{'name':'secret'}]" ],
);


sub nested {
    my ($levels) = @_;
    return '[' x $levels . ']' x $levels;
}


sub bad_answer {
    my ($tools, $id) = @_;
    return "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":"
        . "{\"tools\":$tools}}";
}


# The error of a request, and nothing of the list.
sub withheld {
    my ($got, $id, $what) = @_;

    my $message = eval { $json->decode($got) } || {};

    is($message->{error}{code}, -32603, "$what: an error");
    is($message->{id}, $id, "$what: that of the request");
    unlike($got, qr/secret|\\ud83d/, "$what: without the list");
}


sub data {
    my ($stream) = @_;
    return $stream =~ /^data: (.*)$/m ? $1 : '';
}


if (!defined $only) {
    my $good = '{"jsonrpc":"2.0","id":2,"result":{"tools":1e400}}';

    for my $case (@bad, @unreadable) {
        my ($what, $tools) = @$case;

        for my $uri ('/closed', '/open', '/hidden') {
            my $answer = bad_answer($tools, 1);
            my $text = MCPTest::Lists::Text->new($answer);
            my %case = whole($uri, request('tools', 1), $text, rand() < 0.5);
            withheld($case{got}, 1, "$what, $uri");

            my ($start, $got) = posted($uri, request('tools', 1),
                                       "data: $answer\n\n: end\n");
            withheld(data($got), 1, "$what, $uri, a stream");
            like($got, qr/\n\n: end\n$/, "$what, $uri: the stream goes on");
        }
    }

    for my $case (@bad) {
        my ($what, $tools) = @$case;

        # A whole text of which a part cannot be read is no answer at all.
        next if $what eq 'too deep' || $what eq 'not UTF-8';

        my $text = MCPTest::Lists::Text->new('[' . bad_answer($tools, 1)
                                             . ",$good]");
        my %case = whole('/closed', '[' . request('tools', 1) . ','
                         . tool_call('echo', {}, id => 2) . ']', $text, 0,
                         headers => [ 'MCP-Protocol-Version'
                                      => '2025-03-26' ]);
        my ($error, $rest) = $case{got} =~ /^\[(.*),(\Q$good\E)\]$/;
        withheld($error // '', 1, "$what, in a batch");
        is($rest, $good, "$what: the other answer stays");
    }

    # On a stream that is resumed nobody knows of a request; what is no JSON
    # is no answer to anybody.

    for my $case (@bad) {
        my ($what, $tools) = @$case;
        my ($start, $got) = resumed('/closed', request('tools', 1),
            'data: ' . bad_answer($tools, 1) . "\n\n");

        like($got, qr/^(event: message\n)?data: \{.*"code":-32603/,
             "$what, resumed: an error");
        unlike($got, qr/secret/, "$what, resumed: without the list");
    }
}

done_testing();
