/** What a client is told that cannot be served now, and soon may be. */
import { CloseCode, encodeGoAway } from '@holdfast/protocol';
import type { BoundName } from '../observe/traffic.js';
import type { Session } from './session.js';

export interface Later {
  /** Uniform in [0, 1). */
  readonly random: number;
  readonly reason: string;
}

const MIN_DELAY_MS = 500;
const SPREAD_MS = 2000;

/** An SDK client is given its own moment to come back, so that all who were refused do not come at once. */
export function comeBackLater(session: Session, { random, reason }: Later): void {
  tellLater(session, { delayMs: Math.round(MIN_DELAY_MS + random * SPREAD_MS), reason, code: CloseCode.TryAgainLater });
}

/** There is room for it then. In the protocol, because a browser's script cannot read the headers of a refused handshake. */
export function comeBackAt(session: Session, delayMs: number): void {
  tellLater(session, { delayMs, reason: 'overloaded', code: CloseCode.Overloaded });
}

/** Others of the same principal are in the way, and may leave. */
export function comeBackOverLimit(session: Session, bound: BoundName, random: number): void {
  const delayMs = Math.round(MIN_DELAY_MS + random * SPREAD_MS);
  tellLater(session, { delayMs, reason: 'overloaded', code: CloseCode.Overloaded, bound });
}

interface Told {
  readonly delayMs: number;
  readonly reason: string;
  readonly code: number;
  readonly bound?: BoundName;
}

function tellLater(session: Session, { delayMs, reason, code, bound }: Told): void {
  if (session.isOver) return;
  if (!session.isPlain) session.send(encodeGoAway({ deadlineMs: 0, delayMs, reason }));
  if (bound === undefined) session.close(code, reason);
  else session.hitBound(bound, code, reason);
}
