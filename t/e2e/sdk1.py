"""Python SDK 1.x, 2025-11-25 and the old transport, the reference server."""

import asyncio
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

        # The callback runs in the loop that receives: it must not call.
        started = asyncio.Event()

        async def progress(done, total, message):
            started.set()

        long_call = asyncio.create_task(session.call_tool(
            "trigger-long-running-operation", {"duration": 2, "steps": 2},
            progress_callback=progress))

        await asyncio.wait_for(started.wait(), 20)
        result = await session.call_tool("echo", {"message": "x"})
        tap.ok(result.content[0].text == "Echo: x" and not long_call.done(),
               f"{title}: progress arrives while the tool runs")

        result = await long_call
        tap.ok("completed" in result.content[0].text, f"{title}: long call")

        await session.send_ping()
        tap.ok(True, f"{title}: the session goes on")


async def run():
    async with streamable_http_client(os.environ["EVERYTHING_URL"]) as streams:
        await talk("streamable HTTP", streams[0], streams[1])

    async with sse_client(os.environ["SSE_URL"]) as streams:
        await talk("HTTP+SSE", *streams)


tap.main(run)
