#!/usr/bin/perl

# A real client behind the gateway: SDK 1.x over the old HTTP+SSE transport.

use warnings;
use strict;

use MCPTest;
use MCPTest::Clients;

my $t = clients();

start_sse($t);
run_node($t, 'sse.test.mjs');

done_testing();
