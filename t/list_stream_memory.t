#!/usr/bin/perl

# 200 MB of events for a reader that is slow: what the client does not take,
# the server has to keep.  Lists among them are filtered, one is as large as
# a list may be.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;

use MCPTest;

use constant { MB => 1024 * 1024 };

my $t = MCPTest->new(timeout => 180);

plan(skip_all => 'a sanitizer keeps what is freed') if $ENV{TEST_SANITIZE};

$t->write_file_expand('nginx.conf', <<'CONF');
%%TEST_GLOBALS%%
events { worker_connections 256; }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_policy tools { hide secret; tool tool* { } }
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    server {
        listen 127.0.0.1:8080;
        mcp_enforce tools;
        location / { proxy_pass http://127.0.0.1:8081; }
    }
}
CONF


sub list {
    my ($n) = @_;
    return '{"jsonrpc":"2.0","id":1,"result":{"tools":['
        . join(',', map { "{\"name\":\"$_\",\"description\":\""
                              . 'x' x 200 . '"}' }
                    'secret', map { "tool$_" } 1 .. $n) . ']}}';
}


my $notification = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":"
    . '"notifications/message","params":{"data":['
    . join(',', map { "{\"n\":$_,\"text\":\"" . 'x' x 80 . '"}' } 1 .. 500)
    . "]}}\n\n";
my $small = "id: 1\ndata: " . list(100) . "\n\n";
my $large = "id: 2\ndata: " . list(15000) . "\n\n";
my $round = join('', ($notification) x 15, $small, ": ping\n\n");
my $rounds = int(200 * MB / length $round);


# A server that writes as fast as it is read, and tells when it cannot.
sub serve {
    my ($listen, $tell) = @_;

    while (my $socket = $listen->accept()) {
        my $head = '';
        sysread($socket, $head, 65536, length $head)
            until $head =~ /\r\n\r\n/;

        $socket->blocking(0);

        my $write = IO::Select->new($socket);
        my $queue = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
            . "Content-Type: text/event-stream\r\n\r\n$large";

        for my $n (0 .. $rounds) {
            while (length $queue) {
                my $told;

                until ($write->can_write(0.5)) {
                    syswrite($tell, "stuck\n") unless $told++;
                }

                my $written = syswrite($socket, $queue);
                last if !defined $written && !$!{EAGAIN};
                substr($queue, 0, $written // 0, '');
            }

            $queue = $round;
        }

        close($socket);
    }
}


my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 8,
    LocalPort => $t->port(8081), ReuseAddr => 1) or die "listen: $!";

pipe(my $told, my $tell) or die "pipe: $!";

my $server = fork() // die "fork: $!";

if ($server == 0) {
    $SIG{TERM} = 'DEFAULT';
    alarm(0);
    serve($listen, $tell);
    POSIX::_exit(0);
}

push @{$t->{children}}, $server;
close($listen);
$t->run();


sub memory {
    my ($what) = @_;
    my ($pid) = $t->workers();
    open(my $file, '<', "/proc/$pid/status") or return 0;
    my ($kb) = join('', <$file>) =~ /$what:\s+(\d+)/;
    return $kb;
}


# The first events warm the worker up: the peak counts from there.
sub read_slowly {
    my ($method, $body) = @_;

    my $client = $t->connect();
    my $before = memory('VmRSS');

    $client->send_request($method, '/mcp', defined $body ? (body => $body)
                                                         : ());
    is($client->read_head()->status, 200, "$method: a stream");

    ok(IO::Select->new($told)->can_read(60), 'nobody reads: the server waits');
    sysread($told, my $line, 4096);
    my $waiting = memory('VmRSS');

    my ($bytes, $events, $secrets, $last) = (0, 0, 0, '');

    while ((my $piece = $client->body_piece()) ne '') {
        $bytes += length $piece;
        $piece = $last . $piece;
        $secrets++ if $piece =~ /"secret"/;
        $events += () = $piece =~ /\}\n\n/g;
        $last = substr($piece, -7);
        $last =~ s/^.*\}\n\n//s;
    }

    my $after = memory('VmRSS');
    my $peak = memory('VmHWM');

    diag(sprintf('%s: %d MB, %d events; worker: %.1f MB before, %.1f while '
                 . 'nobody read, %.1f after, peak %.1f', $method,
                 $bytes / MB, $events,
                 map { $_ / 1024 } $before, $waiting, $after, $peak));

    is($events, 1 + 16 * $rounds, 'every event came');
    is($secrets, 0, 'without what is hidden');
    cmp_ok($bytes, '>', 190 * MB, 'of some 200 MB');
    cmp_ok($waiting - $before, '<', 32 * 1024, 'memory while nobody reads');
    cmp_ok($peak - $before, '<', 32 * 1024, 'at its peak');
    cmp_ok($after - $before, '<', 8 * 1024, 'and afterwards');
}


read_slowly('POST', rpc('tools/list', {}, id => 1));
read_slowly('GET');

done_testing();
