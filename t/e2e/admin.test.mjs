// The page of mcp_admin in a real browser, with real clients behind it: what
// is clicked there decides what the clients may do.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 }
    from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as Client2, StreamableHTTPClientTransport as Transport2 }
    from '@modelcontextprotocol/client';
import { chromium } from 'playwright-core';

import { text, url } from './check.mjs';

const origin = url('FIXTURE_URL').origin;
const base = `${origin}/mcp-admin/`;
const evil = '<img src=x onerror="hacked=1">\u202efdp.exe';

let browser, context, page;
let complaints = [];
let requests = [];

async function open(options = {}) {
    context = await browser.newContext(
        { viewport: { width: 1280, height: 900 }, ...options });
    page = await context.newPage();
    page.setDefaultTimeout(20000);

    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(`${error}`));
    page.on('dialog', (dialog) => {
        complaints.push(dialog.message());
        dialog.dismiss();
    });
    page.on('request', (request) => requests.push(request));

    await page.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => {
            console.log(`blocked: ${event.violatedDirective}`);
        });
    });

    await page.goto(base);
    await page.locator('[data-state=live]').waitFor();
}

async function picture(name) {
    if (process.env.SCREENSHOTS) {
        await page.screenshot({
            path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true,
        });
    }
}

const decision = (result) => result._meta?.['ngx-mcp-policy/decision'];

let calls = 0;

