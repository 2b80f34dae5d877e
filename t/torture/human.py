"""Who decides the calls that wait for approval, at random."""

import asyncio
import json

from client import read_answer
from record import Decision


class Human:
    def __init__(self, rng, record, port):
        self.rng = rng
        self.record = record
        self.port = port
        self.seen = set()

    async def run(self, finished):
        while not finished.is_set():
            await asyncio.sleep(0.05)

            for approval in await self.pending():
                if approval in self.seen or self.rng.random() < 0.3:
                    continue

                self.seen.add(approval)
                await self.decide(approval)

    async def pending(self):
        answer = await self.ask('GET', '/admin/api/approvals')

        if not answer or answer.status != 200:
            return []

        return [each['id'] for each in
                json.loads(answer.body)['approvals']]

    async def decide(self, approval):
        verb = self.rng.choice(('approve', 'approve', 'approve', 'deny'))
        begin = self.record.tick()
        answer = await self.ask('POST',
                                f'/admin/api/approvals/{approval}/{verb}')
        self.record.decisions.append(Decision(
            approval, verb, begin, self.record.tick(),
            answer.status if answer else 0))

    async def ask(self, method, path):
        """None: the gateway had an accident."""
        return await fetch(self.port, method, path)


async def fetch(port, method, path):
    try:
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
    except OSError:
        return None

    try:
        writer.write((f'{method} {path} HTTP/1.1\r\nHost: gateway\r\n'
                      'Content-Type: application/json\r\n'
                      'Content-Length: 0\r\nConnection: close\r\n\r\n')
                     .encode())
        return await asyncio.wait_for(read_answer(reader, method), 10)
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError,
            TimeoutError):
        return None
    finally:
        writer.transport.abort()
