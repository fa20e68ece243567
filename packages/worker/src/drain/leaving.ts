/**
 * A worker's way out: the relayed and the plain ones closed evenly, the others told when to leave, over one window that all of
 * them share, so that the pace that an operator asked for holds for all together.
 */
import type { Session } from '../session/session.js';
import type { Sessions } from '../session/sessions.js';
import { type DrainReport, drainConnections } from './drain.js';
import type { Closable } from './even-closing.js';
import { type DrainOrders, drainWindowMs } from './orders.js';

export interface LeavingParts {
  readonly links: ReadonlySet<Closable>;
  readonly sessions: Pick<Sessions, 'all' | 'pacingMs' | 'drain'>;
  /** HTTP requests and handshakes that are still being answered. */
  readonly pending: () => number;
  readonly onProgress: (left: number) => void;
}

const TELL_EVERY_MS = 500;

export async function leave(parts: LeavingParts, orders: DrainOrders): Promise<DrainReport> {
  const { links, sessions, pending, onProgress } = parts;
  const left = (): number => links.size + sessions.all.size + pending();
  const windowMs = drainWindowMs(orders, left(), sessions.pacingMs);
  const { deadlineMs, closesPerSecond, hasSuccessors } = orders;
  onProgress(left());
  const timer = setInterval(() => onProgress(left()), TELL_EVERY_MS);
  const connections = (): readonly Closable[] => [...links, ...plainOf(sessions.all)];
  const reports = await Promise.all([
    drainConnections({ deadlineMs, windowMs, closesPerSecond, connections, pending }),
    sessions.drain({ deadlineMs, windowMs, hasSuccessors, pending }),
  ]);
  clearInterval(timer);
  return { closed: reports[0].closed + reports[1].closed, cut: reports[0].cut + reports[1].cut };
}

function plainOf(sessions: Iterable<Session>): readonly Session[] {
  return [...sessions].filter(({ isPlain }) => isPlain);
}
