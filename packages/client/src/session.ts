/**
 * Session: a logical connection to a backend that outlives the connections under it. This file is what applications hold: it
 * takes messages, gives events, and joins the numbers (exchange.ts) to whatever connection the monitor has.
 */
import {
  ACK_AFTER,
  type ClientFrame,
  encodeAuth,
  encodeClose,
  encodeHello,
  encodeResync,
  type LostRange,
  MAX_CLOSE_REASON_BYTES,
  MAX_MESSAGE_BYTES,
  PROTOCOL_VERSION,
  readClose,
  readRehomed,
  readToken,
  type TokenBody,
  unexpected,
  type Welcome,
} from '@holdfast/protocol';
import * as CloseCode from '@holdfast/protocol/close-codes';
import { Addresses, type SessionUrl } from './addresses.js';
import type { ConnectionEnd, ServerFrame } from './connection.js';
import { Emitter, type Listener, type ListenerOptions } from './emitter.js';
import { ClientError, mismatch } from './errors.js';
import { type Delivery, Exchange } from './exchange.js';
import { watchLifecycle } from './lifecycle.js';
import { Monitor } from './monitor.js';
import { type BinaryType, type ResolvedOptions, resolveOptions, type SessionOptions } from './options.js';
import { copyPayload, sizeOf } from './payload.js';
import type { SessionEvents, SessionState } from './session-events.js';
import type { SubscribeOptions, Subscription } from './subscription.js';
import type { TopicTable } from './topic-host.js';

/** Throws a ClientError when what is given cannot work; everything later is an event. */
export function connect(url: SessionUrl, options?: SessionOptions): Session {
  return new Session(url, resolveOptions(options));
}

/** Between two askings, however short a token lives. */
const MIN_REFRESH_MS = 1000;

type DataFrame = Extract<ClientFrame, { kind: 'text' | 'binary' }>;
type ControlFrame = Extract<ClientFrame, { kind: 'control' }>;

export class Session {
  readonly #options: ResolvedOptions;
  readonly #exchange: Exchange;
  readonly #monitor: Monitor;
  readonly #emitter = new Emitter<SessionEvents>(this);
  /** Undefined: the option was not given. */
  readonly #topics: TopicTable | undefined;
  readonly #stopWatching: () => void;
  #binaryType: BinaryType;
  #id: string | undefined;
  #resumeToken: string | undefined;
  #maxMessageBytes = MAX_MESSAGE_BYTES;
  /** Runs while an acknowledgement is owed. */
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  /** Runs while the credentials are good for a time. */
  #authTimer: ReturnType<typeof setTimeout> | undefined;
  /** A message was refused, and `writable` is owed. */
  #isRefusing = false;
  /** What the last welcome means, told once its connection is in use. */
  #news: SessionEvents['resumed'] | SessionEvents['reset'] | undefined;

