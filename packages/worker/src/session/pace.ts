/** Runs tasks, so many at a time, in the order in which they came: a lost backend's thousand sessions are not moved at once. */
export class Pace {
  readonly #atOnce: number;
  readonly #onError: (error: unknown) => void;
  #waiting: (() => Promise<void>)[] = [];
  #head = 0;
  #running = 0;

  constructor(atOnce: number, onError: (error: unknown) => void) {
    this.#atOnce = atOnce;
    this.#onError = onError;
  }

  run(task: () => Promise<void>): void {
    this.#waiting.push(task);
    this.#next();
  }

  #next(): void {
    while (this.#running < this.#atOnce && this.#head < this.#waiting.length) {
      const task = this.#waiting[this.#head];
      this.#head += 1;
      if (this.#head === this.#waiting.length) {
        this.#waiting = [];
        this.#head = 0;
      }
      if (task !== undefined) void this.#perform(task);
    }
  }

  async #perform(task: () => Promise<void>): Promise<void> {
    this.#running += 1;
    try {
      await task();
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }
}
