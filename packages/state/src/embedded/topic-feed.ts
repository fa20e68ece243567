/**
 * TopicFeed: what one worker is told of its topics. Everything of one turn of the event loop goes as one message over the
 * worker's channel, and the next one is sent when the channel has taken the last: what comes meanwhile waits here, where it is
 * counted, and not in the channel, where the watchdog's pings would wait behind it.
 *
 * A worker that does not take what it is sent (it is stopped or overloaded) loses what waits once that is too much, and is told
 * that all its topics are live again as soon as it takes messages again: it then reads what it has missed. Rejected:
 * dropping the oldest only, since a worker that has lost one message of a topic has to read anyway.
 */
import type { PresenceEvent, PresenceMember } from '../topic-bus.js';
import type { TopicMessage } from '../topic-store.js';

/** What the worker gets, for structured clone. */
export interface TopicPush {
  readonly live: readonly string[];
  /** Six values for each: topic, epoch, offset, publishedAtMs, isBinary, data. An object for each would cost a third more. */
  readonly messages: readonly unknown[];
  readonly presence: readonly PresencePush[];
}

export interface PresencePush extends PresenceMember {
  readonly topic: string;
  readonly type: PresenceEvent['type'];
}

export interface TopicFeedOptions {
  /** Calls `onSent` when the channel has taken the push; false when there is nobody to take it. */
  readonly send: (push: TopicPush, onSent: () => void) => boolean;
  /** The worker is about to lose messages: called once until it has caught up. */
  readonly onBehind?: ((waitingBytes: number) => void) | undefined;
  /** What may wait for the worker. @default 67_108_864 (64 MiB) */
  readonly maxBytes?: number;
}

export const VALUES_PER_MESSAGE = 6;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** Neither side's event loop should be held up for long by one message. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** What an entry costs besides its bytes. */
const ENTRY_BYTES = 100;

interface Batch {
  bytes: number;
  readonly live: string[];
  readonly messages: unknown[];
  readonly presence: PresencePush[];
}

export class TopicFeed {
  /** Kept by EmbeddedTopics. */
  readonly topics: Set<string> = new Set();
  readonly #options: TopicFeedOptions;
  readonly #maxBytes: number;
  #waiting: Batch[] = [];
  #waitingBytes = 0;
  /** Of the batch that the channel has not taken yet. */
  #sentBytes = 0;
  #isBehind = false;
  #flush: NodeJS.Immediate | undefined;
  #isClosed = false;

  constructor(options: TopicFeedOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  message(topic: string, epoch: string, message: TopicMessage): void {
    const { offset, publishedAtMs, isBinary, data } = message;
    this.#room(topic.length + data.length)?.messages.push(topic, epoch, offset, publishedAtMs, isBinary, data);
  }

  presence(topic: string, { type, member }: PresenceEvent): void {
    const { id, info } = member;
    this.#room(topic.length + info.length)?.presence.push({ topic, type, id, info });
  }

  live(topic: string): void {
    this.#room(topic.length)?.live.push(topic);
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
    clearImmediate(this.#flush);
  }

  /** The batch that takes so many bytes more; undefined when nothing is taken. */
  #room(payloadBytes: number): Batch | undefined {
    if (this.#isBehind || this.#isClosed) return undefined;
    const bytes = payloadBytes + ENTRY_BYTES;
    if (this.#waitingBytes + this.#sentBytes + bytes > this.#maxBytes) {
      this.#fallBehind();
      return undefined;
    }
    let batch = this.#waiting.at(-1);
    if (batch === undefined || batch.bytes + bytes > MAX_BATCH_BYTES) {
      batch = { bytes: 0, live: [], messages: [], presence: [] };
      this.#waiting.push(batch);
    }
    batch.bytes += bytes;
    this.#waitingBytes += bytes;
    this.#schedule();
    return batch;
  }

  #fallBehind(): void {
    this.#options.onBehind?.(this.#waitingBytes + this.#sentBytes);
    this.#isBehind = true;
    this.#drop();
    // Where nothing was sent yet, nobody else would begin to.
    this.#schedule();
  }

  #drop(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #schedule(): void {
    if (this.#sentBytes > 0) return;
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      this.#sendNext();
    });
  }

  #sendNext(): void {
    if (this.#isBehind) this.#catchUp();
    const batch = this.#waiting.shift();
    if (batch === undefined) return;
    const { bytes, live, messages, presence } = batch;
    this.#waitingBytes -= bytes;
    this.#sentBytes = bytes;
    // Where there is nobody to take it, the worker is gone, and whoever opened this feed is about to close it.
    if (!this.#options.send({ live, messages, presence }, () => this.#onSent())) this.#sentBytes = 0;
  }

  #onSent(): void {
    this.#sentBytes = 0;
    if (this.#isClosed) return;
    // What waits alone is still being filled in this turn.
    if (this.#waiting.length > 1) this.#sendNext();
    else if (this.#waiting.length === 1 || this.#isBehind) this.#schedule();
  }

  #catchUp(): void {
    this.#isBehind = false;
    for (const topic of this.topics) this.live(topic);
  }
}
