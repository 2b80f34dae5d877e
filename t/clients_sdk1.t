#!/usr/bin/perl

# A real client behind the gateway: SDK 1.x over 2025-11-25.

use warnings;
use strict;

use MCPTest;
use MCPTest::Clients;

my $t = clients();

start_everything($t);
run_node($t, 'sdk1.test.mjs');

done_testing();