// A call without a client: its approval is what matters.
async function ask(name, args, grant = `grant-${++calls}`) {
    const params = `{"name":${JSON.stringify(name)},"arguments":${
        typeof args === 'string' ? args : JSON.stringify(args)}}`;
    const response = await fetch(url('FIXTURE_URL'), {
        method: 'POST',
        headers: {
            'Content-Type': 'application/json', Authorization: grant,
            Accept: 'application/json, text/event-stream',
        },
        body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${
            params}}`,
    });
    const { result } = await response.json();

    assert.equal(decision(result).reason, 'approval_required');
    return decision(result).approvalId;
}

const api = async (path, body) => (await fetch(`${base}api/${path}`, body && {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
})).json();

async function denyAll() {
    for (const { id } of (await api('approvals')).approvals) {
        await api(`approvals/${id}/deny`, {});
    }
}

const row = (id) => page.locator(`#row-${id}`);
const detail = () => page.locator('#detail');
const button = (name) => page.getByRole('button', { name });
const count = (number) =>
    page.locator('#count-pending', { hasText: new RegExp(`^${number}$`) })
        .waitFor();
const notice = (words) => page.locator('#notice', { hasText: words })
    .waitFor();
const armed = () =>
    page.locator('#approve[aria-disabled=false]').waitFor();

// What is shown is this call, and it may be decided.
async function shown(id) {
    await page.locator(`#row-${id}[aria-selected=true]`).waitFor();
    await armed();
}

// Only rows that can be seen exist: the list is scrolled there first.
async function choose(id) {
    await page.waitForFunction(async (id) => {
        const list = document.getElementById('list');
        const row = document.getElementById(`row-${id}`);
        const { approvals } = await (await fetch('api/approvals')).json();
        const index = approvals.findIndex((each) => each.id === id);

        if (!row) {
            list.scrollTop = (index - 1)
                * document.getElementById('probe').offsetHeight;
        }

        return row;
    }, id);
    await row(id).click();
    await shown(id);
}

const ready = (condition, value) => page.waitForFunction(condition, value);

async function client1() {
    const client = new Client1({ name: 'sdk1', version: '1.0.0' });
    await client.connect(new Transport1(url('FIXTURE_URL')));
    return {
        call: (name, args) => client.callTool({ name, arguments: args }),
        close: () => client.close(),
    };
}

async function client2() {
    const client = new Client2({ name: 'sdk2', version: '1.0.0' }, {
        versionNegotiation: { mode: { pin: '2026-07-28' } },
    });
    await client.connect(new Transport2(url('FIXTURE_URL')));
    return {
        call: (name, args) => client.callTool({ name, arguments: args }),
        close: () => client.close(),
    };
}

function waits(result) {
    assert.equal(result.isError, true, JSON.stringify(result));
    assert.equal(decision(result).action, 'approve');
    assert.match(decision(result).approvalId, /^[0-9a-f]{32}$/);
    return decision(result).approvalId;
}

before(async () => {
    browser = await chromium.launch({
        executablePath: process.env.CHROMIUM, args: ['--no-sandbox'],
    });
    await open();
});

after(() => browser?.close());

beforeEach(() => {
    complaints = [];
    requests = [];
});

afterEach(async () => {
    await denyAll();
    await count(0);
});

test('nothing waits', async () => {
    await page.getByText('Nothing waits for a decision.').waitFor();
    assert.equal(await detail().isVisible(), false);
    assert.equal(await page.title(), 'MCP policy');
    await picture('empty');
});

const clients = [['SDK 1.x', client1, 601], ['SDK 2.x', client2, 602]];

for (const [title, connect, amount] of clients) {
    test(`${title}: what is approved by a click passes once`, async () => {
        const client = await connect();
        const id = waits(await client.call('transfer', { amount }));

        await choose(id);
        assert.equal(await page.locator('#detail-tool').textContent(),
                     'transfer');
        await page.locator('#arguments .line', { hasText: `amount${amount}` })
            .waitFor();
        await button('Approve').click();
        await notice('Approved by tester');
        await row(id).waitFor({ state: 'detached' });

        assert.equal(text(await client.call('transfer', { amount })),
                     `transferred ${amount}`);

        const next = waits(await client.call('transfer', { amount }));
        assert.notEqual(next, id);

        await choose(next);
        await button('Deny').click();
        await notice('Denied by tester');

        const refused = await client.call('transfer', { amount });
        assert.equal(decision(refused).reason, 'approval_denied');
        assert.deepEqual(complaints, []);
        await client.close();
    });

    test(`${title}: a held call goes on when it is approved`, async () => {
        const client = await connect();
        const path = `/held/${amount}`;
        const held = client.call('delete-file', { path });

        await page.locator('.row', { hasText: 'delete-file' }).click();
        await page.locator('#arguments .line', { hasText: path }).waitFor();
        await armed();
        await button('Approve').click();

        assert.equal(text(await held), `deleted ${path}`);
        await client.close();
    });

    test(`${title}: denied with a reason, by keys alone`, async () => {
        const client = await connect();
        const args = { amount: amount + 1000 };
        const id = waits(await client.call('transfer', args));

        await shown(id);
        await page.keyboard.press('r');
        await page.keyboard.type('a ticket, dear');
        assert.equal(await page.evaluate(
            () => document.activeElement.id), 'reason');
        await page.keyboard.press('Enter');
        await notice('a ticket, dear');

        assert.match(text(await client.call('transfer', args)),
                     /a ticket, dear/);
        await client.close();
    });
}

test('keys move, approve and deny', async () => {
    const ids = [];

    for (let i = 0; i < 4; i++) {
        ids.push(await ask('transfer', { amount: 700 + i }));
    }

    await count(4);
    await page.locator('#list').focus();
    await page.keyboard.press('Home');

    for (const [key, index] of [['j', 1], ['ArrowDown', 2], ['k', 1],
        ['ArrowUp', 0], ['End', 3], ['Home', 0], ['k', 0]])
    {
        await page.keyboard.press(key);
        await page.locator(`#row-${ids[index]}[aria-selected=true]`)
            .waitFor();
    }

    assert.equal(await page.locator('#list')
        .getAttribute('aria-activedescendant'), `row-${ids[0]}`);

    await shown(ids[0]);
    await page.keyboard.press('a');
    await shown(ids[1]);
    await page.keyboard.press('d');
    await shown(ids[2]);

    assert.equal((await api(`approvals/${ids[0]}`)).state, 'approved');
    assert.equal((await api(`approvals/${ids[1]}`)).state, 'denied');

    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('a');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.equal((await api(`approvals/${ids[2]}`)).state, 'pending');

    // Off, they are letters again.
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.getByLabel('Single letters are keys').uncheck();
    await button('Close').click();
    await page.keyboard.press('a');
    await page.keyboard.press('d');
    assert.equal((await api(`approvals/${ids[2]}`)).state, 'pending');
    await page.evaluate(() => localStorage.clear());
});

test('a key does not decide what has only just come up', async () => {
    const ids = [await ask('transfer', { amount: 801 }),
                 await ask('transfer', { amount: 802 })];

    await count(2);
    await page.locator('#list').focus();
    await page.keyboard.press('Home');
    await shown(ids[0]);

    // Three times, as by somebody who is not sure that it worked.
    await page.evaluate(() => {
        for (let i = 0; i < 3; i++) {
            document.activeElement.dispatchEvent(new KeyboardEvent(
                'keydown', { key: 'a', bubbles: true, cancelable: true }));
        }
    });
    await notice('Approved');

    const posts = requests.filter((each) => each.method() === 'POST');
    assert.equal(posts.length, 1);
    assert.ok(posts[0].url().endsWith(`${ids[0]}/approve`));

    await page.evaluate(() => {
        document.activeElement.dispatchEvent(new KeyboardEvent(
            'keydown', { key: 'a', bubbles: true, repeat: true }));
    });
    assert.equal((await api(`approvals/${ids[1]}`)).state, 'pending');
});

test('nor does one that is held down', async () => {
    const ids = [await ask('transfer', { amount: 811 }),
                 await ask('transfer', { amount: 812 })];

    await count(2);
    await choose(ids[0]);
    await button('Approve').focus();
    await page.keyboard.down('Enter');
    await notice('Approved');
    await shown(ids[1]);
    await page.keyboard.down('Enter');
    await page.keyboard.up('Enter');
    assert.equal(requests.filter((each) => each.method() === 'POST').length,
                 1);

    await page.keyboard.press('Enter');
    await row(ids[1]).waitFor({ state: 'detached' });
    assert.equal((await api(`approvals/${ids[1]}`)).state, 'approved');
});

test('a link leads to its call, whatever became of it', async () => {
    const ids = [];

    for (let i = 0; i < 3; i++) {
        ids.push(await ask('transfer', { amount: 821 + i }));
    }

    await count(3);
    await page.goto(`${base}#${ids[1]}`);
    await shown(ids[1]);
    await page.goto(`${base}#${ids[2]}`);
    await shown(ids[2]);
    await page.reload();
    await shown(ids[2]);

    await api(`approvals/${ids[2]}/deny`, {});
    await page.reload();
    await page.locator('#warning', { hasText: 'Denied by tester' }).waitFor();
    requests = [];
    await page.keyboard.press('a');
    assert.ok(!requests.some((each) => each.method() === 'POST'));

    await page.goto(`${base}#${'0'.repeat(32)}`);
    await notice('has expired');
    await page.goto(base);
    await shown(ids[0]);
});

test('what an agent says is text', async () => {
    const id = await ask(evil, '{"</script><script>hacked=2</script>":'
        + '"<svg onload=hacked=3>\\u202e\\u0000\\u200b\\u200b end\\u2800",'
        + '"<a href=javascript:hacked=4>":["line\\nbreak"],'
        + '"number":12345678901234567890.10,"__proto__":{"x":null}}');

    await choose(id);
    await page.locator('#arguments .line', { hasText: '__proto__' })
        .waitFor();
    await picture('hostile');

    const name = '<img src=x onerror="hacked=1">U+202Efdp.exe';
    assert.equal(await page.locator('#detail-tool').textContent(), name);
    assert.equal(await row(id).locator('.name').textContent(), name);
    assert.equal(await row(id).locator('.about').textContent(),
                 `clients › ${name}`);

    const said = await page.locator('#arguments').innerText();
    assert.match(said, /<\/script><script>hacked=2<\/script>/);
    assert.match(said,
                 /<svg onload=hacked=3>U\+202EU\+0000U\+200B ×2 endU\+2800/);
    assert.match(said, /<a href=javascript:hacked=4>/);
    assert.match(said, /12345678901234567890\.10/);
    assert.match(said, /line↵\s*break/);

    assert.deepEqual(await page.evaluate(() => [
        document.querySelectorAll('img, svg, iframe, a[href^=javascript]')
            .length,
        document.querySelectorAll('script').length,
        typeof hacked,
    ]), [0, 1, 'undefined']);
    assert.deepEqual(complaints, []);

    // And if it were more than text, the page's policy would stop it.
    await assert.rejects(page.evaluate(() => {
        document.body.insertAdjacentHTML('beforeend', '<b>x</b>');
    }), /TrustedHTML/);
    await page.evaluate(() => {
        const image = document.createElement('img');
        const link = document.createElement('a');
        image.setAttribute('src', '/elsewhere.png');
        link.setAttribute('style', 'color: red');
        document.body.append(image, link);
    });
    await ready(() => true);
    assert.ok(complaints.some((each) => /img-src/.test(each)));
    assert.ok(complaints.some((each) => /style-src/.test(each)));
    await page.reload();
    await page.locator('[data-state=live]').waitFor();
});

test('updates leave alone what somebody is doing', async () => {
    const ids = [];

    for (let i = 0; i < 30; i++) {
        ids.push(await ask('transfer', { amount: 900 + i }));
    }

    await count(30);
    await choose(ids[20]);
    await page.locator('#reason').fill('half a sen');
    await page.locator('#reason').press('ArrowLeft');

    const before = await page.evaluate(() => [
        document.getElementById('list').scrollTop,
        document.getElementById('reason').selectionStart,
        document.activeElement.id,
    ]);
    assert.ok(before[0] > 0);

    const late = await ask('transfer', { amount: 999 });
    await api(`approvals/${ids[29]}/deny`, {});
    await page.locator('#announce', { hasText: 'transfer' })
        .waitFor({ state: 'attached' });
    await ready(() => document.getElementById('decided-body').children.length
        > 0);

    assert.deepEqual(await page.evaluate(() => [
        document.getElementById('list').scrollTop,
        document.getElementById('reason').selectionStart,
        document.activeElement.id,
    ]), before);
    assert.equal(await page.locator('#reason').inputValue(), 'half a sen');
    await page.locator(`#row-${ids[20]}[aria-selected=true]`).waitFor();

    // Somebody else decides it: it stays, and cannot be decided again.
    await api(`approvals/${ids[20]}/approve`, {});
    await page.locator('#warning', { hasText: 'Approved by tester' })
        .waitFor();
    requests = [];
    await page.locator('#list').focus();
    await page.keyboard.press('a');
    await page.keyboard.press('d');
    assert.ok(!requests.some((each) => each.method() === 'POST'));
    assert.ok(late);
});

test('cut arguments are said to be cut', async () => {
    const id = await ask('transfer', { amount: 1, note: 'x'.repeat(30000) });

    await choose(id);
    await page.locator('#warning', { hasText: 'Only the beginning is kept' })
        .waitFor();
    await button('Approve without all arguments').waitFor();

    const many = await ask('transfer', { amount: 1,
        list: Array(2500).fill(0) });

    await choose(many);
    await button('Approve, not all shown').waitFor();
    await button('Show 1002 more values').click();
    await page.getByRole('button', { name: 'Approve', exact: true }).waitFor();
});

test('a lost connection is seen, and comes back', async () => {
    await page.route('**/api/**', (route) => route.abort());
    await page.locator('#connection[data-state=lost]',
                       { hasText: 'Connection lost' }).waitFor();
    await picture('lost');
    await page.unroute('**/api/**');
    await button('Try now').click();
    await page.locator('#connection[data-state=live]').waitFor();
});

test('a thousand calls wait', async (t) => {
    for (let i = 0; i < 1000; i++) {
        await ask('transfer', { amount: 10000 + i });
    }

    await count(1000);

    // Two of the same millisecond come in any order.
    const id = (await api('approvals')).approvals.at(-1).id;

    await page.locator('#list').focus();
    await page.keyboard.press('End');
    await shown(id);

    const nodes = await page.evaluate(
        () => document.querySelectorAll('*').length);
    assert.ok(nodes < 5000, `${nodes} elements`);
    assert.ok(await page.locator('.row').count() < 50);
    assert.equal(await row(id).getAttribute('aria-posinset'), '1000');
    await picture('thousand');
    await page.keyboard.press('a');
    await count(999);
    assert.equal((await api(`approvals/${id}`)).state, 'approved');

    // Every row, one after another, by the keyboard.
    const took = await page.evaluate(() => {
        const list = document.getElementById('list');
        const start = performance.now();

        for (let i = 0; i < 998; i++) {
            list.dispatchEvent(new KeyboardEvent('keydown',
                { key: 'ArrowUp', bubbles: true, cancelable: true }));
        }

        return performance.now() - start;
    });

    const first = (await api('approvals')).approvals[0].id;
    await shown(first);
    t.diagnostic(`${nodes} elements; ${(took / 998).toFixed(2)} ms a key`);
    assert.ok(await page.locator('.row').count() < 50);
});

test('limits, refusals, tools and policies are seen', async () => {
    for (let i = 0; i < 3; i++) {
        await fetch(url('FIXTURE_URL'), {
            method: 'POST',
            headers: { 'Content-Type': 'application/json',
                       Accept: 'application/json, text/event-stream' },
            body: JSON.stringify({
                jsonrpc: '2.0', id: 1, method: 'tools/call',
                params: { name: 'echo', arguments: { message: 'x' } },
            }),
        });
    }

    await page.locator('#limits-body tr', { hasText: 'echo' })
        .filter({ hasText: '2 of 2' }).waitFor();
    await page.locator('#refusals-body tr', { hasText: 'rate limited' })
        .filter({ hasText: 'echo' }).first().waitFor();
    await page.locator('#tools-body tr', { hasText: 'delete-file' })
        .filter({ hasText: 'Destructive' }).waitFor();
    await page.locator('#policies-body tr', { hasText: 'clients' }).waitFor();
    await page.locator('#decided-body tr', { hasText: 'tester' }).first()
        .waitFor();
    assert.ok(requests.every((each) => each.url().startsWith(origin)));
});

// The contrast of text with what is behind it, as WCAG 2.2 has it.
const contrasts = (selectors) => {
    const channels = (color) => color.match(/[\d.]+/g).map(Number);
    const light = (color) => {
        const [r, g, b] = channels(color).map((each) => {
            const value = each / 255;
            return value <= 0.04045 ? value / 12.92
                : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const color = getComputedStyle(each).backgroundColor;
            if (channels(color)[3] !== 0) {
                return color;
            }
        }
        return 'rgb(255, 255, 255)';
    };

    return selectors.map((selector) => {
        const element = [...document.querySelectorAll(selector)]
            .find((each) => each.offsetParent);
        if (!element) {
            return `${selector}: nothing`;
        }
        const [a, b] = [light(getComputedStyle(element).color),
                        light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        return ratio >= 4.5 ? null : `${selector}: ${ratio.toFixed(2)}`;
    }).filter(Boolean);
};

const words = ['h1', '#host', '#connection', 'nav a', 'h2', '.row .name',
    '.row .about', '.row .age', '.row[aria-selected=true] .about',
    '#detail-tool', '#detail-facts dt', '#approve', '#deny', '.actions label',
    '#arguments .key', '#arguments .string', '#arguments .number',
    '#arguments .word', '.mark', 'th', 'td', '.second', '.badge',
    '.badge.bad', '.badge.warn', '.badge.good', '#zones', '#notice'];

for (const colorScheme of ['light', 'dark']) {
    test(`readable, ${colorScheme}`, async () => {
        const ids = [await ask('transfer', { amount: 5000, sure: true,
                                             note: 'for \u200b you' }),
                     await ask(evil, {})];

        await context.close();
        await open({ colorScheme });
        await choose(ids[0]);
        await page.locator('#refusals-body tr').first().waitFor();
        await page.mouse.move(0, 0);
        assert.deepEqual(await page.evaluate(contrasts, words), []);
        await picture(`busy-${colorScheme}`);
    });
}

test('a narrow screen', async () => {
    const ids = [await ask('transfer', { amount: 6000,
                                         note: 'w'.repeat(500) }),
                 await ask(evil, { path: '/a/b' })];

    await context.close();
    await open({ viewport: { width: 320, height: 640 }, hasTouch: true });
    await choose(ids[0]);
    await picture('narrow');

    assert.equal(await page.evaluate(
        () => document.documentElement.scrollWidth), 320);
    assert.ok(await page.evaluate(() => [...document.querySelectorAll(
        'button, input, #list, #arguments, h2, td')]
        .filter((each) => each.offsetParent)
        .every((each) => {
            const { left, right } = each.getBoundingClientRect();
            return left >= 0 && right <= 320;
        })));

    await button('Approve').tap();
    await notice('Approved');
});

test('has names and landmarks', async () => {
    const id = await ask('transfer', { amount: 7000 });

    await choose(id);

    for (const [role, name] of [['banner'], ['navigation', 'Sections'],
        ['main'], ['listbox', 'Waiting for you'], ['region', 'Limits'],
        ['region', 'Recent refusals'], ['article', 'transfer'],
        ['textbox', /Reason/], ['button', /Approve/], ['button', /Deny/],
        ['heading', 'MCP policy']])
    {
        const found = await page.getByRole(role, name && { name }).count();
        assert.equal(found, 1, `${role} ${name}`);
    }

    // Everything that takes the focus shows it, and has a name.
    const unnamed = await page.evaluate(() => [...document.querySelectorAll(
        'button, input, a, [tabindex]')]
        .filter((each) => each.offsetParent
            && !(each.textContent.trim() || each.labels?.length
                 || each.getAttribute('aria-labelledby')))
        .map((each) => each.outerHTML));
    assert.deepEqual(unnamed, []);
    assert.equal(await page.evaluate(() => document.documentElement.lang),
                 'en');
});
