// The tools, prompts and resources that the conformance suites look for, on
// one path: 2025 with sessions from SDK 1.x, 2026-07-28 from SDK 2.x.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as OldServer, ResourceTemplate as OldTemplate }
    from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport }
    from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CompleteRequestSchema, CreateMessageResultSchema,
         ElicitResultSchema, ListToolsRequestSchema, SetLevelRequestSchema,
         SubscribeRequestSchema, UnsubscribeRequestSchema }
    from '@modelcontextprotocol/sdk/types.js';
import { McpServer as NewServer, ResourceTemplate as NewTemplate,
         createMcpHandler } from '@modelcontextprotocol/server';
import { z } from 'zod';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQ'
    + 'DwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const wav = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';

const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
const text = (value) => ({ type: 'text', text: value });
const result = (...content) => ({ content });
const user = (...content) => ({
    messages: content.map((each) => ({ role: 'user', content: each })),
});

const resource = (uri, mimeType, value) => ({
    type: 'resource', resource: { uri, mimeType, text: value },
});

const property = (type, fallback, more) =>
    ({ type, default: fallback, ...more });
const titled = (...pairs) =>
    pairs.map(([value, title]) => ({ const: value, title }));

const defaults = {
    type: 'object',
    properties: {
        name: property('string', 'John Doe'),
        age: property('integer', 30),
        score: property('number', 95.5),
        status: property('string', 'active',
                         { enum: ['active', 'inactive', 'pending'] }),
        verified: property('boolean', true),
    },
};

const three = ['option1', 'option2', 'option3'];

const enums = {
    type: 'object',
    properties: {
        untitledSingle: { type: 'string', enum: three },
        titledSingle: {
            type: 'string',
            oneOf: titled(['value1', 'First Option'],
                          ['value2', 'Second Option'],
                          ['value3', 'Third Option']),
        },
        legacyEnum: {
            type: 'string', enum: ['opt1', 'opt2', 'opt3'],
            enumNames: ['Option One', 'Option Two', 'Option Three'],
        },
        untitledMulti: { type: 'array',
                         items: { type: 'string', enum: three } },
        titledMulti: {
            type: 'array',
            items: {
                anyOf: titled(['value1', 'First Choice'],
                              ['value2', 'Second Choice'],
                              ['value3', 'Third Choice']),
            },
        },
    },
};

const identity = {
    type: 'object',
    properties: { username: { type: 'string' }, email: { type: 'string' } },
    required: ['username', 'email'],
};

const addressed = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: {
        address: {
            type: 'object',
            properties: { street: { type: 'string' },
                          city: { type: 'string' } },
        },
    },
    properties: { name: { type: 'string' },
                  address: { $ref: '#/$defs/address' } },
    additionalProperties: false,
};

const asked = (answer) => result(text(
    `Elicitation completed: action=${answer.action}, `
    + `content=${JSON.stringify(answer.content)}`));

// Name, arguments, what it does with them and with the call it is part of.
const tools = [
    ['test_simple_text', {}, () =>
        result(text('This is a simple text response for testing.'))],

    ['test_image_content', {}, () =>
        result({ type: 'image', data: png, mimeType: 'image/png' })],

    ['test_audio_content', {}, () =>
        result({ type: 'audio', data: wav, mimeType: 'audio/wav' })],

    ['test_embedded_resource', {}, () =>
        result(resource('test://embedded-resource', 'text/plain',
                        'This is an embedded resource content.'))],

    ['test_multiple_content_types', {}, () =>
        result(text('Multiple content types test:'),
               { type: 'image', data: png, mimeType: 'image/png' },
               resource('test://mixed-content-resource', 'application/json',
                        '{"test":"data","value":123}'))],

    ['test_tool_with_logging', {}, async (args, call) => {
        for (const data of ['Tool execution started', 'Tool processing data',
                            'Tool execution completed'])
        {
            await call.notify({ method: 'notifications/message',
                                params: { level: 'info', data } });
            await pause();
        }

        return result(text('logged'));
    }],

    ['test_tool_with_progress', {}, async (args, call) => {
        for (const progress of [0, 50, 100]) {
            if (call.token !== undefined) {
                await call.notify({
                    method: 'notifications/progress',
                    params: { progressToken: call.token, progress,
                              total: 100 },
                });
            }

            await pause();
        }

        return result(text('done'));
    }],

    ['test_error_handling', {}, () => {
        throw new Error(
            'This tool intentionally returns an error for testing');
    }],

    ['test_sampling', { prompt: z.string() }, async ({ prompt }, call) => {
        const answer = await call.request('sampling/createMessage', {
            messages: [{ role: 'user', content: text(prompt) }],
            maxTokens: 100,
        });
        return result(text(`LLM response: ${answer.content.text}`));
    }],

    ['test_elicitation', { message: z.string() }, async (args, call) => {
        const answer = await call.request('elicitation/create',
            { message: args.message, requestedSchema: identity });
        return result(text(`User response: action: ${answer.action}, `
            + `content: ${JSON.stringify(answer.content)}`));
    }],

    ['test_elicitation_sep1034_defaults', {}, async (args, call) =>
        asked(await call.request('elicitation/create',
            { message: 'Defaults', requestedSchema: defaults }))],

    ['test_elicitation_sep1330_enums', {}, async (args, call) =>
        asked(await call.request('elicitation/create',
            { message: 'Enums', requestedSchema: enums }))],

    ['test_reconnection', {}, async (args, call) => {
        call.closeStream?.();
        await pause();
        return result(text('reconnected'));
    }],

    ['json_schema_2020_12_tool', {}, () => result(text('ok'))],
];

