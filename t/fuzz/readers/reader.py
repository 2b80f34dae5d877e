"""reader.py json|jiter|sdk1|sdk2: the json module, pydantic's parser, and
the messages of the official SDK.  The protocol is described in
json_readers.h."""

import json
import os
import struct
import sys
from json.encoder import encode_basestring_ascii as dump_string


def dump(value):
    kind = type(value)

    if kind is str:
        return dump_string(value)

    if value is None:
        return "n"

    if kind is bool:
        return "t" if value else "f"

    if kind is int:
        return f"i{value}"

    if kind is float:
        return "d" + struct.pack(">d", value or 0.0).hex()

    if kind is list:
        return "[" + "".join(dump(item) + "," for item in value) + "]"

    if kind is not dict:
        raise TypeError(f"{kind} out of JSON")

    members = [(dump_string(name), item) for name, item in value.items()]
    members.sort(key=lambda member: member[0])

    return "{" + "".join(f"{name}:{dump(item)},"
                         for name, item in members) + "}"


def plain(parse):
    def answer(text):
        try:
            value = parse(text)
        except ValueError:
            return "E\n"

        return dump(value) + "\n"

    return answer


def show(message, params):
    target = getattr(params, "name", None)

    if target is None:
        target = getattr(params, "uri", None)

    parts = [getattr(message, "id", None), message.method,
             None if target is None else str(target),
             getattr(params, "arguments", None)]

    return " ".join("-" if part is None else dump(part) for part in parts)


def sdk1():
    from mcp import types

    requests = {
        "tools/call": types.CallToolRequest,
        "prompts/get": types.GetPromptRequest,
        "resources/read": types.ReadResourceRequest,
    }

    def view(value):
        message = types.JSONRPCMessage.model_validate(value).root

        if type(getattr(message, "method", None)) is not str:
            return "E"

        kind = requests.get(message.method)
        params = None

        if kind is not None:
            params = kind.model_validate(message.model_dump(
                by_alias=True, mode="json", exclude_none=True)).params

        return show(message, params)

    return json.loads, view


def sdk2():
    import mcp_types as types
    import pydantic_core
    from mcp_types import jsonrpc

    requests = {
        "tools/call": types.CallToolRequestParams,
        "prompts/get": types.GetPromptRequestParams,
        "resources/read": types.ReadResourceRequestParams,
    }

    def view(value):
        message = jsonrpc.jsonrpc_message_adapter.validate_python(
            value, by_name=False)

        if type(getattr(message, "method", None)) is not str:
            return "E"

        kind = requests.get(message.method)
        params = None

        if kind is not None:
            params = kind.model_validate(message.params, by_name=False)

        return show(message, params)

    return pydantic_core.from_json, view


def messages(parse, view):
    def answer(text):
        try:
            value = parse(text)
        except ValueError:
            return "E\n"

        try:
            return dump(value) + "\n" + view(value)
        except ValueError:
            return dump(value) + "\nE"

    return answer


def jiter():
    import pydantic_core

    return pydantic_core.from_json


def choose(name):
    if name == "json":
        return plain(json.loads)

    if name == "jiter":
        return plain(jiter())

    return messages(*(sdk1() if name == "sdk1" else sdk2()))


def read(length):
    data = sys.stdin.buffer.read(length)

    if len(data) < length:
        sys.exit(0)

    return data


def main():
    answer = choose(sys.argv[1])

    while True:
        batch = read(*struct.unpack("<I", read(4)))
        answers = []
        i = 0

        while i < len(batch):
            (length,) = struct.unpack_from("<I", batch, i)
            i += 4
            text = answer(batch[i:i + length]).encode()
            answers.append(struct.pack("<I", len(text)) + text)
            i += length

        data = b"".join(answers)
        sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
        sys.stdout.buffer.flush()


try:
    main()
except (BrokenPipeError, ConnectionResetError):
    os._exit(0)     # the fuzzer has ended with an answer unread
