#!/usr/bin/perl

# The examples for other programs, against a gateway that runs: Grafana and
# Prometheus ask for metrics and labels that there are, fail2ban bans whom it
# should, and what OpenTelemetry is told are variables with values.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use MCPTest;

my $t = MCPTest->new(timeout => 120);
my $json = JSON::PP->new->utf8->canonical;
my $top = "$FindBin::Bin/..";
my $promtool = program('promtool');

sub program {
    my ($name) = @_;
    my ($path) = grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH});
    return $path;
}

sub slurp {
    my ($path) = @_;
    open(my $fh, '<', $path) or die "$path: $!";
    local $/;
    return scalar <$fh>;
}

# Output and exit status of a program.
sub run_program {
    my (@command) = @_;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if (!$pid) {
        open(STDERR, '>&', \*STDOUT);
        delete $ENV{ASAN_OPTIONS};
        { exec(@command) }
        POSIX::_exit(127);
    }

    my $output = do { local $/; <$fh> };
    close($fh);

    return ($? >> 8, $output // '');
}

# Every variable that the example gives to a span, and the name it has there.
my $otel = slurp("$top/conf/otel/nginx.conf");
my %attributes = $otel =~ /^\s+otel_span_attr (\S+) (\$\w+);$/mg;
my ($maps) = $otel =~ /^(    # The trace of the message.*?)^    mcp_policy/ms;
my $log_format = join(',', map { "\"$_\":\"$attributes{$_}\"" } sort keys %attributes);

$t->write_file('policy.json', '{"version":"1","default":"deny","tools":{"one":{}}}');
$t->write_file('pins.json', '{"version":1,"tools":{"search":{"sha256":"' . 'a' x 64 . '"}}}');
$t->write_file_expand('nginx.conf', <<"CONF");
%%TEST_GLOBALS%%
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    $maps
    log_format otel escape=json '{"span":"\$mcp_span","sent":"\$mcp_trace",$log_format}';
    mcp_zone small:256k;
    mcp_policy shop {
        tool search { limit 3/day; }
        tool deny { deny "no"; }
        tool approve { approve; }
        tool dry { deny; dry_run on; }
        tool dry_limit { rule r { dry_run on; limit 1/day; } }
    }
    mcp_policy pinned { mcp_pin pins.json; zone small; tool search { } }
    mcp_policy_file file policy.json watch=50ms;
    server {
        listen 127.0.0.1:8080;
        access_log %%TESTDIR%%/otel.log otel;
        mcp_audit_log %%TESTDIR%%/audit.log;
        proxy_set_header traceparent \$mcp_trace;
        location / { mcp_enforce shop; proxy_pass http://127.0.0.1:8081; }
        location /pinned { mcp_enforce pinned; proxy_pass http://127.0.0.1:8081; }
        location /dry { mcp_enforce shop; mcp_dry_run on; proxy_pass http://127.0.0.1:8081; }
        location /file { mcp_enforce file; proxy_pass http://127.0.0.1:8081; }
        location = /metrics { access_log off; mcp_metrics; }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

$t->run();

$t->post(tool_call('search')) for 1 .. 4;
$t->post(tool_call('search'), uri => '/pinned');
$t->post(tool_call('one'), uri => '/file');
$t->post(tool_call($_)) for 'deny', 'approve', 'dry', 'dry_limit', 'dry_limit';
$t->post('{', uri => '/');
$t->post('{', uri => '/dry');
$t->post(tool_call('deny'), uri => '/dry');

my $page = $t->get('/metrics')->body;

# name -> label -> value -> 1
my (%metrics, %types);

for my $line (split(/\n/, $page)) {
    $types{$1} = $2 if $line =~ /^# TYPE (\S+) (\S+)$/;
    my ($name, $labels) = $line =~ /^([a-z_]+)\{(.*)\} \S+$/ or next;
    $metrics{$name} ||= {};
    while ($labels =~ /(\w+)="((?:[^"\\]|\\.)*)"/g) {
        $metrics{$name}{$1}{$2} = 1;
    }
}


# What Prometheus itself says; without it t/status.t has a strict parser.
subtest 'promtool: metrics' => sub {
    plan(skip_all => 'there is no promtool') unless $promtool;

    $t->write_file('metrics.txt', $page);
    my ($status, $output) = run_program('sh', '-c', "exec '$promtool' check metrics < '${\ $t->dir()}/metrics.txt'");

    is($status, 0, 'the page is well-formed, and named as it should be');
    is($output, '', 'without a remark');
};


# Everything that an expression names, in its selectors and groupings.
sub check_expression {
    my ($expression, $name) = @_;

    my (@names, @wrong);
    my $rest = $expression;

    $rest =~ s/"(?:[^"\\]|\\.)*"/my $s = $&; $s =~ s![{}()]!.!g; $s/ge;

    while ($rest =~ /\b(mcp_policy_[a-z_]+)(?:\{([^}]*)\})?/g) {
        my ($metric, $selector) = ($1, $2 // '');

        push @names, $metric;

        if (!$metrics{$metric}) {
            push @wrong, "no metric $metric";
            next;
        }

        while ($selector =~ /(\w+)(=~|!~|!=|=)"([^"]*)"/g) {
            my ($label, $operator, $value) = ($1, $2, $3);

            if (!$metrics{$metric}{$label}) {
                push @wrong, "$metric has no $label";

            } elsif ($operator =~ /^=/ && $value !~ /^\$/
                     && !grep { $operator eq '=' ? $_ eq $value : /^(?:$value)$/ } keys %{$metrics{$metric}{$label}})
            {
                push @wrong, "$metric has no $label $value";
            }
        }
    }

    while ($rest =~ /\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g) {
        for my $label (grep { length } split(/[\s,]+/, $1)) {
            push @wrong, "nothing has the label $label" unless grep { $metrics{$_} && $metrics{$_}{$label} } @names;
        }
    }

    push @wrong, 'no metric' unless @names;

    is_deeply(\@wrong, [], $name) or diag($expression);

    return @names;
}


