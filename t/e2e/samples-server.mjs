// A server that has the tools of the published sample policies, and others.
// "ran" tells what has run, and so what has not.

import { createServer } from 'node:http';

import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { z } from 'zod';

import { others, samples } from './samples.mjs';

const ran = {};

const text = (value) => ({ content: [{ type: 'text', text: value }] });

function build() {
    const server = new McpServer({ name: 'samples', version: '1.0.0' });

    for (const name of [...samples.map(({ tool }) => tool), ...others]) {
        server.registerTool(name, { description: name,
                                    inputSchema: z.object({}) }, () => {
            ran[name] = (ran[name] ?? 0) + 1;
            return text(`${name} was here`);
        });
    }

    server.registerTool('ran', { description: 'ran',
                                 inputSchema: z.object({}) },
                        () => text(JSON.stringify(ran)));

    return server;
}

createServer(toNodeHandler(createMcpHandler(build)))
    .listen(Number(process.env.PORT), '127.0.0.1');
