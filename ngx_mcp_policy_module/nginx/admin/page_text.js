'use strict';

// Names and arguments are an agent's words: they reach the page as text
// nodes alone, and what cannot be seen in them is made visible.

const $ = (id) => document.getElementById(id);

function make(tag, name, ...children) {
  const element = document.createElement(tag);

  if (name) {
    element.className = name;
  }

  element.append(...children.filter((child) => child != null));
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

function setWidth(element, share) {
  element.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
}


// Text of others

const UNSEEN = new RegExp(
  '([\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}'
  + '\\u{2800}\\u{1D159}\\u{FFFD}]'
  + '|(?! )\\p{Zs}|(?<=\\p{M}{2})\\p{M})\\1*', 'gu');
const ODD = /[^\x20-\x7e]/u;

const KNOWN = {
  0x09: 'tab', 0x0a: 'line feed', 0x0d: 'carriage return', 0x1b: 'escape',
  0xa0: 'no-break space', 0xad: 'soft hyphen', 0x200b: 'zero width space',
  0x200c: 'zero width non-joiner', 0x200d: 'zero width joiner',
  0x200e: 'left-to-right mark', 0x200f: 'right-to-left mark',
  0x202a: 'left-to-right embedding', 0x202b: 'right-to-left embedding',
  0x202c: 'end of embedding', 0x202d: 'left-to-right override',
  0x202e: 'right-to-left override', 0x2060: 'word joiner',
  0x2066: 'left-to-right isolate', 0x2067: 'right-to-left isolate',
  0x2068: 'first strong isolate', 0x2069: 'end of isolate',
  0xfeff: 'byte order mark', 0xfffd: 'replacement character',
};

function codeName(character) {
  const code = character.codePointAt(0);
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

// What a screen reader or a title is told.
function plain(text) {
  return text.replace(UNSEEN, (run) => `[${codeName(run)}]`);
}

function mark(run) {
  const characters = [...run];
  const code = run.codePointAt(0);
  const count = characters.length > 1 ? ` ×${characters.length}` : '';
  const element = make('span', 'mark', codeName(run) + count);

  element.title = KNOWN[code] || 'cannot be seen';
  return element;
}

// In names every character beyond ASCII is pointed out: it may look like
// another.  In values lines are broken where they were.
function show(parent, text, isName) {
  let last = 0;

  const plainPart = (part) => {
    if (!isName || !ODD.test(part)) {
      parent.append(part);
      return;
    }

    for (const character of part) {
      if (ODD.test(character)) {
        const element = make('span', 'odd', character);
        element.title = codeName(character);
        parent.append(element);
      } else {
        parent.append(character);
      }
    }
  };

  for (const match of text.matchAll(UNSEEN)) {
    const run = match[0];

    plainPart(text.slice(last, match.index));
    last = match.index + run.length;

    if (!isName && run[0] === '\n') {
      for (const line of run) {
        parent.append(make('span', 'faint', '↵'), line);
      }
    } else if (!isName && run[0] === '\t') {
      for (const tab of run) {
        parent.append(make('span', 'faint', '⇥'), tab);
      }
    } else {
      parent.append(mark(run));
    }
  }

  plainPart(text.slice(last));
  return parent;
}

const named = (text, tag) => show(make(tag || 'span', 'name'), text, true);

function short(hash) {
  const element = make('span', 'code', hash ? hash.slice(0, 8) : '–');

  if (hash) {
    element.title = hash;
  }

  return element;
}


// JSON with its numbers as they were written: one that a double cannot hold
// would be shown as another.

function parseJson(text) {
  const token = /[ \t\n\r]*(?:([[\]{},:])|("(?:[^"\\]|\\.)*")|([^\s,\]}]+))/gy;
  let part;

  const next = () => {
    part = token.exec(text);

    if (!part) {
      throw new SyntaxError('no JSON');
    }
  };

  const value = () => {
    if (part[2]) {
      return { type: 'string', text: JSON.parse(part[2]) };
    }

    if (part[3]) {
      return {
        type: /^[-0-9]/.test(part[3]) ? 'number' : 'word', text: part[3],
      };
    }

    const type = part[1] === '{' ? 'object' : 'array';
    const end = part[1] === '{' ? '}' : ']';
    const items = [];

    next();

    while (part[1] !== end) {
      let key = null;

      if (type === 'object') {
        key = JSON.parse(part[2]);
        next();
        next();
      }

      items.push([key, value()]);
      next();

      if (part[1] === ',') {
        next();
      }
    }

    return { type, items };
  };

  next();
  return value();
}

// One line for each value, what is inside of it indented.
function lines(tree) {
  const list = [];
  const stack = [];
  const inner = (node, depth) => {
    for (let i = node.items.length - 1; i >= 0; i--) {
      const [key, child] = node.items[i];
      stack.push({ key, index: i, node: child, depth });
    }
  };

  if (tree.items) {
    inner(tree, 0);
  } else {
    stack.push({ key: null, index: null, node: tree, depth: 0 });
  }

  while (stack.length) {
    const line = stack.pop();
    list.push(line);

    if (line.node.items) {
      inner(line.node, line.depth + 1);
    }
  }

  return list;
}

function lineElement({ key, index, node, depth }) {
  const line = make('div', 'line');
  const value = make('span', `value ${node.type}`);

  line.style.setProperty('--depth', Math.min(depth, 16));

  if (key != null) {
    line.append(show(make('span', 'key'), key === '' ? '""' : key, true));
  } else if (index != null) {
    line.append(make('span', 'key', `${index}`));
  }

  if (node.items) {
    const empty = node.type === 'object' ? '{}' : '[]';
    value.className = 'value shape';
    value.append(node.items.length ? '' : empty);
  } else if (node.type === 'string') {
    value.append(make('span', 'faint', '“'));
    show(value, node.text);
    value.append(make('span', 'faint', '”'));
  } else {
    value.append(node.text);
  }

  line.append(value);
  return line;
}
