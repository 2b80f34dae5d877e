"""What happens to the gateway while it works.  When and how follows from the
seed; each is on record from before it begins until after it has ended."""

import asyncio

PAUSES = (0.01, 0.03, 0.1)

# Of the clock, in seconds: into all windows that limits have.
STEPS = (1, 10, 30, 60, 600, 3600, 5400, 86400)


class Accidents:
    def __init__(self, rng, setting, gateway, upstream, record, configure):
        self.rng = rng
        self.setting = setting
        self.gateway = gateway
        self.upstream = upstream
        self.record = record
        self.configure = configure        # writes a configuration
        self.version = 0
        self.zone = setting.zone
        self.now = record.clock[-1][1]

    async def run(self, finished):
        """One after the other, until the traffic has ended."""
        kinds = list(self.setting.accidents)

        while kinds and not finished.is_set():
            await asyncio.sleep(self.rng.choice(PAUSES))
            kind = self.rng.choice(kinds)

            if kind != 'zone_full' and not finished.is_set():
                await getattr(self, kind)()

    async def kill(self):
        fault = self.record.fault('kill')

        if self.rng.random() < 0.3:
            # with the lock in its hand, if it ever takes it
            self.gateway.kill_locked(self.rng.randint(1, 3))
            await asyncio.sleep(0.1)
            self.gateway.kill_locked(0)
        else:
            fault.details['pid'] = await self.gateway.kill_worker(self.rng)

        await self.gateway.wait(self.gateway.ready, 'a new worker')
        fault.end = self.record.tick()

    async def reload(self):
        fault = self.record.fault('reload')
        await self.gateway.reload()
        fault.end = self.record.tick()

    async def change(self):
        """A reload with another policy."""
        if self.version >= len(self.setting.changes):
            return

        some = self.setting.changes[self.version]
        self.version += 1
        self.configure(some, self.zone)
        policies = {location.uri: each for location in self.setting.locations
                    for each in some if each.name == location.policy}

        fault = self.record.fault('change')
        first, last, before = self.record.versions[-1]
        self.record.versions.append((fault.begin, last, policies))
        await self.gateway.reload()
        fault.end = self.record.tick()
        self.record.versions[-2] = (first, fault.end, before)

    async def resize(self):
        """A reload that moves all counters to a larger zone."""
        megabytes = int(self.zone[:-1])

        if megabytes >= 8:
            return

        self.zone = f'{megabytes + 1}m'
        some = self.setting.changes[self.version - 1] if self.version \
            else self.setting.policies
        self.configure(some, self.zone)
        fault = self.record.fault('resize')
        await self.gateway.reload()
        fault.end = self.record.tick()

    async def clock(self):
        self.step(self.rng.choice(STEPS))

    async def clock_back(self):
        self.step(-self.rng.choice(STEPS))

    def step(self, seconds):
        self.now += seconds * 1000
        fault = self.record.fault('clock', seconds=seconds)
        self.record.clock.append((fault.begin, self.now))
        self.gateway.clock(self.now)
        fault.end = self.record.tick()

    async def server_down(self):
        fault = self.record.fault('server_down')
        await self.upstream.kill()
        await asyncio.sleep(self.rng.choice(PAUSES))
        await self.upstream.start()
        fault.end = self.record.tick()

    async def memory(self):
        fault = self.record.fault('memory')
        self.gateway.limit_memory(self.rng.choice((0, 65536, 1 << 20)))
        await asyncio.sleep(self.rng.choice(PAUSES))
        self.gateway.unlimit()
        await asyncio.sleep(0.05)
        fault.end = self.record.tick()

    async def disk(self):
        fault = self.record.fault('disk')
        self.gateway.limit_files(self.rng.choice((0, 100, 1000)))
        await asyncio.sleep(self.rng.choice(PAUSES))
        self.gateway.unlimit()
        fault.end = self.record.tick()
