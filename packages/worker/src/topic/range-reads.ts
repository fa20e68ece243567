/** Ranges of messages, read from the store: so many at a time, the others in the order in which they were wanted. */
import { MAX_READ_MESSAGES, type ReadTopic, type TopicPage, type TopicStore } from '@holdfast/state';

/** After an interruption every topic that was busy has a gap. The store answers others besides. */
const MAX_AT_ONCE = 32;

/** `since`: messages after it, or before it and newest first when `isReverse`. */
export type Range = Pick<ReadTopic, 'since' | 'limit' | 'isReverse'>;

export interface RangeOf {
  readonly name: string;
  readonly rule: { readonly history: { readonly ageMs: number } };
}

export class RangeReads {
  readonly #store: Pick<TopicStore, 'read'>;
  readonly #onRead: () => void;
  readonly #queue: (() => void)[] = [];
  #inFlight = 0;

  constructor(store: Pick<TopicStore, 'read'>, onRead: () => void) {
    this.#store = store;
    this.#onRead = onRead;
  }

  async read({ name, rule }: RangeOf, { since, limit, isReverse }: Range): Promise<TopicPage> {
    if (this.#inFlight >= MAX_AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#inFlight += 1;
    this.#onRead();
    try {
      const { ageMs } = rule.history;
      const atMost = Math.min(limit, MAX_READ_MESSAGES);
      return await this.#store.read({ topic: name, since, limit: atMost, isReverse, ageMs });
    } finally {
      this.#inFlight -= 1;
      this.#queue.shift()?.();
    }
  }
}
