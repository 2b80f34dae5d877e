package MCPTest::Client;

# An HTTP/1.1 client with its hands on every byte: what is sent when, and
# what came back, piece by piece.

use warnings;
use strict;

use Carp qw/ croak /;
use IO::Select;
use IO::Socket::INET;
use Socket qw/ AF_INET IPPROTO_TCP TCP_NODELAY SOCK_RAW SOL_SOCKET SO_LINGER
               inet_aton /;
use Time::HiRes qw/ sleep time /;

use MCPTest::Response;

use constant { AF_NETLINK => 16, NETLINK_SOCK_DIAG => 4,
               SOCK_DIAG_BY_FAMILY => 20, NLM_F_REQUEST => 1 };


sub new {
    my ($class, %options) = @_;

    my $socket;

    if ($options{ssl}) {
        require IO::Socket::SSL;
        $socket = IO::Socket::SSL->new(
            PeerAddr => '127.0.0.1', PeerPort => $options{port},
            SSL_verify_mode => 0, SSL_alpn_protocols => ['http/1.1'],
            ref $options{ssl} ? %{$options{ssl}} : ());

    } else {
        $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $options{port},
            Proto => 'tcp');
    }

    croak("cannot connect to port $options{port}: $!") unless $socket;

    setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);

    return bless { socket => $socket, buffer => '',
                   timeout => $options{timeout} || 30 }, $class;
}


sub write {
    my ($self, $bytes) = @_;

    while (length $bytes) {
        my $n = $self->{socket}->syswrite($bytes);
        last unless $n;
        substr($bytes, 0, $n, '');
    }

    return $self;
}


# Writes in pieces that end at the offsets given.  Each piece has been read by
# the server before the next one leaves, so that it takes one read for each.
sub write_split {
    my ($self, $bytes, @offsets) = @_;

    my $from = 0;

    for my $to (@offsets, length $bytes) {
        next if $to <= $from;
        $self->write(substr($bytes, $from, $to - $from));
        $self->wait_taken() if $to < length $bytes;
        $from = $to;
    }

    return $self;
}


# Until nothing that was written waits in the server's socket.
sub wait_taken {
    my ($self) = @_;

    my $socket = $self->{socket};
    my @ports = ($socket->peerport(), $socket->sockport());
    my $until = time() + 5;

    while (time() < $until) {
        return 1 unless waiting(@ports);
        sleep(0.0002);
    }

    return 0;
}


