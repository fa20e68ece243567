/**
 * Inbox against a model: the list of what was delivered, and the counts since the last acknowledgement. Random histories of
 * arrivals (the next, repeats, gaps) and acknowledgements.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inbox } from './inbox.js';
import { ACK_AFTER } from './limits.js';

type Step =
  | { readonly arrives: number; readonly bytes: number }
  /** Acknowledges the newest, less this many. */
  | { readonly acknowledges: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ arrives: fc.constant(1), bytes: fc.nat(8192) }) },
  { weight: 1, arbitrary: fc.record({ arrives: fc.integer({ min: -5, max: 3 }), bytes: fc.nat(8192) }) },
  { weight: 1, arbitrary: fc.record({ acknowledges: fc.nat(40) }) },
);

describe('Inbox', () => {
  it('delivers each number once and in order, and owes an acknowledgement exactly when something is unacknowledged', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.nat(1000), (steps, first) => {
        const inbox = new Inbox(first);
        let last = first;
        let acknowledged = first;
        let bytesSince = 0;
        let isOwedAgain = false;
        for (const one of steps) {
          if ('arrives' in one) {
            const n = last + one.arrives;
            const expected = one.arrives === 1 ? 'deliver' : one.arrives < 1 ? 'repeat' : 'gap';
            expect(inbox.accept(n, one.bytes)).toBe(expected);
            if (expected === 'repeat') isOwedAgain = true;
            if (expected === 'deliver') {
              last = n;
              bytesSince += one.bytes;
            }
          } else {
            acknowledged = Math.max(acknowledged, last - one.acknowledges);
            inbox.markAcknowledged(last - one.acknowledges);
            bytesSince = 0;
            isOwedAgain = false;
          }
          expect(inbox.last).toBe(last);
          expect(inbox.isAckOwed()).toBe(isOwedAgain || last > acknowledged);
          expect(inbox.isAckDue()).toBe(
            isOwedAgain ||
              last - acknowledged >= ACK_AFTER.messages ||
              (last > acknowledged && bytesSince >= ACK_AFTER.bytes),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    { name: '31 messages', messages: 31, bytesEach: 1, isDue: false },
    { name: '32 messages', messages: 32, bytesEach: 1, isDue: true },
    { name: 'a byte less than 64 KiB', messages: 1, bytesEach: 65_535, isDue: false },
    { name: '64 KiB', messages: 1, bytesEach: 65_536, isDue: true },
    { name: 'nothing', messages: 0, bytesEach: 0, isDue: false },
  ])('after $name, an acknowledgement is due: $isDue', ({ messages, bytesEach, isDue }) => {
    const inbox = new Inbox();
    for (let n = 1; n <= messages; n += 1) inbox.accept(n, bytesEach);
    expect(inbox.isAckDue()).toBe(isDue);
    expect(inbox.isAckOwed()).toBe(messages > 0);
  });

  it('is not due for what arrived and is not handled yet', () => {
    const inbox = new Inbox();
    for (let n = 1; n <= 100; n += 1) inbox.accept(n, 10_000);
    expect(inbox.isAckDue(0)).toBe(false);
    expect(inbox.isAckOwed(0)).toBe(false);
    expect(inbox.isAckDue(1)).toBe(true);
  });

  it('acknowledges a repeat again, at once', () => {
    const inbox = new Inbox(7);
    expect(inbox.accept(7, 1)).toBe('repeat');
    expect(inbox.isAckDue()).toBe(true);
    inbox.markAcknowledged(7);
    expect(inbox.isAckOwed()).toBe(false);
  });

  it('changes nothing at a gap, so that the missing one still fits', () => {
    const inbox = new Inbox();
    expect(inbox.accept(2, 1)).toBe('gap');
    expect(inbox.accept(1, 1)).toBe('deliver');
    expect(inbox.accept(2, 1)).toBe('deliver');
  });
});
