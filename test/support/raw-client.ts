/**
 * A client that is nothing but a TCP socket: it sends any bytes and shows the answer as bytes. For requests that no
 * HTTP library lets out, for frames that break the rules, and for resets at an exact moment.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { within } from './eventually.js';
import { encodeFrame, type Frame, FrameReader, type FrameShape } from './frames.js';

export interface RawHead {
  readonly status: number;
  /** The first line as it came. */
  readonly line: string;
  /** Lower-case names; several of one name are joined with a comma, as RFC 9110 allows. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const WAIT_MS = 20_000;
/** The sample nonce of RFC 6455. */
export const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  readonly #frames = new FrameReader();
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #error: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
    socket.on('error', (error) => {
      this.#error = error;
      this.#finish();
    });
  }

  /** Everything received and not taken yet. */
  get received(): string {
    return this.#received.toString('latin1');
  }

  /** The other side is done sending, or the connection is gone. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** ECONNRESET and the like. */
  get error(): Error | undefined {
    return this.#error;
  }

  write(data: string | Buffer): void {
    this.socket.write(data);
  }

  writeFrame(shape: FrameShape): void {
    this.socket.write(encodeFrame(shape));
  }

  /** Head of the next response; what follows it stays unread. */
  async head(): Promise<RawHead> {
    await this.#until('the head of a response', () => this.#received.includes('\r\n\r\n'));
    const end = this.#received.indexOf('\r\n\r\n');
    const text = this.#received.toString('latin1', 0, end);
    this.#received = this.#received.subarray(end + 4);
    return parseHead(text);
  }

  async bytes(count: number): Promise<Buffer> {
    await this.#until(`${count} bytes`, () => this.#received.length >= count);
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  /** The next WebSocket frame. */
  async frame(): Promise<Frame> {
    const ready = this.#takeFrame();
    if (ready !== undefined) return ready;
    let frame: Frame | undefined;
    await this.#until('a frame', () => (frame = this.#takeFrame()) !== undefined);
    return frame!;
  }

  /** All that came until the other side ended the connection. */
  async untilEnd(): Promise<string> {
    await this.#until('the end of the connection', () => this.#ended);
    return this.received;
  }

  /** The bare socket, paused, for a test that reads in its own way: nothing is collected here any more. */
  takeSocket(): Socket {
    this.socket.pause();
    this.socket.removeAllListeners('data');
    return this.socket;
  }

  /** An abrupt end: RST instead of FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    return Promise.resolve();
  }

  readonly #ready: Frame[] = [];

  #takeFrame(): Frame | undefined {
    if (this.#received.length > 0) {
      this.#ready.push(...this.#frames.push(this.#received));
      this.#received = Buffer.alloc(0);
    }
    return this.#ready.shift();
  }

  async #until(what: string, isDone: () => boolean): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (!isDone()) {
      if (this.#ended) throw new Error(this.#unmet(what, 'the end of the connection'));
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(this.#unmet(what, `nothing more for ${WAIT_MS} ms`));
      await within(left, what, new Promise<void>((resolve) => (this.#wake = resolve)));
    }
  }

  #unmet(what: string, got: string): string {
    const error = this.#error === undefined ? '' : ` (${this.#error.message})`;
    return `raw client: expected ${what}, got ${got}${error} after ${JSON.stringify(this.received.slice(0, 300))}`;
  }

  #onData(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#wake();
  }

  #finish(): void {
    this.#ended = true;
    this.#wake();
  }
}

export interface RawTarget {
  readonly port: number;
  readonly host?: string;
  readonly localAddress?: string;
}

export async function connectRaw({ port, host = '127.0.0.1', localAddress }: RawTarget): Promise<RawClient> {
  const socket = connect({ port, host, ...(localAddress === undefined ? {} : { localAddress }) });
  const client = new RawClient(socket);
  socket.setNoDelay(true);
  await once(socket, 'connect');
  return client;
}

/** A connection on which a WebSocket handshake was answered 101. */
export async function connectRawWebSocket(target: RawTarget, request: HandshakeShape = {}): Promise<RawClient> {
  const client = await connectRaw(target);
  client.write(handshake(request));
  const head = await client.head();
  if (head.status !== 101) throw new Error(`raw client: expected 101, got ${head.text}`);
  return client;
}

export interface HandshakeShape {
  readonly path?: string;
  readonly host?: string;
  readonly version?: string;
  /** Further header lines, without line ends. */
  readonly headers?: readonly string[];
}

export function handshake({
  path = '/',
  host = 'localhost',
  version = '13',
  headers = [],
}: HandshakeShape = {}): string {
  const fixed = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Version: ${version}`];
  return requestHead(`GET ${path} HTTP/1.1`, [
    `Host: ${host}`,
    ...fixed,
    `Sec-WebSocket-Key: ${SAMPLE_KEY}`,
    ...headers,
  ]);
}

export function requestHead(line: string, headers: readonly string[]): string {
  return `${[line, ...headers].join('\r\n')}\r\n\r\n`;
}

export function parseHead(text: string): RawHead {
  const [line = '', ...rest] = text.split('\r\n');
  const headers: Record<string, string> = {};
  for (const header of rest) {
    const colon = header.indexOf(':');
    const name = header.slice(0, colon).toLowerCase();
    const value = header.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(line.split(' ')[1]), line, headers, text };
}
