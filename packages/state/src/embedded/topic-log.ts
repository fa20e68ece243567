/**
 * TopicLog: the kept messages of one topic. Offsets have no gaps, so that an offset says where its message stands, and
 * times never go back, so that what is too old is always at the front. The front is cut off by moving a mark, and the array is made anew
 * when half of it lies before the mark: a shift() per message moves the whole array once it is large.
 */
import { MAX_READ_BYTES, type ReadTopic, type TopicMessage } from '../topic-store.js';

/** What a message costs besides its bytes, so that empty ones count. */
const MESSAGE_OVERHEAD_BYTES = 128;
const MIN_COMPACTED = 64;

type Slice = Pick<ReadTopic, 'since' | 'limit' | 'isReverse'> & { readonly notBefore: number };

export class TopicLog {
  #messages: TopicMessage[] = [];
  /** Of the oldest message in `#messages`. */
  #head = 0;
  #bytes = 0;

  get length(): number {
    return this.#messages.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get newest(): TopicMessage | undefined {
    return this.#messages.at(-1);
  }

  /** `message` follows the newest. */
  add(message: TopicMessage): void {
    this.#messages.push(message);
    this.#bytes += bytesOf(message);
  }

  dropOldest(): void {
    const oldest = this.#messages[this.#head];
    if (oldest === undefined) return;
    this.#bytes -= bytesOf(oldest);
    this.#head += 1;
    if (this.#head >= MIN_COMPACTED && this.#head * 2 >= this.#messages.length) this.#compact();
  }

  dropBefore(time: number): void {
    for (let oldest = this.#messages[this.#head]; oldest !== undefined; oldest = this.#messages[this.#head]) {
      if (oldest.publishedAtMs >= time) return;
      this.dropOldest();
    }
    this.clear();
  }

  clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  /** Lowest offset that is not older; undefined when none is. */
  firstOffset(notBefore: number): number | undefined {
    return this.#messages[this.#indexAt(notBefore)]?.offset;
  }

  read({ since, limit, isReverse, notBefore }: Slice): readonly TopicMessage[] {
    const first = this.#indexAt(notBefore);
    return isReverse ? this.#backwards(first, since, limit) : this.#forwards(first, since, limit);
  }

  #forwards(first: number, since: number | undefined, limit: number): readonly TopicMessage[] {
    const page = new Page(limit);
    const from = since === undefined ? first : Math.max(first, this.#indexOf(since + 1));
    for (let i = from; i < this.#messages.length; i += 1) {
      if (!page.takes(this.#messages[i] as TopicMessage)) break;
    }
    return page.messages;
  }

  #backwards(first: number, since: number | undefined, limit: number): readonly TopicMessage[] {
    const page = new Page(limit);
    const newest = this.#messages.length - 1;
    const from = since === undefined ? newest : Math.min(newest, this.#indexOf(since - 1));
    for (let i = from; i >= first; i -= 1) {
      if (!page.takes(this.#messages[i] as TopicMessage)) break;
    }
    return page.messages;
  }

  /** May lie outside of what there is. */
  #indexOf(offset: number): number {
    const oldest = this.#messages[this.#head];
    return oldest === undefined ? this.#head : this.#head + offset - oldest.offset;
  }

  /** Of the first message that is not older; where the next one will stand when all are. */
  #indexAt(time: number): number {
    let low = this.#head;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#messages[middle] as TopicMessage).publishedAtMs < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compact(): void {
    this.#messages = this.#messages.slice(this.#head);
    this.#head = 0;
  }
}

class Page {
  readonly messages: TopicMessage[] = [];
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  takes(message: TopicMessage): boolean {
    if (this.messages.length === this.#limit) return false;
    this.#bytes += message.data.length;
    if (this.#bytes > MAX_READ_BYTES && this.messages.length > 0) return false;
    this.messages.push(message);
    return true;
  }
}

function bytesOf({ data }: TopicMessage): number {
  return data.length + MESSAGE_OVERHEAD_BYTES;
}
