package MCPTest::Upstream;

# An upstream server that keeps every byte it was sent and answers as it is
# told: by itself (a plausible MCP server), by a script, or step by step.  It
# lives in a process of its own; the test talks to it over a socket, and
# waits for what it reports, never for time.
#
#   $upstream->count                requests that arrived
#   $upstream->requests             all of them, as objects
#   $upstream->respond(500)         the next one gets this
#   $upstream->reply($bytes)        the next one gets these very bytes
#   $upstream->hold                 all wait for the test:
#   my $request = $upstream->next   until one more has arrived
#   $request->sse->event('{...}')   now the client must see the event

use warnings;
use strict;

use Carp qw/ croak /;
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw/ /;
use Socket qw/ AF_UNIX SOCK_STREAM PF_UNSPEC SOL_SOCKET SO_LINGER /;

my $json = JSON::PP->new->ascii->canonical->allow_nonref;


sub new {
    my ($class, $port, %options) = @_;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 128,
        Proto => 'tcp', ReuseAddr => 1) or croak("port $port: $!");

    socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC)
        or croak("socketpair: $!");

    my $pid = fork() // croak("fork: $!");

    if (!$pid) {
        close($ours);
        alarm(0);
        $SIG{$_} = 'DEFAULT' for qw/ ALRM TERM INT /;
        $SIG{PIPE} = 'IGNORE';
        eval { MCPTest::Upstream::Server->new($listen, $theirs)->serve() };
        print STDERR "upstream: $@" if $@;
        POSIX::_exit(0);
    }

    close($listen);
    close($theirs);

    return bless { pid => $pid, control => $ours, buffer => '', seen => 0,
                   requests => [], closed => {}, timeout => 30,
                   owner => $$, %options }, $class;
}


# All requests that reached the server before this call.
sub requests {
    my ($self) = @_;

    $self->sync();
    return @{$self->{requests}};
}


sub count {
    my ($self) = @_;
    return scalar(my @all = $self->requests());
}


# Bytes that arrived, those of unfinished requests included.
sub bytes {
    my ($self) = @_;
    return $self->sync()->{bytes};
}


sub connections {
    my ($self) = @_;
    return $self->sync()->{connections};
}


sub last {
    my ($self) = @_;
    return ($self->requests())[-1];
}


sub clear {
    my ($self) = @_;

    $self->sync();
    $self->{requests} = [];
    $self->{seen} = 0;
    return $self;
}


# The next request that next() has not returned yet.
sub next {
    my ($self) = @_;

    while ($self->{seen} >= @{$self->{requests}}) {
        $self->receive();
    }

    return $self->{requests}[$self->{seen}++];
}


# Requests wait until the test answers; hold(0) ends that.
sub hold {
    my ($self, $on) = @_;

    $self->tell({ op => 'hold', on => defined $on ? $on : 1 });
    $self->sync();

    return $self;
}


# The bytes that answer one more request, whatever it is; afterwards the
# connection is kept, or with close => 1 closed, or with reset => 1 reset.
# With always => 1 every further request gets them.
sub reply {
    my ($self, $bytes, %options) = @_;
    my %how = map { $_ => $options{$_} } qw/ always close reset /;

    $self->tell({ %how, op => 'reply' }, $bytes);
    $self->sync();

    return $self;
}


# What replies are left is taken back; how many there were.
sub forget {
    my ($self) = @_;

    my $left = $self->sync()->{script};

    $self->tell({ op => 'forget' }) if $left;
    return $left;
}


sub respond {
    my ($self, $status, %options) = @_;
    return $self->reply(response($status, \%options), %options);
}


# Options: body, type, headers (a list), chunked.
sub response {
    my ($status, $options) = @_;

    my $body = defined $options->{body} ? $options->{body} : '';
    my $type = $options->{type} || 'application/json';
    my @headers = @{$options->{headers} || []};

    my $head = "HTTP/1.1 $status Status\r\n";
    $head .= "Content-Type: $type\r\n" if length $body;

    while (my ($name, $value) = splice(@headers, 0, 2)) {
        $head .= "$name: $value\r\n";
    }

    if ($options->{chunked}) {
        return "${head}Transfer-Encoding: chunked\r\n\r\n"
            . sprintf("%x\r\n%s\r\n0\r\n\r\n", length $body, $body);
    }

    $head .= 'Content-Length: ' . length($body) . "\r\n" if $status != 204;
    return "$head\r\n$body";
}


sub stop {
    my ($self) = @_;

    return if $self->{stopped}++ || $self->{owner} != $$;

    close($self->{control});
    kill('TERM', $self->{pid});
    waitpid($self->{pid}, 0);
}


