"""A policy as the harness sees it, and how it is written down."""

import json
from dataclasses import dataclass, field


@dataclass
class Condition:
    """subject: a path of arguments, or a variable with its "$"."""
    subject: str
    op: str
    values: tuple = ()


@dataclass
class Any:
    conditions: list


@dataclass
class DenyIf:
    conditions: list
    message: str = ''


@dataclass
class Deny:
    message: str = ''


@dataclass
class Limit:
    amount: str
    window: str
    per: tuple = ('grant',)
    counter: str = ''
    cost: str = ''
    algorithm: str = 'fixed'
    burst: int = 0
    place: str = ''        # what tells an unnamed counter from the others


@dataclass
class Approve:
    ttl: str = '10m'
    wait: str = ''
    place: str = ''


@dataclass
class Rule:
    name: str
    items: list
    dry_run: bool = False


@dataclass
class Block:
    kind: str              # tool, prompt, resource, method
    patterns: list
    items: list = field(default_factory=list)


@dataclass
class Policy:
    name: str
    default: str = 'deny'
    hide: list = field(default_factory=list)
    blocks: list = field(default_factory=list)
    form: str = 'conf'     # or hosted, intercept: a file
    zone: str = 'default'

    @property
    def typing(self):
        return 'conf' if self.form == 'conf' else 'file'


WINDOWS = {'minute': 60, 'hour': 3600, 'day': 86400}


def seconds(window):
    if window in WINDOWS:
        return WINDOWS[window]

    return int(window[:-1]) * {'s': 1, 'm': 60, 'h': 3600}[window[-1]]


def quote(text):
    """A word of nginx.conf."""
    escaped = text.replace('\\', '\\\\').replace('"', '\\"')
    return f'"{escaped}"'


def write_conf(policy):
    lines = [f'mcp_policy {policy.name} {{', f'    default {policy.default};',
             f'    zone {policy.zone};']

    if policy.hide:
        lines.append('    hide ' + ' '.join(map(quote, policy.hide)) + ';')

    for block in policy.blocks:
        patterns = ' '.join(map(quote, block.patterns))
        lines.append(f'    {block.kind} {patterns} {{')
        lines += ['        ' + line for item in block.items
                  for line in write_item(item)]
        lines.append('    }')

    return '\n'.join(lines + ['}']) + '\n'


def write_item(item):
    if isinstance(item, Condition):
        word = 'require' if item.subject.startswith('$') else 'arg'
        subject = item.subject if word == 'require' else quote(item.subject)
        words = [word, subject, item.op, *map(quote, item.values)]
        return [' '.join(words) + ';']

    if isinstance(item, Any):
        return block('any', item.conditions)

    if isinstance(item, DenyIf):
        message = [f'message {quote(item.message)};'] if item.message else []
        return block('deny_if', item.conditions, message)

    if isinstance(item, Deny):
        return ['deny ' + quote(item.message) + ';' if item.message
                else 'deny;']

    if isinstance(item, Approve):
        wait = f' wait={item.wait}' if item.wait else ''
        return [f'approve ttl={item.ttl}{wait};']

    if isinstance(item, Limit):
        return [write_limit(item)]

    return block(f'rule {quote(item.name)}', item.items,
                 ['dry_run on;'] if item.dry_run else [])


def block(head, items, more=()):
    lines = ['    ' + line for item in items for line in write_item(item)]
    return [head + ' {', *lines, *('    ' + line for line in more), '}']


def write_limit(limit):
    words = [f'limit {limit.amount}/{limit.window}',
             'per=' + ','.join(limit.per), f'algorithm={limit.algorithm}']

    if limit.counter:
        words.append(f'counter={limit.counter}')

    if limit.cost:
        words.append(f'cost={limit.cost}')

    if limit.burst:
        words.append(f'burst={limit.burst}')

    return ' '.join(words) + ';'


def value(text):
    """A value of a policy file has a type."""
    return text if isinstance(text, (int, bool)) else str(text)


def entry(condition):
    if condition.op == 'absent':
        op, content = 'exists', False
    elif condition.op == 'exists':
        op, content = 'exists', True
    elif condition.op in ('in', 'not_in'):
        op, content = condition.op, [value(v) for v in condition.values]
    else:
        op, content = condition.op, value(condition.values[0])

    return {'path': 'args.' + condition.subject, 'op': op, 'value': content}


def write_hosted(policy):
    """A policy.json of PolicyLayer."""
    tools = {}

    for each in policy.blocks:
        tool = tools.setdefault(each.patterns[0], {})

        for item in each.items:
            if isinstance(item, Condition):
                tool.setdefault('require', []).append(
                    {'conditions': [entry(item)], 'on_deny': 'Required.'})
            elif isinstance(item, DenyIf):
                tool.setdefault('deny_if', []).append(
                    {'conditions': [entry(c) for c in item.conditions],
                     'on_deny': 'Denied.'})
            elif isinstance(item, Limit):
                tool.setdefault('limits', []).append(
                    {'counter': item.counter, 'window': item.window,
                     'max': int(item.amount), 'scope': 'grant'})
            else:
                tool.setdefault('deny_if', []).append({'conditions': []})

    return json.dumps({'version': '1', 'default': policy.default,
                       'hide': policy.hide, 'tools': tools}, indent=1)


def write_intercept(policy):
    """Intercept's YAML; JSON's strings are YAML's, too."""
    lines = ['version: "1"', f'default: {policy.default}']

    if policy.hide:
        lines.append('hide: ' + json.dumps(policy.hide))

    lines.append('tools:')

    for each in policy.blocks:
        lines += [f'  {json.dumps(each.patterns[0])}:', '    rules:']

        for number, item in enumerate(each.items):
            lines += ['      - ' + json.dumps(rule(number, item))]

    return '\n'.join(lines) + '\n'


def rule(number, item):
    if isinstance(item, Condition):
        return {'name': f'r{number}', 'conditions': [entry(item)]}

    if isinstance(item, Deny):
        return {'name': f'r{number}', 'action': 'deny', 'on_deny': 'No.'}

    return {'name': f'r{number}',
            'rate_limit': {'max': int(item.amount),
                           'window': seconds(item.window)}}
