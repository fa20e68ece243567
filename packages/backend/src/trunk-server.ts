/**
 * Where workers come in: WebSocket upgrades on one path of an HTTP server. The only file of this package with `ws`.
 *
 * The application may have a WebSocketServer of its own on the same server, and such a one takes, or refuses, every upgrade
 * that it sees. So ours are taken out before any listener is told: by standing in front of the server's `emit`, since
 * a listener cannot keep an event from the others.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { cutCloseReason, MAX_BATCH_BYTES, MAX_FRAME_BYTES, TRUNK_SUBPROTOCOL } from '@holdfast/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { TrunkTransport } from './transport.js';

type HttpServer = Server | SecureServer;
type Emit = (event: string, ...args: unknown[]) => boolean;

/** A worker that does not answer a close frame within this time is cut off. Newer than the types of `ws`. */
const CLOSING: object = { closeTimeout: 2000 };
const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

export class TrunkServer {
  readonly #path: string;
  readonly #onTrunk: (transport: TrunkTransport) => void;
  readonly #detachers = new Map<HttpServer, () => void>();
  readonly #upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // A trunk carries what is small or compressed already, between machines that are near.
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES + MAX_BATCH_BYTES,
    ...CLOSING,
    handleProtocols: (offered) => (offered.has(TRUNK_SUBPROTOCOL) ? TRUNK_SUBPROTOCOL : false),
  });

  constructor(path: string, onTrunk: (transport: TrunkTransport) => void) {
    this.#path = path;
    this.#onTrunk = onTrunk;
  }

  attach(server: HttpServer): void {
    if (this.#detachers.has(server)) return;
    const emit: Emit = server.emit.bind(server);
    const intercept: Emit = (event, ...args) => {
      if (event !== 'upgrade' || !this.#isOurs(args[0] as IncomingMessage)) return emit(event, ...args);
      this.#upgrade(args[0] as IncomingMessage, args[1] as Duplex, args[2] as Buffer);
      return true;
    };
    // Without any listener Node does not take upgrades for such; and if this is the only one, nobody answers the others.
    const refuse = (_request: IncomingMessage, socket: Duplex): void => {
      if (server.listenerCount('upgrade') === 1) socket.end(NOT_FOUND);
    };
    server.on('upgrade', refuse);
    Object.assign(server, { emit: intercept });
    this.#detachers.set(server, () => {
      server.off('upgrade', refuse);
      if ((server.emit as Emit) === intercept) Object.assign(server, { emit });
    });
  }

  /** Workers are not let in any more; those that are in stay. */
  detach(server: HttpServer): void {
    this.#detachers.get(server)?.();
    this.#detachers.delete(server);
  }

  #isOurs({ url = '' }: IncomingMessage): boolean {
    return url.split('?', 1)[0] === this.#path;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!offers(request)) {
      socket.on('error', () => undefined);
      socket.end(BAD_REQUEST);
      return;
    }
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      this.#onTrunk(new WebSocketTransport(webSocket, socket));
    });
  }
}

function offers({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((protocol) => protocol.trim() === TRUNK_SUBPROTOCOL);
}

class WebSocketTransport implements TrunkTransport {
  onMessage: ((batch: Uint8Array) => void) | undefined;
  onClose: ((code: number, reason: string) => void) | undefined;
  onWritable: (() => void) | undefined;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, stream: Duplex) {
    this.#socket = socket;
    // A trunk has binary messages only: text is given up by whoever reads it, since it is no batch.
    socket.on('message', (data) => this.onMessage?.(data as Buffer));
    // `close` follows.
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => this.onClose?.(code, reason.toString()));
    stream.on('drain', () => this.onWritable?.());
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(batch: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(batch);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, cutCloseReason(reason));
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
