/**
 * A client on topics, and its session, for tests: follows the rules that PROTOCOL.md gives clients, and complains about
 * everything that a worker must not do to it. Its positions outlive its connections.
 */
import {
  decodeTopicText,
  readLagging,
  readSubscribed,
  readTopic,
  type Subscribed,
  type TopicPosition,
} from '@holdfast/protocol';
import type { SessionTopics } from '../session-topics.js';
import type { Broadcast } from '../broadcast.js';
import type { BackendAnswer, TopicSession } from '../session-topics.js';

export class FakeBroadcast implements Broadcast {
  readonly listeners: Map<string, Set<FakeSession>> = new Map();

  publish(channel: string, frame: Uint8Array | string, isBinary: boolean): void {
    for (const session of this.listeners.get(channel) ?? []) session.arrive(frame, isBinary);
  }
}

export interface FakeSessionOptions {
  readonly id: string;
  readonly broadcast: FakeBroadcast;
  readonly isPlain?: boolean;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly onFrame?: (frame: Uint8Array | string, isBinary: boolean) => void;
  readonly onDropped?: (session: FakeSession) => void;
  readonly backend?: (body: object) => Promise<BackendAnswer>;
}

export class FakeSession implements TopicSession {
  readonly id: string;
  readonly isPlain: boolean;
  readonly resumeWindowMs = 120_000;
  readonly identity: TopicSession['identity'];
  isOver = false;
  topics: SessionTopics | undefined;
  closed: { readonly code: number; readonly reason: string } | undefined;
  isEndedSlow = false;
  /** Texts as they are. */
  readonly received: string[] = [];
  /** Frames that are dropped before one is taken again. */
  toDrop = 0;
  bufferedBytes = 0;
  readonly bufferBytes: number = 256 * 1024;
  readonly #options: FakeSessionOptions;

  constructor(options: FakeSessionOptions) {
    this.#options = options;
    this.id = options.id;
    this.isPlain = options.isPlain ?? false;
    this.identity = { principal: 'ada', claims: options.claims };
  }

  /** The connection is gone; the worker is told by whoever made it. */
  vanish(): void {
    this.isOver = true;
    for (const listeners of this.#options.broadcast.listeners.values()) listeners.delete(this);
  }

  arrive(frame: Uint8Array | string, isBinary: boolean): void {
    if (this.isOver) return;
    if (this.toDrop > 0) {
      this.toDrop -= 1;
      this.#options.onDropped?.(this);
      return;
    }
    this.received.push(typeof frame === 'string' ? frame : Buffer.from(frame).toString());
    this.#options.onFrame?.(frame, isBinary);
  }

  askBackend(body: object): Promise<BackendAnswer> {
    return this.#options.backend?.(body) ?? Promise.resolve({ ok: false, error: 'lost', retryable: true });
  }

  send(frame: string): void {
    this.arrive(frame, false);
  }

  sendTopicFrame(frame: Uint8Array, isBinary: boolean): void {
    this.arrive(frame, isBinary);
  }

  cork(writes: () => void): void {
    writes();
  }

  listen(channel: string): void {
    const listeners = this.#options.broadcast.listeners.get(channel) ?? new Set();
    this.#options.broadcast.listeners.set(channel, listeners.add(this));
  }

  unlisten(channel: string): void {
    this.#options.broadcast.listeners.get(channel)?.delete(this);
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
    this.vanish();
  }

  endSlow(): void {
    this.isEndedSlow = true;
    this.vanish();
  }

  /** Bodies of control frames of a kind. */
  controls(kind: string): readonly Readonly<Record<string, unknown>>[] {
    return this.received
      .filter((frame) => frame.startsWith(`${kind}{`))
      .map((frame) => JSON.parse(frame.slice(1)) as Record<string, unknown>);
  }
}

/** In place of an epoch. */
export const UNSURE = '?';

interface Heard {
  position: TopicPosition | undefined;
  isAsking: boolean;
  /** Something was dropped on the way, and it has not been told where it is since. */
  mayHaveGap: boolean;
  /** The worker was asked, with a position. */
  since: TopicPosition | undefined;
}

export interface FakeSubscriberOptions {
  readonly name: string;
  /** `s`, as the worker is to get it. */
  readonly ask: (topic: string, since: TopicPosition | undefined) => void;
}

/** What the application sees. */
export class FakeSubscriber {
  readonly name: string;
  readonly accepted: string[] = [];
  readonly complaints: string[] = [];
  lost = 0;
  readonly heard: Map<string, Heard> = new Map();
  readonly #ask: FakeSubscriberOptions['ask'];

