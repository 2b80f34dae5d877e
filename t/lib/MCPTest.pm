package MCPTest;

# Starts nginx with the module in a directory of its own and speaks to it.
#
#   my $t = MCPTest->new();
#   $t->write_file_expand('nginx.conf', <<'CONF');
#   %%TEST_GLOBALS%%
#   events { }
#   http {
#       %%TEST_GLOBALS_HTTP%%
#       server { listen 127.0.0.1:8080; ... proxy_pass http://127.0.0.1:8081; }
#   }
#   CONF
#   my $upstream = $t->upstream(8081);
#   $t->run();
#   is($t->post(tool_call('echo'))->status, 200, 'allowed');
#   is($upstream->count, 1, 'and forwarded');
#   done_testing();
#
# 127.0.0.1:8xxx stands for a free port wherever it is written; methods that
# take a port take the 8xxx.  Exports all of Test::More; done_testing() stops
# nginx first and adds the checks of its log: no alerts, no sanitizer report,
# no worker lost.

use warnings;
use strict;

use Carp qw/ croak shortmess /;
use Cwd qw/ abs_path /;
use Exporter qw/ import /;
use Fcntl qw/ :flock /;
use File::Basename qw/ dirname /;
use File::Path qw/ make_path /;
use File::Spec;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use JSON::PP;
use List::Util qw/ max /;
use POSIX qw/ :sys_wait_h /;
use Scalar::Util qw/ weaken /;
use Test::More import => [ '!done_testing' ];
use Time::HiRes qw/ sleep time /;

use MCPTest::Client;
use MCPTest::HTTP2;
use MCPTest::Upstream;

our @EXPORT = (
    (grep { $_ ne 'done_testing' } @Test::More::EXPORT),
    qw/ done_testing rpc tool_call modern modern_headers /
);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $top = abs_path(dirname(__FILE__) . '/../..');
my $so = "$top/build/ngx_http_mcp_policy_module.so";
my $sanitize = $ENV{TEST_SANITIZE};
my $patience = $sanitize ? 3 : 1;
my $ready_worker = qr/^nginx: worker process(?! is)/;
my @running;

$SIG{PIPE} = 'IGNORE';


sub new {
    my ($class, %options) = @_;

    my $self = bless {
        dir => tempdir('mcp-policy-XXXXXX', TMPDIR => 1,
                       CLEANUP => !$ENV{TEST_NGINX_LEAVE}),
        owner => $$,
        ports => {},
        children => [],
        allowed => [],
        upstreams => [],
        clients => [],
    }, $class;

    # Workers run as another user when the tests run as root.
    chmod(0755, $self->{dir});

    # nginx 1.22 keeps what it compiles regular expressions with.
    if ($sanitize) {
        $self->write_file('leaks', "leak:ngx_regex_malloc\n");
        $ENV{LSAN_OPTIONS} = "suppressions=$self->{dir}/leaks:"
            . 'print_suppressions=0';
    }

    # An exception might end in an eval() that is about something else.
    $SIG{ALRM} = sub {
        diag(shortmess('the test takes too long'));
        exit(255);
    };

    # Far more than a test takes on a machine that has other things to do.
    alarm(max($options{timeout} || 0, 300) * $patience);

    push @running, $self;
    return $self;
}


sub dir { $_[0]{dir} }
# nginx looks for itself under this name when it is upgraded.
sub binary { $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx' }
sub patience { $patience }


# Skips the test unless nginx was built with everything named: http_v2, ...
sub has {
    my ($self, @features) = @_;

    my $version = `${\ binary()} -V 2>&1`;

    for my $feature (@features) {
        next if $version =~ /--with-${feature}(_module)?\b/;
        plan(skip_all => "nginx has no $feature");
    }

    return $self;
}


# Ports stay reserved by a lock as long as the test runs; they lie below the
# range that the kernel gives to outgoing connections.
sub port {
    my ($self, $name) = @_;

    return $self->{ports}{$name}[0] if $self->{ports}{$name};

    my $locks = File::Spec->tmpdir() . "/mcp-policy-ports-$>";
    make_path($locks);

    for (1 .. 2000) {
        my $port = 10240 + int(rand(20000));

        open(my $lock, '>>', "$locks/$port") or next;
        flock($lock, LOCK_EX | LOCK_NB) or next;

        my $free = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
            Proto => 'tcp') or next;

        close($free);

        $self->{ports}{$name} = [ $port, $lock ];
        return $port;
    }

    croak('no free port');
}


