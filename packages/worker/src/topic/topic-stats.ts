/**
 * What topics count while they work, as plain numbers: topic-metrics.ts makes metrics of them. Bounded by the words below, never
 * by topics: a name is a client's to choose.
 */
import { type BoundName, Counter } from '../observe/traffic.js';

export type PublishSource = 'backend' | 'client' | 'admin';
export type PublishOutcome = 'published' | 'repeated' | 'forbidden' | 'invalid' | 'limit' | 'size' | 'unavailable';

export class TopicStats {
  readonly published: Counter = new Counter();
  readonly delivered: { sdk: number; plain: number } = { sdk: 0, plain: 0 };
  /** Clients that were sent nothing more because they read too slowly. */
  dropped = 0;
  readonly repairs: { repaired: number; lost: number } = { repaired: 0, lost: 0 };
  readonly recoveries: { recovered: number; lost: number } = { recovered: 0, lost: 0 };
  rangeReads = 0;
  /** Set by whoever keeps a histogram: seconds from the store's clock to this one's. */
  observeLag: ((seconds: number) => void) | undefined;
  readonly #boundHit: (bound: BoundName) => void;

  constructor(boundHit: (bound: BoundName) => void) {
    this.#boundHit = boundHit;
  }

  boundHit(bound: BoundName): void {
    this.#boundHit(bound);
  }

  onPublish(source: PublishSource, outcome: PublishOutcome): void {
    this.published.add({ source, outcome });
  }

  recovered(isRecovered: boolean): void {
    this.recoveries[isRecovered ? 'recovered' : 'lost'] += 1;
  }
}
