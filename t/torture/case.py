"""Each request beside what the policies of its moment say of it."""

from dataclasses import dataclass, field

import decide
import message
from record import NEVER
from strict_json import Refused

REFUSALS = {-31001, -31002, -31003, -31004, -32600, -32601, -32602, -32700,
            -32020, -32022}


@dataclass
class Opinion:
    """Of one policy."""
    invalid: str = ''
    judgements: list = field(default_factory=list)

    @property
    def refuses(self):
        return bool(self.invalid) or any(each.refused
                                         for each in self.judgements)

    @property
    def counts(self):
        return any(each.charges for each in self.judgements)

    @property
    def asks(self):
        return any(each.approvals for each in self.judgements)


@dataclass
class Case:
    exchange: object
    location: object
    arrivals: list
    messages: list                # as they can be read; empty: not at all
    batch: bool
    opinions: list                # one for each policy that was in force
    caller: dict
    policies: list
    request_ids: set = field(default_factory=set)
    lines: list = field(default_factory=list)       # of the audit log

    @property
    def number(self):
        return self.exchange.request.number

    @property
    def arrival(self):
        return self.arrivals[0] if self.arrivals else None

    @property
    def must_refuse(self):
        return not self.location.dry_run \
            and all(each.refuses for each in self.opinions)

    @property
    def may_refuse(self):
        return not self.location.dry_run \
            and any(each.refuses for each in self.opinions)

    @property
    def certain(self):
        """One policy, and nobody else's state in it."""
        return len(self.opinions) == 1

    @property
    def from_server(self):
        answer = self.exchange.answer
        return answer is not None and answer.header('x-upstream') is not None

    @property
    def failed(self):
        """An answer of nginx, because the server has none."""
        answer = self.exchange.answer
        return answer is not None and not self.from_server \
            and answer.status in (500, 502, 503, 504)

    @property
    def refused(self):
        return self.exchange.answer is not None and not self.from_server \
            and not self.failed and self.exchange.answer.complete

    @property
    def lists(self):
        return any(each.method in message.LISTS for each in self.messages)

    def describe(self):
        request = self.exchange.request
        return f'request {self.number} ({request.method} {request.location})'


def caller_of(request):
    headers = dict(request.lower_headers())
    return {'grant': headers.get('x-grant', ''),
            'session': headers.get('mcp-session-id', ''),
            '$http_x_role': headers.get('x-role', ''),
            '$http_x_tenant': headers.get('x-tenant', '')}


def opinion_of(policy, body, caller):
    if isinstance(body, str):
        return Opinion(invalid=body)

    return Opinion(judgements=[decide.judge(policy, each, caller)
                               for each in body.messages])


def read(request):
    """A body, or why there is none."""
    if request.method != 'POST':
        if request.method not in ('GET', 'HEAD', 'DELETE', 'OPTIONS'):
            return 'http method'

        return 'unexpected body' if request.body \
            else message.Body([], False, '')

    try:
        return message.read(request.lower_headers(), request.body)
    except Refused as error:
        return str(error)


def build(setting, record, remains):
    """Cases by number."""
    arrivals = {}

    for each in record.arrivals:
        arrivals.setdefault(each.number, []).append(each)

    cases = {}

    for exchange in record.exchanges:
        request = exchange.request
        body = read(request)
        caller = caller_of(request)
        policies = record.policies(request.location, exchange.begin,
                                   exchange.ended)
        cases[request.number] = Case(
            exchange, setting.location(request.location),
            arrivals.get(request.number, []),
            [] if isinstance(body, str) else body.messages,
            not isinstance(body, str) and body.batch,
            [opinion_of(each, body, caller) for each in policies],
            caller, policies)

    assign_lines(cases, remains)
    return cases


def assign_lines(cases, remains):
    """Lines of the audit log belong to requests by nginx's $request_id."""
    owners = {}

    for line in remains.access:
        if len(line) == 4 and line[1].isdigit():
            owners[line[0]] = int(line[1])

    for case in cases.values():
        for arrival in case.arrivals:
            owners[arrival.request_id] = case.number

        answer = case.exchange.answer

        if answer and answer.header('x-request-id'):
            owners[answer.header('x-request-id')] = case.number

    remains.orphans = []

    for line in remains.audit:
        if 'event' in line:
            continue

        case = cases.get(owners.get(line.get('request_id')))

        if case:
            case.lines.append(line)
        else:
            remains.orphans.append(line)


def overlaps(fault, begin, end):
    return fault.begin <= end and fault.end >= begin


def during(record, kinds, begin, end):
    """Whether such an accident happened between two ticks."""
    return any(fault.kind in kinds and overlaps(fault, begin, end)
               for fault in record.faults)


def after(record, kinds, begin):
    return during(record, kinds, begin, NEVER)
