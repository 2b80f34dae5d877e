#!/usr/bin/perl

# Every example in the documentation and every shipped configuration:
# configurations pass "nginx -t" without a warning, cases get the decision
# that they expect.  Links lead somewhere, the reference is complete.
#
# A fenced block says what it is: "nginx http" is the inside of http { },
# "nginx server" the inside of server { }, "jsonl cases" are cases for the
# policy of the block before it.  "json NAME" and "yaml NAME" are files beside
# the configurations of the page; those for which cases follow are policies.

use strict;
use warnings;

use File::Temp qw/ tempdir /;
use Test::More;

use FindBin;

my $root = "$FindBin::Bin/..";
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $module = $ENV{TEST_NGINX_MODULE}
             // "$root/build/ngx_http_mcp_policy_module.so";
my $tool = $ENV{TEST_MCP_POLICY} || "$root/build/mcp-policy";
my $dir = tempdir(CLEANUP => 1);

# nginx leaves its pools to the system when it only tests
$ENV{ASAN_OPTIONS} .= ':detect_leaks=0' if $ENV{TEST_SANITIZE};
my $socket = 1;

# what examples inside server { } refer to
my $shop = "mcp_policy shop { tool search { } }\n";

# and the secret of others
write_file("$dir/notify.key", 'x' x 32);

for my $path ("$root/README.md", sort glob "$root/docs/*.md") {
    my ($page) = $path =~ m{([^/]+)$};
    my @policy;

    for my $block (blocks($path)) {
        my $name = "$page line $block->{line}";

        if ($block->{kind} eq 'jsonl cases') {
            run_cases($name, @policy, $block->{text});
            next;
        }

        if ($block->{kind} eq 'sh audit') {
            check_command($name, $block->{text}, $block->{output});
            next;
        }

        if ($block->{kind} =~ /^(?:json|yaml) (.*)/) {
            @policy = ($1, $block->{text});
            write_file("$dir/$1", $block->{text});
            next;
        }

        @policy = ('policy.conf', $block->{text});
        check_conf($name, $block->{kind} eq 'nginx server'
                          ? "$shop server { listen 8080;\n$block->{text} }"
                          : $block->{text});
    }
}

for my $path (sort glob "$root/conf/*.conf") {
    my ($name) = $path =~ m{([^/]+)\.conf$};
    my $conf = read_file($path);

    if ($conf =~ /^load_module/m) {
        check_whole_conf("$name.conf", $conf);
    } else {
        check_conf("$name.conf", $conf);
    }

    run_cases("$name.conf", 'policy.conf', $conf,
              read_file("$root/t/cases/conf/$name.jsonl"));
}

check_links($_) for "$root/README.md", "$root/CHANGELOG.md",
    sort glob "$root/docs/*.md";
check_reference();

{
    my %linked = map { $_ => 1 }
        map { read_file($_) =~ /\]\((?:docs\/)?(\w[\w-]*\.md)/g }
        "$root/README.md", glob "$root/docs/*.md";

    is(join(' ', grep { !$linked{$_} } map { m{([^/]+)$} }
                 glob "$root/docs/*.md"), '', 'every page is linked');
}

done_testing();


