"""Random policies, over few names so that calls often meet their rules."""

from policy import (Any, Approve, Block, Condition, Deny, DenyIf, Limit,
                    Policy, Rule)

TOOLS = ('search', 'get_user', 'get_order', 'get_drop_all', 'list_1',
         'admin.wipe', 'send/mail', 'refund', 'Search', 'deploy-now',
         'späte', 'unknown')
PATTERNS = ('search', 'get_user', 'get_order', 'get_*', 'get_drop*',
            '~^list_[0-9]+$', '~*^SEARCH$', 'admin.*', 'send/mail', 'refund',
            'deploy-*', '*_all', 'späte')
HIDE = ('admin.*', '*_all', 'unknown', '~^list_')

PROMPTS = ('summary', 'get_prompt', 'secret')
RESOURCES = ('file:///docs/a', 'file:///docs/keys/k', 'file:///etc/b')

ROLES = ('admin', 'ops', 'guest', '')

NUMBERS = ('5', '5.0', '50e-1', '0', '100', '100.5', '9007199254740993',
           '-1')
WORDS = ('EUR', 'USD', 'a@example.com', 'b@evil.org', '5', '', 'é', 'true',
         'null')
NAMES = ('amount', 'to', 'flag', 'note')
PATHS = (*NAMES, 'items[*]', 'items[0]', 'obj.k', '"odd.name"')
EXPRESSIONS = ('^[A-Z]+$', r'@example\.com$', 'a', '^$')


def generate(rng, name, form='conf', approvals=True):
    """One policy.  form: conf, hosted, intercept."""
    if form != 'conf':
        return generate_file(rng, name, form)

    policy = Policy(name, rng.choice(('deny', 'allow')),
                    rng.sample(HIDE, rng.choice((0, 0, 1, 2))))
    maker = Maker(rng, name, approvals)

    for pattern in rng.sample(PATTERNS, rng.randint(3, 8)):
        policy.blocks.append(Block('tool', [pattern], maker.items()))

    if rng.random() < 0.5:
        policy.blocks.append(Block('tool', ['*'], maker.items(few=True)))

    if rng.random() < 0.4:
        policy.blocks.append(Block('prompt', ['get_*', 'summary'],
                                   maker.items(few=True)))

    if rng.random() < 0.4:
        policy.blocks += [Block('resource', ['file:///docs/*']),
                          Block('resource', ['file:///docs/keys/*'],
                                [Deny('Keys are not for reading.')])]

    if rng.random() < 0.4:
        policy.blocks.append(Block('method', ['acme/*'], rng.choice(
            ([], [Deny('Not today.')], [maker.require()]))))

    return policy


class Maker:
    """Rules; what must be unique in a policy is counted here."""

    def __init__(self, rng, policy, approvals):
        self.rng = rng
        self.policy = policy
        self.approvals = approvals
        self.places = 0
        self.shared = Limit(str(rng.choice((3, 6, 10))),
                            rng.choice(('minute', 'hour')), self.per(),
                            'shared', '', rng.choice(('fixed', 'sliding')))

    def place(self):
        self.places += 1
        return str(self.places)

    def items(self, few=False):
        rng = self.rng
        windows = ['minute', 'hour', 'day', '10s', '90m']
        rng.shuffle(windows)
        chance = rng.random()

        if chance < 0.15:
            return []

        if chance < 0.45:
            return [self.limit(windows.pop())]

        if chance < 0.6 and self.approvals and not few:
            return [self.approve()]

        makers = [self.condition, self.condition, self.any, self.deny_if,
                  self.deny_if, self.require, lambda: self.rule(windows),
                  lambda: self.rule(windows), lambda: self.rule(windows),
                  lambda: self.limit(windows.pop()),
                  lambda: self.limit(windows.pop())]

        if not few:
            makers += [lambda: Deny('No.')]
            makers += [self.approve] if self.approvals else []

        chosen = rng.sample(makers, rng.choice((1, 1, 1, 2, 3)))
        items = [make() for make in chosen]
        shared = [item for item in items
                  if isinstance(item, Limit) and item.counter]
        asked = [item for item in items if isinstance(item, Approve)]

        return [item for item in items
                if item not in shared[1:] + asked[1:]]

    def condition(self):
        rng = self.rng
        path = rng.choice(PATHS)
        op = rng.choice(('eq', 'neq', 'in', 'not_in', 'lt', 'lte', 'gt',
                         'gte', 'regex', 'not_regex', 'contains', 'exists',
                         'absent', 'length_lte', 'type'))
        return Condition(path, op, self.values(op))

    def values(self, op):
        rng = self.rng

        if op in ('exists', 'absent'):
            return ()

        if op in ('lt', 'lte', 'gt', 'gte'):
            return (rng.choice(NUMBERS),)

        if op in ('regex', 'not_regex'):
            return (rng.choice(EXPRESSIONS),)

        if op == 'length_lte':
            return (rng.choice(('0', '1', '3', '100')),)

        if op == 'type':
            return tuple(rng.sample(
                ('string', 'number', 'integer', 'boolean', 'array',
                 'object', 'null'), rng.randint(1, 3)))

        pool = [each for each in WORDS + NUMBERS if each]
        count = rng.randint(2, 4) if op in ('in', 'not_in') else 1
        return tuple(rng.sample(sorted(set(pool)), count))

    def require(self):
        op = self.rng.choice(('eq', 'neq', 'in', 'regex', 'exists'))
        values = {'eq': ('admin',), 'neq': ('guest',), 'exists': (),
                  'in': ('admin', 'ops'), 'regex': ('^[ao]',)}[op]
        return Condition('$http_x_role', op, values)

    def any(self):
        return Any([self.condition(), self.rng.choice(
            (self.condition, self.require))()])

    def deny_if(self):
        return DenyIf([self.condition() for _ in
                       range(self.rng.randint(1, 2))],
                      self.rng.choice(('', 'Not like this.')))

    def rule(self, windows):
        rng = self.rng
        items = [rng.choice((self.condition, self.require))()
                 for _ in range(rng.randint(1, 2))]
        effect = rng.choice((None, Deny('By rule.'), 'limit', 'approve'))

        if effect == 'limit':
            effect = self.limit(windows.pop(), own=True)
        elif effect == 'approve':
            effect = self.approve() if self.approvals else Deny()

        if effect:
            items.append(effect)

        return Rule(f'rule {self.place()}', items,
                    dry_run=not isinstance(effect, (Limit, Approve))
                    and rng.random() < 0.1)

    def approve(self):
        return Approve(ttl=self.rng.choice(('10m', '1h')),
                       wait=self.rng.choice(('', '', '', '1s')),
                       place=self.place())

    def per(self):
        return self.rng.choice((('grant',), ('grant',), ('session',),
                                ('global',), ('args.to',),
                                ('grant', 'args.to'),
                                ('$http_x_tenant',)))

    def limit(self, window, own=False):
        rng = self.rng

        if not own and rng.random() < 0.25:
            return Limit(rng.choice((self.shared.amount, '4')),
                         self.shared.window, self.shared.per, 'shared',
                         rng.choice(('', 'args.amount')),
                         self.shared.algorithm)

        algorithm = rng.choice(('fixed', 'fixed', 'sliding', 'bucket'))

        return Limit(rng.choice(('1', '2', '3', '5', '7.5', '20')), window,
                     self.per(), '',
                     rng.choice(('', '', '', '0.5', '2', 'args.amount')),
                     algorithm,
                     rng.randint(1, 4) if algorithm == 'bucket' else 0,
                     self.place())


