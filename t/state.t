#!/usr/bin/perl

# mcp_zone state=: counters after a stop, a crash, a binary upgrade; files that
# are no good; who writes, where, when.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Fcntl qw/ F_SETLK F_WRLCK SEEK_SET /;
use MCPTest;
use Time::HiRes qw/ sleep time /;

my $t = MCPTest->new(timeout => 150);

my $dir = $t->dir() . '/state';
my $file = "$dir/counters";
my $charged = 0;

mkdir($dir);
writable($dir);


# For the workers, who are nobody when the tests run as root.
sub writable {
    my ($path) = @_;

    chown((getpwnam('nobody'))[2, 3], $path) if $> == 0;
    chmod(-d $path ? 0700 : 0600, $path);
}


sub conf {
    my ($zone, $more) = @_;

    $zone = 'default:512k state=state/counters' unless defined $zone;
    $more = '' unless defined $more;

    my $group = getgrgid((getpwnam('nobody'))[3]);
    my $user = $> == 0 ? "user nobody $group;" : '';

    return <<"CONF";
%%TEST_GLOBALS%%
$user
worker_processes 3;
events { }
http {
    %%TEST_GLOBALS_HTTP%%
    mcp_zone $zone;
    mcp_policy shop { tool buy { limit 5/300d per=args.who; } tool free { } }
    $more

    server {
        listen 127.0.0.1:8080;
        location /mcp { mcp_enforce shop; proxy_pass http://127.0.0.1:8081; }
    }
}
CONF
}


sub start {
    $charged = in_file();
    $t->write_file_expand('nginx.conf', conf(@_));
    return $t->run();
}


# For a start that should fail.
sub starts {
    # nginx frees little when it gives up.
    local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} || '') . ':detect_leaks=0';

    my $pid = $t->spawn($t->command());

    return 0 if $t->wait_until(sub {
        waitpid($pid, POSIX::WNOHANG()) == $pid
    }, 5);

    kill('KILL', $pid);
    waitpid($pid, 0);
    return 1;
}


# How many of so many calls pass.
sub calls {
    my ($who, $count) = @_;

    my $passed = grep {
        !$t->post(tool_call('buy', { who => $who }))->json->{result}{isError}
    } 1 .. $count;

    $charged += $passed;
    return $passed;
}


sub slurp {
    my ($path) = @_;

    open(my $in, '<', $path) or return '';
    binmode($in);
    local $/;
    return scalar <$in> // '';
}


sub spew {
    my ($path, $bytes) = @_;

    open(my $out, '>', $path) or die "$path: $!";
    binmode($out);
    print $out $bytes;
    close($out);
    writable($path);
}


# The counters in a file, none of one that is not whole.
sub counters {
    my $bytes = slurp($file);
    my @counters;

    return () if length $bytes < 112;

    my $end = 48 + unpack('Q', substr($bytes, 24));

    return () if $end > length $bytes;

    for (my $at = 112; $at < $end; $at += 64) {
        push @counters, unpack('q', substr($bytes, $at + 32)) / 1_000_000;
    }

    return @counters;
}


# Their sum.
sub in_file {
    my $sum = 0;

    $sum += $_ for counters();
    return $sum;
}


# Until everything that was charged is in the file.
sub saved {
    return $t->wait_until(sub { in_file() == $charged }, 10);
}


# What nobody reaps does not run.
sub runs {
    my ($pid) = @_;
    return slurp("/proc/$pid/stat") =~ /\) [^XZ] /;
}


# Master and workers gone at once, as after a crash of the machine's user space.
sub crash {
    my @workers = $t->workers();

    kill('KILL', $t->{pid}, @workers);
    waitpid($t->{pid}, 0);
    $t->wait_until(sub { !grep { runs($_) } @workers });
    $t->{pid} = undef;
    $charged = in_file();
}


my $upstream = $t->upstream(8081);

subtest 'stop and start' => sub {
    start();
    is(calls('a', 3), 3, 'three of five');
    $t->stop();

    ok(-s $file, 'written at exit');
    is((stat($file))[2] & 0777, 0600, 'for nobody else to read');
    is((stat($file))[4], (getpwnam('nobody'))[2], 'by the workers\' user') if $> == 0;

    start();
    is(calls('a', 5), 2, 'two are left after a start');
    $t->stop();

    start();
    is(calls('a', 5), 0, 'and none after another');
    unlike($t->log(), qr/state file/, 'nothing to complain about');
    $t->stop();
};

subtest 'a fast stop' => sub {
    # Nor when it has to be quick.
    local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} || '') . ':detect_leaks=0';

    start();
    is(calls('fast', 2), 2, 'two');
    kill('TERM', $t->{pid});
    $t->wait_until(sub { !$t->alive() });
    $t->{pid} = undef;
    start();
    is(calls('fast', 5), 3, 'remembered');
    $t->stop();
};

