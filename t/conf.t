#!/usr/bin/perl

# What "nginx -t" says, with file and line: every directive right, twice, in
# the wrong place and with the wrong value; every warning; and reloads.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;

my $t = MCPTest->new(timeout => 120);


# The configuration around a text; "#!" marks the line that is to be named
# (nginx itself names none for unknown variables).
sub configuration {
    my ($where, $text) = @_;

    my %around = (
        main => [ '', '' ],
        http => [ 'http { %%TEST_GLOBALS_HTTP%%', '}' ],
        server => [ 'http { %%TEST_GLOBALS_HTTP%% server {', '} }' ],
        location => [ 'http { %%TEST_GLOBALS_HTTP%% mcp_policy p { tool t { }'
                      . ' } server { location / {', '} } }' ],
        policy => [ 'http { %%TEST_GLOBALS_HTTP%% mcp_policy p {',
                    "\ntool keep { }\n} }" ],
        tool => [ 'http { %%TEST_GLOBALS_HTTP%% mcp_policy p { tool keep { } '
                  . 'tool t {', '} } }' ],
        rule => [ 'http { %%TEST_GLOBALS_HTTP%% mcp_policy p { tool keep { } '
                  . 'tool t { rule r {', '} } } }' ],
        deny_if => [ 'http { %%TEST_GLOBALS_HTTP%% mcp_policy p { tool keep {'
                     . ' } tool t { deny_if {', '} } } }' ],
        any => [ 'http { %%TEST_GLOBALS_HTTP%% mcp_policy p { tool keep { } '
                 . 'tool t { any {', '} } } }' ],
    );

    my ($before, $after) = @{$around{$where}};

    return $t->expand("%%TEST_GLOBALS%%\nevents { }\n$before\n$text\n$after"
                      . ($where eq 'main' ? "\nhttp { }" : '') . "\n");
}