function add(server, Template, shape, context) {
    for (const [name, args, run] of tools) {
        server.registerTool(
            name, { description: name, inputSchema: shape(args) },
            (values, extra) => run(values, context(extra)));
    }

    const contents = (uri, more) => ({ contents: [{ uri, ...more }] });

    server.registerResource(
        'static-text', 'test://static-text',
        { description: 'text', mimeType: 'text/plain' },
        () => contents('test://static-text', {
            mimeType: 'text/plain',
            text: 'This is the content of the static text resource.',
        }));

    server.registerResource(
        'static-binary', 'test://static-binary',
        { description: 'binary', mimeType: 'image/png' },
        () => contents('test://static-binary',
                       { mimeType: 'image/png', blob: png }));

    server.registerResource(
        'watched', 'test://watched-resource',
        { description: 'watched', mimeType: 'text/plain' },
        () => contents('test://watched-resource',
                       { mimeType: 'text/plain', text: 'watched' }));

    server.registerResource(
        'template', new Template('test://template/{id}/data',
                                 { list: undefined }),
        { description: 'template', mimeType: 'application/json' },
        (uri, { id }) => contents(uri.href, {
            mimeType: 'application/json',
            text: JSON.stringify({ id, templateTest: true,
                                   data: `Data for ID: ${id}` }),
        }));

    const prompt = (name, args, run) => server.registerPrompt(
        name, { description: name, ...(args && { argsSchema: shape(args) }) },
        run);

    prompt('test_simple_prompt', undefined, () =>
        user(text('This is a simple prompt for testing.')));

    prompt('test_prompt_with_arguments',
           { arg1: z.string().describe('first'),
             arg2: z.string().describe('second') },
           ({ arg1, arg2 }) => user(text(
               `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)));

    prompt('test_prompt_with_embedded_resource',
           { resourceUri: z.string().describe('URI') },
           ({ resourceUri }) => user(
               resource(resourceUri, 'text/plain',
                        'Embedded resource content for testing.'),
               text('Please process the embedded resource above.')));

    prompt('test_prompt_with_image', undefined, () =>
        user({ type: 'image', data: png, mimeType: 'image/png' },
             text('Please analyze the image above.')));
}

// 2025: one server for each session, kept in memory, streams resumable.

const answers = {
    'sampling/createMessage': CreateMessageResultSchema,
    'elicitation/create': ElicitResultSchema,
};

const info = { name: 'conformance', version: '1.0.0' };

function buildOld() {
    const server = new OldServer(info, {
        capabilities: { logging: {}, completions: {}, tools: {},
                        prompts: {}, resources: { subscribe: true } },
    });

    add(server, OldTemplate, (args) => args, (extra) => ({
        token: extra._meta?.progressToken,
        notify: extra.sendNotification,
        request: (method, params) =>
            extra.sendRequest({ method, params }, answers[method]),
        closeStream: extra.closeSSEStream,
    }));

    const empty = () => ({});
    const low = server.server;

    low.setRequestHandler(SetLevelRequestSchema, empty);
    low.setRequestHandler(SubscribeRequestSchema, empty);
    low.setRequestHandler(UnsubscribeRequestSchema, empty);
    low.setRequestHandler(CompleteRequestSchema, () =>
        ({ completion: { values: ['paris', 'park'], total: 2,
                         hasMore: false } }));

    // Zod would rewrite the schema whose every keyword is looked at.
    const list = low._requestHandlers.get('tools/list');

    low.setRequestHandler(ListToolsRequestSchema, async (request, extra) => {
        const listed = await list(request, extra);

        for (const tool of listed.tools) {
            if (tool.name === 'json_schema_2020_12_tool') {
                tool.inputSchema = addressed;
            }
        }

        return listed;
    });

    return server;
}

class Events {
    all = [];

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

        return stream;
    }
}

const sessions = new Map();

async function serveOld(request, response) {
    const id = request.headers['mcp-session-id'];
    let transport = sessions.get(id);

    if (id !== undefined && !transport) {
        response.writeHead(404, { 'content-type': 'application/json' });
        response.end('{"jsonrpc":"2.0","error":'
                     + '{"code":-32001,"message":"Session not found"}}');
        return;
    }

    if (!transport) {
        transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            eventStore: new Events(),
            retryInterval: 100,
            onsessioninitialized: (session) =>
                sessions.set(session, transport),
            onsessionclosed: (session) => sessions.delete(session),
        });
        await buildOld().connect(transport);
    }

    await transport.handleRequest(request, response);
}

// 2026-07-28: nothing is kept.

const serveNew = toNodeHandler(createMcpHandler(() => {
    const server = new NewServer(info);

    add(server, NewTemplate, (args) => z.object(args), (ctx) => ({
        token: ctx.mcpReq._meta?.progressToken,
        notify: ctx.mcpReq.notify,
        request: (method, params) => ctx.mcpReq.send({ method, params }),
    }));

    return server;
}, { legacy: 'reject' }));

const local = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

createServer((request, response) => {
    const { host, origin } = request.headers;

    if (!local.test(host) || (origin && !local.test(new URL(origin).host))) {
        response.writeHead(403).end();

    } else if (request.headers['mcp-protocol-version'] >= '2026') {
        serveNew(request, response);

    } else {
        serveOld(request, response);
    }
}).listen(Number(process.env.PORT), '127.0.0.1');
