// SDK 2.x: lists of several pages in JSON, in streams and on resumed ones, of
// 2026-07-28 and of 2025-11-25.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, StreamableHTTPClientTransport }
    from '@modelcontextprotocol/client';

import { listMethods, listUrl, lists, names, text } from './check.mjs';

const paths = [
    ['modern-json', { pin: '2026-07-28' }],
    ['modern-stream', { pin: '2026-07-28' }],
    ['json', 'legacy'],
    ['stream', 'legacy'],
    ['resume', 'legacy'],
];

for (const [path, mode] of paths) {
    test(`SDK 2.x, ${path}`, async () => {
        const client = new Client({ name: 'lists2', version: '1.0.0' },
                                  { versionNegotiation: { mode } });
        const call = (name) => client.callTool({ name, arguments: {} });

        await client.connect(
            new StreamableHTTPClientTransport(listUrl(path)));

        // One page each; listTools() would go through all of them.
        await lists((kind, params) => client.request(
            { method: listMethods[kind], params: params ?? {} }), call);

        assert.deepEqual(names(await client.listTools()),
                         ['read-a', 'read-b', 'read-c', 'resumed']);

        // Four pages of four lists, and one list once more.
        if (mode === 'legacy') {
            assert.equal(text(await call('resumed')),
                         path === 'resume' ? '20' : '0');
        }

        await client.close();
    });
}
