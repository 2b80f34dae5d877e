const PATIENCE = 500;         // ms that a call is shown before it is decided
const FAST = 1000;            // ms between looks while the page is seen
const SLOW = 10000;           // and while it is not
const OVERVIEW = 3000;
const SPARE = 6;              // rows beyond those that can be seen
const LINES = 1500;           // values that are shown at once
const TABLE = 100;            // rows of a table


// State

let etag = null;
let offset = 0;               // the server's clock less ours, ms
let records = new Map();      // of the newest list, by id
let pending = [];             // ids, oldest first
let selected = null;          // id
let shown = null;             // what the right side shows, see look()
let first = true;
let failures = 0;
let retryAt = 0;
let timer = null;
let overviewAt = 0;
let busy = false;             // a decision is on its way
let linked = null;            // id that the page's address names

const now = () => Date.now() + offset;
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
});
const full = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium', timeStyle: 'long',
});

function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (number) => String(number).padStart(2, '0');

  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  }

  if (seconds < 48 * 3600) {
    return `${Math.floor(seconds / 3600)} h ${two(
      Math.floor(seconds / 60) % 60)}`;
  }

  return `${Math.floor(seconds / 86400)} d`;
}

function at(seconds) {
  const date = new Date(seconds * 1000);
  const element = make('time', '', clock.format(date));

  element.dateTime = date.toISOString();
  element.title = full.format(date);
  return element;
}

const left = (record) => record.expires * 1000 - now();


// The list of those that wait: only rows that can be seen exist.

const pool = new Map();

function renderList() {
  const height = $('probe').offsetHeight || 54;
  const list = $('list');
  const from = Math.max(0, Math.floor(list.scrollTop / height) - SPARE);
  const to = Math.min(pending.length, SPARE
    + Math.ceil((list.scrollTop + list.clientHeight) / height));
  const wanted = new Set(pending.slice(from, to));

  $('rows').style.height = `${pending.length * height}px`;
  list.style.setProperty('--rows', pending.length);

  for (const [id, row] of pool) {
    if (!wanted.has(id)) {
      row.remove();
      pool.delete(id);
    }
  }

  let after = null;

  for (let i = to - 1; i >= from; i--) {
    const id = pending[i];
    let row = pool.get(id);

    if (!row) {
      row = newRow(records.get(id));
      pool.set(id, row);
    }

    if (row.nextSibling !== after || !row.parentNode) {
      $('rows').insertBefore(row, after);
    }

    row.style.top = `${i * height}px`;
    row.setAttribute('aria-setsize', pending.length);
    row.setAttribute('aria-posinset', i + 1);
    row.setAttribute('aria-selected', id === selected);
    after = row;
  }

  if (selected && pool.has(selected)) {
    list.setAttribute('aria-activedescendant', `row-${selected}`);
  } else {
    list.removeAttribute('aria-activedescendant');
  }

  tickRows();
}

function newRow(record) {
  const about = show(make('span', 'about'), record.policy, true);
  const row = make('div', 'row', named(record.tool), make('span', 'left'),
    about, make('span', 'age'));

  about.append(' › ');
  show(about, record.rule, true);

  row.id = `row-${record.id}`;
  row.setAttribute('role', 'option');
  row.firstChild.title = plain(record.tool);
  row.dataset.id = record.id;
  return row;
}

function tickRows() {
  for (const [id, row] of pool) {
    const record = records.get(id);
    const rest = left(record);

    setText(row.querySelector('.left'), span(rest));
    row.querySelector('.left').classList.toggle('soon', rest < 60000);
    setText(row.querySelector('.age'),
      `${record.asked > 1 ? `asked ${record.asked}× · ` : ''}${
        record.grant.slice(0, 6)}`);
  }
}

function select(id, visible) {
  selected = id;

  if (id && visible !== false) {
    const height = $('probe').offsetHeight || 54;
    const list = $('list');
    const top = pending.indexOf(id) * height;

    if (top < list.scrollTop) {
      list.scrollTop = top;
    } else if (top + height > list.scrollTop + list.clientHeight) {
      list.scrollTop = top + height - list.clientHeight;
    }
  }

  renderList();
  look();
}

