#!/usr/bin/perl

# Every example in the documentation and every shipped configuration:
# configurations pass "nginx -t" without a warning, cases get the decision
# that they expect.
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

for my $path ("$root/README.md", sort glob "$root/docs/*.md") {
    my ($page) = $path =~ m{([^/]+)$};
    my @policy;

    for my $block (blocks($path)) {
        my $name = "$page line $block->{line}";

        if ($block->{kind} eq 'jsonl cases') {
            run_cases($name, @policy, $block->{text});
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

done_testing();


sub blocks {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";

    my (@blocks, $block);

    while (my $line = <$file>) {
        if ($block) {
            if ($line =~ /^```\s*$/) {
                push @blocks, $block;
                undef $block;
                next;
            }

            $block->{text} .= $line;

        } elsif ($line =~ /^```(nginx[ ](?:http|server)|jsonl[ ]cases
                            |(?:json|yaml)[ ][\w-]+\.(?:json|yaml))\s*$/x) {
            $block = { kind => $1, line => $., text => '' };
        }
    }

    return @blocks;
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
