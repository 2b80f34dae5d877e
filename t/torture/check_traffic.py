"""Invariants of what went through: nothing forbidden arrived, nothing allowed
was changed, and each client got one good answer."""

import json

import decide
from case import REFUSALS, during
from record import NEVER
from setting import TIMEOUT

DECISION = 'ngx-mcp-policy/decision'

# Accidents after which a connection may be gone.
BREAKING = ('kill', 'memory', 'restart', 'crash')
RELOADS = ('reload', 'change', 'resize', 'upgrade')

SERVER_FAILS = ('reset', 'close', 'garbage', 'hang', 'truncated',
                'reset_late', 'http_500', 'http_503')


def check(cases, record, setting):
    for case in cases.values():
        yield from arrival(case)
        yield from answer(case, record)

    for number in {each.number for each in record.arrivals} - set(cases):
        yield f'forbidden: nobody sent request {number}, but it arrived'

    for _, data in record.strays:
        yield f'forbidden: {data[:100]!r} arrived, which is no request'


def arrival(case):
    request = case.exchange.request

    if len(case.arrivals) > 1:
        yield f'twice: {case.describe()} arrived {len(case.arrivals)} times'

    for each in case.arrivals:
        if case.must_refuse:
            reasons = [opinion.invalid or [judgement.refused for judgement
                                           in opinion.judgements]
                       for opinion in case.opinions]
            yield f'forbidden: {case.describe()} arrived: {reasons}'

        if case.exchange.whole == NEVER:
            yield f'forbidden: {case.describe()} arrived and was never ' \
                'sent whole'

        if (each.method, each.uri, each.body) \
                != (request.method, request.location, request.body):
            yield f'changed: {case.describe()} is not what arrived'


def answer(case, record):
    exchange = case.exchange

    if exchange.aborted:
        return

    if exchange.answer is None:
        yield from no_answer(case, record)
    elif case.from_server:
        yield from server_answer(case, record)
    elif case.failed:
        yield from failure(case, record)
    else:
        yield from refusal(case, record)


def no_answer(case, record):
    exchange = case.exchange
    span = (exchange.opened, exchange.ended)

    if not exchange.problem:           # behind one that broke the connection
        if exchange.first:
            yield f'answer: {case.describe()} has none'
        return

    if 'malformed' in exchange.problem \
            and exchange.request.behaviour.accident == 'garbage':
        return

    if 'no answer' in exchange.problem or 'malformed' in exchange.problem:
        yield f'answer: {case.describe()}: {exchange.problem}'
        return

    # a worker that is to leave closes connections on which nothing came yet
    # and TCP drops an answer when more was sent than its sender will read
    untouched = exchange.pipelined or not case.lines and not case.arrival

    if during(record, BREAKING, *span) \
            or (untouched and during(record, RELOADS, *span)) \
            or exchange.request.behaviour.accident == 'garbage':
        return

    yield f'answer: {case.describe()}: {exchange.problem}, and no accident'


def server_answer(case, record):
    exchange = case.exchange
    given = exchange.answer

    if not case.arrival:
        yield f'answer: {case.describe()} is answered, and never arrived'
        return

    sent = case.arrival

    if given.header('x-upstream') != str(case.number):
        yield f'answer: {case.describe()} has the answer of another'

    if given.status != sent.status and not case.lists:
        yield f'changed: status {given.status} of {case.describe()}, not ' \
            f'{sent.status}'

    if case.lists and not case.location.dry_run:
        yield from lists(case, record)
    elif not given.complete:
        if not sent.answer.startswith(given.body):
            yield f'changed: the answer of {case.describe()}'
    elif given.body != sent.answer:
        yield f'changed: the answer of {case.describe()}'

    if not given.complete and not case.exchange.request.behaviour.accident \
            and not during(record, BREAKING + ('server_down',),
                           exchange.sent, exchange.ended):
        yield f'answer: {case.describe()} is cut off, and no accident'


def failure(case, record):
    """502 and the like need a reason."""
    exchange = case.exchange
    span = (exchange.sent, exchange.ended)
    status = exchange.answer.status

    if during(record, BREAKING + ('server_down',), *span):
        return

    if exchange.request.behaviour.accident in SERVER_FAILS and case.arrival:
        return

    if case.lists and status == 502 and exchange.request.behaviour.accident:
        return

    if status == 504 and late(case):
        return

    yield f'refused: {case.describe()} got {status}, and no accident'


def late(case):
    """On a machine that has a lot to do our own server may be."""
    return not case.arrival or case.arrival.answering_at \
        - case.exchange.sent_at > TIMEOUT / 2