sub write_file {
    my ($self, $name, $content) = @_;

    # Whole at once: a reload that was asked for before may just read it.
    open(my $file, '>', "$self->{dir}/$name.new") or croak("$name: $!");
    binmode($file);
    print $file $content;
    close($file) or croak("$name: $!");
    rename("$self->{dir}/$name.new", "$self->{dir}/$name")
        or croak("$name: $!");

    return $self;
}


sub write_file_expand {
    my ($self, $name, $content) = @_;
    return $self->write_file($name, $self->expand($content));
}


sub expand {
    my ($self, $content) = @_;

    my $module = $ENV{TEST_NGINX_MODULE} // $so;
    my $level = $ENV{TEST_NGINX_LOG} || 'info';
    my $dir = $self->{dir};

    my $globals = "pid $dir/nginx.pid;\nerror_log $dir/error.log $level;\n"
        . "daemon off;\n" . ($ENV{TEST_NGINX_GLOBALS} || '');

    # An empty name: the module is part of the binary.
    if ($module) {
        $globals .= 'load_module ' . abs_path($module) . ";\n";
    }

    # An operator's build reports what it holds at exit; ours has to as well.
    $globals .= "env ASAN_OPTIONS;\nenv UBSAN_OPTIONS;\n" if $sanitize;

    my $http = "access_log off;\nroot $dir;\n";

    for my $kind (qw/ client_body proxy fastcgi uwsgi scgi /) {
        $http .= "${kind}_temp_path $dir/${kind}_temp;\n";
    }

    $http .= $ENV{TEST_NGINX_GLOBALS_HTTP} || '';

    $content =~ s/%%TEST_GLOBALS%%/$globals/g;
    $content =~ s/%%TEST_GLOBALS_HTTP%%/$http/g;
    $content =~ s/%%TESTDIR%%/$dir/g;
    $content =~ s/%%PORT_(8\d\d\d)%%/$self->port($1)/ge;
    $content =~ s/127\.0\.0\.1:(8\d\d\d)\b/'127.0.0.1:' . $self->port($1)/ge;

    return $content;
}


sub read_file {
    my ($self, $name) = @_;

    open(my $file, '<', "$self->{dir}/$name") or return '';
    binmode($file);
    local $/;
    return scalar <$file> // '';
}


sub command {
    my ($self, @more) = @_;
    return (binary(), '-p', "$self->{dir}/", '-c', 'nginx.conf',
            '-e', "$self->{dir}/error.log", @more);
}


sub run {
    my ($self) = @_;

    unlink("$self->{dir}/nginx.pid");

    $self->{pid} = $self->spawn($self->command());
    $self->wait_until(sub {
        -s "$self->{dir}/nginx.pid" || !$self->alive()
    }, 10) or croak('nginx does not start');

    # The pid file precedes the workers.
    my ($count) = $self->read_file('nginx.conf')
        =~ /^\s*worker_processes\s+(\d+);/m;

    $self->wait_until(sub {
        my $ready = () = $self->workers($ready_worker);
        $ready >= ($count || 1) || !$self->alive()
    }, 10);

    if (!$self->alive()) {
        diag($self->log(), $self->read_file('output'));
        croak('nginx did not start');
    }

    return $self;
}


# What "nginx -t" says of a configuration, and whether it accepts it.
sub test_config {
    my ($self, $content) = @_;

    $self->write_file_expand('test.conf', $content);

    # nginx leaves its memory to the system when it only tests.
    local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} || '') . ':detect_leaks=0';

    my $command = join(' ', map { quotemeta } binary(), '-t', '-p',
                       "$self->{dir}/", '-c', 'test.conf', '-e', 'stderr');
    my $output = `$command 2>&1`;

    return wantarray ? ($? == 0, $output) : $output;
}


