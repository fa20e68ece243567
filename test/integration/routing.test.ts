/**
 * Which backend a request reaches, by host, path, header, query and kind: the set-ups that people bring from other
 * balancers. Each backend answers with its name, so that a wrong turn shows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Echoed, type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const NAMES = ['exact', 'wild', 'path', 'header', 'query', 'plain', 'strip', 'replace', 'rename'] as const;

describe('routing', () => {
  const apps = new Map<string, HttpApp>();
  let sockets: EchoBackend;
  let holdfast: Holdfast;

  beforeAll(async () => {
    for (const name of NAMES) apps.set(name, await startHttpApp(name));
    sockets = await startEcho({ id: 'sockets' });
    const pool = (url: string): object => ({ backends: [url], health: false });
    holdfast = await startHoldfast({
      routes: [
        { match: { host: 'chat.example.com' }, pool: 'exact' },
        { match: { host: '*.example.com' }, pool: 'wild' },
        { match: { path: '/api' }, pool: 'path' },
        { match: { path: '/h', header: { 'X-Version': '2' } }, pool: 'header' },
        { match: { path: '/h', header: { 'x-any': true } }, pool: 'header' },
        { match: { path: '/q', query: { room: 'blue' } }, pool: 'query' },
        { match: { path: '/live', upgrade: true }, pool: 'sockets' },
        { match: { path: '/live', upgrade: false }, pool: 'plain' },
        { match: { path: '/strip' }, pool: 'strip', rewrite: { stripPrefix: '/strip' } },
        { match: { path: '/old' }, pool: 'replace', rewrite: { replacePrefix: '/new' } },
        { match: { path: '/rename' }, pool: 'rename', rewrite: { host: 'inner.local:99' } },
        { match: { path: '/ws' }, pool: 'sockets', rewrite: { stripPrefix: '/ws' } },
      ],
      pools: {
        ...Object.fromEntries(NAMES.map((name) => [name, pool(apps.get(name)!.url)])),
        sockets: pool(sockets.url),
      },
    });
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await sockets?.[Symbol.asyncDispose]();
    for (const app of apps.values()) await app[Symbol.asyncDispose]();
  });

  const ask = async (path: string, headers: Record<string, string> = {}): Promise<Echoed> => {
    const answer = await fetchFrom(holdfast.url(path), { headers });
    expect(answer).toMatchObject({ status: 200 });
    return JSON.parse(answer.body) as Echoed;
  };

  it.each([
    ['chat.example.com', 'exact'],
    ['CHAT.Example.com', 'exact'],
    ['chat.example.com:8080', 'exact'],
    ['other.example.com', 'wild'],
    ['a.b.example.com', 'wild'],
  ])('takes host %s to %s', async (host, id) => {
    expect((await ask('/x', { host })).id).toBe(id);
  });

  it('does not take the bare name for one below it', async () => {
    expect((await fetchFrom(holdfast.url('/x'), { headers: { host: 'example.com' } })).status).toBe(404);
  });

  it.each(['/api', '/api/', '/api/users?x=1'])('takes path %s by its prefix, unchanged', async (path) => {
    expect(await ask(path)).toMatchObject({ id: 'path', url: path });
  });

  it.each(['/apiary', '/API', '/ap', '/', '/x/api'])('answers 404 for %s, which is not below /api', async (path) => {
    expect((await fetchFrom(holdfast.url(path))).status).toBe(404);
  });

  it('matches a header by value and by presence', async () => {
    expect((await ask('/h', { 'x-version': '2' })).id).toBe('header');
    expect((await ask('/h', { 'x-any': 'thing' })).id).toBe('header');
    expect((await fetchFrom(holdfast.url('/h'), { headers: { 'x-version': '3' } })).status).toBe(404);
  });

  it('matches a query parameter, wherever it stands and however it is encoded', async () => {
    expect((await ask('/q?a=1&room=blue')).id).toBe('query');
    expect((await ask('/q?room=bl%75e')).id).toBe('query');
    expect((await fetchFrom(holdfast.url('/q?room=red'))).status).toBe(404);
  });

  it('tells upgrades from requests on one path', async () => {
    await using socket = await openSocket(holdfast.wsUrl('/live'));
    expect(await socket.ask('!who')).toBe('sockets');
    expect((await ask('/live')).id).toBe('plain');
  });

  it.each([
    ['/strip', '/'],
    ['/strip/', '/'],
    ['/strip/a/b?c=d', '/a/b?c=d'],
    ['/strip?x=1', '/?x=1'],
  ])('strips the prefix of %s', async (path, url) => {
    expect((await ask(path)).url).toBe(url);
  });

  it('replaces the matched prefix', async () => {
    expect((await ask('/old/page?x=1')).url).toBe('/new/page?x=1');
    expect((await ask('/old')).url).toBe('/new');
  });

  it('rewrites the host and says what it was', async () => {
    const { headers } = await ask('/rename', { host: 'outer.test' });
    expect(headers['host']).toBe('inner.local:99');
    expect(headers['x-forwarded-host']).toBe('outer.test');
  });

  it('rewrites the path of WebSockets too', async () => {
    await using socket = await openSocket(holdfast.wsUrl('/ws/room/1?x=y'));
    expect(await socket.ask('!who')).toBe('sockets');
    expect(sockets.handshakes.at(-1)?.url).toBe('/room/1?x=y');
  });

  it('answers 404 before any backend is touched when nothing matches', async () => {
    const all = [...apps.values(), sockets];
    const before = all.map((backend) => backend.accepted);
    const answer = await fetchFrom(holdfast.url('/nowhere'));
    expect(answer.status).toBe(404);
    expect((await openRefused(holdfast.wsUrl('/nowhere'))).status).toBe(404);
    expect(all.map((backend) => backend.accepted)).toEqual(before);
  });
});