def refusal(case, record):
    exchange = case.exchange
    yield from refusal_form(case)

    if case.arrival and not list_error(case):
        yield f'forbidden: {case.describe()} was refused, and arrived'

    if case.may_refuse or list_error(case) or during(
            record, BREAKING, exchange.sent, exchange.ended):
        return

    if any(each.counts or each.asks for each in case.opinions):
        return                         # for check_counters, check_approvals

    yield f'refused: {case.describe()}, which every policy allows: ' \
        f'{exchange.answer.status} {exchange.answer.body[:200]!r}'


def list_error(case):
    """The list could not be shown, which is no refusal of the call."""
    return case.lists and case.arrival is not None \
        and b'-32603' in case.exchange.answer.body


def refusal_form(case):
    """One JSON-RPC answer for each request, with its id."""
    given = case.exchange.answer
    wanted = [each.id for each in case.messages if each.kind == 'request']

    if given.status == 202:
        if given.body or wanted:
            yield f'answer: 202 for {case.describe()}'
        return

    try:
        body = json.loads(given.body)
    except ValueError:
        yield f'answer: no JSON for {case.describe()}: {given.body[:80]!r}'
        return

    items = body if isinstance(body, list) else [body]

    for item in items:
        yield from refusal_item(case, item)

    if not case.messages or given.status >= 400:
        return

    ids = [json.dumps(item.get('id')) for item in items]

    if len(ids) != len(wanted) or isinstance(body, list) != case.batch:
        yield f'answer: {len(ids)} answers for {case.describe()}'


def refusal_item(case, item):
    if item.get('jsonrpc') != '2.0' or ('error' in item) == ('result' in item):
        yield f'answer: no JSON-RPC for {case.describe()}: {item}'
    elif 'error' in item:
        if item['error'].get('code') not in REFUSALS | {-32603}:
            yield f'answer: an odd code for {case.describe()}: {item}'
    elif not item['result'].get('isError') or DECISION \
            not in item['result'].get('_meta', {}):
        yield f'answer: no refusal for {case.describe()}: {item}'


def lists(case, record):
    """Exactly what one of the policies shows, or an error in its place."""
    given = case.exchange.answer

    for hidden in never_shown(case):
        if json.dumps(hidden).encode() in given.body:
            yield f'forbidden: the list of {case.describe()} shows {hidden}'

    accident = case.exchange.request.behaviour.accident or during(
        record, BREAKING + ('server_down',), case.exchange.sent,
        case.exchange.ended)

    if accident or not given.complete or b'-32603' in given.body:
        if not accident and b'-32603' in given.body:
            yield f'refused: the list of {case.describe()}'
        return

    sent = case.arrival.answer
    wanted = [filtered(case, policy, parts(sent)) for policy in case.policies]

    if parts(given.body) not in wanted:
        yield f'changed: the list of {case.describe()}'
    elif parts(given.body) == parts(sent) and given.body != sent:
        yield f'changed: the bytes of the list of {case.describe()}'


def never_shown(case):
    """Names that no policy of the moment shows."""
    kinds = {'tools/list': ('tool', 'tools'),
             'prompts/list': ('prompt', 'prompts')}
    names = set()
    shown = set()

    for each in case.messages:
        if each.method in kinds:
            kind, member = kinds[each.method]
            every = listed(case.arrival.answer, member)
            names |= every
            shown |= {name for policy in case.policies for name in every
                      if decide.shown(policy, kind, name, case.caller)}

    return names - shown


def listed(data, member):
    return {item['name'] for part in parts(data) if isinstance(part, dict)
            for item in part.get('result', {}).get(member, [])}


def parts(data):
    """All messages of an answer, of JSON or of events."""
    text = data.decode('utf-8', 'replace')
    texts = [line[6:] for line in text.split('\n')
             if line.startswith('data: ')] or [text]
    found = []

    for each in texts:
        try:
            value = json.loads(each)
        except ValueError:
            return [text]

        found += value if isinstance(value, list) else [value]

    return found


def filtered(case, policy, items):
    """What the policy leaves of the messages of an answer."""
    methods = {each.id.text: each.method for each in case.messages
               if hasattr(each.id, 'text')}
    kinds = {'tools/list': ('tools', 'tool'),
             'prompts/list': ('prompts', 'prompt')}
    result = []

    for item in items:
        method = methods.get(str(item.get('id'))) \
            if isinstance(item, dict) else None

        if method in kinds and 'result' in item:
            member, kind = kinds[method]
            rest = [each for each in item['result'][member]
                    if decide.shown(policy, kind, each['name'], case.caller)]
            item = item | {'result': item['result'] | {member: rest}}

        result.append(item)

    return result
