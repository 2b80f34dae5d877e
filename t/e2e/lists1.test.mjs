// SDK 1.x: lists of several pages in JSON, in streams and on resumed ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport }
    from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { listUrl, lists, text } from './check.mjs';

for (const path of ['json', 'stream', 'resume']) {
    test(`SDK 1.x, ${path}`, async () => {
        const client = new Client({ name: 'lists1', version: '1.0.0' });
        const call = (name) => client.callTool({ name, arguments: {} });

        await client.connect(
            new StreamableHTTPClientTransport(listUrl(path)));

        await lists((kind, params) => ({
            tools: () => client.listTools(params),
            prompts: () => client.listPrompts(params),
            resources: () => client.listResources(params),
            resourceTemplates: () => client.listResourceTemplates(params),
        })[kind](), call);

        // Each of four pages of four lists came on a stream of its own.
        assert.equal(text(await call('resumed')),
                     path === 'resume' ? '16' : '0');
        await client.close();
    });
}