sub sync {
    my ($self) = @_;

    $self->tell({ op => 'sync' });
    delete $self->{synced};
    $self->receive() until $self->{synced};
    return $self->{synced};
}


# A message is a line of JSON with the number of bytes that follow it.
sub tell {
    my ($self, $message, $bytes) = @_;
    put($self->{control}, $message, $bytes);
    return $self;
}


sub put {
    my ($socket, $message, $bytes) = @_;

    my $all = encode($message, $bytes);

    while (length $all) {
        my $n = syswrite($socket, $all);
        croak("upstream's control connection: $!") unless $n;
        substr($all, 0, $n, '');
    }
}


sub encode {
    my ($message, $bytes) = @_;

    $bytes = '' unless defined $bytes;

    return $json->encode({ %$message, length => length $bytes })
        . "\n" . $bytes;
}


# The first whole message of a buffer, taken off it.
sub parse {
    my ($buffer) = @_;

    my $start = index($$buffer, "\n") + 1;

    return unless $start;

    my $message = $json->decode(substr($$buffer, 0, $start));

    return if length $$buffer < $start + $message->{length};

    my $bytes = substr($$buffer, $start, $message->{length});
    substr($$buffer, 0, $start + $message->{length}, '');

    return ($message, $bytes);
}


sub receive {
    my ($self) = @_;

    my ($message, $bytes);

    until (($message, $bytes) = parse(\$self->{buffer})) {
        IO::Select->new($self->{control})->can_read($self->{timeout})
            or croak('nothing arrives at the upstream');

        sysread($self->{control}, $self->{buffer}, 65536,
                length $self->{buffer}) or croak('the upstream is gone');
    }

    if ($message->{event} eq 'request') {
        push @{$self->{requests}},
            MCPTest::Upstream::Request->new($self, $message, $bytes);

    } elsif ($message->{event} eq 'closed') {
        $self->{closed}{$message->{connection}} = 1;

    } else {
        $self->{synced} = $message;
    }
}


package MCPTest::Upstream::Request;

# One request: raw is every byte as it came, body is without chunk framing.

use warnings;
use strict;

use JSON::PP;


sub new {
    my ($class, $upstream, $message, $bytes) = @_;

    my $self = bless { %$message, raw => $bytes, upstream => $upstream },
        $class;

    $self->{head} = substr($bytes, 0, $message->{head_length});
    $self->{wire_body} = substr($bytes, $message->{head_length});
    $self->{body} = $message->{chunked} ? dechunk($self->{wire_body})
                                        : $self->{wire_body};

    my ($first, @lines) = split(/\r\n/, $self->{head});

    @$self{qw/ method uri version /} = split(/ /, $first);
    $self->{headers} = [ map { [ split(/: ?/, $_, 2) ] } @lines ];

    return $self;
}


sub method { $_[0]{method} }
sub uri { $_[0]{uri} }
sub version { $_[0]{version} }
sub head { $_[0]{head} }
sub body { $_[0]{body} }
sub raw { $_[0]{raw} }


sub json {
    my ($self) = @_;
    return eval { JSON::PP->new->utf8->allow_nonref->decode($self->{body}) };
}


sub header {
    my ($self, $name) = @_;

    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{$self->{headers}};

    return wantarray ? @values : $values[0];
}


sub dechunk {
    my ($bytes) = @_;

    my $body = '';

    while ($bytes =~ s/^([0-9a-fA-F]+)[^\n]*\n// && hex $1) {
        $body .= substr($bytes, 0, hex $1, '');
        $bytes =~ s/^\r\n//;
    }

    return $body;
}


# Step by step, for requests that are held.  What is sent lies in nginx's
# socket before the test goes on, ahead of anything that a client sends next.

sub send {
    my ($self, $bytes) = @_;

    my $upstream = $self->{upstream};

    $upstream->tell({ op => 'send', connection => $self->{connection} },
                    $bytes);
    $upstream->sync();

    return $self;
}


sub respond {
    my ($self, $status, %options) = @_;
    return $self->send(MCPTest::Upstream::response($status, \%options));
}


# The head of a stream; then event(), chunk() and end().
sub sse {
    my ($self, %options) = @_;

    my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        . "Transfer-Encoding: chunked\r\n";
    my @headers = @{$options{headers} || []};

    while (my ($name, $value) = splice(@headers, 0, 2)) {
        $head .= "$name: $value\r\n";
    }

    return $self->send("$head\r\n");
}


