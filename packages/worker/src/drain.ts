/**
 * The end of a worker: WebSockets are closed with 1001, requests in flight are finished, and what is left at the
 * deadline is cut. Resolves with how many went in order and how many did not.
 */
import { CloseCode } from '@holdfast/protocol';

export interface DrainReport {
  /** Ended in order. */
  readonly closed: number;
  /** Still there at the deadline. */
  readonly cut: number;
}

export interface Drainable {
  close(code: number, reason: string): void;
}

const LOOK_EVERY_MS = 50;
/**
 * A close frame is on its way when we are done with a connection, not at its client. To cut the connection now, with
 * something of the client's unread, would be a reset that overtakes the frame.
 */
const LINGER_MS = 300;

/**
 * @param links open WebSockets; each leaves the set when both its sides are done. One that a handshake still adds is
 *   closed too.
 * @param pending HTTP requests and handshakes that are still being answered.
 */
export async function drain(
  links: ReadonlySet<Drainable>,
  pending: () => number,
  deadlineMs: number,
): Promise<DrainReport> {
  const endsAt = performance.now() + deadlineMs;
  const all = links.size + pending();
  closeAll(links);
  while (links.size + pending() > 0 && performance.now() < endsAt) {
    await sleep(LOOK_EVERY_MS);
    closeAll(links);
  }
  const cut = Math.min(all, links.size + pending());
  if (all > 0) await sleep(Math.max(0, Math.min(LINGER_MS, endsAt - performance.now())));
  return { closed: all - cut, cut };
}

/** Closing twice is harmless: the second does nothing. */
function closeAll(links: ReadonlySet<Drainable>): void {
  for (const link of links) link.close(CloseCode.GoingAway, 'the balancer stops');
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
