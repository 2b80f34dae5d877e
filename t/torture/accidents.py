"""What happens to the gateway while it works.  When and how follows from the
seed; each is on record from before it begins until after it has ended."""

import asyncio
import hashlib
import os
import signal
import time

import setting as settings

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
        self.policies = setting.policies
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

        fault = self.next_version('change', lambda each: True)
        self.configure(self.policies, self.zone)
        await self.gateway.reload()
        self.in_force(fault)

    async def edit(self):
        """Of the policy files alone, which workers watch."""
        if self.version >= len(self.setting.changes):
            return

        before = texts_of(self.policies)
        since = len(self.gateway.log())
        fault = self.next_version('edit', lambda each: each.form != 'conf')
        self.configure(self.policies, self.zone)

        for name, text in texts_of(self.policies).items():
            if text != before[name]:
                await self.gateway.version_taken(
                    name, hashlib.sha256(text.encode()).hexdigest(), since)

        self.in_force(fault)

    def next_version(self, kind, wanted):
        """From now on requests may be judged by it."""
        after = self.setting.changes[self.version]
        self.version += 1
        self.policies = [new if wanted(new) else old
                         for old, new in zip(self.policies, after)]
        fault = self.record.fault(kind)
        last = self.record.versions[-1][1]
        self.record.versions.append((fault.begin, last, {
            location.uri: each for location in self.setting.locations
            for each in self.policies if each.name == location.policy}))
        return fault

    def in_force(self, fault):
        """From now on none is judged by the version before."""
        fault.end = self.record.tick()
        first, _, before = self.record.versions[-2]
        self.record.versions[-2] = (first, fault.end, before)

    async def resize(self):
        """A reload that moves all counters to a larger zone."""
        megabytes = int(self.zone[:-1])

        if megabytes >= 8:
            return

        self.zone = f'{megabytes + 1}m'
        self.configure(self.policies, self.zone)
        fault = self.record.fault('resize')
        await self.gateway.reload()
        fault.end = self.record.tick()

    async def restart(self):
        """An orderly stop, at once or when all that goes on is done."""
        fault = self.record.fault('restart')
        await self.gateway.end(self.rng.choice((signal.SIGTERM,
                                                signal.SIGQUIT)))
        await self.gateway.start()
        fault.end = self.record.tick()

    async def crash(self):
        fault = self.record.fault('crash', kept=await self.kept())
        await self.gateway.end(signal.SIGKILL)
        await self.gateway.start()
        fault.end = self.record.tick()

    async def upgrade(self):
        """Neither of the two binaries knows what the other one counts."""
        fault = self.record.fault('upgrade', kept=await self.kept())
        await self.gateway.upgrade(back=self.rng.random() < 0.4)
        fault.end = self.record.tick()

    async def kept(self):
        """A tick: what was counted before has been written."""
        tick = self.record.tick()
        began = time.time()

        while self.written() < began + 1 and time.time() < began + 5:
            await asyncio.sleep(0.05)

        return tick

    def written(self):
        try:
            return os.stat(f'{self.gateway.directory}/state/counters') \
                .st_mtime
        except OSError:
            return 0

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


def texts_of(policies):
    """Of the policy files, by name."""
    return {each.name: settings.FILES[each.form][1](each)
            for each in policies if each.form != 'conf'}