sub event {
    my ($self, $data, %options) = @_;

    my $event = 'event: ' . ($options{event} || 'message') . "\n";
    $event .= "id: $options{id}\n" if defined $options{id};

    return $self->chunk("${event}data: $data\n\n");
}


sub chunk {
    my ($self, $bytes) = @_;
    return $self->send(sprintf("%x\r\n%s\r\n", length $bytes, $bytes));
}


sub end {
    my ($self) = @_;
    return $self->send("0\r\n\r\n");
}


sub close {
    my ($self) = @_;

    $self->{upstream}->tell({ op => 'close',
                              connection => $self->{connection} });
    return $self;
}


sub reset {
    my ($self) = @_;

    $self->{upstream}->tell({ op => 'reset',
                              connection => $self->{connection} });
    return $self;
}


# Waits until nginx has closed the connection of this request.
sub wait_closed {
    my ($self) = @_;

    my $upstream = $self->{upstream};

    $upstream->receive() until $upstream->{closed}{$self->{connection}};
    return 1;
}


package MCPTest::Upstream::Server;

# The process behind it.

use warnings;
use strict;

use IO::Select;
use JSON::PP;
use Socket qw/ SOL_SOCKET SO_LINGER /;

my $lax = JSON::PP->new->utf8->allow_nonref->canonical;

my @tools = map { { name => $_, inputSchema => { type => 'object' } } }
    qw/ echo add delete-everything /;


sub new {
    my ($class, $listen, $control) = @_;

        # The test reads reports when it likes: never block on writing one.
    $control->blocking(0);

    return bless { listen => $listen, control => $control, commands => '',
                   reports => '',
                   connections => {}, count => 0, bytes => 0, script => [] },
        $class;
}


