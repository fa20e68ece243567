/** Which headers pass, which are taken off, and which Holdfast writes itself, towards backend and client. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Echoed, type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { connectRaw } from '../support/raw-client.js';

describe('headers', () => {
  let app: HttpApp;
  /** Believes nobody. */
  let holdfast: Holdfast;
  /** Believes 127.0.0.1, which is where every client here comes from. */
  let trusting: Holdfast;

  beforeAll(async () => {
    app = await startHttpApp();
    holdfast = await startHoldfast(relayTo([app.url]));
    trusting = await startHoldfast(relayTo([app.url], { trustedProxies: ['127.0.0.1/32'] }));
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await trusting?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  const seenBy = async (through: Holdfast, headers: Record<string, string>): Promise<Echoed['headers']> => {
    const answer = await fetchFrom(through.url('/x'), { headers });
    return (JSON.parse(answer.body) as Echoed).headers;
  };

  it('passes end-to-end headers both ways, unchanged', async () => {
    const sent = {
      'x-custom': 'Value, with; "things"',
      cookie: 'a=1; b=2',
      'accept-encoding': 'br',
      'user-agent': 'me',
    };
    expect(await seenBy(holdfast, sent)).toMatchObject(sent);
    expect((await fetchFrom(holdfast.url('/hop'))).headers['x-kept']).toBe('yes');
  });

  it('takes hop-by-hop headers off a request', async () => {
    const hop = {
      'keep-alive': 'timeout=5',
      'proxy-connection': 'keep-alive',
      'proxy-authorization': 'Basic eDp5',
      te: 'trailers',
    };
    const seen = await seenBy(holdfast, { ...hop, 'x-kept': 'yes' });
    for (const name of Object.keys(hop)) expect(seen).not.toHaveProperty(name);
    expect(seen['x-kept']).toBe('yes');
  });

  it('takes what Connection names off a request, but not what Holdfast adds', async () => {
    const seen = await seenBy(holdfast, {
      connection: 'close, X-Secret, x-forwarded-for, X-Real-Thing',
      'x-secret': '1',
      'x-real-thing': '2',
      'x-kept': 'yes',
    });
    expect(seen).not.toHaveProperty('x-secret');
    expect(seen).not.toHaveProperty('x-real-thing');
    expect(seen['x-forwarded-for']).toBe('127.0.0.1');
    expect(seen['x-kept']).toBe('yes');
  });

  it('takes hop-by-hop and nominated headers off a response', async () => {
    const { headers } = await fetchFrom(holdfast.url('/hop'));
    expect(headers).not.toHaveProperty('x-internal');
    expect(headers['connection'] ?? '').not.toContain('x-internal');
  });

  it('says who asked, for what and how', async () => {
    const seen = await seenBy(holdfast, { host: 'site.test:1234' });
    expect(seen['host']).toBe('site.test:1234');
    expect(seen['x-forwarded-for']).toBe('127.0.0.1');
    expect(seen['x-forwarded-proto']).toBe('http');
    expect(seen['x-forwarded-host']).toBe('site.test:1234');
    expect(seen['forwarded']).toMatch(/for="?127\.0\.0\.1"?/i);
    expect(seen['forwarded']).toMatch(/proto=http/i);
    expect(seen['forwarded']).toMatch(/host="site\.test:1234"/i);
  });

  it('believes nothing of what a stranger says about others', async () => {
    const seen = await seenBy(holdfast, {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.test',
      forwarded: 'for=6.6.6.6;proto=https;host=evil.test',
    });
    expect(JSON.stringify(seen)).not.toContain('6.6.6.6');
    expect(seen['x-forwarded-for']).toBe('127.0.0.1');
    expect(seen['x-forwarded-proto']).toBe('http');
    expect(seen['x-forwarded-host']).not.toBe('evil.test');
  });

  it('lets nobody say by another name who the client is', async () => {
    const claims = {
      x_forwarded_for: '6.6.6.6',
      'X-Forwarded_Proto': 'https',
      'x-real-ip': '6.6.6.6',
      'x-forwarded-port': '1',
    };
    expect(Object.values(await seenBy(holdfast, claims))).not.toContain('6.6.6.6');
    const seen = await seenBy(trusting, { ...claims, my_token: 'kept' });
    expect(seen).not.toHaveProperty('x_forwarded_for');
    expect(seen).not.toHaveProperty('x-forwarded_proto');
    expect(seen).toMatchObject({ 'x-real-ip': '6.6.6.6', 'x-forwarded-port': '1', my_token: 'kept' });
  });

  it('believes and continues what a trusted proxy says', async () => {
    const seen = await seenBy(trusting, {
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'public.test',
    });
    expect(seen['x-forwarded-for']?.replaceAll(' ', '')).toBe('203.0.113.7,127.0.0.1');
    expect(seen['x-forwarded-proto']).toBe('https');
    expect(seen['x-forwarded-host']).toBe('public.test');
  });

  it('gives every request an id, to backend and client the same', async () => {
    const answer = await fetchFrom(holdfast.url('/x'));
    const seen = (JSON.parse(answer.body) as Echoed).headers;
    expect(seen['x-request-id']).toBeTruthy();
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await seenBy(holdfast, {}))['x-request-id']));
    expect(new Set(ids).size).toBe(20);
  });

  it('does not forward Upgrade: h2c', async () => {
    await using client = await connectRaw(holdfast);
    client.write(
      'GET /h2c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    );
    expect((await client.head()).status).not.toBe(101);
    for (const request of app.requests.filter(({ url }) => url === '/h2c')) {
      expect(request.headers).not.toHaveProperty('upgrade');
      expect(request.headers).not.toHaveProperty('http2-settings');
    }
  });
});
