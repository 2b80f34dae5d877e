"""Python SDK 1.x: lists of several pages in JSON, in streams and on resumed
ones."""

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import PaginatedRequestParams

import tap


async def talk(path):
    async with streamable_http_client(tap.list_url(path)) as streams, \
            ClientSession(streams[0], streams[1]) as session:
        await session.initialize()

        def page(method):
            return lambda cursor: method(
                params=PaginatedRequestParams(cursor=cursor))

        await tap.lists(f"Python SDK 1.x, {path}", {
            "tools": page(session.list_tools),
            "prompts": page(session.list_prompts),
            "resources": page(session.list_resources),
            "resourceTemplates": page(session.list_resource_templates),
        }, lambda name: session.call_tool(name, {}),
            16 if path == "resume" else 0)


async def run():
    for path in ("json", "stream", "resume"):
        await talk(path)


tap.main(run)