sub serve {
    my ($self) = @_;

    while (1) {
        my @connections = values %{$self->{connections}};
        my $read = IO::Select->new($self->{listen}, $self->{control},
                                   map { $_->{socket} } @connections);
        my $write = IO::Select->new(map { $_->{socket} }
                                    grep { length $_->{out} } @connections);

        $write->add($self->{control}) if length $self->{reports};

        my ($readable, $writable) = IO::Select->select($read, $write);

        for my $socket (@{$writable || []}) {
            if ($socket == $self->{control}) {
                $self->report();
            } else {
                $self->flush($self->{connections}{fileno($socket) // -1});
            }
        }

        for my $socket (@{$readable || []}) {
            if ($socket == $self->{control}) {
                $self->command() or return;

            } elsif ($socket == $self->{listen}) {
                my $new = $self->{listen}->accept() or next;
                $new->blocking(0);
                $self->{connections}{fileno($new)} = {
                    socket => $new, number => ++$self->{count},
                    in => '', out => ''
                };

            } else {
                my $fd = fileno($socket);
                next unless defined $fd && $self->{connections}{$fd};
                $self->read($self->{connections}{$fd});
            }
        }
    }
}


sub read {
    my ($self, $c) = @_;

    my $n = sysread($c->{socket}, $c->{in}, 65536, length $c->{in});

    return if !defined $n && $!{EAGAIN};
    return $self->drop($c) unless $n;

    $self->{bytes} += $n;

    while (my ($length, $head, $chunked) = whole($c->{in})) {
        my $bytes = substr($c->{in}, 0, $length, '');

        $self->report({
            event => 'request', connection => $c->{number},
            head_length => $head, chunked => $chunked ? 1 : 0
        }, $bytes);

        $self->answer($c, $bytes, $head, $chunked);
    }
}


# The length of the first request in the bytes, once it is all there.
sub whole {
    my ($bytes) = @_;

    return unless $bytes =~ /\r\n\r\n/;

    my $head = $+[0];
    my $fields = substr($bytes, 0, $head);

    if ($fields =~ /^Transfer-Encoding: *chunked/im) {
        my $at = $head;

        while (1) {
            pos($bytes) = $at;
            return unless $bytes =~ /\G([0-9a-fA-F]+)[^\n]*\n/gc;
            my $size = hex $1;
            $at = pos($bytes) + $size + 2;
            return if length $bytes < $at;
            return ($at, $head, 1) unless $size;
        }
    }

    my $body = $fields =~ /^Content-Length: *(\d+)/im ? $1 : 0;

    return if length $bytes < $head + $body;
    return ($head + $body, $head, 0);
}


sub answer {
    my ($self, $c, $bytes, $head, $chunked) = @_;

    if (my $script = $self->{always} || shift @{$self->{script}}) {
        $self->queue($c, $script->{bytes});
        $c->{end} = $script->{reset} ? 'reset' : 'close'
            if $script->{reset} || $script->{close};
        return $self->flush($c);
    }

    return if $self->{hold};

    my $body = substr($bytes, $head);
    $body = MCPTest::Upstream::Request::dechunk($body) if $chunked;

    $self->queue($c, usual($bytes, $body));
    $self->flush($c);
}


# What an ordinary server says.
sub usual {
    my ($bytes, $body) = @_;

    my ($method) = $bytes =~ /^(\S+)/;

    if ($method eq 'GET') {
        return MCPTest::Upstream::response(200, {
            type => 'text/event-stream', body => ": open\n\n", chunked => 1 });
    }

    return MCPTest::Upstream::response(200, {}) if $method ne 'POST';

    my $message = eval { decode($body) };
    my @messages = ref $message eq 'ARRAY' ? @$message : $message;
    my @results;

    for my $each (@messages) {
        next unless ref $each eq 'HASH' && exists $each->{id}
            && exists $each->{method};

        my $result = { content => [ { type => 'text',
                                      text => 'from upstream' } ] };
        $result = { tools => \@tools } if $each->{method} eq 'tools/list';
        $result = { completion => { values => [] } }
            if $each->{method} eq 'completion/complete';
        $result->{resultType} = 'complete'
            if ref $each->{params} eq 'HASH' && $each->{params}{_meta}
               && $each->{params}{_meta}
                      {'io.modelcontextprotocol/protocolVersion'};

        push @results, { jsonrpc => '2.0', id => $each->{id},
                         result => $result };
    }

    return MCPTest::Upstream::response(202, {}) unless @results;

    return MCPTest::Upstream::response(200, {
        body => $lax->encode(ref $message eq 'ARRAY' ? \@results
                                                     : $results[0]) });
}


# JSON::PP takes seconds for a megabyte: of a large message only what the
# answer needs, which clients put at its ends.
sub decode {
    my ($body) = @_;

    return undef unless $body =~ /^\s*[\[{]/;

    if (length $body > 20000) {
        my $ends = substr($body, 0, 1000) . ' ' . substr($body, -1000);
        my ($method) = $ends =~ /"method" *: *"([^"]*)"/;
        my ($id) = $ends =~ /"id" *: *("[^"]*"|\d+)/;

        $body = '{"method":"' . ($method || '') . '"'
            . (defined $id ? ",\"id\":$id" : '') . '}';
    }

    return $lax->decode($body);
}


sub queue {
    my ($self, $c, $bytes) = @_;
    $c->{out} .= $bytes;
}


sub flush {
    my ($self, $c) = @_;

    return unless $c;

    if (length $c->{out}) {
        my $n = syswrite($c->{socket}, $c->{out});

        if (!defined $n) {
            return if $!{EAGAIN};
            return $self->drop($c);
        }

        substr($c->{out}, 0, $n, '');
    }

    return if length $c->{out} || !$c->{end};

    setsockopt($c->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0))
        if $c->{end} eq 'reset';
    $self->drop($c);
}


sub report {
    my ($self, $message, $bytes) = @_;

    $self->{reports} .= MCPTest::Upstream::encode($message, $bytes)
        if $message;

    my $n = syswrite($self->{control}, $self->{reports});
    substr($self->{reports}, 0, $n, '') if $n;
}


sub drop {
    my ($self, $c) = @_;

    delete $self->{connections}{fileno($c->{socket})};
    close($c->{socket});

    $self->report({
        event => 'closed', connection => $c->{number} });
}


sub command {
    my ($self) = @_;

    my $n = sysread($self->{control}, $self->{commands}, 65536,
                    length $self->{commands});

    return !defined $n && $!{EAGAIN} unless $n;

    while (my ($message, $bytes)
               = MCPTest::Upstream::parse(\$self->{commands}))
    {
        my $op = $message->{op};

        if ($op eq 'hold') {
            $self->{hold} = $message->{on};

        } elsif ($op eq 'sync') {
            $self->report({
                event => 'synced', bytes => $self->{bytes},
                connections => $self->{count},
                script => scalar @{$self->{script}} });

        } elsif ($op eq 'forget') {
            $self->{script} = [];

        } elsif ($op eq 'reply') {
            my $script = { %$message, bytes => $bytes };

            if ($message->{always}) {
                $self->{always} = $script;
            } else {
                push @{$self->{script}}, $script;
            }

        } else {
            my ($c) = grep { $_->{number} == $message->{connection} }
                values %{$self->{connections}};
            next unless $c;

            $self->queue($c, $bytes);
            $c->{end} = $op if $op ne 'send';
            $self->flush($c);
        }
    }

    return 1;
}

1;
