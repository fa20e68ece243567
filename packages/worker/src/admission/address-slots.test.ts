import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AddressSlots } from './address-slots.js';

describe('AddressSlots', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function slotsWith(answer: Promise<unknown>): { slots: AddressSlots; asked: string[]; told: unknown[][] } {
    const asked: string[] = [];
    const told: unknown[][] = [];
    const supervisor = {
      call: (method: string) => {
        asked.push(method);
        return answer;
      },
      tell: (method: string, args: readonly unknown[]) => void told.push([method, ...args]),
    };
    return { slots: new AddressSlots(supervisor, pino({ level: 'silent' })), asked, told };
  }

  it('asks nobody where there is no limit', async () => {
    const { slots, asked } = slotsWith(Promise.resolve(false));
    expect((await slots.acquire('web', '192.0.2.1', 0)).isGranted).toBe(true);
    expect(asked).toEqual([]);
  });

  it('gives a granted slot back, and none for a refusal', async () => {
    const granted = slotsWith(Promise.resolve(true));
    (await granted.slots.acquire('web', '192.0.2.1', 1)).release();
    expect(granted.told).toEqual([['slots.release', 'web', '192.0.2.1']]);
    const refused = slotsWith(Promise.resolve(false));
    const slot = await refused.slots.acquire('web', '192.0.2.1', 1);
    slot.release();
    expect([slot.isGranted, refused.told]).toEqual([false, []]);
  });

  it('lets a client in when nobody answers, and gives back what is granted after that', async () => {
    let grant = (_isGranted: boolean): void => undefined;
    const { slots, told } = slotsWith(new Promise((resolve) => (grant = resolve)));
    const acquired = slots.acquire('web', '192.0.2.1', 1);
    await vi.advanceTimersByTimeAsync(1000);
    const slot = await acquired;
    slot.release();
    expect([slot.isGranted, told]).toEqual([true, []]);
    grant(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([['slots.release', 'web', '192.0.2.1']]);
  });

  it('lets a client in when the supervisor is gone', async () => {
    const { slots } = slotsWith(Promise.reject(new Error('gone')));
    expect((await slots.acquire('web', '192.0.2.1', 1)).isGranted).toBe(true);
  });
});
