package MCPTest::HTTP3;

# A connection of HTTP/3, as MCPTest::HTTP2 is one of HTTP/2.  A program with
# a QUIC of its own holds it: t/e2e/http3.py.

use warnings;
use strict;

use Carp qw/ croak /;
use File::Basename qw/ dirname /;
use IPC::Open2;
use JSON::PP;

use MCPTest::Response;

my $top = dirname(__FILE__) . '/../../..';
my $json = JSON::PP->new->ascii->canonical;


sub python {
    return "$top/build/http3/bin/python";
}


sub new {
    my ($class, $t, %options) = @_;

    local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
    local $ENV{ASAN_OPTIONS};

    my $pid = open2(my $from, my $to, python(), "$top/t/e2e/http3.py",
                    $t->port($options{port} || 8080));

    return bless { pid => $pid, from => $from, to => $to, events => {} },
        $class;
}


# One command and its answer; undef when the program has ended.
sub tell {
    my ($self, $op, %command) = @_;

    $self->{to}->print($json->encode({ %command, op => $op }), "\n");
    $self->{to}->flush();

    my $line = readline($self->{from}) // croak("HTTP/3: no answer to $op");
    return $json->decode($line);
}


# Opens a stream and returns its number.  Options: method, headers (a list
# added to the usual ones), length (adds Content-Length; a number is that
# length), body, split (a list of offsets at which a DATA frame ends, each
# read by nginx before the next), open (the stream stays open for data()).
sub request {
    my ($self, $uri, %options) = @_;

    my $body = $options{body};
    my @headers = ([ ':method', $options{method} || 'POST' ],
                   [ ':scheme', 'https' ], [ ':authority', 'localhost' ],
                   [ ':path', $uri ]);

    my @given = @{$options{headers} || []};

    push @headers, [ 'content-type', 'application/json' ] if defined $body;
    push @headers, [ 'content-length', $options{length} eq 'yes'
                     ? length($body) . "" : "$options{length}" ]
        if defined $options{length};

    while (my ($name, $value) = splice(@given, 0, 2)) {
        push @headers, [ lc $name, "$value" ];
    }

    my $last = !defined $body && !$options{open};
    my $stream = $self->tell('open', headers => \@headers,
                             end => boolean($last))->{stream};

    if (defined $body) {
        my $from = 0;

        for my $to (grep { $_ <= length $body } @{$options{split} || []}) {
            $self->data($stream, substr($body, $from, $to - $from));
            $from = $to;
        }

        $self->data($stream, substr($body, $from), !$options{open});
    }

    return $stream;
}


sub boolean {
    return $_[0] ? JSON::PP::true : JSON::PP::false;
}


sub data {
    my ($self, $stream, $bytes, $last) = @_;

    $self->tell('data', stream => $stream, bytes => $bytes,
                end => boolean($last));
}


# The end of a stream in headers of their own.
sub trailers {
    my ($self, $stream, @headers) = @_;
    $self->tell('trailers', stream => $stream, headers => [ \@headers ]);
}


sub cancel {
    my ($self, $stream) = @_;
    $self->tell('reset', stream => $stream);
}


sub stop_reading {
    my ($self, $stream) = @_;
    $self->tell('stop', stream => $stream);
}


# The whole answer of a stream.
sub response {
    my ($self, $stream) = @_;

    my $read = $self->tell('read', stream => $stream, event => boolean(0));
    my %pseudo = map { @$_ } grep { $_->[0] =~ /^:/ } @{$read->{headers}};
    my $response = MCPTest::Response->none();

    $response->{status} = $pseudo{':status'} || 0;
    $response->{headers} = [ grep { $_->[0] !~ /^:/ } @{$read->{headers}} ];
    $response->{body} = $read->{body};
    $response->{reset} = $read->{reset};

    return $response;
}


sub read_event {
    my ($self, $stream) = @_;

    my $state = $self->{events}{$stream} ||= { bytes => '' };

    while (1) {
        return MCPTest::Response::event($1)
            if $state->{bytes} =~ s/^(.*?\n)\r?\n//s;

        return undef if $state->{done};

        my $read = $self->tell('read', stream => $stream,
                               event => boolean(1));
        $state->{bytes} .= $read->{body};
        $state->{done} = $read->{done};
    }
}


sub post {
    my ($self, $body, %options) = @_;
    return $self->response($self->request($options{uri} || '/mcp',
                                          body => $body, %options));
}


sub close {
    my ($self) = @_;

    return unless $self->{pid};

    close($self->{to});
    waitpid($self->{pid}, 0);
    $self->{pid} = undef;
}


# Its program must not outlive the test, nor change how that ends.
sub DESTROY {
    my ($self) = @_;

    local ($?, $!);
    $self->close();
}

1;