sub spawn {
    my ($self, @command) = @_;

    my $pid = fork() // croak("fork: $!");
    return $pid if $pid;

    open(STDIN, '<', '/dev/null');
    open(STDOUT, '>>', "$self->{dir}/output");
    open(STDERR, '>&', \*STDOUT);

    { exec(@command) }
    POSIX::_exit(127);
}


# Another program that lives as long as the test; its output is in the file
# "output" of the test's directory.
sub run_program {
    my ($self, @command) = @_;
    push @{$self->{children}}, $self->spawn(@command);
    return $self->{children}[-1];
}


sub upstream {
    my ($self, $name, %options) = @_;

    my $upstream = MCPTest::Upstream->new($self->port($name), %options);

    push @{$self->{upstreams}}, $upstream;
    return $upstream;
}


sub alive {
    my ($self) = @_;

    return 0 unless $self->{pid};
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;

    $self->{status} = $? unless defined $self->{status};
    return 0;
}


sub wait_until {
    my ($self, $check, $seconds) = @_;

    my $until = time() + ($seconds || 10) * $patience;

    until ($check->()) {
        return 0 if time() > $until;
        sleep(0.005);
    }

    return 1;
}


sub waitforsocket {
    my ($self, $name) = @_;

    return $self->wait_until(sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                              PeerPort => $self->port($name))
    }, 30);
}


# New workers serve and the old ones know that they are to leave.
sub reload {
    my ($self) = @_;

    my $count = sub {
        my ($what) = @_;
        my $n = () = $self->log() =~ /\Q$what\E/g;
        return $n;
    };

    my $workers = $self->workers();
    my $old = $count->('gracefully shutting down');

    kill('HUP', $self->{pid});

    $self->wait_until(sub {
        $count->('gracefully shutting down') >= $old + $workers
    }) or croak("no reload:\n" . $self->log());

    return $self;
}


# Those that are not leaving.  One that was just forked still bears the title
# of the master.
sub workers {
    my ($self, $title) = @_;

    $title ||= qr/^nginx: (?:worker process(?! is)|master process)/;

    my @workers;

    for my $path (glob('/proc/[0-9]*/stat')) {
        open(my $file, '<', $path) or next;
        my $stat = <$file> // next;

        $stat =~ /^(\d+) \(nginx.*\) (\S) (\d+) / or next;
        my ($pid, $state, $parent) = ($1, $2, $3);
        next if $parent != $self->{pid} || $state eq 'Z';

        open($file, '<', "/proc/$pid/cmdline") or next;
        my $own = <$file> // next;
        push @workers, $pid if $own =~ $title;
    }

    return @workers;
}


# Kills one worker the hard way and waits for its successor.
sub kill_worker {
    my ($self, $pid) = @_;

    my $workers = () = $self->workers();
    ($pid) = $self->workers() unless $pid;

    $self->allow_log(qr/worker process $pid exited on signal 9/);
    kill('KILL', $pid);

    $self->wait_until(sub {
        my %now = map { $_ => 1 } $self->workers($ready_worker);
        !$now{$pid} && keys %now >= $workers
    }) or croak("worker $pid has no successor");

    return $pid;
}


sub stop {
    my ($self) = @_;

    return $self unless $self->{pid};

    if ($self->alive()) {
        kill('QUIT', $self->{pid});

        if (!$self->wait_until(sub { !$self->alive() }, 15)) {
            $self->{problem} = 'nginx did not stop on QUIT';
            kill('TERM', $self->{pid});

            if (!$self->wait_until(sub { !$self->alive() }, 5)) {
                kill('KILL', $self->workers(), $self->{pid});
                waitpid($self->{pid}, 0);
            }
        }
    }

    $self->{pid} = undef;
    return $self;
}


sub log {
    my ($self, $name) = @_;
    return $self->read_file($name || 'error.log');
}


sub wait_log {
    my ($self, $pattern, $name) = @_;
    return $self->wait_until(sub { $self->log($name) =~ $pattern });
}


# A line that this test provokes and that would fail it otherwise.
sub allow_log {
    my ($self, $pattern) = @_;
    push @{$self->{allowed}}, $pattern;
    return $self;
}


