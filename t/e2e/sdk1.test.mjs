// SDK 1.x, 2025-11-25, the reference server with sessions.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport }
    from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ListRootsRequestSchema }
    from '@modelcontextprotocol/sdk/types.js';

import { code, names, refused, soon, text, url } from './check.mjs';

const transport = new StreamableHTTPClientTransport(url('EVERYTHING_URL'));
const client = new Client(
    { name: 'sdk1', version: '1.0.0' },
    { capabilities: { roots: { listChanged: true }, sampling: {} } });

const call = (name, args = {}, options) =>
    client.callTool({ name, arguments: args }, undefined, options);

let askedForRoots;

before(async () => {
    const asked = soon('roots/list on the GET stream', (done) => {
        client.setRequestHandler(ListRootsRequestSchema, () => {
            done(true);
            return { roots: [{ uri: 'file:///srv', name: 'srv' }] };
        });
    });

    askedForRoots = () => asked;
    asked.catch(() => {});
    await client.connect(transport);
});

after(() => client.close());

test('initialize opens a session', () => {
    assert.equal(client.getServerVersion().name, 'mcp-servers/everything');
    assert.ok(transport.sessionId);
    assert.equal(transport.protocolVersion, '2025-11-25');
});

test('the server asks on the GET stream and gets its answer', async () => {
    assert.equal(await askedForRoots(), true);
});

test('tools/list', async () => {
    assert.ok(names(await client.listTools()).includes('echo'));
});

test('an allowed call', async () => {
    const result = await call('echo', { message: 'hi' });
    assert.equal(text(result), 'Echo: hi');
});

test('an allowed call with arguments in range', async () => {
    assert.match(text(await call('get-sum', { a: 1, b: 2 })), /3/);
});

test('a call refused for its arguments', async () => {
    refused(await call('get-sum', { a: 5000, b: 2 }), 'small numbers only');
});

test('a refused call, and the session goes on', async () => {
    refused(await call('get-env'), 'no secrets');
    assert.equal(text(await call('echo', { message: 'still here' })),
                 'Echo: still here');
});

test('a hidden tool is unknown', async () => {
    await assert.rejects(call('gzip-file-as-resource'), code(-32602));
});

test('progress arrives while the tool runs', async () => {
    let running = true;
    let answered;

    const result = await call(
        'trigger-long-running-operation', { duration: 2, steps: 2 },
        {
            onprogress: ({ progress }) => {
                if (progress === 1) {
                    answered = call('echo', { message: 'meanwhile' })
                        .then(() => running);
                }
            },
        });

    running = false;
    assert.match(text(result), /completed/);
    assert.equal(await answered, true, 'progress came with the result only');
});

test('a request of the server within a call', async () => {
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
        model: 'none', role: 'assistant',
        content: { type: 'text', text: 'sampled' },
    }));

    const result = await call('trigger-sampling-request',
                              { prompt: 'say', maxTokens: 10 });
    assert.match(JSON.stringify(result.content), /sampled/);
});

test('notifications, ping and logging pass', async () => {
    await client.sendRootsListChanged();
    await client.ping();
    await client.setLoggingLevel('error');
});

test('prompts', async () => {
    const { messages } = await client.getPrompt({ name: 'simple-prompt' });
    assert.ok(messages.length);
    await assert.rejects(
        client.getPrompt({ name: 'args-prompt', arguments: { city: 'x' } }),
        code(-32602));
});

test('resources', async () => {
    const { contents } = await client.readResource(
        { uri: 'demo://resource/static/document/features.md' });
    assert.ok(contents.length);
    await assert.rejects(
        client.readResource({ uri: 'demo://resource/dynamic/text/1' }),
        code(-32602));
});

test('a cancelled call', async () => {
    const abort = new AbortController();

    const pending = call('trigger-long-running-operation',
                         { duration: 5, steps: 50 },
                         { signal: abort.signal,
                           onprogress: () => abort.abort('enough') });

    await assert.rejects(pending, /enough/);
    assert.equal(text(await call('echo', { message: 'on' })), 'Echo: on');
});

test('DELETE ends the session', async () => {
    const session = transport.sessionId;

    await transport.terminateSession();

    const response = await fetch(url('EVERYTHING_URL'), {
        method: 'POST',
        headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'mcp-session-id': session,
            'mcp-protocol-version': '2025-11-25',
        },
        body: '{"jsonrpc":"2.0","id":99,"method":"ping"}',
    });

    assert.equal(response.status, 400);
});
