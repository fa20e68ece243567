/**
 * One attempt to open a WebSocket to a backend. Every outcome is a value; no socket is left behind by any of them.
 * The wire work is `ws`: it masks, validates the backend's answer (Accept, subprotocol, extensions) and its frames.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type net from 'node:net';
import { WebSocket } from 'ws';
import type { Backend } from '../pool/backend.js';
import { handOver, type OnConnection, openConnection } from '../pool/connect-options.js';
import { UpstreamSocket } from './upstream-socket.js';

declare module 'ws' {
  // oxlint-disable-next-line typescript/no-namespace -- the only way to add to the library's own declaration
  namespace WebSocket {
    interface ClientOptions {
      /** Since ws 8.19; not in its type declarations yet. */
      closeTimeout?: number;
    }
  }
}

export interface DialOptions {
  readonly backend: Pick<Backend, 'url' | 'endpoint' | 'certificateName' | 'tls' | 'proxy'>;
  /** See ConnectOptions. */
  readonly firstBytes: Uint8Array | undefined;
  /** Path with query. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly protocols: readonly string[];
  readonly maxMessageBytes: number;
  readonly connectMs: number;
  readonly handshakeMs: number;
  readonly signal: AbortSignal;
}

export type DialResult =
  | {
      readonly kind: 'open';
      /** Has no timeout for its closing handshake: see ClosingClock. */
      readonly upstream: WebSocket;
      /** From then on the data of a message or ping are valid during its event only; nothing is copied for it any more. */
      readonly lend: () => void;
      readonly headers: IncomingMessage['headers'];
      /** Subprotocol that the backend chose among the offered; it may choose none. */
      readonly protocol: string | undefined;
      readonly connectMs: number;
      readonly handshakeMs: number;
    }
  /** The backend answered the handshake with something else than 101: to be passed on. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly headers: IncomingMessage['headers'];
      readonly body: Buffer;
    }
  /** Never connected: another backend may be tried. */
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** Connected, and gone before it had said anything: another backend may be tried. */
  | { readonly kind: 'hungUp'; readonly detail: string }
  /** Connected, but no answer in time. */
  | { readonly kind: 'timeout'; readonly detail: string }
  /** Not sent: what the client asked for cannot be said in a request. No backend's fault. */
  | { readonly kind: 'unsendable'; readonly detail: string }
  /** The answer broke the protocol. */
  | { readonly kind: 'invalid'; readonly detail: string }
  | { readonly kind: 'aborted' };

/** A refusal's body is held in memory on its way to the client: a longer one is cut off and counted by the caller. */
export const MAX_REFUSAL_BYTES: number = 1024 * 1024;
/** The relay has its own clock, which starts when the backend has taken everything; that of `ws` starts at once. 2^31 - 1 is the longest that a timer takes. */
const NO_CLOSE_TIMEOUT_MS = 2 ** 31 - 1;

export function dial(options: DialOptions): Promise<DialResult> {
  return new Promise((resolve) => new Dial(options, resolve).start());
}

class Dial {
  readonly #options: DialOptions;
  readonly #resolve: (result: DialResult) => void;
  readonly #startedAt = performance.now();
  #connectedAt: number | undefined;
  #isSettled = false;
  #timer: NodeJS.Timeout | undefined;
  #upstream: WebSocket | undefined;
  /** For connections that take more than one step. */
  #connecting: AbortController | undefined;
  /** Undefined: over TLS, or through a proxy. */
  #socket: UpstreamSocket | undefined;
  #headers: IncomingMessage['headers'] = {};
  #protocol: string | undefined;
  readonly #onAbort = (): void => this.#fail({ kind: 'aborted' });

  constructor(options: DialOptions, resolve: (result: DialResult) => void) {
    this.#options = options;
    this.#resolve = resolve;
  }

