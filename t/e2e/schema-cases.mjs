// Cases in the form of the JSON Schema Test Suite, judged by Ajv:
//
//   schema-cases.mjs tools DIR       schemas of real servers' tools
//   schema-cases.mjs random SEED N   schemas and values by chance

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport }
    from '@modelcontextprotocol/sdk/client/stdio.js';
import Ajv2020 from 'ajv/dist/2020.js';

const modules = new URL('node_modules/', import.meta.url).pathname;

const groups = process.argv[2] === 'tools'
    ? await tools(process.argv[3])
    : random(Number(process.argv[3]), Number(process.argv[4]));

console.log(JSON.stringify(groups));


function judge(description, schema, values) {
    const ajv = new Ajv2020.default({ strict: false, validateFormats: false,
                                      logger: false });
    const { $schema, ...rest } = Object(schema);
    const validate = ajv.compile(schema === Object(schema) ? rest : schema);

    return {
        description,
        schema,
        tests: values.map((data) => ({ data, valid: validate(data) }))
    };
}


async function tools(scratch) {
    const servers = {
        '@modelcontextprotocol/server-everything/dist/index.js': ['stdio'],
        '@modelcontextprotocol/server-filesystem/dist/index.js': [scratch],
        '@modelcontextprotocol/server-memory/dist/index.js': [],
        '@modelcontextprotocol/server-sequential-thinking/dist/index.js': [],
        '@playwright/mcp/cli.js': [],
        '@upstash/context7-mcp/dist/index.js': []
    };

    const groups = [];

    for (const [server, args] of Object.entries(servers)) {
        const transport = new StdioClientTransport({
            command: process.execPath,
            args: [`${modules}${server}`, ...args],
            env: { ...process.env, CONTEXT7_TELEMETRY_DISABLED: '1',
                   MEMORY_FILE_PATH: `${scratch}/memory` },
            stderr: 'ignore'
        });

        const client = new Client({ name: 'schemas', version: '1' });
        await client.connect(transport);
        const { tools } = await client.listTools();
        await client.close();

        for (const tool of tools) {
            for (const member of ['inputSchema', 'outputSchema']) {
                if (tool[member]) {
                    groups.push(judge(`${tool.name} ${member}`,
                                      tool[member], guesses(tool[member])));
                }
            }
        }
    }

    return groups;
}


// Values for some members of an object, fitting or not.
function guesses(schema) {
    const values = [{}, [], { unknown: 1 }];
    const pool = ['x', 1, -1.5, true, null, [], ['x'], [{}], {}];

    for (const name of Object.keys(schema.properties ?? {})) {
        for (const value of pool) {
            values.push({ [name]: value });
        }
    }

    for (const value of pool) {
        values.push(Object.fromEntries(
            Object.keys(schema.properties ?? {}).map((n) => [n, value])));
    }

    return values;
}


function random(seed, count) {
    let state = BigInt(seed) * 2654435769n + 1n;

    const below = (n) => {
        state = BigInt.asUintN(64, state * 6364136223846793005n
                                   + 1442695040888963407n);
        return Number((state >> 33n) % BigInt(n));
    };

    const pick = (list) => list[below(list.length)];
    const some = (n, make) => Array.from({ length: 1 + below(n) }, make);
    const names = ['a', 'b', 'ab', '\u00e4', 'a"b', 'c/~'];
    const types = ['string', 'number', 'integer', 'boolean', 'array',
                   'object', 'null'];
    const scalars = [0, 1, -1, 2, 3, 1.5, 10, 1e3, '', 'a', 'ab', 'b1',
                     '\u{1f600}', 'A-9', true, false, null];
    const patterns = ['^a', 'b$', '\\d', '^[a-z]+$', '\\S', '[^\\w-]',
                      '^.$', '^\\p{L}*$', 'a|b', '(?:ab)?', '^\\u0061{1,2}'];

    const value = (depth) => {
        switch (depth > 0 ? below(4) : 0) {
        case 1:
            return below(5) ? some(3, () => value(depth - 1)) : [];
        case 2:
            return Object.fromEntries(
                some(3, () => [pick(names), value(depth - 1)]));
        default:
            return pick(scalars);
        }
    };

    const map = (make) => Object.fromEntries(
        some(3, () => [pick(names), make()]));

    const schema = (depth) => {
        if (depth === 0 || below(12) === 0) {
            return pick([true, false, {}, { type: pick(types) },
                         { const: value(1) }, { $ref: '#/$defs/leaf' }]);
        }

        const sub = () => schema(depth - 1);
        const keywords = {
            type: () => below(2) ? pick(types)
                                 : [...new Set([pick(types), 'object'])],
            enum: () => some(4, () => value(1)),
            const: () => value(2),
            minimum: () => pick([0, 1, 1.5, -1]),
            maximum: () => pick([2, 10, 1.5]),
            exclusiveMinimum: () => pick([0, 1]),
            exclusiveMaximum: () => pick([2, 3]),
            multipleOf: () => pick([1, 2, 3, 0.5]),
            minLength: () => below(3),
            maxLength: () => below(3),
            pattern: () => pick(patterns),
            properties: () => map(sub),
            patternProperties: () => ({ [pick(patterns)]: sub() }),
            additionalProperties: () => below(2) ? false : sub(),
            required: () => [...new Set(some(2, () => pick(names)))],
            propertyNames: sub,
            dependentRequired: () => ({ [pick(names)]: [pick(names)] }),
            dependentSchemas: () => map(sub),
            minProperties: () => below(3),
            maxProperties: () => below(3),
            items: sub,
            prefixItems: () => some(2, sub),
            minItems: () => below(3),
            maxItems: () => below(3),
            uniqueItems: () => below(2) === 0,
            contains: sub,
            minContains: () => below(3),
            maxContains: () => below(3),
            anyOf: () => some(3, sub),
            oneOf: () => some(3, sub),
            allOf: () => some(2, sub),
            not: sub,
            if: sub,
            then: sub,
            else: sub
        };

        const made = Object.fromEntries(
            some(4, () => pick(Object.keys(keywords)))
                .map((name) => [name, keywords[name]()]));

        // beside "prefixItems" Ajv takes [] for something that contains
        if (made.prefixItems) {
            delete made.contains;
        }

        return made;
    };

    return Array.from({ length: count }, (_, i) => judge(
        `schema ${i}`,
        { ...Object(schema(3)), $defs: { leaf: { type: pick(types) } } },
        some(20, () => value(3))));
}
