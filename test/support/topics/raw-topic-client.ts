/**
 * A client on topics by hand, over `ws`: it shows each frame as it came, so that a test sees the order of answers and messages, and
 * it does what the SDK would not (read nothing, ask twice, say hello with a position of its own). Pings it answers.
 */
import { once } from 'node:events';
import {
  decodeTopicBinary,
  decodeTopicText,
  encodeHeldTopics,
  encodeHistory,
  encodePresence,
  encodePublishBinary,
  encodePublishText,
  encodeSubscribe,
  encodeText,
  encodeUnsubscribe,
  type HeldTopic,
  PONG,
  readWelcome,
  SESSION_SUBPROTOCOL,
  type TopicPosition,
  type Welcome,
} from '@holdfast/protocol';
import { WebSocket } from 'ws';
import { eventually, within } from '../eventually.js';

type Body = Readonly<Record<string, unknown>>;

export type Arrival =
  | { readonly kind: 'message'; readonly topic: string; readonly offset: number; readonly data: string }
  | { readonly kind: 'control'; readonly letter: string; readonly body: Body };

export interface TopicHello {
  readonly auth?: string;
  readonly token?: string;
  readonly subscriptions?: readonly HeldTopic[];
}

const PATIENCE_MS = 15_000;

export class RawTopicClient implements AsyncDisposable {
  readonly socket: WebSocket;
  /** Frames of topics, in the order of their arrival. */
  readonly arrivals: Arrival[] = [];
  welcome: Welcome | undefined;
  closed: { readonly code: number; readonly reason: string } | undefined;
  #sent = 0;
  #lastRef = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
  }

  /** Connects, says hello, and is welcomed. With a `token` it resumes; it has received and sent nothing then. */
  static async open(url: string, { auth, token, subscriptions }: TopicHello = {}): Promise<RawTopicClient> {
    const socket = new WebSocket(url, [SESSION_SUBPROTOCOL]);
    const client = new RawTopicClient(socket);
    await within(PATIENCE_MS, 'topic client: to open', once(socket, 'open'));
    const resume = token === undefined ? undefined : { token, received: 0, lowest: 1, sent: 0 };
    const held = subscriptions === undefined ? undefined : encodeHeldTopics(subscriptions);
    socket.send(`h${JSON.stringify({ v: 1, auth, resume, subscriptions: held })}`);
    await client.until('a welcome', () => client.welcome);
    return client;
  }

  get id(): string {
    return this.welcome?.session ?? '';
  }

  /** `offset data` of each message of a topic, in order. */
  messages(topic: string): readonly string[] {
    return this.arrivals.flatMap((it) =>
      it.kind === 'message' && it.topic === topic ? [`${it.offset} ${it.data}`] : [],
    );
  }

  controls(letter: string, topic?: string): readonly Body[] {
    return this.arrivals.flatMap((it) => {
      const isWanted = it.kind === 'control' && it.letter === letter;
      return isWanted && (topic === undefined || it.body['topic'] === topic) ? [it.body] : [];
    });
  }

  /** Presence events of a topic: `join id`, `leave id`. */
  presenceEvents(topic: string): readonly string[] {
    return this.controls('k', topic).map((body) => `${String(body['type'])} ${(body['member'] as { id: string }).id}`);
  }

  /** The answer to it, granted or refused. */
  async subscribe(topic: string, options: { since?: TopicPosition; presence?: boolean } = {}): Promise<Body> {
    const before = this.controls('s', topic).length;
    this.send(encodeSubscribe({ topic, since: options.since, presence: options.presence ?? false }));
    return this.until(`an answer about ${topic}`, () => this.controls('s', topic)[before]);
  }

  unsubscribe(topic: string): void {
    this.send(encodeUnsubscribe(topic));
  }

  async publish(topic: string, data: string | Uint8Array): Promise<Body> {
    return this.#ask((ref) =>
      typeof data === 'string' ? encodePublishText(ref, topic, data) : encodePublishBinary(ref, topic, data),
    );
  }

  async history(topic: string, query: { since?: number; limit?: number; reverse?: boolean } = {}): Promise<Body> {
    const { since, limit, reverse = false } = query;
    return this.#ask((ref) => encodeHistory(ref, { topic, since, limit, reverse }));
  }

  async presence(topic: string): Promise<Body> {
    return this.#ask((ref) => encodePresence(ref, topic));
  }

  /** A message for the backend. */
  say(text: string): void {
    this.#sent += 1;
    this.send(encodeText(this.#sent, 0, text));
  }

  send(frame: string | Uint8Array): void {
    this.socket.send(frame);
  }

  async untilMessages(topic: string, count: number): Promise<readonly string[]> {
    return this.until(`${count} messages of ${topic}`, () => {
      const messages = this.messages(topic);
      return messages.length >= count ? messages : undefined;
    });
  }

  async until<T>(what: string, probe: () => T | undefined, withinMs: number = PATIENCE_MS): Promise<T> {
    return eventually(
      () => {
        const value = probe();
        if (value !== undefined) return value;
        const last = this.arrivals.slice(-5).map((it) => JSON.stringify(it).slice(0, 200));
        throw new Error(
          `topic client: expected ${what}; closed: ${JSON.stringify(this.closed)}; last of ${this.arrivals.length}: ${last.join(' ')}`,
        );
      },
      { withinMs },
    );
  }

  /** As a lost network: no close frame. */
  cut(): void {
    this.socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await Promise.resolve();
  }

  #ask(encode: (ref: number) => string | Uint8Array): Promise<Body> {
    this.#lastRef += 1;
    const ref = this.#lastRef;
    this.send(encode(ref));
    return this.until(`result ${ref}`, () => this.controls('z').find((body) => body['ref'] === ref));
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      if (data[0] === 2) this.#keep(decodeTopicBinary(new Uint8Array(data)));
      return;
    }
    const text = data.toString();
    const letter = text[0] ?? '';
    if (letter === 'd') this.#keep(decodeTopicText(text));
    else if (letter === 'p') this.send(PONG);
    else if (letter === 'w') this.welcome = readWelcome(JSON.parse(text.slice(1)) as Body);
    else if ('sxlkz'.includes(letter)) {
      this.arrivals.push({ kind: 'control', letter, body: JSON.parse(text.slice(1)) as Body });
    }
  }

  #keep({ topic, offset, data }: { topic: string; offset: number; data: string | Uint8Array }): void {
    const shown = typeof data === 'string' ? data : `0x${Buffer.from(data).toString('hex')}`;
    this.arrivals.push({ kind: 'message', topic, offset, data: shown });
  }
}

/** `epoch` and `offset` of an answer to a subscription or a publish. */
export function positionOf(body: Body): TopicPosition {
  return { epoch: String(body['epoch']), offset: Number(body['offset']) };
}
