/** Where a session may connect to, and in which order. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Addresses, socketUrl } from './addresses.js';

afterEach(() => void vi.unstubAllGlobals());

describe('addresses', () => {
  it.each([
    ['ws://a', 'ws://a/'],
    ['wss://a/chat?x=1#top', 'wss://a/chat?x=1'],
    ['http://a:8080/', 'ws://a:8080/'],
    ['https://a/b', 'wss://a/b'],
  ])('%s is %s', (given, url) => {
    expect(socketUrl(given)).toBe(url);
  });

  it('may be paths of the page', () => {
    vi.stubGlobal('location', { href: 'https://app.example/room/1' });
    expect(socketUrl('/chat')).toBe('wss://app.example/chat');
  });

  it.each(['', 'chat', '/chat', 'ftp://a/', 'mailto:a@b', 'ws://'])('%j is none', (given) => {
    expect(() => socketUrl(given)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_URL' }));
  });

  it('must be at least one', () => {
    expect(() => new Addresses([], Math.random)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_URL' }));
  });

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

  it('of a function are checked like others, when they come', async () => {
    await expect(new Addresses(async () => 'nowhere', Math.random).current()).rejects.toMatchObject({
      code: 'CLIENT_BAD_URL',
    });
  });
});
