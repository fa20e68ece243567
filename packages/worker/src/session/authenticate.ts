/**
 * Who is this client? The `auth` of its route says it where there is one; else the backends do, where they want to be asked;
 * else nobody in particular is everybody. The answer is a principal, which a session keeps for life.
 */
import { ProtocolError, readAuthenticated, type Authenticated } from '@holdfast/protocol';
import type { Pool } from '../pool/pool.js';
import type { Link } from '../trunk/link.js';
import type { Trunks } from '../trunk/trunks.js';
import type { Evidence, Verifier } from '../access/verifier.js';
import { readRequest } from './describe-request.js';
import type { SessionRoute } from './session-end.js';

export interface Identity {
  /** '' for nobody in particular. */
  readonly principal: string;
  readonly claims: object | undefined;
  /** Of performance.now: from then on it is not known any more. Absent, or 0: for good. */
  readonly endsAtMs?: number;
}

/** unavailable: those who would know do not answer; the client may come back later. */
export type Identified = Identity | 'refused' | 'unavailable';

export interface Credentials {
  readonly pool: Pool;
  readonly route: SessionRoute;
  /** JSON of path, query, headers and address. */
  readonly request: string;
  readonly auth: string | undefined;
}

const ANYBODY: Identity = { principal: '', claims: undefined };
/** How long a client waits for the first backend to be there. */
export const PATIENCE_MS = 2000;
const MAX_ASKED = 2;

export interface Askable {
  readonly trunks: Trunks;
  readonly verifier: Pick<Verifier, 'verify'>;
}

export async function identify({ trunks, verifier }: Askable, credentials: Credentials): Promise<Identified> {
  const { pool, route } = credentials;
  if (route.auth !== undefined) {
    const verdict = await verifier.verify(route.auth, evidenceOf(credentials));
    return verdict.kind === 'known' ? verdict : verdict.kind;
  }
  const ready = await trunks.waitFor(() => notEmpty(trunks.readyOf(pool)), PATIENCE_MS);
  if (ready === undefined) return 'unavailable';
  const asking = ready.filter(({ readyTrunk }) => readyTrunk?.backend?.authenticates === true);
  return asking.length === 0 ? ANYBODY : askBackends(asking, credentials);
}

async function askBackends(links: readonly Link[], { request, auth }: Credentials): Promise<Identified> {
  // The least loaded first: all know the same.
  const sorted = [...links].sort((a, b) => a.backend.load - b.backend.load).slice(0, MAX_ASKED);
  const { path, query, headers, address } = readRequest(request);
  for (const link of sorted) {
    const body = { op: 'authenticate', auth, path, query, headers, address };
    const answer = await link.readyTrunk?.request(body);
    if (answer?.ok !== true) continue;
    const authenticated = readAnswer(answer.body);
    if (authenticated === undefined) continue;
    const { principal, claims } = authenticated;
    return principal === null ? 'refused' : { principal, claims };
  }
  return 'unavailable';
}

/** What the client says in a hello, and the handshake that came before it. */
function evidenceOf({ request, auth }: Credentials): Evidence {
  const { path, query, headers } = readRequest(request);
  const target = query === '' ? path : `${path}?${query}`;
  return { token: auth, isInBand: true, request: { method: 'GET', target, headers: Object.entries(headers).flat() } };
}

function readAnswer(body: Readonly<Record<string, unknown>>): Authenticated | undefined {
  try {
    return readAuthenticated(body);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function notEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
