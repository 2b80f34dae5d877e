#!/usr/bin/perl

# Classes: the tools of real servers, each reviewed by reading, beside what
# the tool says of them; and the policies that are written from the classes.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ basename dirname /;
use File::Temp qw/ tempdir /;
use JSON::PP;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $tool = $ENV{TEST_MCP_POLICY} || "$top/build/mcp-policy";
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $dir = tempdir(CLEANUP => 1);

plan skip_all => "$tool is not built" unless -x $tool;


# Exit status, standard output and error of the tool.
sub run {
    my ($input, @args) = @_;

    spew('in', $input);

    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        open STDIN, '<', "$dir/in" or die $!;
        open STDOUT, '>', "$dir/out" or die $!;
        open STDERR, '>', "$dir/err" or die $!;
        chdir $dir or die $!;
        exec $tool, @args or die "$tool: $!";
    }

    waitpid $pid, 0;
    my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;

    return ($status, slurp("$dir/out"), slurp("$dir/err"));
}


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or return undef;
    local $/;
    return scalar <$file> // '';
}


sub spew {
    my ($name, $text) = @_;

    open my $file, '>:raw', "$dir/$name" or die "$name: $!";
    print $file $text;
    close $file or die "$name: $!";
}


sub classify {
    my ($list, @args) = @_;

    my ($status, $out) = run($json->encode($list), 'classify', '--json',
                             @args);
    return ($status, $json->decode($out));
}


# Decisions of a policy about calls, by "mcp-policy test".
sub decides {
    my ($name, $policy, @cases) = @_;
    decides_file($name, 'p.conf', $policy, @cases);
}


sub decides_file {
    my ($name, $file, $policy, @cases) = @_;

    spew($file, $policy);
    spew('cases', join('', map { $json->encode($_) . "\n" } @cases));

    my ($status, $out, $err) = run('', 'test', $file, 'cases');

    is($status, 0, $name) or diag("$out$err\n$policy");
}


# Real servers, and what is expected of their policies.

for my $path (sort glob("$top/t/risk/*.classes.json")) {
    my $name = basename($path, '.classes.json');
    my $expected = $json->decode(slurp($path));
    my $list = slurp("$top/t/risk/$name.json");

    my ($status, $out, $err) = run($list, 'classify', '--json');
    is($status, 0, "$name: classify") or diag($err);

    my $got = $json->decode($out);
    my %class = map { $_->{name} => $_->{class} } @{$got->{tools}};

    is_deeply([ sort keys %class ], [ sort keys %{$expected->{tools}} ],
              "$name: every tool was reviewed");

    for my $each (sort keys %{$expected->{tools}}) {
        my $review = $expected->{tools}{$each};

        is($class{$each}, $review->{class},
           "$name: $each: $review->{because}");
    }

    ($status, my $conf) = run($list, 'classify', '--format', 'nginx');
    is($status, 0, "$name: policy");

    spew('q.conf', $conf);
    ($status, $out) = run('', 'check', 'q.conf');
    is($status, 0, "$name: its policy has no errors");
    like($out, qr/ 0 errors, 0 warnings$/, "$name: and no warnings");

    my $answer = $json->decode($list);
    my ($tools) = grep { $_ } ($answer->{result} || {})->{tools},
        $answer->{tools};
    my %schema = map { $_->{name} => $_->{inputSchema} || {} } @$tools;
    my $minute = 0;
    my @cases;

    for my $each (@$tools) {
        my $class = $class{$each->{name}};
        my @required = @{$schema{$each->{name}}{required} || []};
        my %arguments = map { $_ => 'x' } @required;
        my %call = (tool => $each->{name}, arguments => \%arguments);
        my $times = { Read => 40, Write => 30, Execute => 10 }->{$class};

        if (!$times) {
            push @cases, { %call, expect => 'deny' };
            next;
        }

        push @cases, ({ %call, expect => 'allow' }) x $times;
        push @cases, { %call, expect => 'limit' } if $class ne 'Read';

        push @cases, { tool => $each->{name}, arguments => {},
                       expect => 'deny',
                       at => sprintf('2026-01-16T10:%02d:00Z', $minute++) },
                     { %call, expect => 'allow' }
            if $class eq 'Execute' && @required;
    }

    push @cases, { tool => 'no_such_tool', expect => 'deny' };
    decides("$name: its policy decides as the classes say", $conf, @cases);

    for my $format (qw/ json yaml /) {
        ($status, my $text) = run($list, 'classify', '--format', $format);
        is($status, 0, "$name: policy in $format");
        decides_file("$name: $format decides alike", "p.$format", $text,
                     @cases);
    }

    ($status, $out) = run($list, 'classify', '--format', 'json');
    my $policy = $json->decode($out);

    is_deeply([ sort(@{$policy->{hide}}, keys %{$policy->{tools}}) ],
              [ sort keys %class ], "$name: policy.json has every tool");
    is("$policy->{version} $policy->{default}", '1 deny',
       "$name: and denies the rest");
}


