#!/usr/bin/perl

# A real client behind the gateway: the Python SDK 1.x.

use warnings;
use strict;

use MCPTest;
use MCPTest::Clients;

my $t = clients();

start_everything($t);
start_sse($t);
run_python($t, 1, 'sdk1.py');

done_testing();