function move(step) {
  if (!pending.length) {
    return;
  }

  const index = pending.indexOf(selected);
  const from = index < 0 && step < 0 ? pending.length : index;
  const to = Math.max(0, Math.min(pending.length - 1, from + step));

  if (pending[to] !== selected) {
    select(pending[to]);
  }
}


// The right side: one call, and the decision on exactly what is shown.

async function look() {
  const record = records.get(selected);

  $('detail').hidden = !record;

  if (!record || (shown && shown.id === selected)) {
    shown = record ? shown : null;
    return;
  }

  const mine = { id: selected, ready: false, complete: false, ended: null };

  shown = mine;
  $('reason').value = '';
  $('detail').scrollTop = 0;
  $('more').hidden = true;
  $('arguments').replaceChildren();
  $('detail-tool').replaceChildren(named(record.tool));
  $('detail-facts').replaceChildren(...[
    ['Policy', record.policy], ['Rule', record.rule],
    ['Caller', short(record.grant)], ['Since', at(record.created)],
    ['Id', short(record.id)],
  ].map(([key, value]) => make('div', '', make('dt', '', key),
    make('dd', '', typeof value === 'string'
      ? show(make('span'), value, true) : value))));
  warn('', '');
  tickDetail();

  let text;

  try {
    const response = await get(`api/approvals/${mine.id}`);

    if (response.status === 404) {
      end(mine, 'It has expired.');
      return;
    }

    if (!response.ok) {
      throw new Error(`status ${response.status}`);
    }

    text = await response.text();
  } catch {
    if (shown === mine) {
      shown = null;
      warn('bad', 'The arguments cannot be loaded; trying again.');
    }

    return;
  }

  if (shown === mine) {
    fill(mine, text);
  }
}

function fill(mine, text) {
  const record = JSON.parse(text);
  let rest = [];

  mine.complete = true;

  if (record.state !== 'pending') {
    end(mine, outcome(record));
    return;
  }

  if (record.truncated) {
    mine.complete = false;
    warn('warn', `Only the beginning is kept: ${
      new TextEncoder().encode(record.arguments).length} of ${
      record.arguments_length} bytes.`);
    $('arguments').append(lineElement({
      depth: 0, node: { type: 'string', text: record.arguments },
    }));
  } else if (record.arguments === null && record.arguments_length) {
    mine.complete = false;
    warn('warn', 'The arguments are not here: they are not kept over a '
      + 'restart, nor with mcp_max_approval_arguments 0. The approval is for '
      + 'the same ones all the same.');
  } else if (record.arguments === null) {
    $('arguments').append(make('span', 'faint', 'none'));
  } else {
    try {
      const all = parseJson(text).items.find(([key]) => key === 'arguments');
      rest = lines(all[1]);
    } catch {
      rest = [{
        depth: 0,
        node: { type: 'string', text: JSON.stringify(record.arguments) },
      }];
    }

    if (!rest.length) {
      $('arguments').append(make('span', 'faint', 'none'));
    }
  }

  mine.rest = rest;
  moreLines(mine);

  setTimeout(() => {
    mine.ready = true;
    tickDetail();
  }, PATIENCE);
  tickDetail();
}

function moreLines(mine) {
  $('arguments').append(...mine.rest.splice(0, LINES).map(lineElement));
  $('more').hidden = !mine.rest.length;
  setText($('more'), `Show ${mine.rest.length} more values`);
  tickDetail();
}

function warn(kind, text) {
  $('warning').hidden = !text;
  $('warning').dataset.kind = kind;
  setText($('warning'), text);
}

function end(mine, text) {
  if (shown === mine && !mine.ended) {
    mine.ended = text;
    warn('bad', text);
    tickDetail();
  }
}

function outcome(record) {
  const by = record.by ? ` by ${plain(record.by)}` : '';

  if (record.state === 'denied') {
    return `Denied${by}${record.reason ? `: ${plain(record.reason)}` : ''}.`;
  }

  return `${record.state === 'used' ? 'Approved and used' : 'Approved'}${
    by}.`;
}

