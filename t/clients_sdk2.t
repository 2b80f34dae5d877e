#!/usr/bin/perl

# A real client behind the gateway: SDK 2.x over 2026-07-28, and what it falls
# back to.

use warnings;
use strict;

use MCPTest;
use MCPTest::Clients;

my $t = clients();

start_fixture($t);
start_everything($t);
run_node($t, 'sdk2.test.mjs');

done_testing();
