/**
 * One attempt at a connection and, when it is welcomed, that connection: asks where to go and as whom, opens the socket, says
 * hello, waits for welcome, then passes frames. It ends exactly once. A socket that is let go is abandoned: its handlers
 * are taken off and nobody waits for its close event, which may take minutes or never come.
 */
import {
  ABNORMAL_CLOSURE,
  type ClientFrame,
  decodeClientFrame,
  type GoAway,
  NO_STATUS_RECEIVED,
  ProtocolError,
  readGoAway,
  readWelcome,
  SESSION_SUBPROTOCOL,
  unexpected,
  type Welcome,
} from '@holdfast/protocol';
import * as CloseCode from '@holdfast/protocol/close-codes';
import { ClientError, mismatch } from './errors.js';
import type { ResolvedOptions } from './options.js';
import type { WebSocketLike } from './websocket-like.js';

export interface Target {
  readonly url: string;
  readonly auth: string | undefined;
}

export interface ConnectionEnd {
  readonly code: number;
  readonly reason: string;
  /** What was wrong, when somebody should look at it. */
  readonly error?: ClientError | undefined;
}

export interface ConnectionHost {
  prepare(): Promise<Target>;
  /** The first frame; asked when it can be sent, so that its counters are true. */
  hello(auth: string | undefined): string;
  /** These two may throw a ProtocolError, which closes the connection. */
  onWelcome(connection: Connection, welcome: Welcome): void;
  onFrame(connection: Connection, frame: ServerFrame): void;
  onEnd(connection: Connection, end: ConnectionEnd): void;
}

/** Of a topic, as it came: whoever hears topics decodes it. */
export interface TopicMessageFrame {
  readonly kind: 'topic';
  readonly data: string | ArrayBuffer;
}

export type ServerFrame = ClientFrame | TopicMessageFrame;

const PREPARING = 0;
const DIALLING = 1;
const OPEN = 2;
const ENDED = 3;
type Phase = typeof PREPARING | typeof DIALLING | typeof OPEN | typeof ENDED;

export class Connection {
  readonly #host: ConnectionHost;
  readonly #options: ResolvedOptions;
  #phase: Phase = PREPARING;
  #socket: WebSocketLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #trouble = '';
  /** The last one that came: when to come back, should the connection be closed as overloaded. */
  goAway: GoAway | undefined;
  /** The server may act on what it was told, whatever becomes of this connection. */
  hasGreeted = false;
  /** Frames that wait, since a successor has said hello; undefined: they are taken as they come. */
  #held: ServerFrame[] | undefined;

