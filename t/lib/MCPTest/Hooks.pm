package MCPTest::Hooks;

# What a test build of the module can be told: the time by which limits
# count, to kill a worker that holds the lock of a zone, and that there is no
# memory.  Skips the test without such a build.
#
#   my $hooks = MCPTest::Hooks->new($t);    before the configuration is written
#   $hooks->clock('2026-01-15T10:30:00Z');
#   $hooks->forward(60);

use warnings;
use strict;

use Carp qw/ croak /;
use Test::More ();
use Time::Local qw/ timegm /;


sub new {
    my ($class, $t) = @_;

    my $binary = $ENV{TEST_NGINX_TEST_BINARY};

    Test::More::plan(skip_all => 'no test build of the module') unless $binary;

    my $self = bless { file => $t->dir() . '/hooks', now => 0 }, $class;

    $ENV{TEST_NGINX_BINARY} = $binary;
    $ENV{TEST_NGINX_MODULE} = $ENV{TEST_NGINX_TEST_MODULE};
    $ENV{TEST_NGINX_GLOBALS} = ($ENV{TEST_NGINX_GLOBALS} || '')
        . "env MCP_POLICY_TEST;\n";
    $ENV{MCP_POLICY_TEST} = $self->{file};

    open($self->{handle}, '+>', $self->{file}) or croak("$self->{file}: $!");
    chmod(0666, $self->{file});
    syswrite($self->{handle}, pack('QQQ', 0, 0, 0));

    return $self;
}


sub put {
    my ($self, $at, $value) = @_;

    sysseek($self->{handle}, $at, 0);
    syswrite($self->{handle}, pack('Q', $value));
    return $self;
}


# All workers count by this time from now on: milliseconds or RFC 3339.
sub clock {
    my ($self, $time) = @_;

    if ($time =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(?:\.(\d{3}))?Z$/) {
        $time = timegm($6, $5, $4, $3, $2 - 1, $1) * 1000 + ($7 || 0);
    }

    $self->{now} = $time;
    return $self->put(0, $time);
}


sub forward {
    my ($self, $seconds) = @_;
    return $self->clock($self->{now} + int($seconds * 1000));
}


# The worker that makes the next reservation dies before it unlocks.
sub kill_locked { $_[0]->put(8, 1) }


# From now on the audit log finds no memory, or does again.
sub memory { $_[0]->put(16, $_[1] ? 0 : 1) }

1;
