"""Checks that print TAP, for the Python clients."""

import asyncio
import os
import traceback
from urllib.parse import urljoin

_count = 0


def ok(passed, name):
    global _count
    _count += 1
    line = name.splitlines()[0] if name else ""
    print(f"{'' if passed else 'not '}ok {_count} - {line}", flush=True)


def refused(result, message, is_error):
    text = result.content[0].text
    ok(is_error and text.startswith("[POLICY DENIED] ") and message in text,
       f"refused: {text}")


async def rejected(awaitable, expected, name, message=""):
    """The call fails with a JSON-RPC error of this code."""
    try:
        await awaitable
        ok(False, f"{name}: no error")
    except Exception as error:
        code = getattr(getattr(error, "error", error), "code", None)
        ok(code == expected and message in str(error), f"{name}: {error}")


# What is seen of the lists of list-server.mjs, page by page.
PAGES = [["read-a"], [], ["read-b", "read-c"], ["resumed"]]


def list_url(path):
    return urljoin(os.environ["FIXTURE_URL"], path)


def member(value, *names):
    """A member by its name in either SDK."""
    return next(getattr(value, name) for name in names
                if hasattr(value, name))


async def lists(title, methods, call, resumed):
    for kind, method in methods.items():
        seen, cursor = [], None

        while True:
            page = await method(cursor)
            elements = member(page, kind, "resource_templates")
            seen.append([element.name for element in elements])
            cursor = member(page, "nextCursor", "next_cursor")

            if cursor is None:
                break

        ok(seen == PAGES, f"{title}: {kind} {seen}")

    result = await call("read-a")
    ok(result.content[0].text == "read-a was here", f"{title}: called")
    await rejected(call("secret-a"), -32602, f"{title}: hidden",
                   "Unknown tool: secret-a")
    result = await call("wipe-a")
    refused(result, "nothing is wiped", member(result, "isError", "is_error"))

    if resumed is not None:
        result = await call("resumed")
        ok(result.content[0].text == str(resumed),
           f"{title}: resumed {result.content[0].text} times")


def main(run):
    async def limited():
        await asyncio.wait_for(run(), 100)

    try:
        asyncio.run(limited())
    except BaseException:
        for line in traceback.format_exc().splitlines():
            print(f"# {line}")
        ok(False, "ended by an exception")

    print(f"1..{_count}")
