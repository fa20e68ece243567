import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RouteLimits } from '../config.js';
import { EntryLimits } from './entry-limits.js';
import { SharedRates } from './shared-rates.js';
import { NO_LIMITS } from '../testing/limits.js';

const NONE_REFUSED = -1;

describe('the limits of who comes in', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function limitsWith(answer: Promise<unknown>): { limits: EntryLimits; asked: unknown[]; told: unknown[][] } {
    const asked: unknown[] = [];
    const told: unknown[][] = [];
    const supervisor = {
      call: (method: string, [wants]: readonly unknown[]) => {
        asked.push([method, wants]);
        return answer;
      },
      tell: (method: string, args: readonly unknown[]) => void told.push([method, ...args]),
    };
    const rates = new SharedRates(() => undefined);
    return { limits: new EntryLimits(supervisor, rates, pino({ level: 'silent' })), asked, told };
  }

  function route(limits: Partial<RouteLimits>): { name: string; limits: RouteLimits } {
    return { name: 'web', limits: { ...NO_LIMITS, ...limits } };
  }

  it('asks nobody where there is none', async () => {
    const { limits, asked } = limitsWith(Promise.resolve(0));
    expect(await limits.connection(route({}), '192.0.2.1')).toMatchObject({ ok: true });
    expect(await limits.request(route({ connections: 1 }), '192.0.2.1')).toMatchObject({ ok: true });
    expect(await limits.principal(route({ connectionsPerPrincipal: 1 }), '', HERE)).toMatchObject({ ok: true });
    expect(asked).toEqual([]);
  });

  it('asks once for all of them, and names the one that refuses', async () => {
    const { limits, asked } = limitsWith(Promise.resolve(3));
    const all = { newPerSecond: 9, newPerSecondPerAddress: 2, connections: 100, connectionsPerAddress: 3 };
    expect(await limits.connection(route(all), '192.0.2.1')).toEqual({ ok: false, bound: 'connections_per_address' });
    const wants = [
      ['rate', 'connections:web', '*', 9],
      ['rate', 'address:web', '192.0.2.1', 2],
      ['slot', 'connections:web', '*', 100],
      ['slot', 'address:web', '192.0.2.1', 3],
    ];
    expect(asked).toEqual([['limits.enter', wants]]);
  });

  it('gives back what a connection held, but no rate', async () => {
    const { limits, told } = limitsWith(Promise.resolve(NONE_REFUSED));
    const entry = await limits.connection(route({ newPerSecond: 9, connectionsPerAddress: 1 }), '192.0.2.1');
    if (entry.ok) entry.slot.release();
    expect(told).toEqual([['slots.release', 'address:web', '192.0.2.1']]);
  });

  it('lets one who returns have a second connection until the first is noticed to be gone', async () => {
    const { limits, asked } = limitsWith(Promise.resolve(NONE_REFUSED));
    await limits.principal(route({ connectionsPerPrincipal: 2 }), 'alice', { ...HERE, isReturning: true });
    expect(asked).toEqual([['limits.enter', [['slot', 'principal:web', 'alice', 4]]]]);
  });

  it('lets a client in when nobody answers, and gives back what is granted after that', async () => {
    let grant = (_refused: number): void => undefined;
    const { limits, told } = limitsWith(new Promise((resolve) => (grant = resolve)));
    const asked = limits.connection(route({ connectionsPerAddress: 1 }), '192.0.2.1');
    await vi.advanceTimersByTimeAsync(1000);
    const entry = await asked;
    if (entry.ok) entry.slot.release();
    expect([entry.ok, told]).toEqual([true, []]);
    grant(NONE_REFUSED);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([['slots.release', 'address:web', '192.0.2.1']]);
  });

  it('counts the addresses of one IPv6 network as one', async () => {
    const { limits, asked } = limitsWith(Promise.resolve(NONE_REFUSED));
    await limits.connection(route({ connectionsPerAddress: 1 }), '2001:db8:1:2:3:4:5:6');
    await limits.request(route({ newPerSecondPerAddress: 1, ipv6Prefix: 48 }), '2001:db8:1:2:3:4:5:6');
    expect(asked).toEqual([
      ['limits.enter', [['slot', 'address:web', '2001:db8:1:2:0:0:0:0/64', 1]]],
      ['limits.enter', [['rate', 'address:web', '2001:db8:1:0:0:0:0:0/48', 1]]],
    ]);
  });

  it('hands out what messages have in common until all who share it have left', async () => {
    const { limits, asked } = limitsWith(Promise.resolve(NONE_REFUSED));
    const web = route({ messagesPerSecondPerAddress: 2, bytesPerSecondPerRoute: 100 });
    const one = await limits.connection(web, '192.0.2.1');
    const two = await limits.connection(web, '192.0.2.1');
    expect([asked, limits.rates.size]).toEqual([[], 2]);
    if (!one.ok || !two.ok) throw new Error('expected both to come in');
    expect(two.rates).toEqual(one.rates);
    one.slot.release();
    expect(limits.rates.size).toBe(2);
    two.slot.release();
    expect(limits.rates.size).toBe(0);
  });

  it('has no rate for messages of what is no connection', async () => {
    const { limits } = limitsWith(Promise.resolve(NONE_REFUSED));
    const web = route({ messagesPerSecondPerAddress: 2, messagesPerSecondPerPrincipal: 2 });
    await limits.request(web, '192.0.2.1');
    await limits.principal(web, 'alice', { isConnection: false, isReturning: false });
    expect(limits.rates.size).toBe(0);
  });

  it('lets a client in when the supervisor is gone', async () => {
    const { limits } = limitsWith(Promise.reject(new Error('gone')));
    expect(await limits.connection(route({ connections: 1 }), '192.0.2.1')).toMatchObject({ ok: true });
  });
});

const HERE = { isConnection: true, isReturning: false };