sub blocks {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";

    my (@blocks, $block);

    while (my $line = <$file>) {
        if ($block) {
            if ($line =~ /^```\s*$/) {
                push @blocks, $block unless $block->{kind} eq 'text';
                undef $block;
                next;
            }

            $block->{text} .= $line;
            $blocks[-1]{output} .= $line if $block->{kind} eq 'text';

        } elsif (@blocks && $blocks[-1]{kind} eq 'sh audit'
                 && !defined $blocks[-1]{output} && $line =~ /^```text$/)
        {
            $block = { kind => 'text', text => '' };
            $blocks[-1]{output} = '';

        } elsif ($line =~ /^```(nginx[ ](?:http|server)|jsonl[ ]cases|sh[ ]audit
                            |(?:json|yaml)[ ][\w-]+\.(?:json|yaml))\s*$/x) {
            $block = { kind => $1, line => $., text => '' };
        }
    }

    return @blocks;
}


# A command that reads the audit log, on a sample, and what it prints.
sub check_command {
    my ($name, $command, $output) = @_;

    $command =~ s{/var/log/nginx/mcp-audit\.log}{'$root/t/logs/audit.jsonl'}g;
    write_file("$dir/command", $command);

    is(`LC_ALL=C sh '$dir/command' 2>&1`, $output, "$name: prints");
}


sub check_conf {
    my ($name, $http) = @_;

    $http =~ s/^load_module .*$//m;

    check_whole_conf($name, <<"END");
load_module;
error_log stderr info;
pid /run/nginx.pid;
events { }
http {
$http
}
END
}


sub check_whole_conf {
    my ($name, $conf) = @_;

    my $load = $module ? "load_module $module;" : '';

    # a test of a configuration binds its sockets
    $conf =~ s/^load_module.*$/$load/m;
    $conf =~ s{listen (?:127\.0\.0\.1:)?8080;}
              {"listen unix:$dir/" . $socket++ . ';'}ge;
    $conf =~ s{/var/log/nginx/|/run/}{$dir/}g;

    # an ordinary user may not write where the package does
    $conf =~ s|^http \{|http {
        access_log $dir/access.log;
        client_body_temp_path $dir/body;
        proxy_temp_path $dir/proxy;
        fastcgi_temp_path $dir/fastcgi;
        uwsgi_temp_path $dir/uwsgi;
        scgi_temp_path $dir/scgi;
    |m;

    write_file("$dir/nginx.conf", $conf);

    my $output = `$nginx -t -p $dir -e stderr -c $dir/nginx.conf 2>&1`;

    is($?, 0, "$name: nginx -t") or diag($output);
    unlike($output, qr/\[(?:warn|error|alert|crit|emerg)\]/,
           "$name: without a warning") or diag($output);
}


sub run_cases {
    my ($name, $file, $policy, $cases) = @_;

    write_file("$dir/$file", $policy);
    write_file("$dir/cases.jsonl", $cases);

    my $output = `$tool test $dir/$file $dir/cases.jsonl 2>&1`;
    my $count = () = $cases =~ /^\{/mg;

    is($?, 0, "$name: cases") or diag($output);
    like($output, qr/^$count passed, 0 failed$/m, "$name: all run");
}


sub read_file {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}


sub write_file {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "$path: $!\n";
    print $file $text;
    close $file or die "$path: $!\n";
}


# Links of a page, outside of code, lead somewhere.

sub check_links {
    my ($path) = @_;

    my ($page) = $path =~ m{([^/]+)$};
    my ($folder) = $path =~ m{^(.*)/};
    my $text = read_file($path);
    my @broken;

    $text =~ s/^```.*?^```$//gms;
    $text =~ s/^ {4}.*$//gm;
    $text =~ s/`[^`\n]*`//g;

    while ($text =~ /\]\(([^)\s]+)\)/g) {
        my ($file, $anchor) = split /#/, $1, 2;

        next if $file =~ /^[a-z]+:/;

        my $target = $file eq '' ? $path : "$folder/$file";

        push @broken, $1
            unless -e $target
                   && (!defined $anchor
                       || grep { $_ eq $anchor } anchors($target));
    }

    is(join(' ', @broken), '', "$page: links");
}


# As the pages are shown: letters, digits, "-" and "_" of a heading.

sub anchors {
    my ($path) = @_;

    my @anchors;
    my $text = read_file($path);

    $text =~ s/^```.*?^```$//gms;

    for my $heading ($text =~ /^#+ +(.*?) *$/gm) {
        my $anchor = lc $heading;

        $anchor =~ s/[^\w -]//g;
        $anchor =~ s/ /-/g;
        push @anchors, $anchor;
    }

    return @anchors;
}


# What the code knows is in the reference, and the reverse.

sub check_reference {
    my $source = "$root/ngx_mcp_policy_module";

    my ($module) = read_file("$source/nginx/ngx_http_mcp_policy_module.c")
        =~ /ngx_command_t\s+\w+\[\] = \{(.*?)ngx_null_command/s;
    my @directives = $module =~ /ngx_string\("(mcp_\w+)"\)/g;

    my ($table) = read_file("$source/core/mcp_policy_directive.c")
        =~ /mcp_directives\[\] = \{(.*?)^\};/ms;

    push @directives, 'include', $table =~ /\{ mcp_str_init\("(\w+)"\)/g;

    my @sections = map { split /, / }
        read_file("$root/docs/directives.md") =~ /^### (.*)$/gm;

    cmp_ok(scalar @directives, '>', 30, 'directives of the code');
    is(join(' ', unique(@sections)), join(' ', unique(@directives)),
       'directives.md: a section for every directive');

    my ($reasons) = read_file("$source/core/mcp_decision.c")
        =~ /mcp_reasons\[MCP_REASON_COUNT\] = \{(.*?)^\};/ms;
    my ($invalids) = read_file("$source/core/mcp_protocol.c")
        =~ /mcp_invalids\[MCP_INVALID_COUNT\] = \{(.*?)^\};/ms;
    my @reasons = ($reasons =~ /= "(\w+)"/g, $invalids =~ /= \{ "(\w+)"/g);

    my @words = map { /`(\w+)`/g }
        read_file("$root/docs/decisions.md") =~ /^\| (`[^|]*) \|/gm;

    cmp_ok(scalar @reasons, '>', 40, 'reasons of the code');
    is(join(' ', unique(@words)), join(' ', unique(@reasons)),
       'decisions.md: a line for every reason');
}


sub unique {
    my %seen = map { $_ => 1 } @_;
    return sort keys %seen;
}
