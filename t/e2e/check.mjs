// What every client must see, whatever its SDK and transport.

import assert from 'node:assert/strict';

export const url = (name) => new URL(process.env[name]);

export const text = (result) => result.content?.[0]?.text;

export const code = (expected) => (error) => {
    assert.equal(error.code, expected, `${error}`);
    return true;
};

// A refusal is a result that the model can read; the session goes on.
export function refused(result, message) {
    assert.equal(result.isError, true, JSON.stringify(result));
    assert.match(text(result), /^\[POLICY DENIED\] /);

    if (message) {
        assert.ok(text(result).includes(message), text(result));
    }

    assert.equal(result._meta?.['ngx-mcp-policy/decision']?.action, 'deny');
}

export function names(list) {
    return list.tools.map((tool) => tool.name);
}

// Resolves with what "step" is called with; rejects when time is up.
export function soon(what, step, ms = 20000) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${what}`)), ms);

        step((value) => {
            clearTimeout(timer);
            resolve(value);
        });
    });
}

// What is seen of the lists of list-server.mjs, page by page.
const pages = [['read-a'], [], ['read-b', 'read-c'], ['resumed']];

// "list" asks for one page of one kind, "call" for a tool.
export async function lists(list, call) {
    for (const kind of ['tools', 'prompts', 'resources',
                        'resourceTemplates'])
    {
        const seen = [];
        let cursor;

        do {
            const page = await list(kind, cursor && { cursor });
            seen.push(page[kind].map(({ name }) => name));
            cursor = page.nextCursor;
        } while (cursor);

        assert.deepEqual(seen, pages, kind);
    }

    assert.equal(text(await call('read-a')), 'read-a was here');
    await assert.rejects(call('secret-a'), (error) => {
        assert.equal(error.code, -32602);
        assert.match(error.message, /Unknown tool: secret-a/);
        return true;
    });
    refused(await call('wipe-a'), 'nothing is wiped');
}

export const listMethods = {
    tools: 'tools/list',
    prompts: 'prompts/list',
    resources: 'resources/list',
    resourceTemplates: 'resources/templates/list',
};

export const listUrl = (path) => new URL(path, process.env.FIXTURE_URL);
