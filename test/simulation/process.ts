/**
 * One life of a simulated process: what its code schedules runs only while it does. Paused, its steps wait, as a stopped
 * process's timers and sockets do; killed, they are gone. A restart is another object.
 */
import type { Clock, Step } from './clock.js';

export type ProcessState = 'running' | 'paused' | 'dead';

export class SimProcess {
  readonly name: string;
  readonly #clock: Clock;
  readonly #onDeath: (() => void)[] = [];
  #state: ProcessState = 'running';
  #held: Step[] = [];
  #pausedAtMs = 0;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.#clock = clock;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Called by the clock with a step that is due while the process is paused. */
  hold(step: Step): void {
    step.heldMs = 0;
    this.#held.push(step);
  }

  /** What the system does when the process is gone: resets its sockets. */
  onDeath(act: () => void): void {
    this.#onDeath.push(act);
  }

  pause(): void {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    this.#pausedAtMs = this.#clock.nowMs;
  }

  /** What was due meanwhile happens now. After a pause nobody knows whether timers or sockets are looked at first. */
  resume(areTimersFirst: boolean): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const step of held) step.heldMs = this.#clock.nowMs - this.#pausedAtMs;
    for (const step of held) this.#clock.renew(step, step.isTimer === areTimersFirst);
  }

  /** Nothing of it runs any more. */
  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held = [];
    for (const act of this.#onDeath.splice(0)) act();
  }
}