sub line_of {
    my ($content) = @_;

    my @lines = split(/\n/, $content);
    my ($line) = grep { $lines[$_ - 1] =~ /#!/ } 1 .. @lines;

    return $line;
}


sub good {
    my ($where, $text) = @_;

    my ($ok, $output) = $t->test_config(configuration($where, $text));

    (my $name = $text) =~ s/\s+/ /g;
    ok($ok && $output !~ /\[(warn|emerg)\]/, "$where: $name")
        or diag($output);
}


sub bad {
    my ($where, $text, $message) = @_;

    my $content = configuration($where, $text);
    my ($ok, $output) = $t->test_config($content);
    my $line = line_of($content);
    my $place = $line ? $t->dir() . "/test.conf:$line" : '';

    (my $name = $text) =~ s/\s+/ /g;
    subtest "$where: $name" => sub {
        ok(!$ok, 'refused');
        like($output, qr/\[emerg\].*\Q$message\E.*\Q$place\E\n/, 'message');
    };
}


sub warns {
    my ($where, $text, $message) = @_;

    my $content = configuration($where, $text);
    my ($ok, $output) = $t->test_config($content);
    my $place = $t->dir() . '/test.conf:' . line_of($content) . "\n";

    (my $name = $text) =~ s/\s+/ /g;
    subtest "$where: $name" => sub {
        ok($ok, 'accepted');
        like($output, qr/\[warn\].*\Q$message\E.* in \Q$place\E/,
             'warning');
    };
}


subtest 'mcp_zone' => sub {
    good(http => 'mcp_zone default:1m; mcp_zone x:64k;');
    bad(http => 'mcp_zone x; #!', 'invalid zone "x" in "mcp_zone", expected '
        . 'NAME:SIZE');
    bad(http => 'mcp_zone :1m; #!', 'invalid zone ":1m"');
    bad(http => 'mcp_zone x:1k; #!', 'invalid size "1k" of zone "x" in '
        . '"mcp_zone", expected at least 64k');
    bad(http => 'mcp_zone x:much; #!', 'invalid size "much"');
    bad(http => 'mcp_zone x:1m y; #!', 'invalid parameter "y" in "mcp_zone"');
    bad(http => "mcp_zone x:1m;\nmcp_zone x:1m; #!", 'duplicate zone "x"');
    bad(http => 'mcp_zone; #!', 'invalid number of arguments in "mcp_zone"');
    bad(server => 'mcp_zone x:1m; #!',
        '"mcp_zone" directive is not allowed here');
    bad(main => 'mcp_zone x:1m; #!',
        '"mcp_zone" directive is not allowed here');
};

subtest 'mcp_policy' => sub {
    good(http => 'mcp_policy p { tool t { } }');
    good(http => 'mcp_policy "a b" { tool t { } }');
    bad(http => 'mcp_policy { } #!', 'invalid number of arguments');
    bad(http => 'mcp_policy p q { } #!', 'invalid number of arguments');
    bad(http => 'mcp_policy p; #!', 'directive "mcp_policy" has no opening');
    bad(http => 'mcp_policy off { } #!', 'invalid policy name "off", it must '
        . 'not be empty or "off"');
    bad(http => 'mcp_policy "" { } #!', 'invalid policy name ""');
    bad(http => "mcp_policy p { tool t { } }\nmcp_policy p { } #!",
        'duplicate policy "p", each needs a name of its own');
    bad(server => 'mcp_policy p { } #!',
        '"mcp_policy" directive is not allowed here');
    bad(policy => 'mcp_policy q { } #!',
        '"mcp_policy" directive is not allowed here');
    bad(policy => 'server { } #!',
        '"server" directive is not allowed here');
    bad(policy => 'proxy_pass http://x; #!',
        '"proxy_pass" directive is not allowed here');
    bad(policy => 'nonsense; #!', 'unknown directive "nonsense"');
};

subtest 'policy' => sub {
    good(policy => $_) for 'default allow;', 'default deny;', 'hide x;',
        'hide a b* ~^c ~*d;', 'zone default;', 'tool a b* ~^c { }',
        'prompt x { }', 'resource file:///x/* { }', 'method acme/* { }',
        'tool * { }', 'tool "a b" { }', 'tool "~^a{1,2};$" { }';

    bad(policy => 'default maybe; #!', 'invalid value "maybe" in "default", '
        . 'it must be "allow" or "deny"');
    bad(policy => 'default; #!', 'invalid number of arguments in "default", '
        . 'expected "default allow|deny"');
    bad(policy => "default allow;\ndefault allow; #!",
        '"default" is duplicate in "mcp_policy", the first is at');
    bad(policy => 'hide; #!', 'invalid number of arguments in "hide"');
    bad(policy => 'hide ~( ; #!', 'invalid pattern "~(" in "hide"');
    bad(policy => 'hide ""; #!', 'invalid pattern "" in "hide"');
    bad(policy => 'zone; #!', 'invalid number of arguments in "zone"');
    bad(policy => 'zone ""; #!', '"zone" is empty');
    bad(policy => "zone default;\nzone default; #!", '"zone" is duplicate');
    bad(policy => "zone x; #", 'unknown zone "x" of policy "p", expected the '
        . 'name of an "mcp_zone"');
    bad(policy => "$_ { } #!", "invalid number of arguments in \"$_\"")
        for qw/ tool prompt resource method /;
    bad(policy => "$_ x; #!", "directive \"$_\" has no opening")
        for qw/ tool prompt resource method /;
    bad(policy => "$_ x { }\n$_ x { } #!", "pattern \"x\" has a \"$_\" block "
        . 'already, at') for qw/ tool prompt resource method /;
    bad(policy => 'tool * x { } #!',
        '"*" cannot stand beside other patterns in "tool"');
    bad(policy => 'tool ~[ { } #!', 'invalid pattern "~[" in "tool"');
    bad(policy => "$_ #!", '" directive is not allowed here')
        for 'arg a eq 1;', 'require $x eq 1;', 'deny;', 'message x;',
            'rule x { }', 'deny_if { }', 'any { }', 'dry_run on;',
            'denial error;';
};

subtest 'rules' => sub {
    for my $where ('tool', 'rule') {
        good($where => $_) for 'deny;', 'deny "No.";', 'arg a eq 1;',
            'deny_if { arg a eq 1; }', 'any { arg a eq 1; arg b eq 1; }',
            'arg a exists; message x;', 'arg a exists; denial status;',
            'arg a exists; dry_run on;', 'arg a exists; dry_run off;',
            'require $remote_addr eq 127.0.0.1;';

        bad($where => "$_ #!", 'is not allowed here') for 'default allow;',
            'hide x;', 'tool x { }', 'zone default;';

        bad($where => 'deny a b; #!', 'invalid number of arguments in "deny"');
        bad($where => "deny;\ndeny; #!", '"deny" is duplicate');
        bad($where => 'allow x; #!', 'invalid number of arguments in "allow"');
        bad($where => "allow;\narg a eq 1; #!",
            '"arg" cannot stand beside "allow"');
        bad($where => "arg a eq 1;\nallow; #!",
            '"allow" cannot stand beside "arg"');
        bad($where => "message a;\nmessage b; #!", '"message" is duplicate');
        bad($where => 'message ""; #!', '"message" is empty');
        bad($where => 'message; #!', 'invalid number of arguments in '
            . '"message"');
        bad($where => 'denial loud; #!', 'invalid value "loud" in "denial", '
            . 'it must be "result", "error" or "status"');
        bad($where => "denial error;\ndenial error; #!",
            '"denial" is duplicate');
        bad($where => 'dry_run maybe; #!', 'invalid value "maybe" in '
            . '"dry_run", it must be "on" or "off"');
        bad($where => "dry_run on;\ndry_run on; #!",
            '"dry_run" is duplicate');
        bad($where => 'deny_if x { } #!', 'invalid number of arguments in '
            . '"deny_if"');
        bad($where => 'any x { } #!', 'invalid number of arguments in "any"');
    }

    good(tool => $_) for '', 'allow;', 'rule x { arg a eq 1; }',
        'rule "a b" { deny; }';
    bad(tool => 'rule { } #!', 'invalid number of arguments in "rule"');
    bad(tool => 'rule "" { } #!', '"rule" has an empty name');
    bad(tool => 'rule (hidden) { } #!', 'the name "(hidden)" in "rule" is '
        . 'reserved');
    bad(tool => "rule x { arg a eq 1; }\nrule x { arg b eq 1; } #!",
        'rule "x" is duplicate, the first is at');
    bad(rule => 'rule x { } #!', '"rule" directive is not allowed here');

    good(deny_if => 'arg a eq 1; message x;');
    good(deny_if => 'any { arg a eq 1; arg b eq 2; }');
    bad(deny_if => "$_ #!", 'is not allowed here') for 'deny;', 'allow;',
        'deny_if { }', 'rule x { }', 'dry_run on;', 'denial error;';
    good(any => 'arg a eq 1; require $remote_addr eq x;');
    bad(any => "$_ #!", 'is not allowed here') for 'deny;', 'any { }',
        'message x;';
    bad(deny_if => '# nothing', '"deny_if" has no conditions, write "deny" '
        . 'to refuse every call');
    bad(any => '# nothing', '"any" is empty, expected "arg" or "require" in '
        . 'it');
};

subtest 'conditions' => sub {
    good(tool => "arg $_;") for 'a eq 1', 'a neq x', 'a in 1 2 3',
        'a not_in x', 'a lt 1', 'a lte 1.5', 'a gt -1', 'a gte 1e3',
        'a regex ^x$', 'a not_regex x', 'a contains x', 'a length_lte 5',
        'a exists', 'a absent', 'a type string number', 'a.b[0].c[*] eq 1',
        q('"a.b".c' eq 1), 'a eq $remote_addr', 'a regex "x{2}"';

    bad(tool => "arg $_->[0]; #!", $_->[1]) for
        [ 'a', 'invalid number of arguments in "arg", expected "arg PATH '
          . 'OPERATOR [VALUE ...]"' ],
        [ 'a is 1', 'unknown operator "is" in "arg", expected one of: eq' ],
        [ 'a eq', 'invalid "arg"' ], [ 'a eq 1 2', 'invalid "arg"' ],
        [ 'a exists 1', 'invalid "arg"' ], [ 'a in', 'invalid "arg"' ],
        [ 'a lt x', 'invalid "arg"' ], [ 'a lt 05', 'invalid "arg"' ],
        [ 'a gte +5', 'invalid "arg"' ], [ 'a lte 0x5', 'invalid "arg"' ],
        [ 'a type text', 'invalid "arg"' ],
        [ 'a length_lte -1', 'invalid "arg"' ],
        [ 'a length_lte x', 'invalid "arg"' ],
        [ 'a regex [', 'invalid "arg"' ],
        [ 'a regex x$remote_addr', 'cannot contain variables' ],
        [ 'a..b eq 1', 'invalid path "a..b" in "arg"' ],
        [ 'a[x] eq 1', 'invalid path "a[x]" in "arg"' ],
        [ 'a[ eq 1', 'invalid path "a[" in "arg"' ],
        [ '$a eq 1', 'invalid path "$a" in "arg"' ],
        [ 'a regex', 'invalid "arg"' ];

    bad(tool => 'require x eq 1; #!', '"require" looks at variables, "x" is '
        . 'a constant, did you mean "$x"?');
    bad(tool => "$_ eq 1;", 'unknown "nothing_such" variable')
        for 'require $nothing_such', 'arg a eq $nothing_such; arg b';
    bad(tool => 'require $remote_addr is 1; #!', 'unknown operator "is" in '
        . '"require"');
    warns(tool => 'arg args.a eq 1; #!', 'the path "args.a" in '
          . '"arg" starts inside the arguments already, did you mean "a"?');
};

subtest 'mcp_enforce' => sub {
    good(location => $_) for 'mcp_enforce p;', 'mcp_enforce off;',
        'mcp_enforce $http_x;', 'mcp_enforce "p";', 'mcp_enforce p$http_x;';
    bad(location => "mcp_enforce p;\nmcp_enforce p; #!",
        '"mcp_enforce" directive is duplicate');
    bad(location => "mcp_enforce off;\nmcp_enforce p; #!",
        '"mcp_enforce" directive is duplicate');
    bad(location => 'mcp_enforce; #!', 'invalid number of arguments');
    bad(location => 'mcp_enforce p q; #!', 'invalid number of arguments');
    bad(location => 'mcp_enforce $nothing_such;',
        'unknown "nothing_such" variable');
    bad(location => 'if ($http_x) { mcp_enforce p; } #!',
        '"mcp_enforce" directive is not allowed here');
    bad(policy => 'mcp_enforce p; #!',
        '"mcp_enforce" directive is not allowed here');
    warns(location => 'mcp_enforce q; #!', 'unknown policy "q" in '
          . '"mcp_enforce", every request is refused there, expected the name '
          . 'of an "mcp_policy"');
    warns(http => 'mcp_enforce q; #!', 'unknown policy "q"');
    warns(location => 'mcp_enforce ""; #!', 'unknown policy ""');
    good(http => "mcp_enforce late;\nmcp_policy late { tool t { } }");
};

subtest 'other directives' => sub {
    for my $where ('http', 'server', 'location') {
        good($where => $_) for 'mcp_grant $remote_addr;', 'mcp_dry_run on;',
            'mcp_denial error;', 'mcp_transport sse;',
            'mcp_protocol 2025-11-25 2026-07-28;',
            'mcp_origin a.example *.b.example c.* ~^d;', 'mcp_origin off;',
            'mcp_max_depth 1;', 'mcp_max_batch 1;', 'mcp_max_tokens 1;',
            'mcp_max_number 1;', 'mcp_max_string 1k;', 'mcp_list_filter on;',
            'mcp_list_filter hidden;', 'mcp_list_filter off;',
            'mcp_list_ttl 0;', 'mcp_list_ttl 1h;', 'mcp_list_ttl 500ms;',
            'mcp_max_list 1;', 'mcp_max_list 64m;', 'mcp_max_approvals 1;',
            'mcp_max_approval_arguments 0;',
            'mcp_max_approval_arguments 1m;';
    }

    bad(location => "$_;\n$_; #!", 'directive is duplicate')
        for 'mcp_grant x', 'mcp_dry_run on', 'mcp_denial error',
            'mcp_transport sse', 'mcp_protocol 2025-11-25', 'mcp_origin x',
            'mcp_origin off', 'mcp_max_depth 1', 'mcp_max_batch 1',
            'mcp_max_tokens 1', 'mcp_max_number 1', 'mcp_max_string 1k',
            'mcp_list_filter on', 'mcp_list_ttl 1s', 'mcp_max_list 1m',
            'mcp_max_approvals 1', 'mcp_max_approval_arguments 1k';
    bad(location => "$_; #!", 'invalid number of arguments') for 'mcp_grant',
        'mcp_grant a b', 'mcp_denial', 'mcp_transport', 'mcp_protocol',
        'mcp_origin', 'mcp_max_depth', 'mcp_max_batch 1 2',
        'mcp_max_tokens', 'mcp_max_number', 'mcp_max_string',
        'mcp_list_filter', 'mcp_list_filter on off', 'mcp_list_ttl',
        'mcp_list_ttl 1s 2s', 'mcp_max_list', 'mcp_max_list 1 2',
        'mcp_max_approvals', 'mcp_max_approval_arguments';
    bad(policy => "$_; #!", 'directive is not allowed here')
        for 'mcp_grant x', 'mcp_dry_run on', 'mcp_denial error',
            'mcp_transport sse', 'mcp_protocol 2025-11-25', 'mcp_origin x',
            'mcp_max_depth 1', 'mcp_max_string 1k', 'mcp_list_filter on',
            'mcp_list_ttl 1s', 'mcp_max_list 1m', 'mcp_max_approvals 1',
            'mcp_max_approval_arguments 1k';

    bad(location => 'mcp_dry_run yes; #!', 'invalid value "yes" in '
        . '"mcp_dry_run" directive, it must be "on" or "off"');
    bad(location => "$_->[0] x; #!", qq(invalid value "x" in "$_->[0]" )
        . "directive, it must be $_->[1]")
        for [ mcp_denial => '"result", "error" or "status"' ],
            [ mcp_transport => '"http" or "sse"' ],
            [ mcp_refund => '"error", "tool_error" or "off"' ],
            [ mcp_zone_full => '"deny" or "allow"' ],
            [ mcp_list_filter => '"on", "hidden" or "off"' ];
    bad(http => 'mcp_policy_file a nothing.json; #!',
        'policy "a" cannot be read from');
    bad(location => 'mcp_denial error; mcp_denial error; #!',
        '"mcp_denial" directive is duplicate');
    bad(location => 'mcp_grant $nothing_such;',
        'unknown "nothing_such" variable');
    bad(location => 'mcp_protocol 2025-01-01; #!', 'unknown revision '
        . '"2025-01-01" in "mcp_protocol", expected 2024-11-05');
    bad(location => 'mcp_protocol 2025-11-25 2025-11-25; #!',
        'duplicate revision "2025-11-25" in "mcp_protocol"');

    bad(location => "$_ 0; #!", "must be between 1 and 2147483647")
        for 'mcp_max_depth', 'mcp_max_batch', 'mcp_max_tokens',
            'mcp_max_number', 'mcp_max_list', 'mcp_max_approvals';
    bad(location => "$_ x; #!", 'invalid number') for 'mcp_max_depth',
        'mcp_max_batch', 'mcp_max_tokens', 'mcp_max_number',
        'mcp_max_approvals';
    bad(location => "mcp_max_depth -1; #!", 'invalid number');
    bad(location => "$_ x; #!", 'invalid value') for 'mcp_max_string',
        'mcp_max_list', 'mcp_list_ttl', 'mcp_list_filter',
        'mcp_max_approval_arguments';
    bad(location => 'mcp_list_ttl -1; #!', 'invalid value');
    bad(location => 'mcp_max_list 2048m; #!', 'must be between 1');

    bad(location => "mcp_origin $_; #!", "invalid name \"$_\" in "
        . '"mcp_origin", expected a host without scheme, port or path')
        for 'http://a.example', 'a*b', '*', 'a.example/x', '*.*',
            'a.example:443', 'ann@a.example';
    bad(location => 'mcp_origin ""; #!', 'invalid name ""');
    bad(location => 'mcp_origin off a.example; #!',
        'takes no names after "off"');
    bad(location => 'mcp_origin a.example off; #!',
        'invalid name "off" in "mcp_origin"');
    bad(location => 'mcp_origin ~(; #!', 'invalid regex "~(" in '
        . '"mcp_origin"');
};

subtest 'warnings' => sub {
    warns(http => 'mcp_policy p { } #!', 'policy "p" refuses everything: it '
          . 'names nothing under "default deny"');
    warns(http => 'mcp_policy p { hide x; } #!', 'policy "p" refuses '
          . 'everything: "hide" allows nothing under "default deny"');
    warns(http => 'mcp_policy p { tool a { deny; } } #!', 'policy "p" refuses '
          . 'everything: nothing that it names may be called');
    warns(http => 'mcp_policy p { default allow; hide *; } #!',
          'policy "p" refuses everything');
    warns(http => 'mcp_policy p { default allow; method * { deny; } } #!',
          'policy "p" refuses everything');
    warns(http => "mcp_policy p { tool keep { } hide a;\nhide a; #!\n}",
          '"a" is hidden twice, first at');
    warns(http => "mcp_policy p { hide a*; tool keep { }\n tool ab { } #!\n}",
          '"tool ab" never applies: "hide" hides every name of it');
    warns(http => "mcp_policy p { tool keep { }\n hide a* b; tool ab b { } "
          . "#!\n}", '"tool ab" never applies');
    warns(http => "mcp_policy p { prompt x { }\ntool * { } #!\n}",
          '"tool *" lists and allows nothing under "default deny"');
    warns(http => "mcp_policy p { default allow; tool a { }\n"
          . "tool * { deny; } #!\n}", '"tool *" refuses every call, also of '
          . 'what has a block of its own');
    warns(tool => "deny;\nrule x { arg a eq 1; } #!",
          '"rule" never applies: "deny" at');
    warns(tool => "deny;\ndeny_if { arg a eq 1; } #!",
          '"deny_if" never applies: "deny" at');
    warns(tool => "arg a eq 1;\ndeny; #!", '"deny" refuses every call, '
          . 'conditions beside it in "tool" do not narrow it');
    warns(tool => 'rule x { } #!', 'rule "x" asks nothing');

    # Each names the file that it is in.

    $t->write_file('part.conf', "tool a { }\ntool b {\n    arg a eq 1;\n"
                                . "    deny;\n}\n");
    my ($ok, $output) = $t->test_config(configuration(
        policy => 'include part.conf;'));
    ok($ok, 'a warning in an included file');
    like($output, qr/\[warn\].* in \S+part\.conf:4\n/, 'is named with it');

    $t->write_file('part.conf', "tool a { }\n\ntool a { }\n");
    ($ok, $output) = $t->test_config(configuration(
        policy => 'include part.conf;'));
    ok(!$ok, 'an error in an included file');
    like($output, qr/\[emerg\].* at \S+part\.conf:1 in \S+part\.conf:3\n/,
         'is named with both places');

    $t->write_file('rules.conf', "arg a eq 1;\narg b nonsense 2;\n");
    ($ok, $output) = $t->test_config(configuration(
        tool => "include rules.conf;\n"));
    like($output, qr/unknown operator.* in \S+rules\.conf:2\n/,
         'inside a block');

    ($ok, $output) = $t->test_config(configuration(
        policy => "tool x { include none*.conf; }"));
    ok($ok, 'include with a glob');
};

subtest 'variables' => sub {
    bad(server => 'set $mcp_tool x; #!', 'the duplicate "mcp_tool" variable');
    good(server => 'set $x $mcp_tool; add_header X $mcp_arg_name;');
};


# Everything else against a running nginx

sub serve {
    my ($policy, $more) = @_;

    return <<"CONF";
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    server {
        listen 127.0.0.1:8080;
        location /mcp { mcp_enforce p; proxy_pass http://127.0.0.1:8081; }
        location /typo { mcp_enforce q; proxy_pass http://127.0.0.1:8081; }
        location /variable {
            mcp_enforce \$http_x_policy;
            proxy_pass http://127.0.0.1:8081;
        }
        location /prefix {
            mcp_enforce "p\$http_x_policy";
            proxy_pass http://127.0.0.1:8081;
        }
        location /off { mcp_enforce off; proxy_pass http://127.0.0.1:8081; }
        @{[ $more || '' ]}
    }
    mcp_policy p { $policy }
    mcp_policy p2 { tool two { } }
}
CONF
}

my $upstream = $t->upstream(8081);

$t->write_file_expand('nginx.conf', serve('tool one { }'));
$t->run();


sub allows {
    my ($name, $tool, %options) = @_;

    $upstream->clear();
    my $response = $t->post(tool_call($tool), %options);
    is($response->status, 200, "$name: status");
    is($upstream->count, 1, "$name: forwarded");
}


sub refuses {
    my ($name, $tool, $code, %options) = @_;

    $upstream->clear();
    my $response = $t->post(tool_call($tool, {}, id => 'i'), %options);
    is($response->status, 200, "$name: status");
    is($response->json->{error}{code}, $code, "$name: code");
    is($response->json->{id}, 'i', "$name: id");
    is($upstream->count, 0, "$name: not forwarded");
}


subtest 'forms of mcp_enforce' => sub {
    allows('constant', 'one');
    refuses('constant', 'two', -32602);
    allows('off', 'anything', uri => '/off');
    allows('variable', 'one', uri => '/variable',
           headers => [ 'X-Policy' => 'p' ]);
    refuses('variable', 'two', -32602, uri => '/variable',
            headers => [ 'X-Policy' => 'p' ]);
    allows('variable, the other', 'two', uri => '/variable',
           headers => [ 'X-Policy' => 'p2' ]);
    allows('text and variable', 'two', uri => '/prefix',
           headers => [ 'X-Policy' => '2' ]);
    allows('text and empty variable', 'one', uri => '/prefix');

    for my $case ([ 'unknown constant', '/typo' ],
                  [ 'empty variable', '/variable' ],
                  [ 'unknown value', '/variable', 'nope' ],
                  [ 'value off', '/variable', 'off' ],
                  [ 'another case', '/variable', 'P' ])
    {
        my ($name, $uri, $value) = @$case;
        my @headers = defined $value ? ('X-Policy' => $value) : ();
        my %options = (uri => $uri, headers => \@headers);

        refuses($name, 'one', -31001, %options);
        is($t->post(rpc('initialize', {}), %options)->json->{error}{code},
           -31001, "$name: initialize");

        my $response = $t->post('{"jsonrpc":"2.0",'
            . '"method":"notifications/initialized"}', %options);
        is($response->status, 202, "$name: a notification is dropped");
        is($response->body, '', "$name: without a word");

        for my $method (qw/ GET DELETE /) {
            is($t->request($method, $uri, headers => \@headers)->status, 403,
               "$name: $method");
        }

        is($upstream->count, 0, "$name: nothing was forwarded");
    }

    like($t->log(), qr/unknown policy "q" in "mcp_enforce"/,
         'the operator was warned');
};

subtest 'reload' => sub {
    $t->write_file_expand('nginx.conf', serve('tool two { }'));
    refuses('before', 'two', -32602);
    $t->reload();
    allows('after', 'two');
    refuses('after', 'one', -32602);

    # A connection that was open keeps its worker and its policy; a broken
    # policy changes nothing.

    $t->write_file_expand('nginx.conf', serve('tool two { arg a is 1; }'));
    $t->allow_log(qr/unknown operator "is"/);
    kill('HUP', $t->{pid});
    ok($t->wait_log(qr/\[emerg\].*unknown operator "is"/),
       'a broken policy is reported');
    allows('broken', 'two');
    refuses('broken', 'one', -32602);

    $t->write_file_expand('nginx.conf', serve('tool one { }'));
    $t->reload();
    allows('repaired', 'one');
};

subtest 'nginx -t has no side effects' => sub {
    my $files = sub {
        return join(' ', sort map { (stat)[9] . $_ } glob($t->dir() . '/*'));
    };

    $t->write_file_expand('test.conf', serve('tool two { }'));
    my $before = $files->();
    my $command = join(' ', map { quotemeta } $t->binary(), '-t', '-p',
                       $t->dir() . '/', '-c', 'test.conf', '-e', 'stderr');
    my $output = `$command 2>&1`;

    like($output, qr/test is successful/, 'successful');
    is($files->(), $before, 'no file was touched');
    allows('the running one', 'one');
    refuses('the running one', 'two', -32602);
};

subtest 'many reloads' => sub {
    my $memory = sub {
        open(my $file, '<', "/proc/$t->{pid}/status") or return 0;
        my ($rss) = join('', <$file>) =~ /VmRSS:\s+(\d+)/;
        return $rss;
    };

    my $policy = join(' ', map { "tool t$_ ~^x$_\$ { arg a regex ^a$_\$; "
        . "deny_if { arg b.c[*] in 1 2 3; } }" } 1 .. 500) . ' tool one { }';

    my $reload = sub {
        $t->reload();

        # Old workers leave before the next reload.
        $t->wait_until(sub { scalar(my @w = $t->workers()) == 1 });
    };

    $t->write_file_expand('nginx.conf',
                          serve($policy, 'mcp_origin a.b ~^x ~y;'));
    $reload->() for 1 .. 5;
    my $before = $memory->();
    $reload->() for 1 .. 25;
    my $after = $memory->();

    diag("RSS of the master: $before KB, after 25 reloads $after KB");
    cmp_ok($after - $before, '<', 1000, 'the master does not grow')
        unless $ENV{TEST_SANITIZE};
    allows('after many reloads', 'one');
};

done_testing();
