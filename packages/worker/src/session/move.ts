/**
 * Gives a living client's session a backend again: claims it by a higher generation, opens it there, and tells the client. One
 * try at one backend; rehome.ts decides which, and what next.
 */
import { CloseCode, type TailEntry } from '@holdfast/protocol';
import type { Link } from '../trunk/link.js';
import type { Trunk } from '../trunk/trunk.js';
import { refusalOf } from './open-result.js';
import { type OpenHow, openBody } from './opening.js';
import { NOTHING_KEPT, restorationOf } from './restoration.js';
import type { Session } from './session.js';
import type { HandedOff } from './session-host.js';
import type { SessionParts } from './session-parts.js';
import type { RehomeCause } from './stats.js';

/**
 * elsewhere: this backend does not take it, or was not asked because the client has left meanwhile; the session has none again.
 * over: it is not this worker's any more.
 */
export type MoveResult = 'moved' | 'elsewhere' | 'over';

interface Plan {
  readonly how: OpenHow;
  readonly tail: readonly TailEntry[];
  readonly cause: RehomeCause;
}

/** Back to the same life of its backend, which has it still. */
export async function returnSession(parts: SessionParts, session: Session, link: Link): Promise<MoveResult> {
  session.move('reopen');
  const rebinding = await parts.records.rebind(session, link);
  if (rebinding.kind === 'fenced') return replaced(parts, session, 'return');
  session.generation = rebinding.generation;
  if (session.isOver && !session.hasToken) return ended(parts, session);
  // It has the session, whatever it is about to do: and it is to learn of the claim though the client has left.
  return open(parts, session, { how: { cause: 'resume' }, tail: [], cause: 'return', trunk: link.provenTrunk });
}

/** To another backend, with what the old one handed over, or else with what was kept in shared state. */
export async function moveSession(
  parts: SessionParts,
  session: Session,
  link: Link,
  handedOff: HandedOff | undefined,
): Promise<MoveResult> {
  const previousGeneration = session.generation;
  session.move('reopen');
  session.bind(link);
  const rebinding = await parts.records.rebind(session, link);
  if (rebinding.kind === 'fenced') return replaced(parts, session, handedOff === undefined ? 'failover' : 'handoff');
  session.generation = rebinding.generation;
  if (session.isOver) return session.hasToken ? 'elsewhere' : ended(parts, session);
  const trunk = link.readyTrunk;
  if (handedOff !== undefined) return open(parts, session, { ...planOf(handedOff), trunk });
  const kept = (rebinding.record && restorationOf(rebinding.record, previousGeneration)) ?? NOTHING_KEPT;
  // What cannot be read is lost; the counters tell the backend how much, and it tells the client.
  const tail = kept.counters === undefined ? [] : await parts.records.readTail(session.id);
  if (session.isOver) return 'over';
  return open(parts, session, { how: kept, tail: tail ?? [], cause: kept.cause, trunk: link.readyTrunk });
}

/** Its client has ended it meanwhile: what the move has written down since is for nobody. */
function ended({ records }: SessionParts, session: Session): MoveResult {
  records.remove(session);
  return 'over';
}

function planOf({ handoff: { state, ...counters }, tail }: HandedOff): Plan {
  return { how: { cause: 'handoff', counters, state }, tail, cause: 'handoff' };
}

async function open(
  parts: SessionParts,
  session: Session,
  { how, tail, cause, trunk }: Plan & { readonly trunk: Trunk | undefined },
): Promise<MoveResult> {
  const { greeter, stats } = parts;
  const result = await session.backendSide.open(session, {
    trunk,
    body: openBody(session, how),
    tail,
    onOpened: (opened) => {
      if (session.isOver) return;
      session.rehomed(session.isPlain ? '' : greeter.rehomed(session, opened, how.cause === 'failover'));
      stats.rehomed(session.pool.name, cause, performance.now() - session.unboundAtMs);
      parts.onSettled(session);
    },
  });
  const refusal = refusalOf(result);
  switch (refusal?.kind) {
    case undefined:
      return 'moved';
    case 'elsewhere':
      if (!session.isOver) session.move('openFailed');
      return 'elsewhere';
    case 'fenced':
      return replaced(parts, session, cause);
    case 'closed':
      if (!session.isOver) session.endByBackend(refusal.code, refusal.reason, true);
      return over(parts, session, cause);
    case 'left':
      return over(parts, session, cause);
  }
}

function replaced(parts: SessionParts, session: Session, cause: RehomeCause): MoveResult {
  parts.stats.notRehomed(session.pool.name, cause, 'fenced');
  session.close(CloseCode.Replaced, 'a newer connection has the session');
  return 'over';
}

function over({ stats }: SessionParts, { pool }: Session, cause: RehomeCause): MoveResult {
  stats.notRehomed(pool.name, cause, 'left');
  return 'over';
}
