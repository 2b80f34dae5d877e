#!/usr/bin/perl

# What "make run" starts and prints: the commands that it tells to try are
# run as they stand, and answer what README.md says.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use MCPTest;

my $top = "$FindBin::Bin/..";
my $t = MCPTest->new(timeout => 120);
my $port = $t->port('gateway');
my $output = $t->dir() . '/output';

chdir($top) or die "$top: $!\n";

my $pid = $t->run_program('t/tools/run', $port);

ok($t->wait_until(sub { told() =~ /what the policy made of them:/ }, 60),
   'the gateway and the server before which it is are there')
    or diag(told());

like(told(), qr{listens at http://127\.0\.0\.1:$port/mcp}, 'it says where');

my %try = told() =~ /^# (.+)\n(curl .+\\\n .+)$/mg;

is(join(', ', sort keys %try),
   'allowed, refused, the tools that may be used', 'three things to try');

like(answer('allowed'), qr/"text":"Echo: hi"/, 'a call that is allowed');

my $refused = answer('refused');

like($refused, qr/\[POLICY DENIED\] the environment of the server is not/,
     'a call that is refused, and why');
unlike($refused, qr/PATH/, 'nothing of what the tool would have told');

my $list = answer('the tools that may be used');

like($list, qr/"name":"echo"/, 'the list has a tool that may be called');
unlike($list, qr/"name":"(get-env|gzip-file-as-resource)"/,
       'and none that may not');

ok($t->wait_until(sub { told() =~ /"tool":"get-env".*"decision":"deny"/ }),
   'requests are shown, with what the policy made of them');

# not INT, as for Ctrl-C: what runs in the background may have to ignore that
kill 'TERM', $pid;
waitpid $pid, 0;
is($?, 0, 'it ends when it is told to');

ok(!IO::Socket::INET->new("127.0.0.1:$port"), 'and the gateway with it');

$t->finish();
done_testing();


sub told {
    open my $file, '<', $output or return '';
    local $/;
    return <$file> // '';
}


sub answer {
    my ($what) = @_;
    return `$try{$what}` // '';
}
