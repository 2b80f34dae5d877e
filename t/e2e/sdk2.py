"""Python SDK 2.x: 2026-07-28, found by itself, and falling back."""

import os
import uuid

import anyio
from mcp import Client

import tap


async def talk(title, url, version, mode):
    async with Client(url, mode=mode) as client:
        tap.ok(client.protocol_version == version,
               f"{title}: {client.protocol_version}")

        listed = await client.list_tools()
        tap.ok("echo" in [tool.name for tool in listed.tools],
               f"{title}: tools/list")

        result = await client.call_tool("echo", {"message": "hi"})
        tap.ok(result.content[0].text.endswith("hi"), f"{title}: allowed")

        if url == os.environ["FIXTURE_URL"]:
            await fixture(title, client)

        else:
            result = await client.call_tool("get-env", {})
            tap.refused(result, "no secrets", result.is_error)

        result = await client.call_tool("echo", {"message": "on"})
        tap.ok(result.content[0].text.endswith("on"), f"{title}: goes on")


async def fixture(title, client):
    result = await client.call_tool("delete-file", {"path": "/"})
    tap.refused(result, "nothing is deleted", result.is_error)

    result = await client.call_tool("transfer", {"amount": 100.01})
    tap.refused(result, "up to 100", result.is_error)

    await tap.rejected(client.call_tool("backdoor", {}), -32602,
                       f"{title}: hidden")

    gate = str(uuid.uuid4())
    released = []

    async def progress(done, total, message):
        if not released:
            released.append(True)
            await client.call_tool("release", {"gate": gate})

    with anyio.fail_after(20):
        result = await client.call_tool("hold", {"gate": gate},
                                        progress_callback=progress)

    tap.ok(result.content[0].text == "released", f"{title}: progress")

    found = await client.read_resource("note://public/1")
    tap.ok(found.contents[0].text == "a note", f"{title}: resource")

    await tap.rejected(client.read_resource("note://secret/1"), -32602,
                       f"{title}: resource that no rule names")


async def run():
    fixture_url = os.environ["FIXTURE_URL"]

    await talk("pinned", fixture_url, "2026-07-28", "2026-07-28")
    await talk("auto", fixture_url, "2026-07-28", "auto")
    await talk("falling back", os.environ["EVERYTHING_URL"], "2025-11-25",
               "auto")


tap.main(run)
