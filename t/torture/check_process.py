"""Invariants of the processes: nobody died who was not killed, nothing stays
behind, and the pages of statistics agree with the logs."""

import re

from case import after
from gateway import SANITIZE

# A worker that is warm may still grow a little: pages of its pools.  The
# sanitizers keep what was given back, and look for leaks themselves.
GROWTH = (768 << 10) if not SANITIZE else (64 << 20)

BAD = re.compile(r'\[(alert|crit|emerg)\]|Sanitizer|runtime error:|'
                 r'exited on signal|exited with fatal code')

EXPLAINED = {
    'kill': r'exited on signal 9|was locked by',
    'disk': r'lines of the audit log lost|write\(\) to ".*audit\.log"',
    'memory': r'(malloc|memalign|mmap|posix_memalign)\(.*failed|'
              r'Cannot allocate memory|worker process \d+ exited with fatal '
              r'code 2 and cannot be respawned|exited with fatal code|'
              r'Sanitizer failed to allocate',
    'zone_full': r'is full, increase its size',
}


def check(cases, record, remains, setting):
    yield from log(record, remains)
    yield from left_behind(remains)

    if remains.exit:
        yield f'process: nginx ended with {remains.exit}'

    if not after(record, ('memory',), 0):
        yield from status(record, remains)


def log(record, remains):
    happened = {fault.kind for fault in record.faults} | {'zone_full'}
    explained = re.compile('|'.join(
        pattern for kind, pattern in EXPLAINED.items() if kind in happened))

    for line in (remains.error_log + '\n' + remains.output).split('\n'):
        if BAD.search(line) and not explained.search(line):
            yield f'process: {line}'


def left_behind(remains):
    if remains.connections:
        yield f'process: connections stay: {remains.connections}'

    if remains.temporary:
        yield f'process: temporary files stay: {remains.temporary}'

    usual = {tuple(files) for files in remains.files_before.values()}

    for pid, files in remains.files_after.items():
        if tuple(files) not in usual:
            yield f'process: worker {pid} has open: {files}, not ' \
                f'{list(usual)[0]}'

    if len(remains.memory) < 2:
        return

    before, now = remains.memory

    for pid in set(before) & set(now):
        if now[pid] - before[pid] > GROWTH:
            yield f'process: worker {pid} grew by {now[pid] - before[pid]} ' \
                'bytes over calm requests'


def status(record, remains):
    """mcp_status counts each decision once."""
    if remains.status is None:
        yield 'process: mcp_status does not answer'
        return

    for zone in remains.status['zones']:
        if zone['counters']['used'] > zone['counters']['limit']:
            yield f'process: more counters than there is room for: {zone}'

    lost = sum(zone['series']['lost'] for zone in remains.status['zones'])

    if lost or after(record, ('kill', 'disk', 'resize', 'restart', 'crash',
                              'upgrade'), 0):
        return

    counted = sum(sum(policy['decisions'].values())
                  + sum(policy['dry_run'].values())
                  for policy in remains.status['policies'])
    lines = sum('event' not in line for line in remains.audit)

    if counted != lines:
        yield f'process: mcp_status counted {counted} decisions, the audit ' \
            f'log has {lines}'
