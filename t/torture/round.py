"""One round: a setting, its traffic and its accidents, and what they left."""

import asyncio
import json
import os
import random
import shutil
import tempfile
from dataclasses import dataclass, field

import setting as settings
from accidents import Accidents
from client import Client
from gateway import HEAD, Gateway, free_port
from human import Human, fetch
from record import NEVER, Record
from traffic import Traffic
from upstream import Upstream

# Memory is compared after the gateway has been warm: so many calm requests,
# three times.
WARM = 60


@dataclass
class Remains:
    """What the oracle looks at besides the record."""
    directory: str
    error_log: str = ''
    output: str = ''
    access: list = field(default_factory=list)
    audit: list = field(default_factory=list)      # parsed lines
    broken: list = field(default_factory=list)     # lines that are no JSON
    status: dict = None
    exit: int = 0
    files_before: dict = field(default_factory=dict)
    files_after: dict = field(default_factory=dict)
    connections: list = field(default_factory=list)
    memory: list = field(default_factory=list)     # {pid: bytes}, twice
    temporary: list = field(default_factory=list)


class Round:
    def __init__(self, seed, module, short=False):
        self.setting = settings.generate(seed, short)
        self.module = module
        self.seed = seed
        self.locks = []
        self.ports = {name: free_port(self.locks)
                      for name in ('gateway', 'upstream')}
        self.directory = tempfile.mkdtemp(prefix='mcp-policy-torture-')
        os.chmod(self.directory, 0o755)
        os.mkdir(f'{self.directory}/state')
        self.record = Record()
        self.remains = Remains(self.directory)
        self.requests = {}
        self.gateway = None

    def configure(self, some, zone):
        # a process may limit those of its own user alone
        user = 'user root root;\n' if os.geteuid() == 0 else ''
        text = settings.configuration(self.setting, some, zone,
                                      self.directory, self.ports,
                                      self.module, user)
        self.gateway.write_configuration(text)

    async def run(self):
        setting = self.setting
        self.gateway = Gateway(self.directory, setting.workers,
                               'upgrade' in setting.accidents)
        self.configure(setting.policies, setting.zone)
        self.prepare_audit()

        record = self.record
        record.clock.append((record.tick(), settings.START))
        record.versions.append((record.tick(), NEVER, {
            location.uri: each for location in setting.locations
            for each in setting.policies if each.name == location.policy}))
        self.gateway.clock(settings.START)

        upstream = Upstream(record, self.requests, self.ports['upstream'])
        await upstream.start()
        await self.gateway.start()

        try:
            await self.work(upstream)
        finally:
            await upstream.stop()
            self.remains.exit = await self.gateway.stop()
            self.collect()

    def prepare_audit(self):
        """A file with a hole: what is limited by its size is this one."""
        if 'disk' in self.setting.accidents:
            with open(f'{self.directory}/audit.log', 'wb') as file:
                file.truncate(HEAD - 1)
                file.seek(HEAD - 1)
                file.write(b'\n')

    async def work(self, upstream):
        setting = self.setting
        rng = random.Random(f'traffic {self.seed}')
        traffic = Traffic(rng, {each.uri: setting.hot(each)
                                for each in setting.locations},
                          setting.calm, setting.grants,
                          0.2 if setting.tight else 0)
        connections = [traffic.connection()
                       for _ in range(setting.connections)]

        for connection in connections:
            self.requests |= {each.number: each
                              for each in connection.requests}

        self.remains.files_before = self.files()
        finished = asyncio.Event()
        accidents = Accidents(random.Random(f'accidents {self.seed}'),
                              setting, self.gateway, upstream, self.record,
                              self.configure)
        human = Human(random.Random(f'human {self.seed}'), self.record,
                      self.ports['gateway'])
        others = [asyncio.create_task(accidents.run(finished)),
                  asyncio.create_task(human.run(finished))]

        await self.clients(connections)
        finished.set()
        await asyncio.gather(*others)
        await self.quiet(traffic)

    async def clients(self, connections):
        """So many at a time, each with its own share."""
        count = self.setting.clients

        async def one(share):
            client = Client(self.record, self.ports['gateway'])

            for connection in share:
                await client.run(connection)

        await asyncio.gather(*(one(connections[at::count])
                               for at in range(count)))

    async def quiet(self, traffic):
        """No accident any more: everything returns to where it was."""
        traffic.calm = True
        pids = None

        for turn in range(3):
            connections = []

            while sum(len(each.requests) for each in connections) < WARM:
                connections.append(traffic.connection())

            for connection in connections:
                connection.pause = 0

                for request in connection.requests:
                    request.behaviour.pause = 0
                    request.behaviour.accident = ''
                    self.requests[request.number] = request

            await self.clients(connections)

            if turn:
                pids = self.gateway.workers()
                self.remains.memory.append(
                    {pid: self.gateway.memory(pid) for pid in pids})

        port = self.ports['gateway']

        try:
            await self.gateway.wait(
                lambda: not self.gateway.connections(port)
                and len(self.gateway.children()) == self.setting.workers,
                'connections')
        except Exception:
            self.remains.connections = self.gateway.connections(port)

        self.remains.files_after = self.files()
        answer = await fetch(port, 'GET', '/status')
        self.remains.status = answer and json.loads(answer.body)

    def files(self):
        return {pid: self.gateway.files(pid)
                for pid in self.gateway.workers()}

    def collect(self):
        remains = self.remains
        remains.error_log = self.gateway.log()
        remains.output = self.gateway.output()

        with open(f'{self.directory}/access.log', errors='replace') as file:
            remains.access = [line.split() for line in file]

        with open(f'{self.directory}/audit.log', 'rb') as file:
            if 'disk' in self.setting.accidents:
                file.seek(HEAD)

            for line in file:
                try:
                    remains.audit.append(json.loads(line))
                except ValueError:
                    remains.broken.append(line)

        for name in ('client_body_temp', 'proxy_temp'):
            for _, _, files in os.walk(f'{self.directory}/{name}'):
                remains.temporary += files

    def keep(self, top):
        """What is needed to look into a failure."""
        target = f'{top}/{self.seed}'
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        self.record.write(target)

        for name in os.listdir(self.directory):
            path = f'{self.directory}/{name}'

            if os.path.isfile(path) and name not in ('audit.log', 'hooks'):
                shutil.copy(path, target)

        with open(f'{target}/audit.log', 'w') as file:
            for line in self.remains.audit:
                print(json.dumps(line), file=file)
            for line in self.remains.broken:
                print(line, file=file)

        return target

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.gateway.hooks.close()

        for lock in self.locks:
            lock.close()
