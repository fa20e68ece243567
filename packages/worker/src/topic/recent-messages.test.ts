import { describe, expect, it } from 'vitest';
import { MAX_RECENT_BYTES, MAX_RECENT_MESSAGES, type RecentFrame, RecentMessages } from './recent-messages.js';

function frames(from: number, to: number, bytes = 1): readonly RecentFrame[] {
  const offsets = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  return offsets.map((offset) => ({ offset, isBinary: false, bytes: new Uint8Array(bytes) }));
}

function offsetsAfter(recent: RecentMessages, offset: number): readonly number[] | undefined {
  return recent.after(offset)?.map((frame) => frame.offset);
}

describe('recent messages', () => {
  it('grow at both ends without a gap', () => {
    const recent = new RecentMessages(5);
    for (const frame of frames(6, 7)) recent.push(frame);
    // What was read goes further than the topic was when it was asked for.
    recent.prepend(frames(3, 6), 3);
    expect(offsetsAfter(recent, 2)).toEqual([3, 4, 5, 6, 7]);
    expect(offsetsAfter(recent, 6)).toEqual([7]);
    expect(offsetsAfter(recent, 7)).toEqual([]);
  });

  it.each([
    ['what is older than they go', 1],
    ['what is not there yet', 8],
  ])('do not know %s', (_what, offset) => {
    const recent = new RecentMessages(5);
    recent.prepend(frames(3, 5), 3);
    for (const frame of frames(6, 7)) recent.push(frame);
    expect(offsetsAfter(recent, offset)).toBeUndefined();
  });

  it.each([
    ['ends before them', frames(1, 4)],
    ['has a hole', [...frames(2, 3), ...frames(5, 5)]],
  ])('take nothing from beyond a gap, when what was read %s', (_what, read) => {
    const recent = new RecentMessages(5);
    recent.prepend(read, 5);
    expect(offsetsAfter(recent, 3)).toBeUndefined();
  });

  it('forget the oldest beyond a number, and take no more than that from the front', () => {
    const recent = new RecentMessages(1000);
    recent.prepend(frames(1, 1000), 1000);
    expect(recent.base).toBe(1000 - MAX_RECENT_MESSAGES);
    for (const frame of frames(1001, 1002)) recent.push(frame);
    expect(recent.base).toBe(1002 - MAX_RECENT_MESSAGES);
  });

  it('stay within their bytes', () => {
    const recent = new RecentMessages(10);
    recent.prepend(frames(1, 10, MAX_RECENT_BYTES / 4), 10);
    expect(recent.base).toBe(6);
    for (const frame of frames(11, 12, MAX_RECENT_BYTES / 4)) recent.push(frame);
    expect(recent.base).toBe(8);
    expect(recent.bytes).toBe(MAX_RECENT_BYTES);
  });

  it('know whether older ones may be had: not when fewer were there than asked for, or one was forgotten', () => {
    const [open, short, forgetful] = [new RecentMessages(5), new RecentMessages(5), new RecentMessages(0)];
    open.prepend(frames(3, 5), 3);
    short.prepend(frames(3, 5), 4);
    for (const frame of frames(1, MAX_RECENT_MESSAGES)) forgetful.push(frame);
    expect([open, short, forgetful].map(({ isWhole }) => isWhole)).toEqual([false, true, false]);
    for (const frame of frames(MAX_RECENT_MESSAGES + 1, MAX_RECENT_MESSAGES + 1)) forgetful.push(frame);
    expect(forgetful.isWhole).toBe(true);
  });
});
