/**
 * The two sides of a choice: what a strategy sees of a backend, and what the pool asks of a strategy. Candidates
 * are set when the pool changes and never during a pick, and the arguments of a pick are positional, so that a
 * pick allocates nothing.
 */
export interface Candidate {
  readonly id: string;
  /** Configured share, above 0. */
  readonly weight: number;
  /** Connections and requests in flight on this machine. */
  readonly load: number;
  /** The weight that counts at this moment: below `weight` while a slow start lasts, never 0. */
  share(nowMs: number): number;
}

export interface Strategy<C extends Candidate> {
  setCandidates(candidates: readonly C[]): void;
  /** undefined only when every candidate is excluded, or there is none. `hashKey` matters to the hashing ones only. */
  pick(nowMs: number, exclude: ReadonlySet<C> | undefined, hashKey: string | undefined): C | undefined;
}
