"""What a policy says of a message: a small second opinion on the gateway.

Counters and approvals are not looked at here: a judgement names those that a
call would need.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from conditions import ABSENT, NO_WAY, all_hold, holds, resolve
from message import HOUSEKEEPING
from policy import Any, Approve, Condition, Deny, DenyIf, Limit, Rule
from strict_json import Number, plain

NAME = re.compile(r'[A-Za-z0-9_./-]{1,128}\Z')


@dataclass
class Charge:
    key: tuple
    cost: Decimal
    limit: Limit


@dataclass
class Judgement:
    refused: str = ''                   # why
    charges: list = field(default_factory=list)
    approvals: list = field(default_factory=list)
    dry: bool = False                   # a rule on trial would have refused

    def refuse(self, why):
        self.refused = self.refused or why


def judge(policy, message, caller):
    """caller: values of variables, "grant" and "session" among them."""
    judgement = Judgement()

    if message.kind == 'response':
        return judgement

    target = message.target

    if target is None:
        judge_method(policy, message, caller, judgement)
        return judgement

    blocks = find_blocks(policy, *target, judgement)
    judge_method(policy, message, caller, judgement)

    for block, scope in blocks:
        judge_items(policy, block.items, scope, message, caller, judgement)

    return judgement


def find_blocks(policy, kind, name, judgement):
    """Those that apply, each with the scope of its unnamed counters."""
    if any(matches(pattern, name) for pattern in policy.hide):
        judgement.refuse('hidden')

    pattern, best = most_specific(policy, kind, name)

    if best is None and policy.default == 'deny':
        judgement.refuse('not_listed')

    if kind == 'tool' and policy.default == 'allow' and pattern != name \
            and not NAME.match(name):
        judgement.refuse('bad_name')

    star = [block for block in policy.blocks
            if block.kind == kind and '*' in block.patterns]

    return ([(best, name)] if best else []) + [(each, '*') for each in star]


def most_specific(policy, kind, name):
    """Exact, else the longest glob, else the first regular expression."""
    found = [(pattern, block) for block in policy.blocks
             if block.kind == kind for pattern in block.patterns
             if pattern != '*' and matches(pattern, name)]

    exact = [each for each in found if each[0] == name]
    globs = [each for each in found
             if '*' in each[0] and not each[0].startswith('~')]
    globs.sort(key=lambda each: -len(each[0].replace('*', '').encode()))
    others = [each for each in found if each[0].startswith('~')]

    return (exact + globs + others + [(None, None)])[0]


def matches(pattern, name):
    if pattern.startswith('~*'):
        return re.search(pattern[2:].replace('$', r'\Z'), name,
                         re.IGNORECASE) is not None

    if pattern.startswith('~'):
        return re.search(pattern[1:].replace('$', r'\Z'), name) is not None

    glob = '.*'.join(re.escape(part) for part in pattern.split('*'))
    return re.match(glob + r'\Z', name, re.DOTALL) is not None


def judge_method(policy, message, caller, judgement):
    _, block = most_specific(policy, 'method', message.method)
    star = [each for each in policy.blocks
            if each.kind == 'method' and '*' in each.patterns]

    if block is None and message.target is None \
            and message.method not in HOUSEKEEPING \
            and policy.default == 'deny':
        judgement.refuse('method')

    for each in ([block] if block else []) + star:
        judge_items(policy, each.items, message.method, message, caller,
                    judgement)


def judge_items(policy, items, scope, message, caller, judgement):
    arguments = message.arguments
    context = (caller, arguments, policy.typing)

    for item in items:
        if isinstance(item, (Condition, Any)):
            if not holds(item, 'requirement', *context):
                judgement.refuse('condition')

        elif isinstance(item, DenyIf):
            if all_hold(item.conditions, 'deny_if', *context):
                judgement.refuse('deny_if')

        elif isinstance(item, Deny):
            judgement.refuse('denied')

        elif isinstance(item, Limit):
            charge(policy, item, scope, message, caller, judgement)

        elif isinstance(item, Approve):
            approve(policy, item, message, caller, judgement)

        elif isinstance(item, Rule):
            judge_rule(policy, item, scope, message, caller, judgement)


def judge_rule(policy, rule, scope, message, caller, judgement):
    context = (caller, message.arguments, policy.typing)
    effects = [item for item in rule.items
               if isinstance(item, (Deny, Limit, Approve))]
    items = rule.items

    if effects:
        triggers = [item for item in rule.items if item not in effects]

        if not all_hold(triggers, 'trigger', *context):
            return

        items = effects

    if not rule.dry_run:
        judge_items(policy, items, scope, message, caller, judgement)
        return

    trial = Judgement()
    judge_items(policy, items, scope, message, caller, trial)
    judgement.dry |= bool(trial.refused or trial.charges or trial.approvals)


def charge(policy, limit, scope, message, caller, judgement):
    cost = cost_of(limit, message)

    if cost is None:
        judgement.refuse('bad_cost')
        return

    parts = [key_part(key, message, caller) for key in limit.per]

    if None in parts:
        judgement.refuse('no_key')
        return

    counter = ('named', limit.counter) if limit.counter \
        else ('own', limit.place, scope)

    judgement.charges.append(
        Charge((policy.name, *counter, *parts), cost, limit))


def cost_of(limit, message):
    """None: no amount that can be counted."""
    if not limit.cost.startswith('args.'):
        return Decimal(limit.cost or 1)

    value = resolve(limit.cost[5:], message.arguments, 'conf')[0]

    if not isinstance(value, Number) or value.value < 0 \
            or value.value > 10 ** 11 \
            or value.value != round(value.value, 6):
        return None

    return value.value


def key_part(key, message, caller):
    if key == 'global':
        return ('global',)

    if key == 'session':
        if caller['session']:
            return ('session', caller['session'])
        return ('stands in', caller['grant']) if caller['grant'] else None

    if not key.startswith('args.'):
        text = caller['grant'] if key == 'grant' else caller.get(key, '')
        return (key, text) if text else None

    value = resolve(key[5:], message.arguments, 'conf')[0]

    if value is ABSENT or value is NO_WAY or value is None \
            or isinstance(value, (list, dict)):
        return None

    if isinstance(value, Number):
        return ('number', value.value.normalize()) \
            if abs(value.value.adjusted()) < 300 else None

    if isinstance(value, str):
        return ('string', value) if plain(value) else None

    return ('word', value)


def approve(policy, item, message, caller, judgement):
    params = {name: value for name, value in (message.params or {}).items()
              if name not in ('_meta', 'task')}

    try:
        call = canonical(params)
    except ValueError:
        judgement.refuse('undecidable')
        return

    if not caller['grant']:
        judgement.refuse('no_key')
        return

    judgement.approvals.append((policy.name, item.place, message.method,
                                caller['grant'], call))


def canonical(value):
    """Equal for calls that an approval is the same for."""
    if isinstance(value, dict):
        return tuple(sorted((name, canonical(each))
                            for name, each in value.items()))

    if isinstance(value, list):
        return ('array', *map(canonical, value))

    if isinstance(value, Number):
        if abs(value.value) >= Decimal('1.8e308'):
            raise ValueError('too large for a double')
        return ('number', str(value.value.normalize() + 0))

    if isinstance(value, str):
        if not all(plain(part) for part in value.split('\0')):
            raise ValueError('half a character')
        return ('string', value)

    return ('word', str(value))


def shown(policy, kind, name, caller):
    """Whether a list shows it: some call of it could pass."""
    judgement = Judgement()
    blocks = find_blocks(policy, kind, name, judgement)
    method = {'tool': 'tools/call', 'prompt': 'prompts/get'}.get(kind)

    if method:
        blocks += [(block, method) for block in policy.blocks
                   if block.kind == 'method'
                   and any(matches(p, method) for p in block.patterns)]

    return not judgement.refused \
        and not any(always_refuses(item, caller)
                    for block, _ in blocks for item in block.items)


def always_refuses(item, caller):
    if isinstance(item, Deny):
        return True

    if isinstance(item, Condition):
        return item.subject.startswith('$') \
            and not holds(item, 'requirement', caller, None, 'conf')

    if isinstance(item, Any):
        return all(always_refuses(each, caller) for each in item.conditions)

    if not isinstance(item, Rule) or item.dry_run:
        return False

    effects = [each for each in item.items
               if isinstance(each, (Deny, Limit, Approve))]

    if not effects:
        return any(always_refuses(each, caller) for each in item.items)

    triggers = [each for each in item.items if each not in effects]
    certain = all(isinstance(each, Condition) and each.subject.startswith('$')
                  and holds(each, 'trigger', caller, None, 'conf')
                  for each in triggers)

    return certain and any(isinstance(each, Deny) for each in effects)