# How many bytes wait in the socket with these ports, 0 without such a socket.
# The kernel tells of one connection by sock_diag(7); /proc/net/tcp, with all
# of them, takes too long after some thousand requests.
sub waiting {
    my ($local, $remote) = @_;

    socket(my $kernel, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
        or croak("netlink: $!");

    my $address = inet_aton('127.0.0.1');

    # struct inet_diag_req_v2: family, protocol, extensions, states, socket
    my $query = pack('CCCx L nn a16 a16 L L2', AF_INET, IPPROTO_TCP, 0,
                     0xffffffff, $local, $remote, $address, $address, 0,
                     0xffffffff, 0xffffffff);

    # struct nlmsghdr: length, type, flags, sequence, port
    send($kernel, pack('LSSLL', 16 + length $query, SOCK_DIAG_BY_FAMILY,
                       NLM_F_REQUEST, 0, 0) . $query, 0);
    recv($kernel, my $answer, 8192, 0) // croak("netlink: $!");

    my (undef, $type) = unpack('LS', $answer);

    # struct inet_diag_msg, from idiag_rqueue on
    return $type == SOCK_DIAG_BY_FAMILY ? unpack('x72 L', $answer) : 0;
}


# Options: body; headers, a list of names and values added to the usual ones;
# bare, those headers and no others; chunked, 1 or a list of chunk sizes;
# split, a list of offsets into the body after which a piece ends; close.
sub request_bytes {
    my ($self, $method, $uri, %options) = @_;

    my $body = $options{body};
    my @headers = @{$options{headers} || []};

    if (!$options{bare}) {
        my %given = map { lc $_ => 1 } @headers[grep { !($_ % 2) }
                                                0 .. $#headers];
        my @usual = (Host => 'localhost');

        if (defined $body) {
            push @usual, 'Content-Type' => 'application/json',
                Accept => 'application/json, text/event-stream';

            push @usual, $options{chunked}
                ? ('Transfer-Encoding' => 'chunked')
                : ('Content-Length' => length $body);
        }

        push @usual, Connection => 'close' if $options{close};

        while (my ($name, $value) = splice(@usual, 0, 2)) {
            push @headers, $name, $value unless $given{lc $name};
        }
    }

    my $head = "$method $uri HTTP/1.1\r\n";

    while (my ($name, $value) = splice(@headers, 0, 2)) {
        $head .= "$name: $value\r\n";
    }

    $body = '' unless defined $body;
    $body = chunked($body, $options{chunked}) if $options{chunked};

    return ("$head\r\n", $body);
}


sub chunked {
    my ($body, $sizes) = @_;

    my @sizes = ref $sizes ? @$sizes : ();
    my $bytes = '';

    while (length $body) {
        my $piece = substr($body, 0, shift(@sizes) || length $body, '');
        $bytes .= sprintf("%x\r\n%s\r\n", length $piece, $piece);
    }

    return "${bytes}0\r\n\r\n";
}


sub send_request {
    my ($self, $method, $uri, %options) = @_;

    my ($head, $body) = $self->request_bytes($method, $uri, %options);

    if ($options{split}) {
        $self->write_split($head . $body,
                           map { $_ + length $head } @{$options{split}});
    } else {
        $self->write($head . $body);
    }

    return $self;
}


sub fill {
    my ($self) = @_;

    my $socket = $self->{socket};

    if (!$socket->can('pending') || !$socket->pending()) {
        IO::Select->new($socket)->can_read($self->{timeout})
            or croak('no answer in time');
    }

    my $n = $socket->sysread(my $bytes, 65536);

    if (!$n) {
        $self->{eof} = 1;
        return 0;
    }

    $self->{buffer} .= $bytes;
    return 1;
}


sub take {
    my ($self, $length) = @_;

    while (length $self->{buffer} < $length) {
        last unless $self->fill();
    }

    return substr($self->{buffer}, 0, $length, '');
}


sub take_line {
    my ($self) = @_;

    my $end;

    while (($end = index($self->{buffer}, "\n")) < 0) {
        return '' unless $self->fill();
    }

    return substr($self->{buffer}, 0, $end + 1, '');
}


# Status line and headers; a body follows through body_piece().
sub read_head {
    my ($self) = @_;

    my $head = '';

    while (1) {
        my $line = $self->take_line();
        return undef if $line eq '';
        $head .= $line;
        last if $line =~ /^\r?\n/;
    }

    my $response = MCPTest::Response->parse($head);

    # 100 (Continue) precedes the answer.
    return $self->read_head() if $response->status == 100;

    my $length = $response->header('Content-Length');

    $self->{left} = $length;
    $self->{chunked} = ($response->header('Transfer-Encoding') || '')
        =~ /chunked/i;
    $self->{piece} = 0;
    $self->{body_done} = $response->status == 204 || $response->status == 304
        || (defined $length && $length == 0);
    $self->{events} = '';

    return $response;
}


# The next bytes of the body as soon as there are any; '' at its end.
sub body_piece {
    my ($self) = @_;

    return '' if $self->{body_done};

    my $limit = $self->{left};

    if ($self->{chunked}) {
        if (!$self->{piece}) {
            my $line = $self->take_line();

            if ($line !~ /^([0-9a-fA-F]+)/) {
                $self->{truncated} = $self->{body_done} = 1;
                return '';
            }

            $self->{piece} = hex $1;

            if (!$self->{piece}) {
                $self->take_line();
                $self->{body_done} = 1;
                return '';
            }
        }

        $limit = $self->{piece};
    }

    if (!length $self->{buffer} && !$self->fill()) {
        $self->{truncated} = defined $limit;
        $self->{body_done} = 1;
        return '';
    }

    my $bytes = substr($self->{buffer}, 0,
                       defined $limit ? $limit : length $self->{buffer}, '');

    if ($self->{chunked}) {
        $self->{piece} -= length $bytes;
        $self->take_line() unless $self->{piece};

    } elsif (defined $self->{left}) {
        $self->{left} -= length $bytes;
        $self->{body_done} = 1 unless $self->{left};
    }

    return $bytes;
}


# Options: head, the answer to a HEAD request.
sub read_response {
    my ($self, %options) = @_;

    my $response = $self->read_head();

    return MCPTest::Response->none() unless $response;

    if (!$options{head}) {
        while ((my $bytes = $self->body_piece()) ne '') {
            $response->{body} .= $bytes;
        }
    }

    $response->{truncated} = $self->{truncated};
    return $response;
}


# The next event of a stream, a hash of event, data, id, raw; undef at its
# end.  Comments come as { comment => ... }.
sub read_event {
    my ($self) = @_;

    while (1) {
        return MCPTest::Response::event($1)
            if $self->{events} =~ s/^(.*?\n)\r?\n//s;

        my $bytes = $self->body_piece();
        return undef if $bytes eq '';
        $self->{events} .= $bytes;
    }
}


# Whether the server closed, with nothing more to read.
sub closed {
    my ($self) = @_;

    return 0 if length $self->{buffer};
    return $self->{eof} || !$self->fill();
}


# Whether the server keeps silent; for the rare case where there is no event
# to wait for.
sub silent {
    my ($self, $seconds) = @_;

    return 0 if length $self->{buffer};
    return !IO::Select->new($self->{socket})->can_read($seconds);
}


sub close {
    my ($self) = @_;
    $self->{socket}->close();
}


sub reset {
    my ($self) = @_;

    setsockopt($self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
    $self->{socket}->close();
}

1;
