"""Invariants of limits: never more than a limit gives, and no refusal while
it has something left.

Both look at the same calls from opposite sides.  For the first only calls
count that the server has seen, and that were certainly not given back; for
the second all that may have been charged.
"""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from case import during, overlaps
from check_traffic import BREAKING, RELOADS
from policy import seconds
from record import NEVER

# The module counts in millionths and rounds up.
GRAIN = Decimal('0.00001')


@dataclass
class Entry:
    """A charge that a call made, or may have made."""
    case: object
    limit: object
    cost: Decimal
    times: list                # milliseconds that the clock may have said
    certain: bool              # under all policies of the moment

    @property
    def arrival(self):
        return self.case.arrival


def entries_of(cases, record):
    """By key."""
    entries = {}

    for case in cases.values():
        if case.location.dry_run or case.must_refuse:
            continue

        tables = [Counter((charge.key, charge.cost)
                          for judgement in opinion.judgements
                          for charge in judgement.charges)
                  for opinion in case.opinions if not opinion.refuses]
        limits = {charge.key: charge.limit for opinion in case.opinions
                  for judgement in opinion.judgements
                  for charge in judgement.charges}
        end = case.arrival.tick if case.arrival else case.exchange.ended
        times = record.times(case.exchange.sent, end)
        always = len(tables) == len(case.opinions)

        for key, cost in {each for table in tables for each in table}:
            least = min(table[key, cost] for table in tables) if always else 0
            most = max(table[key, cost] for table in tables)
            entries.setdefault(key, []).extend(
                Entry(case, limits[key], cost, times, at < least)
                for at in range(most))

    return entries


def check(cases, record, setting):
    entries = entries_of(cases, record)

    for key, charged in entries.items():
        open_zone = any(each.case.location.zone_full == 'allow'
                        for each in charged)

        if not open_zone:
            yield from never_more(key, charged, record)

    for case in cases.values():
        yield from justified(case, entries, record, setting)


def never_more(key, charged, record):
    """What the server has seen, with all that may be given back."""
    amount = max(Decimal(each.limit.amount) for each in charged)
    events = []

    for each in charged:
        if not each.arrival or not each.certain or len(each.times) != 1:
            continue

        back = given_back(each, record)

        if back <= each.arrival.tick:
            continue                   # and may never have been held

        events.append((each.arrival.tick, 1, each))

        if back < NEVER:
            events.append((back, 0, each))

    cell = cell_of(charged[0].limit, amount)

    for tick, charging, each in sorted(events, key=lambda event: event[:2]):
        if not charging:
            cell.refund(each)
            continue

        cell.forget(record, tick)
        used = cell.charge(each, each.times[0], tick)

        if used > cell.room:
            yield f'limit: {float(used)} of {cell.room} used by {key} when ' \
                f'{each.case.describe()} arrived'
            return


def given_back(each, record):
    """The first tick at which a call may have been given back, or forgotten
    in a crash or by an upgrade.  A gateway that fails while a call is under
    way may do it before the server has read the call."""
    case = each.case
    behaviour = case.exchange.request.behaviour

    lost = min((fault.begin if fault.kind == 'crash'
                else fault.details['kept'] for fault in record.faults
                if fault.kind in ('crash', 'upgrade')
                and fault.details['kept'] < case.arrival.tick < fault.end),
               default=NEVER)

    if case.location.refund == 'off':
        return lost

    if case.failed:
        return case.arrival.tick

    answer = case.exchange.answer
    over = case.exchange.ended if answer and answer.complete else NEVER
    down = min((fault.begin for fault in record.faults
                if fault.kind in ('server_down', 'memory')
                and overlaps(fault, case.arrival.tick, over)),
               default=NEVER)

    if behaviour.outcome == 'result' and not behaviour.accident:
        return min(max(down, case.arrival.tick), lost)

    return min(case.arrival.answering, max(down, case.arrival.tick), lost)


class Windows:
    """fixed and sliding: the count of a window, and of the one before."""

    def __init__(self, limit, amount):
        self.length = seconds(limit.window) * 1000
        self.sliding = limit.algorithm == 'sliding'
        self.room = amount
        self.number = None
        self.current = self.previous = Fraction(0)
        self.seen = self.tick = 0
        self.charged = {}

    def forget(self, record, tick):
        """What is over by any clock meanwhile may have been swept."""
        if self.number is None:
            return

        windows = 2 if self.sliding else 1
        latest = max(record.times(self.tick, tick), default=0)

        if latest >= (self.number + windows) * self.length:
            self.number = None

    def roll(self, time):
        number = time // self.length

        if self.number is None:
            self.current = self.previous = Fraction(0)
            self.seen = 0
        elif number == self.number + 1:
            self.previous, self.current = self.current, Fraction(0)
        elif number > self.number:
            self.previous = self.current = Fraction(0)

        self.number = number

    def charge(self, entry, time, tick):
        time = max(time, self.seen if self.number is not None else 0)
        self.roll(time)
        self.seen, self.tick = time, tick
        self.current += Fraction(entry.cost)
        self.charged[id(entry)] = self.number
        return self.used(time)

    def used(self, time):
        if not self.sliding:
            return self.current

        left = self.length - time % self.length
        return self.current + self.previous * left / self.length

    def refund(self, entry):
        number = self.charged.pop(id(entry), None)

        if number is None or self.number is None:
            return

        if number == self.number:
            self.current = max(Fraction(0),
                               self.current - Fraction(entry.cost))
        elif number == self.number - 1:
            self.previous = max(Fraction(0),
                                self.previous - Fraction(entry.cost))