# These come to be when something goes wrong.
$metrics{mcp_policy_decisions_total}{reason}{internal} = 1;


subtest 'Grafana' => sub {
    my $dashboard = $json->decode(slurp("$top/conf/grafana/dashboard.json"));
    my (%used, %ids, @expressions);

    is($dashboard->{title}, 'MCP policy', 'a dashboard');

    for my $panel (@{$dashboard->{panels}}) {
        ok(!$ids{$panel->{id}}++, "panel $panel->{id} has its own id");
        next if $panel->{type} eq 'row';

        ok(scalar @{$panel->{targets}}, "$panel->{title} asks for something");

        for my $target (@{$panel->{targets}}) {
            is($target->{datasource}{uid}, '${datasource}', 'of the source that was chosen');
            $used{$_} = 1 for check_expression($target->{expr}, "$panel->{title}: $target->{expr}");
            push @expressions, $target->{expr};

            # a legend names labels that are left
            for my $label (($target->{legendFormat} || '') =~ /\{\{(\w+)\}\}/g) {
                like($target->{expr}, qr/by \([^)]*\b$label\b|^(?!.*\bby\b)/, "which has $label");
            }
        }
    }

    for my $variable (@{$dashboard->{templating}{list}}) {
        next if $variable->{type} ne 'query';
        my ($metric, $label) = $variable->{definition} =~ /^label_values\((\w+), (\w+)\)$/;
        ok($metrics{$metric}{$label}, "variable $variable->{name}: $label of $metric");
    }

    for my $annotation (@{$dashboard->{annotations}{list}}) {
        check_expression($annotation->{expr}, "annotation: $annotation->{name}");
        push @expressions, $annotation->{expr};
    }

    # all of the page is to be seen somewhere
    my %rest = map { $_ => 1 } grep { !$used{$_} } keys %metrics;
    delete @rest{qw/ mcp_policy_zone_size_bytes mcp_policy_zone_start_time_seconds mcp_policy_limit_counters /};
    is_deeply([ sort keys %rest ], [], 'no metric is forgotten');

    return unless $promtool;

    my $n = 0;
    my $rules = join('', map {
        my $expression = $_;
        $expression =~ s/\$__(rate_interval|range)/5m/g;
        $expression =~ s/"\$\w+"/".*"/g;
        "  - record: panel:" . $n++ . "\n    expr: " . $json->allow_nonref->encode($expression) . "\n";
    } @expressions);

    $t->write_file('panels.yml', "groups:\n- name: panels\n  rules:\n$rules");
    my ($status, $output) = run_program($promtool, 'check', 'rules', $t->dir() . '/panels.yml');
    is($status, 0, 'Prometheus understands every expression') or diag($output);
};