sub check_log {
    my ($self) = @_;

    my $status = $self->{status};
    my $text = $self->log() . $self->read_file('output');
    my @lines = split(/\n/, $text);

    for my $pattern (@{$self->{allowed}}) {
        @lines = grep { $_ !~ $pattern } @lines;
    }

    my @alerts = grep { /\[(alert|crit|emerg)\]/ } @lines;
    is(join("\n", @alerts), '', 'no alerts');

    my @reports = grep { /Sanitizer|runtime error:/ } @lines;
    is(join("\n", @reports), '', 'no sanitizer report');
    diag($text) if @reports;

    my @lost = grep { /exited on signal|exited with fatal code/ } @lines;
    push @lost, $self->{problem} if $self->{problem};
    push @lost, "nginx exited with $status" if $status;
    is(join("\n", @lost), '', 'no process lost');

    diag($text) if $ENV{TEST_NGINX_CATLOG};
}


sub finish {
    my ($self) = @_;

    return if $self->{finished}++;

    # A client that stays would make nginx linger.
    $_->close() for grep { $_ } @{$self->{clients}};

    $self->stop();
    kill('TERM', @{$self->{children}}) if @{$self->{children}};
    waitpid($_, 0) for @{$self->{children}};
    $_->stop() for @{$self->{upstreams}};
}


# Everything that was started ends and is looked at, and then the plan.
sub done_testing {
    for my $self (@running) {
        my $started = $self->{pid} || defined $self->{status};
        $self->finish();
        $self->check_log() if $started;
    }

    alarm(0);
    @running = ();
    Test::More::done_testing();
}


END {
    my $status = $?;

    for my $self (@running) {
        next if $self->{owner} != $$;
        $self->finish();
        diag("left in $self->{dir}") if $ENV{TEST_NGINX_LEAVE};
    }

    $? = $status;
}


# Clients

sub connect {
    my ($self, %options) = @_;

    my $client = MCPTest::Client->new(
        %options, port => $self->port($options{port} || 8080));

    push @{$self->{clients}}, $client;
    weaken($self->{clients}[-1]);

    return $client;
}


sub h2 {
    my ($self, %options) = @_;
    return MCPTest::HTTP2->new($self->connect(%options));
}


# One request on its own connection: see MCPTest::Client::send_request for
# the options.
sub request {
    my ($self, $method, $uri, %options) = @_;

    my $client = $self->connect(%options);

    $client->send_request($method, $uri, close => 1, %options);
    return $client->read_response(head => $method eq 'HEAD');
}


sub post {
    my ($self, $body, %options) = @_;
    return $self->request('POST', $options{uri} || '/mcp', body => $body,
                          %options);
}


sub get {
    my ($self, $uri, %options) = @_;
    return $self->request('GET', $uri, %options);
}


# Bytes as they are, one answer.
sub raw {
    my ($self, $bytes, %options) = @_;

    my $client = $self->connect(%options);

    $client->write($bytes);
    return $client->read_response();
}


# Messages

sub rpc {
    my ($method, $params, %options) = @_;

    my %message = (jsonrpc => '2.0', method => $method);
    $message{params} = $params if defined $params;
    $message{id} = exists $options{id} ? $options{id} : 1;
    delete $message{id} unless defined $message{id};

    return $json->encode(\%message);
}


sub tool_call {
    my ($tool, $arguments, %options) = @_;

    my %params = (name => $tool, arguments => $arguments || {});
    $params{_meta} = $options{meta} if $options{meta};

    return rpc('tools/call', \%params, %options);
}


# The "_meta" and the headers that 2026-07-28 wants with every request.
sub modern {
    return {
        'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
        'io.modelcontextprotocol/clientInfo' =>
            { name => 'test', version => '1' },
        'io.modelcontextprotocol/clientCapabilities' => {},
        @_
    };
}


sub modern_headers {
    my ($method, $name) = @_;
    return [ 'MCP-Protocol-Version' => '2026-07-28',
             'Mcp-Method' => $method,
             defined $name ? ('Mcp-Name' => $name) : () ];
}

1;
