/**
 * A WebSocket handshake that is not answered yet: accepted, or refused like any HTTP request. Reading is paused
 * until then, so whatever a client sends early waits in the kernel, bounded and in order (RFC 6455 §4.1 lets it
 * send nothing; some do).
 */
import type { HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import { headerOf, type DownstreamRequest } from './downstream-request.js';
import { DownstreamSocket, type DownstreamHandler, type SocketData } from './downstream-socket.js';
import { forDownstream } from './header-bytes.js';
import type { CompleteResponse } from './http-exchange.js';
import { HttpExchange } from './http-exchange.js';

export interface AcceptOptions {
  /** Subprotocol that the backend chose; undefined for none. */
  readonly protocol: string | undefined;
  /** Further headers of the 101, names and values in turn. */
  readonly headers: readonly string[];
  /** Negotiate permessage-deflate if the client offers it. */
  readonly compress: boolean;
  readonly handler: DownstreamHandler;
}

export class UpgradeExchange {
  readonly request: DownstreamRequest;
  readonly #res: HttpResponse;
  readonly #context: us_socket_context_t;
  readonly #exchange: HttpExchange;
  #isAccepted = false;

  constructor(res: HttpResponse, request: DownstreamRequest, context: us_socket_context_t) {
    this.#res = res;
    this.#context = context;
    this.request = request;
    this.#exchange = new HttpExchange(res, request);
    res.pause();
  }

  /** Accepted, refused, or the client left. */
  get isOver(): boolean {
    return this.#isAccepted || this.#exchange.isOver;
  }

  set onAborted(handler: (() => void) | undefined) {
    this.#exchange.onAborted = handler;
  }

  /** Undefined when the client has left meanwhile. */
  accept(options: AcceptOptions): DownstreamSocket | undefined {
    if (this.isOver) return undefined;
    this.#isAccepted = true;
    const key = headerOf(this.request, 'sec-websocket-key') ?? '';
    const extensions = options.compress ? (headerOf(this.request, 'sec-websocket-extensions') ?? '') : '';
    const socket = new DownstreamSocket(options.handler, options.compress && extensions !== '');
    const res = this.#res;
    res.resume();
    res.cork(() => {
      res.writeStatus('101 Switching Protocols');
      for (let i = 0; i + 1 < options.headers.length; i += 2) {
        res.writeHeader(options.headers[i] ?? '', forDownstream(options.headers[i + 1] ?? ''));
      }
    });
    // Not inside the cork: after an upgrade `cork` reads the response's state in memory that the upgrade gave back,
    // and now and then closes the connection by what it finds there.
    res.upgrade<SocketData>({ socket }, key, options.protocol ?? '', extensions, this.#context);
    return socket;
  }

  /** Any answer but 101; the connection is closed after it, so that nothing tunnels. */
  refuse(response: CompleteResponse): void {
    if (this.isOver) return;
    this.#exchange.reply({ ...response, close: true });
  }

  /** Breaks the connection without an answer. */
  abort(): void {
    if (!this.isOver) this.#exchange.abort();
  }
}