subtest 'Prometheus' => sub {
    my $alerts = slurp("$top/conf/prometheus/alerts.yml");
    my (%names, $count);

    while ($alerts =~ /^      - alert: (\w+)\n        expr: (?:>-\n((?:          .*\n)+)|(.*)\n)/mg) {
        my ($name, $expression) = ($1, $2 // $3);
        $expression =~ s/\s+/ /g;

        ok(!$names{$name}++, "$name is one");
        check_expression($expression, $name);
    }

    $count = () = $alerts =~ /^\s*- alert:/mg;
    is(scalar keys %names, $count, 'all of them were looked at');

    my $cases = slurp("$top/t/cases/alerts_test.yml");
    is_deeply([ sort $cases =~ /alertname="(\w+)"/g ], [ sort keys %names ], 'and each has a case');

    return unless $promtool;

    my ($status, $output) = run_program($promtool, 'check', 'rules', "$top/conf/prometheus/alerts.yml");
    is($status, 0, 'Prometheus reads them') or diag($output);

    ($status, $output) = run_program($promtool, 'test', 'rules', "$top/t/cases/alerts_test.yml");
    is($status, 0, 'and alerts when it should') or diag($output);
};


subtest 'fail2ban' => sub {
    my $filter = slurp("$top/conf/fail2ban/filter.d/mcp-policy.conf");
    my ($regex) = $filter =~ /^failregex = (.*)$/m;
    my ($ignore) = $filter =~ /^ignoreregex = (.*)$/m;

    # a client that wants somebody else to be banned, and one that wants to hide
    my $faked = '","address":"198.51.100.1","decision":"deny",';
    $t->post(tool_call("x$faked"));
    $t->post(tool_call($faked, { $faked => $faked }), headers => [ 'Mcp-Session-Id' => $faked ]);
    $t->post(rpc('tools/call', { name => 'search', arguments => {} }, id => $faked),
             headers => [ 'User-Agent' => $faked, 'X-Forwarded-For' => '198.51.100.1' ]);
    $t->post(tool_call('deny,"reason":"internal"'));

    my (@lines, @expected);

    $t->wait_until(sub {
        @lines = split(/\n/, $t->read_file('audit.log'));
        return @lines >= 18;
    });

    for my $line (@lines) {
        my $entry = $json->decode($line);
        push @expected, $line if $entry->{decision} =~ /^(?:deny|invalid)$/;
    }

    cmp_ok(scalar @expected, '>', 4, 'refusals in the log');
    cmp_ok(scalar @expected, '<', scalar @lines, 'and others');

    # as fail2ban reads it: without the time
    (my $perl = $regex) =~ s/<ADDR>/(?<address>[0-9a-fA-F:.]+)/;
    my (@matched, %addresses);

    for my $line (@lines) {
        (my $rest = $line) =~ s/^\{"time":"[-0-9T:.]+Z"// or fail("no time: $line");
        next if $rest !~ $perl || $rest =~ $ignore;
        push @matched, $line;
        $rest =~ $perl;
        $addresses{$+{address}} = 1;
    }

    is_deeply(\@matched, \@expected, 'every refusal, and nothing else');
    is_deeply([ keys %addresses ], [ '127.0.0.1' ], 'of the client');

    my $program = program('fail2ban-regex') or return;

    my ($status, $output) = run_program($program, '--print-all-missed', $t->dir() . '/audit.log',
                                        "$top/conf/fail2ban/filter.d/mcp-policy.conf");
    is($status, 0, 'fail2ban reads the filter') or diag($output);
    like($output, qr/^Lines: ${\ scalar @lines} lines, 0 ignored, ${\ scalar @expected} matched, /m, 'and finds the same');
    like($output, qr/\[${\ scalar @lines}\] \^\\\{"time"/, 'and the time of each line');
};


subtest 'OpenTelemetry' => sub {
    cmp_ok(scalar keys %attributes, '>', 8, 'attributes');

    my $response = $t->post(tool_call('deny', { secret => 1 }),
        body => rpc('tools/call', { name => 'deny', arguments => { secret => 1 },
                                    _meta => { traceparent => $trace } }, id => 77));

    my @lines;
    $t->wait_until(sub { (@lines = grep { /"77"/ } split(/\n/, $t->read_file('otel.log'))) });

    my $span = $json->decode($lines[-1]);

    is($span->{span}, 'tools/call deny', 'the name of a span');
    is($span->{sent}, $trace, 'the trace of the message');
    is($span->{'mcp.policy.decision'}, 'deny', 'the decision');
    is($span->{'mcp.policy.reason'}, 'denied', 'its reason');
    is($span->{'gen_ai.tool.name'}, 'deny', 'the tool');
    like($span->{'mcp.policy.grant'}, qr/^[0-9a-f]{32}$/, 'a hash');
    unlike($lines[-1], qr/secret/, 'and no argument');
};

done_testing();
