/**
 * A client's WebSocket and its backend's, joined. Messages pass as they are; close codes and reasons pass both ways;
 * pings go end to end. Both directions are bounded: a backend that outruns its client is paused, a client that
 * outruns its backend is closed with 1013, because uWebSockets.js cannot stop reading a WebSocket.
 *
 * Whoever ends the connection first decides `closedBy`; after that, only the other side's end is awaited.
 */
import { ABNORMAL_CLOSURE, CloseCode, cutCloseReason, isWireCloseCode, NO_STATUS_RECEIVED } from '@holdfast/protocol';
import type { WebSocket } from 'ws';
import { type ClientRates, clientRates, withShared } from '../access/client-rates.js';
import { rateReason } from '../access/rate-pair.js';
import { clientFault } from '../listener/client-fault.js';
import type { DownstreamHandler, DownstreamSocket } from '../listener/downstream-socket.js';
import type { BoundName, TrafficCounts } from '../observe/traffic.js';
import { ClosingClock } from './closing-clock.js';
import { judgeSilence, type KeepAlive, type KeptAlive } from './keep-alive.js';
import type { LinkAbout, LinkEnd, LinkOptions } from './link-options.js';

/** What a frame costs in memory beyond its payload while it waits for a backend: without it, empty messages would cost nothing. */
const FRAME_OVERHEAD_BYTES = 256;

/** What a client is told that cannot say anew who it is. */
export const CREDENTIALS_RAN_OUT = 'the credentials have run out';

