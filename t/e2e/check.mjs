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
