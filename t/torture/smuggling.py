"""Ways to say one thing to a gateway and another to a server.

What comes out may still be a valid message: whether it is, the oracle finds
out by reading it.
"""


def corrupt(rng, headers, body):
    way = rng.choice((twice, twice, escaped_twice, case_variant, case_variant,
                      nul, hybrid, trailing, encoding, no_json, deep, cut,
                      flip, flip, media, header, header, session, ids))
    return way(rng, headers, body)


def insert(body, marker, text):
    """Before the first place where the marker is."""
    at = body.find(marker)
    return body if at < 0 else body[:at] + text + body[at:]


def twice(rng, headers, body):
    member = rng.choice((b'"method":"ping",', b'"name":"search",',
                         b'"id":1,', b'"params":{},', b'"arguments":{},'))
    return headers, insert(body, member.split(b':')[0], member)


def escaped_twice(rng, headers, body):
    member = rng.choice((b'"n\\u0061me":"search",',
                         b'"m\\u0065thod":"ping",',
                         b'"arg\\u0075ments":{},'))
    plain = {b'"n': b'"name"', b'"m': b'"method"',
             b'"a': b'"arguments"'}[member[:2]]
    return headers, insert(body, plain, member)


def case_variant(rng, headers, body):
    name = rng.choice((b'Name', b'METHOD', b'Arguments', b'param\xc5\xbf',
                       b'_Meta', b'ID', b'Jsonrpc'))
    return headers, insert(body, rng.choice((b'"name"', b'"method"')),
                           b'"%s":1,' % name)


def nul(rng, headers, body):
    return headers, body.replace(
        *rng.choice(((b'"name"', b'"name\\u0000"'),
                     (b'"search"', b'"search\\u0000"'),
                     (b'"to"', b'"t\\u0000o"'),
                     (b'"EUR"', b'"EUR\\ud800"'),
                     (b'"note"', b'"\\udc00"'))))


def hybrid(rng, headers, body):
    return headers, insert(body, b'"method"', rng.choice(
        (b'"result":{},', b'"error":{"code":1,"message":"m"},',
         b'"extra":1,', b'"jsonrpc":"1.0",')))


def trailing(rng, headers, body):
    return headers, body + rng.choice((b'{}', b'x', b'\0', b' \n', b','))


def encoding(rng, headers, body):
    return headers, rng.choice((
        b'\xef\xbb\xbf' + body, body.replace(b'"', b'"\xff', 1),
        body.replace(b'search', b's\xc1\xa5arch', 1),
        body.replace(b'"jsonrpc"', b'"\xed\xa0\x80":1,"jsonrpc"', 1),
        body.decode('utf-8', 'replace').encode('utf-16')))


def no_json(rng, headers, body):
    return headers, insert(body, b'"jsonrpc"', rng.choice(
        (b'"x":NaN,', b'"x":01,', b'/**/', b"'x':1,", b'"x":"\n",',
         b'"x":Infinity,', b'"x":+1,', b',')))


def deep(rng, headers, body):
    levels = rng.choice((10, 60, 61, 62, 63, 64, 65, 5000))
    return headers, body.replace(b'"arguments"', b'"more":'
                                 + b'[' * levels + b']' * levels
                                 + b',"arguments"', 1)


def cut(rng, headers, body):
    return headers, body[:rng.randint(0, len(body))]


def flip(rng, headers, body):
    at = rng.randrange(len(body)) if body else 0
    return headers, body[:at] + bytes([rng.randrange(256)]) + body[at + 1:]


def media(rng, headers, body):
    value = rng.choice((None, 'text/plain', 'application/json; charset=utf-16',
                        'application/json; charset="utf-8"',
                        'text/plain; x=application/json', 'encoded'))
    others = [each for each in headers if each[0] != 'Content-Type']

    if value == 'encoded':
        return headers + [('Content-Encoding', 'gzip')], body

    return others + ([('Content-Type', value)] if value else []), body


def header(rng, headers, body):
    return headers + [rng.choice((
        ('MCP-Protocol-Version', '2026-07-28'),
        ('MCP-Protocol-Version', '1999-01-01'), ('Mcp-Name', 'search'),
        ('Mcp-Method', 'tools/list'), ('Content-Type', 'application/json'),
        ('Mcp-Session-Id', 's1')))], body


def session(rng, headers, body):
    return headers + [('Mcp-Session-Id', 'a b')], body


def ids(rng, headers, body):
    value = rng.choice((b'null', b'1.5', b'true', b'1e0', b'-0', b'{}',
                        b'9007199254740993', b'"' + b'i' * 300 + b'"'))
    at = body.find(b'"id":')

    if at < 0:
        return headers, body

    end = at + 5

    while end < len(body) and body[end:end + 1] in b'0123456789 \n':
        end += 1

    return headers, body[:at + 5] + value + body[end:]
