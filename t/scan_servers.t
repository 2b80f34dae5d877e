#!/usr/bin/perl

# "mcp-policy scan" against real servers from npm, each over the transport
# that it has: the tools it lists are those that were reviewed, with the
# classes of the review.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;

use MCPTest;
use MCPTest::Clients qw/ node /;

my $json = JSON::PP->new->utf8->canonical;
my $tool = $ENV{TEST_MCP_POLICY} || "$FindBin::Bin/../build/mcp-policy";
my $e2e = "$FindBin::Bin/e2e";
my $modules = "$e2e/node_modules";

plan(skip_all => 'make e2e-deps has not run')
    unless -e "$modules/\@playwright/mcp/cli.js";

my $t = MCPTest->new(timeout => 240);
my $dir = $t->dir();


sub start {
    my ($port, @command) = @_;

    local $ENV{PORT} = $t->port($port);
    local $ENV{ASAN_OPTIONS};
    local $ENV{CONTEXT7_TELEMETRY_DISABLED} = 1;

    $t->run_program(node(), '-r', "$e2e/loopback.cjs", @command);
    $t->waitforsocket($port) or diag($t->read_file('output'));
}


# A server that only speaks over its standard input and output.
sub bridge {
    my ($port, $name, @args) = @_;

    start($port, "$e2e/stdio-bridge.mjs", node(),
          "$modules/\@modelcontextprotocol/server-$name/dist/index.js",
          @args);
}


sub scan {
    my ($name, $port, $path, $protocol, @args) = @_;

    my $url = 'http://127.0.0.1:' . $t->port($port) . $path;
    my $policy = "$dir/$name.conf";
    my $pid = open(my $out, '-|') // die "fork: $!";

    if (!$pid) {
        alarm(0);
        open(STDERR, '>', "$dir/err");
        { exec($tool, 'scan', $url, '--json', '-o', $policy, @args) }
        POSIX::_exit(127);
    }

    my $text = do { local $/; <$out> };
    close($out);
    is($?, 0, "$name: scan") or diag($t->read_file('err'));

    my $got = eval { $json->decode($text // '') } || { tools => [] };
    is($got->{protocol}, $protocol, "$name: speaks $protocol");

    return $got;
}


sub reviewed {
    my ($name, @rest) = @_;

    my $got = scan($name, @rest);

    open(my $file, '<', "$FindBin::Bin/risk/$name.classes.json") or die $!;
    my $expected = $json->decode(do { local $/; <$file> })->{tools};

    is_deeply({ map { $_->{name} => $_->{class} } @{$got->{tools}} },
              { map { $_ => $expected->{$_}{class} } keys %$expected },
              "$name: the reviewed tools and classes");

    my $checked = `$tool check $dir/$name.conf`;
    is($?, 0, "$name: the policy loads");
    like($checked, qr/^1 policy: 0 errors, 0 warnings$/m,
         "$name: without warnings");
}


my $everything = "$modules/\@modelcontextprotocol/server-everything/"
    . 'dist/index.js';

start(8081, $everything, 'streamableHttp');
reviewed('everything', 8081, '/mcp', '2025-11-25');

start(8082, $everything, 'sse');
reviewed('everything', 8082, '/sse', '2025-11-25');

start(8083, "$e2e/fixture-server.mjs");

{
    my $got = scan('fixture', 8083, '/mcp', '2026-07-28');
    my %class = map { $_->{name} => $_->{class} } @{$got->{tools}};

    is($class{echo}, 'Read', 'fixture: echo');
    is($class{transfer}, 'Financial', 'fixture: transfer');
    is($class{'delete-file'}, 'Destructive', 'fixture: delete-file');
    is($class{backdoor}, 'Execute', 'fixture: backdoor');
    is($class{publish}, 'Write', 'fixture: publish');
}

bridge(8084, 'filesystem', $dir);
reviewed('filesystem', 8084, '/mcp', '2025-11-25');

bridge(8085, 'memory');
reviewed('memory', 8085, '/mcp', '2025-11-25');

bridge(8086, 'sequential-thinking');
reviewed('sequential-thinking', 8086, '/mcp', '2025-11-25');

start(8087, "$modules/\@upstash/context7-mcp/dist/index.js", '--transport',
      'http', '--port', $t->port(8087));
reviewed('context7', 8087, '/mcp', '2026-07-28');

start(8088, "$modules/\@playwright/mcp/cli.js", '--port', $t->port(8088),
      '--host', '127.0.0.1');
reviewed('playwright', 8088, '/mcp', '2025-11-25', '-H',
         'Host: localhost:' . $t->port(8088));

done_testing();
