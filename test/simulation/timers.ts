/**
 * Puts a clock in the place of the global timers, performance.now and Date.now, and puts those back. What product code
 * expects of Node's timers (unref, refresh, Symbol.dispose …) the timers here have.
 */
import { type Clock, epochMs, type Step } from './clock.js';

type Callback = (...args: unknown[]) => void;

class SimTimer {
  readonly #clock: Clock;
  readonly #callback: () => void;
  readonly #delayMs: number;
  readonly #repeats: boolean;
  #step: Step;

  constructor(clock: Clock, callback: () => void, delayMs: number, repeats: boolean) {
    this.#clock = clock;
    this.#callback = callback;
    this.#delayMs = delayMs >= 1 ? Math.trunc(delayMs) : 1;
    this.#repeats = repeats;
    this.#step = this.#arm();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.close();
    this.#step = this.#arm();
    return this;
  }

  close(): this {
    this.#step.isCancelled = true;
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #arm(): Step {
    return this.#clock.schedule(this.#step?.owner ?? this.#clock.current, this.#delayMs, () => this.#fire(), true);
  }

  #fire(): void {
    if (this.#repeats) this.#step = this.#arm();
    this.#callback();
  }
}

class SimImmediate {
  readonly #step: Step;

  constructor(clock: Clock, callback: () => void) {
    this.#step = clock.schedule(clock.current, 0, callback, true);
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  close(): void {
    this.#step.isCancelled = true;
  }
}

/** Answers what puts everything back. */
export function installTimers(clock: Clock): () => void {
  const timer =
    (repeats: boolean) =>
    (callback: Callback, delayMs: number, ...args: unknown[]) =>
      new SimTimer(clock, () => callback(...args), delayMs, repeats);
  const clear = (timer: SimTimer | SimImmediate | undefined): void => void timer?.close();
  const restores = [
    replace(globalThis, {
      setTimeout: timer(false),
      setInterval: timer(true),
      setImmediate: (callback: Callback, ...args: unknown[]) => new SimImmediate(clock, () => callback(...args)),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    }),
    replace(performance, { now: () => clock.nowMs }),
    replace(Date, { now: () => epochMs(clock) }),
  ];
  return () => {
    for (const restore of restores) restore();
  };
}

function replace(target: object, parts: Readonly<Record<string, unknown>>): () => void {
  const before = Object.keys(parts).map((name) => [name, Object.getOwnPropertyDescriptor(target, name)] as const);
  for (const [name, value] of Object.entries(parts)) {
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  }
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, descriptor);
    }
  };
}
