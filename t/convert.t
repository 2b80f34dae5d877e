#!/usr/bin/perl

# mcp-policy convert: what is written decides alike.  Every policy of the
# tests and policies at random are converted, and calls of all of them have
# the same decision, reason, rule and text before and after.

use strict;
use utf8;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $tool = $ENV{TEST_MCP_POLICY} || "$top/build/mcp-policy";
my $dir = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

mkdir "$dir/random" or die $!;
binmode Test::More->builder->$_(), ':utf8'
    for qw(output failure_output todo_output);


sub slurp
{
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;

    return scalar <$file> // '';
}


sub spew
{
    my ($path, $text) = @_;

    open my $file, '>:raw', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
}


# Exit status, standard output and error.
sub run
{
    my @args = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        chdir $dir or die "$dir: $!";
        open STDOUT, '>', "$dir/.out" or die $!;
        open STDERR, '>', "$dir/.err" or die $!;
        exec $tool, @args or die "$tool: $!";
    }

    waitpid $pid, 0;

    my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;

    return ($status, slurp("$dir/.out"), slurp("$dir/.err"));
}


# What becomes of each case: a wrong expectation makes the tool tell all.
sub outcomes
{
    my ($policy, $cases) = @_;

    $cases =~ s/("expect"\s*:\s*)"\w+"/$1"invalid"/g;
    spew("$dir/cases.jsonl", $cases);

    my ($status, $out, $err) = run('test', $policy, "$dir/cases.jsonl");

    diag($err) if $status eq '2' || $status =~ /signal/;

    return $out =~ /^\d+ passed, \d+ failed$/m ? $out : "$status\n$err";
}


