// SDK 2.x: pinned to 2026-07-28, finding the era by itself, and falling back.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { Client, StreamableHTTPClientTransport }
    from '@modelcontextprotocol/client';

import { code, names, refused, soon, text, url } from './check.mjs';

const modes = [
    ['pinned', 'FIXTURE_URL', { pin: '2026-07-28' }, '2026-07-28'],
    ['auto', 'FIXTURE_URL', 'auto', '2026-07-28'],
    ['legacy', 'FIXTURE_URL', 'legacy', '2025-11-25'],
    ['auto, falling back', 'EVERYTHING_URL', 'auto', '2025-11-25'],
];

async function connect(name, mode) {
    const client = new Client(
        { name: 'sdk2', version: '1.0.0' },
        { versionNegotiation: { mode }, capabilities: { elicitation: {} } });

    client.setRequestHandler('elicitation/create', () =>
        ({ action: 'accept', content: { sure: true } }));

    await client.connect(new StreamableHTTPClientTransport(url(name)));
    return client;
}

for (const [title, target, mode, version] of modes) {
    test(title, async (t) => {
        const client = await connect(target, mode);
        const call = (name, args = {}, options) =>
            client.callTool({ name, arguments: args }, options);

        await t.test('protocol version', () => {
            assert.equal(client.getNegotiatedProtocolVersion(), version);
        });

        await t.test('tools/list', async () => {
            assert.ok(names(await client.listTools()).includes('echo'));
        });

        await t.test('an allowed call', async () => {
            assert.match(text(await call('echo', { message: 'hi' })), /hi$/);
        });

        if (target === 'FIXTURE_URL') {
            await fixture(t, client, call, version);

        } else {
            await t.test('a refused call', async () => {
                refused(await call('get-env'), 'no secrets');
            });
        }

        await t.test('the connection goes on', async () => {
            assert.match(text(await call('echo', { message: 'on' })), /on$/);
        });

        await client.close();
    });
}

async function fixture(t, client, call, version) {
    await t.test('a refused call never arrives', async () => {
        refused(await call('delete-file', { path: '/' }),
                'nothing is deleted');
        const ran = JSON.parse(text(await call('calls')));
        assert.ok(ran.includes('echo'));
        assert.ok(!ran.includes('delete-file'));
    });

    await t.test('arguments decide', async () => {
        assert.match(text(await call('transfer', { amount: 99.5 })), /99\.5/);
        refused(await call('transfer', { amount: 100.01 }), 'up to 100');
    });

    await t.test('a hidden tool is unknown', async () => {
        await assert.rejects(call('backdoor'), code(-32602));
    });

    await t.test('a tool that no rule names is unknown', async () => {
        await assert.rejects(call('no-such-tool'), code(-32602));
    });

    await t.test('progress arrives before the tool can end', async () => {
        const gate = randomUUID();
        let released;

        const result = await call('hold', { gate }, {
            timeout: 20000,
            onprogress: () => { released = call('release', { gate }); },
        });

        assert.equal(text(result), 'released');
        assert.equal(text(await released), 'open');
    });

    await t.test('a closed stream frees the connection', async () => {
        const gate = randomUUID();
        const abort = new AbortController();

        await assert.rejects(call('hold', { gate }, {
            signal: abort.signal,
            onprogress: () => abort.abort('enough'),
        }));

        await call('release', { gate });
    });

    await t.test('prompts and resources', async () => {
        const { messages } = await client.getPrompt({ name: 'greeting' });
        assert.equal(messages[0].content.text, 'Hello');

        const { contents } = await client.readResource(
            { uri: 'note://public/1' });
        assert.equal(contents[0].text, 'a note');

        await assert.rejects(
            client.readResource({ uri: 'note://secret/1' }), code(-32602));
    });

    if (version !== '2026-07-28') {
        return;
    }

    await t.test('a call that asks back is judged both times', async () => {
        assert.equal(text(await call('publish', { amount: 5 })),
                     'published 5');
        refused(await call('publish', { amount: 500 }), 'up to 100');
    });

    await t.test('subscriptions/listen', async () => {
        const changed = soon('list_changed', (done) => {
            client.setNotificationHandler(
                'notifications/tools/list_changed', () => done(true));
        });

        const subscription = await client.listen({ toolsListChanged: true });
        await call('announce');
        assert.equal(await changed, true);
        await subscription.close();
    });
}
