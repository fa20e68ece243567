/**
 * Listeners by type, as EventTarget has them (functions and handleEvent objects, once, signal), for events that are plain
 * objects. Not the platform's EventTarget: that costs an Event per message and differs between browsers and Node. A
 * listener that throws is reported like an uncaught error; it stops neither the others nor the session.
 */

export type Listener<E> = ((event: E) => void) | { handleEvent(event: E): void };

export interface ListenerOptions {
  readonly once?: boolean;
  readonly signal?: AbortSignal;
}

interface Registration {
  readonly listener: Listener<never>;
  readonly isOnce: boolean;
}

const NOBODY: readonly Registration[] = [];

export class Emitter<Events> {
  /** What listeners see as `this`. */
  readonly #target: object;
  /** Lists are replaced, never changed: an emit that is under way goes on with the one that it began with. */
  readonly #lists = new Map<keyof Events, readonly Registration[]>();

  constructor(target: object) {
    this.#target = target;
  }

  add<K extends keyof Events>(
    type: K,
    listener: Listener<Events[K]> | null,
    options?: ListenerOptions | boolean,
  ): void {
    const { once = false, signal = undefined } = typeof options === 'object' ? options : {};
    const list = this.#listOf(type);
    if (!listener || signal?.aborted === true || list.some((entry) => entry.listener === listener)) return;
    this.#lists.set(type, [...list, { listener, isOnce: once }]);
    signal?.addEventListener('abort', () => this.remove(type, listener), { once: true });
  }

  remove(type: keyof Events, listener: object | null): void {
    const list = this.#listOf(type);
    this.#lists.set(
      type,
      list.filter((entry) => entry.listener !== listener),
    );
  }

  emit<K extends keyof Events>(type: K, event: Events[K]): void {
    for (const { listener, isOnce } of this.#listOf(type)) {
      if (isOnce) this.remove(type, listener);
      try {
        if (typeof listener === 'function') listener.call(this.#target, event as never);
        else listener.handleEvent(event as never);
      } catch (error) {
        report(error);
      }
    }
  }

  #listOf(type: keyof Events): readonly Registration[] {
    return this.#lists.get(type) ?? NOBODY;
  }
}

function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError) reportError(error);
  else setTimeout(() => thrown(error));
}

function thrown(error: unknown): never {
  throw error;
}
