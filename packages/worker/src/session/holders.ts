/**
 * Where a session is that a client comes back for, and its stream there. Its backend, as shared state has it; while it moves
 * from one to another, either. A claim is seen through though the client has left meanwhile: it has fenced off whoever had the
 * session before, and nobody else would see to it that its backend knows.
 */
import type { ClientCounters } from '@holdfast/protocol';
import type { SessionRecord } from '@holdfast/state';
import { sleep } from '../drain/drain.js';
import type { Link } from '../trunk/link.js';
import { PATIENCE_MS } from './authenticate.js';
import type { Refusal } from './open-result.js';
import type { Session } from './session.js';
import type { SessionParts } from './session-parts.js';
import type { ResumeClaims } from './token.js';
import { openAndWelcome } from './welcome-back.js';

/** The session is ours by this generation, as far as anybody could be asked. */
export interface Claim {
  readonly generation: number;
  readonly backendId: string;
  readonly incarnation: string;
  /** undefined: the token alone says so. */
  readonly stored: { readonly record: SessionRecord; readonly previousGeneration: number } | undefined;
  /** The token is younger than the record: the session has moved while that could not be written. */
  readonly isRecordBehind: boolean;
  /** The record is younger: the session was moving when its client lost the connection. */
  readonly isTokenBehind: boolean;
}

export interface Returning {
  readonly claim: Claim;
  /** What its client knew of it. */
  readonly token: ResumeClaims;
  readonly client: ClientCounters;
}

/** Between the rounds in which the two places that a moving session may be at are asked again: a trunk may be behind by that much. */
const MOVING_RETRIES_MS = [100, 300, 600, 1000, 1500];

/** undefined: it goes on there. `elsewhere`: the backend that had it is gone, or has it no more. */
export async function resumeAtHolder(
  parts: SessionParts,
  session: Session,
  { claim, token, client }: Returning,
): Promise<Refusal | undefined> {
  const refusal = await resumeAt(parts, session, claim, { client, patienceMs: PATIENCE_MS });
  if (refusal?.kind !== 'elsewhere' || !claim.isTokenBehind || isParkedWhole(claim)) return refusal;
  // Whoever moves a session writes that down before it opens it there: that open may yet come. Where it does not, the backend that
  // its client knew still keeps it.
  const there = { ...claim, isRecordBehind: true };
  const here = { ...there, backendId: token.backendId, incarnation: token.incarnation };
  for (const waitMs of MOVING_RETRIES_MS) {
    await sleep(waitMs);
    for (const place of [there, here]) {
      const result = await resumeAt(parts, session, place, { client, patienceMs: 0 });
      if (result?.kind !== 'elsewhere') return result;
    }
  }
  return refusal;
}

/** By whoever was moving it: nobody has it. */
function isParkedWhole({ stored }: Claim): boolean {
  const { parked } = stored?.record ?? {};
  return parked?.isComplete === true && parked.generation === stored?.previousGeneration;
}

async function resumeAt(
  parts: SessionParts,
  session: Session,
  claim: Claim,
  { client, patienceMs }: { readonly client: ClientCounters; readonly patienceMs: number },
): Promise<Refusal | undefined> {
  const link = await findHolder(parts, session, claim, patienceMs);
  if (link === undefined) return { kind: 'elsewhere' };
  if (!session.isOver) session.bind(link);
  if (claim.isRecordBehind) {
    const rebinding = await parts.records.rebind(session, link);
    if (rebinding.kind === 'fenced') return { kind: 'fenced', generation: undefined };
    session.generation = rebinding.generation;
  }
  const refusal = await openAndWelcome(parts, session, link, { cause: 'resume', client });
  if (refusal?.kind !== 'fenced' || claim.stored !== undefined) {
    if (refusal === undefined && claim.stored === undefined) void parts.records.create(session);
    return refusal;
  }
  // A newer connection of its client has it.
  if (session.isOver) return refusal;
  // Nobody could tell us the generation, until the backend did.
  session.generation = Math.max(session.generation, refusal.generation ?? 0) + 1;
  const second = await openAndWelcome(parts, session, link, { cause: 'resume', client });
  if (second === undefined) void parts.records.create(session);
  return second;
}

/** The link to the very life of the backend that has the session; waits for one that is being dialled. */
// oxlint-disable-next-line max-params
async function findHolder(
  { trunks }: SessionParts,
  { pool }: Session,
  { backendId, incarnation }: Claim,
  patienceMs: number,
): Promise<Link | undefined> {
  const look = (): Link | 'gone' | undefined => {
    const backend = pool.find(backendId);
    const link = backend && trunks.linkOf(backend);
    if (link === undefined) return 'gone';
    if (link.provenTrunk !== undefined) return link.incarnation === incarnation ? link : 'gone';
    return link.isConnecting || link.isReturning ? undefined : 'gone';
  };
  const found = await trunks.waitFor(look, patienceMs);
  return found === 'gone' ? undefined : found;
}
