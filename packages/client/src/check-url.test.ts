/** What may be given for an address, and what is said about everything else. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkUrl, socketUrl } from './check-url.js';

afterEach(() => void vi.unstubAllGlobals());

describe('a URL', () => {
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
    expect(() => checkUrl([])).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_URL' }));
  });

  it('of a list is checked like one by itself', () => {
    expect(checkUrl(['http://a', 'wss://b/'])).toEqual(['ws://a/', 'wss://b/']);
    expect(() => checkUrl(['ws://a', 'b'])).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_URL' }));
  });

  it('of a function is checked when it comes', async () => {
    const checked = checkUrl(async () => 'nowhere') as () => Promise<string>;
    await expect(checked()).rejects.toMatchObject({ code: 'CLIENT_BAD_URL' });
  });
});
