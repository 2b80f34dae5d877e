// validate.mjs SCHEMA FILE: whether JSON is as its JSON Schema says.

import { readFileSync } from 'node:fs';

import Ajv2020 from 'ajv/dist/2020.js';

const [schema, value] = process.argv.slice(2)
    .map((path) => JSON.parse(readFileSync(path)));

const validate = new Ajv2020.default({ strict: true, allErrors: true })
    .compile(schema);

if (validate(value)) {
    console.log('valid');
} else {
    console.log(JSON.stringify(validate.errors, null, 1));
    process.exitCode = 1;
}
