#!/usr/bin/perl

# A charge is given back to the window that was charged, by whatever time the
# answer comes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MCPTest;
use MCPTest::Hooks;

my $t = MCPTest->new();
my $hooks = MCPTest::Hooks->new($t);

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
worker_processes 1;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy shop {
        tool fixed { limit 2/minute; }
        tool sliding { limit 2/minute algorithm=sliding; }
        tool bucket { limit 2/minute algorithm=bucket burst=2; }
    }
    server {
        listen 127.0.0.1:8080;
        location /mcp {
            mcp_enforce shop;
            proxy_http_version 1.1;
            proxy_pass http://127.0.0.1:8081;
        }
    }
}
CONF

my $upstream = $t->upstream(8081);
my $error = '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}';

$t->run();


sub left {
    my ($tool) = @_;

    my $before = $upstream->count();

    for (1 .. 4) {
        my $count = $upstream->count();
        $t->post(tool_call($tool));
        last if $upstream->count() == $count;
    }

    return $upstream->count() - $before;
}


# A call at one time, its error at another.
sub late_error {
    my ($tool, $charged, $answered, $between) = @_;

    $hooks->clock($charged);
    $upstream->clear()->hold();

    my $client = $t->connect();
    $client->send_request('POST', '/mcp', body => tool_call($tool));
    my $request = $upstream->next();

    $upstream->hold(0);
    $hooks->clock($answered);
    $between->() if $between;

    $request->respond(200, body => $error);
    is($client->read_response()->body, $error, "$tool: the error came");
}

late_error('fixed', '2026-01-15T10:30:59Z', '2026-01-15T10:31:01Z', sub {
    is(left('fixed'), 2, 'fixed: a new window');
});
is(left('fixed'), 0, 'fixed: is not made larger');

late_error('fixed', '2026-01-15T10:32:01Z', '2026-01-15T10:32:50Z', sub {
    is(left('fixed'), 1, 'fixed: the same window');
});
is(left('fixed'), 1, 'fixed: gets its charge back');

# A call 58 seconds ago weighs almost one in the estimate.
late_error('sliding', '2026-01-15T10:30:59Z', '2026-01-15T10:31:01Z', sub {
    is(left('sliding'), 1, 'sliding: the window before counts');
});
is(left('sliding'), 1, 'sliding: until its charge is given back');

late_error('bucket', '2026-01-15T10:30:59Z', '2026-01-15T10:31:00Z', sub {
    is(left('bucket'), 1, 'bucket: one is taken');
});
is(left('bucket'), 1, 'bucket: and given back');

late_error('bucket', '2026-01-15T10:40:00Z', '2026-01-15T10:50:00Z', sub {
    is(left('bucket'), 2, 'bucket: full again');
});
is(left('bucket'), 0, 'bucket: holds no more than its burst');

done_testing();
