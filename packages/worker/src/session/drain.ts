/**
 * The end of a worker, for the sessions of SDK clients. Each is told its own moment to leave (goaway), evenly over the drain
 * window, opens another connection elsewhere, resumes there, and lets this one go: nobody waits for anything. What is left at
 * the deadline is closed, and resumes; so is everybody at once where there is nowhere else to go: to wait for them to
 * leave would only keep them from coming back. Plain clients know no goaway: they are closed with what is relayed.
 */
import { CloseCode, encodeGoAway } from '@holdfast/protocol';
import { type DrainReport, LATE_REQUESTS_MS, LINGER_MS, sleep } from '../drain/drain.js';
import { leaveSlots } from '../drain/slots.js';
import type { Session } from './session.js';
import { isBetweenBackends, isWelcomed } from './state.js';

export interface SessionDrainOptions {
  readonly deadlineMs: number;
  /** Over how long the clients are to leave. */
  readonly windowMs: number;
  /** Requests and handshakes that are not answered yet: sessions may come of them. */
  readonly pending: () => number;
  /** Nobody else takes them. */
  readonly isAlone: boolean;
  readonly random: () => number;
}

const LOOK_EVERY_MS = 50;

export class SessionDrain {
  readonly #sessions: ReadonlySet<Session>;
  readonly #options: SessionDrainOptions;
  readonly #windowEndsAtMs: number;
  /** Nobody stays longer who could go. */
  readonly #endsAtMs: number;
  /** Nobody stays longer. */
  readonly #hardEndsAtMs: number;

  constructor(sessions: ReadonlySet<Session>, options: SessionDrainOptions) {
    const { deadlineMs, windowMs, isAlone } = options;
    const nowMs = performance.now();
    this.#sessions = sessions;
    this.#options = options;
    this.#hardEndsAtMs = nowMs + Math.max(0, deadlineMs - LINGER_MS);
    this.#endsAtMs = isAlone ? nowMs : this.#hardEndsAtMs;
    this.#windowEndsAtMs = Math.min(this.#endsAtMs, nowMs + windowMs);
  }

  /** Whoever says hello now cannot be taken in any more. */
  get isShut(): boolean {
    return performance.now() >= this.#endsAtMs;
  }

  /** Resolves when all have left, and nobody is on the way any more. */
  async run(): Promise<DrainReport> {
    const { pending } = this.#options;
    const quietAtMs = Math.min(this.#hardEndsAtMs, performance.now() + LATE_REQUESTS_MS);
    const all = this.#ofSdk().length;
    if (!this.isShut) this.#tellAll();
    for (;;) {
      const nowMs = performance.now();
      const isEnd = nowMs >= this.#hardEndsAtMs;
      if (this.isShut) this.#closeAll(isEnd);
      const isEmpty = this.#ofSdk().length + pending() === 0;
      if (isEnd || (isEmpty && nowMs >= quietAtMs)) break;
      await sleep(LOOK_EVERY_MS);
    }
    if (all > 0) await sleep(LINGER_MS);
    return { closed: all, cut: 0 };
  }

  /** One that was welcomed after it began. */
  tell(session: Session): void {
    if (!session.isPlain) this.#tell(session, this.#options.random() * (this.#windowEndsAtMs - performance.now()));
  }

  #tellAll(): void {
    const welcomed = this.#ofSdk().filter(({ state }) => isWelcomed(state));
    const windowMs = this.#windowEndsAtMs - performance.now();
    const slots = leaveSlots(welcomed.length, windowMs, this.#options.random);
    for (const [index, session] of welcomed.entries()) this.#tell(session, slots[index] ?? 0);
  }

  /** One that is between two backends is with nobody else: it is let go when it has arrived, or there is no more time. */
  #closeAll(isEnd: boolean): void {
    for (const session of this.#ofSdk()) {
      if (isEnd || !isBetweenBackends(session.state)) session.close(CloseCode.Leaving, 'the balancer stops');
    }
  }

  #tell(session: Session, delayMs: number): void {
    const deadlineMs = Math.max(0, Math.round(this.#endsAtMs - performance.now()));
    const slotMs = Math.round(Math.min(deadlineMs, Math.max(0, delayMs)));
    session.send(encodeGoAway({ deadlineMs, delayMs: slotMs, reason: 'the balancer stops' }));
  }

  #ofSdk(): readonly Session[] {
    return [...this.#sessions].filter(({ isPlain }) => !isPlain);
  }
}
