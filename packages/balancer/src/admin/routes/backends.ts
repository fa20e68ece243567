/**
 * GET /v1/backends?pool=: what is known of each, the trunks of every worker with it. PUT /v1/backends/:id {state?, weight?}: the operator's word, until it is taken back
 * with `ready` or this balancer restarts; `?pool=` picks one pool where several have a backend of that id.
 */
import type { FastifyInstance } from 'fastify';
import { MAX_WEIGHT, type OverrideChange } from '../../pools/override.js';
import { nearest } from '../../config/nearest.js';
import { AdminError, shown } from '../admin-error.js';
import { listBackends } from '../backend-list.js';
import type { AdminControl } from '../control.js';
import { type Query, readTexts, refuseUnknown } from '../query.js';

const STATES = ['ready', 'draining', 'maintenance'] as const;
const KNOWN_KEYS: ReadonlySet<string> = new Set(['state', 'weight']);

interface ListRoute {
  readonly Querystring: Query;
}

interface PutRoute extends ListRoute {
  readonly Params: { readonly id: string };
}

export function backendRoutes(app: FastifyInstance, control: AdminControl): void {
  app.get<ListRoute>('/v1/backends', async ({ query }) => {
    refuseUnknown(query, ['pool']);
    const { pool } = readTexts(query, ['pool']);
    const backends = control.report().backends.filter((backend) => pool === undefined || backend.pool === pool);
    return listBackends(backends, await control.askAll({ what: 'trunks' }));
  });
  app.put<PutRoute>('/v1/backends/:id', async ({ params, query, body }) => {
    refuseUnknown(query, ['pool']);
    const change = { ...readChange(body), ...readTexts(query, ['pool']) };
    requireKnown(control, params.id, change.pool);
    const result = control.setOverride(params.id, change);
    if (!result.ok) throw new AdminError({ status: 422, code: 'BACKEND_NOT_CHANGED', message: result.error });
    return { changed: result.changed };
  });
}

function readChange(body: unknown): OverrideChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('a JSON object', shown(body));
  const fields = body as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).find((key) => !KNOWN_KEYS.has(key));
  if (unknown !== undefined) throw invalid('only the keys state and weight', shown(unknown));
  const change = { ...readState(fields['state']), ...readWeight(fields['weight']) };
  if (Object.keys(change).length === 0) throw invalid('state, weight or both', shown(body));
  return change;
}

function readState(state: unknown): Pick<OverrideChange, 'state'> {
  if (state === undefined) return {};
  const known = STATES.find((name) => name === state);
  if (known === undefined) throw invalid(`state: one of ${STATES.join(', ')}`, shown(state));
  return { state: known };
}

function readWeight(weight: unknown): Pick<OverrideChange, 'weight'> {
  if (weight === undefined) return {};
  const isGood = typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 && weight <= MAX_WEIGHT;
  if (!isGood) throw invalid(`weight: a whole number from 0 to ${MAX_WEIGHT}`, shown(weight));
  return { weight };
}

function requireKnown(control: AdminControl, id: string, pool: string | undefined): void {
  const { backends } = control.report();
  const inPool = backends.filter((backend) => pool === undefined || backend.pool === pool);
  if (inPool.some((backend) => backend.id === id)) return;
  const where = pool === undefined ? '' : ` of pool ${shown(pool)}`;
  const known = [...new Set((inPool.length > 0 ? inPool : backends).map((backend) => backend.id))];
  const near = nearest(id, known);
  const meant = near === undefined ? '' : ` (did you mean ${shown(near)}?)`;
  const expected = `a backend${where}; known: ${known.slice(0, 50).join(', ') || 'none'}`;
  throw new AdminError({ status: 404, code: 'BACKEND_UNKNOWN', expected, got: `${shown(id)}${meant}` });
}

function invalid(expected: string, got: string): AdminError {
  return new AdminError({ status: 400, code: 'INVALID_BODY', expected, got });
}
