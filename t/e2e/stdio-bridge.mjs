// A server that speaks over its standard input and output, made to speak
// Streamable HTTP at /mcp: node stdio-bridge.mjs COMMAND [ARGUMENT]...
// The messages pass as they are.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = new Map();

child.on('exit', (code) => process.exit(code ?? 1));
process.on('SIGTERM', () => child.kill());

createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    const response = method === undefined && waiting.get(JSON.stringify(id));

    if (response) {
        waiting.delete(JSON.stringify(id));
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(line);
    }
});

createServer(async (request, response) => {
    if (request.url !== '/mcp' || request.method !== 'POST') {
        response.writeHead(request.url === '/mcp' ? 405 : 404).end();
        return;
    }

    let body = '';

    for await (const piece of request.setEncoding('utf8')) {
        body += piece;
    }

    const { id } = JSON.parse(body);

    if (id === undefined) {
        response.writeHead(202).end();
    } else {
        waiting.set(JSON.stringify(id), response);
    }

    child.stdin.write(`${body.replaceAll('\n', ' ')}\n`);
}).listen(Number(process.env.PORT), '127.0.0.1');