  /** Use `connect`. */
  constructor(url: SessionUrl, options: ResolvedOptions) {
    this.#options = options;
    this.#binaryType = options.binaryType;
    this.#exchange = new Exchange(options.queue);
    this.#monitor = new Monitor(this.#monitorHost(), new Addresses(url, options.random), options);
    this.#topics = options.topics?.({
      emitter: this.#emitter,
      link: this.#monitor,
      random: options.random,
      maxMessageBytes: () => this.#maxMessageBytes,
      present: (data) => this.#present(data),
    });
    this.#stopWatching = watchLifecycle(this.#monitor);
  }

  get state(): SessionState {
    return this.#monitor.state;
  }

  /** Public name of the session, from its first welcome on. A reset brings another. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Bytes that have not left: the socket's while open; everything that is kept otherwise. */
  get bufferedAmount(): number {
    return this.#monitor.current?.bufferedBytes ?? this.#exchange.bytes;
  }

  /** Messages that are kept because the backend has not confirmed them. */
  get unacknowledged(): number {
    return this.#exchange.length;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(value: BinaryType) {
    // As a browser's WebSocket does, which ignores anything else.
    if (value === 'blob' || value === 'arraybuffer') this.#binaryType = value;
  }

  addEventListener<K extends keyof SessionEvents>(
    type: K,
    listener: Listener<SessionEvents[K]> | null,
    options?: ListenerOptions | boolean,
  ): void {
    this.#emitter.add(type, listener, options);
  }

  removeEventListener<K extends keyof SessionEvents>(type: K, listener: Listener<SessionEvents[K]> | null): void {
    this.#emitter.remove(type, listener);
  }

  /** Takes a message, now or for when the session is back. False: it did not, for want of room or because it is closed. */
  send(data: string | ArrayBuffer | ArrayBufferView): boolean {
    return this.#push(data);
  }

  /** Resolves when the backend has handled the message; rejects when nobody will ever know. */
  deliver(data: string | ArrayBuffer | ArrayBufferView): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#push(data, { resolve, reject })) return;
      if (this.state === 'closed') throw closed();
      throw new ClientError('CLIENT_QUEUE_FULL', 'no room: wait for writable');
    });
  }

  /** The topic's messages from now on, or from a position on. The same object for the same topic, until it is closed. */
  subscribe(topic: string, options?: SubscribeOptions): Subscription {
    if (!this.#topics) throw noTopics();
    return this.#topics.subscribe(topic, options);
  }

  /** Ends the session, here and at the backend. */
  close(code: number = CloseCode.Normal, reason = ''): void {
    const isAllowed = code === CloseCode.Normal || (code >= 3000 && code <= 4999);
    if (!isAllowed || sizeOf(reason) > MAX_CLOSE_REASON_BYTES) {
      const message = mismatch('close', '1000 or 3000 to 4999, and a reason of 123 bytes', code);
      throw new ClientError('CLIENT_BAD_CLOSE', message);
    }
    if (this.state === 'closed') return;
    const end = { code, reason };
    this.#monitor.send(encodeClose(end));
    this.#monitor.stop(end);
  }

  /** Gives up the connection, if any, and tries again promptly: for "retry now" buttons. */
  reconnect(): void {
    this.#monitor.reconnect();
  }

  /** Asks for the token and gives it to the server, before the one that it has runs out. New connections do so by themselves. */
  async refreshToken(): Promise<void> {
    const auth = await this.#options.token?.();
    if (auth !== undefined) this.#monitor.send(encodeAuth(auth));
  }

  #push(data: unknown, delivery?: Delivery): boolean {
    const payload = copyPayload(data);
    const bytes = sizeOf(payload);
    if (bytes > this.#maxMessageBytes) {
      const message = mismatch('send', `at most ${this.#maxMessageBytes} bytes`, bytes);
      throw new ClientError('CLIENT_MESSAGE_TOO_BIG', message);
    }
    if (this.state === 'closed') return false;
    const isTaken = this.#exchange.push(payload, bytes, delivery);
    if (isTaken) this.#flush();
    else if (!this.#isRefusing) this.#refuse();
    return isTaken;
  }

  #refuse(): void {
    this.#isRefusing = true;
    queueMicrotask(() => this.#emitter.emit({ type: 'backpressure' }));
  }

  #flush(): void {
    for (;;) {
      const connection = this.#monitor.current;
      const frame = connection?.isHeld === false && this.#exchange.takeFrame();
      if (!frame) return;
      connection.send(frame);
    }
  }

  #monitorHost(): ConstructorParameters<typeof Monitor>[0] {
    return {
      emitter: this.#emitter,
      hello: (auth) => this.#hello(auth),
      onWelcome: (welcome) => this.#onWelcome(welcome),
      onOpen: () => this.#onOpen(),
      onFrame: (frame) => this.#onFrame(frame),
      onRefused: () => this.#onRefused(),
      onClosed: (end) => this.#onClosed(end),
    };
  }

  #hello(auth: string | undefined): string {
    const token = this.#resumeToken;
    const resume = token === undefined ? undefined : { token, ...this.#exchange.counters };
    return encodeHello({ version: PROTOCOL_VERSION, auth, resume }, this.#topics?.hello());
  }

  #onWelcome({ resumed, handled, received, lost, limits, session, token, authMs }: Welcome): void {
    const isKnown = this.#resumeToken !== undefined;
    if (resumed && !isKnown) throw unexpected('welcome', 'a new session', 'one that is resumed');
    if (resumed) {
      this.#exchange.resume(handled, received, lost);
      this.#news = { type: 'resumed', lost };
    } else if (isKnown) {
      this.#news = this.#reset(lost);
    }
    this.#exchange.limit({ messages: limits.queueMessages, bytes: limits.queueBytes });
    this.#maxMessageBytes = limits.messageBytes || MAX_MESSAGE_BYTES;
    this.#id = session;
    this.#onToken({ token, authMs });
  }

  /** Our own token is asked for again before it runs out; if that fails, the server closes, and the next hello has a new one. */
  #onToken({ token, authMs }: TokenBody): void {
    this.#resumeToken = token;
    clearTimeout(this.#authTimer);
    if (authMs === undefined) return;
    this.#authTimer = setTimeout(() => this.refreshToken().catch(() => {}), Math.max(MIN_REFRESH_MS, authMs * 0.8));
  }

  #onOpen(): void {
    this.#flush();
    const news = this.#news;
    this.#news = undefined;
    if (news) this.#emitter.emit(news);
    this.#topics?.onOpen();
    this.#onRoom();
  }

  /** The session is lost already, whatever comes; the next hello asks for a new one. */
  #onRefused(): void {
    if (this.#resumeToken === undefined) return;
    this.#resumeToken = undefined;
    const down: LostRange = { from: this.#exchange.inbox.last + 1, to: null };
    this.#emitter.emit(this.#reset(down));
  }

  #reset(down: LostRange | undefined): SessionEvents['reset'] {
    return { type: 'reset', lost: { down, up: this.#exchange.reset() } };
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.kind === 'topic') return this.#topics?.onMessage(frame.data);
    if (frame.kind === 'control') return this.#onControl(frame);
    if (frame.ack > 0) this.#exchange.acknowledge(frame.ack);
    if (frame.kind !== 'ack') this.#onData(frame);
    this.#onRoom();
  }

  #onData({ n, data }: DataFrame): void {
    const isNew = this.#exchange.accept(n, data.length);
    if (isNew) this.#emitter.emit({ type: 'message', data: this.#present(data) });
    if (this.state === 'closed') return;
    // After the listeners: what they sent carried the acknowledgement.
    const { inbox } = this.#exchange;
    if (inbox.isAckDue()) this.#acknowledge();
    else if (inbox.isAckOwed()) this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_AFTER.ms);
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    const { current } = this.#monitor;
    if (current && this.#exchange.inbox.isAckOwed()) current.send(this.#exchange.takeAck());
  }

  #onControl({ type, body }: ControlFrame): void {
    if (type === 't') this.#onToken(readToken(body));
    else if (type === 'c') this.#monitor.stop(readClose(body));
    else if (type === 'r') this.#onRehomed(body);
    else if (this.#topics) this.#topics.onControl(type, body);
    // Nobody subscribed, so the backend had it join a topic: its messages are not heard, and that is told.
    else if (type === 's') this.#emitter.emit({ type: 'error', error: noTopics() });
    else if (type !== 'x' && type !== 'l') throw unexpected('frame', 'a kind for clients', type);
  }

  #onRehomed(body: ControlFrame['body']): void {
    const { cause, token, handled, received, lost } = readRehomed(body);
    this.#exchange.resume(handled, received, lost);
    this.#resumeToken = token;
    this.#monitor.send(encodeResync(this.#exchange.counters));
    this.#flush();
    this.#emitter.emit({ type: 'rehomed', cause, lost });
    this.#onRoom();
  }

  #onRoom(): void {
    if (!this.#isRefusing || this.#exchange.isFull || this.state === 'closed') return;
    this.#isRefusing = false;
    this.#emitter.emit({ type: 'writable' });
  }

  #onClosed({ code, reason }: ConnectionEnd): void {
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#authTimer);
    this.#stopWatching();
    const up = this.#exchange.end(closed());
    this.#emitter.emit({ type: 'close', code, reason, lost: { down: undefined, up } });
  }

  #present(data: string | Uint8Array<ArrayBuffer>): string | ArrayBuffer | Blob {
    if (typeof data === 'string') return data;
    return this.#binaryType === 'blob' ? new Blob([data]) : data.slice().buffer;
  }
}

function noTopics(): ClientError {
  return new ClientError('CLIENT_NO_TOPICS', 'no topics in the core: take connect of @holdfast/client');
}

function closed(): ClientError {
  return new ClientError('CLIENT_CLOSED', 'the session is closed');
}
