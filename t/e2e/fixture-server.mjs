// A small server of the 2.x SDK that speaks both eras at /mcp: 2026-07-28,
// and stateless 2025.  What it has run it tells through the tool "calls", so
// that a client can see that a refused call never arrived.

import { createServer } from 'node:http';

import { McpServer, acceptedContent, createMcpHandler, inputRequired }
    from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { z } from 'zod';

const ran = [];
const waiting = new Map();

const text = (value) => ({ content: [{ type: 'text', text: value }] });

const gate = (name) => {
    if (!waiting.has(name)) {
        let open;
        const opened = new Promise((resolve) => { open = resolve; });
        waiting.set(name, { opened, open });
    }

    return waiting.get(name);
};

function build() {
    const server = new McpServer({ name: 'fixture', version: '1.0.0' });

    const tool = (name, inputSchema, run) => {
        server.registerTool(name, { description: name, inputSchema },
                            async (args, ctx) => {
            ran.push(name);
            return run(args, ctx);
        });
    };

    tool('echo', z.object({ message: z.string() }),
         ({ message }) => text(message));

    tool('transfer', z.object({ amount: z.number() }),
         ({ amount }) => text(`transferred ${amount}`));

    tool('delete-file', z.object({ path: z.string() }),
         ({ path }) => text(`deleted ${path}`));

    tool('backdoor', z.object({}), () => text('open'));

    tool('calls', z.object({}), () => text(JSON.stringify(ran)));

    // Reports progress, and ends only after "release" has been called: a
    // client whose progress event is held back never gets so far.
    tool('hold', z.object({ gate: z.string() }), async (args, ctx) => {
        await ctx.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken: ctx.mcpReq._meta?.progressToken,
                      progress: 1, total: 2 },
        });
        await gate(args.gate).opened;
        return text('released');
    });

    tool('release', z.object({ gate: z.string() }), (args) => {
        gate(args.gate).open();
        return text('open');
    });

    // Asks back before it acts: the call comes a second time, with the answer.
    tool('publish', z.object({ amount: z.number() }), ({ amount }, ctx) => {
        const schema = z.object({ sure: z.boolean() });
        const answer = acceptedContent(ctx.mcpReq.inputResponses, 'confirm',
                                       schema);

        return answer?.sure ? text(`published ${amount}`) : inputRequired({
            inputRequests: {
                confirm: inputRequired.elicit({ message: 'Sure?',
                                                requestedSchema: schema }),
            },
        });
    });

    tool('announce', z.object({}), () => {
        handler.notify.toolsChanged();
        return text('announced');
    });

    server.registerPrompt('greeting', { description: 'A greeting' }, () => ({
        messages: [{ role: 'user', content: { type: 'text', text: 'Hello' } }],
    }));

    server.registerResource('note', 'note://public/1', {}, (uri) => ({
        contents: [{ uri: uri.href, text: 'a note' }],
    }));

    server.registerResource('secret', 'note://secret/1', {}, (uri) => ({
        contents: [{ uri: uri.href, text: 'a secret' }],
    }));

    return server;
}

const handler = createMcpHandler(build);
const serve = toNodeHandler(handler);

createServer((request, response) => {
    if (new URL(request.url, 'http://localhost').pathname !== '/mcp') {
        response.writeHead(404).end();
        return;
    }

    serve(request, response);
}).listen(Number(process.env.PORT), '127.0.0.1');
