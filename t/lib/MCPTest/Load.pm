package MCPTest::Load;

# Many calls at once over connections that stay open, as fast as Perl can.
# Lost connections are opened again: the server may be reloading, or dying.
#
#   my $result = MCPTest::Load::run($t, body => $body, count => 20_000,
#       connections => 64, every => 1000, do => sub { $t->... });
#
# counts answers by status, results and errors by what is found in them.

use warnings;
use strict;

use Errno qw/ EAGAIN EINPROGRESS EINTR /;
use IO::Select;
use IO::Socket::INET;
use Socket qw/ IPPROTO_TCP TCP_NODELAY /;
use Time::HiRes qw/ sleep /;


sub run {
    my ($t, %options) = @_;

    my $port = $t->port($options{port} || 8080);
    my $uri = $options{uri} || '/mcp';
    my $count = $options{count};
    my $every = $options{every} || $count + 1;
    my $body = ref $options{body} ? $options{body}
                                  : sub { $options{body} };

    my %result = (answers => 0, lost => 0, allowed => 0, refused => 0);
    my ($sent, $next, %connections) = (0, $every);
    my $select = IO::Select->new();

    my $open = sub {
        my $socket;

        for (1 .. 200) {
            $socket = IO::Socket::INET->new(
                PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp');
            last if $socket;
            sleep(0.01);
        }

        die "cannot connect: $!\n" unless $socket;

        setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
        $connections{fileno($socket)} = { socket => $socket, in => '' };
        $select->add($socket);

        return $connections{fileno($socket)};
    };

    my $send = sub {
        my ($c) = @_;

        my $bytes = $body->($sent++);

        syswrite($c->{socket}, "POST $uri HTTP/1.1\r\nHost: localhost\r\n"
            . "Content-Type: application/json\r\nContent-Length: "
            . length($bytes) . "\r\n\r\n$bytes");
        $c->{busy} = 1;
    };

    my $drop = sub {
        my ($c) = @_;

        $result{lost}++ if $c->{busy};
        $select->remove($c->{socket});
        delete $connections{fileno($c->{socket})};
        close($c->{socket});
    };

    $send->($open->()) for 1 .. ($options{connections} || 64);

    while (%connections) {
        for my $socket ($select->can_read(30)) {
            my $c = $connections{fileno($socket) // -1} or next;
            my $n = sysread($socket, $c->{in}, 65536, length $c->{in});

            if (!$n) {
                $drop->($c);
                $send->($open->()) if $sent < $count;
                next;
            }

            my $end = index($c->{in}, "\r\n\r\n");
            next if $end < 0;

            my ($length) = $c->{in} =~ /^Content-Length: (\d+)/mi;
            $length = 0 unless defined $length;
            next if length $c->{in} < $end + 4 + $length;

            my ($status) = $c->{in} =~ m{^HTTP/1\.1 (\d+)};
            my $close = $c->{in} =~ /^Connection: close/mi;

            $result{answers}++;
            $result{status}{$status}++;

            if ($status == 200 && index($c->{in}, 'from upstream') > 0) {
                $result{allowed}++;

            } elsif (index($c->{in}, '[POLICY DENIED]') > 0) {
                $result{refused}++;
            }

            $c->{in} = '';
            $c->{busy} = 0;

            if ($result{answers} >= $next) {
                $next += $every;
                $options{do}->();
            }

            if ($sent >= $count) {
                $drop->($c);

            } elsif ($close) {
                $drop->($c);
                $send->($open->());

            } else {
                $send->($c);
            }
        }
    }

    return \%result;
}

1;
