"""Python SDK 2.x: lists of several pages in JSON, in streams and on resumed
ones, of 2026-07-28 and of 2025-11-25."""

from mcp import Client

import tap


async def talk(path, mode):
    async with Client(tap.list_url(path), mode=mode) as client:

        def page(method):
            return lambda cursor: method(cursor=cursor)

        await tap.lists(f"Python SDK 2.x, {path}", {
            "tools": page(client.list_tools),
            "prompts": page(client.list_prompts),
            "resources": page(client.list_resources),
            "resourceTemplates": page(client.list_resource_templates),
        }, lambda name: client.call_tool(name, {}),
            None if mode != "legacy" else 16 if path == "resume" else 0)


async def run():
    await talk("modern-json", "2026-07-28")
    await talk("modern-stream", "2026-07-28")

    for path in ("json", "stream", "resume"):
        await talk(path, "legacy")


tap.main(run)
