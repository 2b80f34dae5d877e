/*
 * reader.mjs SCRIPT: JSON.parse, and the official SDK's idea of a message.
 * SCRIPT is any file of the directory that has node_modules.  The protocol
 * is described in json_readers.h.
 */

import { readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.argv[2]);
const sdk = require('@modelcontextprotocol/sdk/types.js');

const requests = {
    'tools/call': sdk.CallToolRequestSchema,
    'prompts/get': sdk.GetPromptRequestSchema,
    'resources/read': sdk.ReadResourceRequestSchema,
};

const bits = Buffer.alloc(8);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function dumpString(value) {
    return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) =>
        '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

function dump(value) {
    switch (typeof value) {
    case 'string':
        return dumpString(value);
    case 'number':
        bits.writeDoubleBE(value === 0 ? 0 : value);
        return 'd' + bits.toString('hex');
    case 'boolean':
        return value ? 't' : 'f';
    case 'undefined':
        return '-';
    }

    if (value === null) {
        return 'n';
    }

    if (Array.isArray(value)) {
        return '[' + value.map((v) => dump(v) + ',').join('') + ']';
    }

    const members = [];

    /* what is inherited is as good as what was written */
    for (const key in value) {
        members.push([dumpString(key), value[key]]);
    }

    members.sort((a, b) => (a[0] < b[0] ? -1 : 1));

    return '{' + members.map((m) => m[0] + ':' + dump(m[1]) + ',').join('')
        + '}';
}

function view(value) {
    const parsed = sdk.JSONRPCMessageSchema.safeParse(value);

    if (!parsed.success || parsed.data.method === undefined) {
        return 'E';
    }

    const message = parsed.data;
    const schema = requests[message.method];
    let params = {};

    if (schema !== undefined) {
        const request = schema.safeParse(message);

        if (!request.success) {
            return 'E';
        }

        params = request.data.params;
    }

    return [message.id, message.method, params.name ?? params.uri,
        params.arguments].map(dump).join(' ');
}

function answer(text) {
    let value;

    try {
        value = JSON.parse(utf8.decode(text));

    } catch {
        return 'E\n';
    }

    return dump(value) + '\n' + view(value);
}

function read(length) {
    const buffer = Buffer.alloc(length);
    let have = 0;

    while (have < length) {
        const n = readSync(0, buffer, have, length - have);

        if (n === 0) {
            process.exit(0);
        }

        have += n;
    }

    return buffer;
}

function serve() {
    for (;;) {
        const batch = read(read(4).readUInt32LE());
        const answers = [];

        for (let i = 0; i < batch.length;) {
            const end = i + 4 + batch.readUInt32LE(i);
            const text = Buffer.from(answer(batch.subarray(i + 4, end)));
            const length = Buffer.alloc(4);

            length.writeUInt32LE(text.length);
            answers.push(length, text);
            i = end;
        }

        const all = Buffer.concat(answers);
        const length = Buffer.alloc(4);

        length.writeUInt32LE(all.length);

        for (const part of [length, all]) {
            for (let i = 0; i < part.length;) {
                i += writeSync(1, part, i);
            }
        }
    }
}

try {
    serve();
} catch (error) {
    // The fuzzer has ended with an answer unread.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') {
        throw error;
    }
}
