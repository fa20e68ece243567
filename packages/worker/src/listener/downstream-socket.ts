/**
 * An open WebSocket of a client, over uWebSockets.js. Every call after the close is harmless here; on the native
 * object it would throw. One object per connection, which is all that the native user data refers to.
 */
import type { WebSocket } from 'uWebSockets.js';

/** What the owner of a connection is told. Called on the event loop, never re-entrantly from `send`. */
export interface DownstreamHandler {
  /** `data` is only valid during the call. */
  onMessage(data: ArrayBuffer, isBinary: boolean): void;
  /** The send buffer drained, wholly or in part. */
  onWritable(): void;
  /** A ping came; it has been answered already. */
  onPing(data: ArrayBuffer): void;
  onPong(data: ArrayBuffer): void;
  /**
   * Something was not taken for it: sent, or published on a channel that it listens to. Subscriptions must not be touched in this
   * call, nor anything sent. Absent where nothing is listened to: `send` says the same.
   */
  onDropped?(): void;
  /** The connection is gone, whoever ended it. Code 1005 or 1006 when no frame told another. Called once. */
  onClose(code: number, reason: string): void;
}

/** sent: on its way. buffered: taken, but the client is slow. dropped: over the hard bound, not taken. */
export type SendResult = 'sent' | 'buffered' | 'dropped';

export interface SocketData {
  readonly socket: DownstreamSocket;
}

/**
 * Pings and pongs of a client within a second. Each costs as much as a message, and one read of the native side brings up
 * to 87,000 of them, so that a handful of clients would stall all others. Those who measure a round trip send a few.
 */
const MAX_CONTROL_FRAMES = 100;
const SECOND_MS = 1000;

const SEND_RESULTS: readonly SendResult[] = ['buffered', 'sent', 'dropped'];

export class DownstreamSocket {
  readonly handler: DownstreamHandler;
  readonly #compress: boolean;
  #ws: WebSocket<SocketData> | undefined;
  #controlFrames = 0;
  #controlSince = -Infinity;

  constructor(handler: DownstreamHandler, compress: boolean) {
    this.handler = handler;
    this.#compress = compress;
  }

  /** Called by the listener alone, when the handshake is done. */
  attach(ws: WebSocket<SocketData>): void {
    this.#ws = ws;
  }

  /** Called by the listener alone: the native object must not be used again. */
  detach(code: number, reason: string): void {
    this.#ws = undefined;
    this.handler.onClose(code, reason);
  }

  /** A ping or pong came. False, once: one more than a client may send. Called by the listener alone. */
  takeControlFrame(nowMs: number): boolean {
    if (nowMs - this.#controlSince >= SECOND_MS) {
      this.#controlSince = nowMs;
      this.#controlFrames = 0;
    }
    this.#controlFrames += 1;
    return this.#controlFrames <= MAX_CONTROL_FRAMES;
  }

  send(data: Uint8Array | string, isBinary: boolean): SendResult {
    if (this.#ws === undefined) return 'dropped';
    return SEND_RESULTS[this.#ws.send(data, isBinary, this.#compress)] ?? 'dropped';
  }

  /** What `writes` sends leaves together. */
  cork(writes: () => void): void {
    this.#ws?.cork(writes);
  }

  /** It is sent what Listener.publish says on this channel from now on; not what was published before in the same turn. */
  listen(channel: string): void {
    this.#ws?.subscribe(channel);
  }

  unlisten(channel: string): void {
    this.#ws?.unsubscribe(channel);
  }

  get bufferedBytes(): number {
    return this.#ws === undefined ? 0 : this.#ws.getBufferedAmount();
  }

  ping(data?: Uint8Array): void {
    this.#ws?.ping(data);
  }

  /** Close frame, then the connection. Without a code the frame is empty. Runs `onClose` before it returns. */
  end(code?: number, reason = ''): void {
    if (code === undefined) this.#ws?.end();
    else this.#ws?.end(code, reason);
  }

  /** Without a close frame: for a client that does not take one. */
  terminate(): void {
    this.#ws?.close();
  }
}