subtest 'a crash of master and workers' => sub {
    start();
    calls('b', 1);
    saved();

    is(calls('b', 3), 3, 'four of five');
    ok(saved(), 'a snapshot is written');

    crash();
    start();
    is(calls('b', 5), 1, 'one is left');
    $t->stop();
};

subtest 'a worker that dies' => sub {
    start();

    for my $pid ($t->workers()) {
        $t->kill_worker($pid);
    }

    is(calls('c', 2), 2, 'two');
    ok(saved(), 'its successor writes');
    crash();
    start();
    is(calls('c', 5), 3, 'and nothing was lost');
};

subtest 'idle' => sub {
    calls('idle', 1);
    saved();
    sleep(1.2 * $t->patience());

    my @before = stat($file);

    $t->post(tool_call('free'));
    sleep(1.5);
    is((stat($file))[1], $before[1], 'nothing is written when nothing is counted');
};

subtest 'reload' => sub {
    calls('d', 2);

    for (1 .. 3) {
        $t->reload();
    }

    is(calls('d', 1), 1, 'a third');
    ok(saved(), 'the new workers write');
    crash();
    start();
    is(calls('d', 5), 2, 'all three are there');

    is(calls('larger', 3), 3, 'three');
    $t->write_file_expand('nginx.conf', conf('default:2m state=state/counters'));
    $t->reload();
    is(calls('larger', 1), 1, 'a fourth, in a larger zone');
    $t->stop();
    start('default:2m state=state/counters');
    is(calls('larger', 5), 1, 'written from there');
};

subtest 'a file for a zone in use' => sub {
    $t->write_file_expand('nginx.conf', conf('default:2m'));
    $t->reload();
    is(calls('e', 2), 2, 'without a file');

    $t->write_file_expand('nginx.conf', conf('default:2m state=state/counters'));
    $t->reload();
    like($t->log(), qr/\[warn\].*written before the counters in memory, kept as ".*counters\.old"/, 'what is in memory counts');
    ok(-s "$file.old", 'the older file is kept');
    $t->stop();

    start('default:2m state=state/counters');
    is(calls('e', 5), 3, 'and was saved');

    $t->write_file_expand('nginx.conf', conf('default:2m state=state/other'));
    $t->allow_log(qr/\[emerg\].*while previously it used/);
    kill('HUP', $t->{pid});
    ok($t->wait_log(qr/mcp_zone "default" uses the state file ".*other" while previously it used ".*counters"/), 'another file needs a restart');
    $t->stop();
};

subtest 'files that are no good' => sub {
    start();
    calls('f', 5);
    $t->stop();

    my $good = slurp($file);

    my %bad = (
        'empty' => '',
        'foreign' => "# a configuration\n" x 100,
        'cut short' => substr($good, 0, length($good) - 1),
        'cut in the header' => substr($good, 0, 20),
        'of another version' => substr($good, 0, 8) . pack('L', 99) . substr($good, 12),
        'of another snapshot version' => substr($good, 0, 48 + 24) . pack('L', 99) . substr($good, 48 + 28),
        'with a flipped bit in a counter' => substr($good, 0, -20) . chr(ord(substr($good, -20, 1)) ^ 1) . substr($good, -19),
        'with a flipped bit in its key' => substr($good, 0, 100) . chr(ord(substr($good, 100, 1)) ^ 64) . substr($good, 101),
    );

    for my $what (sort keys %bad) {
        unlink("$file.corrupt");
        spew($file, $bad{$what});
        $charged = 0;

        my $warning = qr/\[warn\].*state file ".*counters" of mcp_zone "default" .*kept as ".*counters\.corrupt"/;
        my $lines = () = $t->log() =~ /$warning/g;

        start();
        is(calls('g', 1), 1, "$what: nginx serves");

        my $now = () = $t->log() =~ /$warning/g;

        is($now, $lines + 1, 'the log tells');
        is(slurp("$file.corrupt"), $bad{$what}, 'the file is set aside');
        $t->stop();
    }

    spew($file, $good);
    start();
    is(calls('f', 1), 0, 'the good one still is');
    $t->stop();

    spew($file, "$good\0");
    start();
    is(calls('f', 1), 0, 'so is one with more at its end');
    like($t->log(), qr/\[warn\].*approvals in the state file ".*counters" of mcp_zone "default" are damaged or of another version, they are lost/, 'which is no approvals');
    $t->stop();
};

subtest 'a zone that is too small' => sub {
    start();
    calls("many $_", 1) for 1 .. 900;
    $t->stop();

    $t->write_file_expand('nginx.conf', conf('default:64k state=state/counters'));

    ok(!starts(), 'nginx does not give its counters up');
    like($t->log(), qr/mcp_zone "default" is too small for its state file ".*counters": \d+ counters do not fit/, 'and says why');
    $t->allow_log(qr/too small for its state file/);
};

