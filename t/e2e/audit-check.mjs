// audit-check.mjs SCHEMA FILE...: whether Ajv finds every line of the files
// to be what the schema says; prints what is not, and how many lines are.

import { readFileSync } from 'node:fs';

import Ajv2020 from 'ajv/dist/2020.js';

const [schema, ...files] = process.argv.slice(2);
const ajv = new Ajv2020.default({ strict: true, allowUnionTypes: true,
                                  strictRequired: false });
const validate = ajv.compile(JSON.parse(readFileSync(schema)));
const utf8 = new TextDecoder('utf-8', { fatal: true });

let count = 0;

for (const file of files) {
    const lines = utf8.decode(readFileSync(file)).split('\n');

    if (lines.pop() !== '') {
        console.log(`${file}: the last line is not whole`);
    }

    for (const line of lines) {
        try {
            if (validate(JSON.parse(line))) {
                count++;
                continue;
            }

            console.log(`${line}: ${ajv.errorsText(validate.errors)}`);

        } catch (error) {
            console.log(`${line}: ${error.message}`);
        }
    }
}

console.log(`valid ${count}`);
