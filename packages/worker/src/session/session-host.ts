/**
 * What a session needs of its worker: a clock that costs nothing, and somebody who decides. It keeps one reference to all of
 * it and no closures, which is what keeps a hundred thousand idle ones small.
 */
import type { Handoff, HeldTopic, Hello, TailEntry } from '@holdfast/protocol';
import type { WorkerTopics } from '../topic/worker-topics.js';
import type { BoundName, TrafficCounts } from '../observe/traffic.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import type { RunWriter } from './run-writer.js';
import type { SessionEnd, SessionOrigin, SessionRoute } from './session-end.js';

/** What is known of a session when its client comes in. */
export interface SessionStart {
  readonly pool: Pool;
  readonly route: SessionRoute;
  readonly isPlain: boolean;
  /** JSON of path, query, headers and address, for the backend. */
  readonly request: string;
  readonly origin: SessionOrigin;
}

/** `S`: the session. */
export interface SessionHost<S> {
  /**
   * Of performance.now, as of the last tick of the wheel. Whole ms: V8 keeps small whole numbers (here 24 days) in the object
   * that has them, and makes one of 16 bytes for any other.
   */
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly writer: RunWriter;
  countsOf(session: S, backend: Backend): TrafficCounts;
  boundHit(bound: BoundName): void;
  readonly topics: Pick<WorkerTopics, 'onClientFrame' | 'onBackendFrame' | 'onDropped' | 'onWritable'>;
  /** `held`: topics that its client says it hears. */
  onHello(session: S, hello: Hello, held: readonly HeldTopic[]): void;
  /** Refreshed credentials. */
  onAuth(session: S, auth: string): void;
  onHandedOff(session: S, handedOff: HandedOff): void;
  onStreamLost(session: S): void;
  onEnded(session: S, end: SessionEnd): void;
}

/** What a backend gives back when it is asked to hand a session over. */
export interface HandedOff {
  readonly handoff: Handoff;
  readonly tail: readonly TailEntry[];
  /** Tells the backend that the session has a place, or needs none: until then it is kept there too. */
  readonly release: () => void;
}
