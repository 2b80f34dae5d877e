"""JSON as the gateway promises to read it: strictly, and numbers as text."""

import json
import re
from decimal import Decimal, InvalidOperation

MAX_DEPTH = 64
MAX_NUMBER = 1024

SURROGATE = re.compile('[\ud800-\udfff]')


class Refused(Exception):
    """Nobody may act on this text."""


class Number:
    """A number with all its digits."""

    def __init__(self, text):
        self.text = text

    @property
    def value(self):
        return Decimal(self.text)

    @property
    def integral(self):
        try:
            return self.value == self.value.to_integral_value()
        except InvalidOperation:
            return True

    def __repr__(self):
        return f'Number({self.text})'


def read(data):
    """Python's own parser behind the checks that it does not make."""
    if data.startswith(b'\xef\xbb\xbf'):
        raise Refused('byte order mark')

    try:
        text = data.decode('utf-8')
    except UnicodeDecodeError as error:
        raise Refused('encoding') from error

    try:
        value = json.loads(text, object_pairs_hook=members,
                           parse_int=number, parse_float=number,
                           parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f'syntax: {error}') from error

    if depth(value) > MAX_DEPTH:
        raise Refused('depth')

    return value


def members(pairs):
    result = {}

    for name, value in pairs:
        if name in result:
            raise Refused('the same name twice')

        if '\0' in name or SURROGATE.search(name):
            raise Refused('a name that not all can read')

        result[name] = value

    return result


def number(text):
    if len(text) > MAX_NUMBER:
        raise Refused('an endless number')

    return Number(text)


def constant(text):
    raise Refused(f'{text} is no JSON')


def depth(value):
    deepest = 0
    todo = [(value, 1)]

    while todo:
        value, level = todo.pop()

        if isinstance(value, dict):
            deepest = max(deepest, level)
            todo += [(each, level + 1) for each in value.values()]

        elif isinstance(value, list):
            deepest = max(deepest, level)
            todo += [(each, level + 1) for each in value]

    return deepest


def plain(text):
    """Whether every reader takes this string for the same."""
    return '\0' not in text and not SURROGATE.search(text)