def generate_file(rng, name, form):
    """What both files can say; names are exact there."""
    policy = Policy(name, rng.choice(('deny', 'allow')),
                    rng.sample(('unknown', 'admin.wipe'), rng.randint(0, 2)),
                    form=form)
    names = [each for each in TOOLS if each not in policy.hide]

    for tool in rng.sample(names, rng.randint(3, 7)):
        policy.blocks.append(Block('tool', [tool],
                                   file_items(rng, name, tool, form)))

    return policy


def file_items(rng, policy, tool, form):
    items = [file_condition(rng) for _ in range(rng.choice((0, 1, 1, 2)))]

    if form == 'hosted' and rng.random() < 0.5:
        items.append(DenyIf([file_condition(rng, denying=True)]))

    if rng.random() < 0.5:
        amount = str(rng.choice((1, 2, 5)))
        window = rng.choice(('minute', 'hour', 'day'))
        counter = rng.choice(('calls', 'mails')) + '_' + window \
            if form == 'hosted' else ''
        items.append(Limit(amount, window, ('grant',), counter,
                           place=f'{policy} {tool}'))
    elif rng.random() < 0.15:
        items.append(Deny())

    return items or ([Condition('to', 'exists')] if form == 'intercept'
                     else [])


def file_condition(rng, denying=False):
    op = rng.choice(('eq', 'neq', 'in', 'not_in', 'lte', 'gt', 'regex',
                     'exists'))
    pool = [5, 100, 0, 'EUR', 'USD', '5', 'é']
    values = {'lte': (rng.choice((5, 100)),), 'gt': (rng.choice((5, 100)),),
              'regex': (rng.choice(EXPRESSIONS),), 'exists': ()}.get(op)

    if values is None:
        values = tuple(rng.sample(pool, 2 if op in ('in', 'not_in') else 1))

    return Condition(rng.choice((*NAMES, 'obj.k')), op, values)


def change(rng, policy):
    """The policy after an edit: other conditions, the same counters."""
    other = Policy(policy.name, policy.default, list(policy.hide),
                   form=policy.form, zone=policy.zone)
    file = policy.form != 'conf'
    maker = Maker(rng, policy.name, approvals=False)

    for block in policy.blocks:
        items = list(block.items)

        if rng.random() < 0.3:
            items = [item for item in items if not isinstance(item, Deny)]

        if rng.random() < 0.3:
            items.insert(0, file_condition(rng) if file
                         else maker.condition())

        if file and not items and policy.form == 'intercept':
            items = [Condition('to', 'exists')]

        other.blocks.append(Block(block.kind, block.patterns, items))

    if not file and rng.random() < 0.3:
        other.hide = rng.sample(HIDE, rng.randint(0, 2))

    return other
