"""Invariants of the audit log: one line for each decision, and lines that
tell what happened."""

import re
from collections import Counter

from case import after, during
from record import NEVER

# Which take along what they serve, and what they have not written yet.
DEATHS = ('kill', 'crash')

LOST = re.compile(r'lines of the audit log lost: (\d+)')


def check(cases, record, remains, setting):
    missing = 0

    for case in cases.values():
        if not during(record, ('memory',), case.exchange.sent,
                      case.exchange.ended):
            yield from repeated(case)
        yield from told(case, record)

        for line in lacking(case):
            if excused(case, record, setting):
                continue

            missing += 1

            if 'disk' not in setting.accidents:
                yield f'audit: {case.describe()} has no line {line}'

    lost = sum(int(number) for number in
               LOST.findall(remains.error_log))

    # a worker that is killed tells nobody what it could not write before
    if missing > lost and not after(record, DEATHS, 0):
        yield f'audit: {missing} lines are missing, {lost} reported lost'

    if remains.broken and not after(record, (*DEATHS, 'disk'), 0):
        yield f'audit: a broken line: {remains.broken[0][:200]!r}'

    if remains.orphans and not after(
            record, (*DEATHS, 'restart', 'memory'), 0):
        yield f'audit: a line of no request: {remains.orphans[0]}'


def places(case):
    """The lines that a judged request has: places in its body."""
    opinion = case.opinions[0]
    return range(len(opinion.judgements)) if not opinion.invalid \
        and opinion.judgements else [None]


def repeated(case):
    counts = Counter(line.get('index') for line in case.lines)

    if any(count > 1 for count in counts.values()) \
            or set(counts) - set(places(case)):
        yield f'audit: lines {dict(counts)} for {case.describe()}'

    if case.exchange.whole == NEVER \
            and any(line['decision'].removeprefix('dry_') != 'invalid'
                    for line in case.lines):
        yield f'audit: a line for {case.describe()}, which never came whole'


def lacking(case):
    """What must be there: a decision was seen by the client or the server.
    """
    if not case.arrival and (case.exchange.answer is None
                             or case.failed):
        return []

    there = {line.get('index') for line in case.lines}
    return [place for place in places(case) if place not in there]


def excused(case, record, setting):
    """A worker that dies takes along what it was serving, and its buffer; one
    that is told to end at once what it was serving."""
    exchange = case.exchange

    if during(record, ('memory',), exchange.sent, exchange.ended):
        return True

    if exchange.aborted and after(record, (*DEATHS, 'restart'),
                                  exchange.sent):
        return True

    if setting.audit_buffer and after(record, DEATHS, exchange.sent):
        return True

    return during(record, (*DEATHS, 'restart'), exchange.sent,
                  exchange.ended)


def told(case, record):
    """Lines beside what the client and the server saw."""
    decisions = [line['decision'] for line in case.lines]

    for line in case.lines:
        if line.get('reason') == 'internal':
            yield from nothing_decided(case, record)
        else:
            yield from line_told(case, line)

    if case.arrival and any(not each.startswith('dry_') and each != 'allow'
                            for each in decisions):
        yield f'audit: {case.describe()} arrived, and its lines say ' \
            f'{decisions}'

    complete = len(case.lines) == len(places(case))

    if case.refused and complete and not case.arrival and case.lines \
            and all(each == 'allow' for each in decisions):
        yield f'audit: {case.describe()} was refused, and its lines say ' \
            f'{decisions}'


def nothing_decided(case, record):
    """For want of memory, in a dry run, too: nginx itself answered."""
    if not during(record, ('memory',), case.exchange.sent,
                  case.exchange.ended):
        yield f'audit: {case.describe()} failed, and no accident'

    if case.from_server or case.refused:
        yield f'audit: {case.describe()} was answered, and its line says ' \
            'that nothing was decided'


def line_told(case, line):
    decision = line['decision'].removeprefix('dry_')
    index = line.get('index')
    who = f'{case.describe()} line {index}: {line["decision"]} ' \
        f'{line.get("reason", "")}'

    if case.location.dry_run != line['decision'].startswith('dry_') \
            and decision != 'allow' and not dry_rule(case):
        yield f'audit: {who} at {case.location.uri}'

    if line.get('reason') in ('zone_full', 'approvals_full'):
        return

    allowed = set()

    for opinion in case.opinions:
        allowed |= expected(opinion, index)

    if decision not in allowed:
        yield f'audit: {who}, expected {sorted(allowed)}'


def dry_rule(case):
    return any(judgement.dry for opinion in case.opinions
               for judgement in opinion.judgements)


def expected(opinion, index):
    """Decisions that a line may tell."""
    if opinion.invalid:
        return {'invalid'}

    if index is None or index >= len(opinion.judgements):
        return {'allow'} if not opinion.judgements else set()

    judgement = opinion.judgements[index]

    if judgement.refused:
        return {'deny'}

    decisions = {'allow'}

    if len(opinion.judgements) > 1:
        decisions.add('deny')           # for the sake of another message

    if judgement.charges:
        decisions.add('limit')

    if judgement.approvals:
        decisions |= {'approve', 'deny'}     # a human may have denied it

    if judgement.dry:
        decisions |= {'deny', 'limit', 'approve'}

    return decisions
