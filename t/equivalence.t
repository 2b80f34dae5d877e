#!/usr/bin/perl

# The tool and the gateway are one: every policy of the tests that has cases,
# as it is and converted, behind a real nginx.  Decision, rule and text are
# what each case expects, as "mcp-policy test" has them, by the clock of the
# cases and with the upstream's answers that they name.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Basename qw(basename dirname);
use JSON::PP;
use MCPTest;
use MCPTest::Hooks;
use Time::Local qw(timegm);

my $top = "$FindBin::Bin/..";
my $tool = $ENV{TEST_MCP_POLICY} || "$top/build/mcp-policy";
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my $t = MCPTest->new(timeout => 240);
my $hooks = MCPTest::Hooks->new($t);


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}


# The members of an object as they are written: arguments must arrive so.
sub members {
    my ($line) = @_;

    my (%raw, $key);
    my $depth = 0;
    my $start;

    while ($line =~ /\G(?:\s+|("(?:[^"\\]|\\.)*")|([\[{])|([\]}])|([:,])
                       |[^\s"\[\]{}:,]+)/gcxs)
    {
        my ($string, $open, $close, $mark) = ($1, $2, $3, $4);
        my $end = pos $line;

        if ($close && $depth == 1 || $mark && $mark eq ',' && $depth == 1) {
            $raw{$key} = substr($line, $start, $end - 1 - $start)
                if defined $key;
            undef $key;
            undef $start;
        }

        $depth++ if $open;
        $depth-- if $close;
        next if $depth != 1;

        if ($string && !defined $key) {
            $key = $json->decode($string);

        } elsif ($mark && $mark eq ':' && !defined $start) {
            $start = $end;
        }
    }

    return \%raw;
}


# As the tool does: a call of 2025-03-26, or what the case has.
sub request {
    my ($case, $raw) = @_;

    my %headers = %{$case->{headers} || {}};

    my $has = sub {
        my ($name) = @_;
        return (grep { lc $_ eq lc $name } keys %headers)[0];
    };

    my @headers = map { ($_ => $headers{$_}) } sort keys %headers;

    push @headers, 'MCP-Protocol-Version' => '2025-03-26'
        unless $case->{headers};
    push @headers, 'Content-Type' => 'application/json'
        unless $has->('Content-Type');
    push @headers, 'Mcp-Session-Id' => $case->{session}
        if length($case->{session} // '') && !$has->('Mcp-Session-Id');

    my $version = $has->('MCP-Protocol-Version');
    my $modern = !exists $case->{body} && $version
        && $headers{$version} eq '2026-07-28';

    if ($modern) {
        push @headers, 'Mcp-Method' => 'tools/call'
            unless $has->('Mcp-Method');
        push @headers, 'Mcp-Name' => $case->{tool} unless $has->('Mcp-Name');
    }

    my $grant = $case->{grant} // 'test';
    push @headers, 'X-Grant' => $grant if length $grant;

    push @headers, 'X-Upstream' => $case->{upstream} if $case->{upstream};

    for my $name (sort keys %{$case->{vars} || {}}) {
        my $header = $name =~ /^http_(.*)/ ? $1 =~ tr/_/-/r : "v-$name";
        push @headers, $header => $case->{vars}{$name};
    }

    utf8::encode($_) for @headers;

    my $body = $case->{body};

    if (defined $body) {
        utf8::encode($body);

    } else {
        $body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
            . "{\"name\":$raw->{tool}"
            . (exists $raw->{arguments} ? ",\"arguments\":$raw->{arguments}"
                                        : '')
            . ($modern ? ',"_meta":{"io.modelcontextprotocol/protocolVersion"'
                         . ':"2026-07-28","io.modelcontextprotocol/'
                         . 'clientCapabilities":{}}' : '') . '}}';
    }

    return (\@headers, $body);
}


# What an agent reads of an answer.
sub text {
    my ($response) = @_;

    my $answer = eval { $json->decode($response->body()) };
    my @texts;

    for my $message (ref $answer eq 'ARRAY' ? @$answer : $answer) {
        next unless ref $message eq 'HASH';

        push @texts, $message->{error}
            ? $message->{error}{message}
            : map { $_->{text} // () } @{$message->{result}{content} || []};
    }

    return join("\n", @texts);
}


sub milliseconds {
    my ($at) = @_;

    my ($y, $mo, $d, $h, $mi, $s, $fraction, $sign, $oh, $om) = $at =~
        /^(\d+)-(\d+)-(\d+)[Tt](\d+):(\d+):(\d+)(?:\.(\d+))?
         (?:[Zz]|([+-])(\d+):(\d+))$/x or die "time $at";

    my $offset = $sign ? "${sign}1" * ($oh * 60 + $om) * 60 : 0;

    return (timegm($s, $mi, $h, $d, $mo - 1, $y) - $offset) * 1000
        + substr(($fraction // '') . '000', 0, 3);
}


# policies, and their cases

my (@suites, %variables);
my $policies = '';

for my $path (sort glob "$top/t/cases/*.jsonl $top/t/cases/*/*.jsonl") {
    my $where = basename(dirname($path));
    my $name = basename($path) =~ s/\.jsonl$//r;

    my ($file) = grep { -e }
        map { ("$top/conf/$name.$_", "$top/conf/policies/$name.$_",
               $path =~ s/jsonl$/$_/r) } qw(conf json yaml);

    my $converted = `$tool convert --to nginx --name '$where-$name-converted' $file 2>/dev/null`;
    is($?, 0, "$where/$name can be converted");

    $t->write_file("$where-$name.conf", $converted);
    $policies .= "include %%TESTDIR%%/$where-$name.conf;\n";

    my $copy = 'original';

    if ($file =~ /\.conf$/) {
        my $original = slurp($file);

        # of a whole nginx.conf only the policy is of interest
        if ($original =~ /^(mcp_policy \S+ \{\n.*?^\}\n)/ms) {
            $original = $1;
        } elsif ($original =~ /^( *)(mcp_policy \S+ \{\n.*?^\1\}\n)/ms) {
            $original = $2;
        }

        $original =~ s/mcp_policy \S+/mcp_policy $where-$name-$copy/;
        $t->write_file("$where-$name-$copy.conf", $original);
        $policies .= "include %%TESTDIR%%/$where-$name-$copy.conf;\n";

    } else {
        $policies .= "mcp_policy_file $where-$name-$copy $file;\n";
    }

    my @cases;
    my $line = 0;

    for my $text (split /\n/, slurp($path)) {
        $line++;
        next if $text !~ /^\s*\{/;

        my $case = $json->decode($text);
        $variables{$_} = 1
            for grep { !/^http_/ } keys %{$case->{vars} || {}};

        push @cases, { case => $case, raw => members($text),
                       name => "$where/$name.jsonl:$line" };
    }

    push @suites, [ "$where-$name-$_", \@cases ] for $copy, 'converted';
}

my $maps = join('', map { my $header = "v_$_" =~ tr/A-Z/a-z/r;
                          "map \$http_$header \$$_ { default "
                          . "\$http_$header; }\n" } sort keys %variables);
my $locations = join('', map { "location = /$_->[0] { mcp_enforce $_->[0]; "
                               . "proxy_pass http://\$backend; }\n" }
                     @suites);

$t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
worker_processes 2;
events { }
http {
    %%TEST_GLOBALS_HTTP%%

    underscores_in_headers on;
    variables_hash_max_size 4096;

    $policies
    $maps

    map \$http_x_upstream \$backend {
        unreachable  127.0.0.1:8082;
        default      127.0.0.1:8081;
    }

    server {
        listen 127.0.0.1:8080;

        client_max_body_size 64m;
        mcp_grant \$http_x_grant;

        add_header X-Decision \$mcp_decision always;
        add_header X-Rule \$mcp_rule always;

        $locations
    }

    server {
        listen 127.0.0.1:8081;

        client_max_body_size 64m;
        default_type application/json;
        add_header X-Reached yes;

        location / {
            if (\$http_x_upstream = error) {
                return 200 '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}';
            }

            if (\$http_x_upstream = tool_error) {
                return 200 '{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}';
            }

            return 200 '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
        }
    }
}
CONF

# nobody listens there
$t->port(8082);
$t->run();


# Every case, one after the other.  The counters of a zone do not believe in a
# clock that goes back, so each suite has its years to itself: so many whole
# days that every window begins where it would.

my $years = 2520 * 24 * 3600 * 1000;
my $later = 0;

for my $suite (@suites) {
    my ($policy, $cases) = @$suite;
    my @wrong;

    $later += $years;
    $hooks->clock(milliseconds('2026-01-15T10:30:00Z') + $later);

    for my $entry (@$cases) {
        my $case = $entry->{case};

        $hooks->clock(milliseconds($case->{at}) + $later)
            if defined $case->{at};

        my ($headers, $body) = request($case, $entry->{raw});
        my $response = $t->post($body, uri => "/$policy",
                                headers => $headers);

        # what a dry run would have done has been let through

        my $decision = $response->header('X-Decision') // '';
        my $dry = $decision =~ s/^dry_(.*)/allow/ ? $1 : undef;

        my $reached = $response->header('X-Reached')
            || ($case->{upstream} // '') eq 'unreachable'
               && $response->status() == 502;

        my @problems;

        push @problems, "$decision instead of $case->{expect}"
            if $decision ne $case->{expect}
               && !($decision eq 'invalid' && $case->{expect} eq 'deny');
        push @problems, "$decision, and " . ($reached ? '' : 'not ')
            . 'forwarded' if ($decision eq 'allow') != !!$reached;

        my $rule = $response->header('X-Rule') // '';
        utf8::decode($rule);
        push @problems, "rule \"$rule\" instead of \"$case->{rule}\""
            if defined $case->{rule} && $rule ne $case->{rule};

        my $text = $decision eq 'allow' ? '' : text($response);
        push @problems, "text \"$text\" without \"$case->{message}\""
            if length($case->{message} // '')
               && index($text, $case->{message}) < 0;

        push @wrong, map { "$entry->{name}: $_" } @problems;
    }

    is(join("\n", @wrong), '', "$policy: " . @$cases . ' cases');
}

done_testing();
