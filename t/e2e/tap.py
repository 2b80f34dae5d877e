"""Checks that print TAP, for the Python clients."""

import asyncio
import traceback

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


async def rejected(awaitable, expected, name):
    """The call fails with a JSON-RPC error of this code."""
    try:
        await awaitable
        ok(False, f"{name}: no error")
    except Exception as error:
        code = getattr(getattr(error, "error", error), "code", None)
        ok(code == expected, f"{name}: {code}")


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