  start(): void {
    const { signal, connectMs } = this.#options;
    if (signal.aborted) {
      this.#settle({ kind: 'aborted' });
      return;
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#fail({ kind: 'unreachable', detail: `expected a connection within ${connectMs} ms, got none` });
    }, connectMs);
    try {
      this.#open();
    } catch (error) {
      this.#fail({ kind: 'unsendable', detail: messageOf(error) });
    }
  }

  #open(): void {
    const { backend, target, protocols, headers, maxMessageBytes } = this.#options;
    // Offered as a plain header: `ws` would insist that the backend chooses one, and it may choose none.
    const offer = protocols.length === 0 ? [] : ['sec-websocket-protocol', protocols.join(', ')];
    const upstream = new WebSocket(backend.url.replace(/^http/, 'ws') + target, [], {
      headers: headerRecord([...headers, ...offer]),
      perMessageDeflate: false,
      followRedirects: false,
      maxPayload: maxMessageBytes,
      closeTimeout: NO_CLOSE_TIMEOUT_MS,
      // The target as it came: the URL parser of `ws` would encode some characters anew.
      finishRequest: (request) => {
        request.path = target;
        request.on('upgrade', (_response, _socket, early: Buffer) => this.#socket?.upgraded(early, maxMessageBytes));
        request.end();
      },
      // A client's own pings decide whether it lives, not ours on its behalf: pings are passed on, see RelayLink.
      autoPong: false,
      // The parser works on bytes that the next read overwrites: an event put off would find others, see UpstreamSocket.
      allowSynchronousEvents: true,
      createConnection: (_options: object, done: OnConnection) => this.#connect(done),
    });
    this.#upstream = upstream;
    upstream.on('upgrade', (response) => this.#onUpgrade(response));
    upstream.on('unexpected-response', (request, response) => this.#onRefused(request, response));
    upstream.on('error', (error) => this.#onError(error));
    upstream.on('open', () => this.#onOpen(upstream));
  }

  /** Undefined: `done` gets it. */
  #connect(done: OnConnection): net.Socket | undefined {
    const { backend, firstBytes } = this.#options;
    const { host, port, isTls } = backend.endpoint;
    if (isTls || backend.proxy !== undefined) {
      void handOver(this.#connectInSteps(), done);
      return undefined;
    }
    this.#socket = new UpstreamSocket(host, port);
    if (firstBytes !== undefined) this.#socket.socket.write(firstBytes);
    return this.#watch(this.#socket.socket);
  }

  async #connectInSteps(): Promise<net.Socket> {
    const { endpoint, certificateName, tls, proxy } = this.#options.backend;
    const { firstBytes } = this.#options;
    this.#connecting = new AbortController();
    const options = { endpoint, certificateName, tls, proxy, firstBytes };
    const socket = await openConnection(options, this.#connecting.signal);
    this.#onConnected();
    return socket;
  }

  #watch(socket: net.Socket): net.Socket {
    socket.setNoDelay(true);
    socket.once('connect', () => this.#onConnected());
    return socket;
  }

  #onConnected(): void {
    if (this.#isSettled) return;
    this.#connectedAt = performance.now();
    clearTimeout(this.#timer);
    const { handshakeMs } = this.#options;
    this.#timer = setTimeout(() => {
      this.#fail({ kind: 'timeout', detail: `expected an answer to the handshake within ${handshakeMs} ms, got none` });
    }, handshakeMs);
  }

  /** Before `ws` checks the answer: it refuses a subprotocol that it knows nothing of, which is right for all but offered ones. */
  #onUpgrade(response: IncomingMessage): void {
    const chosen = response.headers['sec-websocket-protocol'];
    this.#headers = { ...response.headers };
    if (chosen === undefined || !this.#options.protocols.includes(chosen)) return;
    this.#protocol = chosen;
    delete response.headers['sec-websocket-protocol'];
  }

  #onOpen(upstream: WebSocket): void {
    const now = performance.now();
    const connectedAt = this.#connectedAt ?? now;
    // Messages may follow in the same packet; nobody listens until the client is answered.
    upstream.pause();
    this.#settle({
      kind: 'open',
      upstream,
      lend: () => this.#socket?.lend(),
      headers: this.#headers,
      protocol: this.#protocol,
      connectMs: connectedAt - this.#startedAt,
      handshakeMs: now - connectedAt,
    });
  }

  #onRefused(request: ClientRequest, response: IncomingMessage): void {
    const { socket } = response;
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (): void => {
      this.#settle({
        kind: 'refused',
        status: response.statusCode ?? 502,
        headers: response.headers,
        body: Buffer.concat(chunks),
      });
      request.destroy();
      // By itself, too: after a whole answer node:http has let go of it, to be kept alive, and nobody would hear its errors.
      socket.destroy();
    };
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_REFUSAL_BYTES) chunks.push(chunk);
      else finish();
    });
    response.on('end', finish);
    response.on('error', () => undefined);
    response.on('close', () => {
      if (!response.complete)
        this.#fail({ kind: 'invalid', detail: 'expected the whole of a refusal, got a part of it' });
    });
  }

  #onError(error: Error): void {
    const detail = messageOf(error);
    if (this.#connectedAt === undefined) this.#fail({ kind: 'unreachable', detail });
    else if ('code' in error && HANG_UPS.has(String(error.code))) this.#fail({ kind: 'hungUp', detail });
    else this.#fail({ kind: 'invalid', detail });
  }

  #fail(result: DialResult): void {
    if (this.#isSettled) return;
    this.#settle(result);
    this.#connecting?.abort(new Error('expected somebody to wait for this connection, got nobody'));
    // `terminate` while connecting emits an error, which the listener above takes and ignores.
    this.#upstream?.terminate();
  }

  #settle(result: DialResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#resolve(result);
  }
}

const HANG_UPS = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** Repeated headers are joined: RFC 9110 §5.3 for lists, RFC 6265 §5.4 for cookies. */
function headerRecord(headers: readonly string[]): Record<string, string> {
  const record: Record<string, string> = Object.create(null);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    const known = record[name];
    record[name] = known === undefined ? value : `${known}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return record;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