export class RelayLink implements DownstreamHandler, KeptAlive {
  readonly #options: LinkOptions;
  readonly #upstream: WebSocket;
  readonly #counts: TrafficCounts;
  readonly #keepAlive: KeepAlive;
  readonly #bufferBytes: number;
  readonly #maxMessageBytes: number;
  readonly #rates: ClientRates | undefined;
  readonly #lifetimeEnd: number;
  #downstream: DownstreamSocket | undefined;
  #isDownstreamDone = false;
  #isUpstreamDone = false;
  #isFinished = false;
  #end: LinkEnd | undefined;
  #clientHeardAt: number;
  #clientPingedAt = 0;
  #backendHeardAt: number;
  #backendPingedAt = 0;
  #messageAt: number;
  #isPaused = true;
  #closing: ClosingClock | undefined;
  /** Messages that wait for the backend, or that the kernel has just taken. */
  #queuedUp = 0;
  readonly #onSent = (error?: Error | null): void => {
    this.#queuedUp -= 1;
    if (error instanceof Error) this.#counts.messagesLost += 1;
  };
  /** Payload of the backend's ping that the client has not answered yet. */
  #askedByBackend: Buffer | undefined;
  messagesUp = 0;
  messagesDown = 0;
  bytesUp = 0;
  bytesDown = 0;

  constructor(options: LinkOptions) {
    const { limits, rates, keepAlive, upstream, random } = options;
    this.#options = options;
    this.#upstream = upstream;
    this.#counts = options.counts;
    this.#keepAlive = keepAlive;
    this.#bufferBytes = limits.bufferBytes;
    this.#maxMessageBytes = limits.messageBytes;
    const now = keepAlive.nowMs;
    this.#rates = withShared(clientRates(limits, now), rates);
    this.#clientHeardAt = this.#backendHeardAt = this.#messageAt = now;
    // ±10 %: connections that came together must not go together.
    this.#lifetimeEnd = limits.lifetimeMs > 0 ? now + limits.lifetimeMs * (0.9 + random() * 0.2) : Infinity;
  }

  /** The client is answered: messages flow from now on. */
  open(downstream: DownstreamSocket): void {
    this.#downstream = downstream;
    this.#counts.open += 1;
    this.#counts.total += 1;
    this.#keepAlive.add(this);
    const upstream = this.#upstream;
    upstream.on('message', (data: Buffer, isBinary: boolean) => this.#onUpstreamMessage(data, isBinary));
    upstream.on('ping', (data: Buffer) => this.#onUpstreamPing(data));
    upstream.on('pong', () => {
      this.#backendHeardAt = this.#keepAlive.nowMs;
    });
    upstream.on('error', (error) => this.#onUpstreamError(error));
    upstream.on('close', (code, reason) => this.#onUpstreamClose(code, reason.toString()));
    // It may have gone between its answer and ours.
    if (upstream.readyState === upstream.CLOSED) this.#onUpstreamClose(ABNORMAL_CLOSURE, '');
    else {
      this.#options.lend();
      this.#resume();
    }
  }

  get about(): LinkAbout {
    return this.#options;
  }

  /** Bytes that wait in this process for the client and for the backend. */
  get bufferedBytes(): { readonly down: number; readonly up: number } {
    return { down: this.#downstream?.bufferedBytes ?? 0, up: this.#upstream.bufferedAmount };
  }

  /** It has been closed, by whomever; its sides may not be done with it yet. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Pool and backend that it leads to. */
  get counts(): Pick<TrafficCounts, 'pool' | 'backend'> {
    return this.#counts;
  }

  /** Ends both sides in order, on Holdfast's own account. */
  close(code: number, reason: string, detail?: string): void {
    if (this.#end !== undefined) return;
    this.#end = { code, reason, closedBy: 'edge', isBackendFailure: false, detail };
    this.#closeUpstream(code, reason);
    this.#downstream?.end(code, reason);
  }

  /**
   * The same, and what waits in this process is gone when it returns: a close frame would stand behind it, and the native side
   * keeps both for a client that does not read. So the side that is slow is cut, and only the other one is told.
   */
  letGo(code: number, reason: string, detail: string): void {
    if (this.#end !== undefined) return;
    const { down, up } = this.bufferedBytes;
    this.#end = { code, reason, closedBy: 'edge', isBackendFailure: false, detail };
    if (up > down) {
      this.#upstream.terminate();
      this.#downstream?.end(code, reason);
    } else {
      // Not read from any more: what it still sends would be memory again.
      this.#upstream.close(code, cutCloseReason(reason));
      this.#downstream?.terminate();
    }
  }

  // From the client.

  onMessage(data: ArrayBuffer, isBinary: boolean): void {
    const now = this.#keepAlive.nowMs;
    this.#clientHeardAt = this.#messageAt = now;
    const bytes = data.byteLength;
    if (this.#end !== undefined) return;
    if (bytes > this.#maxMessageBytes) {
      this.#hitBound('message_bytes', CloseCode.MessageTooBig, `message over ${this.#maxMessageBytes} bytes`);
      return;
    }
    const exceeded = this.#rates?.exceeded(bytes, performance.now());
    if (exceeded !== undefined) {
      this.#hitBound(exceeded, CloseCode.PolicyViolation, rateReason(exceeded));
      return;
    }
    this.messagesUp += 1;
    this.bytesUp += bytes;
    this.#counts.messagesUp += 1;
    this.#counts.bytesUp += bytes;
    // Copied: the native buffer is gone after this call, and `ws` may queue.
    this.#queuedUp += 1;
    this.#upstream.send(Buffer.from(new Uint8Array(data)), { binary: isBinary }, this.#onSent);
    if (this.#waitsForBackend > this.#bufferBytes + this.#maxMessageBytes) {
      this.#hitBound('backend_buffer', CloseCode.TryAgainLater, 'the service cannot keep up');
      // Its queue is what we want rid of: it will not read a close frame behind it either.
      this.#upstream.terminate();
    }
  }

  get #waitsForBackend(): number {
    const bytes = this.#upstream.bufferedAmount;
    return bytes === 0 ? 0 : bytes + this.#queuedUp * FRAME_OVERHEAD_BYTES;
  }

  onWritable(): void {
    this.#clientHeardAt = this.#keepAlive.nowMs;
    if (this.#isPaused && (this.#downstream?.bufferedBytes ?? 0) <= this.#bufferBytes / 2) this.#resume();
  }

  onPing(data: ArrayBuffer): void {
    this.#clientHeardAt = this.#keepAlive.nowMs;
    // The listener has answered it. The backend sees it too, unless it cannot keep up: pings must not pile up there.
    if (this.#upstream.readyState !== this.#upstream.OPEN || this.#upstream.bufferedAmount > 0) return;
    this.#upstream.ping(Buffer.from(new Uint8Array(data)));
  }

  onPong(data: ArrayBuffer): void {
    this.#clientHeardAt = this.#keepAlive.nowMs;
    const asked = this.#askedByBackend;
    if (asked === undefined || !asked.equals(new Uint8Array(data))) return;
    this.#askedByBackend = undefined;
    if (this.#upstream.readyState === this.#upstream.OPEN) this.#upstream.pong(asked);
  }

  onClose(code: number, reason: string): void {
    this.#isDownstreamDone = true;
    if (this.#end === undefined) this.#endByClient(code, reason);
    this.#finish();
  }

  #endByClient(code: number, reason: string): void {
    const end = { closedBy: 'client', isBackendFailure: false } as const;
    if (code !== ABNORMAL_CLOSURE) {
      this.#end = { ...end, code, reason, detail: undefined };
      this.#closeUpstream(code, reason);
      return;
    }
    this.#end = { ...end, code, reason: '', detail: reason };
    const fault = clientFault(reason);
    if (fault?.isTooBig === true) this.#options.traffic.boundHit('message_bytes');
    // Gone without a word: the backend sees the same.
    if (fault === undefined) this.#upstream.terminate();
    else this.#closeUpstream(fault.code, 'the client broke the protocol');
  }

  // From the backend.

  #onUpstreamMessage(data: Buffer, isBinary: boolean): void {
    this.#backendHeardAt = this.#messageAt = this.#keepAlive.nowMs;
    const downstream = this.#downstream;
    if (downstream === undefined || this.#end !== undefined) return;
    this.messagesDown += 1;
    this.bytesDown += data.length;
    this.#counts.messagesDown += 1;
    this.#counts.bytesDown += data.length;
    const result = downstream.send(data, isBinary);
    if (result === 'sent') return;
    if (result === 'dropped') {
      this.#cutClient('client_buffer', 'expected the client to read, got a full buffer');
      this.#closeUpstream(CloseCode.TryAgainLater, 'the client cannot keep up');
    } else if (!this.#isPaused && downstream.bufferedBytes > this.#bufferBytes) this.#pause();
  }

  #onUpstreamPing(data: Buffer): void {
    this.#backendHeardAt = this.#keepAlive.nowMs;
    if (this.#end !== undefined) return;
    // Behind a full buffer it would be dropped, and an old payload answers no new ping: the last one counts.
    // Lent, as all that comes from there is.
    this.#askedByBackend = Buffer.from(data);
    this.#downstream?.ping(data);
  }

  #onUpstreamError(error: Error): void {
    if (this.#end !== undefined) return;
    if ('code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      // The dialler closes the backend's side with 1009 by itself.
      this.#options.traffic.boundHit('message_bytes');
      const reason = `message over ${this.#maxMessageBytes} bytes`;
      const detail = `limit: message_bytes: ${error.message}`;
      this.#endByBackend({ code: CloseCode.MessageTooBig, reason, isBackendFailure: false, detail });
      return;
    }
    const reason = 'the service broke the connection';
    this.#endByBackend({ code: CloseCode.InternalError, reason, isBackendFailure: true, detail: error.message });
  }

  #onUpstreamClose(code: number, reason: string): void {
    this.#isUpstreamDone = true;
    if (this.#end === undefined) {
      if (code === ABNORMAL_CLOSURE) {
        const detail = 'expected a close frame from the backend, got the end of the connection';
        const told = 'the service is gone';
        this.#endByBackend({ code: CloseCode.InternalError, reason: told, isBackendFailure: true, detail });
      } else {
        this.#endByBackend({ code, reason, isBackendFailure: false, detail: undefined });
      }
    }
    this.#finish();
  }

  #endByBackend(end: Omit<LinkEnd, 'closedBy'>): void {
    this.#end = { ...end, closedBy: 'backend' };
    if (isWireCloseCode(end.code)) this.#downstream?.end(end.code, cutCloseReason(end.reason));
    else if (end.code === NO_STATUS_RECEIVED) this.#downstream?.end();
    else this.#downstream?.end(CloseCode.InternalError, 'the service closed with a reserved code');
  }

  // Liveness.

  onTick(nowMs: number): void {
    if (this.#upstream.readyState === this.#upstream.CLOSING) this.#checkClosing(nowMs);
    // A client that does not read what is left for it is the listener's to cut: its socket is out of our hands.
    if (this.#end !== undefined) return;
    if (nowMs >= this.#lifetimeEnd)
      this.#hitBound('lifetime', CloseCode.GoingAway, 'the connection reached its lifetime');
    else if (this.#options.knownUntilMs > 0 && nowMs >= this.#options.knownUntilMs)
      this.close(CloseCode.PolicyViolation, CREDENTIALS_RAN_OUT, 'the token ran out');
    else if (nowMs - this.#messageAt >= this.#options.idleMs * this.#keepAlive.idleShare)
      this.#hitBound('idle', CloseCode.GoingAway, 'idle');
    else if (!this.#checkClient(nowMs)) this.#checkBackend(nowMs);
  }

  #checkClient(nowMs: number): boolean {
    const idleMs = this.#options.limits.idleMs * this.#keepAlive.idleShare;
    const silence = judgeSilence(nowMs, this.#clientHeardAt, this.#clientPingedAt, idleMs);
    if (silence === 'ping') {
      this.#clientPingedAt = nowMs;
      this.#downstream?.ping();
    } else if (silence === 'stale') {
      this.#cutClient('idle', `expected a sign of life from the client within ${idleMs} ms, got none`);
      this.#closeUpstream(CloseCode.GoingAway, 'the client is silent');
    }
    return silence === 'stale';
  }

  #checkBackend(nowMs: number): void {
    // While its client is slow we do not read what the backend says, pongs included.
    if (this.#isPaused) this.#backendHeardAt = nowMs;
    const idleMs = this.#options.limits.idleMs * this.#keepAlive.idleShare;
    const silence = judgeSilence(nowMs, this.#backendHeardAt, this.#backendPingedAt, idleMs);
    if (silence === 'ping') {
      this.#backendPingedAt = nowMs;
      this.#upstream.ping();
    } else if (silence === 'stale') {
      const detail = `expected a sign of life from the backend within ${idleMs} ms, got none`;
      const reason = 'the service is silent';
      this.#endByBackend({ code: CloseCode.InternalError, reason, isBackendFailure: true, detail });
      this.#upstream.terminate();
    }
  }

  /** Whichever side began it. */
  #checkClosing(nowMs: number): void {
    const waitingBytes = this.#upstream.bufferedAmount;
    const { limits, idleMs, traffic } = this.#options;
    this.#closing ??= new ClosingClock({ stallMs: limits.idleMs, totalMs: idleMs }, nowMs, waitingBytes);
    const verdict = this.#closing.judge(nowMs, waitingBytes);
    if (verdict === 'wait') return;
    if (verdict === 'stuck') traffic.boundHit('backend_close');
    this.#upstream.terminate();
  }

  // Ends.

  #hitBound(bound: BoundName, code: number, reason: string): void {
    this.#options.traffic.boundHit(bound);
    this.close(code, reason, `limit: ${bound}`);
  }

  /** Without a close frame: it would not be read. */
  #cutClient(bound: BoundName, detail: string): void {
    this.#options.traffic.boundHit(bound);
    this.#end = { code: ABNORMAL_CLOSURE, reason: '', closedBy: 'edge', isBackendFailure: false, detail };
    this.#downstream?.terminate();
  }

  #closeUpstream(code: number, reason: string): void {
    const upstream = this.#upstream;
    // A paused socket would never read the answer to our close frame.
    if (this.#isPaused) this.#resume();
    if (isWireCloseCode(code)) upstream.close(code, cutCloseReason(reason));
    else upstream.close();
  }

  #pause(): void {
    this.#isPaused = true;
    this.#upstream.pause();
    this.#options.traffic.boundHit('client_buffer');
  }

  #resume(): void {
    this.#isPaused = false;
    this.#upstream.resume();
  }

  #finish(): void {
    if (this.#isFinished || !this.#isDownstreamDone || !this.#isUpstreamDone || this.#end === undefined) return;
    this.#isFinished = true;
    this.#counts.open -= 1;
    this.#keepAlive.delete(this);
    this.#options.traffic.closed(this.#counts.route, this.#end.code, this.#end.closedBy);
    this.#options.onEnd(this.#end);
  }
}
