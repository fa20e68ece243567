/**
 * What time does to a session: looked at several times per heartbeat by one timer for all (sessions.ts), so that an idle
 * session costs no timer of its own.
 */
import { ABNORMAL_CLOSURE, CloseCode, HELLO_TIMEOUT_MS } from '@holdfast/protocol';
import { judgeSilence } from '../relay/keep-alive.js';
import { CREDENTIALS_RAN_OUT } from '../relay/relay-link.js';
import type { Greeter } from './greeter.js';
import type { Session } from './session.js';

/** Made once per look at all of them: one of a hundred thousand costs no object and no clock. */
export interface Care {
  readonly nowMs: number;
  readonly greeter: Greeter;
  readonly pacingMs: number;
  readonly onIdle: () => void;
  /** Of the idle limit of plain clients; one of the SDK is kept for its resume window whatever it costs. */
  readonly idleShare: number;
}

export function lookAfter(session: Session, care: Care): void {
  const { nowMs } = care;
  const { client, state } = session;
  if (state === 'hello' && nowMs - session.openedAtMs >= HELLO_TIMEOUT_MS) {
    session.close(CloseCode.HelloTimeout, `expected a hello within ${HELLO_TIMEOUT_MS} ms, got none`);
  }
  if (state === 'hello' || state === 'opening' || session.isOver) return;
  const idleMs = session.route.limits.idleMs * (session.isPlain ? care.idleShare : 1);
  const silence = judgeSilence(nowMs, client.heardAtMs, client.pingedAtMs, idleMs);
  if (client.isStuck(nowMs)) session.endSlow();
  else if (session.endsAtMs > 0 && nowMs >= session.endsAtMs)
    session.hitBound('lifetime', CloseCode.GoingAway, 'the connection reached its lifetime');
  else if (session.knownUntilMs > 0 && nowMs >= session.knownUntilMs) endUnknown(session);
  else if (silence === 'stale') {
    care.onIdle();
    session.cut(ABNORMAL_CLOSURE, `expected a sign of life within ${idleMs} ms, got none`);
  } else if (session.isPlain) {
    if (silence === 'ping') session.ping(undefined);
  } else greet(session, care, silence === 'ping');
}

/** A client of the SDK may come back with better credentials, see PROTOCOL.md. */
function endUnknown(session: Session): void {
  const code = session.isPlain ? CloseCode.PolicyViolation : CloseCode.BadCredentials;
  session.close(code, CREDENTIALS_RAN_OUT, 'the token ran out');
}

function greet(session: Session, care: Care, isAsked: boolean): void {
  const { client } = session;
  const { nowMs } = care;
  if (care.greeter.isTokenOld(session, nowMs)) session.send(care.greeter.token(session));
  const heartbeatMs = session.pool.config.session?.heartbeatMs ?? Infinity;
  const isNews = hasChanged(session.pacingToldMs, care.pacingMs);
  const isQuiet = nowMs - client.sentAtMs >= heartbeatMs;
  // News waits for its turn: the pacing of all clients changes at the same time.
  if (!isQuiet && !isAsked && !(isNews && nowMs - client.pingedAtMs >= heartbeatMs)) return;
  if (isNews) session.pacingToldMs = care.pacingMs;
  session.ping(isNews ? care.pacingMs : undefined);
}

/** By more than 5 %: what a client believes is as good as the time in which a herd is back. */
function hasChanged(told: number, now: number): boolean {
  return Math.abs(now - told) > told * 0.05;
}
