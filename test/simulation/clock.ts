/**
 * Time of the simulation: a queue of steps, each belonging to a process, in the order in which they are due. While
 * installed, the global timers, performance.now and Date.now are this clock's, and a timer belongs to the process whose step
 * is running. After each step all promises run as far as they can, still as that process, so nothing happens between steps.
 *
 * vi.useFakeTimers was rejected: its timers have no owner, so no process could be paused or killed.
 */
import { SimProcess } from './process.js';

export interface Step {
  atMs: number;
  order: number;
  readonly owner: SimProcess;
  readonly run: () => void;
  readonly isTimer: boolean;
  isCancelled: boolean;
  /** How long its process has been paused since it was due; undefined: it was not paused. */
  heldMs: number | undefined;
}

/** Why a run cannot go on in this process: the real one would have ended with an uncaught exception. */
export type OnCrash = (owner: SimProcess, error: unknown) => void;

/** More than there are steps in a run. */
const URGENT = 1e9;
const EPOCH_MS = 1_800_000_000_000;
const nextTick = process.nextTick.bind(process);

export class Clock {
  /** Those who act without being part of any process: the schedule, the network. */
  readonly nobody: SimProcess = new SimProcess('-', this);
  readonly #steps = new StepHeap();
  readonly #onCrash: OnCrash;
  #nowMs = 0;
  #order = 0;
  #current: SimProcess = this.nobody;
  #heldMs = 0;

  constructor(onCrash: OnCrash) {
    this.#onCrash = onCrash;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** The process whose code is running. */
  get current(): SimProcess {
    return this.#current;
  }

  /** For how long the process was paused that has just found what is being done. */
  get heldMs(): number {
    return this.#heldMs;
  }

  schedule(owner: SimProcess, delayMs: number, run: () => void, isTimer = false): Step {
    const step = { atMs: this.#nowMs + delayMs, order: 0, owner, run, isTimer, isCancelled: false, heldMs: undefined };
    return this.#enqueue(step);
  }

  /** A step that was due in the past happens now, in its old order and before what is due now; urgent ones come first. */
  renew(step: Step, isUrgent: boolean): void {
    step.atMs = this.#nowMs;
    if (isUrgent) step.order -= URGENT;
    this.#steps.push(step);
  }

  /** Runs what is due up to `untilMs`, or until `isDone` says so, which is asked after each step. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    for (let step = this.#steps.peek(); step !== undefined && step.atMs <= untilMs; step = this.#steps.peek()) {
      this.#steps.pop();
      this.#nowMs = Math.max(this.#nowMs, step.atMs);
      if (!step.isCancelled) await this.#take(step);
      if (isDone()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  async #take(step: Step): Promise<void> {
    const { owner } = step;
    if (owner.state === 'dead') return;
    if (owner.state === 'paused') {
      owner.hold(step);
      return;
    }
    this.#current = owner;
    this.#heldMs = step.isTimer ? 0 : (step.heldMs ?? 0);
    try {
      step.run();
    } catch (error) {
      this.#onCrash(owner, error);
    }
    await settled();
    this.#current = this.nobody;
  }

  #enqueue(step: Step): Step {
    this.#order += 1;
    step.order = this.#order;
    this.#steps.push(step);
    return step;
  }
}

/** All promises have gone as far as they can: the queue of ticks goes on only when that of promises is empty. */
function settled(): Promise<void> {
  return new Promise((resolve) => nextTick(resolve));
}

/** A binary heap by time, then by order. */
class StepHeap {
  readonly #items: Step[] = [];

  peek(): Step | undefined {
    return this.#items[0];
  }

  push(step: Step): void {
    const items = this.#items;
    let at = items.push(step) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(step, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = step;
  }

  pop(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child += 1;
      if (!isBefore(items[child]!, last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
  }
}

function isBefore(one: Step, other: Step): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** Milliseconds since 1970 as the processes see it. */
export function epochMs(clock: Clock): number {
  return EPOCH_MS + Math.floor(clock.nowMs);
}
