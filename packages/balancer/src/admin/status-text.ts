/**
 * /v1/status as text for a terminal. What comes over the wire may be of another version than this program, so every
 * field is read with a check and shown as `-` when it is not there: an old `status` must not fall over a new balancer.
 */
import { type Column, renderTable } from './table.js';

type Fields = Readonly<Record<string, unknown>>;

/** Leases are read every 2 s. */
const STALE_MS = 10_000;

const WORKER_COLUMNS: readonly Column<Fields>[] = [
  { title: 'WORKER', cell: ({ id }) => textOf(id), align: 'right' },
  { title: 'PID', cell: ({ pid }) => textOf(pid), align: 'right' },
  { title: 'STATE', cell: (worker) => `${textOf(worker['state'])}${worker['isBlocked'] === true ? ' (blocked)' : ''}` },
  { title: 'FOR', cell: ({ forMs }) => durationOf(forMs), align: 'right' },
  { title: 'RESTARTS', cell: ({ restarts }) => textOf(restarts), align: 'right' },
  { title: 'CONNECTIONS', cell: ({ connections }) => textOf(connections), align: 'right' },
  { title: 'LOOP LAG', cell: ({ eventLoopLagMs }) => millisecondsOf(eventLoopLagMs), align: 'right' },
];

const BACKEND_COLUMNS: readonly Column<Fields>[] = [
  { title: 'POOL', cell: ({ pool }) => textOf(pool) },
  { title: 'BACKEND', cell: ({ id }) => textOf(id) },
  { title: 'STATE', cell: ({ state }) => textOf(state) },
  { title: 'WEIGHT', cell: ({ weight }) => textOf(weight), align: 'right' },
  { title: 'LOAD', cell: ({ load }) => textOf(load), align: 'right' },
  { title: 'RTT', cell: ({ health }) => millisecondsOf(fieldsOf(fieldsOf(health)['rttMs'])['last']), align: 'right' },
  { title: 'WHY', cell: ({ why }) => textOf(why) },
];

const FLEET_COLUMNS: readonly Column<Fields>[] = [
  { title: 'BALANCER', cell: ({ balancer, isSelf }) => `${textOf(balancer)}${isSelf === true ? ' *' : ''}` },
  { title: 'STATUS', cell: ({ status }) => textOf(status) },
  { title: 'VERSION', cell: ({ version }) => textOf(version) },
  { title: 'WORKERS', cell: ({ workers }) => textOf(workers), align: 'right' },
  { title: 'SESSIONS', cell: ({ sessions }) => textOf(sessions), align: 'right' },
  { title: 'CONNECTIONS', cell: ({ connections }) => textOf(connections), align: 'right' },
  {
    title: 'LEASE',
    cell: (row) => (row['status'] === 'lost' ? `lost, seen ${durationOf(row['seenMs'])} ago` : 'held'),
  },
];

export function renderStatus(status: unknown): string {
  const fields = fieldsOf(status);
  return [
    headline(fields),
    ...degradedChecks(fields),
    ...fleetTable(fields),
    ...movementLines(fields),
    renderTable(WORKER_COLUMNS, listOf(fields['workers'])),
    ...topicLines(listOf(fields['workers'])),
    renderTable(BACKEND_COLUMNS, listOf(fields['backends'])),
  ].join('\n');
}

function headline(fields: Fields): string {
  const config = fieldsOf(fields['config']);
  const listen = listOf(fields['listen']).map(({ host, port }) => `${textOf(host)}:${textOf(port)}`);
  const reload = fieldsOf(config['lastReload'])['result'] === 'rejected' ? ', last reload rejected' : '';
  return [
    `holdfast ${textOf(fields['version'])}: ${textOf(fields['status'])}, pid ${textOf(fields['pid'])}, up ${durationOf(fields['uptimeMs'])}`,
    `listens on ${listen.join(', ') || '-'}; config ${textOf(config['file'])}, version ${textOf(config['version'])}${reload}`,
    '',
  ].join('\n');
}

function degradedChecks(fields: Fields): string[] {
  const checks = Object.entries(fieldsOf(fields['checks']));
  const lines = checks.flatMap(([name, check]) => {
    const { status, detail } = fieldsOf(check);
    return status === 'degraded' ? [`! ${name}: ${textOf(detail)}\n`] : [];
  });
  return lines.length === 0 ? [] : [lines.join('')];
}

/** One line each, and only while this balancer drains or replaces its workers. */
function movementLines(fields: Fields): string[] {
  const { phase, left, deadlineInMs } = fieldsOf(fields['drain']);
  const { state, replaced, total, problem } = fieldsOf(fields['replacement']);
  const lines: string[] = [];
  if (phase === 'grace' || phase === 'closing')
    lines.push(`drains (${phase}): ${textOf(left)} left, at most ${durationOf(deadlineInMs)} more\n`);
  if (state === 'running')
    lines.push(`replaces its workers: ${textOf(replaced)} of ${textOf(total)}, ${textOf(left)} connections to go\n`);
  if (state === 'failed') lines.push(`! last replacement of workers failed: ${textOf(problem)}\n`);
  return lines;
}

/** Of the fleet, this balancer included (`*`); nothing where this one says nothing of it. */
function fleetTable({ fleet, fleetAgeMs }: Fields): string[] {
  if (!Array.isArray(fleet)) return [];
  const isStale = typeof fleetAgeMs === 'number' && fleetAgeMs > STALE_MS;
  const note = isStale ? `the fleet as of ${durationOf(fleetAgeMs)} ago: shared state does not answer\n` : '';
  return [`${note}${renderTable(FLEET_COLUMNS, listOf(fleet))}`];
}

/** One line, and only where clients are on topics. The same topic may be heard at several workers, so there is no sum of them. */
function topicLines(workers: readonly Fields[]): string[] {
  const heard = workers.filter(({ topics }) => typeof topics === 'object' && topics !== null);
  if (heard.length === 0) return [];
  const parts = heard.map(({ id, topics }) => {
    const { topics: count, subscriptions } = fieldsOf(topics);
    return `${textOf(count)} at worker ${textOf(id)} (${textOf(subscriptions)} subscriptions)`;
  });
  return [`topics: ${parts.join(', ')}\n`];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map((item) => fieldsOf(item)) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}

function millisecondsOf(value: unknown): string {
  if (typeof value !== 'number') return '-';
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const;

/** The two largest units: `3d 4h`, `12m 5s`, `8s`. */
function durationOf(value: unknown): string {
  if (typeof value !== 'number') return '-';
  let seconds = Math.floor(value / 1000);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    if (seconds >= size || parts.length > 0) parts.push(`${Math.floor(seconds / size)}${unit}`);
    seconds %= size;
  }
  return [...parts, `${seconds}s`].slice(0, 2).join(' ');
}
