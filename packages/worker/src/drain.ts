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
 * @param links open WebSockets; each leaves the set when both its sides are done.
 * @param requestsInFlight HTTP requests that are still being answered.
 */
export async function drain(
  links: ReadonlySet<Drainable>,
  requestsInFlight: () => number,
  deadlineMs: number,
): Promise<DrainReport> {
  const endsAt = performance.now() + deadlineMs;
  const all = links.size + requestsInFlight();
  for (const link of links) link.close(CloseCode.GoingAway, 'the balancer stops');
  while (links.size + requestsInFlight() > 0 && performance.now() < endsAt) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  const cut = Math.min(all, links.size + requestsInFlight());
  return { closed: all - cut, cut };
}
