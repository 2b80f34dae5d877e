package MCPTest::Approvals;

# Calls that a human decides: what a refusal says, and the human, who speaks
# to "location /admin/ { mcp_admin; }".
#
#   my $people = MCPTest::Approvals->new($t);
#   my $id = $people->wanted($t->post($body));     approval_required, and for
#   $people->approve($id);                         what

use warnings;
use strict;

use Exporter qw/ import /;
use JSON::PP;

our @EXPORT_OK = qw/ outcome approval_id said /;

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, $t, %options) = @_;
    return bless { t => $t, %options }, $class;
}


# The decision object of a refusal, of a batch the first; else nothing.
sub said {
    my ($response) = @_;

    my $answer = $response->json;

    for my $each (ref $answer eq 'ARRAY' ? @$answer : $answer) {
        my $decision = ($each->{result}{_meta} || {})
            ->{'ngx-mcp-policy/decision'} || $each->{error}{data};

        return $decision if ($decision || {})->{reason};
    }

    return undef;
}


# "ok" or the reason of a refusal.
sub outcome {
    my ($response) = @_;

    my $said = said($response);
    return $said ? $said->{reason} : $response->status == 200 ? 'ok'
                                                     : $response->status;
}


sub approval_id {
    my ($response) = @_;
    return (said($response) || {})->{approvalId};
}


sub request {
    my ($self, $method, $path, $body) = @_;

    return $self->{t}->request(
        $method, "/admin/api/$path", port => $self->{port} || 8080,
        defined $body ? (body => $json->encode($body)) : ());
}


# The HTTP status of a decision.
sub approve {
    my ($self, $id, %body) = @_;
    return $self->request('POST', "approvals/$id/approve", \%body)->status;
}


sub deny {
    my ($self, $id, %body) = @_;
    return $self->request('POST', "approvals/$id/deny", \%body)->status;
}


sub show {
    my ($self, $id) = @_;
    return $self->request('GET', "approvals/$id")->json;
}


# Ids of records in a state.
sub pending {
    my ($self) = @_;

    my $list = $self->request('GET', 'approvals?state=pending')->json;
    return map { $_->{id} } grep { $_->{state} eq 'pending' }
        @{$list->{approvals}};
}


# Until exactly so many calls wait to be decided.
sub wait_pending {
    my ($self, $count) = @_;

    my @ids;

    $self->{t}->wait_until(sub {
        @ids = $self->pending();
        @ids == $count
    });

    return @ids;
}

1;
