/**
 * One iteration over a subscription: a bounded queue between the socket, which does not wait, and a loop that does. When it is
 * full the oldest goes, and the loop is told so by a `gap` in front of what is left. Not the newest: whoever is late wants to
 * catch up with now. Not an error: a loop that ends for being slow once would have to be written twice.
 */
import type { ClientError } from './errors.js';
import type { TopicGap, TopicMessage } from './topic-events.js';

/** Messages and gaps that wait for the loop. */
export const MAX_WAITING = 1000;

export type TopicItem = TopicMessage | TopicGap;
type Next = IteratorResult<TopicItem, undefined>;

interface Waiting {
  readonly resolve: (next: Next) => void;
  readonly reject: (error: ClientError) => void;
}

const DONE: Next = { done: true, value: undefined };

export class TopicReader implements AsyncIterator<TopicItem, undefined> {
  readonly #onReturn: (reader: TopicReader) => void;
  #items: TopicItem[] = [];
  /** Before the first of `#items`. */
  #overflow: TopicGap | undefined;
  /** Calls of `next` that found nothing. There is one, if it is a loop. */
  #waiting: Waiting[] = [];
  #isEnded = false;
  #error: ClientError | undefined;

  constructor(onReturn: (reader: TopicReader) => void) {
    this.#onReturn = onReturn;
  }

  next(): Promise<Next> {
    const value = this.#take();
    if (value) return Promise.resolve({ done: false, value });
    if (!this.#isEnded) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const error = this.#error;
    this.#error = undefined;
    return error ? Promise.reject(error) : Promise.resolve(DONE);
  }

  /** The loop was left. */
  return(): Promise<Next> {
    this.#items = [];
    this.#overflow = undefined;
    this.end();
    this.#onReturn(this);
    return Promise.resolve(DONE);
  }

  push(item: TopicItem): void {
    if (this.#isEnded) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting.resolve({ done: false, value: item });
    this.#items.push(item);
    if (this.#items.length <= MAX_WAITING) return;
    const { topic, offset } = this.#items.shift() as TopicItem;
    this.#overflow = { type: 'gap', topic, offset, cause: 'overflow' };
  }

  /** What came is still given; then the loop ends, or fails with the error. */
  end(error?: ClientError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const [first, ...others] = this.#waiting;
    this.#waiting = [];
    if (error && !first) this.#error = error;
    else if (error) first?.reject(error);
    else first?.resolve(DONE);
    for (const { resolve } of others) resolve(DONE);
  }

  #take(): TopicItem | undefined {
    const overflow = this.#overflow;
    this.#overflow = undefined;
    return overflow ?? this.#items.shift();
  }
}
