#!/usr/bin/perl

# The manual page and the completion know every command and every option
# that the tool tells of itself, and "make install" puts them in place.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Temp qw/ tempdir /;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $tool = $ENV{TEST_MCP_POLICY} || "$top/build/mcp-policy";

plan skip_all => "$tool is not built" unless -x $tool;


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}


my $help = `$tool --help`;
my ($list) = $help =~ /^commands:\n(.*?)\n\n/ms;
my @commands = $list =~ /^  (\S+)/mg;
my $man = slurp("$top/docs/man/mcp-policy.1") =~ s/\\-/-/gr;

cmp_ok(scalar @commands, '>=', 4, 'commands');

# What completes a command line: COMPREPLY for some words.
sub complete {
    my (@words) = @_;

    my $last = $#words;
    my $script = 'PATH="$(dirname "$1"):$PATH"; . "$2"; shift 2; '
        . 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mcp_policy; '
        . 'printf "%s\n" "${COMPREPLY[@]}"';

    open my $out, '-|', 'bash', '-c', $script, 'bash', $tool,
        "$top/conf/mcp-policy.bash-completion", @words or die $!;

    return map { chomp; $_ } <$out>;
}

is_deeply([ sort(complete('mcp-policy', '')) ],
          [ sort(@commands, '--help', '--version') ],
          'completion: commands');
is_deeply([ complete('mcp-policy', 'sca') ], [ 'scan' ],
          'completion: the beginning of one');
is_deeply([ complete('mcp-policy', 'scan', '--format', 'y') ], [ 'yaml' ],
          'completion: formats');

for my $command (@commands) {
    my $usage = `$tool $command --help`;
    is($?, 0, "$command --help");

    my ($section) = $man =~ /^(\.SS \Q$command\E .*?)^\.S[SH] /ms;
    ok($section, "$command: in the manual page") or next;

    my %options = map { $_ => 1 }
        $usage =~ /(?:^|[ \[\(])(--?[A-Za-z][a-z-]*)/mg;
    my %completed = map { $_ => 1 } complete('mcp-policy', $command, '-');

    for my $option (sort keys %options) {
        like($option =~ /^(-h|--help)$/ ? $man : $section,
             qr/\Q$option\E\b/, "$command: $option");
        ok($completed{$option}, "$command: $option is completed");
    }
}

# Every option of the page is one that the tool takes.
for my $option (sort keys %{{ map { $_ => 1 }
                              $man =~ /(?<![\w-])(--[a-z]+)/g }}) {
    my @known = grep { `$tool $_ $option 2>&1 </dev/null`
                       !~ /unknown option/ } @commands;

    ok($option eq '--version' || @known, "manual page: $option exists");
}

SKIP: {
    skip('no man', 1) if system('command -v man >/dev/null 2>&1');
    my $said = `man --warnings -E UTF-8 -l -Tutf8 -Z \\
        $top/docs/man/mcp-policy.1 2>&1 >/dev/null`;
    is($said, '', 'the page is well formed');
}

{
    my $dir = tempdir(CLEANUP => 1);
    my $dry = `env -u MAKEFLAGS -u MFLAGS make -n -C $top install DESTDIR=$dir PREFIX=/usr 2>&1`;

    like($dry, qr{mcp-policy\.1 (?:\\\s*)?\S*/usr/share/man/man1/mcp-policy\.1},
         'make install: the page');
    like($dry, qr{/usr/share/bash-completion/completions/mcp-policy},
         'make install: the completion');
}

done_testing();
