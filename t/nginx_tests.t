#!/usr/bin/perl

# What "make nginx-tests" makes of nginx's own test suite: here is a small
# suite of tests that know how they want to fail.

use warnings;
use strict;

use File::Temp qw/ tempdir /;
use FindBin;
use Test::More;

my $dir = tempdir(CLEANUP => 1);
my $suite = "$dir/suite";
my $modes = 'bare loaded elsewhere dry enforced';
my $output;

mkdir($_) for $suite, "$suite/lib", "$suite/lib/Test";
write_file("$suite/lib/Test/Nginx.pm", "1;\n");
write_file("$dir/module.so", '');

# Each is told its mode, and prints what the suite would.

test('good.t', 'ok(1, "one"); ok(1, "two");');
test('stream.t', 'ok(1, "one");', 'no place for directives of http');
test('skipped.t', 'plan(skip_all => "no socket");', 'none');
test('broken.t', 'ok(0, "never"); ok(1, "always");');
test('silent.t', 'exit(1);');
test('later.t', 'ok(1, "one"); Test::More->builder->todo_start("not yet");
     ok($mode eq "bare", "two"); Test::More->builder->todo_end();');
test('loaded.t', 'ok($mode ne "loaded", "loads"); ok(1, "two");');
test('dry.t', 'ok(1, "one"); exit(1) if $mode eq "dry"; ok(1, "two");');
test('elsewhere.t', 'ok($mode ne "elsewhere", "one");');
test('gone.t', 'plan(skip_all => "no nginx") if $mode eq "loaded";
     ok(1, "one");');
test('enforced.t', 'ok($mode ne "enforced", "first is well");
     ok($mode ne "enforced", "second is well"); ok(1, "three");');
test('alerts.t', 'ok(1, "one"); ok($mode ne "enforced", "two");
     ok($mode ne "enforced", "no alerts");');
test('refused.t', 'audit("http_method") if $mode eq "enforced";
     ok($mode ne "enforced", "PUT");');
test('once.t', 'ok($mode ne "dry" || seen(), "in time");');
test('flaky.t', 'ok($mode ne "bare" || seen(), "in time");
     ok($mode ne "loaded", "loads");');

run('', qw/ good.t stream.t skipped.t broken.t silent.t later.t /);
is($?, 0, 'nothing differs');
told('bare       6 files, 1 of them skipped, 1 ended early; '
     . '7 tests, 5 passed, 1 failed', 'what ran');
told('dry        4 files, 0 of them skipped', 'files without http do not');
told('  skipped: no socket (1)', 'why not all of it ran');
told("  fails bare: broken.t\n  fails bare: silent.t\n",
     'what could not be compared');
told("$_: 0 differences; 0 with a reason, 0 not each time", "$_ is the same")
    for qw/ loaded elsewhere dry enforced /;

# Whatever fails otherwise.

run('', qw/ good.t loaded.t elsewhere.t dry.t gone.t enforced.t /);
is($? >> 8, 1, 'something differs');
told('loaded loaded.t: loads', 'a test that fails with the module');
told('elsewhere elsewhere.t: one', 'a test that others disturb');
told('dry dry.t: two', 'a test that is not reached');
told('loaded gone.t: skipped: no nginx', 'a file that does not begin');
told('enforced enforced.t: second is well', 'a test that fails enforced');
told('loaded: 2 differences; 0 with a reason, 0 not each time', 'how many');

# The list of what may differ.

$modes = 'bare enforced';

run("# a comment\n\nenforced enforced.t: first*  # page\n", 'enforced.t');
is($? >> 8, 1, 'another test of the same file');
told('enforced: 1 differences; 1 with a reason, 0 not each time', 'each kind');

run("enforced enforced.t: * is well  # page\n", 'enforced.t');
is($?, 0, 'tests by a pattern');

run("enforced enforced.t  # page\n", 'enforced.t');
is($?, 0, 'all tests of a file');
told('enforced: 0 differences; 2 with a reason, 0 not each time', 'counted');

run("dry enforced.t  # page\n", 'enforced.t');
is($? >> 8, 1, 'the reason is one of another mode');

run("enforced refused.t  # refused: http_method\n", 'refused.t');
is($?, 0, 'a refusal that the audit log has');

run("enforced refused.t  # refused: upgrade\n", 'refused.t');
is($? >> 8, 1, 'a refusal that it does not have');

run("enforced alerts.t  # page\n", 'alerts.t');
is($? >> 8, 1, 'no file may have alerts');
told('enforced alerts.t: no alerts', 'which are told');

run("enforced good.t  # page\n");
told('no difference any more: enforced good.t: *', 'the list is too long');

# A machine that is busy.

$modes = 'bare loaded dry';

run('', 'once.t');
is($?, 0, 'what differs once does not count');
told('dry once.t: in time, not each time', 'but is told');
told('dry: 0 differences; 0 with a reason, 1 not each time', 'and how many');

run('', 'flaky.t');
is($? >> 8, 1, 'what fails bare has another chance');
lacks('fails bare', 'and is compared');

# What cannot be told.

$modes = 'bare loaded';

run('', 'none.t');
is($? >> 8, 2, 'no such test');

run('', 'skipped.t');
is($? >> 8, 2, 'no test passes');
told('nginx-tests: nothing passes bare', 'which is told');

run("enforced\n", 'good.t');
is($? >> 8, 2, 'a list that cannot be read');
told('known:1: what is "enforced"?', 'and where');

unlink("$suite/lib/Test/Nginx.pm");
run('', 'good.t');
is($? >> 8, 2, 'no suite');

done_testing();


# Runs these, or all, with a list of what may differ.
sub run {
    my ($list, @files) = @_;

    write_file("$dir/known", $list);
    unlink(glob("$suite/*.seen"));

    local $ENV{TEST_BUILD} = $dir;
    local $ENV{TEST_NGINX_MODULE} = "$dir/module.so";

    $output = `'$FindBin::Bin/tools/nginx-tests' --known=$dir/known --again=1 \\
               --modes='$modes' $suite @files 2>&1`;
}


sub told {
    my ($text, $name) = @_;
    like($output, qr/\Q$text\E/, $name);
}


sub lacks {
    my ($text, $name) = @_;
    unlike($output, qr/\Q$text\E/, $name);
}


sub test {
    my ($name, $code, $place) = @_;

    $place //= '%%TEST_GLOBALS_HTTP%%';
    write_file("$suite/$name", sprintf(<<'E', $place, $code));
# %s
use Test::More;

my $http = $ENV{TEST_NGINX_GLOBALS_HTTP};
my $mode = $http =~ /server \{/ ? 'elsewhere'
    : $http =~ /mcp_dry_run on;/ ? 'dry' : $http ? 'enforced'
    : $ENV{TEST_NGINX_GLOBALS} =~ /load_module/ ? 'loaded' : 'bare';

%s
done_testing();

sub audit {
    my ($name) = $http =~ /mcp_audit_log (.*);/;
    open(my $log, '>', $name) or die "$name: $!";
    print $log "{\"reason\":\"$_[0]\"}\n";
}

sub seen {
    my $seen = -e "$0.seen";
    open(my $mark, '>', "$0.seen") or die "$0.seen: $!";
    return $seen;
}
E
}


sub write_file {
    my ($name, $text) = @_;

    open(my $file, '>', $name) or die "$name: $!";
    print $file $text;
    close($file) or die "$name: $!";
}
