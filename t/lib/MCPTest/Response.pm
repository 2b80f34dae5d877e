package MCPTest::Response;

# An answer: status, headers in order, body.

use warnings;
use strict;

use JSON::PP;

my $json = JSON::PP->new->utf8->allow_nonref;


sub parse {
    my ($class, $head) = @_;

    my ($first, @lines) = split(/\r?\n/, $head);
    my ($version, $status, $reason) = split(/ /, $first, 3);

    my @headers = map { /^([^:]+):[ \t]*(.*?)[ \t]*$/ ? ([ $1, $2 ]) : () }
        @lines;

    return bless { version => $version, status => $status,
                   reason => $reason, headers => \@headers, head => $head,
                   body => '' }, $class;
}


# What a connection that closed without an answer gives.
sub none {
    my ($class) = @_;
    return bless { status => 0, headers => [], head => '', body => '' },
        $class;
}


sub status { $_[0]{status} }
sub body { $_[0]{body} }
sub head { $_[0]{head} }
sub truncated { $_[0]{truncated} }


sub header {
    my ($self, $name) = @_;

    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{$self->{headers}};

    return wantarray ? @values : $values[0];
}


# The decoded body, undef when it is no JSON; of a stream, the last event.
sub json {
    my ($self) = @_;

    my $body = $self->{body};

    if (($self->header('Content-Type') || '') =~ m{^text/event-stream}) {
        my @events = $self->events();
        $body = @events ? $events[-1]{data} : '';
    }

    return eval { $json->decode($body) };
}


sub events {
    my ($self) = @_;
    return map { event("$_\n") } split(/\r?\n\r?\n/, $self->{body});
}


sub event {
    my ($raw) = @_;

    my %event = (raw => $raw);
    my @data;

    for my $line (split(/\r?\n/, $raw)) {
        my ($field, $value) = $line =~ /^([^:]*):? ?(.*)$/s;

        if ($field eq '') {
            $event{comment} = $value;
        } elsif ($field eq 'data') {
            push @data, $value;
        } else {
            $event{$field} = $value;
        }
    }

    $event{data} = join("\n", @data) if @data;
    return \%event;
}

1;
