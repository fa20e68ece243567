/**
 * One HTTP request and its answer, over uWebSockets.js' HttpResponse. Hides three traps: the response may not be
 * touched once it is answered or aborted; a body of known length has to go through `tryEnd`, one of unknown
 * length through `write`; and a body that arrives slowly is cut after ten seconds unless its timeout is pushed on.
 */
import { STATUS_CODES } from 'node:http';
import type { HttpResponse } from 'uWebSockets.js';
import { forDownstream } from './header-bytes.js';
import type { DownstreamRequest } from './downstream-request.js';

export interface ResponseHead {
  readonly status: number;
  /** Reason phrase; the registered one when empty. */
  readonly statusText?: string;
  /** Names and values in turn. Hop-by-hop headers, Date and Content-Length are this class' business, not the caller's. */
  readonly headers: readonly string[];
  /** Bytes of the body when known. For a HEAD answer: what a GET would have. */
  readonly contentLength: number | undefined;
  /** False for HEAD, 204 and 304: no body follows whatever the length says. */
  readonly hasBody: boolean;
}

export interface CompleteResponse {
  readonly status: number;
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
  /** Say `Connection: close` and close after it: what a client sent beyond its request must not be read as another. */
  readonly close?: boolean;
}

type BodyMode = 'none' | 'length' | 'chunked';

/** uWebSockets.js cuts a request body that brings under 16 KiB/s for ten seconds; its clock is restarted this often. */
const BODY_CLOCK_RESTART_MS = 4_000;
/** It cuts a client that does not read for ten seconds too; its clock ticks every four. */
const STALL_MS = 8_000;

export class HttpExchange {
  readonly request: DownstreamRequest;
  /** The client went away, or the connection broke, before the answer was complete. Called at most once. */
  onAborted: (() => void) | undefined;
  /** The answer is complete and out of our hands: called for one that was held up by a slow client when it was finished. */
  onDone: (() => void) | undefined;
  /** Everything that was held back by a slow client is written: more may come. */
  onWritable: (() => void) | undefined;
  /** The answer says `Connection: close`: the client's next request belongs on another connection. */
  asksToLeave = false;
  bytesReceived = 0;
  bytesSent = 0;

  readonly #res: HttpResponse;
  #isOver = false;
  #isStalled = false;
  #mode: BodyMode = 'none';
  #hasStarted = false;
  #hasBodyStarted = false;
  #totalLength = 0;
  /** The part of a body of known length that the socket did not take, and where it starts in the response. */
  #held: Uint8Array | undefined;
  #heldOffset = 0;
  #lastClockRestart = 0;
  /** Of a chunked answer: the native side holds bytes that the client has no room for. */
  #isHeldUp = false;
  #isFinished = false;
  /** The client has not sent its body yet, and may. */
  #isBodyAwaited = false;
  #movedAt = Date.now();

