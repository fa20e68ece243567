/**
 * Tables whose rows are kept and changed in place, so that a button does not move away under the pointer. What they show is put in
 * as text, never as HTML.
 */

const SURE_MS = 3000;
const GOOD = new Set(['ready', 'listening', 'live']);
const BAD = new Set(['down', 'lost', 'blocked', 'backoff', 'stopped', 'unavailable']);
const HELD = new Set(['maintenance']);

/** Answers what shows rows in it. */
function table(id, { key, none, columns, actions = [] }) {
  const head = columns.map(({ title, kind }) => element('th', { className: kind === 'number' ? 'number' : '' }, title));
  if (actions.length > 0) head.push(element('th', {}, ''));
  const body = element('tbody');
  const empty = element('tr', {}, [element('td', { className: 'none', colSpan: head.length }, none)]);
  const known = new Map();
  find(id).replaceChildren(element('thead', {}, [element('tr', {}, head)]), body);
  return (rows, note) => {
    find(`${id}-note`).textContent = note;
    const lines = rows.map((row) => {
      const line = known.get(key(row)) ?? newLine(columns, actions);
      line.update(row);
      return [key(row), line];
    });
    known.clear();
    for (const [name, line] of lines) known.set(name, line);
    arrange(body, lines.length === 0 ? [empty] : lines.map(([, line]) => line.element));
  };
}

/** Moves only what is not in its place: a row that is moved loses the focus. */
function arrange(body, elements) {
  const wanted = new Set(elements);
  const gone = [...body.children].filter((child) => !wanted.has(child));
  for (const child of gone) child.remove();
  elements.forEach((child, i) => {
    if (body.children[i] !== child) body.insertBefore(child, body.children[i] ?? null);
  });
}

function newLine(columns, actions) {
  let current;
  const cells = columns.map(({ kind = '' }) => element('td', { className: kind === 'state' ? '' : kind }));
  const buttons = actions.map((action) => ({ action, element: button(action, () => current) }));
  const children = [...cells];
  if (buttons.length > 0)
    children.push(
      element(
        'td',
        { className: buttons.length === 1 ? 'actions stays' : 'actions' },
        buttons.map((it) => it.element),
      ),
    );
  return {
    element: element('tr', {}, children),
    update: (row) => {
      current = row;
      columns.forEach((column, i) => fill(cells[i], column, row));
      for (const { action, element: it } of buttons) it.disabled = action.isDisabled?.(row) ?? false;
    },
  };
}

function fill(cell, { cell: textOf, hint, kind }, row) {
  const text = textOf(row);
  if (kind === 'state') badge(cell.firstChild ?? cell.appendChild(element('span')), text);
  else if (cell.textContent !== text) cell.textContent = text;
  const title = hint?.(row) ?? '';
  if (cell.title !== title) cell.title = title;
}

/** What cannot be taken back is asked for twice. */
function button({ title, asks = false, act }, rowOf) {
  const it = element('button', { type: 'button' }, title);
  let isSure = !asks;
  const reset = () => {
    isSure = !asks;
    it.textContent = title;
    it.classList.remove('sure');
  };
  it.addEventListener('click', async () => {
    if (!isSure) {
      isSure = true;
      it.textContent = `${title}?`;
      it.classList.add('sure');
      setTimeout(reset, SURE_MS);
      return;
    }
    it.disabled = true;
    const failed = await act(rowOf()).then(
      () => undefined,
      (error) => error,
    );
    await refresh();
    reset();
    if (failed !== undefined) {
      it.disabled = false;
      alarm(failed.message);
    }
  });
  return it;
}

function badge(it, state) {
  const kind = GOOD.has(state) ? 'good' : BAD.has(state) ? 'bad' : HELD.has(state) ? 'held' : 'warn';
  if (it.textContent !== state) it.textContent = state;
  if (it.className !== `badge ${kind}`) it.className = `badge ${kind}`;
}

function find(id) {
  return document.getElementById(id);
}

function element(name, properties = {}, children = []) {
  const it = Object.assign(document.createElement(name), properties);
  it.append(...[children].flat());
  return it;
}

function svg(name, attributes) {
  const it = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) it.setAttribute(key, value);
  return it;
}
