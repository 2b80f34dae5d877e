"""What happened, in the order in which the harness saw it.

One process plays clients, server and accidents, so one count of ticks orders
all that it did: what was sent before a tick was on its way then, and what was
received had been done before.
"""

import itertools
import json
from dataclasses import dataclass, field

NEVER = float('inf')


@dataclass
class Answer:
    status: int
    headers: list
    body: bytes
    complete: bool = True

    def header(self, wanted):
        for name, value in self.headers:
            if name == wanted:
                return value
        return None


@dataclass
class Exchange:
    """One request as its client saw it."""
    request: object
    opened: float                # the tick at which the connection was made
    first: bool                  # on its connection
    pipelined: bool = False
    sent: float = NEVER          # before its first byte
    whole: float = NEVER         # after its last byte; NEVER: not sent whole
    ended: float = NEVER         # answer, or end of the connection
    answer: Answer = None
    aborted: bool = False        # by the client itself
    problem: str = ''            # what is wrong with the answer's form
    sent_at: float = 0           # by the clock on the wall

    @property
    def begin(self):
        """From when on a worker may have it: one that is about to leave
        still serves a connection on which nothing had come."""
        return self.opened if self.first else self.sent


@dataclass
class Arrival:
    """One request as the server saw it."""
    number: int
    tick: float
    method: str
    uri: str
    headers: list
    body: bytes
    request_id: str
    answering: float = NEVER     # before its answer, or its end, began
    answer: bytes = b''          # body, as far as it was sent
    status: int = 0
    whole: bool = False          # the answer was sent to its end
    answering_at: float = NEVER


@dataclass
class Fault:
    kind: str
    begin: float
    end: float = NEVER
    details: dict = field(default_factory=dict)


@dataclass
class Decision:
    """What the human told the gateway about an approval."""
    approval: str
    verb: str
    begin: float
    end: float
    status: int


class Record:
    def __init__(self):
        self.ticks = itertools.count(1)
        self.exchanges = []
        self.arrivals = []
        self.strays = []          # bytes that were no request
        self.faults = []
        self.decisions = []
        self.clock = []           # (tick, milliseconds)
        self.versions = []        # (first tick, last tick, {location: Policy})

    def tick(self):
        return next(self.ticks)

    def fault(self, kind, **details):
        fault = Fault(kind, self.tick(), details=details)
        self.faults.append(fault)
        return fault

    def times(self, begin, end):
        """What the clock may have said between two ticks."""
        values = []

        for at, (tick, value) in enumerate(self.clock):
            until = self.clock[at + 1][0] if at + 1 < len(self.clock) \
                else NEVER

            if tick <= end and until >= begin:
                values.append(value)

        return values

    def policies(self, location, begin, end):
        """Those that may have judged a request between two ticks."""
        return [policies[location] for first, last, policies in self.versions
                if first <= end and last >= begin]

    def write(self, directory):
        """For people: traffic, and what the server got."""
        with open(f'{directory}/traffic.jsonl', 'w') as file:
            for each in self.exchanges:
                print(json.dumps(exchange_line(each)), file=file)

        with open(f'{directory}/upstream.jsonl', 'w') as file:
            for each in self.arrivals:
                print(json.dumps(vars(each) | {
                    'body': show(each.body), 'answer': show(each.answer)}),
                    file=file)

        with open(f'{directory}/faults.jsonl', 'w') as file:
            for each in self.faults + self.decisions:
                print(json.dumps(vars(each)), file=file)
            print(json.dumps({'clock': self.clock}), file=file)


def exchange_line(exchange):
    request = exchange.request
    answer = exchange.answer

    return {'number': request.number, 'location': request.location,
            'method': request.method, 'headers': request.headers,
            'body': show(request.body), 'chunked': request.chunked,
            'abort_at': request.abort_at,
            'abort_answer': request.abort_answer,
            'behaviour': vars(request.behaviour),
            'opened': exchange.opened, 'first': exchange.first,
            'sent': exchange.sent, 'whole': exchange.whole,
            'ended': exchange.ended, 'aborted': exchange.aborted,
            'problem': exchange.problem,
            'status': answer and answer.status,
            'answer': answer and show(answer.body),
            'complete': answer and answer.complete}


def show(data):
    return data.decode('utf-8', 'backslashreplace')[:4000]
