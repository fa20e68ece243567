/** How a session's stay in this worker ended, and who wants to know. */
import { ABNORMAL_CLOSURE, CloseCode, cutCloseReason, isWireCloseCode } from '@holdfast/protocol';
import type { Slot } from '../access/entry-limits.js';
import type { AuthConfig, RouteLimits } from '../config.js';
import { clientFault } from '../listener/client-fault.js';
import type { ClosedBy } from '../observe/outcomes.js';
import type { Tally } from './tally.js';

export interface SessionEnd {
  readonly code: number;
  readonly reason: string;
  readonly closedBy: ClosedBy;
  /** The session itself is over, not its connection alone. */
  readonly isFinal: boolean;
  /** For people; never sent to a client. */
  readonly detail: string | undefined;
}

export interface SessionSummary {
  readonly id: string;
  readonly isResumed: boolean;
  readonly rehomes: number;
  readonly tally: Tally;
}

/** Who brought the client in: the access log. */
export interface SessionOrigin {
  /** Of its principal: given back when the connection ends. */
  hold(slot: Slot): void;
  onBackend(backendId: string): void;
  onEnd(session: SessionSummary, end: SessionEnd): void;
}

/** What of a route matters to its sessions. */
export interface SessionRoute {
  readonly name: string;
  readonly limits: RouteLimits;
  readonly auth: AuthConfig | undefined;
}

/** As the listener tells it: without a close frame the reason is no word of the client's, but what was noticed. */
export function endByClient(
  code: number,
  reason: string,
): Omit<SessionEnd, 'isFinal'> & { readonly isTooBig: boolean } {
  const isAbnormal = code === ABNORMAL_CLOSURE;
  const said = isAbnormal ? { reason: '', detail: reason } : { reason, detail: undefined };
  return { code, closedBy: 'client', ...said, isTooBig: isAbnormal && clientFault(reason)?.isTooBig === true };
}

/** What a close frame may carry. */
export function wireEnd({ code, reason }: Pick<SessionEnd, 'code' | 'reason'>): Pick<SessionEnd, 'code' | 'reason'> {
  return { code: isWireCloseCode(code) ? code : CloseCode.InternalError, reason: cutCloseReason(reason) };
}
