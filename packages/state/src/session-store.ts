/**
 * SessionStore: what is known of a session outside the connection that carries it: one record, and one parked tail
 * while its client is away. Written when a session begins, changes hands, is parked, commits or ends; never per message.
 *
 * Generations are the fence. Each claim (create, resume, rebind) makes somebody the owner and raises the generation;
 * whoever holds a lower one is refused from then on. A *higher* one than the stored is believed and stored: the store has
 * then forgotten a claim (a replica was promoted, an outage was lived through), and its holder is right.
 *
 * Every call may be repeated when its answer was lost: a second resume or rebind is another claim, the rest settles to
 * the same. Rejected: a lock with a lease per session, which would need a refresh per session for ever.
 */
export interface SessionStore {
  /** Writes a new session down, with generation 1. One that exists already stays as it is: 'taken'. See `minGeneration`. */
  create(session: NewSession): Promise<CreateOutcome>;
  /**
   * A client came back: generation = max(stored, hint) + 1, the worker is the asking one; the backend stays. Somebody
   * else's session is 'forbidden' and changes in nothing, its generation included.
   */
  resume(request: ResumeRequest): Promise<ResumeOutcome>;
  /** Moves the session to another backend and raises its generation. Refused when somebody has claimed it since. */
  rebind(request: RebindRequest): Promise<RebindOutcome>;
  /**
   * Appends to the parked tail and replaces the parked counters; the first park of a generation begins a new tail.
   * Entries that are parked already are skipped, and a repeat that comes late changes nothing. Over MAX_TAIL_ENTRIES or
   * MAX_TAIL_BYTES nothing of the call is written: 'full'. Rejected with STATE_INVALID_ARGUMENT when entries are missing
   * between the parked ones and these: a tail never has a hole.
   */
  park(request: ParkRequest): Promise<ParkOutcome>;
  /** What the record's `parked.generation` has parked, in order, above the number `after`; empty when there is nothing. */
  readTail(sessionId: string, after: number): Promise<readonly TailEntry[]>;
  /** A checkpoint: state and handled number together. A handled number that goes back is 'fenced': an older owner speaks. */
  commit(request: CommitRequest): Promise<CommitOutcome>;
  lookup(sessionId: string): Promise<SessionRecord | undefined>;
  /** The session has ended: record and tail are gone. Refused for a generation below the stored one. */
  remove(sessionId: string, generation: number): Promise<RemoveOutcome>;
}

export interface NewSession {
  readonly sessionId: string;
  readonly pool: string;
  /** Hash of whom the session belongs to; '' when it belongs to nobody in particular. */
  readonly principal: string;
  readonly backendId: string;
  readonly backendIncarnation: string;
  /** The worker's incarnation. */
  readonly workerId: string;
  readonly ttlMs: number;
  /**
   * A session that lived through an outage is written down with the generation that it has by now. A stored lower one is
   * overwritten and what was parked for it dropped (it is older than what the session has lived since), the checkpoint stays;
   * a stored higher one is 'taken'; the same one is 'created' for the owner that it names, and 'taken' for everybody else.
   */
  readonly minGeneration?: number | undefined;
}

export interface ResumeRequest {
  readonly sessionId: string;
  readonly principal: string;
  readonly workerId: string;
  readonly ttlMs: number;
  /** From the signed token: the claim stays above it even where the store has forgotten the last claims. */
  readonly hint: { readonly generation: number };
}

export interface RebindRequest {
  readonly sessionId: string;
  /** The generation that the asking worker holds. */
  readonly expectedGeneration: number;
  readonly backendId: string;
  readonly backendIncarnation: string;
  readonly workerId: string;
  readonly ttlMs: number;
}

export interface ParkRequest {
  readonly sessionId: string;
  readonly generation: number;
  /** Numbers rise by one from entry to entry. */
  readonly entries: readonly TailEntry[];
  readonly counters: ParkedCounters;
  /** Record and tail live this long from now. */
  readonly windowMs: number;
}

export interface CommitRequest {
  readonly sessionId: string;
  readonly generation: number;
  readonly handled: number;
  readonly state: string;
  /** The record lives this long from now, unless this generation has parked it: then the window goes on. */
  readonly ttlMs: number;
}

/** Within a generation none of them ever goes back. */
export interface ParkedCounters {
  /** Highest number of the client's that its handler is done with. */
  readonly handled: number;
  /** Highest number of the client's that has arrived. */
  readonly received: number;
  /** Highest number that was given to a message to the client. */
  readonly lastDown: number;
  /** Highest number that the client has acknowledged. */
  readonly ackedDown: number;
  /** The backend handed everything over and forgets the session. */
  readonly isComplete: boolean;
  /** Application state; undefined when the backend keeps none. */
  readonly state: string | undefined;
}

export interface TailEntry {
  /** The message's number, from 1. */
  readonly n: number;
  readonly isBinary: boolean;
  readonly data: Uint8Array;
}

export interface SessionRecord {
  readonly sessionId: string;
  readonly pool: string;
  readonly principal: string;
  readonly backendId: string;
  readonly backendIncarnation: string;
  readonly workerId: string;
  readonly generation: number;
  readonly checkpoint: Checkpoint | undefined;
  /** Stays when the session is claimed: whether it is still of use is for the claimant to judge by its generation. */
  readonly parked: Parked | undefined;
}

export interface Checkpoint {
  readonly handled: number;
  readonly state: string;
}

export interface Parked extends ParkedCounters {
  /** Of the owner who parked. */
  readonly generation: number;
}

export type CreateOutcome = 'created' | 'taken';
export type ParkOutcome = 'parked' | 'fenced' | 'unknown' | 'full';
export type CommitOutcome = 'committed' | 'fenced' | 'unknown';
export type RemoveOutcome = 'removed' | 'fenced' | 'unknown';

export type ResumeOutcome =
  /** `previousGeneration`: the stored one before this claim. `record` is as of after it. */
  | {
      readonly kind: 'resumed';
      readonly generation: number;
      readonly previousGeneration: number;
      readonly record: SessionRecord;
    }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'forbidden' };

export type RebindOutcome =
  | { readonly kind: 'rebound'; readonly generation: number; readonly record: SessionRecord }
  /** `generation`: the stored one, which is higher than the expected. */
  | { readonly kind: 'fenced'; readonly generation: number }
  | { readonly kind: 'unknown' };

/** Bounds of one parked tail: what the session protocol parks for a client that is away. */
export const MAX_TAIL_ENTRIES = 1000;
export const MAX_TAIL_BYTES: number = 1024 * 1024;
/** Application state, of a checkpoint or a park, in bytes of UTF-8: it is written in one piece. */
export const MAX_STATE_BYTES: number = 64 * 1024;
export const MAX_PRINCIPAL_BYTES = 128;
/** Of session ids, incarnations of backends and workers, and leases, in bytes of UTF-8. */
export const MAX_ID_BYTES = 128;
/** One claim a microsecond would take a century to get here: a higher one was never counted. */
export const MAX_GENERATION: number = 2 ** 52;
/** What a claim leaves a tail to live at least: its claimant is about to read it. */
export const TAIL_GRACE_MS = 60_000;
