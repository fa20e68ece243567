/**
 * A client comes back for its session. Shared state says who has it and makes this connection its owner; where shared state
 * cannot be asked, the token names the backend. A backend that is alive goes on where it was; one that is gone is replaced,
 * with what was parked or committed. At most three calls to shared state; one more where the record has to be put right first,
 * because the session moved while nothing could be written, or was being moved when its client lost the connection.
 */
import { type ClientCounters, CloseCode } from '@holdfast/protocol';
import type { Backend } from '../pool/backend.js';
import { PATIENCE_MS } from './authenticate.js';
import { chooseLink } from './choose-link.js';
import { comeBackLater } from './come-back-later.js';
import { connectSession } from './connect.js';
import { type Claim, resumeAtHolder } from './holders.js';
import { restorationOf } from './restoration.js';
import type { Session } from './session.js';
import type { SessionParts } from './session-parts.js';
import type { ResumeClaims } from './token.js';
import { openAndWelcome } from './welcome-back.js';

export async function resumeSession(
  parts: SessionParts,
  session: Session,
  claims: ResumeClaims,
  client: ClientCounters,
): Promise<void> {
  const { trunks } = parts;
  // Without a backend a claim would do nothing but fence off whoever has the session.
  const somebody = await trunks.waitFor(() => trunks.readyOf(session.pool)[0], PATIENCE_MS);
  if (session.isOver) return;
  if (somebody === undefined) return later(parts, session, 'no instance of the service is available');
  session.id = claims.sessionId;
  session.hasToken = true;
  const claim = await makeClaim(parts, claims);
  if (claim === 'forbidden') {
    parts.stats.entered(session.pool.name, 'forbidden');
    return session.close(CloseCode.Forbidden, 'this session belongs to somebody else');
  }
  session.generation = claim.generation;
  const refusal = await resumeAtHolder(parts, session, { claim, token: claims, client });
  if (refusal === undefined || refusal.kind === 'left' || session.isOver) return;
  if (refusal.kind === 'closed') return session.endByBackend(refusal.code, refusal.reason, true);
  // Claimed by somebody else a moment ago. If this client is the real one, it comes again and claims anew.
  if (refusal.kind === 'fenced') return later(parts, session, 'the session was claimed meanwhile');
  return restore(parts, session, claim, client);
}

async function makeClaim({ records }: SessionParts, claims: ResumeClaims): Promise<Claim | 'forbidden'> {
  const outcome = await records.resume(claims);
  if (outcome.kind === 'forbidden') return 'forbidden';
  const { backendId, incarnation } = claims;
  if (outcome.kind !== 'resumed') {
    const generation = claims.generation + 1;
    return { generation, backendId, incarnation, stored: undefined, isRecordBehind: false, isTokenBehind: false };
  }
  const { generation, record } = outcome;
  const isSame = record.backendId === backendId && record.backendIncarnation === incarnation;
  const isRecordBehind = !isSame && outcome.previousGeneration <= claims.generation;
  const previousGeneration = Math.max(outcome.previousGeneration, claims.generation);
  const stored = { record, previousGeneration };
  if (isRecordBehind) return { generation, backendId, incarnation, stored, isRecordBehind, isTokenBehind: false };
  return {
    generation,
    backendId: record.backendId,
    incarnation: record.backendIncarnation,
    stored,
    isRecordBehind,
    isTokenBehind: !isSame,
  };
}

/** Another backend goes on with what was kept; where nothing was, the client gets a new session and is told. */
async function restore(parts: SessionParts, session: Session, claim: Claim, client: ClientCounters): Promise<void> {
  const { trunks, records } = parts;
  const { stored } = claim;
  const restoration = stored && restorationOf(stored.record, stored.previousGeneration);
  session.bind(undefined);
  if (stored === undefined || restoration === undefined) {
    return connectSession(parts, session, { from: client.received + 1, to: null });
  }
  const link = chooseLink(trunks, session, new Set<Backend>());
  if (link === undefined) return later(parts, session, 'no instance of the service is available');
  session.bind(link);
  const rebinding = await records.rebind(session, link);
  if (session.isOver) return;
  if (rebinding.kind === 'fenced') return session.close(CloseCode.Replaced, 'a newer connection has the session');
  session.generation = rebinding.generation;
  const tail = restoration.counters === undefined ? [] : await records.readTail(session.id);
  if (session.isOver) return;
  if (tail === undefined) return later(parts, session, 'what was kept for the client cannot be read now');
  const refusal = await openAndWelcome(parts, session, link, { ...restoration, client }, tail);
  if (refusal === undefined || refusal.kind === 'left') return;
  if (refusal.kind === 'closed') return session.endByBackend(refusal.code, refusal.reason, true);
  later(parts, session, 'the service did not take the session');
}

function later({ stats, random }: SessionParts, session: Session, reason: string): void {
  stats.entered(session.pool.name, 'unavailable');
  comeBackLater(session, { random: random(), reason });
}