subtest 'places that cannot be written' => sub {
    $t->allow_log(qr/\[emerg\].*state file/);

    mkdir($t->dir() . '/locked');
    chmod(0555, $t->dir() . '/locked');
    mkdir("$dir/directory");

    my @wrong = (
        [ 'state=nowhere/counters', qr/cannot write ".*nowhere\/counters\.tmp".*No such file/s ],
        [ 'state=state/directory', qr/state file ".*directory" of mcp_zone "default" is not a regular file/ ],
    );

    push @wrong, [ 'state=locked/counters', qr/cannot write ".*locked\/counters\.tmp" as user "nobody"; its directory must exist and be writable for that user.*Permission denied/s ] if $> == 0;

    for my $wrong (@wrong) {
        my ($state, $message) = @$wrong;

        $t->write_file_expand('nginx.conf', conf("default:512k $state"));

        ok(!starts(), "$state: no start");
        like($t->log(), $message, 'with the name');

        my ($ok) = $t->test_config(conf("default:512k $state"));
        ok($ok, 'nginx -t looks at no file');
    }

    # It may also happen later.
    start();
    calls('h', 1);
    ok(saved(), 'a directory that can be written');
    rename($dir, "$dir.away");
    calls('h', 1);
    ok($t->wait_log(qr/\[error\].*open\(\) ".*counters\.tmp" failed, the counters of mcp_zone "default" are not saved/), 'and is gone: an error');
    is(calls('h', 1), 1, 'calls go on');
    rename("$dir.away", $dir);
    ok(saved(), 'it is back: the snapshot is made up for');
    crash();
    start();
    is(calls('h', 5), 2, 'and complete');
    $t->stop();
};

subtest 'two writers' => sub {
    start();

    # Another process that holds the lock, in the middle of its snapshot.
    calls('i', 1);
    saved();

    my $pid = fork();

    if (!$pid) {
        open(my $temp, '+>>', "$file.tmp") or POSIX::_exit(1);
        writable("$file.tmp");
        my $lock = pack('s s x4 l! l! i x4', F_WRLCK, SEEK_SET, 0, 0, 0);
        fcntl($temp, F_SETLK, $lock) or POSIX::_exit(1);
        open(my $ready, '>', $t->dir() . '/ready');
        close($ready);
        sleep(60);
        POSIX::_exit(0);
    }

    ok($t->wait_until(sub { -e $t->dir() . '/ready' }), 'somebody else writes');

    my $before = in_file();

    calls('i', 1);
    sleep(1.5);
    is(in_file(), $before, 'nobody writes while another one does');

    kill('KILL', $pid);
    waitpid($pid, 0);
    ok(saved(), 'until it is gone');
    is(calls('i', 5), 3, 'and nothing was counted twice');
    $t->stop();
};

subtest 'binary upgrade' => sub {
    # The new master tells by its parent whether the old one still runs.
    my $one = sub {
        my $conf = conf('default:512k state=state/counters');

        $charged = in_file();
        $t->write_file_expand('nginx.conf', $conf);
        $t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/daemon off/daemon on/r);
        system($t->command());
        $t->wait_until(sub { -s $t->dir() . '/nginx.pid' });
        chomp(my $pid = $t->read_file('nginx.pid'));
        return $pid;
    };

    my $workers = sub { local $t->{pid} = $_[0]; return $t->workers() };

    my $old = $one->();

    ok($t->wait_until(sub { $workers->($old) == 3 }), 'an old master');
    is(calls('j', 2), 2, 'two');
    ok(saved(), 'are saved');

    kill('USR2', $old);
    ok($t->wait_until(sub { -s $t->dir() . '/nginx.pid.oldbin' && -s $t->dir() . '/nginx.pid' }), 'a new master')
        or diag($t->log());

    chomp(my $new = $t->read_file('nginx.pid'));

    $t->wait_until(sub { $workers->($new) == 3 });

    # Both serve.  What the old workers count now the new ones do not know.
    my $n = 0;

    ok($t->wait_until(sub {
        calls('noise ' . ++$n, 1);
        $t->log() =~ /\[notice\].*state file ".*counters" of mcp_zone "default" is written by an nginx that started later/
    }), 'the old workers leave the file alone');

    kill('QUIT', $old);
    ok($t->wait_until(sub { !runs($old) && !$workers->($old) }), 'and go');

    # The file grows by late noise, too; only this makes one of two a four.
    my $fours = sub { scalar grep { $_ == 4 } counters() };
    my $before = $fours->();

    is(calls('j', 2), 2, 'two more, in the new one');
    ok($t->wait_until(sub { $fours->() > $before }), 'are saved');

    my @all = ($new, $workers->($new));

    kill('KILL', @all);
    $t->wait_until(sub { !grep { runs($_) } @all });
    unlink($t->dir() . '/nginx.pid');

    start();
    is(calls('j', 5), 1, 'no older view of the counters came back');
    $t->stop();
};

done_testing();
