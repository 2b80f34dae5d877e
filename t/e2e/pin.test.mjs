// A server that changes a tool after it was reviewed, seen by the clients of
// both SDK generations through a gateway of four workers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client as NewClient, StreamableHTTPClientTransport as NewTransport }
    from '@modelcontextprotocol/client';
import { Client as OldClient }
    from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport }
    from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ListToolsResultSchema } from '@modelcontextprotocol/sdk/types.js';

import { names, refused, text, url } from './check.mjs';

const workers = new Set();

const watched = async (...args) => {
    const response = await fetch(...args);
    workers.add(response.headers.get('x-worker'));
    return response;
};

const info = { name: 'pin', version: '1.0.0' };

const clients = {
    '1.x': new OldClient(info),
    '2.x': new NewClient(info, {
        versionNegotiation: { mode: { pin: '2026-07-28' } } }),
};

const transports = { '1.x': OldTransport, '2.x': NewTransport };

const call = (sdk, name, args) =>
    clients[sdk].callTool({ name, arguments: args });
const echo = (sdk) => call(sdk, 'echo', { message: 'hi' });
const turn = (bad) => call('2.x', 'turn', { bad });

// The list as it is now; the 2.x client would keep one of its own.
const listed = async (sdk) => names(await clients[sdk].request(
    { method: 'tools/list', params: {} },
    ...(sdk === '1.x' ? [ListToolsResultSchema] : [])));

// More and more calls at once, until they have met each of the four workers.
async function everyWorker(check) {
    workers.clear();

    for (let n = 16; workers.size < 4; n *= 2) {
        assert.ok(n <= 256, `only ${workers.size} workers answer`);

        for (const sdk of Object.keys(clients)) {
            const results = await Promise.all(
                Array.from({ length: n }, () => echo(sdk)));
            results.forEach(check);
        }
    }
}

const permitted = (result) => assert.equal(text(result), 'hi');
const pulled = (result) => refused(result, 'definition is not the one that');

before(async () => {
    for (const [sdk, client] of Object.entries(clients)) {
        await client.connect(new transports[sdk](url('FIXTURE_URL'),
                                                 { fetch: watched }));
    }
});

after(() => Promise.all(Object.values(clients).map((each) => each.close())));

test('as reviewed: every worker lists and calls it', async () => {
    assert.deepEqual(await listed('1.x'), ['echo', 'add', 'turn']);
    assert.deepEqual(await listed('2.x'), ['echo', 'add', 'turn']);
    await everyWorker(permitted);
});

for (const sdk of ['1.x', '2.x']) {
    test(`changed, and a client ${sdk} lists: no worker calls it`,
         async () => {
        assert.match(text(await turn(true)), /ssh/);
        assert.deepEqual(await listed(sdk), ['add', 'turn']);
        await everyWorker(pulled);
        assert.equal(text(await call(sdk, 'add', { a: 1, b: 2 })), '3');
    });

    test('as reviewed again: every worker calls it', async () => {
        await turn(false);
        assert.deepEqual(await listed(sdk), ['echo', 'add', 'turn']);
        await everyWorker(permitted);
    });
}
