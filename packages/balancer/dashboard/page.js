/**
 * The dashboard: asks the admin API every two seconds and shows what it says. The token, where there is one, lives in this
 * page's memory: whoever reloads it types it again.
 */
const REFRESH_MS = 2000;
const KEPT_POINTS = 90;
const ROWS = 50;
const COUNTERS = { holdfast_messages_total: 'messages', holdfast_message_bytes_total: 'bytes' };

let token = '';
let timer = 0;
let last;
let shownAt = 0;
const points = [];

// Asking.

class Unauthorized extends Error {}

async function ask(path, { method = 'GET', body, isText = false } = {}) {
  const init = { method, headers: {}, cache: 'no-store' };
  if (token !== '') init.headers.authorization = `Bearer ${token}`;
  if (body !== undefined) {
    init.headers['content-type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  const response = await fetch(path, init);
  if (response.status === 401) throw new Unauthorized('this token is not the one');
  if (response.ok) return isText ? response.text() : response.json();
  const answer = await response.json().catch(() => undefined);
  throw new Error(answer?.error?.message ?? `${method} ${path}: status ${response.status}`);
}

async function refresh() {
  clearTimeout(timer);
  try {
    const [status, backends, sessions, connections, metrics] = await Promise.all([
      ask('/v1/status'),
      ask('/v1/backends'),
      ask(`/v1/sessions?limit=${ROWS}`),
      ask(`/v1/connections?limit=${ROWS}`),
      ask('/metrics', { isText: true }),
    ]);
    show({ status, backends, sessions, connections, traffic: trafficOf(metrics) });
  } catch (error) {
    if (error instanceof Unauthorized) return askForToken(error);
    alarm(`No answer of the balancer: ${error.message}`);
  }
  timer = setTimeout(refresh, document.hidden ? REFRESH_MS * 5 : REFRESH_MS);
}

function askForToken(error) {
  find('main').hidden = true;
  find('login').hidden = false;
  find('login-error').textContent = token === '' ? '' : error.message;
  token = '';
  find('token').focus();
}

/** Sums of counters; rates come of two of them. */
function trafficOf(text) {
  const traffic = { at: performance.now(), messagesUp: 0, messagesDown: 0, bytesUp: 0, bytesDown: 0 };
  for (const line of text.split('\n')) {
    const [, name, labels, value] = /^(\w+)\{(.*)\} (\S+)/.exec(line) ?? [];
    const what = COUNTERS[name];
    if (what !== undefined) traffic[what + (labels.includes('direction="up"') ? 'Up' : 'Down')] += Number(value);
  }
  return traffic;
}

// Showing.

function show({ status, backends, sessions, connections, traffic }) {
  find('login').hidden = true;
  find('main').hidden = false;
  shownAt = Date.now();
  addPoint(traffic);
  showHead(status);
  showMovement(status);
  showTiles(status, sessions, connections);
  chart('messages', 'messages', count);
  chart('bytes', 'bytes', bytes);
  tables.backends(backends.backends, noteOf(backends));
  tables.workers(status.workers, '');
  tables.fleet(status.fleet ?? [], fleetNote(status));
  tables.sessions(sessions.sessions, noteOf(sessions, sessions.sessions.length));
  tables.connections(connections.connections, noteOf(connections, connections.connections.length));
  last = traffic;
}

function addPoint(traffic) {
  if (last === undefined) return;
  const seconds = Math.max(0.1, (traffic.at - last.at) / 1000);
  // A counter falls where a worker took its last few seconds with it.
  const rate = (name) => Math.max(0, traffic[name] - last[name]) / seconds;
  points.push({
    messagesUp: rate('messagesUp'),
    messagesDown: rate('messagesDown'),
    bytesUp: rate('bytesUp'),
    bytesDown: rate('bytesDown'),
  });
  if (points.length > KEPT_POINTS) points.shift();
}

function showHead(status) {
  badge(find('status'), status.status);
  const { config, state } = status;
  const reload = config.lastReload?.result === 'rejected' ? ', last reload rejected' : '';
  find('about').textContent =
    `${status.version} · up ${duration(status.uptimeMs)} · config version ${config.version}${reload} · state ${state.engine}`;
  const degraded = Object.entries(status.checks).filter(([, check]) => check.status === 'degraded');
  alarm(degraded.map(([name, check]) => `${name}: ${check.detail}`).join('; '));
  document.title = status.status === 'ready' ? 'Holdfast' : `${status.status} – Holdfast`;
}

/** While it drains, or replaces its workers. */
function showMovement({ drain, replacement }) {
  const parts = [];
  if (drain && drain.phase !== 'none') {
    parts.push(`drains (${drain.phase}): ${count(drain.left)} left, at most ${duration(drain.deadlineInMs)} more`);
  }
  if (replacement?.state === 'running') {
    parts.push(`replaces its workers: ${replacement.replaced} of ${replacement.total}`);
  }
  find('movement').hidden = parts.length === 0;
  find('movement').textContent = parts.join('; ');
}

function showTiles(status, sessions, connections) {
  const now = points.at(-1);
  const lags = status.workers.map(({ eventLoopLagMs }) => eventLoopLagMs ?? 0);
  const listening = status.workers.filter(({ state }) => state === 'listening').length;
  const tiles = [
    ['Sessions', count(sessions.count)],
    ['Relayed WebSockets', count(connections.count)],
    ['Messages/s', now ? count(now.messagesUp + now.messagesDown) : '–'],
    ['Bytes/s', now ? bytes(now.bytesUp + now.bytesDown) : '–'],
    ['Workers', `${listening} of ${status.workers.length}`],
    ['Loop lag, longest', millis(Math.max(0, ...lags))],
  ];
  find('tiles').replaceChildren(
    ...tiles.map(([title, value]) => element('div', { className: 'tile' }, [element('b', {}, value), title])),
  );
}

function chart(id, what, format) {
  const [width, height] = [KEPT_POINTS - 1, 100];
  const highest = Math.max(1, ...points.flatMap((point) => [point[`${what}Up`], point[`${what}Down`]]));
  const paths = ['Up', 'Down'].map((direction) => {
    const steps = points.map((point, i) => {
      const x = KEPT_POINTS - points.length + i;
      return `${x},${(height - 2 - (point[what + direction] / highest) * (height - 6)).toFixed(1)}`;
    });
    return svg('path', { d: steps.length > 1 ? `M${steps.join('L')}` : '', class: direction.toLowerCase() });
  });
  const chartElement = find(id);
  chartElement.setAttribute('viewBox', `0 0 ${width} ${height}`);
  chartElement.setAttribute('preserveAspectRatio', 'none');
  chartElement.replaceChildren(svg('line', { x1: 0, x2: width, y1: height - 1, y2: height - 1 }), ...paths);
  find(`${id}-top`).textContent = points.length > 1 ? `at most ${format(highest)} in 3 minutes` : '';
  const now = points.at(-1);
  find(`${id}-legend`).replaceChildren(
    element('span', { className: 'up' }, `to backends ${now ? format(now[`${what}Up`]) : ''}`),
    element('span', { className: 'down' }, `to clients ${now ? format(now[`${what}Down`]) : ''}`),
  );
}

function noteOf({ count: all, unanswered }, shown) {
  const parts = [];
  if (all > shown) parts.push(`the first ${shown} of ${count(all)}`);
  if (unanswered > 0) parts.push(`${unanswered} worker${unanswered === 1 ? '' : 's'} did not answer`);
  return parts.join(', ');
}

function fleetNote({ fleet, fleetAgeMs }) {
  if (!fleet) return 'no worker says anything of it';
  return fleetAgeMs > 10_000 ? `as of ${duration(fleetAgeMs)} ago: shared state does not answer` : '';
}

function alarm(text) {
  find('alarm').hidden = text === '';
  find('alarm').textContent = text;
}

// Tables.

const backendState = (state) => ({
  title: state,
  isDisabled: (row) => stateAskedOf(row) === state,
  act: (row) =>
    ask(`/v1/backends/${encodeURIComponent(row.id)}?pool=${encodeURIComponent(row.pool)}`, {
      method: 'PUT',
      body: { state },
    }),
});
/** The operator's, which health checks may overrule. */
const stateAskedOf = (row) => row.override?.state ?? 'ready';

const tables = {
  backends: table('backends', {
    key: (row) => `${row.pool}\n${row.id}`,
    none: 'No backends.',
    columns: [
      { title: 'Pool', cell: (row) => row.pool },
      { title: 'Backend', cell: (row) => row.id, hint: (row) => row.url, kind: 'clip' },
      { title: 'State', cell: (row) => row.state, hint: (row) => row.why, kind: 'state' },
      { title: 'Weight', cell: (row) => count(row.weight), kind: 'number' },
      { title: 'Load', cell: (row) => count(row.load), kind: 'number' },
      { title: 'Sessions', cell: (row) => (row.sessions === null ? '–' : count(row.sessions)), kind: 'number' },
      {
        title: 'Trunks',
        cell: (row) => (row.trunk === null ? '–' : `${row.trunk.ready} of ${row.trunk.of}`),
        kind: 'number',
      },
      { title: 'Round trip', cell: (row) => millis(row.trunk?.rttMs ?? row.health.rttMs?.last), kind: 'number' },
      { title: 'Why', cell: (row) => row.why, hint: (row) => row.why, kind: 'clip' },
    ],
    actions: ['ready', 'draining', 'maintenance'].map(backendState),
  }),
  workers: table('workers', {
    key: (row) => String(row.id),
    none: 'No workers.',
    columns: [
      { title: 'Worker', cell: (row) => String(row.id), kind: 'number' },
      { title: 'Process', cell: (row) => String(row.pid ?? '–'), kind: 'number' },
      { title: 'State', cell: (row) => (row.isBlocked ? 'blocked' : row.state), kind: 'state' },
      { title: 'For', cell: (row) => duration(row.forMs), kind: 'number' },
      { title: 'In flight', cell: (row) => count(row.connections), kind: 'number' },
      { title: 'Loop lag', cell: (row) => millis(row.eventLoopLagMs), kind: 'number' },
      { title: 'Restarts', cell: (row) => count(row.restarts), kind: 'number' },
      { title: 'Last exit', cell: (row) => row.lastExit ?? '', hint: (row) => row.lastExit, kind: 'clip' },
    ],
  }),
  fleet: table('fleet', {
    key: (row) => row.balancer,
    none: 'Not known.',
    columns: [
      { title: 'Balancer', cell: (row) => `${row.balancer}${row.isSelf ? ' (this one)' : ''}` },
      { title: 'Status', cell: (row) => row.status, kind: 'state' },
      { title: 'Version', cell: (row) => row.version ?? '–' },
      { title: 'Workers', cell: (row) => count(row.workers), kind: 'number' },
      { title: 'Sessions', cell: (row) => count(row.sessions), kind: 'number' },
      { title: 'Connections', cell: (row) => count(row.connections), kind: 'number' },
      { title: 'Seen', cell: (row) => `${duration(row.seenMs)} ago`, kind: 'number' },
    ],
  }),
  sessions: table('sessions', {
    key: (row) => row.id,
    none: 'No client with a session is connected.',
    columns: [
      { title: 'Session', cell: (row) => row.id, kind: 'id' },
      { title: 'Pool', cell: (row) => row.pool },
      { title: 'Backend', cell: (row) => row.backend ?? '–', kind: 'clip' },
      { title: 'State', cell: (row) => row.state, kind: 'state' },
      { title: 'Client', cell: (row) => row.address, hint: (row) => row.principal ?? undefined },
      { title: 'Connected', cell: (row) => duration(row.connectedMs), kind: 'number' },
      { title: 'Up', cell: (row) => count(row.messagesUp), kind: 'number' },
      { title: 'Down', cell: (row) => count(row.messagesDown), kind: 'number' },
      { title: 'Worker', cell: (row) => String(row.worker), kind: 'number' },
    ],
    actions: [
      {
        title: 'kill',
        asks: true,
        act: (row) => ask(`/v1/sessions/${encodeURIComponent(row.id)}`, { method: 'DELETE' }),
      },
    ],
  }),
  connections: table('connections', {
    key: (row) => row.id,
    none: 'No relayed WebSocket is open.',
    columns: [
      { title: 'Connection', cell: (row) => row.id, kind: 'id' },
      { title: 'Route', cell: (row) => row.route },
      { title: 'Backend', cell: (row) => row.backend, kind: 'clip' },
      { title: 'Client', cell: (row) => row.address },
      { title: 'Connected', cell: (row) => duration(row.connectedMs), kind: 'number' },
      { title: 'Up', cell: (row) => count(row.messagesUp), kind: 'number' },
      { title: 'Down', cell: (row) => count(row.messagesDown), kind: 'number' },
      { title: 'Waiting', cell: (row) => bytes(row.bufferedBytes.up + row.bufferedBytes.down), kind: 'number' },
    ],
    actions: [
      {
        title: 'close',
        asks: true,
        act: (row) => ask(`/v1/connections/${encodeURIComponent(row.id)}`, { method: 'DELETE' }),
      },
    ],
  }),
};

setInterval(() => {
  const seconds = Math.round((Date.now() - shownAt) / 1000);
  find('fresh').textContent = shownAt > 0 && seconds > 5 ? `as of ${seconds} s ago` : '';
}, 1000);
find('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = find('token').value;
  find('token').value = '';
  void refresh();
});
void refresh();
