/**
 * One attempt to have a backend answer an HTTP request: the answer streams to the client as it comes, and a slow
 * client pauses the backend. Settles when the client has the answer, or cannot get it.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { HttpExchange } from '../listener/http-exchange.js';
import { downstreamHeaders } from '../routing/upstream-headers.js';

export interface AttemptOptions {
  readonly exchange: HttpExchange;
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** See HttpUpstreams: undici would take the client's Host for it. */
  readonly serverName: string;
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: Readable | undefined;
  readonly responseMs: number;
  readonly idleMs: number;
  /** Headers of our own on the client's answer, names and values in turn. */
  readonly ownHeaders: readonly string[];
  /**
   * Asked with the first chunk of the answer's body (or none) before any of it goes on: what it promises is awaited.
   * Undefined: nobody has to see it.
   */
  readonly onFirstChunk: ((chunk: Uint8Array) => Promise<void>) | undefined;
  readonly onConnected: () => void;
  readonly onHead: (status: number) => void;
  /** The client was cut because it neither read nor sent. */
  readonly onStall: () => void;
}

export type AttemptResult =
  | { readonly kind: 'answered'; readonly status: number }
  /** The client got nothing yet. */
  | {
      readonly kind: 'failed';
      /** The backend may have seen the request. */
      readonly isConnected: boolean;
      /** The backend had begun to answer. */
      readonly hasAnswered: boolean;
      readonly isTimeout: boolean;
      readonly detail: string;
    }
  /** Not sent: what the client asked for cannot be said in a request. No backend's fault. */
  | { readonly kind: 'unsendable'; readonly detail: string }
  /** The answer had begun; the client's connection was cut, so that it notices. */
  | { readonly kind: 'broken'; readonly status: number; readonly isByClient: boolean; readonly detail: string }
  | { readonly kind: 'aborted' };

/** An event stream that is silent this long gets its head sent ahead, see HttpExchange.openEventStream. */
const EVENT_STREAM_OPEN_MS = 20;
const UNSENDABLE_CODES = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);
const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

export function attempt(options: AttemptOptions): Promise<AttemptResult> {
  return new Promise((resolve) => new HttpAttempt(options, resolve).start());
}

class HttpAttempt implements Dispatcher.DispatchHandler {
  readonly #options: AttemptOptions;
  readonly #exchange: HttpExchange;
  readonly #resolve: (result: AttemptResult) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #isConnected = false;
  #status = 0;
  #contentLength: number | undefined;
  #isSettled = false;
  /** The answer waits for `onFirstChunk`: its head is held back too. */
  #heldHead: (() => void) | undefined;
  #openTimer: NodeJS.Timeout | undefined;

  constructor(options: AttemptOptions, resolve: (result: AttemptResult) => void) {
    this.#options = options;
    this.#exchange = options.exchange;
    this.#resolve = resolve;
  }

  start(): void {
    const { exchange, dispatcher, origin, serverName, target, headers, body, responseMs, idleMs } = this.#options;
    exchange.onAborted = () => this.#onClientGone();
    exchange.onWritable = () => this.#controller?.resume();
    try {
      // `servername` is an option of undici's requests that its types leave out.
      const request: Dispatcher.DispatchOptions & { readonly servername: string } = {
        origin,
        servername: serverName,
        path: target,
        // undici takes any token; its type lists the common ones.
        method: exchange.request.method as Dispatcher.HttpMethod,
        headers: [...headers],
        body: body ?? null,
        headersTimeout: responseMs,
        bodyTimeout: idleMs,
      };
      dispatcher.dispatch(request, this);
    } catch (error) {
      this.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#isConnected = true;
    if (this.#exchange.isOver) controller.abort(new Error('the client left'));
    else this.#options.onConnected();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText = '',
  ): void {
    // 1xx: 100 is the listener's business, and it has no way to send the others.
    if (status < 200) return;
    this.#status = status;
    this.#contentLength = parseLength(headers['content-length']);
    this.#options.onHead(status);
    const isHead = this.#exchange.request.method === 'HEAD';
    const hasBody = !isHead && status !== 204 && status !== 304;
    const sendHead = (): void =>
      this.#exchange.start({
        status,
        statusText,
        headers: [...downstreamHeaders(headers), ...this.#options.ownHeaders],
        contentLength: this.#contentLength,
        hasBody,
      });
    if (this.#options.onFirstChunk !== undefined && hasBody) this.#heldHead = sendHead;
    else sendHead();
    if (String(headers['content-type']).startsWith('text/event-stream')) {
      this.#openTimer = setTimeout(() => this.#exchange.openEventStream(), EVENT_STREAM_OPEN_MS);
    }
    if (controller.paused) controller.resume();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#heldHead !== undefined) {
      this.#showFirst(controller, chunk);
      return;
    }
    if (!this.#exchange.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    // Trailers are dropped: uWebSockets.js cannot send them.
    if (this.#heldHead !== undefined) this.#releaseHead();
    const done = (): void => this.#settle({ kind: 'answered', status: this.#status });
    this.#exchange.onDone = done;
    this.#exchange.finish();
    if (this.#exchange.isOver) done();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const code = 'code' in error ? String(error.code) : '';
    const detail = error.message || code;
    if (this.#exchange.isOver && !this.#exchange.hasStarted) this.#settle({ kind: 'aborted' });
    else if (this.#exchange.hasStarted) {
      this.#exchange.abort();
      this.#settle({ kind: 'broken', status: this.#status, isByClient: false, detail });
    } else if (UNSENDABLE_CODES.has(code)) {
      this.#settle({ kind: 'unsendable', detail });
    } else {
      const isTimeout = TIMEOUT_CODES.has(code);
      const hasAnswered = this.#status !== 0;
      this.#settle({ kind: 'failed', isConnected: this.#isConnected, hasAnswered, isTimeout, detail });
    }
  }

  /** The rest waits until the first chunk was seen: a client that knows its sid must find everybody else knowing it. */
  #showFirst(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    controller.pause();
    const seen = this.#options.onFirstChunk?.(chunk) ?? Promise.resolve();
    const goOn = (): void => {
      this.#releaseHead();
      if (this.#exchange.write(chunk)) controller.resume();
    };
    seen.then(goOn, goOn);
  }

  #releaseHead(): void {
    this.#heldHead?.();
    this.#heldHead = undefined;
  }

  #onClientGone(): void {
    this.#options.body?.destroy();
    this.#controller?.abort(new Error('the client left'));
    const { hasStarted, isStalled } = this.#exchange;
    if (isStalled) this.#options.onStall();
    const detail = isStalled ? 'expected the client to read or send, got nothing for 10 s' : 'the client left';
    this.#settle(hasStarted ? { kind: 'broken', status: this.#status, isByClient: true, detail } : { kind: 'aborted' });
  }

  #settle(result: AttemptResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#openTimer);
    this.#resolve(result);
  }
}

function parseLength(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
