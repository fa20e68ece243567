/**
 * When to dial a backend again: at once after a trunk that had stood, then 100 ms, 200 ms … 2 s, each between half and the
 * whole of it, so that the workers of a fleet do not knock together. Pure; randomness is passed in.
 */
const FIRST_MS = 100;
const MAX_MS = 2000;
/** A trunk that stood shorter counts as a failed try: a backend that greets and hangs up must not be dialled in a loop. */
const STABLE_AFTER_MS = 1000;

export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A try failed, or a trunk that stood for so long was lost. Answers when to dial again. */
  next(stoodMs: number): number {
    if (stoodMs >= STABLE_AFTER_MS) this.#failures = 0;
    const delayMs = this.#failures === 0 ? 0 : Math.min(MAX_MS, FIRST_MS * 2 ** (this.#failures - 1));
    this.#failures += 1;
    return delayMs * (0.5 + this.#random() / 2);
  }
}
