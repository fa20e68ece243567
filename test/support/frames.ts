/**
 * WebSocket frames by hand (RFC 6455 §5.2), for peers that break the rules on purpose: a library would refuse to
 * write what these tests must send, and would hide what they must see.
 */
export const Opcode = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

export interface Frame {
  readonly fin: boolean;
  /** RSV1–3 as the three bits of a number: RSV1 is 4. */
  readonly rsv: number;
  readonly opcode: number;
  readonly isMasked: boolean;
  /** Unmasked. */
  readonly payload: Buffer;
}

export interface FrameShape {
  readonly opcode: number;
  readonly payload?: Buffer | string;
  /** @default true */
  readonly fin?: boolean;
  /** @default 0 */
  readonly rsv?: number;
  /** Clients mask, servers do not. @default true */
  readonly mask?: boolean;
}

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

export function encodeFrame({ opcode, payload = '', fin = true, rsv = 0, mask = true }: FrameShape): Buffer {
  const body = Buffer.from(payload as string);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const head = [Buffer.from([first]), encodeLength(body.length, mask)];
  if (!mask) return Buffer.concat([...head, body]);
  for (let i = 0; i < body.length; i += 1) body[i]! ^= MASK[i & 3]!;
  return Buffer.concat([...head, MASK, body]);
}

export function encodeClose(code: number, reason = '', mask = true): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return encodeFrame({ opcode: Opcode.close, payload, mask });
}

/** Code and reason of a close frame; undefined for one without a code. */
export function closeOf(frame: Frame): { code: number; reason: string } | undefined {
  if (frame.payload.length < 2) return undefined;
  return { code: frame.payload.readUInt16BE(), reason: frame.payload.toString('utf8', 2) };
}

/** Takes bytes as they come, gives whole frames. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): readonly Frame[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Frame | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    const isMasked = (bytes[1]! & 0x80) !== 0;
    const short = bytes[1]! & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + lengthBytes + (isMasked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length = readLength(bytes, short);
    if (bytes.length < start + length) return undefined;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (isMasked) for (let i = 0; i < length; i += 1) payload[i]! ^= bytes[start - 4 + (i & 3)]!;
    this.#pending = bytes.subarray(start + length);
    return { fin: (bytes[0]! & 0x80) !== 0, rsv: (bytes[0]! >> 4) & 7, opcode: bytes[0]! & 0xf, isMasked, payload };
  }
}

function encodeLength(length: number, mask: boolean): Buffer {
  const bit = mask ? 0x80 : 0;
  if (length < 126) return Buffer.from([bit | length]);
  const encoded = Buffer.alloc(length < 65_536 ? 3 : 9);
  encoded[0] = bit | (length < 65_536 ? 126 : 127);
  if (length < 65_536) encoded.writeUInt16BE(length, 1);
  else encoded.writeBigUInt64BE(BigInt(length), 1);
  return encoded;
}

/** Of an eight-byte length the upper half is 0 for all that fits in a buffer here. */
function readLength(bytes: Buffer, short: number): number {
  if (short === 126) return bytes.readUInt16BE(2);
  return short === 127 ? bytes.readUInt32BE(6) : short;
}
