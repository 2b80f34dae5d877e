#!/usr/bin/perl

# The ready policies in conf/policies: each loads without a warning and has
# cases that it passes; tools that it names are tools of the server; the
# published samples are as they were published.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ basename /;
use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw/ sha256_hex /;
use JSON::PP;
use MCPTest;

my $top = abs_path("$FindBin::Bin/..");
my $tool = $ENV{TEST_MCP_POLICY} || "$top/build/mcp-policy";
my $t = MCPTest->new();

# The published ones, with the cases of their formats.
my %samples = (
    'agentmail.yaml' =>
        '51b69644fd8efe4a6df413f676bcbdbe8878ff67216e531f28bf4c756b861a80',
    'intersight.json' =>
        'bd2f741021be1a5f4704bd1617ac16fc0aab40174264a4c3cbda35232b0196bf',
    'mcp-ap2.json' =>
        '60f746e2f2b1e4c6ab40b758c34d8b338c482fa7292c849010e5e42aa9aecf7d',
    'sidclaw-sdk.json' =>
        '7706dc0d37f5a56f5404e0f19f5774c66dc5ebedc1a18941e185937775067e92',
    'smartlead.json' =>
        '3b9271f3ecaafdbb37ec90d4badb5fb35da7de8262982a46816194ed0870a1cf',
);


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}


# The tools that the reviewed list of a server has; nothing without one.
sub published {
    my ($server) = @_;

    my $path = "$top/t/risk/$server.json";
    return unless -e $path;

    my $list = JSON::PP->new->utf8->decode(slurp($path));
    my $tools = ref $list eq 'ARRAY' ? $list
                : ($list->{result} || $list)->{tools};

    return { map { $_->{name} => 1 } @$tools };
}


for my $path (sort glob "$top/conf/policies/*") {
    my ($file) = basename($path);
    my ($name, $format) = $file =~ /^(.*)\.(\w+)$/;

    # a fragment without a version is told apart
    my $warnings = $file eq 'agentmail.yaml' ? 1 : 0;

    my $said = `$tool check $path`;
    is($?, 0, "$file: check") or diag($said);
    like($said, qr/^1 policy: 0 errors, $warnings warnings?$/m,
         "$file: $warnings warnings");

    my ($ok, $output) = $t->test_config(<<"CONF");
%%TEST_GLOBALS%%
events { }
http {
    @{[ $format eq 'conf' ? "include $path;"
                          : "mcp_policy_file $name $path;" ]}
    server { listen 127.0.0.1:8080; mcp_enforce $name; }
}
CONF

    ok($ok, "$file: nginx -t") or diag($output);
    is(() = $output =~ /\[(?:warn|error|alert|crit|emerg)\]/g, $warnings,
       "$file: and $warnings warnings") or diag($output);

    my $cases = $samples{$file}
        ? "$top/t/cases/files/sample_" . $name =~ tr/-/_/r . '.jsonl'
        : "$top/t/cases/policies/$name.jsonl";

    my $count = () = slurp($cases) =~ /^\{/mg;
    $said = `$tool test $path $cases 2>/dev/null`;
    is($said, "$count passed, 0 failed\n", "$file: $count cases");

    if ($samples{$file}) {
        is(sha256_hex(slurp($path)), $samples{$file},
           "$file: as it was published");
        delete $samples{$file};
        next;
    }

    my $conf = slurp($path);
    my ($policy) = $conf =~ /^mcp_policy (\S+) \{/m;
    is($policy, $name, "$file: the policy has the name of the file");

    my $tools = published($name) or next;

    my @unknown = grep { !/[*]/ && !$tools->{$_} }
        map { split ' ' } $conf =~ /^    (?:tool|hide) ([^;{]+?) ?[;{]/mg;
    is("@unknown", '', "$file: the server has these tools");
}

is(join(' ', %samples), '', 'all samples are there');

done_testing();
