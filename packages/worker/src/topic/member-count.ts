/**
 * How many members a topic has: asked for once when the first client watches it, and counted on by the events that every
 * watcher is told. About right: what changes while it is asked for may be counted twice, or not.
 */
export class MemberCount {
  readonly #ask: () => Promise<number>;
  #state: 'unknown' | 'asked' | 'failed' | number = 'unknown';
  #asking: Promise<void> | undefined;

  constructor(ask: () => Promise<number>) {
    this.#ask = ask;
  }

  /** Neither known, nor was it in vain to ask. */
  get isUnknown(): boolean {
    return this.#state === 'unknown' || this.#state === 'asked';
  }

  get count(): number | undefined {
    return typeof this.#state === 'number' ? this.#state : undefined;
  }

  /** Settles when it is known, or cannot be. */
  load(): Promise<void> {
    this.#state = 'asked';
    return (this.#asking ??= this.#load());
  }

  onChange(type: 'join' | 'leave'): void {
    if (typeof this.#state === 'number') this.#state = Math.max(0, this.#state + (type === 'join' ? 1 : -1));
  }

  /** Nobody watches: what it was is not worth keeping true. */
  forget(): void {
    this.#state = 'unknown';
  }

  async #load(): Promise<void> {
    try {
      this.#state = await this.#ask();
    } catch {
      this.#state = 'failed';
    } finally {
      this.#asking = undefined;
    }
  }
}
