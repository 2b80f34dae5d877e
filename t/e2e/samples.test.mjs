// The sample policies as an official client meets them: so many calls of the
// tool that they name in a minute and not one more, for each grant; no other
// tool.  The gateway's clock is a file, so that no minute ends by itself.

import assert from 'node:assert/strict';
import { openSync, writeSync } from 'node:fs';
import { test } from 'node:test';

import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 }
    from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as Client2, StreamableHTTPClientTransport as Transport2 }
    from '@modelcontextprotocol/client';

import { code, names, text } from './check.mjs';
import { others, samples } from './samples.mjs';

const hooks = openSync(process.env.MCP_POLICY_TEST, 'r+');

// Each policy has minutes of its own: a clock that goes back frees nothing.
let minute = Date.parse('2026-01-15T10:30:00Z');

function clock(seconds) {
    const bytes = Buffer.alloc(8);

    bytes.writeBigUInt64LE(BigInt(minute + seconds * 1000));
    writeSync(hooks, bytes, 0, 8, 0);
}

const options = (grant) => ({
    requestInit: { headers: { Authorization: `Bearer ${grant}` } },
});

const where = (policy) => new URL(`/${policy}`, process.env.FIXTURE_URL);

const generations = {
    'SDK 1': async (policy, grant) => {
        const client = new Client1({ name: 'samples', version: '1' });

        await client.connect(new Transport1(where(policy), options(grant)));
        return client;
    },
    'SDK 2': async (policy, grant) => {
        const client = new Client2(
            { name: 'samples', version: '1' },
            { versionNegotiation: { mode: { pin: '2026-07-28' } } });

        await client.connect(new Transport2(where(policy), options(grant)));
        return client;
    },
};

const call = (client, name) => client.callTool({ name, arguments: {} });

async function ran(tool) {
    const client = await generations['SDK 1']('direct', 'x');
    const counts = JSON.parse(text(await call(client, 'ran')));

    await client.close();
    return counts[tool] ?? 0;
}

for (const [generation, connect] of Object.entries(generations)) {
    for (const { policy, tool, max } of samples) {
        test(`${generation}, ${policy}`, async (t) => {
            const client = await connect(policy, `one of ${generation}`);
            const before = await ran(tool);

            clock(15);

            await t.test('the tool is listed, and no other', async () => {
                assert.deepEqual(names(await client.listTools()), [tool]);
            });

            await t.test(`${max} calls pass in a minute`, async () => {
                for (let i = 0; i < max; i++) {
                    const result = await call(client, tool);

                    assert.ok(!result.isError, `call ${i + 1}`);
                    assert.equal(text(result), `${tool} was here`);
                }
            });

            await t.test('the next is refused, with the time', async () => {
                const result = await call(client, tool);
                const decision = result._meta['ngx-mcp-policy/decision'];

                assert.equal(result.isError, true);
                assert.equal(text(result),
                             `[POLICY DENIED] ${max} calls per minute; `
                             + 'try again in 45 seconds');
                assert.equal(decision.action, 'limit');
                assert.equal(decision.retryAfterMs, 45000);
            });

            await t.test('every other tool is refused', async () => {
                for (const name of others) {
                    await assert.rejects(call(client, name), code(-32602));
                    assert.equal(await ran(name), 0, name);
                }
            });

            await t.test('nothing more has run', async () => {
                assert.equal(await ran(tool), before + max);
            });

            await t.test('another grant has calls of its own', async () => {
                const other = await connect(policy, `two of ${generation}`);

                assert.ok(!(await call(other, tool)).isError);
                await other.close();
            });

            await t.test('the last moment of the minute', async () => {
                clock(59.999);
                assert.equal((await call(client, tool)).isError, true);
            });

            await t.test('with the next minute it passes', async () => {
                clock(60);
                assert.ok(!(await call(client, tool)).isError);
            });

            await client.close();
            minute += 120000;
        });
    }
}
