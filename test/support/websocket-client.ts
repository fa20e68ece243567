/**
 * A WebSocket client for tests on `ws`: what arrives is kept in order and taken with `await`, and the close is a
 * value. A refusal is a value too, with its status, headers and body.
 */
import type { IncomingMessage } from 'node:http';
import { type ClientOptions, WebSocket } from 'ws';
import { within } from './eventually.js';

export interface Received {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface Refusal {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface OpenOptions extends ClientOptions {
  readonly protocols?: readonly string[];
  /** SNI. */
  readonly servername?: string;
}

const WAIT_MS = 20_000;

export class TestSocket implements AsyncDisposable {
  readonly ws: WebSocket;
  readonly response: IncomingMessage;
  /** Resolves once, also when the connection was cut (1006). */
  readonly closed: Promise<Closed>;
  readonly pongs: Buffer[] = [];
  readonly pings: Buffer[] = [];
  readonly #messages: Received[] = [];
  #closed: Closed | undefined;
  #wake: () => void = () => undefined;

  constructor(ws: WebSocket, response: IncomingMessage) {
    this.ws = ws;
    this.response = response;
    ws.on('message', (data: Buffer, isBinary) => this.#keep({ data, isBinary }));
    ws.on('ping', (data: Buffer) => this.pings.push(data));
    ws.on('pong', (data: Buffer) => this.pongs.push(data));
    ws.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        this.#closed = { code, reason: reason.toString() };
        resolve(this.#closed);
        this.#wake();
      });
    });
  }

  get isOpen(): boolean {
    return this.#closed === undefined && this.ws.readyState === WebSocket.OPEN;
  }

  send(data: string | Buffer): void {
    this.ws.send(data);
  }

  async message(): Promise<Received> {
    const deadline = performance.now() + WAIT_MS;
    while (this.#messages.length === 0) {
      if (this.#closed !== undefined) throw new Error(`socket: expected a message, got close ${this.#closed.code}`);
      await within(deadline - performance.now(), 'socket: a message', new Promise<void>((wake) => (this.#wake = wake)));
    }
    return this.#messages.shift()!;
  }

  async text(): Promise<string> {
    return (await this.message()).data.toString();
  }

  /** Sends and gives the next text back. */
  async ask(text: string): Promise<string> {
    this.send(text);
    return this.text();
  }

  async untilClosed(withinMs: number = WAIT_MS): Promise<Closed> {
    return within(withinMs, 'socket: its close', this.closed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.ws.terminate();
    return Promise.resolve();
  }

  #keep(message: Received): void {
    this.#messages.push(message);
    this.#wake();
  }
}

export async function openSocket(url: string, options: OpenOptions = {}): Promise<TestSocket> {
  const outcome = await dial(url, options);
  if (outcome instanceof TestSocket) return outcome;
  throw new Error(`socket: expected 101 from ${url}, got ${outcome.status} ${outcome.body.slice(0, 300)}`);
}

export async function openRefused(url: string, options: OpenOptions = {}): Promise<Refusal> {
  const outcome = await dial(url, options);
  if (!(outcome instanceof TestSocket)) return outcome;
  outcome.ws.terminate();
  throw new Error(`socket: expected a refusal from ${url}, got 101`);
}

export async function openMany(count: number, open: (index: number) => Promise<TestSocket>): Promise<SocketGroup> {
  return new SocketGroup(await Promise.all(Array.from({ length: count }, (_, index) => open(index))));
}

export class SocketGroup implements AsyncDisposable {
  readonly sockets: readonly TestSocket[];

  constructor(sockets: readonly TestSocket[]) {
    this.sockets = sockets;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.sockets.map((socket) => socket[Symbol.asyncDispose]()));
  }
}

function dial(url: string, { protocols = [], ...options }: OpenOptions): Promise<TestSocket | Refusal> {
  const ws = new WebSocket(url, [...protocols], { perMessageDeflate: false, handshakeTimeout: WAIT_MS, ...options });
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined;
    let isRefused = false;
    ws.once('upgrade', (message: IncomingMessage) => (response = message));
    // In the handler itself: with a frame in the same segment as the 101, `message` follows before any await returns.
    ws.once('open', () => resolve(new TestSocket(ws, response!)));
    ws.once('unexpected-response', (_, message: IncomingMessage) => {
      isRefused = true;
      const { statusCode: status = 0, headers } = message;
      readBody(message).then((body) => resolve({ status, headers, body }), reject);
    });
    ws.on('error', (error) => {
      if (!isRefused) reject(error);
    });
  });
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