  constructor({ name, ask }: FakeSubscriberOptions) {
    this.name = name;
    this.#ask = ask;
  }

  subscribe(topic: string): void {
    const heard = this.heard.get(topic) ?? {
      position: undefined,
      isAsking: false,
      mayHaveGap: false,
      since: undefined,
    };
    this.heard.set(topic, heard);
    this.#askAgain(topic, heard);
  }

  unsubscribe(topic: string): void {
    this.heard.delete(topic);
  }

  /** On a new connection. */
  comeBack(): void {
    for (const [topic, heard] of this.heard) this.#askAgain(topic, heard);
  }

  onDropped(): void {
    for (const heard of this.heard.values()) heard.mayHaveGap = true;
  }

  onFrame(frame: Uint8Array | string): void {
    const text = Buffer.from(frame).toString();
    if (text.startsWith('d')) return this.#onMessage(text);
    const body = JSON.parse(text.slice(1)) as Record<string, unknown>;
    if (text.startsWith('s')) {
      const subscribed = readSubscribed(body);
      if ('error' in subscribed) this.complaints.push(`refused: ${subscribed.error}`);
      else this.#onSubscribed(subscribed);
    } else if (text.startsWith('l')) {
      for (const topic of readLagging(body)) {
        const heard = this.heard.get(topic);
        if (heard !== undefined) this.#askAgain(topic, heard);
      }
    } else this.complaints.push(`unexpected ${text[0] ?? ''} of ${readTopic(body)}`);
  }

  #onMessage(text: string): void {
    const { topic, offset, data } = decodeTopicText(text);
    const heard = this.heard.get(topic);
    // It left, and this was on the way.
    if (heard?.position === undefined) return;
    const expected = heard.position.offset + 1;
    if (offset < expected) return;
    if (offset > expected) {
      if (!heard.mayHaveGap) this.complaints.push(`${topic}: expected ${expected}, got ${offset}`);
      if (!heard.isAsking) this.#askAgain(topic, heard);
      return;
    }
    // What was dropped may have been the word of another epoch: it is told soon, since it fell behind.
    const epoch = heard.mayHaveGap ? UNSURE : heard.position.epoch;
    heard.position = { epoch: heard.position.epoch, offset };
    this.accepted.push(`${topic} ${epoch} ${offset} ${String(data)}`);
  }

  #onSubscribed({ topic, epoch, offset, recovered }: Subscribed): void {
    const heard = this.heard.get(topic);
    if (heard === undefined) return;
    const { position } = heard;
    const isSame = position?.epoch === epoch;
    if (recovered && (!isSame || heard.since?.offset !== offset)) {
      this.complaints.push(`${topic}: recovered at ${epoch} ${offset}, asked from ${JSON.stringify(heard.since)}`);
    }
    if (!recovered && isSame && offset < position.offset) {
      this.complaints.push(`${topic}: sent back from ${position.offset} to ${offset}`);
    }
    if (!recovered && heard.since !== undefined) this.lost += 1;
    // Of what came while it waited for the answer, some may come again.
    heard.position = { epoch, offset: recovered ? Math.max(offset, position?.offset ?? 0) : offset };
    heard.isAsking = heard.mayHaveGap = false;
    heard.since = undefined;
  }

  #askAgain(topic: string, heard: Heard): void {
    heard.isAsking = true;
    heard.since = heard.position;
    this.#ask(topic, heard.position);
  }
}
