/**
 * The end of a worker for what it relays: WebSockets are closed with 1001, evenly over the drain window, requests and
 * handshakes in flight are finished, and what is left at the deadline is closed, then cut. Resolves with how many went in
 * order and how many did not. SDK sessions are told to leave instead: session/drain.ts.
 */
import { CloseCode } from '@holdfast/protocol';
import { type Closable, EvenClosing } from './even-closing.js';

export interface DrainReport {
  /** Ended in order. */
  readonly closed: number;
  /** Still there at the deadline. */
  readonly cut: number;
}

export interface DrainOptions {
  readonly deadlineMs: number;
  /** Over how long they are closed. */
  readonly windowMs: number;
  /** 0: whatever the window needs. */
  readonly closesPerSecond: number;
  /** Open WebSockets that are closed; each is gone from here when both its sides are done. */
  readonly connections: () => readonly Closable[];
  /** HTTP requests and handshakes that are still being answered. */
  readonly pending: () => number;
}

const LOOK_EVERY_MS = 50;
/**
 * A close frame is on its way when we are done with a connection, not at its client. To cut the connection now, with
 * something of the client's unread, would be a reset that overtakes the frame.
 */
export const LINGER_MS = 300;
/** A connection that was accepted just before the listener closed has not spoken yet: its request comes, and is served. */
export const LATE_REQUESTS_MS = 500;

export async function drainConnections(options: DrainOptions): Promise<DrainReport> {
  const { deadlineMs, windowMs, closesPerSecond: perSecond, connections, pending } = options;
  const startedAt = performance.now();
  const endsAt = startedAt + Math.max(0, deadlineMs - LINGER_MS);
  const quietAt = Math.min(endsAt, startedAt + LATE_REQUESTS_MS);
  const count = (): number => connections().length + pending();
  const all = count();
  const how = { code: CloseCode.GoingAway, reason: 'the balancer stops' };
  const closing = new EvenClosing({ open: connections, windowMs, perSecond, ...how });
  await until(() => performance.now() >= quietAt && count() === 0, endsAt);
  closing.stop();
  for (const connection of connections()) connection.close(how.code, how.reason);
  const hasStayed = count() > 0;
  if (hasStayed) await until(() => count() === 0, endsAt + LINGER_MS);
  const cut = count();
  if (all > 0 && !hasStayed) await sleep(Math.min(LINGER_MS, startedAt + deadlineMs - performance.now()));
  return { closed: Math.max(0, all - cut), cut };
}

async function until(isDone: () => boolean, endsAt: number): Promise<void> {
  while (!isDone() && performance.now() < endsAt) await sleep(LOOK_EVERY_MS);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
