/**
 * When a session whose handlers are slower than its client is told to wait: at the client's own bound, so that a client
 * that keeps to it never is. Told late, a worker may have sent more: that is taken, up to a second bound. A plain client
 * knows of no bound but its worker's, so it gets more time to hear of it.
 */
import { CLIENT_QUEUE } from '@holdfast/protocol';

/** pause: the worker is to stop. resume: it may go on. overrun: it did not stop. */
export type Inflow = 'pause' | 'resume' | 'overrun' | 'flow';

const OVERRUN = 2;
const PLAIN_OVERRUN = 16;

export interface Waiting {
  /** Messages that no handler is done with. */
  readonly unhandled: number;
  readonly waitingBytes: number;
}

export function inflowOf({ unhandled, waitingBytes }: Waiting, isPlain: boolean): Inflow {
  const share = Math.max(unhandled / CLIENT_QUEUE.messages, waitingBytes / CLIENT_QUEUE.bytes);
  if (share > (isPlain ? PLAIN_OVERRUN : OVERRUN)) return 'overrun';
  if (share > 1) return 'pause';
  return share < 0.5 ? 'resume' : 'flow';
}
