"""nginx with the module: starts, reloads, kills, and looks at its processes.
"""

import asyncio
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
PATIENCE = 30 if SANITIZE else 15

# A file of the audit log begins with so much of nothing, see limit_files().
HEAD = 8 << 20


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


class Gateway:
    def __init__(self, directory, workers):
        self.directory = directory
        self.workers_wanted = workers
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
            # nginx 1.22 keeps what it compiles regular expressions with.
            with open(f'{self.directory}/leaks', 'w') as file:
                file.write('leak:ngx_regex_malloc\n')
            environment['LSAN_OPTIONS'] = \
                f'suppressions={self.directory}/leaks:print_suppressions=0'

        with open(f'{self.directory}/output', 'wb') as output:
            self.process = subprocess.Popen(
                [NGINX, '-p', self.directory + '/', '-c', 'nginx.conf',
                 '-e', f'{self.directory}/error.log'],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=environment, restore_signals=False)

        await self.wait(lambda: self.ready() or not self.alive(), 'start')

        if not self.alive():
            raise Broken('nginx did not start:\n' + self.log()
                         + self.output())

    def alive(self):
        return self.process.poll() is None

    def ready(self):
        return len(self.workers()) >= self.workers_wanted

    async def wait(self, check, what):
        until = time.monotonic() + PATIENCE

        while not check():
            if time.monotonic() > until:
                raise Broken(f'no end of: {what}')
            await asyncio.sleep(0.005)

    def children(self):
        """Process ids and titles."""
        master = self.process.pid

        try:
            with open(f'/proc/{master}/task/{master}/children') as file:
                pids = [int(pid) for pid in file.read().split()]
        except OSError:
            return []

        return [(pid, read(f'/proc/{pid}/cmdline')) for pid in pids]

    def workers(self):
        """Those that serve and are not about to leave."""
        return [pid for pid, title in self.children()
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

    async def kill_worker(self, rng):
        workers = self.workers()

        if not workers:
            return 0

        pid = rng.choice(workers)
        os.kill(pid, signal.SIGKILL)
        return pid

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
