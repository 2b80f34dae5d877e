/*
 * canonical.mjs SEED COUNT: pairs of lines, a JSON text and its canonical
 * form by the package "canonicalize", "!" where it has none.  The first are
 * those of RFC 8785, appendix B, the rest are drawn by the seed.
 */

import canonicalize from 'canonicalize';

const appendix = [
    '0000000000000000', '8000000000000000', '0000000000000001',
    '8000000000000001', '7fefffffffffffff', 'ffefffffffffffff',
    '4340000000000000', 'c340000000000000', '4430000000000000',
    '44b52d02c7e14af5', '44b52d02c7e14af6', '44b52d02c7e14af7',
    '444b1ae4d6e2ef4e', '444b1ae4d6e2ef4f', '444b1ae4d6e2ef50',
    '3eb0c6f7a0b5ed8c', '3eb0c6f7a0b5ed8d', '41b3de4355555553',
    '41b3de4355555554', '41b3de4355555555', '41b3de4355555556',
    '41b3de4355555557', 'becbf647612f3696', '43143ff3c1cb0959',
];

let state = BigInt(process.argv[2] ?? 1);

/* splitmix64 */
function bits() {
    const mask = (1n << 64n) - 1n;
    let z;

    state = (state + 0x9e3779b97f4a7c15n) & mask;
    z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;

    return z ^ (z >> 31n);
}

const below = (n) => Number(bits() % BigInt(n));
const pick = (list) => list[below(list.length)];

function double(word) {
    const view = new DataView(new ArrayBuffer(8));

    view.setBigUint64(0, word);

    return view.getFloat64(0);
}

/* All digits of a double, or of the middle between it and the next one. */
function exact(word, middle) {
    const sign = word >> 63n ? '-' : '';
    const field = Number((word >> 52n) & 0x7ffn);
    const fraction = word & ((1n << 52n) - 1n);
    let mantissa = field === 0 ? fraction : fraction | (1n << 52n);
    let exponent = (field === 0 ? 1 : field) - 1075;

    if (middle) {
        mantissa = mantissa * 2n + 1n;
        exponent--;
    }

    if (exponent >= 0) {
        return sign + (mantissa << BigInt(exponent));
    }

    const digits = (mantissa * 5n ** BigInt(-exponent)).toString()
        .padStart(-exponent + 1, '0');

    return sign + digits.slice(0, exponent) + '.' + digits.slice(exponent);
}

function word() {
    const kind = below(8);

    if (kind === 0) {                           /* a power of two */
        return BigInt(below(2047)) << 52n;
    }

    if (kind === 1) {                           /* few bits */
        return (BigInt(below(2047)) << 52n) | (bits() & (0xfn << 48n));
    }

    if (kind === 2) {                           /* about 1 */
        return (BigInt(1023 + below(80) - 20) << 52n) | (bits() >> 12n);
    }

    for ( ; ; ) {
        const w = bits();

        if (Number.isFinite(double(w))) {
            return w;
        }
    }
}

function number() {
    const w = word();
    const value = double(w);
    const digits = (n) => Array.from({ length: n }, () => below(10)).join('');

    switch (below(9)) {
    case 0:
        return exact(w, false);
    case 1:
        return exact(w, true);
    case 2:
        return exact(w, true).replace(/^(-?\d+)$/, '$1.0') + pick(['', '1']);
    case 3:
        return value.toExponential(below(21));
    case 4:
        return value.toPrecision(1 + below(25)).replace('e+', 'E');
    case 5:
        return String(below(1000000)) + '.' + digits(1 + below(20));
    case 6:
        return pick(['', '-']) + (1 + below(9)) + digits(below(30));
    case 7:
        return '0.' + '0'.repeat(below(12)) + digits(1 + below(18));
    default:
        return (1 + below(9)) + '.' + digits(1 + below(25)) + 'e'
               + (below(700) - 350);
    }
}

function character() {
    const code = pick([
        () => below(0x20), () => 0x20 + below(0x60), () => 0x22, () => 0x5c,
        () => 0x80 + below(0x780), () => 0x2028 + below(2),
        () => 0xe000 + below(0x1ffe), () => 0x10000 + below(0x100000),
        () => 0x800 + below(0xd000),
    ])();

    return String.fromCodePoint(code);
}

function string() {
    let text = '';

    for (const c of Array.from({ length: below(8) }, character)) {
        const units = [...Array(c.length).keys()].map((i) => '\\u'
            + c.charCodeAt(i).toString(16).padStart(4, '0'));

        text += below(3) === 0 ? units.join('')
            : JSON.stringify(c).slice(1, -1);
    }

    return '"' + text + '"';
}

const space = () => ' '.repeat(Math.max(0, below(5) - 3));

function value(depth) {
    const kind = below(depth > 4 ? 6 : 10);

    if (kind < 2) {
        return number();
    }

    if (kind < 5) {
        return string();
    }

    if (kind === 5) {
        return pick(['true', 'false', 'null']);
    }

    const count = below(6);

    if (kind < 8) {
        const elements = Array.from({ length: count },
                                    () => space() + value(depth + 1));

        return '[' + elements.join(',') + space() + ']';
    }

    const members = new Map();

    for (let i = 0; i < count; i++) {
        const key = string();

        /* U+0000 in a name is refused before anybody asks for this form */

        if (!JSON.parse(key).includes('\0')) {
            members.set(JSON.parse(key), space() + key + space() + ':'
                        + space() + value(depth + 1));
        }
    }

    return '{' + [...members.values()].join(',') + space() + '}';
}

function infinite(v) {
    return typeof v === 'number' ? !Number.isFinite(v)
        : v !== null && typeof v === 'object'
          && Object.values(v).some(infinite);
}

function write(text) {
    const parsed = JSON.parse(text);

    process.stdout.write(text + '\n'
        + (infinite(parsed) ? '!' : canonicalize(parsed)) + '\n');
}

for (const hex of appendix) {
    const w = BigInt('0x' + hex);

    write(exact(w, false));
    write(double(w).toPrecision(17));
    write(exact(w, true));
}

for (let i = 0; i < Number(process.argv[3] ?? 1000); i++) {
    write(below(2) ? number() : value(0));
}
