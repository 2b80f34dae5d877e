"""A client of HTTP/3 that is told what to do: each line of its input is a
command in JSON, and each line of its output the answer to one.  Bytes are
characters of the same number.

  open     headers, end        the number of the stream
  data     stream, bytes, end  once the server has acknowledged them
  trailers stream, headers     the same
  reset    stream              the client breaks off
  stop     stream              the client reads no more
  read     stream, event       the answer once it has ended, or once there
                               are events that were not there before
  close
"""

import asyncio
import json
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset


class Stream:
    def __init__(self):
        self.headers = []
        self.body = ""
        self.read = 0
        self.done = False
        self.reset = None


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.streams = {}
        self.closed = False
        self.changed = asyncio.Event()

    def quic_event_received(self, event):
        if isinstance(event, StreamReset):
            stream = self.streams[event.stream_id]
            stream.reset = event.error_code
            stream.done = True

        elif isinstance(event, ConnectionTerminated):
            self.closed = True

        for told in self.http.handle_event(event):
            stream = self.streams.get(told.stream_id)

            if stream is None:
                continue

            if isinstance(told, HeadersReceived):
                stream.headers += [[name.decode("latin-1"),
                                    value.decode("latin-1")]
                                   for name, value in told.headers]

            elif isinstance(told, DataReceived):
                stream.body += told.data.decode("latin-1")

            stream.done = stream.done or told.stream_ended

        self.changed.set()

    async def sent(self):
        """What was written has arrived and was handled."""
        self.transmit()

        if not self.closed:
            await self.ping()

    async def open(self, command):
        number = self._quic.get_next_available_stream_id()
        self.streams[number] = Stream()
        self.http.send_headers(number, encode(command["headers"]),
                               command["end"])
        self.transmit()
        return {"stream": number}

    async def data(self, command):
        # Whoever has answered already need not be told the rest.
        if self.streams[command["stream"]].done:
            return

        self.http.send_data(command["stream"],
                            command["bytes"].encode("latin-1"),
                            command["end"])
        await self.sent()

    async def trailers(self, command):
        self.http.send_headers(command["stream"], encode(command["headers"]),
                               True)
        await self.sent()

    async def reset(self, command):
        self._quic.reset_stream(command["stream"],
                                ErrorCode.H3_REQUEST_CANCELLED)
        await self.sent()

    async def stop(self, command):
        self._quic.stop_stream(command["stream"],
                               ErrorCode.H3_REQUEST_CANCELLED)
        await self.sent()

    async def read(self, command):
        stream = self.streams[command["stream"]]

        while not (stream.done or self.closed):
            end = stream.body.rfind("\n\n") + 2

            if command["event"] and end > max(stream.read, 1):
                break

            self.changed.clear()
            await self.changed.wait()

        body = stream.body

        if command["event"]:
            end = len(body) if stream.done else body.rfind("\n\n") + 2
            body, stream.read = body[stream.read:end], end

        return {"headers": stream.headers, "body": body,
                "done": stream.done, "reset": stream.reset}


def encode(headers):
    return [(name.encode("latin-1"), value.encode("latin-1"))
            for name, value in headers]


async def main():
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=True,
                                      server_name="localhost",
                                      verify_mode=ssl.CERT_NONE)
    loop = asyncio.get_running_loop()

    async with connect("127.0.0.1", int(sys.argv[1]),
                       configuration=configuration,
                       create_protocol=Client) as client:
        while True:
            line = await loop.run_in_executor(None, sys.stdin.readline)
            command = json.loads(line or '{"op": "close"}')

            if command["op"] == "close":
                break

            answer = await getattr(client, command["op"])(command)
            print(json.dumps(answer or {}), flush=True)

asyncio.run(main())