function mayDecide() {
  const record = shown && records.get(shown.id);

  return record && record.state === 'pending' && shown.id === selected
    && shown.ready && !shown.ended && !busy && left(record) > 0;
}

function tickDetail() {
  const record = shown && records.get(shown.id);

  if (!record) {
    return;
  }

  const rest = left(record);
  const waits = record.state === 'pending' && !shown.ended;
  const asked = record.asked > 1 ? `asked ${record.asked} times, ` : '';

  if (waits && rest <= 0) {
    end(shown, 'It has expired.');
  }

  setText($('detail-time'), waits && rest > 0
    ? `${asked}expires in ${span(rest)}` : '');
  setWidth($('fuse').firstChild, waits
    ? rest / 1000 / (record.expires - record.created) : 0);
  $('fuse').classList.toggle('soon', rest < 60000);

  const may = mayDecide();
  const unseen = shown.ready && (!shown.complete || shown.rest.length);

  $('approve').setAttribute('aria-disabled', !may);
  $('deny').setAttribute('aria-disabled', !may);
  setText($('approve-text'), !unseen ? 'Approve'
    : shown.complete ? 'Approve, not all shown'
      : 'Approve without all arguments');
}

async function decide(verb) {
  if (!mayDecide()) {
    return;
  }

  const mine = shown;
  const record = records.get(mine.id);
  const reason = verb === 'deny' ? $('reason').value.trim() : '';

  busy = true;
  tickDetail();

  let response, answer;

  try {
    response = await fetch(`api/approvals/${mine.id}/${verb}`, {
      method: 'POST', cache: 'no-store', redirect: 'manual',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(reason ? { reason } : {}),
      signal: AbortSignal.timeout(10000),
    });
    answer = await response.json();
  } catch {
    response = response || { status: 0 };
    answer = {};
  }

  busy = false;

  const id = mine.id.slice(0, 8);
  const tool = plain(record.tool);

  if (response.status === 200) {
    notice(`${tool} (${id}): ${outcome(answer)}${
      verb === 'approve' ? ' The same call passes once.' : ''}`);
    leave(mine, answer);
  } else if (response.status === 409) {
    notice(`${tool} (${id}) was decided before. ${
      outcome(answer.approval)}`);
    leave(mine, answer.approval);
  } else if (response.status === 404) {
    notice(`${tool} (${id}) has expired.`);
    leave(mine, null);
  } else {
    warn('bad', answer.error
      ? `Not decided: ${answer.error.message}.`
      : 'Not decided: the connection is lost, or you are no longer let in.');
    tickDetail();
  }

  look1();
}

function notice(text) {
  setText($('notice'), text);
}

// The next one comes up where the decided one was.
function leave(mine, record) {
  const index = pending.indexOf(mine.id);

  pending = pending.filter((id) => id !== mine.id);

  if (record) {
    records.set(record.id, record);
  } else {
    records.delete(mine.id);
  }

  if (selected === mine.id) {
    shown = null;
    select(pending[Math.min(index, pending.length - 1)] || null);
  }

  counts();
}


// The newest list

function take(data) {
  const before = records;
  const news = [];

  offset = data.time * 1000 - Date.now();
  records = new Map(data.approvals.map((record) => [record.id, record]));
  pending = [];

  for (const record of data.approvals) {
    if (record.state === 'pending') {
      pending.push(record.id);

      if (!before.has(record.id)) {
        news.push(record);
      }
    }
  }

  // The one that is looked at stays until somebody moves on.
  const old = selected && before.get(selected);
  const same = selected && records.get(selected);

  if (old && !same) {
    records.set(selected, old);

    if (shown) {
      end(shown, 'It has expired.');
    }
  } else if (same && same.state !== 'pending' && shown) {
    end(shown, outcome(same));
  }

  if (news.length && !first) {
    setText($('announce'), news.length === 1
      ? `Waiting for approval: ${plain(news[0].tool)}, policy ${
        plain(news[0].policy)}` : `${news.length} calls more wait`);
  }

  counts();

  if (linked) {
    arrive(linked);
  }

  if (!selected && pending.length) {
    select(pending[0]);
  } else {
    renderList();
    look();
  }

  if (first && document.activeElement === document.body && pending.length) {
    $('list').focus({ preventScroll: true });
  }

  first = false;
  tickDetail();
}

