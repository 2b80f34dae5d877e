"""Random requests: what is sent, in which pieces, and what the server will
answer.  Everything is decided here, before the first byte is sent."""

import json
from dataclasses import dataclass, field

from message import MODERN, PREFIX, REVISIONS
from policies import NAMES, PROMPTS, RESOURCES, ROLES, TOOLS, WORDS
from smuggling import corrupt

OUTCOMES = ('result',) * 10 + ('tool_error', 'rpc_error')
FRAMINGS = ('json',) * 5 + ('chunked', 'pieces', 'sse', 'sse_chunked', 'big')
FAILURES = ('http_500', 'http_503', 'close', 'reset')
ACCIDENTS = ('reset', 'close', 'truncated', 'reset_late', 'garbage', 'hang',
             'http_500', 'http_503', 'http_404', 'no_json', 'accepted',
             'slow')


@dataclass
class Behaviour:
    """What the server does with a request that reaches it."""
    outcome: str = 'result'
    framing: str = 'json'
    accident: str = ''
    pause: float = 0


@dataclass
class Request:
    number: int
    location: str
    method: str
    headers: list                       # (name, value) as sent
    body: bytes
    chunked: bool = False
    pieces: list = field(default_factory=list)     # (offset, pause)
    abort_at: int = -1                  # byte of the request, -1: never
    abort_answer: int = -1              # byte of the answer
    behaviour: Behaviour = field(default_factory=Behaviour)

    def wire(self):
        lines = [f'{self.method} {self.location} HTTP/1.1', 'Host: gateway',
                 f'X-Torture: {self.number}']
        lines += [f'{name}: {value}' for name, value in self.headers]

        if self.chunked:
            lines.append('Transfer-Encoding: chunked')
        elif self.body or self.method == 'POST':
            lines.append(f'Content-Length: {len(self.body)}')

        return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1') \
            + self.payload()

    def payload(self):
        if not self.chunked:
            return self.body

        size = max(1, len(self.body) // 3)
        parts = [self.body[at:at + size]
                 for at in range(0, len(self.body), size)]
        return b''.join(b'%x\r\n%s\r\n' % (len(part), part)
                        for part in parts) + b'0\r\n\r\n'

    def lower_headers(self):
        return [(name.lower(), value) for name, value in self.headers]


@dataclass
class Connection:
    requests: list
    pipelined: bool
    pause: float


class Traffic:
    """Makes the connections of one round."""

    def __init__(self, rng, locations, calm=False, grants=3, failing=0):
        """locations: the tools that each names, which are called most.
        failing: the share of calls that the server fails besides."""
        self.rng = rng
        self.locations = locations
        self.hot = ()
        self.calm = calm
        self.failing = failing
        self.grants = [f'grant-{n}' for n in range(grants)]
        self.number = 0
        self.recent = []

    def connection(self):
        rng = self.rng
        count = rng.choice((1, 2, 4, 8))
        requests = [self.request() for _ in range(count)]

        return Connection(requests, count > 1 and rng.random() < 0.25,
                          rng.choice((0, 0, 0, 0.002, 0.02)))

    def request(self):
        rng = self.rng
        self.number += 1
        location = rng.choice(list(self.locations))
        self.hot = self.locations[location]

        if rng.random() < 0.04:
            return self.no_post(location)

        if self.recent and rng.random() < 0.3:
            # as agents do, for whom somebody has approved a call meanwhile
            location, headers, text = rng.choice(self.recent)
        else:
            headers, text = self.message()
            self.recent = self.recent[-30:] + [(location, headers, text)]

        body = text.encode('utf-8', 'surrogatepass')

        if rng.random() < 0.1:
            headers, body = corrupt(rng, list(headers), body)

        request = Request(self.number, location, 'POST', headers, body,
                          chunked=rng.random() < 0.2,
                          behaviour=self.behaviour())
        self.split(request)
        return request

    def no_post(self, location):
        method = self.rng.choice(('GET', 'GET', 'DELETE', 'OPTIONS', 'PUT'))
        headers = [('X-Grant', self.rng.choice(self.grants)),
                   ('Accept', 'text/event-stream')]
        body = b'{}' if self.rng.random() < 0.2 else b''

        return Request(self.number, location, method, headers, body,
                       behaviour=Behaviour(framing='sse'))

    def split(self, request):
        """Anywhere, and sometimes not to the end."""
        rng = self.rng
        length = len(request.wire())

        if rng.random() < 0.25:
            cuts = sorted(rng.sample(range(1, length), rng.randint(1, 4)))
            request.pieces = [(cut, rng.choice((0, 0.001, 0.01)))
                              for cut in cuts]

        if not self.calm and rng.random() < 0.05:
            request.abort_at = rng.randint(1, length)
        elif not self.calm and rng.random() < 0.04:
            request.abort_answer = rng.choice((0, 1, 20, 200, 5000))

    def behaviour(self):
        rng = self.rng
        behaviour = Behaviour(rng.choice(OUTCOMES), rng.choice(FRAMINGS),
                              pause=rng.choice((0, 0, 0, 0.005, 0.05)))

        if not self.calm and rng.random() < 0.12:
            behaviour.accident = rng.choice(ACCIDENTS)

        if not self.calm and self.failing \
                and rng.random() < self.failing:
            behaviour.accident = rng.choice(FAILURES)

        if behaviour.accident == 'hang' and rng.random() < 0.8:
            behaviour.accident = 'slow'      # else all would wait for it

        return behaviour

    def message(self):
        """Headers and text of a valid POST."""
        rng = self.rng
        revision = rng.choice(('', *REVISIONS, MODERN))
        headers = self.headers(revision)

        if revision in ('', '2025-03-26') and rng.random() < 0.15:
            count = rng.choice((1, 2, 3, 5, 17))
            items = [self.one(revision, n) for n in range(count)]
            items = [item for item in items if item['method'] != 'initialize']
            return headers, spell(rng, items or [self.call(revision, 0)])

        item = self.one(revision, 0)

        if revision == MODERN:
            headers += modern_headers(item)

        return headers, spell(rng, item)

    def headers(self, revision):
        rng = self.rng
        headers = [('Content-Type', rng.choice(
            ('application/json',) * 8 + ('application/json; charset=utf-8',
                                         'Application/JSON')))]

        if rng.random() < 0.95:
            headers.append(('X-Grant', rng.choice(self.grants)))

        role = rng.choice(ROLES)

        if role:
            headers.append(('X-Role', role))

        if rng.random() < 0.8:
            headers.append(('X-Tenant', rng.choice(('t1', 't2'))))

        if revision:
            headers.append(('MCP-Protocol-Version', revision))

        if revision != MODERN and rng.random() < 0.7:
            headers.append(('Mcp-Session-Id', rng.choice(('s1', 's2'))))

        return headers

    def one(self, revision, index):
        rng = self.rng
        kind = rng.choice(('call',) * 14 + ('list', 'list', 'prompt',
                                            'resource', 'ping', 'note',
                                            'vendor', 'response'))
        maker = {'call': self.call, 'list': self.list, 'note': self.note}

        if kind in maker:
            return maker[kind](revision, index)

        if kind == 'response' and revision != MODERN and index == 0:
            return Raw({'jsonrpc': '2.0', 'id': 7, 'result': {}})

        method, params = {
            'prompt': ('prompts/get', {'name': rng.choice(PROMPTS)}),
            'resource': ('resources/read', {'uri': rng.choice(RESOURCES)}),
            'ping': ('ping', {}),
            'response': ('ping', {}),
            'vendor': ('acme/' + rng.choice(('x', 'y')), {})}[kind]

        return self.wrap(revision, method, params, index)

    def wrap(self, revision, method, params, index):
        if revision == MODERN:
            params = params | {'_meta': modern_meta()}

        return {'jsonrpc': '2.0', 'id': self.number * 32 + index,
                'method': method, 'params': params}

    def note(self, revision, index):
        item = self.wrap(revision, self.rng.choice(
            ('notifications/initialized', 'notifications/progress',
             'acme/note')), {}, index)
        del item['id']
        return item

    def list(self, revision, index):
        return self.wrap(revision, self.rng.choice(
            ('tools/list', 'tools/list', 'prompts/list')), {}, index)

    def call(self, revision, index):
        hot = self.hot and self.rng.random() < 0.75
        params = {'name': self.rng.choice(self.hot if hot else TOOLS)}

        if self.rng.random() < 0.9:
            params['arguments'] = self.arguments()

        if revision == '2025-11-25' and self.rng.random() < 0.1:
            params['task'] = {'ttl': 1000}

        return self.wrap(revision, 'tools/call', params, index)

    def arguments(self):
        rng = self.rng
        arguments = {name: self.value() for name in NAMES
                     if rng.random() < 0.6}

        if rng.random() < 0.4:
            arguments['items'] = rng.choice(
                ([], [self.scalar()], [self.scalar(), self.scalar()],
                 'text'))

        if rng.random() < 0.4:
            arguments['obj'] = rng.choice(({}, {'k': self.scalar()}, [1]))

        if rng.random() < 0.2:
            arguments['odd.name'] = self.scalar()

        if rng.random() < 0.05:
            arguments['filler'] = 'x' * rng.choice((500, 5000, 40000))

        return arguments

    def value(self):
        rng = self.rng
        return rng.choice((self.scalar, self.scalar, self.scalar,
                           lambda: [self.scalar()], lambda: {}))()

    def scalar(self):
        rng = self.rng
        return rng.choice((
            lambda: rng.choice(WORDS), lambda: rng.choice(WORDS),
            lambda: Literal(rng.choice(LITERALS)),
            lambda: Literal(rng.choice(LITERALS)),
            lambda: rng.choice((True, False, None))))()


LITERALS = ('5', '5.0', '50e-1', '0', '100', '100.5', '9007199254740993',
            '9007199254740992', '-1', '1', '2', '0.5', '0.0000001', '1e3',
            '1e400')


class Literal:
    """A number as it is written."""

    def __init__(self, text):
        self.text = text


class Raw(dict):
    """A message that is no call."""

    def __getitem__(self, name):
        return self.get(name, '')


def modern_meta():
    return {PREFIX + 'protocolVersion': MODERN,
            PREFIX + 'clientCapabilities': {},
            PREFIX + 'clientInfo': {'name': 'torture', 'version': '1'}}


def modern_headers(item):
    headers = [('Mcp-Method', item['method'])]
    params = item['params']
    name = params.get('name') or params.get('uri')

    if name:
        headers.append(('Mcp-Name', name if name.isascii() else base64(name)))

    return headers


def base64(name):
    from base64 import b64encode
    return f'=?base64?{b64encode(name.encode()).decode()}?='


def spell(rng, value):
    """JSON, in one of its many spellings."""
    escape = rng.choice((0, 0, 0.02, 0.3))
    space = rng.choice(('', '', '', ' ', '\n  '))

    def text(string):
        return '"' + ''.join(
            f'\\u{ord(c):04x}' if ord(c) < 0x10000 and rng.random() < escape
            else json.dumps(c, ensure_ascii=False)[1:-1]
            for c in string) + '"'

    def write(each):
        if isinstance(each, Literal):
            return each.text
        if isinstance(each, str):
            return text(each)
        if isinstance(each, dict):
            names = list(each)
            if escape:
                rng.shuffle(names)
            return '{' + ','.join(
                f'{space}{text(n)}:{space}{write(dict.get(each, n))}'
                for n in names) + '}'
        if isinstance(each, list):
            return '[' + ','.join(space + write(e) for e in each) + ']'
        return json.dumps(each)

    return write(value)
