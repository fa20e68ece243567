/**
 * Listeners by event, with Node's names (`on`, `once`, `off`). Not Node's EventEmitter: a session would inherit forty methods
 * from it, and a listener that throws would throw into whatever was reading a trunk. Here it is reported, and the others
 * are called all the same.
 */

export type Listener<Arguments extends readonly unknown[]> = (...args: Arguments) => unknown;

interface Registration {
  readonly listener: Listener<never>;
  readonly isOnce: boolean;
}

const NOBODY: readonly Registration[] = [];

export class Emitter<Events extends { [K in keyof Events]: readonly unknown[] }> {
  readonly #onThrown: (error: unknown) => void;
  /** Lists are replaced, never changed: an emit that is under way goes on with the one that it began with. */
  #lists: Map<keyof Events, readonly Registration[]> | undefined;

  /** @param onThrown is told what a listener throws, or what its promise is rejected with. */
  constructor(onThrown: (error: unknown) => void) {
    this.#onThrown = onThrown;
  }

  add(event: keyof Events, listener: Listener<never>, isOnce = false): void {
    this.#lists ??= new Map();
    this.#lists.set(event, [...this.#listOf(event), { listener, isOnce }]);
  }

  remove(event: keyof Events, listener: Listener<never>): void {
    const list = this.#listOf(event);
    const at = list.findLastIndex((registration) => registration.listener === listener);
    if (at >= 0) this.#lists?.set(event, list.toSpliced(at, 1));
  }

  has(event: keyof Events): boolean {
    return this.#listOf(event).length > 0;
  }

  /** False when one threw. */
  emit<K extends keyof Events>(event: K, ...args: Events[K]): boolean {
    let isFine = true;
    for (const { listener, isOnce } of this.#listOf(event)) {
      if (isOnce) this.remove(event, listener);
      try {
        const result = listener(...(args as never));
        if (result instanceof Promise) result.catch(this.#onThrown);
      } catch (error) {
        isFine = false;
        this.#onThrown(error);
      }
    }
    return isFine;
  }

  #listOf(event: keyof Events): readonly Registration[] {
    return this.#lists?.get(event) ?? NOBODY;
  }
}
