/**
 * One connection of `holdfast.v1` by hand: what the client SDK would never do (forge, steal, come twice, stop reading) is
 * done with this. It answers nothing by itself but pings.
 */
import { once } from 'node:events';
import {
  decodeClientFrame,
  encodeAck,
  encodeHello,
  encodeResync,
  encodeText,
  PONG,
  readWelcome,
  SESSION_SUBPROTOCOL,
  type Welcome,
} from '@holdfast/protocol';
import { WebSocket } from 'ws';
import { eventually, within } from '../eventually.js';

export interface RawHello {
  readonly auth?: string;
  readonly resume?: {
    readonly token: string;
    readonly received: number;
    readonly lowest: number;
    readonly sent: number;
  };
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RawMessage {
  readonly n: number;
  readonly ack: number;
  readonly data: string;
}

const PATIENCE_MS = 15_000;

export class RawSession implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly messages: RawMessage[] = [];
  /** Kinds of the control frames that came, with their bodies. */
  readonly controls: { readonly type: string; readonly body: Readonly<Record<string, unknown>> }[] = [];
  welcome: Welcome | undefined;
  /** Highest acknowledgement of what this end sent. */
  acked = 0;
  closed: { readonly code: number; readonly reason: string } | undefined;
  #sent: number;

  private constructor(socket: WebSocket, sent: number) {
    this.socket = socket;
    this.#sent = sent;
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
  }

  /** Connects and says hello; waits for nothing. */
  static async dial(url: string, { auth, resume, headers }: RawHello = {}): Promise<RawSession> {
    const socket = new WebSocket(url, [SESSION_SUBPROTOCOL], { ...(headers && { headers }) });
    const session = new RawSession(socket, resume?.sent ?? 0);
    await within(PATIENCE_MS, 'raw session: to open', once(socket, 'open'));
    socket.send(encodeHello({ version: 1, auth, resume }));
    return session;
  }

  /** Connects, says hello, and is welcomed. */
  static async open(url: string, hello: RawHello = {}): Promise<RawSession> {
    const session = await RawSession.dial(url, hello);
    await session.untilWelcome();
    return session;
  }

  /** What the next connection says to have this session again. */
  get resumption(): NonNullable<RawHello['resume']> {
    const token = this.welcome?.token ?? '';
    return { token, received: this.messages.at(-1)?.n ?? 0, lowest: this.acked + 1, sent: this.#sent };
  }

  send(data: string): void {
    this.#sent += 1;
    this.sendFrame(encodeText(this.#sent, this.messages.at(-1)?.n ?? 0, data));
  }

  sendFrame(frame: string | Uint8Array): void {
    this.socket.send(frame);
  }

  ack(): void {
    this.sendFrame(encodeAck(this.messages.at(-1)?.n ?? 0));
  }

  async untilWelcome(): Promise<Welcome> {
    return eventually(
      () => {
        if (this.welcome !== undefined) return this.welcome;
        throw new Error(
          `raw session: expected a welcome, got ${this.closed === undefined ? 'nothing' : JSON.stringify(this.closed)}`,
        );
      },
      { withinMs: PATIENCE_MS },
    );
  }

  async untilMessages(count: number): Promise<readonly RawMessage[]> {
    return eventually(
      () => {
        if (this.messages.length >= count) return this.messages;
        throw new Error(`raw session: expected ${count} messages, got ${this.messages.length}`);
      },
      { withinMs: PATIENCE_MS },
    );
  }

  async untilClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    return eventually(
      () => {
        if (this.closed !== undefined) return this.closed;
        throw new Error('raw session: expected to be closed, is not');
      },
      { withinMs: PATIENCE_MS },
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

  #onMessage(data: Buffer, isBinary: boolean): void {
    const bytes = new Uint8Array(data).slice();
    const frame = decodeClientFrame(isBinary ? bytes.buffer : data.toString());
    if (frame.kind === 'ack') this.acked = frame.ack;
    else if (frame.kind !== 'control') {
      this.acked = Math.max(this.acked, frame.ack);
      this.messages.push({ n: frame.n, ack: frame.ack, data: String(frame.data) });
    } else {
      this.controls.push(frame);
      if (frame.type === 'w') this.welcome = readWelcome(frame.body);
      if (frame.type === 'p') this.sendFrame(PONG);
      if (frame.type === 'r') this.#resync();
    }
  }

  #resync(): void {
    const { received, lowest, sent } = this.resumption;
    this.sendFrame(encodeResync({ received, lowest, sent }));
  }
}
