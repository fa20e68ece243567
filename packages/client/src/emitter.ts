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

interface Registration<Type> {
  readonly type: Type;
  readonly listener: Listener<never>;
  readonly once: boolean;
}

export class Emitter<Events extends Record<keyof Events, { readonly type: keyof Events }>> {
  /** What listeners see as `this`. */
  readonly #target: object;
  /** Of all types: few are ever there. Replaced, never changed: an emit that is under way goes on with those that it began with. */
  #all: readonly Registration<keyof Events>[] = [];

  constructor(target: object) {
    this.#target = target;
  }

  add<K extends keyof Events>(
    type: K,
    listener: Listener<Events[K]> | null,
    options?: ListenerOptions | boolean,
  ): void {
    const { once = false, signal }: ListenerOptions = Object(options);
    const isKnown = this.#all.some((entry) => entry.type === type && entry.listener === listener);
    if (!listener || isKnown || signal?.aborted) return;
    this.#all = [...this.#all, { type, listener, once }];
    signal?.addEventListener('abort', () => this.remove(type, listener), { once: true });
  }

  remove(type: keyof Events, listener: object | null): void {
    this.#all = this.#all.filter((entry) => entry.type !== type || entry.listener !== listener);
  }

  emit(event: Events[keyof Events]): void {
    for (const { type, listener, once } of this.#all) {
      if (type === event.type) {
        if (once) this.remove(type, listener);
        this.#call(listener, event as never);
      }
    }
  }

  #call(listener: Listener<never>, event: never): void {
    try {
      if (typeof listener === 'function') listener.call(this.#target, event);
      else listener.handleEvent(event);
    } catch (error) {
      setTimeout(() => {
        throw error;
      });
    }
  }
}
