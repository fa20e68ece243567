/**
 * The transport of a trunk over `ws`: the only file of trunks that knows sockets. A trunk is no browser, so its frames are
 * masked with zeros, which costs no pass over the bytes (RFC 6455 §5.3 wants the mask unpredictable because of caches that
 * a script could poison; what a worker sends is framed by the worker). No compression: see the relay's dialler.
 */
import {
  ABNORMAL_CLOSURE,
  cutCloseReason,
  isWireCloseCode,
  MAX_BATCH_BYTES,
  MAX_FRAME_BYTES,
  TRUNK_SUBPROTOCOL,
} from '@holdfast/protocol';
import { WebSocket } from 'ws';
import { handOver, type OnConnection, openConnection } from '../pool/connect-options.js';
import type { TrunkTarget, TrunkTransport } from './transport.js';

const CLOSE_TIMEOUT_MS = 2000;

export function dialWebSocket(target: TrunkTarget): TrunkTransport {
  return new WebSocketTransport(target);
}

class WebSocketTransport implements TrunkTransport {
  onMessage: ((batch: Uint8Array) => void) | undefined;
  onClose: ((code: number, reason: string) => void) | undefined;
  readonly #socket: WebSocket;
  readonly #connectTimer: NodeJS.Timeout;
  readonly #connecting = new AbortController();
  #failure: string | undefined;

  constructor(target: TrunkTarget) {
    const { connectTimeoutMs } = target;
    this.#socket = openSocket(target, this.#connecting.signal);
    this.#connectTimer = setTimeout(() => {
      this.#failure = `expected a connection within ${connectTimeoutMs} ms, got none`;
      this.terminate();
    }, connectTimeoutMs);
    this.#listen();
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(batch: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(batch);
  }

  close(code: number, reason: string): void {
    if (isWireCloseCode(code)) this.#socket.close(code, cutCloseReason(reason));
    else this.#socket.close();
  }

  terminate(): void {
    this.#connecting.abort(new Error('expected a trunk to be wanted, got it given up'));
    this.#socket.terminate();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('open', () => clearTimeout(this.#connectTimer));
    // With `nodebuffer` a message is one Buffer.
    socket.on('message', (data) => this.onMessage?.(data as Buffer));
    // `close` follows; this one tells why.
    socket.on('error', (error) => (this.#failure ??= messageOf(error)));
    socket.on('close', (code, reason) => {
      clearTimeout(this.#connectTimer);
      this.onClose?.(code, code === ABNORMAL_CLOSURE ? (this.#failure ?? 'connection lost') : reason.toString());
    });
  }
}

function openSocket(target: TrunkTarget, signal: AbortSignal): WebSocket {
  return new WebSocket(target.url, [TRUNK_SUBPROTOCOL], {
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: MAX_FRAME_BYTES + MAX_BATCH_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // Leaves the zeros that are there.
    generateMask: () => undefined,
    createConnection: (_options: object, done: OnConnection) => {
      const { certificateName, tls, proxy } = target;
      const options = { endpoint: target, certificateName, tls, proxy, firstBytes: undefined };
      void handOver(openConnection(options, signal), done);
      return undefined;
    },
  });
}

/** A refused name resolution or connection can be an AggregateError with an empty message. */
function messageOf(error: Error): string {
  return error.message || ('code' in error ? String(error.code) : error.name);
}
