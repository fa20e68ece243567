import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RouteLimits } from '../config.js';
import { ClientRates, clientRates, withShared } from './client-rates.js';
import { type HeldRates, SharedRates } from './shared-rates.js';
import { NO_LIMITS } from '../testing/limits.js';

describe('rates that clients have in common', () => {
  let bounds = 0;
  let rates: SharedRates;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    bounds = 0;
    rates = new SharedRates(() => (bounds += 1));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function hold(address: string, limits: Partial<RouteLimits>, name = 'web'): HeldRates {
    const held = rates.hold({ name, limits: { ...NO_LIMITS, ...limits } }, [
      ['address', address],
      ['route', '*'],
    ]);
    if (held === undefined) throw new Error('expected a rate to be held');
    return held;
  }

  const sent = ({ pairs }: HeldRates, bytes = 1): string | undefined =>
    new ClientRates(pairs).exceeded(bytes, performance.now());

  it('are none where none is limited', () => {
    const held = rates.hold({ name: 'web', limits: { ...NO_LIMITS, messagesPerSecond: 1 } }, [['address', 'a']]);
    expect([held, rates.size]).toEqual([undefined, 0]);
  });

  it('are used up by all of one address together, and by nobody of another', () => {
    const limits = { messagesPerSecondPerAddress: 3 };
    const [one, two, other] = [hold('a', limits), hold('a', limits), hold('b', limits)];
    expect([sent(one), sent(two), sent(one), sent(two)]).toEqual([
      undefined,
      undefined,
      undefined,
      'messages_per_second_per_address',
    ]);
    expect(sent(other)).toBeUndefined();
    vi.advanceTimersByTime(334);
    expect([sent(two), sent(one)]).toEqual([undefined, 'messages_per_second_per_address']);
  });

  it('of a route are used up by all of its addresses, and by no other route', () => {
    const limits = { bytesPerSecondPerRoute: 100 };
    const [one, two, other] = [hold('a', limits), hold('b', limits), hold('a', limits, 'chat')];
    expect([sent(one, 60), sent(two, 60), sent(one, 1)]).toEqual([undefined, undefined, 'bytes_per_second_per_route']);
    expect(sent(other, 60)).toBeUndefined();
  });

  it('are the same for who comes back before they are full again, and gone once they are', () => {
    const limits = { messagesPerSecondPerAddress: 2 };
    const first = hold('a', limits);
    expect([sent(first), sent(first)]).toEqual([undefined, undefined]);
    first.release();
    const back = hold('a', limits);
    expect(sent(back)).toBe('messages_per_second_per_address');
    vi.advanceTimersByTime(1000);
    back.release();
    expect(rates.size).toBe(0);
  });

  it('that nobody came back for are forgotten', () => {
    const limits = { messagesPerSecondPerAddress: 2 };
    const held = hold('a', limits);
    sent(held);
    held.release();
    expect(rates.size).toBe(1);
    vi.advanceTimersByTime(10_000);
    hold('b', limits).release();
    expect([rates.size, bounds]).toEqual([0, 0]);
  });

  it('that nobody came back for are kept in a bounded number, and the oldest go', () => {
    const limits = { messagesPerSecondPerAddress: 2 };
    for (let n = 0; n < 10_001; n += 1) {
      const held = hold(`a${n}`, limits);
      sent(held);
      held.release();
    }
    expect([rates.size, bounds]).toEqual([10_000, 1]);
    const [oldest, next] = [hold('a0', limits), hold('a1', limits)];
    expect([sent(oldest), sent(oldest), sent(next), sent(next)]).toEqual([
      undefined,
      undefined,
      undefined,
      'messages_per_second_per_address',
    ]);
  });

  it('follow the limits of who came last, without a new burst', () => {
    const before = hold('a', { messagesPerSecondPerAddress: 10 });
    for (let n = 0; n < 10; n += 1) sent(before);
    const after = hold('a', { messagesPerSecondPerAddress: 1000 });
    expect(sent(after)).toBe('messages_per_second_per_address');
    vi.advanceTimersByTime(10);
    expect([sent(before), sent(before)]).toEqual([undefined, undefined]);
    hold('a', { bytesPerSecondPerAddress: 5 });
    expect([sent(before, 5), sent(before, 5)]).toEqual([undefined, 'bytes_per_second_per_address']);
  });

  it('are asked after the client’s own', () => {
    const limits = { ...NO_LIMITS, messagesPerSecond: 1, messagesPerSecondPerAddress: 5 };
    const held = hold('a', limits);
    const client = withShared(clientRates(limits, performance.now()), held.pairs);
    expect(client?.exceeded(1, performance.now())).toBeUndefined();
    expect(client?.exceeded(1, performance.now())).toBe('messages_per_second');
    for (let n = 0; n < 4; n += 1) expect(sent(held)).toBeUndefined();
    expect(sent(held)).toBe('messages_per_second_per_address');
  });
});
