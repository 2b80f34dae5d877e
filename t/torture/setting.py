"""What one round is about: policies, locations, and which accidents happen.
All of it follows from the seed."""

import os
from dataclasses import dataclass, field
from random import Random

import decide
import policies
import policy

START = 1768473000_000         # 2026-01-15T10:30:00Z

TIMEOUT = 3                    # seconds that the gateway waits for the server

KINDS = ('kill', 'reload', 'change', 'clock', 'clock_back', 'server_down',
         'memory', 'disk', 'zone_full', 'resize')

# Chosen apart, so that rounds without them are what they were.
MORE = ('edit', 'restart', 'crash', 'upgrade')

# After which the counters are those of a file.
STARTS = ('restart', 'crash', 'upgrade')


@dataclass
class Location:
    uri: str
    policy: str
    denial: str = 'result'
    refund: str = 'error'
    dry_run: bool = False
    zone_full: str = 'deny'


@dataclass
class Setting:
    seed: int
    workers: int
    policies: list
    locations: list
    accidents: list                   # kinds
    clients: int
    connections: int
    calm: bool                        # no accidents at all
    audit_buffer: bool
    zone: str
    grants: int
    tight: bool                       # few callers, and tools with limits
    changes: list = field(default_factory=list)    # lists of policies

    def location(self, uri):
        return next(each for each in self.locations if each.uri == uri)

    def hot(self, location):
        """Tools that the policy of a location has rules for, or limits."""
        some = next(each for each in self.policies
                    if each.name == location.policy)
        found = {tool: decide.most_specific(some, 'tool', tool)[1]
                 for tool in policies.TOOLS
                 if not any(decide.matches(pattern, tool)
                            for pattern in some.hide)}
        named = [tool for tool, block in found.items() if block]
        limited = [tool for tool in named
                   if any(isinstance(item, policy.Limit)
                          for item in found[tool].items)]

        return limited[:3] if self.tight and limited else named


def generate(seed, short=False):
    rng = Random(f'setting {seed}')
    calm = rng.random() < 0.2
    tight = Random(f'tight {seed}').random() < 0.4
    accidents = [] if calm else choose_accidents(rng, tight)
    more = Random(f'more {seed}')
    approvals = rng.random() < 0.7

    forms = ['conf', 'conf', rng.choice(('hosted', 'intercept', 'conf'))]
    some = [policies.generate(rng, f'p{number}', form, approvals)
            for number, form in enumerate(forms[:rng.randint(1, 3)])]

    setting = Setting(
        seed=seed, workers=rng.randint(2, 4), policies=some,
        locations=make_locations(rng, some, 'zone_full' in accidents),
        accidents=accidents, calm=calm,
        clients=rng.choice((1, 4, 8, 16)),
        connections=100 if short else 300,
        audit_buffer=rng.random() < 0.5,
        zone='64k' if 'zone_full' in accidents else '2m',
        grants=400 if 'zone_full' in accidents else rng.choice((2, 3, 6)),
        tight=tight)

    if tight:
        setting.grants = min(setting.grants, 2)

    if not calm:
        choose_more(more, setting)

    setting.changes = make_changes(rng, some)
    return setting


def choose_accidents(rng, tight):
    chosen = [kind for kind in KINDS if rng.random() < 0.25]

    if tight and 'clock_back' not in chosen and rng.random() < 0.5:
        chosen.append('clock_back')    # windows that are used up, once more

    if 'zone_full' in chosen and 'resize' in chosen:
        chosen.remove('resize')

    return chosen


def choose_more(rng, setting):
    """memory: a worker without it could not write the file of the state."""
    files = any(each.form != 'conf' for each in setting.policies)
    setting.accidents += [
        kind for kind in MORE if rng.random() < (0.5 if kind == 'edit'
                                                 else 0.25)
        and (files or kind != 'edit')
        and not (kind in STARTS and 'memory' in setting.accidents)]


def make_locations(rng, some, full):
    locations = []

    for each in some:
        for suffix in ('', '/too')[:rng.randint(1, 2)]:
            locations.append(Location(
                f'/{each.name}{suffix}', each.name,
                rng.choice(('result', 'error', 'status')),
                rng.choice(('error', 'error', 'tool_error', 'off')),
                zone_full=rng.choice(('deny', 'allow')) if full else 'deny'))

    if rng.random() < 0.4:
        locations.append(Location('/dry', some[0].name, dry_run=True))

    return locations


def make_changes(rng, some):
    """Versions of the policies that follow one another."""
    changes = []

    for _ in range(6):
        some = [policies.change(rng, each) if rng.random() < 0.6 else each
                for each in some]
        changes.append(some)

    return changes


FILES = {'conf': ('conf', policy.write_conf),
         'hosted': ('json', policy.write_hosted),
         'intercept': ('yaml', policy.write_intercept)}


def configuration(setting, some, zone, directory, ports, module, extra):
    """Writes the files of the policies; gives the text of nginx.conf."""
    definitions = []
    watch = ' watch=200ms' if 'edit' in setting.accidents else ''
    state = f' state={directory}/state/counters' \
        if set(STARTS) & set(setting.accidents) else ''

    for each in some:
        extension, write = FILES[each.form]
        path = f'{directory}/{each.name}.{extension}'
        replace(path, write(each))
        definitions.append(f'include {path};' if each.form == 'conf' else
                           f'mcp_policy_file {each.name} {path}{watch};')

    # a binary can be upgraded by a master that is a daemon alone
    daemon = 'on' if 'upgrade' in setting.accidents else 'off'
    buffer = ' buffer=8k flush=200ms' if setting.audit_buffer else ''
    load = f'load_module {module};' if module else ''
    locations = '\n'.join(location(each, ports['upstream'])
                          for each in setting.locations)
    policy_lines = '\n    '.join(definitions)

    return f'''{extra}
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
daemon {daemon};
{load}
env MCP_POLICY_TEST;
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
env LSAN_OPTIONS;
worker_processes {setting.workers};
events {{ worker_connections 1024; }}
http {{
    log_format torture '$request_id $http_x_torture $status $pid';
    access_log {directory}/access.log torture;
    root {directory};
    client_body_temp_path {directory}/client_body_temp;
    proxy_temp_path {directory}/proxy_temp;
    fastcgi_temp_path {directory}/fastcgi_temp;
    uwsgi_temp_path {directory}/uwsgi_temp;
    scgi_temp_path {directory}/scgi_temp;

    mcp_zone default:{zone}{state};
    mcp_grant $http_x_grant;
    mcp_audit_log {directory}/audit.log{buffer};
    {policy_lines}

    server {{
        listen 127.0.0.1:{ports['gateway']} backlog=512;
        keepalive_requests 10000;
        client_body_buffer_size 8k;
        proxy_read_timeout {TIMEOUT}s;
        proxy_set_header X-Request-Id $request_id;
        add_header X-Request-Id $request_id always;

{locations}
        location = /status {{
            mcp_status;
            mcp_audit_log off;
            access_log off;
        }}

        location /admin/ {{
            mcp_admin;
            access_log off;
        }}
    }}
}}
'''


def replace(path, text):
    """As editors do it: nobody sees the half of a file."""
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(text)

    os.rename(path + '.new', path)


def location(each, port):
    dry = 'mcp_dry_run on;' if each.dry_run else ''

    return f'''        location = {each.uri} {{
            mcp_enforce {each.policy};
            mcp_denial {each.denial};
            mcp_refund {each.refund};
            mcp_zone_full {each.zone_full};
            {dry}
            proxy_pass http://127.0.0.1:{port};
        }}
'''
