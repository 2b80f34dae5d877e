#!/usr/bin/perl

# What real clients of both generations see of lists: page by page, in JSON,
# in event streams, and on streams that they resume.

use warnings;
use strict;

use MCPTest;
use MCPTest::Clients;

my $t = clients(policy => <<'CONF');
    hide secret-* note://secret-*;

    tool read-* resumed {
    }

    tool wipe-* {
        deny "nothing is wiped";
    }

    prompt read-* resumed {
    }

    resource note://read-* note://resumed/* {
    }
CONF

start_lists($t);
run_node($t, 'lists1.test.mjs');
run_node($t, 'lists2.test.mjs');
run_python($t, 1, 'lists1.py');
run_python($t, 2, 'lists2.py');

done_testing();
