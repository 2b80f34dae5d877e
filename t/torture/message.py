"""What a request says, read independently of the gateway.

read() takes the headers and the bytes of a POST and gives the messages, or
raises Refused for what nobody may forward.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass

from strict_json import Number, Refused, plain, read as read_json

REVISIONS = ('2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25',
             '2026-07-28')
MODERN = '2026-07-28'
PREFIX = 'io.modelcontextprotocol/'

MAX_BATCH = 16
MAX_ID = 256
MAX_INTEGER = 2 ** 53 - 1

TARGETS = {'tools/call': ('tool', 'name'),
           'prompts/get': ('prompt', 'name'),
           'resources/read': ('resource', 'uri')}

HOUSEKEEPING = {'initialize', 'ping', 'server/discover', 'tools/list',
                'prompts/list', 'resources/list', 'resources/templates/list',
                'completion/complete', 'logging/setLevel',
                'subscriptions/listen', 'notifications/initialized',
                'notifications/cancelled', 'notifications/progress',
                'notifications/roots/list_changed',
                'notifications/tasks/status'}

REQUESTS = {name for name in HOUSEKEEPING
            if not name.startswith('notifications/')} | set(TARGETS)

TOP = ('jsonrpc', 'id', 'method', 'params', 'result', 'error')
PARAMS = ('name', 'uri', 'taskId', 'arguments', '_meta', 'task', 'ref',
          'notifications', 'protocolVersion', 'clientInfo', 'capabilities',
          'cursor')
META = (PREFIX + 'protocolVersion', PREFIX + 'clientCapabilities',
        PREFIX + 'clientInfo')

LISTS = {'tools/list': 'tools', 'prompts/list': 'prompts',
         'resources/list': 'resources'}


@dataclass
class Message:
    method: str = ''
    id: object = None                # as parsed; None: none
    params: dict = None
    kind: str = 'request'            # notification, response

    @property
    def target(self):
        """What it is about, as (kind, name)."""
        if self.method in TARGETS:
            kind, member = TARGETS[self.method]
            return kind, self.params[member]

        return None

    @property
    def arguments(self):
        return (self.params or {}).get('arguments')


@dataclass
class Body:
    messages: list
    batch: bool
    revision: str


def read(headers, data):
    """headers: a list of (name, value), names in lower case."""
    media(headers)
    revision = read_revision(headers)
    session(headers)
    value = read_json(data)

    if isinstance(value, dict):
        message = read_message(value, revision)
        match_headers(headers, message, revision)
        return Body([message], False, revision)

    if not isinstance(value, list):
        raise Refused('no message')

    return Body(read_batch(value, revision), True, revision)


def values(headers, wanted):
    return [value.strip(' \t') for name, value in headers if name == wanted]


def media(headers):
    types = values(headers, 'content-type')

    if len(types) != 1 or values(headers, 'content-encoding'):
        raise Refused('media type')

    essence, *parameters = [part.strip() for part in types[0].split(';')]

    if essence.lower() != 'application/json':
        raise Refused('media type')

    for parameter in parameters:
        if parameter.lower() not in ('', 'charset=utf-8', 'charset="utf-8"'):
            raise Refused('charset')


def read_revision(headers):
    revisions = values(headers, 'mcp-protocol-version')

    if not revisions:
        return ''

    if len(revisions) > 1 or revisions[0] not in REVISIONS:
        raise Refused('revision')

    return revisions[0]


def session(headers):
    sessions = values(headers, 'mcp-session-id')

    if len(sessions) > 1 or any(not '!' <= c <= '~' for c in
                                ''.join(sessions)):
        raise Refused('session')


def read_batch(items, revision):
    if revision not in ('', '2025-03-26'):
        raise Refused('no batches in this revision')

    if not 1 <= len(items) <= MAX_BATCH:
        raise Refused('size of batch')

    if not all(isinstance(item, dict) for item in items):
        raise Refused('batch of others than objects')

    messages = [read_message(item, revision) for item in items]

    if any(message.method == 'initialize' for message in messages):
        raise Refused('initialize in a batch')

    if len({message.kind == 'response' for message in messages}) > 1:
        raise Refused('requests and responses')

    ids = [(type(message.id).__name__, getattr(message.id, 'text', message.id))
           for message in messages if message.id is not None]

    if len(set(ids)) < len(ids):
        raise Refused('the same id twice')

    return messages


def read_message(item, revision):
    no_variants(item, TOP)

    if set(item) - set(TOP) or item.get('jsonrpc') != '2.0':
        raise Refused('members')

    if len({'method', 'result', 'error'} & set(item)) != 1:
        raise Refused('hybrid')

    if 'id' in item and not good_id(item['id']):
        raise Refused('id')

    if 'method' not in item:
        return read_response(item, revision)

    return read_call(item, revision)


def read_response(item, revision):
    if revision == MODERN or 'params' in item:
        raise Refused('response')

    if 'result' in item:
        if not isinstance(item['result'], dict) or 'id' not in item:
            raise Refused('result')
    else:
        error = item['error']

        if not isinstance(error, dict) \
                or not isinstance(error.get('code'), Number) \
                or set(error['code'].text) - set('-0123456789') \
                or not isinstance(error.get('message'), str):
            raise Refused('error')

    return Message(id=item.get('id'), kind='response')


def read_call(item, revision):
    method = name(item['method'])
    kind = 'request' if 'id' in item else 'notification'
    notification = method.startswith('notifications/')

    if notification and kind == 'request':
        raise Refused('notification with an id')

    if method in REQUESTS and kind == 'notification':
        raise Refused('request without an id')

    params = item.get('params')

    if 'params' in item:
        read_params(params, revision)

    message = Message(method, item.get('id'), params, kind)
    check_meta(message, revision)

    if method in TARGETS:
        name((params or {}).get(TARGETS[method][1]))

    return message


def read_params(params, revision):
    if not isinstance(params, dict):
        raise Refused('params')

    no_variants(params, PARAMS)

    for member in ('arguments', '_meta') + \
            (() if revision == MODERN else ('task',)):
        if member in params and not isinstance(params[member], dict):
            raise Refused(member)

    no_variants(params.get('_meta', {}), META)

    if revision != MODERN:
        no_variants(params.get('task', {}), ('ttl', 'taskId', 'pollInterval'))


def check_meta(message, revision):
    meta = (message.params or {}).get('_meta', {})
    version = meta.get(PREFIX + 'protocolVersion')

    if revision != MODERN:
        if PREFIX + 'protocolVersion' in meta:
            raise Refused('revision in the body alone')
        return

    if version is None and message.kind == 'notification' \
            and PREFIX + 'protocolVersion' not in meta:
        return

    if version != MODERN or message.method == 'initialize':
        raise Refused('revision of the body')

    if message.kind == 'request' \
            and not isinstance(meta.get(PREFIX + 'clientCapabilities'), dict):
        raise Refused('capabilities')


def match_headers(headers, message, revision):
    if revision != MODERN or message.kind == 'response':
        return

    methods = values(headers, 'mcp-method')
    names = values(headers, 'mcp-name')

    if len(methods) > 1 or len(names) > 1:
        raise Refused('repeated header')

    if methods != [message.method] \
            and not (message.kind == 'notification' and not methods):
        raise Refused('Mcp-Method')

    if message.target and [unwrap(each) for each in names] \
            != [message.target[1].encode()]:
        raise Refused('Mcp-Name')


def unwrap(value):
    """What a client says in Base64 when a header has no letters for it."""
    if len(value) < 11 or not value.startswith('=?base64?') \
            or not value.endswith('?='):
        return value.encode()

    try:
        return b64decode(value[9:-2], validate=True)
    except binascii.Error as error:
        raise Refused('Base64') from error


def name(value):
    if not isinstance(value, str) or not value or not plain(value):
        raise Refused('name')

    return value


def good_id(value):
    if isinstance(value, str):
        return plain(value) and len(value) <= MAX_ID

    if not isinstance(value, Number) or value.text == '-0' \
            or set(value.text) - set('-0123456789'):
        return False

    return abs(int(value.text)) <= MAX_INTEGER


def fold(text):
    return text.replace('\u017f', 's').replace('\u212a', 'k').lower()


def no_variants(item, names):
    folded = {fold(each) for each in names} - {''}

    for member in item:
        if member not in names and fold(member) in folded:
            raise Refused('a name in another case')
