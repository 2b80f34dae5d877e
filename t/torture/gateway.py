"""nginx with the module: starts, reloads, kills, and looks at its processes.
"""

import asyncio
import ctypes
import fcntl
import os
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import time

NGINX = os.environ.get('TEST_NGINX_TEST_BINARY') or '/usr/sbin/nginx'
SANITIZE = bool(os.environ.get('TEST_SANITIZE'))
PATIENCE = 60

# A file of the audit log begins with so much of nothing, see limit_files().
HEAD = 8 << 20


# Of prctl(): orphans become our children, and tell us how they ended.
CHILD_SUBREAPER = 36


class Broken(Exception):
    """The gateway does not do what any gateway must."""


def free_port(held):
    """As t/lib/MCPTest.pm does it: reserved by a lock, below the range of
    outgoing connections."""
    locks = f'{tempfile.gettempdir()}/mcp-policy-ports-{os.geteuid()}'
    os.makedirs(locks, exist_ok=True)

    while True:
        port = random.randrange(10240, 30240)
        lock = open(f'{locks}/{port}', 'a', encoding='ascii')

        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.create_server(('127.0.0.1', port)):
                held.append(lock)
                return port
        except OSError:
            lock.close()


class Adopted:
    """A master that another process has started, in the manner of Popen."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:       # the other one is still there
                if read(f'/proc/{self.pid}/cmdline'):
                    return None
                pid, status = self.pid, 0

            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)

        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self):
        while self.poll() is None:
            time.sleep(0.01)


class Gateway:
    def __init__(self, directory, workers, daemon=False):
        self.directory = directory
        self.workers_wanted = workers
        self.daemon = daemon
        self.process = None
        self.hooks = open(f'{directory}/hooks', 'w+b', buffering=0)
        os.chmod(f'{directory}/hooks', 0o666)
        self.hooks.write(bytes(24))

    def clock(self, milliseconds):
        """By which all workers count from now on."""
        os.pwrite(self.hooks.fileno(), struct.pack('Q', milliseconds), 0)

    def kill_locked(self, reservations):
        """The worker that makes so many more dies with the lock in hand."""
        os.pwrite(self.hooks.fileno(), struct.pack('Q', reservations), 8)

    def write_configuration(self, text):
        with open(f'{self.directory}/nginx.conf', 'w',
                  encoding='utf-8') as file:
            file.write(text)

    async def start(self):
        environment = os.environ | {
            'MCP_POLICY_TEST': f'{self.directory}/hooks'}

        if SANITIZE:
            # nginx 1.22 keeps what it compiles regular expressions with, and
            # a worker its connections, when it is told to stop at once.
            with open(f'{self.directory}/leaks', 'w') as file:
                file.write('leak:ngx_regex_malloc\n'
                           'leak:ngx_event_process_init\n')
            environment['LSAN_OPTIONS'] = \
                f'suppressions={self.directory}/leaks:print_suppressions=0'

        with open(f'{self.directory}/output', 'ab') as output:
            self.process = subprocess.Popen(
                [NGINX, '-p', self.directory + '/', '-c', 'nginx.conf',
                 '-e', f'{self.directory}/error.log'],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=environment, restore_signals=False)

        if self.daemon:
            ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1)
            await self.wait(lambda: not self.alive(), 'start')

            if self.process.returncode == 0:
                await self.wait(self.named, 'nginx.pid')
                self.process = Adopted(self.named())

        await self.wait(lambda: self.ready() or not self.alive(), 'start')

        if not self.alive():
            raise Broken('nginx did not start:\n' + self.log()
                         + self.output())

    def alive(self):
        return self.process.poll() is None

    def named(self):
        """The master that nginx.pid names, if it is there."""
        pid = read(f'{self.directory}/nginx.pid').strip()
        return int(pid) if pid and read(f'/proc/{pid}/cmdline') else 0

    def ready(self, master=0):
        return len(self.workers(master)) >= self.workers_wanted

    async def wait(self, check, what):
        until = time.monotonic() + PATIENCE

        while not check():
            if time.monotonic() > until:
                raise Broken(f'no end of: {what}')
            await asyncio.sleep(0.005)

    def children(self, master=0):
        """Process ids and titles."""
        master = master or self.process.pid

        try:
            with open(f'/proc/{master}/task/{master}/children') as file:
                pids = [int(pid) for pid in file.read().split()]
        except OSError:
            return []

        return [(pid, read(f'/proc/{pid}/cmdline')) for pid in pids]

    def workers(self, master=0):
        """Those that serve and are not about to leave."""
        return [pid for pid, title in self.children(master)
                if title.startswith('nginx: worker process')
                and 'shutting' not in title]

    async def reload(self):
        """Until the old workers accept nothing any more."""
        old = self.workers()
        self.process.send_signal(signal.SIGHUP)

        def left(pid):
            title = read(f'/proc/{pid}/cmdline')
            return 'worker process is shutting' in title \
                or not title.startswith('nginx')

        await self.wait(lambda: all(map(left, old)) and self.ready(),
                        'reload')

    async def upgrade(self, back):
        """A new binary beside the old one, and one of them leaves."""
        old = self.process
        old.send_signal(signal.SIGUSR2)
        await self.wait(lambda: self.named() not in (0, old.pid)
                        and self.ready(self.named()), 'new binary')
        new = Adopted(self.named())

        old.send_signal(signal.SIGWINCH)
        await self.wait(lambda: not any(
            title.startswith('nginx: worker')
            for _, title in self.children()), 'WINCH')

        if not back:
            self.process = new
            old.send_signal(signal.SIGQUIT)
            await self.wait(lambda: old.poll() is not None, 'the old master')
            return

        old.send_signal(signal.SIGHUP)
        await self.wait(self.ready, 'the old workers')
        new.send_signal(signal.SIGQUIT)
        await self.wait(lambda: not read(f'/proc/{new.pid}/cmdline')
                        and self.named() == old.pid, 'the new master')

    async def kill_worker(self, rng):
        workers = self.workers()

        if not workers:
            return 0

        pid = rng.choice(workers)
        os.kill(pid, signal.SIGKILL)
        return pid

    async def end(self, how):
        """All processes, by a signal to the master; SIGKILL is for each."""
        pids = [self.process.pid] + [pid for pid, _ in self.children()]

        for pid in pids if how == signal.SIGKILL else pids[:1]:
            os.kill(pid, how)

        await self.wait(lambda: not self.alive() and not any(
            read(f'/proc/{pid}/cmdline') for pid in pids), 'the processes')

        if self.process.returncode not in (0, -signal.SIGKILL):
            raise Broken(f'nginx ended with {self.process.returncode}')

    async def version_taken(self, name, sha256, since):
        """By all workers, as they log it."""
        line = re.compile(rf' (\d+)#\d+: policy "{name}" is generation \d+ '
                          rf'from "[^"]*", sha256 {sha256}')

        await self.wait(lambda: not set(map(str, self.workers())) - set(
            line.findall(self.log()[since:])), f'edit of {name}')

    def limit_files(self, room):
        """The audit log has so much room left, as on a disk that is full.
        Other files of a worker are far from that size."""
        size = os.path.getsize(f'{self.directory}/audit.log')

        for pid in self.workers():
            limit(pid, resource.RLIMIT_FSIZE, size + room)

    def limit_memory(self, room):
        for pid in self.workers():
            pages = int(read(f'/proc/{pid}/statm').split(' ')[0])
            limit(pid, resource.RLIMIT_AS,
                  pages * resource.getpagesize() + room)

    def unlimit(self):
        for pid, _ in self.children():
            limit(pid, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
            limit(pid, resource.RLIMIT_AS, resource.RLIM_INFINITY)

    async def stop(self):
        """How it ended: its exit code, negative for a signal."""
        if self.alive():
            self.process.send_signal(signal.SIGQUIT)

            try:
                await self.wait(lambda: not self.alive(), 'QUIT')
            except Broken:
                for pid, _ in self.children():
                    os.kill(pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()
                raise

        return self.process.returncode

    def log(self):
        return read(f'{self.directory}/error.log')

    def output(self):
        return read(f'{self.directory}/output')

    def files(self, pid):
        """What a worker has open, sockets and pipes left out."""
        paths = []

        for entry in os.scandir(f'/proc/{pid}/fd'):
            try:
                paths.append(os.readlink(entry.path))
            except OSError:
                pass

        return sorted(path for path in paths
                      if path.startswith('/') and '/dev/' not in path)

    def connections(self, port):
        """Those of TCP that workers still hold at their listening port."""
        wanted = f':{port:04X}'
        rows = [line.split() for line in
                read('/proc/net/tcp').splitlines()[1:]]
        listening, waiting = '0A', '06'

        return [row[1:4] for row in rows if row[1].endswith(wanted)
                and row[3] not in (listening, waiting) and row[9] != '0']

    def memory(self, pid):
        """Private and proportional memory in bytes."""
        found = re.search(r'^Pss: +(\d+) kB', read(
            f'/proc/{pid}/smaps_rollup'), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0


def limit(pid, what, value):
    try:
        resource.prlimit(pid, what, (value, resource.RLIM_INFINITY))
    except (ProcessLookupError, PermissionError):
        pass


def read(path):
    try:
        with open(path, encoding='utf-8', errors='backslashreplace') as file:
            return file.read().replace('\0', ' ').rstrip(' ')
    except OSError:
        return ''
