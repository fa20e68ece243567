import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_SLOT_MS, PromisedSlots } from './promised-slots.js';

const ASKED = { isResume: false, nowMs: 0, aheadMs: 1000, perSecond: 100, random: 0.5 };

describe('PromisedSlots', () => {
  it('gives each a slot behind the one before', () => {
    const slots = new PromisedSlots();
    const delays = Array.from({ length: 90 }, () => slots.promise(ASKED));
    expect(delays[0]).toBeCloseTo(1011.1, 1);
    expect(delays.at(-1)).toBeCloseTo(2000, 1);
  });

  it('has those who resume ahead of those who are new', () => {
    const slots = new PromisedSlots();
    for (let i = 0; i < 90; i += 1) slots.promise({ ...ASKED, isResume: true });
    expect(slots.promise(ASKED)).toBeGreaterThan(2000);
    expect(slots.promise({ ...ASKED, isResume: true })).toBeCloseTo(2011.1, 1);
  });

  it('forgets a line that is in the past', () => {
    const slots = new PromisedSlots();
    for (let i = 0; i < 90; i += 1) slots.promise(ASKED);
    expect(slots.promise({ ...ASKED, nowMs: 10_000 })).toBeCloseTo(1011.1, 1);
  });

  it('promises no more than there is room for, and nothing out of its bounds', () => {
    const asks = fc.array(
      fc.record({
        gapMs: fc.integer({ max: 50 }),
        isResume: fc.boolean(),
        random: fc.double({ max: 0.999, min: 0, noNaN: true }),
      }),
      { maxLength: 500 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), asks, (perSecond, gaps) => {
        const slots = new PromisedSlots();
        const due: number[] = [];
        let nowMs = 0;
        for (const { gapMs, isResume, random } of gaps) {
          nowMs += gapMs;
          const delayMs = slots.promise({ ...ASKED, isResume, nowMs, perSecond, random });
          expect(delayMs).toBeGreaterThanOrEqual(1000);
          expect(delayMs).toBeLessThanOrEqual(MAX_SLOT_MS);
          if (isResume && delayMs < MAX_SLOT_MS / 2) due.push(nowMs + delayMs);
        }
        const slotMs = 1000 / (0.9 * perSecond);
        for (let i = 1; i < due.length; i += 1) expect(due[i]! - due[i - 1]!).toBeGreaterThanOrEqual(slotMs - 1e-6);
      }),
    );
  });
});
