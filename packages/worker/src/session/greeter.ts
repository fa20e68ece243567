/** What a client is told about its session, with the token that brings it back: welcome, rehomed, token. */
import {
  CLIENT_QUEUE,
  encodeRehomed,
  encodeToken,
  encodeWelcome,
  type LostRange,
  MAX_DURATION_MS,
  type Opened,
} from '@holdfast/protocol';
import { largestMessageBytes } from './message-limits.js';
import type { Session } from './session.js';
import { TokenSigner } from './token.js';

/** Beyond the resume window, so that a connection that lasts does not outlive its token; see `isTokenOld`. */
const TOKEN_TTL_MS = 24 * 3600 * 1000;

export class Greeter {
  readonly #pacingMs: () => number;
  tokens: TokenSigner;

  constructor(secrets: readonly string[], pacingMs: () => number) {
    this.tokens = new TokenSigner(secrets);
    this.#pacingMs = pacingMs;
  }

  welcome(
    session: Session,
    opened: Opened,
    how: { readonly resumed: boolean; readonly lost?: LostRange | undefined },
  ): string {
    const { resumeWindowMs = 0, heartbeatMs = 0 } = session.pool.config.session ?? {};
    session.pacingToldMs = this.#pacingMs();
    return encodeWelcome({
      session: session.id,
      token: this.#sign(session),
      generation: session.generation,
      resumed: how.resumed,
      handled: opened.handled,
      received: opened.received,
      windowMs: resumeWindowMs,
      heartbeatMs,
      pacingMs: session.pacingToldMs,
      limits: {
        messageBytes: largestMessageBytes(session),
        queueMessages: CLIENT_QUEUE.messages,
        queueBytes: CLIENT_QUEUE.bytes,
      },
      lost: how.lost ?? opened.lost,
      authMs: authMsOf(session),
    });
  }

  /** `isFailover`: the backend learns from the client's resync what arrived; it cannot say now. */
  rehomed(session: Session, opened: Opened, isFailover: boolean): string {
    return encodeRehomed({
      cause: isFailover ? 'failover' : 'handoff',
      generation: session.generation,
      token: this.#sign(session),
      handled: opened.handled,
      received: isFailover ? undefined : opened.received,
      lost: opened.lost,
    });
  }

  token(session: Session): string {
    return encodeToken({ token: this.#sign(session), authMs: authMsOf(session) });
  }

  /** Half of its life is over. */
  isTokenOld(session: Session, nowMs: number): boolean {
    return session.hasToken && !session.isPlain && nowMs - session.tokenSignedAtMs >= TOKEN_TTL_MS / 2;
  }

  #sign(session: Session): string {
    session.tokenSignedAtMs = Math.floor(performance.now());
    const windowMs = session.pool.config.session?.resumeWindowMs ?? 0;
    return this.tokens.sign({
      sessionId: session.id,
      pool: session.pool.name,
      backendId: session.link?.backend.id ?? '',
      incarnation: session.link?.incarnation ?? '',
      generation: session.generation,
      expiresAtSeconds: Math.ceil((Date.now() + TOKEN_TTL_MS + windowMs) / 1000),
      principal: session.principal,
    });
  }
}

/** Until its credentials run out, without the tolerance: that is for clocks that differ, and not for the client to use. */
function authMsOf({ knownUntilMs, route }: Session): number | undefined {
  if (knownUntilMs === 0) return undefined;
  const leftMs = knownUntilMs - (route.auth?.jwt?.toleranceMs ?? 0) - Math.floor(performance.now());
  return Math.min(MAX_DURATION_MS, Math.max(0, leftMs));
}
