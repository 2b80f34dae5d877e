"""The server behind the gateway: records what arrives, and misbehaves as the
plan of each request says."""

import asyncio
import json
import socket
import struct
import time

import message
from policies import PROMPTS, TOOLS
from record import Arrival
from setting import TIMEOUT

HANG = TIMEOUT + 5        # seconds


class Upstream:
    def __init__(self, record, requests, port):
        self.record = record
        self.requests = requests           # number -> Request
        self.port = port
        self.server = None
        self.writers = set()

    async def start(self):
        self.server = await asyncio.start_server(
            self.serve, '127.0.0.1', self.port, limit=2 ** 24, backlog=512)

    async def kill(self):
        """All connections are reset, and nobody listens any more."""
        self.server.close()

        for writer in list(self.writers):
            reset(writer)

        await asyncio.sleep(0)

    async def stop(self):
        self.server.close()

        for writer in list(self.writers):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.writers.add(writer)

        try:
            arrival = await self.receive(reader)

            if arrival:
                await self.answer(arrival, writer)
        except (ConnectionError, asyncio.IncompleteReadError,
                asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def receive(self, reader):
        try:
            head = await reader.readuntil(b'\r\n\r\n')
        except asyncio.IncompleteReadError as error:
            if error.partial:
                self.record.strays.append((self.record.tick(), error.partial))
            return None

        first, *lines = head.decode('latin-1').split('\r\n')[:-2]
        method, uri, _ = first.split(' ', 2)
        headers = [tuple(line.split(': ', 1)) for line in lines]
        lower = {name.lower(): value for name, value in headers}
        body = await read_body(reader, lower)

        arrival = Arrival(int(lower.get('x-torture', 0)), self.record.tick(),
                          method, uri, headers, body,
                          lower.get('x-request-id', ''))
        self.record.arrivals.append(arrival)
        return arrival

    async def answer(self, arrival, writer):
        behaviour = self.requests[arrival.number].behaviour
        accident = behaviour.accident

        if behaviour.pause:
            await asyncio.sleep(behaviour.pause)

        if accident == 'hang':
            arrival.answering = self.record.tick()
            await asyncio.sleep(HANG)
            return

        status, kind, body = compose(arrival, behaviour)
        arrival.answering = self.record.tick()
        arrival.answering_at = time.monotonic()

        if accident == 'reset':
            reset(writer)
        elif accident == 'garbage':
            writer.write(b'\0\1\2garbage\r\n\r\n')
        elif accident != 'close':
            await self.send(arrival, writer, status, kind, body)

    async def send(self, arrival, writer, status, kind, body):
        behaviour = self.requests[arrival.number].behaviour
        accident = behaviour.accident
        framing = behaviour.framing
        chunked = framing in ('chunked', 'sse_chunked')
        arrival.status = status

        head = [f'HTTP/1.1 {status} Status', 'Connection: close',
                f'X-Upstream: {arrival.number}']
        head += [f'Content-Type: {kind}'] if kind else []

        if chunked:
            head.append('Transfer-Encoding: chunked')
        elif framing != 'sse' or accident.startswith('trunc'):
            head.append(f'Content-Length: {len(body)}')

        writer.write(('\r\n'.join(head) + '\r\n\r\n').encode())
        stop = len(body) // 2 if accident in ('truncated', 'reset_late') \
            else len(body)
        slow = framing == 'pieces' or accident == 'slow'
        size = max(1, len(body) // 4) if slow or chunked else len(body) or 1

        for at in range(0, stop, size):
            part = body[at:min(at + size, stop)]
            arrival.answer += part
            writer.write(b'%x\r\n%s\r\n' % (len(part), part) if chunked
                         else part)
            await writer.drain()

            if slow:
                await asyncio.sleep(0.02 if accident == 'slow' else 0.001)

        if accident == 'reset_late':
            await asyncio.sleep(0.01)
            reset(writer)
            return

        if accident != 'truncated':
            if chunked:
                writer.write(b'0\r\n\r\n')
            await writer.drain()
            arrival.whole = True


async def read_body(reader, headers):
    if headers.get('transfer-encoding') == 'chunked':
        body = b''

        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]

        await reader.readline()
        return body

    return await reader.readexactly(int(headers.get('content-length', 0)))


def reset(writer):
    sock = writer.get_extra_info('socket')

    if sock and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack('ii', 1, 0))
    writer.transport.abort()


def compose(arrival, behaviour):
    """Status, type and body of an answer."""
    accident = behaviour.accident

    if accident in ('http_500', 'http_503', 'http_404'):
        return int(accident[5:]), 'text/plain', b'failed\n'

    if accident == 'no_json':
        return 200, 'application/json', b'{"jsonrpc":'

    if accident == 'accepted':
        return 202, '', b''

    if arrival.method != 'POST':
        return 200, 'text/event-stream', b': open\n\n'

    results = results_of(arrival, behaviour.outcome)

    if not results:
        return 202, '', b''

    body = results[0] if len(results) == 1 and not arrival.body.lstrip() \
        .startswith(b'[') else b'[' + b','.join(results) + b']'

    if behaviour.framing == 'big':
        body += b' ' * 200_000

    if behaviour.framing.startswith('sse'):
        return 200, 'text/event-stream', \
            b': note\n\nevent: message\nid: 1\ndata: ' + body + b'\n\n'

    return 200, 'application/json', body


def results_of(arrival, outcome):
    """One for each request of the body, as far as it can be read."""
    try:
        body = json.loads(arrival.body)
    except (ValueError, RecursionError):
        return []

    items = body if isinstance(body, list) else [body]
    return [result_of(item, outcome) for item in items
            if isinstance(item, dict) and 'id' in item and 'method' in item]


def result_of(item, outcome):
    number = json.dumps(item['id']).encode()
    params = item.get('params')
    modern = isinstance(params, dict) and isinstance(
        params.get('_meta'), dict) \
        and message.PREFIX + 'protocolVersion' in params['_meta']

    if outcome == 'rpc_error':
        return b'{"jsonrpc":"2.0","id":%s,"error":{"code":-1000,' \
            b'"message":"from upstream"}}' % number

    extra = b',"resultType":"complete"' if modern else b''

    if item['method'] in message.LISTS:
        extra += b',"ttlMs":5000,"cacheScope":"private"' if modern else b''
        return list_of(item['method'], number, extra)

    if outcome == 'tool_error':
        extra += b',"isError":true'

    return b'{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text",' \
        b'"text":"from upstream"}]%s}}' % (number, extra)


def list_of(method, number, extra, keep=lambda name: True):
    member = message.LISTS[method]
    names = {'tools': TOOLS, 'prompts': PROMPTS}.get(member, ())
    items = [b'{"name":%s, "n":%d.0}' % (json.dumps(name).encode(), at)
             for at, name in enumerate(names) if keep(name)]

    return b'{"jsonrpc":"2.0","id":%s,"result":{"%s":[%s],' \
        b'"nextCursor":"c"%s}}' % (number, member.encode(),
                                   b','.join(items), extra)
