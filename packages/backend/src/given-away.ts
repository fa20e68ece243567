/**
 * Sessions that workers were given, until they say that each has a place. One whose client loses its connection on the way may be
 * claimed by another worker first, and its own worker may die: what it is to go on with is then here and nowhere else.
 */
import type { ClientCounters, Open, SessionCounters, TailEntry } from '@holdfast/protocol';
import type { Attachment, SessionCore } from './session-core.js';
import type { Trunk } from './trunk.js';

export interface Given {
  readonly core: SessionCore;
  /** That its worker was given it on. */
  readonly attachment: Attachment;
  readonly counters: SessionCounters;
  readonly state: string | undefined;
  readonly tail: readonly TailEntry[];
}

/** Outlives slow shared state, and the way to it and back. */
const KEPT_MS = 10_000;
/** Beyond that the oldest are forgotten. Workers ask for a hundred at once and answer within milliseconds. */
const MAX_KEPT = 10_000;

export class GivenAway {
  /** By session id, the oldest first. */
  readonly #kept = new Map<string, Given & { readonly untilMs: number }>();
  readonly #onGone: () => void;

  /** @param onGone of the last of them. */
  constructor(onGone: () => void) {
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#kept.size;
  }

  add(given: Given): void {
    const { id, isPlain } = given.core;
    // Its client cannot come back.
    if (isPlain) return;
    this.#kept.delete(id);
    this.#kept.set(id, { ...given, untilMs: performance.now() + KEPT_MS });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#forget(oldest);
  }

  /** Its worker has closed the stream that it was given on: it has a place, or nobody wants it. */
  onTaken(trunk: Trunk<SessionCore>, stream: number): void {
    for (const [id, { attachment }] of this.#kept) {
      if (attachment.trunk === trunk && attachment.stream === stream) return this.#forget(id);
    }
  }

  /**
   * For a client that comes back to where it was, or a worker that was not told that it was given away; once. undefined: nothing
   * is known of it, or somebody else has had it since.
   */
  takeBack({ session: id, generation, client }: Open): Given | undefined {
    const given = this.#kept.get(id);
    if (given === undefined || generation <= given.core.generation) return undefined;
    if (client !== undefined && !isWithin(client, given)) {
      this.#forget(id);
      return undefined;
    }
    // Not gone: it is about to be here again.
    this.#kept.delete(id);
    return given;
  }

  /** That a worker has not answered, and never will. */
  *of(trunk: Trunk<SessionCore>): Iterable<Given> {
    for (const given of this.#kept.values()) if (given.attachment.trunk === trunk) yield given;
  }

  tick(nowMs: number): void {
    for (const [id, { untilMs }] of this.#kept) {
      if (nowMs < untilMs) return;
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    this.#kept.delete(id);
    if (this.#kept.size === 0) this.#onGone();
  }
}

/** As `Exchange.knows`. */
function isWithin({ received, lowest }: ClientCounters, { counters, core }: Given): boolean {
  return received <= counters.lastDown && lowest - 1 <= Math.max(counters.handled, core.exchange.committed);
}
