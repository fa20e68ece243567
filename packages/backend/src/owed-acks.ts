/**
 * Sessions that owe an acknowledgement and have nothing to say that it could ride on: they are given half a second to a
 * second, then it goes alone. One list for all that began to owe in the same half second, so that none has a timer.
 */
import type { SessionCore } from './session-core.js';

const PERIOD_MS = 500;

export class OwedAcks {
  #waiting: SessionCore[] = [];
  #due: SessionCore[] = [];
  #turnedAtMs: number = performance.now();

  add(core: SessionCore): void {
    core.isOwing = true;
    this.#waiting.push(core);
  }

  tick(nowMs: number): void {
    if (nowMs - this.#turnedAtMs < PERIOD_MS) return;
    this.#turnedAtMs = nowMs;
    const due = this.#due;
    this.#due = this.#waiting;
    this.#waiting = [];
    for (const core of due) {
      core.isOwing = false;
      if (core.exchange.inbox.isAckOwed(core.acknowledgeable)) core.touch();
    }
  }
}
