// SDK 1.x over the old HTTP+SSE transport, the reference server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';

import { code, names, refused, text, url } from './check.mjs';

const client = new Client({ name: 'sse', version: '1.0.0' });
const call = (name, args = {}, options) =>
    client.callTool({ name, arguments: args }, undefined,
                    { timeout: 15000, ...options });

before(() => client.connect(new SSEClientTransport(url('SSE_URL'))));
after(() => client.close());

test('initialize', () => {
    assert.equal(client.getServerVersion().name, 'mcp-servers/everything');
});

test('tools/list', async () => {
    assert.ok(names(await client.listTools()).includes('echo'));
});

test('an allowed call', async () => {
    assert.equal(text(await call('echo', { message: 'hi' })), 'Echo: hi');
});

test('a refusal arrives on the stream, and the session goes on', async () => {
    refused(await call('get-env'), 'no secrets');
    assert.equal(text(await call('echo', { message: 'on' })), 'Echo: on');
});

test('a call refused for its arguments', async () => {
    refused(await call('get-sum', { a: 5000, b: 2 }), 'small numbers only');
});

test('a hidden tool is unknown', async () => {
    await assert.rejects(call('gzip-file-as-resource'), code(-32602));
});

test('refusals among running calls find their way', async () => {
    const results = await Promise.all([
        call('echo', { message: 'one' }),
        call('get-env'),
        call('echo', { message: 'two' }),
        call('get-sum', { a: 9999, b: 1 }),
        call('get-sum', { a: 1, b: 1 }),
    ]);

    assert.equal(text(results[0]), 'Echo: one');
    refused(results[1]);
    assert.equal(text(results[2]), 'Echo: two');
    refused(results[3]);
    assert.match(text(results[4]), /2/);
});

test('two sessions keep their refusals apart', async () => {
    const other = new Client({ name: 'other', version: '1.0.0' });

    await other.connect(new SSEClientTransport(url('SSE_URL')));

    const [mine, theirs] = await Promise.all([
        call('get-env'),
        other.callTool({ name: 'echo', arguments: { message: 'x' } }),
    ]);

    refused(mine);
    assert.equal(text(theirs), 'Echo: x');
    refused(await other.callTool({ name: 'get-env', arguments: {} }));
    await other.close();
});

test('progress arrives while the tool runs', async () => {
    let running = true;
    let answered;

    await call('trigger-long-running-operation', { duration: 2, steps: 2 }, {
        onprogress: ({ progress }) => {
            if (progress === 1) {
                answered = call('echo', { message: 'meanwhile' })
                    .then(() => running);
            }
        },
    });

    running = false;
    assert.equal(await answered, true);
});

test('notifications and ping', async () => {
    await client.notification({ method: 'notifications/cancelled',
                                params: { requestId: 12345 } });
    await client.ping();
});
