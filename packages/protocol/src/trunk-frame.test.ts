/** Batches: what goes in comes out, however it is cut into turns, and nothing that was handed out changes afterwards. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from './protocol-error.js';
import { BatchWriter, FRAME_HEAD_BYTES, readBatch, readU32, TRUNK_STREAM, TrunkKind, writeU32 } from './trunk-frame.js';

interface Frame {
  readonly stream: number;
  readonly kind: number;
  /** In hex: comparing long lists of numbers takes seconds. */
  readonly payload: string;
}

/** A frame to be written, of `size` bytes that count up from `seed`. */
interface Write {
  readonly stream: number;
  readonly kind: number;
  readonly size: number;
  readonly seed: number;
}

const u32 = fc.oneof(fc.nat(10), fc.integer({ min: 0, max: 0xffffffff }));
const size = fc.oneof({ weight: 8, arbitrary: fc.nat(100) }, { weight: 1, arbitrary: fc.nat(200_000) });
const frame: fc.Arbitrary<Write> = fc.record({ stream: u32, kind: fc.nat(255), size, seed: fc.nat(255) });
const step: fc.Arbitrary<Write | 'take' | 'abandon'> = fc.oneof(
  { weight: 10, arbitrary: frame },
  { weight: 2, arbitrary: fc.constant('take' as const) },
  { weight: 1, arbitrary: fc.constant('abandon' as const) },
);

describe('BatchWriter and readBatch', () => {
  it('give back every frame in order, over any turns and sizes, in batches that never change again', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), fc.boolean(), (steps, isDirty) => {
        // Memory as Buffer.allocUnsafeSlow gives it: with something in it.
        const writer = isDirty ? new BatchWriter((bytes) => new Uint8Array(bytes).fill(0xee)) : new BatchWriter();
        const written: Frame[] = [];
        const batches: { readonly handedOut: Uint8Array; readonly copy: Uint8Array }[] = [];
        const take = (): void => {
          const expectedBytes = writer.bytes;
          const handedOut = writer.take();
          expect(handedOut?.length ?? 0).toBe(expectedBytes);
          if (handedOut !== undefined) batches.push({ handedOut, copy: handedOut.slice() });
        };
        for (const one of steps) {
          if (one === 'take') take();
          else if (one === 'abandon') writer.begin(7, 7, 300);
          else written.push(write(writer, one));
        }
        take();
        expect(writer.take()).toBeUndefined();
        for (const { handedOut, copy } of batches) expect(Buffer.compare(handedOut, copy)).toBe(0);
        const read = batches.flatMap(({ handedOut }) => framesOf(handedOut));
        expect(read).toEqual(written);
      }),
      { numRuns: 40 },
    );
  });

  it('takes as much of a frame that was begun as was written', () => {
    const writer = new BatchWriter();
    const at = writer.begin(5, TrunkKind.Text, 100);
    writer.buffer.set([1, 2, 3], at);
    writer.end(at + 3);
    writer.frame(6, TrunkKind.Binary, Uint8Array.of(4));
    expect(framesOf(writer.take()!)).toEqual([
      { stream: 5, kind: TrunkKind.Text, payload: '010203' },
      { stream: 6, kind: TrunkKind.Binary, payload: '04' },
    ]);
  });

  it('has nothing to take before the first frame', () => {
    const writer = new BatchWriter();
    expect([writer.bytes, writer.take()]).toEqual([0, undefined]);
    expect(writer.begin(1, 1, 10)).toBe(FRAME_HEAD_BYTES);
    expect(writer.take()).toBeUndefined();
  });

  it('allocates once for many small batches, and keeps no large buffer once its batches are small again', () => {
    const allocated: number[] = [];
    const writer = new BatchWriter((bytes) => {
      allocated.push(bytes);
      return new Uint8Array(bytes);
    });
    for (let turn = 0; turn < 500; turn += 1) {
      writer.frame(1, TrunkKind.Text, new Uint8Array(64));
      writer.take();
    }
    expect(allocated).toEqual([65_536]);
    writer.frame(1, TrunkKind.Text, new Uint8Array(20_000_000));
    writer.take();
    writer.frame(1, TrunkKind.Text, new Uint8Array(64));
    writer.take();
    allocated.length = 0;
    writer.frame(1, TrunkKind.Text, new Uint8Array(64));
    expect(allocated).toEqual([65_536]);
  });
});

describe('readBatch', () => {
  it.each([
    ['a head that is cut off', [0, 0, 0, 1, 0x12, 0, 0, 0]],
    ['a payload that is cut off', [0, 0, 0, 1, 0x12, 0, 0, 0, 2, 0x61]],
    ['a length of 4 GiB', [0, 0, 0, 1, 0x12, 0xff, 0xff, 0xff, 0xff, 0x61]],
  ])('refuses %s, after the frames before it', (_, tail) => {
    const good = [0, 0, 0, 9, 0x13, 0, 0, 0, 1, 0x7a];
    const seen: Frame[] = [];
    expect(() => collect(Uint8Array.from([...good, ...tail]), seen)).toThrow(ProtocolError);
    expect(seen).toEqual([{ stream: 9, kind: 0x13, payload: '7a' }]);
  });

  it('visits nothing in an empty one', () => {
    expect(framesOf(new Uint8Array())).toEqual([]);
  });

  it('reads within a larger buffer', () => {
    const whole = Uint8Array.from([9, 9, 0, 0, 0, 1, 0x12, 0, 0, 0, 1, 0x61, 9]);
    expect(framesOf(whole.subarray(2, 12))).toEqual([{ stream: 1, kind: 0x12, payload: '61' }]);
  });

  it('lets what its visitor throws pass', () => {
    const visitor = {
      onFrame: (): void => {
        throw new Error('mine');
      },
    };
    expect(() => readBatch(new Uint8Array(FRAME_HEAD_BYTES), visitor)).toThrow('mine');
  });
});

it('u32 come back as they were', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
      const bytes = new Uint8Array(6);
      writeU32(bytes, 1, value);
      expect(readU32(bytes, 1)).toBe(value);
      expect(Buffer.from(bytes).readUInt32BE(1)).toBe(value);
    }),
  );
});

it('has one number per kind, and the trunk itself on stream 0', () => {
  const kinds = Object.values(TrunkKind);
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(TRUNK_STREAM).toBe(0);
});

function write(writer: BatchWriter, { stream, kind, size: length, seed }: Write): Frame {
  const payload = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) payload[i] = seed + i;
  writer.frame(stream, kind, payload);
  return { stream, kind, payload: toHex(payload) };
}

function framesOf(batch: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  collect(batch, frames);
  return frames;
}

function collect(batch: Uint8Array, frames: Frame[]): void {
  readBatch(batch, {
    onFrame(stream, kind, bytes, start, end): void {
      frames.push({ stream, kind, payload: toHex(bytes.subarray(start, end)) });
    },
  });
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
