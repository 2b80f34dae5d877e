"""Invariants of approvals: each lets one call through, and what a human has
approved passes."""

from case import after

UNCERTAIN = ('kill', 'memory', 'resize', 'change', 'edit', 'zone_full',
             'restart', 'crash', 'upgrade')


def check(cases, record, setting):
    owners = owners_of(cases)
    calls = calls_of(cases)

    for key, asking in calls.items():
        yield from never_more(key, asking, owners, record)

    for case in cases.values():
        yield from justified(case, cases, owners, record)


def owners_of(cases):
    """Which calls an approval may be for, from the lines that named it."""
    owners = {}

    for case in cases.values():
        for line in case.lines:
            approval = line.get('approval')
            index = line.get('index', 0)

            for opinion in case.opinions if approval else []:
                if index < len(opinion.judgements):
                    owners.setdefault(approval, set()).update(
                        opinion.judgements[index].approvals)

    return owners


def calls_of(cases):
    """Those that need an approval under every policy, by what they need."""
    calls = {}

    for case in cases.values():
        if case.location.dry_run:
            continue

        for key in needed(case):
            calls.setdefault(key, []).append(case)

    return calls


def needed(case):
    """With repetitions: two equal calls in a batch need two."""
    keys = [[key for judgement in opinion.judgements
             for key in judgement.approvals] for opinion in case.opinions]
    return [key for key in keys[0]
            if all(key in others for others in keys)] if keys else []


def never_more(key, asking, owners, record):
    """Calls that arrived, and decisions that let them."""
    arrived = sorted(case.arrival.tick for case in asking if case.arrival)
    approved = sorted(each.begin for each in record.decisions
                      if each.verb == 'approve' and each.status in (200, 0)
                      and key in owners.get(each.approval, {key}))

    for count, tick in enumerate(arrived, 1):
        if count > sum(begin < tick for begin in approved):
            yield f'approval: {count} calls of {key[:4]} arrived, and not ' \
                'so many had been approved'
            return


def justified(case, cases, owners, record):
    """A call that a human approved is not asked for again."""
    exchange = case.exchange
    lines = [line for line in case.lines if line['decision'] == 'approve']

    if not lines or case.location.dry_run or not case.certain:
        return

    if not any(opinion.asks for opinion in case.opinions):
        yield f'refused: {case.describe()} needs no approval, and was asked'
        return

    if after(record, UNCERTAIN, 0) or len(record.clock) > 1 \
            or case.batch or len(needed(case)) != 1:
        return

    key = needed(case)[0]
    approved = [each for each in record.decisions
                if each.verb == 'approve' and each.status == 200
                and each.end < exchange.sent
                and owners.get(each.approval) == {key}]
    used = [other for other in cases.values() if other is not case
            and not other.refused and key in needed(other)
            and other.exchange.sent <= exchange.ended]

    if len(approved) > len(used):
        yield f'refused: {case.describe()} though it was approved'
