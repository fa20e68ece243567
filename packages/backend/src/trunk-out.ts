/**
 * What leaves on one trunk: frames are gathered in one buffer and written as one message at the end of the turn, or when
 * the batch has its full size. Nothing is allocated per frame.
 */
import {
  BatchWriter,
  encodeCloseFrame,
  encodeJson,
  encodeWithTail,
  MAX_BATCH_BYTES,
  MAX_DATA_HEADER_BYTES,
  type TailEntry,
  TRUNK_STREAM,
  TrunkKind,
  writeAck,
  writeBinaryHeader,
  writeTextHeader,
} from '@holdfast/protocol';
import { maxBytesOf, type Payload, writePayload } from './payload.js';
import type { TrunkTransport } from './transport.js';

/** Kind of frame, stream and length. */
const FRAME_HEAD_BYTES = 9;
/** A worker that is this far behind gets no more data until it has caught up: what waits is memory. */
const CONGESTED_BYTES = 4 * 1024 * 1024;

export interface StreamEnd {
  /** close: the session is over. detach: only its connection is. */
  readonly kind: 'close' | 'detach';
  readonly code: number;
  readonly reason: string;
}

export class TrunkOut {
  readonly #transport: TrunkTransport;
  readonly #writer = new BatchWriter((bytes) => Buffer.allocUnsafeSlow(bytes));
  readonly #onDue: (out: TrunkOut) => void;
  #isDue = false;
  #hasWaiting = false;

  /** @param onDue told of the first frame after each `flush`. */
  constructor(transport: TrunkTransport, onDue: (out: TrunkOut) => void) {
    this.#transport = transport;
    this.#onDue = onDue;
  }

  get isCongested(): boolean {
    return this.#transport.bufferedBytes > CONGESTED_BYTES;
  }

  /** Asked by a session that has data: it is told when there is room again. */
  takesData(): boolean {
    if (!this.isCongested) return true;
    this.#hasWaiting = true;
    return false;
  }

  /** Is there room again for those who were told to wait? True once. */
  hasCaughtUp(): boolean {
    if (!this.#hasWaiting || this.isCongested) return false;
    this.#hasWaiting = false;
    return true;
  }

  /** A data frame; `ack` 0 acknowledges nothing. Positional, so that a message costs no object. */
  // oxlint-disable-next-line max-params
  data(stream: number, n: number, ack: number, data: Payload): void {
    const isText = typeof data === 'string';
    const at = this.#begin(
      stream,
      isText ? TrunkKind.Text : TrunkKind.Binary,
      MAX_DATA_HEADER_BYTES + maxBytesOf(data),
    );
    const bytes = this.#writer.buffer as Buffer;
    const start = isText ? writeTextHeader(bytes, at, n, ack) : writeBinaryHeader(bytes, at, n, ack);
    this.#writer.end(writePayload(bytes, start, data));
  }

  /** A plain client's message. */
  message(stream: number, data: Payload): void {
    const at = this.#begin(stream, typeof data === 'string' ? TrunkKind.Text : TrunkKind.Binary, maxBytesOf(data));
    this.#writer.end(writePayload(this.#writer.buffer as Buffer, at, data));
  }

  ack(stream: number, ack: number): void {
    const at = this.#begin(stream, TrunkKind.Text, MAX_DATA_HEADER_BYTES);
    this.#writer.end(writeAck(this.#writer.buffer, at, ack));
  }

  frame(stream: number, kind: number, payload: Uint8Array): void {
    const at = this.#begin(stream, kind, payload.length);
    this.#writer.buffer.set(payload, at);
    this.#writer.end(at + payload.length);
  }

  json(kind: number, body: object, stream: number = TRUNK_STREAM): void {
    this.frame(stream, kind, encodeJson(body));
  }

  jsonWithTail(stream: number, kind: number, body: object, tail: readonly TailEntry[]): void {
    this.frame(stream, kind, encodeWithTail(body, tail));
  }

  /** The last word on a stream. */
  end(stream: number, { kind, code, reason }: StreamEnd): void {
    this.frame(stream, kind === 'close' ? TrunkKind.Close : TrunkKind.Detach, encodeCloseFrame(code, reason));
  }

  credit(stream: number, hasCredit: boolean): void {
    this.frame(stream, TrunkKind.Credit, Uint8Array.of(hasCredit ? 1 : 0));
  }

  flush(): void {
    this.#isDue = false;
    const batch = this.#writer.take();
    if (batch !== undefined) this.#transport.send(batch);
  }

  #begin(stream: number, kind: number, maxBytes: number): number {
    const { bytes } = this.#writer;
    if (bytes > 0 && bytes + FRAME_HEAD_BYTES + maxBytes > MAX_BATCH_BYTES) this.#cut();
    if (!this.#isDue) {
      this.#isDue = true;
      this.#onDue(this);
    }
    return this.#writer.begin(stream, kind, maxBytes);
  }

  #cut(): void {
    const batch = this.#writer.take();
    if (batch !== undefined) this.#transport.send(batch);
  }
}
