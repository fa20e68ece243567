/**
 * What happened in a run: the last entries to read, and a hash over all of them that tells whether two runs were the same.
 * Frames are described only when somebody reads: a run has thousands of them, and nearly no run is read.
 */
export interface TraceEntry {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  readonly detail: (() => string) | undefined;
}

const KEPT = 20_000;

export class Trace {
  readonly #entries: TraceEntry[] = [];
  #hash = 0x811c9dc5;
  #length = 0;

  /** `what` is hashed; `detail` says more to a reader and must not look at anything that changes later. */
  add(entry: TraceEntry): void {
    this.#entries[this.#length % KEPT] = entry;
    this.#length += 1;
    this.#mix(entry.atMs);
    this.#mixText(entry.who);
    this.#mixText(entry.what);
  }

  get length(): number {
    return this.#length;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** The last `count` entries, oldest first, one line each. */
  tail(count: number): readonly string[] {
    const first = Math.max(0, this.#length - Math.min(count, KEPT));
    const lines: string[] = [];
    for (let i = first; i < this.#length; i += 1) {
      const { atMs, who, what, detail } = this.#entries[i % KEPT]!;
      lines.push(
        `${atMs.toFixed(0).padStart(7)} ${who.padEnd(10)} ${what}${detail === undefined ? '' : ` ${detail()}`}`,
      );
    }
    return lines;
  }

  #mixText(text: string): void {
    for (let i = 0; i < text.length; i += 1) this.#mix(text.charCodeAt(i));
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
  }
}
