/**
 * The end of a worker, for its sessions. Each SDK client is told its own moment to leave (goaway), opens another connection
 * elsewhere, resumes there, and lets this one go: nobody waits for anything. A plain client is closed at once, since it knows
 * no goaway. What is left at the deadline is closed, and resumes; so is everybody where there is nowhere else to go.
 */
import { CloseCode, encodeGoAway } from '@holdfast/protocol';
import type { DrainReport } from '../drain.js';
import type { Session } from './session.js';
import { isWelcomed } from './state.js';

export interface SessionDrainOptions {
  readonly deadlineMs: number;
  /** Over how long the clients are to leave, at most four fifths of the deadline. */
  readonly windowMs: number;
  readonly random: () => number;
}

const LOOK_EVERY_MS = 50;
/** For close frames to arrive. */
const LINGER_MS = 300;
const MIN_WINDOW_MS = 2000;

/** Whom it has told, for those that are welcomed after it began. */
export class SessionDrain {
  readonly #sessions: ReadonlySet<Session>;
  readonly #endsAtMs: number;
  readonly #windowMs: number;
  readonly #random: () => number;

  constructor(sessions: ReadonlySet<Session>, { deadlineMs, windowMs, random }: SessionDrainOptions) {
    this.#sessions = sessions;
    this.#endsAtMs = performance.now() + Math.max(0, deadlineMs - LINGER_MS);
    this.#windowMs = Math.min(deadlineMs * 0.8, Math.max(MIN_WINDOW_MS, windowMs));
    this.#random = random;
  }

  /** Resolves when all have left. */
  async run(): Promise<DrainReport> {
    const all = this.#sessions.size;
    for (const session of this.#sessions) if (isWelcomed(session.state) || session.isPlain) this.tell(session);
    while (this.#sessions.size > 0 && performance.now() < this.#endsAtMs) await sleep(LOOK_EVERY_MS);
    for (const session of this.#sessions) session.close(CloseCode.Leaving, 'the balancer stops');
    if (all > 0) await sleep(LINGER_MS);
    return { closed: all, cut: 0 };
  }

  tell(session: Session): void {
    if (session.isPlain) {
      session.close(CloseCode.GoingAway, 'the balancer stops');
      return;
    }
    const leftMs = Math.max(0, Math.round(this.#endsAtMs - performance.now()));
    const delayMs = Math.round(Math.min(leftMs, this.#random() * this.#windowMs));
    session.send(encodeGoAway({ deadlineMs: leftMs, delayMs, reason: 'the balancer stops' }));
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
