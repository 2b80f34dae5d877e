"""What lists have to become, by Python's own JSON library.

Reads questions from standard input, each a line of JSON (policy, the ids of
answers to other requests, kind, the lengths of what follows) with the bytes
that the server sent and those that the client got.  Answers each with a line of JSON: the indices of
the elements that stay, list by list in the order of the text, and the first
difference, if there is one.

Numbers are compared as they are spelled, members in their order, those that
are there twice included.
"""

import json
import re
import sys
from urllib.parse import unquote

LISTS = {"tools": "name", "prompts": "name", "resources": "uri",
         "resourceTemplates": "uriTemplate"}
MAX_TTL = 60000


class Number(str):
    """A number's spelling; difference() tells it from a string."""


class Object(list):
    """Members as pairs."""

    def get(self, name):
        found = [value for key, value in self if key == name]
        return found[-1] if found else None


def no_constant(word):
    raise ValueError(f"{word} is no JSON")


def parse(text):
    return json.loads(text.decode("utf-8"), parse_float=Number,
                      parse_int=Number, parse_constant=no_constant,
                      object_pairs_hook=Object)


class Pattern:
    def __init__(self, text):
        self.exact = "*" not in text and text[0] != "~"

        if text[0] == "~":
            self.literal = -1
            body = re.sub(r"\$$", r"\\Z", text[1:])
            self.match = re.compile(body, re.ASCII).search

        else:
            self.literal = len(text.replace("*", ""))
            body = ".*".join(re.escape(part) for part in text.split("*"))
            self.match = re.compile(body, re.DOTALL).fullmatch

    def rank(self):
        return (self.exact, self.literal)


class Policy:
    def __init__(self, conf):
        self.open = conf["default"] == "allow"
        self.hidden_only = conf["filter"] == "hidden"
        self.hide = [Pattern(text) for text in conf["hide"]]
        self.blocks = {kind: [(Pattern(text), fate)
                              for text, fate in conf[kind]]
                       for kind in ("tools", "prompts", "resources")}

    def shows(self, kind, name):
        if any(pattern.match(name) for pattern in self.hide):
            return False

        if self.hidden_only:
            return True

        if kind == "resourceTemplates":
            kind = "resources"

        found = [block for block in self.blocks[kind]
                 if block[0].match(name)]

        if kind == "resources":
            if re.search(r"(^|/)\.\.?(/|$)", unquote(name)):
                return False

        elif self.open and not any(pattern.exact for pattern, _ in found):
            if not re.fullmatch(r"[A-Za-z0-9_./-]{1,128}", name):
                return False

        if not found:
            return self.open

        # Of equal patterns the first.
        return max(found, key=lambda block: block[0].rank())[1] != "deny"


def filtered(message, policy, others, kept):
    """The message as the client should have it."""

    if not isinstance(message, Object) or message.get("method") is not None:
        return message

    result = message.get("result")

    if message.get("id") in others or not isinstance(result, Object):
        return message

    left = Object()
    lists = any(key in LISTS and type(value) is list
                for key, value in result)

    for key, value in result:
        if key in LISTS and type(value) is list:
            stay = [n for n, element in enumerate(value)
                    if policy.shows(key, element.get(LISTS[key]))]
            kept.append(stay)
            value = [value[n] for n in stay]

        elif key == "ttlMs" and lists and int(value) > MAX_TTL:
            value = Number(MAX_TTL)

        left.append((key, value))

    return Object((key, left if key == "result" else value)
                  for key, value in message)


def reference(text, policy, others, kept):
    value = parse(text)

    if isinstance(value, Object):
        return filtered(value, policy, others, kept)

    return [filtered(each, policy, others, kept) for each in value]


def events(stream):
    """WHATWG HTML, 9.2.6: (type, data, last event id) of each event, and
    what was said about retrying."""

    text = stream.decode("utf-8")
    text = text[1:] if text.startswith("\ufeff") else text
    kind, data, last, retry, found = "", [], "", [], []

    for line in re.split("\r\n|\r|\n", text):
        if line == "":
            if data:
                found.append((kind or "message", "\n".join(data), last))

            kind, data = "", []
            continue

        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value

        if field == "event":
            kind = value
        elif field == "data":
            data.append(value)
        elif field == "id" and "\0" not in value:
            last = value
        elif field == "retry" and value.isascii() and value.isdigit():
            retry.append(value)

    return found, retry, last


def compare_streams(sent, got, policy, others, kept):
    sent, sent_retry, sent_last = events(sent)
    got, got_retry, got_last = events(got)

    if len(sent) != len(got):
        return f"{len(sent)} events were sent, {len(got)} arrived"

    if (sent_retry, sent_last) != (got_retry, got_last):
        return "other fields: retry or the last id"

    for number, (mine, theirs) in enumerate(zip(sent, got)):
        if (mine[0], mine[2]) != (theirs[0], theirs[2]):
            return f"event {number}: {mine[0]} {mine[2]!r} became " \
                   f"{theirs[0]} {theirs[2]!r}"

        if mine[0] == "message" and mine[1].lstrip()[:1] in ("{", "["):
            expected = reference(mine[1].encode(), policy, others, kept)
            problem = difference(expected, parse(theirs[1].encode()), "")

        else:
            problem = None if mine[1] == theirs[1] else "other data"

        if problem:
            return f"event {number}: {problem}"

    return None


def difference(expected, got, path):
    """Where two values begin to differ, without recursion."""

    waiting = [(expected, got, path)]

    while waiting:
        expected, got, path = waiting.pop()

        if type(expected) is not type(got):
            return f"{path}: another type"

        if isinstance(expected, list):
            if len(expected) != len(got):
                return f"{path}: {len(expected)} members or elements " \
                       f"expected, {len(got)} there"

            for number, pair in enumerate(zip(expected, got)):
                waiting.append((*pair, f"{path}/{number}"))

        elif isinstance(expected, tuple):
            if expected[0] != got[0]:
                return f"{path}: {expected[0]!r} became {got[0]!r}"

            waiting.append((expected[1], got[1], f"{path}/{expected[0]}"))

        elif expected != got:
            return f"{path}: {str(expected)[:60]!r} became " \
                   f"{str(got)[:60]!r}"

    return None


def answer(question, sent, got):
    policy, others = Policy(question["policy"]), question["others"]
    kept = []

    if question["kind"] == "stream":
        problem = compare_streams(sent, got, policy, others, kept)

    else:
        expected = reference(sent, policy, others, kept)
        problem = difference(expected, parse(got), "")

    return {"kept": kept, "difference": problem}


def main():
    source = sys.stdin.buffer

    while line := source.readline():
        question = json.loads(line)
        sent = source.read(question["sent"])
        got = source.read(question["got"])

        try:
            found = answer(question, sent, got)
        except Exception as error:
            found = {"kept": [], "difference": f"{error!r}"}

        print(json.dumps(found), flush=True)


main()