class Bucket:
    """What has been charged and has not leaked yet."""

    def __init__(self, limit, amount):
        self.rate = Fraction(amount) / (seconds(limit.window) * 1000)
        self.room = limit.burst or 1
        self.debt = Fraction(0)
        self.seen = self.tick = 0

    def forget(self, record, tick):
        latest = max(record.times(self.tick, tick), default=0)

        if self.debt and latest >= self.seen + self.debt / self.rate:
            self.debt = Fraction(0)
            self.seen = 0

    def charge(self, entry, time, tick):
        time = max(time, self.seen)
        self.debt = max(Fraction(0),
                        self.debt - (time - self.seen) * self.rate)
        self.seen, self.tick = time, tick
        self.debt += Fraction(entry.cost)
        return self.debt

    def refund(self, entry):
        self.debt = max(Fraction(0), self.debt - Fraction(entry.cost))


def cell_of(limit, amount):
    return (Bucket if limit.algorithm == 'bucket' else Windows)(limit, amount)


def justified(case, entries, record, setting):
    """A refusal by a limit needs one that may have been used up."""
    lines = [line for line in case.lines
             if line['decision'] == 'limit'
             or line.get('reason') == 'zone_full']
    exchange = case.exchange

    if not lines or case.location.dry_run:
        return

    if during(record, BREAKING + ('resize',), exchange.begin, exchange.ended):
        return

    if 'zone_full' in setting.accidents \
            and any(line.get('reason') == 'zone_full' for line in lines):
        return

    own = Counter()
    limits = {}

    for opinion in case.opinions:
        for judgement in opinion.judgements:
            for charge in judgement.charges:
                own[charge.key] += charge.cost
                limits.setdefault(charge.key, []).append(charge.limit)

    for key, cost in own.items():
        others = [each for each in entries.get(key, [])
                  if each.case is not case and may_hold(each, case, record)]
        least = min(limits[key], key=lambda limit: Decimal(limit.amount))

        if may_be_full(least, cost, others, case, record):
            return

    yield f'refused: {case.describe()} by a limit that has room: ' \
        f'{lines[0].get("rule")}'


def may_hold(each, case, record):
    """Whether it may have been charged, and not given back, at the time of
    the other call."""
    mine, other = each.case.exchange, case.exchange

    if mine.sent > other.ended or each.case.refused:
        return False

    return not (mine.ended < other.sent and surely_back(each.case, record))


def surely_back(case, record):
    """The client saw its error after the charge was given back."""
    exchange = case.exchange
    answer = exchange.answer
    refund = case.location.refund

    if refund == 'off' or answer is None or not answer.complete \
            or during(record, BREAKING + RELOADS, exchange.sent,
                      exchange.ended) \
            or any(fault.kind in ('crash', 'upgrade')
                   and exchange.sent < fault.end
                   and fault.details['kept'] < exchange.ended
                   for fault in record.faults):
        return False

    if case.failed or answer.status >= 500:
        return True

    behaviour = exchange.request.behaviour

    if not case.from_server or behaviour.accident or case.batch:
        return False

    return behaviour.outcome == 'rpc_error' \
        or (behaviour.outcome == 'tool_error' and refund == 'tool_error')


def may_be_full(limit, cost, others, case, record):
    back = any(fault.kind == 'clock' and fault.details['seconds'] < 0
               and fault.begin <= case.exchange.ended
               for fault in record.faults)

    if back:
        room = limit.burst or 1 if limit.algorithm == 'bucket' \
            else Decimal(limit.amount)
        return sum(each.cost for each in others) + cost > room - GRAIN

    return any(full_at(now, limit, cost, others) for now in record.times(
        case.exchange.sent, case.exchange.ended))


def full_at(now, limit, cost, others):
    """With all charges as late as they may have been."""
    cell = cell_of(limit, Decimal(limit.amount))
    charges = [(max(time for time in each.times if time <= now), each)
               for each in others if min(each.times) <= now]

    for time, each in sorted(charges, key=lambda charge: charge[0]):
        cell.charge(each, time, 0)

    nothing = Entry(None, limit, Decimal(0), [], True)
    used = cell.charge(nothing, now, 0)
    return used + Fraction(cost) > Fraction(Decimal(cell.room) - GRAIN)
