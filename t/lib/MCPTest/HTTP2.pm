package MCPTest::HTTP2;

# As much HTTP/2 as it takes to send a body in pieces of any size and to read
# the status, body and events of the answer.

use warnings;
use strict;

use Carp qw/ croak /;

use MCPTest::Response;

use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8, CONTINUATION => 9,
    END_STREAM => 1, ACK => 1, END_HEADERS => 4, PADDED => 8
};

# The statuses that HPACK has numbers for.
my %status = (8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400,
              13 => 404, 14 => 500);


sub new {
    my ($class, $client) = @_;

    my $self = bless { client => $client, next => 1, streams => {} }, $class;

    $client->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->frame(SETTINGS, 0, 0, '');
    $self->frame(WINDOW_UPDATE, 0, 0, pack('N', 0x3fffffff));

    return $self;
}


sub frame_bytes {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}


sub frame {
    my ($self, @frame) = @_;
    $self->{client}->write(frame_bytes(@frame));
    return $self;
}


# Literal header field, never indexed, no Huffman coding.
sub header {
    my ($name, $value) = @_;
    return "\x10" . integer(length $name) . lc($name)
        . integer(length $value) . $value;
}


sub integer {
    my ($n) = @_;

    return chr($n) if $n < 127;

    my $bytes = chr(127);
    $n -= 127;

    while ($n >= 128) {
        $bytes .= chr(128 | $n % 128);
        $n >>= 7;
    }

    return $bytes . chr($n);
}


# Opens a stream and returns its number.  Options: method, headers (a list
# added to the usual ones), length (adds Content-Length), body, split (a list
# of offsets at which a DATA frame ends, each read by nginx before the next),
# open (the stream stays open for data()).
sub request {
    my ($self, $uri, %options) = @_;

    my $stream = $self->{next};
    $self->{next} += 2;

    my $body = $options{body};
    my @headers = (':method' => $options{method} || 'POST',
                   ':scheme' => 'http', ':path' => $uri,
                   ':authority' => 'localhost');

    my @given = @{$options{headers} || []};
    my %given = map { lc $_ => 1 } @given[grep { !($_ % 2) } 0 .. $#given];

    if (defined $body && !$given{'content-type'}) {
        push @headers, 'content-type' => 'application/json';
    }

    if ($options{length}) {
        push @headers, 'content-length' => length $body;
    }

    my $block = '';
    push @headers, @given;

    while (my ($name, $value) = splice(@headers, 0, 2)) {
        $block .= header($name, $value);
    }

    my $last = !defined $body && !$options{open};

    $self->{streams}{$stream} = { body => '', events => '' };
    $self->frame(HEADERS, END_HEADERS | ($last ? END_STREAM : 0), $stream,
                 $block);

    if (defined $body) {
        my $from = 0;

        for my $to (@{$options{split} || []}) {
            $self->data($stream, substr($body, $from, $to - $from));
            $self->{client}->wait_taken();
            $from = $to;
        }

        $self->data($stream, substr($body, $from), !$options{open});
    }

    return $stream;
}


sub data {
    my ($self, $stream, $bytes, $last) = @_;

    # The peer's limit on a frame until it says otherwise.
    while (length $bytes > 16384) {
        $self->frame(DATA, 0, $stream, substr($bytes, 0, 16384, ''));
    }

    return $self->frame(DATA, $last ? END_STREAM : 0, $stream, $bytes);
}


sub cancel {
    my ($self, $stream) = @_;
    return $self->frame(RST_STREAM, 0, $stream, pack('N', 8));
}


# Handles one frame of the server.
sub pump {
    my ($self) = @_;

    my $client = $self->{client};
    my $head = $client->take(9);

    return 0 if length $head < 9;

    my $length = unpack('N', "\0" . substr($head, 0, 3));
    my ($type, $flags, $number) = unpack('CCN', substr($head, 3));
    my $payload = $client->take($length);
    my $stream = $self->{streams}{$number};

    if ($type == SETTINGS && !($flags & ACK)) {
        $self->frame(SETTINGS, ACK, 0, '');

    } elsif ($type == PING && !($flags & ACK)) {
        $self->frame(PING, ACK, 0, $payload);

    } elsif ($type == GOAWAY) {
        $self->{goaway} = unpack('N', substr($payload, 4, 4));
    }

    return 1 unless $stream;

    if ($type == HEADERS || $type == CONTINUATION) {
        $stream->{status} = status($payload) unless $stream->{status};

    } elsif ($type == DATA) {
        $payload = substr($payload, 1, length($payload) - 1
                          - ord($payload)) if $flags & PADDED;
        $stream->{body} .= $payload;
        $stream->{events} .= $payload;

    } elsif ($type == RST_STREAM) {
        $stream->{reset} = 1 + unpack('N', $payload);
    }

    $stream->{done} = 1 if $type == RST_STREAM
        || (($type == DATA || $type == HEADERS) && $flags & END_STREAM);

    return 1;
}


# nginx sends the status first, as an indexed field or in plain digits.
sub status {
    my ($block) = @_;

    $block =~ s/^[\x20-\x3f]+//;

    my $first = ord $block;

    return $status{$first & 0x7f} if $first & 0x80;
    return $1 if $block =~ /^[\x08\x48\x18]\x03(\d\d\d)/;

    croak('a header block that does not begin with its status');
}


# The whole answer of a stream.
sub response {
    my ($self, $number) = @_;

    my $stream = $self->{streams}{$number};

    until ($stream->{done}) {
        last unless $self->pump();
    }

    my $response = MCPTest::Response->none();

    $response->{status} = $stream->{status} || 0;
    $response->{body} = $stream->{body};
    $response->{reset} = $stream->{reset};

    return $response;
}


sub read_event {
    my ($self, $number) = @_;

    my $stream = $self->{streams}{$number};

    while (1) {
        return MCPTest::Response::event($1)
            if $stream->{events} =~ s/^(.*?\n)\r?\n//s;

        return undef if $stream->{done} || !$self->pump();
    }
}


sub post {
    my ($self, $body, %options) = @_;
    return $self->response($self->request($options{uri} || '/mcp',
                                          body => $body, %options));
}


sub close {
    my ($self) = @_;
    $self->{client}->close();
}

1;