  constructor(host: ConnectionHost, options: ResolvedOptions) {
    this.#host = host;
    this.#options = options;
    this.#limit('token and URL');
    void this.#begin();
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** For the host, only after welcome. */
  send(frame: string | Uint8Array<ArrayBuffer>): void {
    try {
      this.#socket?.send(frame);
    } catch (cause) {
      this.end(ABNORMAL_CLOSURE, messageOf(cause));
    }
  }

  /** A successor told the server how far we are: until it is answered, that has to stay true. */
  hold(): void {
    this.#held ??= [];
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** For the host; false: nothing is held. */
  keep(frame: ServerFrame): boolean {
    this.#held?.push(frame);
    return this.isHeld;
  }

  /** The successor came to nothing. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#guard(() => {
      for (const frame of held) if (this.#phase === OPEN) this.#host.onFrame(this, frame);
    });
  }

  /** Lets go without a word to the host. */
  close(code: number, reason: string): void {
    if (this.#phase === ENDED) return;
    this.#phase = ENDED;
    clearTimeout(this.#timer);
    if (this.#socket) abandon(this.#socket, code, reason);
    this.#socket = undefined;
  }

  /** Lets go and tells the host. */
  end(code: number, reason: string, error?: ClientError): void {
    if (this.#phase === ENDED) return;
    this.close(code, reason);
    this.#host.onEnd(this, { code, reason, error });
  }

  async #begin(): Promise<void> {
    try {
      const target = await this.#host.prepare();
      if (this.#phase === PREPARING) this.#dial(target);
    } catch (cause) {
      const message = `connect: ${messageOf(cause)}`;
      this.#fail(ABNORMAL_CLOSURE, new ClientError('CLIENT_TRY_FAILED', message, { cause }));
    }
  }

  #dial({ url, auth }: Target): void {
    this.#phase = DIALLING;
    this.#limit('welcome');
    const socket = new this.#options.webSocket(url, [SESSION_SUBPROTOCOL, ...this.#options.protocols]);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.#greet(socket, auth);
    socket.onmessage = ({ data }: { readonly data: string | ArrayBuffer }) => this.#onMessage(data);
    socket.onerror = ({ message }: { readonly message?: string }) => (this.#trouble = message ?? '');
    socket.onclose = ({ code, reason }: { readonly code?: number; readonly reason?: string }) =>
      this.end(code ?? NO_STATUS_RECEIVED, reason || this.#trouble);
  }

  #greet(socket: WebSocketLike, auth: string | undefined): void {
    if (socket.protocol !== SESSION_SUBPROTOCOL) {
      const got = `${socket.protocol || 'none'}: is the pool of kind session?`;
      const message = mismatch('server', SESSION_SUBPROTOCOL, got);
      return this.#fail(ABNORMAL_CLOSURE, new ClientError('CLIENT_NOT_HOLDFAST', message));
    }
    this.hasGreeted = true;
    this.send(this.#host.hello(auth));
  }

  #onMessage(data: string | ArrayBuffer): void {
    this.#guard(() => {
      const frame = decode(data);
      if (frame.kind === 'control' && frame.type === 'g') this.goAway = readGoAway(frame.body);
      if (this.#phase === OPEN) this.#host.onFrame(this, frame);
      else this.#onGreeted(frame);
    });
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (cause) {
      const code = cause instanceof ProtocolError ? cause.closeCode : CloseCode.BrokeProtocol;
      this.#fail(code, new ClientError('CLIENT_BROKEN_FRAME', `server: ${messageOf(cause)}`, { cause }));
    }
  }

  #onGreeted(frame: ServerFrame): void {
    if (frame.kind !== 'control') throw unexpected('frame', 'welcome', frame.kind);
    // A goaway comes first when the server is overloaded, and says when to come back.
    if (frame.type === 'g') return;
    if (frame.type !== 'w') throw unexpected('frame', 'welcome', frame.type);
    const welcome = readWelcome(frame.body);
    clearTimeout(this.#timer);
    this.#phase = OPEN;
    this.#host.onWelcome(this, welcome);
  }

  #limit(what: string): void {
    clearTimeout(this.#timer);
    const { connectTimeoutMs } = this.#options;
    const reason = `no ${what} within ${connectTimeoutMs} ms`;
    this.#timer = setTimeout(() => this.end(ABNORMAL_CLOSURE, reason), connectTimeoutMs);
  }

  /** Ends it for something that somebody should look at. */
  #fail(code: number, error: ClientError): void {
    this.end(code, error.message, error);
  }
}

function decode(data: string | ArrayBuffer): ServerFrame {
  const isTopic = typeof data === 'string' ? data[0] === 'd' : new Uint8Array(data)[0] === 2;
  return isTopic ? { kind: 'topic', data } : decodeClientFrame(data);
}

function abandon(socket: WebSocketLike, code: number, reason: string): void {
  socket.onopen = socket.onmessage = socket.onclose = null;
  // Not null: `ws` throws an error that nobody listens to.
  socket.onerror = () => undefined;
  try {
    // Scripts may say 1000 and 3000 to 4999 only, and 123 bytes: so many characters fit, whatever they are.
    if (code === CloseCode.Normal || code >= 3000) socket.close(code, reason.slice(0, 41));
    else socket.close();
  } catch {
    // It is gone already, as far as this session is concerned.
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
