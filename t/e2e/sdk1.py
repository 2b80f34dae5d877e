"""Python SDK 1.x, 2025-11-25 and the old transport, the reference server."""

import os

from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

import tap


async def talk(title, read, write):
    async with ClientSession(read, write) as session:
        started = await session.initialize()
        tap.ok(started.serverInfo.name == "mcp-servers/everything",
               f"{title}: initialize")

        listed = await session.list_tools()
        tap.ok("echo" in [tool.name for tool in listed.tools],
               f"{title}: tools/list")

        result = await session.call_tool("echo", {"message": "hi"})
        tap.ok(result.content[0].text == "Echo: hi", f"{title}: allowed")

        result = await session.call_tool("get-env", {})
        tap.refused(result, "no secrets", result.isError)

        result = await session.call_tool("get-sum", {"a": 5000, "b": 1})
        tap.refused(result, "small numbers only", result.isError)

        await tap.rejected(session.call_tool("gzip-file-as-resource", {}),
                           -32602, f"{title}: hidden")

        seen = []

        async def progress(done, total, message):
            if not seen:
                other = await session.call_tool("echo", {"message": "x"})
                seen.append(other.content[0].text)

        result = await session.call_tool(
            "trigger-long-running-operation", {"duration": 1, "steps": 2},
            progress_callback=progress)
        tap.ok("completed" in result.content[0].text, f"{title}: long call")
        tap.ok(seen == ["Echo: x"], f"{title}: progress")

        await session.send_ping()
        tap.ok(True, f"{title}: the session goes on")


async def run():
    async with streamable_http_client(os.environ["EVERYTHING_URL"]) as streams:
        await talk("streamable HTTP", streams[0], streams[1])

    async with sse_client(os.environ["SSE_URL"]) as streams:
        await talk("HTTP+SSE", *streams)


tap.main(run)
