#!/usr/bin/perl

# conf/kubernetes: the manifests are valid, speak of what exists, and are
# hardened; every nginx.conf, snippet and policy in them is loaded by nginx
# and decides calls.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Basename qw/ basename /;
use JSON::PP;
use MCPTest;

my $top = "$FindBin::Bin/..";
my $python = $ENV{TEST_MANIFESTS} || "$top/build/manifests/bin/python";
my @files = glob("$top/conf/kubernetes/*.yaml");
my %documents;

cmp_ok(scalar @files, '>=', 4, 'manifests');

for my $line (`$python $top/t/e2e/manifests.py @files`) {
    my $read = decode_json($line);
    my $document = $read->{document};
    my $name = basename($read->{file});
    my $what = "$name: $document->{kind} $document->{metadata}{name}";

    push @{$documents{$name}}, $document;

    if ($read->{validated}) {
        my ($oldest, $newest) = @{$read->{validated}};
        is_deeply($read->{problems}, [],
                  "$what is valid in Kubernetes $oldest and $newest");

    } else {
        like($document->{kind}, qr/^(SnippetsFilter|HTTPRoute)$/,
             "$what: no kind of Kubernetes itself");
    }
}

is($?, 0, 'all are read');
is(scalar keys %documents, scalar @files, 'none is empty');


sub find {
    my ($name, $kind, $called) = @_;

    my @found = grep { $_->{kind} eq $kind
                       && (!$called || $_->{metadata}{name} eq $called) }
        @{$documents{$name}};

    return wantarray ? @found : $found[0];
}


sub slurp {
    my ($path) = @_;

    open(my $file, '<', $path) or die("$path: $!");
    local $/;
    return scalar <$file>;
}


# What a Deployment refers to is there, and nothing in it may do more than it
# has to.
for my $name (sort keys %documents) {
    for my $deployment (find($name, 'Deployment')) {
        my $pod = $deployment->{spec}{template}{spec};
        my $labels = $deployment->{spec}{template}{metadata}{labels};

        is_deeply($deployment->{spec}{selector}{matchLabels}, $labels,
                  "$name: the Deployment selects its pods");
        is($pod->{securityContext}{runAsNonRoot}, JSON::PP::true,
           "$name: not root");
        is($pod->{securityContext}{seccompProfile}{type}, 'RuntimeDefault',
           "$name: seccomp");
        is($pod->{automountServiceAccountToken}, JSON::PP::false,
           "$name: no token of the API");

        # The rest of the profile "restricted" of Pod Security Standards.
        is_deeply([ grep { /^host/ } sort keys %$pod ], [],
                  "$name: nothing of the node");
        is_deeply([ grep { !/^(?:name|configMap|emptyDir|persistentVolumeClaim)$/ }
                    map { sort keys %$_ } @{$pod->{volumes}} ], [],
                  "$name: volumes");

        my %volumes;

        for my $volume (@{$pod->{volumes}}) {
            $volumes{$volume->{name}} = 1;

            my $map = $volume->{configMap} or next;
            ok(find($name, 'ConfigMap', $map->{name}),
               "$name: ConfigMap $map->{name}");
        }

        my %ports;

        for my $container (@{$pod->{containers}}) {
            my $what = "$name: $container->{name}";
            my $context = $container->{securityContext};

            is($context->{allowPrivilegeEscalation}, JSON::PP::false,
               "$what: no new privileges");
            is($context->{readOnlyRootFilesystem}, JSON::PP::true,
               "$what: read-only");
            is_deeply($context->{capabilities}, { drop => [ 'ALL' ] },
                      "$what: no capabilities");

            $ports{$_->{name}} = $_->{containerPort}
                for @{$container->{ports}};

            for my $mount (@{$container->{volumeMounts}}) {
                ok($volumes{$mount->{name}}, "$what: volume $mount->{name}");
                ok(!$mount->{subPath} || $mount->{mountPath} !~ /policy/,
                   "$what: $mount->{mountPath} changes with its ConfigMap");
            }

            for my $probe (grep { /Probe$/ } sort keys %$container) {
                my $get = $container->{$probe}{httpGet};
                is($ports{$get->{port}}, 8090, "$what: $probe");
                like($get->{path}, qr{^/(status|health)$}, "$what: its path");
            }
        }

        is_deeply(\%ports, { mcp => 8080, status => 8090 },
                  "$name: only the gateway is to be reached");

        for my $kind (qw/ Service PodDisruptionBudget /) {
            for my $other (find($name, $kind)) {
                my $selector = $other->{spec}{selector};
                is_deeply($selector->{matchLabels} || $selector, $labels,
                          "$name: the $kind selects the pods");
            }
        }
    }

    like(slurp("$top/conf/kubernetes/$name"),
         qr/LIMITS AND APPROVALS ARE COUNTED PER POD/,
         "$name says what several pods mean");
}


