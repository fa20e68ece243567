/**
 * Cuts what a backend sends into pieces that a parser of WebSocket frames consumes at once and keeps nothing of. So
 * the bytes can be lent to it: they stay in the buffer that the next read overwrites, and a read allocates nothing.
 *
 * Whole frames go on as they lie in that buffer. A frame that a read cuts off is put together here, in a buffer of
 * its size, and goes on when it is whole. Only what a parser has to keep is copied: fragments of a message. It looks
 * at lengths alone: whether a frame is right is the parser's to say, which gets a doubtful one at once and as it is.
 */
import { MessageChannel } from 'node:worker_threads';

/** Called with bytes that are valid during the call only. */
export type TakeBytes = (bytes: Buffer) => void;

/** Two bytes, and up to eight of an extended length; a server's frame has no mask (RFC 6455 §5.1). */
const MAX_HEAD_BYTES = 10;
/** From here on a frame has memory of its own, outside of `Buffer`'s pool. */
const OWN_MEMORY_BYTES = 4 * 1024;
const MAX_SPARE_BYTES = 256 * 1024;
const UNKNOWN = 0;
const EMPTY = Buffer.alloc(0);

/**
 * Memory of the last long frame, for the next one: a stream of them would else leave one per read to the garbage
 * collector. One per process is enough: the end of one frame and the beginning of the next come in the same read.
 */
let spare: Buffer | undefined;
/** What is transferred to a closed port is freed there and then. */
const nowhere = new MessageChannel().port1;
nowhere.close();

export class FrameCutter {
  readonly #maxFrameBytes: number;
  /** A frame that is not whole yet; while its size is unknown, room for its head. */
  #frame: Buffer | undefined;
  #size = UNKNOWN;
  /** How much of it has come, and how much of that the parser has got by another way. */
  #held = 0;
  #given = 0;
  /** A doubtful frame came. The parser ends the connection there: nothing is cut any more. */
  #isOff = false;

  constructor(maxMessageBytes: number) {
    this.#maxFrameBytes = maxMessageBytes + MAX_HEAD_BYTES;
  }

  /** For bytes that reach the parser by another way, in their order. Returns what is to go there: a copy, after what is held. */
  passBy(bytes: Buffer): Buffer {
    const held = this.#frame?.subarray(this.#given, this.#held) ?? EMPTY;
    const passed = Buffer.concat([held, bytes]);
    this.cut(bytes, ignore);
    this.#given = this.#held;
    return passed;
  }

  cut(bytes: Buffer, take: TakeBytes): void {
    let at = this.#frame === undefined ? 0 : this.#continue(this.#frame, bytes, take);
    let start = at;
    while (at < bytes.length && !this.#isOff) {
      const size = this.#sizeOf(bytes, at, bytes.length - at);
      if (size === UNKNOWN || size > bytes.length - at) break;
      if (isFragment(bytes[at])) {
        if (at > start) take(bytes.subarray(start, at));
        start = at + size;
        take(Buffer.from(bytes.subarray(at, start)));
      }
      at += size;
    }
    if (at > start) take(bytes.subarray(start, at));
    if (at === bytes.length) return;
    if (this.#isOff) take(Buffer.from(bytes.subarray(at)));
    else this.#hold(bytes, at);
  }

  /** No more will come. A long frame's memory goes back now: by the collector's time it would lie between others that are in use. */
  release(): void {
    const frame = this.#frame;
    this.#frame = undefined;
    if (frame === undefined || frame.length < OWN_MEMORY_BYTES) return;
    if (frame.buffer instanceof ArrayBuffer) nowhere.postMessage(undefined, [frame.buffer]);
  }

  #hold(bytes: Buffer, at: number): void {
    this.#size = this.#sizeOf(bytes, at, bytes.length - at);
    this.#frame = this.#size === UNKNOWN ? Buffer.alloc(MAX_HEAD_BYTES) : memoryFor(this.#size);
    this.#held = bytes.copy(this.#frame, 0, at);
  }

  /** The rest of the frame that is held. Returns where the next one begins. */
  #continue(begun: Buffer, bytes: Buffer, take: TakeBytes): number {
    let frame = begun;
    let at = 0;
    while (this.#size === UNKNOWN) {
      if (at === bytes.length || this.#isOff) return at;
      frame = this.#continueHead(frame, bytes[at], take);
      at += 1;
    }
    const copied = bytes.copy(frame, this.#held, at, at + this.#size - this.#held);
    this.#held += copied;
    if (this.#held === this.#size) this.#giveWhole(frame, take);
    return at + copied;
  }

  #continueHead(head: Buffer, byte = 0, take: TakeBytes): Buffer {
    head[this.#held] = byte;
    this.#held += 1;
    this.#size = this.#sizeOf(head, 0, this.#held);
    if (this.#size !== UNKNOWN) {
      this.#frame = memoryFor(this.#size);
      head.copy(this.#frame, 0, 0, this.#held);
      return this.#frame;
    }
    if (this.#isOff) {
      take(head.subarray(this.#given, this.#held));
      this.#forget();
    }
    return head;
  }

  #giveWhole(frame: Buffer, take: TakeBytes): void {
    const rest = frame.subarray(this.#given, this.#size);
    this.#forget();
    take(isFragment(frame[0]) ? Buffer.from(rest) : rest);
    if (frame.length >= OWN_MEMORY_BYTES && frame.length <= MAX_SPARE_BYTES) spare = frame;
  }

  #forget(): void {
    this.#frame = undefined;
    this.#size = UNKNOWN;
    this.#held = this.#given = 0;
  }

  /** Head and payload of the frame at `at`, of which `left` bytes are there. UNKNOWN: too few of them, or it is doubtful. */
  #sizeOf(bytes: Buffer, at: number, left: number): number {
    if (left < 2) return UNKNOWN;
    const length = bytes[at + 1] ?? 0;
    let size = length + 2;
    if (length === 126) {
      if (left < 4) return UNKNOWN;
      size = bytes.readUInt16BE(at + 2) + 4;
    } else if (length === 127) {
      if (left < MAX_HEAD_BYTES) return UNKNOWN;
      size = bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6) + MAX_HEAD_BYTES;
    }
    // Reserved bits, a mask, more than may come: the parser has a word for each of them.
    this.#isOff = ((bytes[at] ?? 0) & 0x70) !== 0 || length > 127 || size > this.#maxFrameBytes;
    return this.#isOff ? UNKNOWN : size;
  }
}

/** Not the last frame of a message, or not the first: the parser keeps it until the message is whole. */
function isFragment(first = 0): boolean {
  return (first & 0x80) === 0 || (first & 0x0f) === 0;
}

function memoryFor(size: number): Buffer {
  const kept = spare;
  // One that is far too long would be lost for as long as a stalled client holds the frame up.
  if (kept !== undefined && kept.length >= size && kept.length <= 2 * size) {
    spare = undefined;
    return kept;
  }
  return size < OWN_MEMORY_BYTES ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
}

function ignore(): void {
  // They go by.
}
