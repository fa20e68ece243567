/** What a client is told that cannot be served now, and soon may be. */
import { CloseCode, encodeGoAway } from '@holdfast/protocol';
import type { Session } from './session.js';

export interface Later {
  /** Uniform in [0, 1). */
  readonly random: number;
  readonly reason: string;
  /** @default 1013 */
  readonly code?: number;
}

const MIN_DELAY_MS = 500;
const SPREAD_MS = 2000;

/** An SDK client is given its own moment to come back, so that all who were refused do not come at once. */
export function comeBackLater(session: Session, { random, reason, code = CloseCode.TryAgainLater }: Later): void {
  if (session.isOver) return;
  const delayMs = Math.round(MIN_DELAY_MS + random * SPREAD_MS);
  if (!session.isPlain) session.send(encodeGoAway({ deadlineMs: 0, delayMs, reason }));
  session.close(code, reason);
}
