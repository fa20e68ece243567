/**
 * Frames and batches of `holdfast-trunk.v1` (PROTOCOL.md, part 2). A BatchWriter gathers one event-loop turn's frames in
 * one buffer; readBatch walks a received one in place. Neither allocates per frame.
 */
import { MAX_BATCH_BYTES } from './limits.js';
import { ProtocolError } from './protocol-error.js';

export const TrunkKind = {
  Challenge: 0x01,
  Prove: 0x02,
  Ready: 0x03,
  Ping: 0x04,
  Pong: 0x05,
  Drain: 0x06,
  Load: 0x07,
  Request: 0x08,
  Result: 0x09,
  Open: 0x10,
  Opened: 0x11,
  Text: 0x12,
  Binary: 0x13,
  Close: 0x14,
  Detach: 0x15,
  Handoff: 0x16,
  Resync: 0x17,
  Credit: 0x18,
  Subscribe: 0x19,
  Unsubscribe: 0x1a,
} as const;

/** The stream of the trunk itself. */
export const TRUNK_STREAM = 0;
export const FRAME_HEAD_BYTES = 9;

export interface FrameVisitor {
  /** The payload is `bytes[start, end)`, valid during the call only. */
  onFrame(stream: number, kind: number, bytes: Uint8Array, start: number, end: number): void;
}

/** Visits each frame of a batch in order; throws a ProtocolError at the first that does not fit. */
export function readBatch(bytes: Uint8Array, visitor: FrameVisitor): void {
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < FRAME_HEAD_BYTES) {
      throw new ProtocolError(`batch: expected a frame head of 9 bytes, got ${bytes.length - at}`);
    }
    const start = at + FRAME_HEAD_BYTES;
    const end = start + readU32(bytes, at + 5);
    if (end > bytes.length) {
      throw new ProtocolError(`batch: expected a payload of ${end - start} bytes, got ${bytes.length - start}`);
    }
    visitor.onFrame(readU32(bytes, at), bytes[at + 4] as number, bytes, start, end);
    at = end;
  }
}

export type Allocate = (bytes: number) => Uint8Array<ArrayBuffer>;

/** Batches are cut one after another from buffers of this size: an allocation costs more than a frame. */
const SLAB_BYTES = 64 * 1024;

/** Gathers frames until `take`. What it hands out is never touched again, since a socket may hold on to it. */
export class BatchWriter {
  readonly #allocate: Allocate;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  /** The batch that is being gathered is `#buffer[#start, #end)`; what is before it was handed out. */
  #start = 0;
  #end = 0;
  #frameAt = 0;
  /** Of the next buffer: the next batch is probably about as large as the last one. */
  #capacity = SLAB_BYTES;

  /** @param allocate need not zero: Buffer.allocUnsafeSlow in Node. */
  constructor(allocate: Allocate = (bytes) => new Uint8Array(bytes)) {
    this.#allocate = allocate;
  }

  /** Bytes gathered. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** A whole frame. */
  frame(stream: number, kind: number, payload: Uint8Array): void {
    const at = this.begin(stream, kind, payload.length);
    this.buffer.set(payload, at);
    this.end(at + payload.length);
  }

  /** Begins a frame of at most `maxBytes`; answers where in `buffer` its payload goes. `end` must follow. */
  begin(stream: number, kind: number, maxBytes: number): number {
    this.#reserve(FRAME_HEAD_BYTES + maxBytes);
    const { buffer } = this;
    const at = this.#end;
    writeU32(buffer, at, stream);
    buffer[at + 4] = kind;
    this.#frameAt = at;
    return at + FRAME_HEAD_BYTES;
  }

  /** Ends the frame that `begin` began: its payload ends at `at`. */
  end(at: number): void {
    writeU32(this.buffer, this.#frameAt + 5, at - this.#frameAt - FRAME_HEAD_BYTES);
    this.#end = at;
  }

  /** Where `begin` said; another one after each `begin`. */
  get buffer(): Uint8Array<ArrayBuffer> {
    return (this.#buffer ??= this.#allocate(this.#capacity));
  }

  /** What was gathered, or undefined; starts a new batch. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#buffer === undefined || this.bytes === 0) return undefined;
    const batch = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#capacity = Math.max(SLAB_BYTES, Math.min(MAX_BATCH_BYTES, Math.ceil(batch.length * 1.25)));
    // What is left is kept if another such batch fits, and not if it is a large batch's: idle trunks hold one slab.
    const left = this.#buffer.length - this.#end;
    if (left < batch.length || this.#buffer.length > this.#capacity) this.#startOn(undefined);
    return batch;
  }

  #reserve(bytes: number): void {
    const { buffer } = this;
    if (this.#end + bytes <= buffer.length) return;
    const gathered = buffer.subarray(this.#start, this.#end);
    const larger = this.#allocate(Math.max(this.#capacity, gathered.length + bytes, gathered.length * 2));
    larger.set(gathered);
    this.#startOn(larger);
    this.#end = gathered.length;
  }

  #startOn(buffer: Uint8Array<ArrayBuffer> | undefined): void {
    this.#buffer = buffer;
    this.#start = this.#end = 0;
  }
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) * 0x1000000 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
