/**
 * Who may begin now: a rate (admission-rate.ts), a short line for those who are early, and a promised slot for all others
 * (promised-slots.ts). Whoever resumes goes first: somebody is behind it who was there a moment ago. Waiting in line costs a
 * client nothing but time, while a refusal costs it a handshake: so a line, and a short one, because a browser whose hello is not
 * answered for long would give up.
 */
import type { AdmissionConfig } from '../config-capacity.js';
import { AdmissionRate } from './admission-rate.js';
import { PromisedSlots } from './promised-slots.js';

/** Somebody at the door. Exactly one of `enter` and `refuse` is called, unless it is gone by then. */
export interface Entrant {
  readonly isResume: boolean;
  isGone(): boolean;
  enter(): void;
  /** @param delayMs when there is room for it. */
  refuse(delayMs: number): void;
}

export interface AdmissionOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly onRefused: () => void;
}

export interface AdmissionCounts {
  resumesIn: number;
  resumesRefused: number;
  newIn: number;
  newRefused: number;
}

const MAX_WAIT_MS = 1000;
/** Those who resume may have kept it waiting, but not for longer than this. */
const MAX_PASSED_OVER_MS = 4000;

interface Waiting {
  readonly entrant: Entrant;
  readonly sinceMs: number;
}

export class Admission {
  /** Under pressure only those who resume are let in. */
  isClosedToNew = false;
  readonly counts: AdmissionCounts = { resumesIn: 0, resumesRefused: 0, newIn: 0, newRefused: 0 };
  readonly #options: AdmissionOptions;
  readonly #rate: AdmissionRate;
  readonly #promised = new PromisedSlots();
  readonly #resumes: Waiting[] = [];
  readonly #new: Waiting[] = [];
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ perSecond }: AdmissionConfig, options: AdmissionOptions) {
    this.#options = options;
    this.#rate = new AdmissionRate(perSecond, performance.now());
  }

  get perSecond(): number {
    return this.#rate.perSecond;
  }

  setPerSecond(perSecond: number): void {
    this.#rate.setPerSecond(perSecond, performance.now());
  }

  get waiting(): number {
    return this.#resumes.length + this.#new.length;
  }

  /** How many have asked since the last call. */
  takeAsked(): number {
    const asked = this.#asked;
    this.#asked = 0;
    return asked;
  }

  ask(entrant: Entrant): void {
    this.#asked += 1;
    const nowMs = performance.now();
    const ahead = this.#resumes.length + (entrant.isResume ? 0 : this.#new.length);
    if (!entrant.isResume && this.isClosedToNew) this.#refuse(entrant, nowMs);
    else if (ahead === 0 && this.#rate.take(nowMs)) this.#enter(entrant);
    else if ((ahead / this.#rate.perSecond) * 1000 < MAX_WAIT_MS) this.#wait({ entrant, sinceMs: nowMs });
    else this.#refuse(entrant, nowMs);
  }

  /** Nobody waits for it any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { entrant } of [...this.#resumes.splice(0), ...this.#new.splice(0)]) {
      if (!entrant.isGone()) this.#refuse(entrant, performance.now());
    }
  }

  #wait(waiting: Waiting): void {
    (waiting.entrant.isResume ? this.#resumes : this.#new).push(waiting);
    this.#arm();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#letIn();
    }, this.#rate.waitMs(performance.now()));
  }

  #letIn(): void {
    this.#dismiss(performance.now());
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      // Anew for each: letting somebody in may take a while, and they are counted by the time that it is.
      if (!this.#rate.take(performance.now())) return this.#arm();
      (first.isResume ? this.#resumes : this.#new).shift();
      this.#enter(first);
    }
  }

  /** Who is next; who left in the meantime is forgotten. */
  #first(): Entrant | undefined {
    for (const line of [this.#resumes, this.#new]) {
      while (line[0]?.entrant.isGone() === true) line.shift();
      if (line[0] !== undefined) return line[0].entrant;
    }
    return undefined;
  }

  #dismiss(nowMs: number): void {
    for (let first = this.#new[0]; first !== undefined; first = this.#new[0]) {
      if (nowMs - first.sinceMs < MAX_PASSED_OVER_MS) return;
      this.#new.shift();
      if (!first.entrant.isGone()) this.#refuse(first.entrant, nowMs);
    }
  }

  #enter(entrant: Entrant): void {
    if (entrant.isResume) this.counts.resumesIn += 1;
    else this.counts.newIn += 1;
    entrant.enter();
  }

  #refuse(entrant: Entrant, nowMs: number): void {
    const { isResume } = entrant;
    if (isResume) this.counts.resumesRefused += 1;
    else this.counts.newRefused += 1;
    this.#options.onRefused();
    const { perSecond } = this.#rate;
    const slot = { isResume, nowMs, aheadMs: MAX_WAIT_MS, perSecond, random: this.#options.random() };
    entrant.refuse(Math.ceil(this.#promised.promise(slot)));
  }
}
