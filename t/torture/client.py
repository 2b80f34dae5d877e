"""A client that sends exactly the bytes it is told, and reads answers more
strictly than any real one."""

import asyncio
import time

from record import Answer, Exchange

PATIENCE = 60       # seconds until an answer is missing


class Malformed(Exception):
    """No HTTP client would understand this."""


class Client:
    def __init__(self, record, port):
        self.record = record
        self.port = port

    async def run(self, connection):
        """All requests of a connection, as far as it lives."""
        opened = self.record.tick()
        first = True

        try:
            reader, writer = await asyncio.open_connection(
                '127.0.0.1', self.port, limit=2 ** 24)
        except OSError as error:
            self.refused(connection.requests[0], opened, error)
            return

        try:
            if connection.pipelined:
                await self.pipeline(connection, reader, writer, opened)
                return

            for request in connection.requests:
                exchange = Exchange(request, opened, first)
                first = False
                self.record.exchanges.append(exchange)

                if not await self.exchange(exchange, reader, writer):
                    return

                await asyncio.sleep(connection.pause)
        finally:
            writer.transport.abort()

    def refused(self, request, opened, error):
        exchange = Exchange(request, opened, True, sent=opened,
                            ended=self.record.tick(),
                            problem=f'no connection: {error}')
        self.record.exchanges.append(exchange)

    async def pipeline(self, connection, reader, writer, opened):
        """All requests at once, then all answers."""
        exchanges = []

        for number, request in enumerate(connection.requests):
            if request.abort_at >= 0 or request.abort_answer >= 0:
                continue

            exchange = Exchange(request, opened, number == 0, True)
            exchange.sent = self.record.tick()
            exchange.sent_at = time.monotonic()
            exchanges.append(exchange)
            self.record.exchanges.append(exchange)

        try:
            for exchange in exchanges:
                writer.write(exchange.request.wire())

            await writer.drain()
        except ConnectionError:
            pass

        for exchange in exchanges:
            exchange.whole = self.record.tick()

        going = True

        for exchange in exchanges:
            going = going and await self.receive(exchange, reader)
            exchange.ended = min(exchange.ended, self.record.tick())

    async def exchange(self, exchange, reader, writer):
        """Whether the connection can be used again."""
        exchange.sent = self.record.tick()
        exchange.sent_at = time.monotonic()

        try:
            await self.send(exchange, writer)
        except ConnectionError:
            pass

        if exchange.aborted:
            exchange.ended = self.record.tick()
            return False

        return await self.receive(exchange, reader)

    async def send(self, exchange, writer):
        request = exchange.request
        wire = request.wire()
        stop = request.abort_at if request.abort_at >= 0 else len(wire)
        cuts = [(at, pause) for at, pause in request.pieces if at < stop]
        start = 0

        for at, pause in cuts + [(stop, 0)]:
            writer.write(wire[start:at])
            await writer.drain()
            start = at

            if pause:
                await asyncio.sleep(pause)

        if stop == len(wire):
            exchange.whole = self.record.tick()

        if request.abort_at >= 0:
            exchange.aborted = True
            await asyncio.sleep(0)
            writer.transport.abort()

    async def receive(self, exchange, reader):
        limit = exchange.request.abort_answer

        try:
            if limit >= 0:
                await asyncio.wait_for(reader.read(limit), PATIENCE) \
                    if limit else None
                exchange.aborted = True
                return False

            answer = await asyncio.wait_for(
                read_answer(reader, exchange.request.method), PATIENCE)
            exchange.answer = answer
            return answer.complete \
                and answer.header('connection') != 'close'
        except (asyncio.TimeoutError, TimeoutError):
            exchange.problem = 'no answer'
        except Malformed as error:
            exchange.problem = f'malformed answer: {error}'
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            exchange.problem = f'connection lost: {type(error).__name__}'
        finally:
            exchange.ended = self.record.tick()

        return False


async def read_answer(reader, method):
    line, *lines = (await reader.readuntil(b'\r\n\r\n')) \
        .decode('latin-1').split('\r\n')[:-2]
    version, _, status = line.partition(' ')

    if version != 'HTTP/1.1' or not status[:3].isdigit():
        raise Malformed(line)

    headers = []

    for line in lines:
        name, colon, value = line.partition(':')

        if not colon or not name or ' ' in name:
            raise Malformed(line)

        headers.append((name.lower(), value.strip()))

    answer = Answer(int(status[:3]), headers, b'')

    if method != 'HEAD' and answer.status not in (204, 304):
        await read_answer_body(reader, answer)

    return answer


async def read_answer_body(reader, answer):
    length = answer.header('content-length')
    coding = answer.header('transfer-encoding')

    if length is not None and coding is not None:
        raise Malformed('two lengths')

    try:
        if coding == 'chunked':
            await read_chunks(reader, answer)
        elif length is not None:
            answer.body = await reader.readexactly(int(length))
        else:
            answer.body = await reader.read(-1)
    except asyncio.IncompleteReadError as error:
        answer.body += error.partial
        answer.complete = False
    except ConnectionError:
        answer.complete = False


async def read_chunks(reader, answer):
    while True:
        line = await reader.readuntil(b'\r\n')
        size = int(line.split(b';')[0], 16)
        chunk = await reader.readexactly(size)
        answer.body += chunk

        if await reader.readexactly(2) != b'\r\n':
            raise Malformed('end of a chunk')

        if not size:
            return
