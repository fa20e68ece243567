import { array, assert, boolean, constantFrom, integer, nat, oneof, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameCutter } from './frame-cutter.js';

const MAX_MESSAGE_BYTES = 100_000;
const WHOLE = 0x82;
const FIRST_FRAGMENT = 0x02;
const LAST_FRAGMENT = 0x80;

function frame(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head =
    length < 126 ? [first, length] : length < 65_536 ? [first, 126, 0, 0] : [first, 127, ...new Uint8Array(8)];
  const bytes = Buffer.concat([Buffer.from(head), payload]);
  if (length >= 65_536) bytes.writeUInt32BE(length, 6);
  else if (length >= 126) bytes.writeUInt16BE(length, 2);
  return bytes;
}

/** Gives `bytes` in reads of these lengths (the last one again and again), each through a buffer that is overwritten after it. */
function run(cutter: FrameCutter, bytes: Buffer, reads: readonly number[]): { taken: Buffer[]; kept: Buffer[] } {
  const taken: Buffer[] = [];
  const kept: Buffer[] = [];
  const lent = Buffer.alloc(70_000);
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const length = Math.min(reads[Math.min(i, reads.length - 1)] ?? 1, lent.length, bytes.length - at);
    bytes.copy(lent, 0, at, at + length);
    cutter.cut(lent.subarray(0, length), (piece) => {
      taken.push(Buffer.from(piece));
      if ((piece[0]! & 0x8f) !== WHOLE) kept.push(piece);
    });
    lent.fill(0xee);
    at += length;
  }
  return { taken, kept };
}

const payload = oneof(nat(200), integer({ min: 4000, max: 5000 }), constantFrom(125, 126, 65_535, 65_536, 99_999)).map(
  (length) => Buffer.alloc(length, 'the quick brown fox jumps over the lazy dog'),
);
const frames = array(tuple(constantFrom(WHOLE, FIRST_FRAGMENT, LAST_FRAGMENT, 0x89), payload), {
  maxLength: 8,
});
const reads = array(oneof(integer({ min: 1, max: 12 }), integer({ min: 1, max: 70_000 })), {
  minLength: 1,
});

describe('FrameCutter', () => {
  it('gives on every byte in order, in pieces that begin and end with a frame, however the reads fall', () => {
    assert(
      property(frames, reads, (parts, lengths) => {
        const stream = parts.map(([first, data]) => frame(first, data));
        const { taken } = run(new FrameCutter(MAX_MESSAGE_BYTES), Buffer.concat(stream), lengths);
        expect(Buffer.concat(taken).equals(Buffer.concat(stream))).toBe(true);
        const ends = new Set([0, ...stream.map((_, i) => Buffer.concat(stream.slice(0, i + 1)).length)]);
        let end = 0;
        for (const piece of taken) expect(ends.has((end += piece.length))).toBe(true);
      }),
    );
  });

  it('keeps the order of what is cut and what passes by, wherever one ends and the other begins', () => {
    assert(
      property(frames, array(tuple(boolean(), integer({ min: 1, max: 60_000 }))), (parts, reads) => {
        const stream = Buffer.concat(parts.map(([first, data]) => frame(first, data)));
        const cutter = new FrameCutter(MAX_MESSAGE_BYTES);
        const seen: Buffer[] = [];
        let at = 0;
        for (const [isCut, length] of [...reads, [true, stream.length] as const]) {
          const bytes = Buffer.from(stream.subarray(at, at + length));
          if (isCut) cutter.cut(bytes, (piece) => seen.push(Buffer.from(piece)));
          else seen.push(cutter.passBy(bytes));
          bytes.fill(0xee);
          at += length;
        }
        expect(Buffer.concat(seen).equals(stream)).toBe(true);
      }),
    );
  });

  it('copies the fragments of a message, which the parser keeps beyond the read', () => {
    const parts = [
      frame(FIRST_FRAGMENT, Buffer.from('one')),
      frame(0, Buffer.from('two')),
      frame(LAST_FRAGMENT, Buffer.from('3')),
    ];
    for (const read of [1, 4, 1000]) {
      const { kept } = run(new FrameCutter(MAX_MESSAGE_BYTES), Buffer.concat(parts), [read]);
      expect(kept.map(String)).toEqual(parts.map(String));
    }
  });

  it.each([
    ['a mask', Buffer.from([WHOLE, 0x84, 1, 2, 3, 4, 5, 6, 7, 8])],
    ['a reserved bit', Buffer.from([WHOLE | 0x40, 4, 1, 2, 3, 4])],
    [
      'more than a message may have',
      Buffer.concat([Buffer.from([WHOLE, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xab]), Buffer.alloc(20)]),
    ],
  ])('lets the parser see %s at once, and all that follows', (_name, doubtful) => {
    for (const read of [1, 3, 1000]) {
      const sent = Buffer.concat([frame(WHOLE, Buffer.from('fine')), doubtful]);
      expect(Buffer.concat(run(new FrameCutter(MAX_MESSAGE_BYTES), sent, [read]).taken).equals(sent)).toBe(true);
    }
  });

  it('gives back the memory of a frame that will not be completed', () => {
    const cutter = new FrameCutter(MAX_MESSAGE_BYTES);
    cutter.cut(frame(WHOLE, Buffer.alloc(90_000)).subarray(0, 50_000), () => expect.unreachable());
    const before = process.memoryUsage().arrayBuffers;
    cutter.release();
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(before - 90_000);
  });
});
