/**
 * EmbeddedStore: everything that the workers of one machine share, in the memory of the supervisor. One store per concern,
 * each synchronous and bounded; handleCall (server.ts) is how workers reach them.
 */
import { EmbeddedAffinity } from './affinity-store.js';
import { EmbeddedLeases } from './lease-store.js';
import { EmbeddedSessions } from './session-store.js';

export interface EmbeddedStoreOptions {
  /** Affinities kept; one more evicts the least recently claimed. About 200 bytes each. @default 1_000_000 */
  readonly maxEntries?: number;
  /** Sessions kept; one more evicts the one that changed longest ago. About 1 kB each. @default 200_000 */
  readonly maxSessions?: number;
  /** Bytes of parked tails and application state of all sessions together. @default 268_435_456 (256 MiB) */
  readonly maxSessionBytes?: number;
}

export interface EmbeddedStoreStats {
  /** Affinities, expired ones that no sweep has reached yet included. */
  readonly entries: number;
  /** Live affinities thrown out because the store was full, since the start. */
  readonly evicted: number;
  /** As `entries`. */
  readonly sessions: number;
  /** As `evicted`. */
  readonly sessionsEvicted: number;
  /** Of parked tails and application state. */
  readonly sessionBytes: number;
}

const DEFAULT_MAX_ENTRIES = 1_000_000;
const DEFAULT_MAX_SESSIONS = 200_000;
const DEFAULT_MAX_SESSION_BYTES = 256 * 1024 * 1024;

export class EmbeddedStore {
  readonly affinity: EmbeddedAffinity;
  readonly sessions: EmbeddedSessions;
  readonly leases: EmbeddedLeases;

  constructor(options: EmbeddedStoreOptions = {}) {
    this.affinity = new EmbeddedAffinity(options.maxEntries ?? DEFAULT_MAX_ENTRIES);
    this.sessions = new EmbeddedSessions({
      maxSessions: options.maxSessions ?? DEFAULT_MAX_SESSIONS,
      maxBytes: options.maxSessionBytes ?? DEFAULT_MAX_SESSION_BYTES,
    });
    this.leases = new EmbeddedLeases();
  }

  get stats(): EmbeddedStoreStats {
    return {
      entries: this.affinity.entries,
      evicted: this.affinity.evicted,
      sessions: this.sessions.entries,
      sessionsEvicted: this.sessions.evicted,
      sessionBytes: this.sessions.bytes,
    };
  }

  close(): void {
    this.affinity.close();
    this.sessions.close();
    this.leases.close();
  }
}
