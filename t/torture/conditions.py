"""Conditions of a policy, judged from docs/directives.md alone."""

import re
from decimal import Decimal, InvalidOperation

from policy import Any
from strict_json import Number, plain

# What a value can be to a condition.
HOLDS, FAILS, MISSING, MISFIT = 'holds', 'fails', 'missing', 'misfit'

ABSENT = object()           # no such member
NO_WAY = object()           # a path through something else

JSON_NUMBER = re.compile(r'-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z')
SEGMENT = re.compile(r'"([^"]*)"|([^.\[\]"]+)|\[([0-9]+|\*)\]')


def conclude(found, polarity):
    """What a finding means where it stands."""
    if found == MISFIT:
        return polarity != 'requirement'

    if found == MISSING:
        return polarity == 'trigger'

    return found == HOLDS


def all_hold(conditions, polarity, caller, arguments, typing):
    return all(holds(each, polarity, caller, arguments, typing)
               for each in conditions)


def holds(condition, polarity, caller, arguments, typing):
    if isinstance(condition, Any):
        return any(holds(each, polarity, caller, arguments, typing)
                   for each in condition.conditions)

    if condition.subject.startswith('$'):
        text = caller.get(condition.subject, '')
        found = judge(condition, text or ABSENT, 'variable')
        return conclude(found, polarity)

    results = [conclude(MISFIT if value is NO_WAY
                        else judge(condition, value, typing), polarity)
               for value in resolve(condition.subject, arguments, typing)]

    return all(results) if polarity == 'requirement' else any(results)


def resolve(path, arguments, typing):
    """The values that a path leads to."""
    if arguments is None:
        return [ABSENT]

    if typing == 'file':
        segments = path.split('.')
    else:
        segments = [index if index == '*' else int(index) if index
                    else (quoted or name)
                    for quoted, name, index in SEGMENT.findall(path)]

    values = [arguments]

    for segment in segments:
        values = [each for value in values for each in step(value, segment)]

    return values


def step(value, segment):
    if value is ABSENT or value is NO_WAY:
        return [value]

    if isinstance(segment, int) or segment == '*':
        if not isinstance(value, list):
            return [NO_WAY]

        if segment == '*':
            return value or [ABSENT]

        return [value[segment] if segment < len(value) else ABSENT]

    if not isinstance(value, dict):
        return [NO_WAY]

    return [value.get(segment, ABSENT)]


def judge(condition, value, typing):
    op, values = condition.op, condition.values

    if op == 'exists':
        return yes(value is not ABSENT and value is not None)

    if op == 'absent':
        return yes(value is ABSENT or (typing == 'file' and value is None))

    if value is ABSENT:
        return MISSING

    if op in ('eq', 'in'):
        return equals(value, values, typing)

    if op in ('neq', 'not_in'):
        found = equals(value, values, typing)
        return {HOLDS: FAILS, FAILS: HOLDS}.get(found, found)

    if op in ('lt', 'lte', 'gt', 'gte'):
        return ordered(op, value, values[0], typing)

    if op == 'type':
        return yes(any(has_type(value, each) for each in values))

    return judge_text(op, value, values, typing)


def judge_text(op, value, values, typing):
    if isinstance(value, list) and op == 'contains':
        found = [equals(each, values, typing) for each in value]
        return (HOLDS if HOLDS in found
                else MISFIT if MISFIT in found else FAILS)

    if isinstance(value, list) and op == 'length_lte':
        return yes(len(value) <= int(values[0]))

    if not isinstance(value, str) or not plain(value):
        return MISFIT

    if op == 'contains':
        return yes(str(values[0]) in value)

    if op == 'length_lte':
        return yes(len(value) <= int(values[0]))

    found = re.search(values[0].replace('$', r'\Z'), value) is not None
    return yes(found == (op == 'regex'))


def yes(condition):
    return HOLDS if condition else FAILS


def equals(value, values, typing):
    found = [equal(value, each, typing) for each in values]
    return HOLDS if HOLDS in found else MISFIT if MISFIT in found else FAILS


def equal(value, wanted, typing):
    if typing == 'file':
        return equal_typed(value, wanted)

    if isinstance(value, (list, dict)):
        return MISFIT

    if isinstance(value, Number):
        return yes(JSON_NUMBER.match(wanted) is not None
                   and value.value == Decimal(wanted))

    if isinstance(value, str):
        return yes(value == wanted) if plain(value) else MISFIT

    return yes({None: 'null', True: 'true', False: 'false'}[value] == wanted)


def equal_typed(value, wanted):
    """Text is equal to a number where both the text and the value are."""
    if isinstance(value, (list, dict)) or value is None:
        return FAILS

    if isinstance(value, bool):
        return yes(wanted is value or wanted == str(value).lower())

    if isinstance(value, str):
        if not plain(value):
            return MISFIT

        if isinstance(wanted, str):
            return yes(value == wanted)

        return both(str(wanted) == value, numeric(value) == wanted)

    if isinstance(wanted, str):
        return both(value.integral and str(value.value.to_integral_value())
                    == wanted, numeric(wanted) == value.value)

    return both(float(value.value) == float(wanted), value.value == wanted)


def both(one, other):
    return HOLDS if one and other else MISFIT if one or other else FAILS


def numeric(text):
    return Decimal(text) if JSON_NUMBER.match(text) else None


def ordered(op, value, wanted, typing):
    if typing == 'variable' and JSON_NUMBER.match(value):
        value = Number(value)

    if not isinstance(value, Number):
        return MISFIT

    try:
        number, bound = value.value, Decimal(wanted)
    except InvalidOperation:
        return MISFIT

    return yes({'lt': number < bound, 'lte': number <= bound,
                'gt': number > bound, 'gte': number >= bound}[op])


def has_type(value, word):
    if word == 'integer':
        return isinstance(value, Number) and value.integral

    return word == ('null' if value is None
                    else 'boolean' if isinstance(value, bool)
                    else 'number' if isinstance(value, Number)
                    else 'string' if isinstance(value, str)
                    else 'array' if isinstance(value, list) else 'object')
