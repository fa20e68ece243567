/**
 * What arrives from a worker, checked before anybody acts on it. Both ends are ours, but they may be of different versions
 * after an upgrade under a running supervisor, and a supervisor that falls over one bad message takes every worker
 * along. Only the shape that the supervisor itself relies on is checked; the arguments of calls are checked by who answers them.
 */
import { MAX_PRESENCE_LISTED, MAX_READ_MESSAGES } from '@holdfast/state';
import type { FromWorker } from '@holdfast/worker';

export type ReadMessage =
  { readonly ok: true; readonly message: FromWorker } | { readonly ok: false; readonly got: string };

type Fields = Readonly<Record<string, unknown>>;
type Check = (fields: Fields) => boolean;

/** Pools × backends in one report; far more than a machine can serve, far less than would hurt. */
const MAX_LOAD_ENTRIES = 20_000;
const MAX_OUTCOMES = 20_000;
const MAX_METRICS = 1000;
/** Of any list that an operator asked for. */
const MAX_REPORTS = 20_000;

const CHECKS: Readonly<Record<FromWorker['type'], Check>> = {
  hello: () => true,
  listening: ({ ports }) => Array.isArray(ports) && ports.every((port) => isCount(port)),
  failed: ({ error }) => typeof error === 'string',
  reloaded: ({ configVersion }) => isCount(configVersion),
  loads: ({ loads }) => isLoads(loads),
  outcomes: ({ outcomes }) => Array.isArray(outcomes) && outcomes.length <= MAX_OUTCOMES && outcomes.every(isOutcome),
  pong: ({ id, eventLoopLagMs, stateHealth, topics }) =>
    isCount(id) &&
    isNumber(eventLoopLagMs) &&
    isStateHealth(stateHealth) &&
    (topics === undefined || isTopicLoad(topics)),
  metrics: ({ id, metrics }) => isCount(id) && isList(metrics, MAX_METRICS),
  answer: ({ id, answer }) => isCount(id) && isOperatorAnswer(answer),
  topics: ({ id, answer }) => isCount(id) && isTopicAnswer(answer),
  draining: ({ left }) => isCount(left),
  drained: ({ closed, cut }) => isCount(closed) && isCount(cut),
  call: ({ id, method, args }) => isCount(id) && typeof method === 'string' && Array.isArray(args),
};

export function readWorkerMessage(raw: unknown): ReadMessage {
  if (!isFields(raw) || typeof raw['type'] !== 'string') return { ok: false, got: `a ${typeof raw} without a type` };
  const { type } = raw;
  if (!Object.hasOwn(CHECKS, type)) return { ok: false, got: `type ${JSON.stringify(type.slice(0, 40))}` };
  const isGood = CHECKS[type as FromWorker['type']](raw);
  return isGood ? { ok: true, message: raw as unknown as FromWorker } : { ok: false, got: `a malformed ${type}` };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isLoads(value: unknown): boolean {
  if (!isFields(value)) return false;
  let entries = 0;
  return Object.values(value).every((backends) => {
    if (!isFields(backends)) return false;
    const counts = Object.values(backends);
    entries += counts.length;
    return entries <= MAX_LOAD_ENTRIES && counts.every(isCount);
  });
}

function isOutcome(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { pool, backendId, successes, failures, streak } = value;
  const isNamed = typeof pool === 'string' && typeof backendId === 'string';
  return isNamed && isCount(successes) && isCount(failures) && isCount(streak);
}

function isStateHealth(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { status, detail } = value;
  return (status === 'ok' || status === 'degraded') && (detail === undefined || typeof detail === 'string');
}

function isTopicLoad(value: unknown): boolean {
  return isFields(value) && isCount(value['topics']) && isCount(value['subscriptions']);
}

function isOperatorAnswer(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { what, found, session, connection, location, trunks, fleet } = value;
  switch (what) {
    case 'sessions':
    case 'connections':
      return isFields(found) && isCount(found['count']) && isList(found['reports'], MAX_REPORTS);
    case 'session':
      return session === undefined || isFields(session);
    case 'connection':
      return connection === undefined || isFields(connection);
    case 'located':
      return isFields(location);
    case 'trunks':
      return isList(trunks, MAX_REPORTS);
    default:
      return what === 'fleet' && isFields(fleet) && isList(fleet['balancers'], MAX_REPORTS);
  }
}

function isTopicAnswer(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { what, epoch, offset, top, messages, members, total, maxBytes, detail } = value;
  switch (what) {
    case 'published':
      return typeof epoch === 'string' && isCount(offset);
    case 'history':
      return typeof epoch === 'string' && isCount(top) && isList(messages, MAX_READ_MESSAGES);
    case 'presence':
      return isList(members, MAX_PRESENCE_LISTED) && isCount(total);
    case 'tooLarge':
      return isCount(maxBytes);
    default:
      return what === 'unavailable' && typeof detail === 'string';
  }
}

function isList(value: unknown, maxLength: number): boolean {
  return Array.isArray(value) && value.length <= maxLength && value.every(isFields);
}
