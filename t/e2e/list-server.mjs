// Lists of several pages, the second of them of nothing that a client may
// see, in every way in which the official servers send them: /json, /stream
// and /resume of SDK 1.x with sessions; /modern-json and /modern-stream of
// SDK 2.x.  /resume ends the stream of a list request without an answer and
// gives it only on the stream that the client goes on with.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { Server as OldServer }
    from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport }
    from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as old from '@modelcontextprotocol/sdk/types.js';
import { Server as NewServer, createMcpHandler }
    from '@modelcontextprotocol/server';

const pages = [['read-a', 'wipe-a', 'secret-a'], ['secret-b', 'wipe-b'],
               ['read-b', 'read-c'], ['secret-c', 'resumed']];

const schema = { type: 'object' };

const kinds = {
    tools: (name) => ({ name, description: `does ${name}`,
                        inputSchema: schema }),
    prompts: (name) => ({ name }),
    resources: (name) => ({ name, uri: `note://${name}/1` }),
    resourceTemplates: (name) => ({ name, uriTemplate: `note://${name}/{n}` }),
};

const methods = {
    'tools/list': 'tools',
    'prompts/list': 'prompts',
    'resources/list': 'resources',
    'resources/templates/list': 'resourceTemplates',
};

const requests = {
    'tools/list': old.ListToolsRequestSchema,
    'tools/call': old.CallToolRequestSchema,
    'prompts/list': old.ListPromptsRequestSchema,
    'resources/list': old.ListResourcesRequestSchema,
    'resources/templates/list': old.ListResourceTemplatesRequestSchema,
};

const info = { name: 'lists', version: '1.0.0' };
const options = { capabilities: { tools: {}, prompts: {}, resources: {} } };

function page(kind, cursor) {
    const n = Number(cursor ?? 0);

    return {
        [kind]: pages[n].map(kinds[kind]),
        ...(n + 1 < pages.length && { nextCursor: `${n + 1}` }),
    };
}

function add(register, before, count) {
    for (const [method, kind] of Object.entries(methods)) {
        register(method, async ({ params }, extra) => {
            await before?.(extra);
            return page(kind, params?.cursor);
        });
    }

    register('tools/call', ({ params }) => ({
        content: [{ type: 'text', text: params.name === 'resumed'
                    ? `${count()}` : `${params.name} was here` }],
    }));
}

// In the order of arrival, which the example of the SDK does not keep for
// events of the same millisecond.
class Events {
    all = [];

    constructor(resumed) {
        this.resumed = resumed;
    }

    async storeEvent(stream, message) {
        this.all.push({ id: `${stream}/${this.all.length}`, stream, message });
        return this.all.at(-1).id;
    }

    async replayEventsAfter(last, { send }) {
        const from = this.all.findIndex(({ id }) => id === last);
        const { stream } = this.all[from];

        for (const event of this.all.slice(from + 1)) {
            if (event.stream === stream && Object.keys(event.message).length) {
                await send(event.id, event.message);
            }
        }

        // The stream is known to the transport only after this.
        setImmediate(this.resumed);
        return stream;
    }
}

class Session {
    constructor(path) {
        const server = new OldServer(info, options);

        this.resumed = 0;
        this.waiting = [];

        // The answer waits for the client to come again.
        const again = (extra) => {
            const come = new Promise((done) => this.waiting.push(done));
            extra.closeSSEStream();
            return come;
        };

        const events = new Events(() => {
            this.resumed++;
            this.waiting.shift()?.();
        });

        const resume = path === '/resume';

        add((method, run) => server.setRequestHandler(requests[method], run),
            resume ? again : undefined, () => this.resumed);

        this.transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            enableJsonResponse: path === '/json',
            onsessioninitialized: (id) => sessions.set(id, this),
            ...(resume && { eventStore: events, retryInterval: 10 }),
        });
        this.connected = server.connect(this.transport);
    }

    async serve(request, response) {
        await this.connected;
        await this.transport.handleRequest(request, response);
    }
}

const sessions = new Map();

function serveOld(path, request, response) {
    const id = request.headers['mcp-session-id'];
    const session = id === undefined ? new Session(path) : sessions.get(id);

    if (session) {
        session.serve(request, response);
    } else {
        response.writeHead(404).end();
    }
}

function modern(responseMode) {
    return toNodeHandler(createMcpHandler(() => {
        const server = new NewServer(info, options);
        add((method, run) => server.setRequestHandler(method, run));
        return server;
    }, { responseMode, legacy: 'reject' }));
}

const handlers = {
    '/modern-json': modern('json'),
    '/modern-stream': modern('sse'),
};

createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;

    if (handlers[path]) {
        handlers[path](request, response);
    } else {
        serveOld(path, request, response);
    }
}).listen(Number(process.env.PORT), '127.0.0.1');