// Whoever was told of one call comes to see that one, not the oldest.
function follow() {
  const [, id] = location.hash.match(/^#([0-9a-f]{32})$/) || [];

  if (id) {
    linked = id;
    etag = null;
    look1();
  }
}

function arrive(id) {
  linked = null;

  if (records.has(id)) {
    select(id, pending.includes(id));
  } else {
    notice(`The call that the link is about (${id.slice(0, 8)}) has expired.`);
  }
}

function counts() {
  const decided = [...records.values()]
    .filter((record) => record.state !== 'pending')
    .sort((a, b) => b.decided - a.decided);

  document.title = pending.length
    ? `(${pending.length}) MCP policy` : 'MCP policy';
  setText($('count-pending'), `${pending.length}`);
  $('approvals').toggleAttribute('data-empty',
    !pending.length && !records.has(selected));
  $('empty').hidden = pending.length > 0;

  table('decided', decided, (record) => record.id, (record) => [
    ['Time', at(record.decided)],
    ['Tool', named(record.tool), second(record.policy, record.rule)],
    ['Decision', badge(record.state,
      record.state === 'denied' ? 'bad' : 'good'),
    record.reason ? show(make('span', 'second'), record.reason) : null],
    ['By', show(make('span', 'long'), record.by || '–', true)],
    ['Caller', short(record.grant)],
  ]);
}


// Tables: rows are made anew only when what they say has changed.

function table(id, items, keyOf, cells) {
  const body = $(`${id}-body`);
  const have = new Map([...body.children].map((row) => [row.dataset.key,
    row]));
  let place = body.firstChild;

  setText($(`count-${id}`), `${items.length}`);
  $(`${id}-none`).hidden = items.length > 0;
  body.parentNode.parentNode.hidden = !items.length;

  for (const item of items.slice(0, TABLE)) {
    const key = keyOf(item);
    const says = JSON.stringify(item);
    let row = have.get(key);

    have.delete(key);

    if (!row || row.dataset.says !== says) {
      const old = row;

      row = make('tr', '', ...cells(item).map(([label, ...content]) => {
        const cell = make('td', '', make('div', '', ...content.filter(
          (part) => part != null)));
        cell.dataset.label = label;
        cell.setAttribute('role', 'cell');
        return cell;
      }));
      row.setAttribute('role', 'row');
      row.dataset.key = key;
      row.dataset.says = says;

      if (old) {
        place = place === old ? old.nextSibling : place;
        old.remove();
      }
    }

    if (row === place) {
      place = place.nextSibling;
    } else {
      body.insertBefore(row, place);
    }
  }

  for (const row of have.values()) {
    row.remove();
  }
}

function second(...texts) {
  const element = make('span', 'second');

  texts.filter(Boolean).forEach((text, index) => {
    element.append(index ? ' › ' : '');
    show(element, text, true);
  });

  return element;
}

function badge(text, kind) {
  return make('span', `badge ${kind || ''}`, text.replaceAll('_', ' '));
}

function bar(used, amount) {
  const share = amount > 0 ? used / amount : 0;
  const kind = share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : '';
  const inner = make('span');
  const element = make('span', `bar ${kind}`, inner);

  element.setAttribute('aria-hidden', 'true');
  setWidth(inner, share);
  return element;
}

function overview(data) {
  const limits = data.limits || [];
  const tools = (data.policies || []).flatMap((policy) =>
    (policy.tools || []).map((tool) => ({ policy: policy.name, ...tool })));

  table('limits', limits,
    (limit) => [limit.zone, limit.policy, limit.tool, limit.rule,
      limit.limit, limit.counter, limit.grant].join('\n'),
    (limit) => [
      ['Tool', named(limit.tool || limit.counter || '*'),
        second(limit.policy, limit.rule)],
      ['Caller', short(limit.grant)],
      ['Limit', show(make('span'), limit.limit, true)],
      ['Used', `${limit.used} of ${limit.amount}`,
        bar(Number(limit.used), Number(limit.amount))],
      ['Free again', limit.reset ? at(limit.reset) : '–'],
    ]);

  table('refusals', keyed(data.refusals || []), (refusal) => refusal.key,
    (refusal) => [
      ['Time', at(refusal.time)],
      ['Tool', named(refusal.tool || refusal.method || '–'),
        second(refusal.policy)],
      ['Why', badge(refusal.decision, refusal.decision === 'deny'
        || refusal.decision === 'invalid' ? 'bad' : 'warn'),
      refusal.dry_run ? ' ' : null,
      refusal.dry_run ? badge('dry run') : null,
      make('span', 'second', (refusal.reason || '').replaceAll('_', ' '))],
      ['Rule', show(make('span', 'long'), refusal.rule || '–', true)],
      ['Caller', short(refusal.grant)],
    ]);

  table('tools', tools, (tool) => `${tool.policy}\n${tool.name}`,
    (tool) => [
      ['Tool', named(tool.name)],
      ['Policy', show(make('span', 'long'), tool.policy, true)],
      ['Risk', tool.risk ? badge(tool.risk, risk(tool.risk)) : '–'],
      ['Definition', tool.pin ? badge(tool.pin, tool.pin === 'changed'
        ? 'bad' : tool.pin === 'pinned' ? 'good' : '') : '–'],
    ]);

  table('policies', data.policies || [], (policy) => policy.name, (policy) => [
    ['Policy', show(make('span', 'long'), policy.name, true),
      second(policy.zone)],
    ['Generation', ...generation(policy)],
    ...['allow', 'deny', 'limit', 'approve', 'invalid'].map((decision) => [
      { allow: 'Allowed', deny: 'Denied', limit: 'Limited',
        approve: 'Asked', invalid: 'Invalid' }[decision],
      `${(policy.decisions || {})[decision] || 0}`,
      (policy.dry_run || {})[decision]
        ? make('span', 'second', `${policy.dry_run[decision]} in dry run`)
        : null]),
  ]);

  $('zones').replaceChildren(...(data.zones || []).map((zone) => {
    const { counters, approvals } = zone;

    return make('li', '', `Zone ${plain(zone.name)}: `,
      `${counters.used} of ${counters.limit} counters`,
      approvals ? `, ${approvals.pending} of ${
        approvals.room} approvals wait` : null,
      approvals && approvals.refused
        ? `, ${approvals.refused} had no room` : null);
  }));
}

function keyed(refusals) {
  const seen = new Map();

  return refusals.map((refusal) => {
    const base = JSON.stringify(refusal);
    const count = (seen.get(base) || 0) + 1;

    seen.set(base, count);
    return { ...refusal, key: `${base}${count}` };
  });
}

function risk(name) {
  return /destruct|delet|execut|financ|danger|critical|high/i.test(name)
    ? 'bad' : /write|send|unknown|medium/i.test(name) ? 'warn' : 'good';
}

function generation(policy) {
  const { file } = policy;

  if (!file) {
    return [policy.source === 'none' ? 'no longer there' : 'nginx.conf'];
  }

  const late = file.newest && file.newest.sha256 !== file.sha256;

  return [`${file.generation} `, short(file.sha256),
    late ? badge('newer content not read', 'bad') : null];
}


// Asking the server

function get(path, tag) {
  return fetch(path, {
    cache: 'no-store', redirect: 'manual',
    headers: tag ? { 'If-None-Match': tag } : {},
    signal: AbortSignal.timeout(10000),
  });
}

async function ask() {
  const response = await get('api/approvals?state=all', etag);

  if (response.status === 200) {
    const data = await response.json();
    etag = response.headers.get('ETag');
    take(data);
  } else if (response.status !== 304) {
    throw response;
  } else {
    look();
  }

  if (Date.now() >= overviewAt) {
    const more = await get('api/overview');

    if (!more.ok) {
      throw more;
    }

    overview(await more.json());
    overviewAt = Date.now() + (document.hidden ? SLOW : OVERVIEW);
  }
}

async function poll() {
  clearTimeout(timer);
  timer = -1;

  try {
    await ask();
    failures = 0;
    connection('live', 'Live');
  } catch (error) {
    failures++;
    etag = null;

    const refused = error instanceof Response
      && (error.status === 401 || error.status === 403 || !error.status);

    connection('lost', refused ? 'You are no longer let in, load the page '
      + 'again' : 'Connection lost');
  }

  const wait = failures ? Math.min(30000, 1000 * 2 ** (failures - 1))
    : document.hidden ? SLOW : FAST;

  retryAt = Date.now() + wait;
  timer = setTimeout(poll, wait);
}

// At once, unless that is what happens now.
function look1() {
  if (timer !== -1) {
    poll();
  }
}

function connection(state, text) {
  $('connection').dataset.state = state;
  $('retry').hidden = state !== 'lost';
  setText($('connection-text'), text);
}


// Keys and clicks

function keysOn() {
  try {
    return localStorage.getItem('mcp-policy-keys') !== 'off';
  } catch {
    return true;
  }
}

$('list').addEventListener('scroll', renderList, { passive: true });
addEventListener('resize', renderList);

$('rows').addEventListener('click', (event) => {
  const row = event.target.closest('.row');

  if (row) {
    select(row.dataset.id, false);

    if (getComputedStyle($('approvals')).gridTemplateColumns.split(' ')
      .length === 1)
    {
      $('detail').scrollIntoView({ block: 'nearest' });
    }
  }
});

$('list').addEventListener('keydown', (event) => {
  const page = Math.max(1, Math.floor($('list').clientHeight
    / ($('probe').offsetHeight || 54)) - 1);
  const step = {
    ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page,
    Home: -Infinity, End: Infinity,
  }[event.key];

  if (step && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    move(step);
  }
});

$('reason').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.isComposing && !event.repeat) {
    $('list').focus({ preventScroll: true });
    decide('deny');
  } else if (event.key === 'Escape') {
    $('list').focus({ preventScroll: true });
  }
});

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing
    || $('help').open || event.target.closest('input, textarea, select')
    || !keysOn())
  {
    return;
  }

  const action = {
    j: () => move(1),
    k: () => move(-1),
    a: () => event.repeat || decide('approve'),
    d: () => event.repeat || decide('deny'),
    r: () => $('detail').hidden || $('reason').focus(),
    '?': () => $('help').showModal(),
  }[event.key];

  if (action) {
    event.preventDefault();
    action();
  }
});

$('approve').addEventListener('click', () => decide('approve'));
$('deny').addEventListener('click', () => decide('deny'));

// A key that is held down would decide one call after the other.
for (const id of ['approve', 'deny']) {
  $(id).addEventListener('keydown', (event) => {
    if (event.repeat) {
      event.preventDefault();
    }
  });
}

$('more').addEventListener('click', () => moreLines(shown));
$('retry').addEventListener('click', look1);
$('help-open').addEventListener('click', () => $('help').showModal());
$('help-close').addEventListener('click', () => $('help').close());

$('keys').checked = keysOn();
$('keys').addEventListener('change', () => {
  try {
    localStorage.setItem('mcp-policy-keys', $('keys').checked ? 'on' : 'off');
  } catch {
    // it is on again after a reload
  }
});

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) {
    overviewAt = 0;
    look1();
  }
});

setInterval(() => {
  tickRows();
  tickDetail();

  if (failures) {
    const text = $('connection-text').textContent.replace(/,[^,]* s$/, '');
    setText($('connection-text'), `${text}, next try in ${
      Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))} s`);
  }
}, 1000);

addEventListener('hashchange', follow);

setText($('host'), location.host);
follow();
look1();
