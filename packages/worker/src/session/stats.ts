/**
 * What sessions count while they work, as plain numbers: observe/session-metrics.ts makes metrics of them. Bounded by
 * configuration (pools) and by the words below, never by clients.
 */
import { Counter } from '../observe/traffic.js';

/** How a client's hello ended. */
export type EntryOutcome =
  | 'connected'
  | 'resumed'
  /** Resumed at another backend: its own is gone. */
  | 'restored'
  /** It asked for a session that nobody has any more, and got a new one. */
  | 'renewed'
  | 'badCredentials'
  | 'forbidden'
  | 'badToken'
  | 'unavailable'
  | 'overloaded'
  | 'failed';

export type RehomeCause = 'return' | 'handoff' | 'failover';
export type RehomeOutcome = 'done' | 'fenced' | 'left' | 'gaveUp' | 'closed';

export interface RehomeTimes {
  observe(labels: { readonly pool: string; readonly cause: RehomeCause }, seconds: number): void;
}

export class SessionStats {
  readonly entries: Counter = new Counter();
  readonly rehomes: Counter = new Counter();
  /** Sessions that were told to go to another balancer, or moved to another backend, because theirs had too many. */
  readonly rebalanced: Counter = new Counter();
  /** Set by whoever keeps a histogram. */
  rehomeTimes: RehomeTimes | undefined;

  entered(pool: string, outcome: EntryOutcome): void {
    this.entries.add({ pool, outcome });
  }

  rehomed(pool: string, cause: RehomeCause, tookMs: number): void {
    this.rehomes.add({ pool, cause, outcome: 'done' satisfies RehomeOutcome });
    this.rehomeTimes?.observe({ pool, cause }, tookMs / 1000);
  }

  notRehomed(pool: string, cause: RehomeCause, outcome: RehomeOutcome): void {
    this.rehomes.add({ pool, cause, outcome });
  }
}