# Where formats name rules themselves, their names are not compared.
sub without_names
{
    my ($outcomes) = @_;

    $outcomes =~ s/\(rule ".*", reason /(reason /g;
    $outcomes =~ s/^.*: expected rule .*\n//mg;

    return $outcomes;
}


sub convert
{
    my ($policy, $to, $file) = @_;

    unlink "$dir/$file";

    my ($status, undef, $err) = run('convert', '--to', $to, '-o',
                                    "$dir/$file", $policy);

    return ($status, $err);
}


my %said;

# A policy in the formats that can say it, twice.
sub round_trip
{
    my ($name, $policy, $cases, $random) = @_;

    my $before = outcomes($policy, $cases);
    my $base = basename($policy) =~ s/\.\w+$//r;
    my @problems;

    my $same = sub {
        my ($what, $file, $names) = @_;

        my $after = outcomes("$dir/$file", $cases);

        my ($a, $b) = $names ? ($before, $after)
                      : map { without_names($_) } $before, $after;

        return if $a eq $b;

        my @a = split /\n/, $a;
        my @b = split /\n/, $b;
        my ($n) = grep { ($a[$_] // '') ne ($b[$_] // '') } 0 .. @a + @b;

        push @problems, "$what: " . ($a[$n] // '') . "\n  is now: "
            . ($b[$n] // '') . "\n" . slurp("$dir/$file");
    };

    my ($status, $err) = convert($policy, 'nginx', 'once.conf');

    if ($status ne '0') {
        push @problems, "to nginx: $status $err";

    } else {
        $same->('to nginx', 'once.conf', 1);

        convert("$dir/once.conf", 'nginx', 'twice.conf');
        push @problems, 'converted again it is another'
            if slurp("$dir/once.conf") ne slurp("$dir/twice.conf");
    }

    ($status, $err) = convert($policy, 'json', "$base.json");

    if ($status eq '0') {
        $said{json}++;

        my ($names) = slurp($policy) =~ /"(?:limits|deny_if|require)"/;

        # a policy has the name of its file
        $same->('to json', "$base.json", $names && $policy =~ /\.json$/);

        rename "$dir/$base.json", "$dir/once.json";
        convert("$dir/once.json", 'json', 'twice.json');
        push @problems, 'converted to json again it is another'
            if slurp("$dir/once.json") ne slurp("$dir/twice.json");

    } else {
        push @problems, "to json: $status $err"
            if $status ne '1' || $err !~ /^\S+:\d+(?::\d+)?: error: \S/m;
        push @problems, 'a file was written'
            if -e "$dir/$base.json";
    }

    ok(!@problems, $name)
        or diag(join("\n", @problems), $random ? "\n" . slurp($policy) : '');
}


# every policy that has cases

for my $cases (sort glob "$top/t/cases/*.jsonl $top/t/cases/*/*.jsonl") {
    my $where = basename(dirname($cases));
    my $name = basename($cases) =~ s/\.jsonl$//r;

    my ($policy) = grep { -e }
        map { ("$top/conf/$name.$_", "$top/conf/policies/$name.$_",
               $cases =~ s/jsonl$/$_/r) } qw(conf json yaml);

    ok($policy, "$where/$name has a policy") or next;
    round_trip("$where/$name", $policy, slurp($cases));
}

cmp_ok($said{json}, '>=', 5, 'some of them can be said in JSON');


# policies at random

my $seed = $ENV{TEST_SEED} // 20260115;
my $rounds = $ENV{TEST_ROUNDS} // 60;

my @texts = ('plain', 'two words', 'say "no"', "it's", '$5 a ${piece}', '{;}',
             '# no comment', 'back\\slash\\n', "line\nline\ttab", 'ü→中',
             '100%', '~^x', '*', "both \" and '", "\x{2028}", '$');
my @names = qw(read_file send.mail pay/now a-b t1 t2 list);
my @odd = ('two words', 'say "hi"', "it's", 'a;b', 'a{b}', '$x', 'a\\b', '#a',
           'ü', "tab\there", 'a~b', '(x)');
my @paths = qw(a b a.b c a.c.d $x);
push @paths, '', 'a b', 'a"b', 'a[0]', "it's";
my @values = (0, 1, 5, 1.5, -3, 1000000, 'x', 'USD', '5', 'true', '', '$a',
              'a"b', "it's", '[a b]', '<nil>', 'map[]', 'null');
my @regexes = ('^x', 'x$', '(a|b)c', '(?i)usd', '\d+', '[^"]+$', "it's",
               '^[a-z]{1,3}$', '\$', 'a\\\\b', '\s', '', '(?:x)', '.\z');

sub pick { $_[int rand @_] }
sub maybe { rand() < $_[0] }

sub literal
{
    my @more = (JSON::PP::true, JSON::PP::false, undef);
    return maybe(0.25) ? pick(@more) : pick(@values);
}


sub condition
{
    my $op = pick(qw(eq neq lt lte gt gte in not_in exists regex contains));

    my $value = $op =~ /in$/ && $op ne 'contains'
                ? [ map { literal() } 0 .. int rand 3 ]
                : $op =~ /^[lg]t/ ? pick(0, 1, 5, 1.5, -3, 1000000)
                : $op eq 'exists' ? pick(JSON::PP::true, JSON::PP::false)
                : $op eq 'regex' ? pick(@regexes) : literal();

    return { path => 'args.' . pick(@paths), op => $op, value => $value };
}


sub message { return maybe(0.5) ? (on_deny => pick(@texts)) : () }


sub hosted_tool
{
    return {} if maybe(0.1);

    if (maybe(0.15)) {
        return { rate_limit => pick('3/hour', { max => 2, window => 60 },
                                    { max => 2, window => 7 },
                                    { max => 4, window => 'day' }),
                 message() };
    }

    return { action => pick('deny', 'require approval', 'allow'), message() }
        if maybe(0.15);

    my %tool;

    for my $kind (qw(require deny_if)) {
        $tool{$kind} = [ map { {
            conditions => [ map { condition() } 1 .. int rand 3 ],
            message() } } 0 .. int rand 2 ] if maybe(0.5);
    }

    if (maybe(0.6)) {
        my %seen;
        $tool{limits} = [ grep { !$seen{"$_->{counter} $_->{window}"}++ }
            map { { counter => pick('c', 'shared', @odd),
                    window => pick(qw(minute hour day)),
                    max => 1 + int rand 4, scope => 'grant', message() } }
            0 .. int rand 2 ];
    }

    return \%tool;
}


sub intercept_rule
{
    my ($tool, $n) = @_;

    my @name = maybe(0.7) ? (name => pick('cap', "r$n", @odd)) : ();
    my $kind = int rand 6;

    return { @name, action => 'deny', message() } if $kind == 0 && maybe(0.3);
    return { @name, action => pick('allow') } if $kind == 1 && maybe(0.3);

    return { @name, rate_limit => pick('2/minute', '3/hour',
                                       { max => 3, window => 30 + $n }),
             message() } if $kind == 2;

    return { @name, action => 'require_approval', message(),
             maybe(0.7) ? (conditions => [ condition() ]) : () }
        if $kind == 3;

    if ($kind == 4) {
        my $counter = pick('n', 'm', 'odd one') . $n;
        my $scope = $tool eq '*' ? '_global' : $tool;

        return { @name, message(),
                 conditions => [ (maybe(0.5) ? condition() : ()),
                                 { path => "state.$scope.$counter",
                                   op => pick(qw(lt lte)),
                                   value => pick(2, 3, 5.5) } ],
                 state => { counter => $counter,
                            window => pick(qw(minute hour day)),
                            maybe(0.3) ? (increment => 2)
                            : maybe(0.4) ? (increment_from =>
                                            'args.' . pick(@paths))
                            : () } };
    }

    return { @name, message(),
             conditions => [ map { condition() } 0 .. int rand 2 ] };
}


sub intercept_tool
{
    my ($tool) = @_;

    my ($n, %windows) = (0);

    # a counter may be counted once
    return { rules => [ grep {
        !ref $_->{rate_limit} && !defined $_->{rate_limit}
        || !$windows{ref $_->{rate_limit} ? $_->{rate_limit}{window}
                                          : $_->{rate_limit} =~ s{.*/}{}r}++
    } map { intercept_rule($tool, $n++) } 1 .. int rand 4 ] };
}


sub random_policy
{
    my $hosted = maybe(0.5);
    my %policy = (version => '1', default => pick('allow', 'deny', 'deny'));

    my @tools = (@names, @odd);

    $policy{hide} = [ pick(@tools) ] if maybe(0.4);
    $policy{hide} = [ '*' ] if maybe(0.02);

    for my $tool (map { pick(@tools) } 1 .. 5) {
        $policy{tools}{$tool} = $hosted ? hosted_tool()
                                        : intercept_tool($tool);
    }

    if ($hosted) {
        $policy{all_tools} = { limits => [
            { counter => pick('c', 'all'), window => pick(qw(minute day)),
              max => 4 + int rand 20, scope => 'grant', message() } ] }
            if maybe(0.4);

    } else {
        $policy{tools}{'*'} = intercept_tool('*') if maybe(0.4);
        delete $policy{default} if maybe(0.3);
    }

    return \%policy;
}


sub argument
{
    my ($depth) = @_;

    return pick(literal(), literal(), literal(), [], [ literal() ],
                [ 'a', 'b' ],
                $depth > 2 ? {} : { map { $_ => argument($depth + 1) }
                                    pick(qw(a b c d)) });
}


sub random_cases
{
    my ($policy) = @_;

    my @tools = (keys %{$policy->{tools}}, keys %{$policy->{tools}}, 'other');
    my $text = '';
    my $minute = 30;

    for (1 .. 60) {
        my %arguments = map { $_ => argument(0) }
            grep { maybe(0.5) } 'a', 'b', 'c', '$x', '', 'a b', 'a"b', 'a[0]',
                                "it's";

        my %case = (tool => pick(@tools), arguments => \%arguments,
                    expect => 'allow');

        $case{grant} = pick('', 'one', 'two') if maybe(0.3);
        $case{upstream} = pick(qw(ok error tool_error unreachable))
            if maybe(0.2);
        $case{at} = sprintf('2026-01-15T10:%02d:20Z', $minute += int rand 2)
            if maybe(0.1);

        $text .= $json->encode(\%case) . "\n";
    }

    return $text;
}


srand($seed);

my $loaded = 0;

for my $round (1 .. $rounds) {
    my $policy = random_policy();

    # JSON is YAML
    my $file = "$dir/random/policy." . pick('json', 'yaml');

    my $cases = random_cases($policy);
    spew($file, $json->encode($policy));

    my ($status, $out) = run('check', $file);

    if ($status eq '0') {
        $loaded++;
        round_trip("policy $round of seed $seed", $file, $cases, 1);

    } else {
        diag("policy $round does not load: $out");
    }
}

is($loaded, $rounds, 'all policies at random load');


# policies of nginx.conf at random, of what JSON can say

sub conf_condition
{
    my ($deny_if) = @_;

    my $path = pick(qw(a b a.b c));
    my @words = ('x', 'USD', "''", 'ab', '"it\'s"', 'a,b');

    my @choices = (
        "$path exists", "$path " . pick(qw(lt lte gt gte)) . ' ' . pick(1, -3),
        "$path regex '" . pick('^x', 'x$', '(a|b)c?', '[^"]+$', '\d+',
                               '^[a-z]{1,3}$', 'U.D', '\$') . "'",
        $deny_if
        ? ("$path neq " . pick(@words),
           "$path not_in " . join(' ', pick(@words), pick(@words)))
        : ("$path eq " . pick(@words), "$path contains " . pick(@words),
           "$path in " . join(' ', pick(@words), pick(@words))));

    return 'arg ' . pick(@choices) . ';';
}


sub conf_message
{
    return maybe(0.5) ? 'message ' . pick('plain', '"two words"') . ';' : '';
}


sub conf_tool
{
    my ($n) = @_;

    return '' if maybe(0.1);
    return 'deny;' if maybe(0.1);
    return 'limit 2/hour per=global; ' . conf_message() if maybe(0.1);
    return 'limit 2/30s; ' . conf_message() if maybe(0.1);

    my @parts;

    push @parts, conf_condition(0) for 1 .. int rand 3;
    push @parts, "rule one { @{[conf_condition(0), conf_condition(0)]} "
                 . conf_message() . '}' if maybe(0.4);
    push @parts, map { "deny_if { @{[map { conf_condition(1) }
                                         0 .. int rand 2]} "
                       . conf_message() . '}' } 1 .. int rand 3;
    push @parts, 'limit 3/minute;' if maybe(0.4);
    push @parts, 'limit 5/hour counter=shared;' if maybe(0.3);

    return join("\n", @parts, conf_message());
}


for my $round (1 .. $rounds / 2) {
    my $default = pick('allow', 'deny');
    my ($policy, %tools) = ("mcp_policy policy {\ndefault $default;\n");

    $policy .= "hide t1;\n" if maybe(0.3);

    for my $tool (map { pick(@names, '"two words"') } 1 .. 4) {
        $policy .= "tool $tool {\n" . conf_tool() . "\n}\n"
            unless $tools{$tool =~ tr/"//dr}++;
    }

    $policy .= "tool * { limit 9/day; }\n" if maybe(0.3);

    spew("$dir/random/policy.conf", "$policy}\n");

    my $before = $said{json};

    round_trip("nginx.conf $round of seed $seed", "$dir/random/policy.conf",
               random_cases({ tools => \%tools }), 1);

    is($said{json}, $before + 1, 'which JSON can say');
}


# what cannot be said

sub cannot
{
    my ($name, $text, @errors) = @_;

    spew("$dir/p.conf", $text);

    my ($status, $out, $err) = run('convert', '--to', 'json', 'p.conf');

    is($status, 1, "$name: exit status");
    is($out, '', "$name: nothing is written");
    is(join("\n", grep { !/warning/ } split(/\n/, $err)),
       join("\n", map { "p.conf:$_" } @errors), "$name: told");
}

my $no = 'error: policy.json has no';
my $condition = 'error: policy.json cannot say this condition:';

cannot('a whole policy', <<'END',
mcp_policy p {
    zone z;
    hide x_* y;
    tool a_* { }
    tool b {
        dry_run on;
        denial error;
        limit 5/10s;
        limit 5/day per=global;
        limit 5.5/hour;
        limit 5/minute algorithm=sliding;
        limit 5/minute cost=2 counter=x;
    }
    tool c { rule r { arg a gt 1; limit 5/day; } }
    tool d { approve; arg x exists; }
    tool e { deny_if { arg x lt 1; } arg y exists; }
    tool f { message "$http_x"; deny; }
    tool g { approve ttl=1h; }
    tool * { arg x exists; }
    prompt p { }
    method m { }
}
END
    "1: $no \"zone\", give it to \"mcp_policy_file\"",
    "3: $no patterns such as \"x_*\"",
    '20: error: policy.json has rules for tools alone, not for prompts, '
        . 'resources and methods',
    '21: error: policy.json has rules for tools alone, not for prompts, '
        . 'resources and methods',
    '19: error: policy.json has for all tools limits alone',
    "4: $no patterns such as \"a_*\"",
    "5: $no \"dry_run\"",
    "5: $no \"denial\"",
    '8: error: policy.json has the windows minute, hour and day, and others '
        . 'only where a limit stands alone in its tool',
    '9: error: policy.json counts "per=grant", and "per=global" only where a '
        . 'limit stands alone in its tool',
    "10: $no limits with fractions, or beyond a million million",
    "11: $no \"algorithm=\"",
    "12: $no \"cost=\", every call counts as one",
    "14: $no conditions that say which calls a limit, a denial or an "
        . 'approval is about',
    '15: error: in policy.json an approval stands alone in its tool',
    '16: error: policy.json asks what it requires before what it denies, '
        . 'write this condition first',
    '17: error: messages in policy.json have no variables',
    "18: $no times of approvals");

cannot('conditions', <<'END',
mcp_policy p {
    tool a {
        arg a.b gt 5;
        arg a regex '^(x|(?:y))[^a-z/]+\.\d{1,3}$';
        arg a eq USD;
        arg a in USD EUR;
        arg a contains x;
        deny_if { arg a neq USD; }
    }
    tool b {
        arg a[0] exists;
        arg '"a.b".c' exists;
        arg a eq 5;
        arg a in USD true;
        arg a neq USD;
        arg a eq $http_x;
        arg a regex (?=x);
        arg a regex \s;
        arg a absent;
        arg a not_regex x;
        arg a type string;
        require $http_x eq x;
        any { arg a exists; arg b exists; }
        deny_if { arg a eq USD; }
        deny_if { arg a contains x; }
        deny_if { arg a contains 5; }
    }
}
END
    (map { "$_: $condition its paths are names between dots" } 11, 12),
    (map { "$_: $condition numbers, true, false and null are compared in "
           . 'another way there' } 13, 14),
    "15: $condition an array or object would pass there, which is refused "
        . 'here',
    "16: $condition it has no variables",
    (map { "$_: $condition its regular expressions are RE2's, where this one "
           . 'is an error or means something else' } 17, 18),
    (map { "$_: $condition it has no such operator" } 19 .. 21),
    "22: $condition it has no variables",
    "23: $no \"any\"",
    (map { "$_: $condition an array or object would pass there, which is "
           . 'refused here' } 24 .. 26));

spew("$dir/q.json", $json->encode({ version => '1', default => 'deny',
    tools => { a => { deny_if => [ { conditions => [],
                                     on_deny => 'x' x 5000 } ] } } }));

my ($status, $out, $err) = run('convert', '--to', 'nginx', 'q.json');

is($status, 1, 'a text that is too long for nginx: exit status');
is($out, '', 'nothing is written');
like($err, qr/^q\.json:1:\d+: error: nginx\.conf has no words of more than 4090 bytes, this one has 5000: "x{60}\.\.\."$/m,
     'told');


# what it takes

spew("$dir/two.conf", "mcp_policy a { tool x { } }\n"
                      . "mcp_policy b { tool y { } }\n");

my @usage = (
    [ 2, qr/expected one policy\n/, qw(--to nginx) ],
    [ 2, qr/expected --to nginx or --to json\n/, 'two.conf' ],
    [ 2, qr/expected --to nginx or --to json\n/, qw(--to yaml two.conf) ],
    [ 2, qr/choose a policy with --policy:\n  a\n  b\n/,
      qw(--to nginx two.conf) ],
    [ 2, qr/two\.conf: there is no policy "c"/,
      qw(--to nginx --policy c two.conf) ],
    [ 2, qr/none\.json: No such file/, qw(--to nginx none.json) ],
    [ 2, qr{no/where: No such file},
      qw(--to nginx --policy a -o no/where two.conf) ],
    [ 1, qr/a policy cannot be called "off"/,
      qw(--to nginx --policy a --name off two.conf) ],
    [ 2, qr/unknown option/, qw(--from x two.conf) ],
);

for my $case (@usage) {
    my ($expected, $pattern, @args) = @$case;

    ($status, $out, $err) = run('convert', @args);

    is($status, $expected, "convert @args: exit status");
    like($err, $pattern, "convert @args: told");
    is($out, '', "convert @args: nothing is written");
}

($status, $out, $err) = run('convert', '--to', 'nginx', '--policy=b',
                            '--name', 'two words', 'two.conf');

is($status, 0, 'a name for the block: exit status');
is($out, qq(mcp_policy "two words" {\n    default deny;\n\n)
         . "    tool y {\n    }\n}\n", 'written');
is($err, '', 'without a word');

($status, $out) = run('convert', '--help');
is($status, 0, '--help');
like($out, qr/^usage: mcp-policy convert /, 'told');

($status) = run('convert', '--to', 'json', '--policy', 'a', '-o', 'new.json',
                'two.conf');
is($status, 0, 'to a file');
is(slurp("$dir/new.json"), <<'END', 'written');
{
  "version": "1",
  "default": "deny",
  "tools": {
    "x": {}
  }
}
END

done_testing();