  constructor(res: HttpResponse, request: DownstreamRequest) {
    this.#res = res;
    this.request = request;
    res.onAborted(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#isStalled = this.#isClientAwaited() && Date.now() - this.#movedAt >= STALL_MS;
      this.#held = undefined;
      this.onAborted?.();
    });
  }

  /** Answered completely, or aborted: nothing more can be done with it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Once aborted: it was the native side's clock, for a client that had neither read nor sent what it was waited for. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Must be called in the same turn as the request came. `chunk` is a copy that the receiver may keep. */
  readBody(onChunk: (chunk: Buffer, isLast: boolean) => void): void {
    this.#lastClockRestart = this.#movedAt = Date.now();
    this.#isBodyAwaited = true;
    this.#res.onData((chunk, isLast) => {
      this.#movedAt = Date.now();
      if (isLast) this.#isBodyAwaited = false;
      this.bytesReceived += chunk.byteLength;
      if (!isLast && !this.#isOver) this.#restartBodyClock();
      onChunk(Buffer.from(new Uint8Array(chunk)), isLast);
    });
  }

  pauseBody(): void {
    this.#isBodyAwaited = false;
    if (!this.#isOver) this.#res.pause();
  }

  resumeBody(): void {
    this.#isBodyAwaited = true;
    this.#movedAt = Date.now();
    if (!this.#isOver) this.#res.resume();
  }

  /** The whole answer in one go. Does nothing once the exchange is over or an answer has begun. */
  reply(response: CompleteResponse): void {
    if (this.#isOver || this.#hasStarted) return;
    this.#hasStarted = true;
    // The native side says it by itself then.
    if (response.close === true) this.asksToLeave = false;
    if (response.close !== true) {
      this.#sendWhole(response);
      return;
    }
    // What the client sent beyond this request must not be taken for another one. While an answer is owed,
    // uWebSockets.js ends a connection on which a further request stands in what it has read, and reads no more.
    this.pauseBody();
    setImmediate(() => this.#sendWhole(response));
  }

  /** Begins an answer whose body, if any, follows through `write` and `finish`. */
  start(head: ResponseHead): void {
    if (this.#isOver || this.#hasStarted) return;
    this.#hasStarted = true;
    this.#mode = !head.hasBody ? 'none' : head.contentLength === undefined ? 'chunked' : 'length';
    this.#totalLength = head.contentLength ?? 0;
    this.#res.onWritable((offset) => this.#onWritable(offset));
    this.#res.cork(() => {
      this.#writeHead(head.status, head.statusText ?? '', head.headers);
      if (this.#mode === 'none') this.#endWithoutBody(head.contentLength);
      // Sends the head now; the body may be long in coming. An empty body is complete with this.
      else if (this.#mode === 'length') this.#isOver = this.#res.tryEnd('', this.#totalLength)[1];
    });
  }

  /** False: the client is slow, stop until `onWritable`. The chunk is taken in either case. */
  write(chunk: Uint8Array): boolean {
    if (this.#isOver || this.#mode === 'none' || chunk.byteLength === 0) return true;
    this.#hasBodyStarted = true;
    this.bytesSent += chunk.byteLength;
    if (!this.#isClientAwaited()) this.#movedAt = Date.now();
    let ok = true;
    this.#res.cork(() => {
      ok = this.#mode === 'chunked' ? this.#res.write(chunk) : this.#writeKnownLength(chunk);
    });
    if (this.#mode === 'chunked') this.#isHeldUp = !ok;
    return ok;
  }

  /**
   * uWebSockets.js ends the head of a chunked answer only with its first chunk. A stream of server-sent events may
   * stay silent for minutes before that, and `EventSource` would not open: an empty comment line, which every
   * reader of such a stream skips, sends the head on its way.
   */
  openEventStream(): void {
    if (this.#mode === 'chunked' && !this.#hasBodyStarted) this.write(Buffer.from(':\n\n'));
  }

  /**
   * The body is complete. One that is shorter than promised is cut, so that the client notices. While a slow client holds
   * up the rest, the exchange is not over: what was ended is nobody's any more, and a worker that stops would cut it.
   */
  finish(): void {
    if (this.#isOver) return;
    this.#isFinished = true;
    if (this.#mode === 'chunked') {
      if (!this.#isHeldUp) this.#endChunked();
    } else if (this.#held === undefined) {
      this.abort();
    }
  }

  /** Breaks the connection: the only honest end of an answer that cannot be completed. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = undefined;
    this.#res.close();
  }

  #isClientAwaited(): boolean {
    return this.#isBodyAwaited || this.#isHeldUp || this.#held !== undefined;
  }

  #endChunked(): void {
    this.#isOver = true;
    this.#res.cork(() => this.#res.end());
  }

  #sendWhole(response: CompleteResponse): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const body = response.body ?? '';
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    const isHead = this.request.method === 'HEAD';
    if (!isHead) this.bytesSent += length;
    this.#res.cork(() => {
      this.#writeHead(response.status, '', response.headers ?? []);
      if (isHead) this.#endWithoutBody(length);
      else this.#res.end(body, response.close === true);
    });
  }

  #writeHead(status: number, statusText: string, headers: readonly string[]): void {
    this.#res.writeStatus(forDownstream(`${status} ${statusText || (STATUS_CODES[status] ?? 'Unknown')}`));
    if (this.asksToLeave) this.#res.writeHeader('connection', 'close');
    for (let i = 0; i + 1 < headers.length; i += 2) {
      this.#res.writeHeader(headers[i] ?? '', forDownstream(headers[i + 1] ?? ''));
    }
  }

  /** With a length as its argument the native call leaves the response unfinished: it waits for the body that was announced. */
  #endWithoutBody(length: number | undefined): void {
    this.#isOver = true;
    if (length !== undefined) this.#res.writeHeader('content-length', String(length));
    this.#res.endWithoutBody();
  }

  #writeKnownLength(chunk: Uint8Array): boolean {
    // Two chunks never overlap: callers stop at the first `false`, and what still comes is joined to what is held.
    if (this.#held !== undefined) {
      this.#held = Buffer.concat([this.#held, chunk]);
      return false;
    }
    const offset = this.#res.getWriteOffset();
    const [ok, isDone] = this.#res.tryEnd(chunk, this.#totalLength);
    if (isDone) this.#isOver = true;
    if (ok || isDone) return true;
    this.#held = chunk;
    this.#heldOffset = offset;
    return false;
  }

  #onWritable(offset: number): boolean {
    if (this.#isOver) return true;
    this.#movedAt = Date.now();
    if (this.#held !== undefined && !this.#writeHeld(this.#held, offset)) return false;
    this.#isHeldUp = false;
    if (this.#isFinished && this.#mode === 'chunked') this.#endChunked();
    if (!this.#isOver) this.onWritable?.();
    else if (this.#isFinished) this.onDone?.();
    return true;
  }

  #writeHeld(held: Uint8Array, offset: number): boolean {
    const [ok, isDone] = this.#res.tryEnd(held.subarray(offset - this.#heldOffset), this.#totalLength);
    if (isDone) this.#isOver = true;
    if (!ok && !isDone) return false;
    this.#held = undefined;
    return true;
  }

  #restartBodyClock(): void {
    const now = Date.now();
    if (now - this.#lastClockRestart < BODY_CLOCK_RESTART_MS) return;
    this.#lastClockRestart = now;
    this.#res.pause();
    this.#res.resume();
  }
}
