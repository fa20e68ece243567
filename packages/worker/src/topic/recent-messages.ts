/**
 * The last messages of a topic, as clients are sent them: a run without gaps that ends where the topic is. Made when the
 * first client comes back and misses something, so that a thousand others who missed the same cost the store nothing more; a
 * topic whose clients never come back has none.
 *
 * It begins empty at the position of the moment and grows at both ends: behind by what is published, in front by what was
 * read. So nothing has to wait for the read, and nothing that came meanwhile is lost.
 */
import { encodeTopicMessage } from '@holdfast/protocol';
import { MAX_READ_MESSAGES, type TopicMessage } from '@holdfast/state';

export interface RecentFrame {
  readonly offset: number;
  readonly isBinary: boolean;
  /** As SDK clients get it. */
  readonly bytes: Uint8Array;
}

/** Clients that miss more, of either, are not caught up: it is what one read of the store gives. */
export const MAX_RECENT_MESSAGES: number = MAX_READ_MESSAGES;
export const MAX_RECENT_BYTES: number = 1024 * 1024;

export class RecentMessages {
  readonly #frames: RecentFrame[] = [];
  #bytes = 0;
  #last: number;
  #isWhole = false;

  /** @param offset of the topic, now. */
  constructor(offset: number) {
    this.#last = offset;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All after this one is here. */
  get base(): number {
    return this.#last - this.#frames.length;
  }

  /** It will never reach further back: the store keeps no more, or there was no room for more. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** The next one was published. */
  push(frame: RecentFrame): void {
    this.#frames.push(frame);
    this.#last = frame.offset;
    this.#bytes += frame.bytes.length;
    while (this.#frames.length > MAX_RECENT_MESSAGES || this.#bytes > MAX_RECENT_BYTES) this.#forgetOldest();
  }

  /**
   * Older ones, in order; taken from the end as far as they reach this run, and fit.
   * @param wanted how many were asked for.
   */
  prepend(frames: readonly RecentFrame[], wanted: number): void {
    const older: RecentFrame[] = [];
    let room = MAX_RECENT_MESSAGES - this.#frames.length;
    let expected = this.base;
    for (let i = frames.length - 1; i >= 0 && room > 0; i -= 1) {
      const frame = frames[i];
      if (frame === undefined || frame.offset > expected) continue;
      if (frame.offset < expected || this.#bytes + frame.bytes.length > MAX_RECENT_BYTES) break;
      older.push(frame);
      this.#bytes += frame.bytes.length;
      expected -= 1;
      room -= 1;
    }
    this.#frames.unshift(...older.toReversed());
    if (older.length < wanted) this.#isWhole = true;
  }

  /** Everything after `offset`; undefined: it does not reach so far back, or ends before. */
  after(offset: number): readonly RecentFrame[] | undefined {
    if (offset < this.base || offset > this.#last) return undefined;
    return this.#frames.slice(offset - this.base);
  }

  #forgetOldest(): void {
    const oldest = this.#frames.shift();
    if (oldest !== undefined) this.#bytes -= oldest.bytes.length;
    this.#isWhole = true;
  }
}

export function frameOf(topic: string, message: TopicMessage): RecentFrame {
  const { offset, isBinary } = message;
  return { offset, isBinary, bytes: encodeTopicMessage(topic, message) };
}
