/** Where a session connects to, and in which order. */
import { describe, expect, it } from 'vitest';
import { Addresses } from './addresses.js';

describe('addresses', () => {
  it('are shuffled once, evenly, and taken in turn', async () => {
    const urls = ['ws://a/', 'ws://b/', 'ws://c/'];
    const firsts = new Map<string, number>();
    // A small linear congruence: the same numbers on each run.
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let i = 0; i < 3000; i += 1) {
      const addresses = new Addresses(urls, random);
      const first = await addresses.current();
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    for (const url of urls) expect(firsts.get(url)).toBeGreaterThan(850);
    const addresses = new Addresses(urls, random);
    const seen: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      seen.push(await addresses.current());
      addresses.next();
    }
    expect(seen.slice(0, 3).toSorted()).toEqual(urls);
    expect(seen.slice(3)).toEqual(seen.slice(0, 3));
  });

  it('of a function are asked for each time', async () => {
    let asked = 0;
    const addresses = new Addresses(async () => `ws://a/${(asked += 1)}`, Math.random);
    expect([await addresses.current(), await addresses.current()]).toEqual(['ws://a/1', 'ws://a/2']);
  });
});
