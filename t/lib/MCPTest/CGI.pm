package MCPTest::CGI;

# A server that speaks FastCGI, SCGI and uwsgi on one port, and tells what it
# was asked: the parameters in order of their names, then the body.
#
#   MCPTest::CGI->start($t, 8086);

use warnings;
use strict;

use Carp qw/ croak /;
use IO::Socket::INET;
use POSIX qw/ /;

use constant { PARAMS => 4, INPUT => 5, OUTPUT => 6, DONE => 3 };


sub start {
    my ($class, $t, $port) = @_;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $t->port($port), Listen => 16,
        Proto => 'tcp', ReuseAddr => 1) or croak("port $port: $!");

    my $pid = fork() // croak("fork: $!");

    if (!$pid) {
        alarm(0);
        $SIG{$_} = 'DEFAULT' for qw/ ALRM TERM INT /;
        eval { serve($listen) };
        print STDERR "cgi: $@" if $@;
        POSIX::_exit(0);
    }

    push @{$t->{children}}, $pid;
}


sub serve {
    my ($listen) = @_;

    while (my $socket = $listen->accept()) {
        sysread($socket, my $first, 1) or next;

        if ($first eq "\x01") {
            fastcgi($socket, $first);
        } elsif ($first eq "\x00") {
            uwsgi($socket);
        } else {
            scgi($socket, $first);
        }

        close($socket);
    }
}


sub take {
    my ($socket, $length) = @_;

    my $bytes = '';

    while (length $bytes < $length) {
        sysread($socket, $bytes, $length - length $bytes, length $bytes)
            or die "the request ends early\n";
    }

    return $bytes;
}


sub answer {
    my ($params, $body) = @_;

    my $text = join('', map { "$_=$params->{$_}\n" } sort keys %$params);

    return "Status: 200 OK\r\nContent-Type: text/plain\r\n"
        . "X-Length: ${\ length $body }\r\n\r\n$text\n$body";
}


sub fastcgi {
    my ($socket, $first) = @_;

    my %stream = (PARAMS, '', INPUT, '');

    while (1) {
        my $head = $first . take($socket, 8 - length $first);
        my (undef, $type, undef, $length, $padding) = unpack('CCnnC', $head);
        my $bytes = take($socket, $length);

        take($socket, $padding);
        $first = '';
        last if $type == INPUT && !$length;
        $stream{$type} .= $bytes;
    }

    my %params;

    while (length $stream{+PARAMS}) {
        my $name = take_length(\$stream{+PARAMS});
        my $value = take_length(\$stream{+PARAMS});
        my $key = substr($stream{+PARAMS}, 0, $name, '');
        $params{$key} = substr($stream{+PARAMS}, 0, $value, '');
    }

    my $out = answer(\%params, $stream{+INPUT});

    while ((my $piece = substr($out, 0, 32768, '')) ne '') {
        print $socket pack('CCnnCx', 1, OUTPUT, 1, length $piece, 0), $piece;
    }

    print $socket pack('CCnnCx', 1, OUTPUT, 1, 0, 0),
        pack('CCnnCx', 1, DONE, 1, 8, 0), "\0" x 8;
}


sub take_length {
    my ($bytes) = @_;

    return unpack('C', substr($$bytes, 0, 1, ''))
        if unpack('C', $$bytes) < 128;

    return unpack('N', substr($$bytes, 0, 4, '')) & 0x7fffffff;
}


sub scgi {
    my ($socket, $digits) = @_;

    while ((my $byte = take($socket, 1)) ne ':') {
        $digits .= $byte;
    }

    my %params = split(/\0/, take($socket, $digits + 1) =~ s/\0,\z//r, -1);

    print $socket answer(\%params, take($socket,
                                        $params{CONTENT_LENGTH} || 0));
}


sub uwsgi {
    my ($socket) = @_;

    my $length = unpack('v', take($socket, 3));
    my %params = unpack('(v/a)*', take($socket, $length));

    print $socket answer(\%params, take($socket,
                                        $params{CONTENT_LENGTH} || 0));
}

1;