# A gateway with a configuration of the manifests, with the paths, ports and
# servers of this test.
sub gateway {
    my ($conf, %files) = @_;
    my $t = MCPTest->new();
    my $dir = $t->dir();

    for my $path (keys %files) {
        $t->write_file_expand(basename($path), $files{$path}
            =~ s/\$\{MCP_SERVER\}/127.0.0.1:8081/r);
        $conf =~ s{\Q$path\E}{$dir/@{[ basename($path) ]}}g;
    }

    $conf =~ s{^\s*load_module [^\n]*\n}{}gm;
    $conf =~ s{^(?:worker_processes|error_log|pid) [^\n]*\n}{}gm;
    $conf =~ s{^    \w+_temp_path [^\n]*\n}{}gm;
    $conf =~ s{/dev/stdout}{$dir/audit.log}g;
    $conf =~ s{(?:/tmp|/var/lib/mcp)/counters}{$dir/counters}g;
    $conf =~ s{listen (80[89]0)}{listen 127.0.0.1:$1}g;
    $conf =~ s{http://\w+-mcp(?=/)}{http://127.0.0.1:8081}g;
    $conf =~ s/^http \{/http {\n    %%TEST_GLOBALS_HTTP%%/m;

    # Workers of nginx that is started by root write files of their own.
    my $user = $> == 0 ? "user root;\n" : '';

    $t->write_file_expand('nginx.conf', "%%TEST_GLOBALS%%\n$user$conf");
    $t->upstream(8081);
    $t->run();

    return $t;
}


sub decides {
    my ($t, $what, $uri) = @_;

    my $call = sub {
        $t->post(tool_call(@_), uri => $uri)->body();
    };

    unlike($call->('list_orders'), qr/POLICY DENIED|Unknown tool/,
           "$what: a call that is allowed");
    unlike($call->('refund', { amount => 100 }),
           qr/POLICY DENIED|Unknown tool/, "$what: a small refund");
    like($call->('refund', { amount => 101 }),
         qr/\[POLICY DENIED\] Refunds above 100 are made by people\./,
         "$what: a large one");
    like($call->('delete_order'), qr/Unknown tool/, "$what: a hidden tool");
    like($call->('other'), qr/Unknown tool/, "$what: an unlisted one");
}


sub probes {
    my ($t, $what) = @_;

    is($t->get('/health', port => 8090)->status(), 204, "$what: health");
    ok(decode_json($t->get('/status', port => 8090)->body())->{version},
       "$what: status");
    is($t->get('/metrics', port => 8090)->status(), 200, "$what: metrics");
}


subtest 'sidecar' => sub {
    my $policy = find('sidecar.yaml', 'ConfigMap', 'orders-policy')
        ->{data}{'policy.json'};
    my $t = gateway(slurp("$top/conf/docker/nginx.conf"),
                    '/tmp/server.conf' =>
                        'upstream mcp_server { server 127.0.0.1:8081; }',
                    '/etc/nginx/policy/policy.json' => $policy);

    decides($t, 'sidecar', '/mcp');
    probes($t, 'sidecar');
    like($t->log('audit.log'), qr/"tool":"refund".*"decision":"deny"/,
         'sidecar: audit');
};


subtest 'image' => sub {
    my $t = gateway(slurp("$top/conf/docker/nginx.conf"),
                    '/tmp/server.conf' =>
                        slurp("$top/conf/docker/server.conf.template"),
                    '/etc/nginx/policy/policy.json' =>
                        slurp("$top/conf/docker/policy.json"));

    like($t->post(tool_call('list_orders'))->body(), qr/Unknown tool/,
         'without a policy of its own nothing passes');
    probes($t, 'image');
};


subtest 'gateway' => sub {
    my $policies = find('gateway.yaml', 'ConfigMap', 'mcp-policies')->{data};
    my $conf = find('gateway.yaml', 'ConfigMap', 'mcp-gateway')
        ->{data}{'nginx.conf'};
    my $t = gateway($conf, map { ("/etc/nginx/policy/$_" => $policies->{$_}) }
                        keys %$policies);

    decides($t, 'gateway', '/orders/mcp');
    probes($t, 'gateway');

    unlike($t->post(tool_call('search'), uri => '/wiki/mcp')->body(),
           qr/Unknown tool/, 'gateway: another server, another policy');
    like($t->post(tool_call('list_orders'), uri => '/wiki/mcp')->body(),
         qr/Unknown tool/, 'gateway: and not the first');
    is($t->post(tool_call('search'), uri => '/mcp')->status(), 404,
       'gateway: no other way');
};


# Snippets where the controllers put them.
sub assemble {
    my ($main, $http, $location) = @_;

    return <<"CONF";
$main
events { }
http {
    $http
    server {
        listen 8080;
        location = /mcp {
            $location
            proxy_pass http://orders-mcp/mcp;
        }
    }
}
CONF
}


subtest 'gateway fabric' => sub {
    my $filter = find('gateway-fabric.yaml', 'SnippetsFilter');
    my $route = find('gateway-fabric.yaml', 'HTTPRoute');
    my %snippets = map { $_->{context} => $_->{value} }
        @{$filter->{spec}{snippets}};

    is_deeply([ sort keys %snippets ], [ qw/ http http.server.location main / ],
              'gateway fabric: contexts');
    is_deeply($route->{spec}{rules}[0]{filters}[0]{extensionRef},
              { group => 'gateway.nginx.org', kind => 'SnippetsFilter',
                name => $filter->{metadata}{name} },
              'gateway fabric: the route has it');
    like($snippets{main}, qr/^load_module /, 'gateway fabric: the module');

    decides(gateway(assemble(@snippets{qw/ main http http.server.location /})),
            'gateway fabric', '/mcp');
};


subtest 'ingress' => sub {
    my $map = find('ingress-f5.yaml', 'ConfigMap')->{data};
    my $notes = find('ingress-f5.yaml', 'Ingress')->{metadata}{annotations};

    like($map->{'main-snippets'}, qr/^load_module /, 'ingress: the module');

    decides(gateway(assemble($map->{'main-snippets'}, $map->{'http-snippets'},
                             $notes->{'nginx.org/location-snippets'})),
            'ingress', '/mcp');
};


done_testing();