# Names that would mean something else in a policy.

my @bad = ('*', 'get_*', '~get', '~*get', 'a"b', "a'b", 'a\\b', 'get$x',
           'a}b', 'a{b', 'a;b', "a\nb", "a\rb", "get#x", "x\" { } tool \"y",
           "a\x{2028}b", "a\x{202e}b", "a\x{200b}b", "a\x{0085}b", "a\x{0}b",
           '', ' get', "get\x{fe0f}", 'x' x 129);
my @good = ('get it', 'get:it', 'get/it', "get_\x{444}", 'get@1', 'a~b',
            'get,it', 'null', 'default', 'hide', 'tool', '1', 'yes');

my $odd = { tools => [ map { { name => $_ } } @bad, @good ] };

{
    my ($status, $classes) = classify($odd);

    is($status, 1, 'names that cannot be written are a finding');
    is_deeply([ sort map { $_->{name} } grep { $_->{left_out} }
                @{$classes->{tools}} ],
              [ sort map { $_ eq "a\x{0}b" ? '"a\\u0000b"' : $_ } @bad ],
              'which tools are left out')
        or diag(explain($classes));
}

for my $format (qw/ nginx json yaml /) {
    my ($status, $out, $err) = run($json->encode($odd), 'classify',
                                   '--format', $format);

    is($status, 1, "$format: written, with a finding");
    unlike($out, qr/[^\x20-\x7e\n\x80-\xff]/, "$format: no control character");
    unlike($out, qr/\xe2\x80\xa8|\xc2\x85|\xe2\x80\xae/,
           "$format: no other line ends, no marks of direction");

    my @rules = grep { !/^\s*#/ } split /\n/, $out;
    unlike("@rules", qr/\*|~get|\{ \} tool/, "$format: no pattern among the rules");

    is(scalar(grep { /^    tool / } @rules), scalar @good,
       'nginx: the others are there') if $format eq 'nginx';

    my $file = 'p.' . ($format eq 'nginx' ? 'conf' : $format);

    decides_file("$format: and only the others are allowed", $file, $out,
            (map { { tool => $_, expect => 'allow' } } @good),
            (map { { tool => $_, expect => 'deny' } }
             grep { /^[ -~]+$/ } @bad),
            { tool => 'y', expect => 'deny' },
            { tool => 'get_all', expect => 'deny' });
}


# A tool that is listed twice has the worse class.

{
    my ($status, $classes) = classify([ { name => 'get_x' },
        { name => 'other' },
        { name => 'get_x', annotations => { destructiveHint => \1 } } ]);

    my ($x) = grep { $_->{name} eq 'get_x' } @{$classes->{tools}};

    is($x->{class}, 'Destructive', 'listed twice: the worse class');
    is($x->{listed}, 2, 'and it is said');
    is(scalar @{$classes->{tools}}, 2, 'one entry');
}


# Required arguments: null where it is a value, odd names left to the server.

{
    my $list = [ { name => 'run_it', inputSchema => {
        required => [ 'a', 'b', 'c.d', 'e"', '$f', 'g' ],
        properties => { a => { type => 'string' },
                        b => { type => [ 'string', 'null' ] },
                        g => { anyOf => [ { type => 'string' },
                                          { type => 'null' } ] },
                        'c.d' => { type => 'string' } } } } ];

    my ($status, $conf) = run($json->encode($list), 'classify',
                              '--format=nginx');

    decides('required arguments', $conf,
            { tool => 'run_it', arguments => { a => 1, b => 2, g => 3 },
              expect => 'allow' },
            { tool => 'run_it', arguments => { a => 1, b => undef,
                                               g => undef },
              expect => 'allow' },
            { tool => 'run_it', arguments => { a => 1, b => 1 },
              expect => 'deny' },
            { tool => 'run_it', arguments => { b => 2, g => 1 },
              expect => 'deny' });
    unlike($conf, qr/arg (?:c|e|\$)/, 'odd names are not written');
}


# Input and output.

{
    my ($status, $out, $err) = run('{"tools":[', 'classify');
    is($status, 2, 'broken JSON');
    like($err, qr/not JSON that all read alike: truncated at byte/, 'said');

    ($status, $out, $err) = run('{"tools":[{"name":"a","name":"b"}]}',
                                'classify');
    is($status, 2, 'a name that is there twice');
    like($err, qr/duplicate_key at byte/, 'said');

    ($status, $out, $err) = run('{"result":{}}', 'classify');
    is($status, 2, 'no list');
    like($err, qr/no array "tools"/, 'said');

    ($status, $out, $err) = run('[{"nam":"x"}]', 'classify', '-o', 'o.conf');
    is($status, 2, 'a tool without a name');
    like($err, qr/tool 1 has no name/, 'said');
    ok(!-e "$dir/o.conf", 'nothing is written');

    ($status, $out, $err)
        = run('{"result":{"tools":[],"nextCursor":"x"}}', 'classify');
    is($status, 1, 'a list that goes on');
    like($err, qr/the list is not complete/, 'said');

    ($status, $out) = run('[{"name":"get_x"}]', 'classify', '-o', 'o.yaml');
    is($status, 0, '-o');
    like($out, qr/^Read +Low +get_x +name contains 'get'\n1 tool: 1 Read/,
         'the table goes to standard output');
    like(slurp("$dir/o.yaml"), qr/^version: "1"$/m,
         'the format is that of the name');

    ($status, $out, $err) = run('[]', 'classify', '-o', 'no/where.conf');
    is($status, 2, 'a directory that is not there');
    like($err, qr/no\/where\.conf: No such file/, 'said');

    ($status, $out, $err) = run('[]', 'classify', '--format', 'toml');
    is($status, 2, 'a format that is not known');
    like($err, qr/invalid format "toml"/, 'said');

    ($status, $out, $err) = run('[]', 'classify', '--name', 'a b', '-o', 'x');
    is($status, 2, 'a name that nginx would take apart');
    like($err, qr/invalid policy name "a b"/, 'said');

    ($status, $out, $err) = run('[]', 'classify', 'nowhere.json');
    is($status, 2, 'a file that is not there');
    like($err, qr/nowhere\.json: No such file/, 'said');
}


# A human decides about money, in every format.

for my $format (qw(nginx json yaml)) {
    my ($status, $policy) = run('[{"name":"pay_invoice"}]', 'classify',
                                '--format', $format);

    decides_file("financial, $format",
            $format eq 'nginx' ? 'p.conf' : "p.$format", $policy,
            { tool => 'pay_invoice', expect => 'approve',
              message => 'needs the approval of a human' });
}

spew('approve.conf', "mcp_policy a { tool x { approve; } }\n");
is((run('', 'check', 'approve.conf'))[0], 0, '"approve" loads');

done_testing();
