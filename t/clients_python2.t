#!/usr/bin/perl

# A real client behind the gateway: the Python SDK 2.x.

use warnings;
use strict;

use MCPTest;
use MCPTest::Clients;

my $t = clients();

start_fixture($t);
start_everything($t);
run_python($t, 2, 'sdk2.py');

done_testing();
