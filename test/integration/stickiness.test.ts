/** What binds a client to a backend, over all workers of a machine and over two balancers that share a Redis. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { type BalancerPair, startPair } from '../support/balancer-pair.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, relayTo } from '../support/holdfast.js';
import { fetchFrom, type RequestShape } from '../support/http-client.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { shareHoldfast } from '../support/shared-holdfast.js';
import { openSocket } from '../support/websocket-client.js';

const serve = shareHoldfast();
const KEYS = Array.from({ length: 30 }, (_, i) => `client-${i}`);

interface Way {
  readonly sticky: object;
  /** The request of the client with this key. */
  readonly request: (key: string, index: number) => { path: string } & RequestShape;
}

const WAYS: Readonly<Record<string, Way>> = {
  query: { sticky: { query: 'room' }, request: (key) => ({ path: `/who?room=${key}` }) },
  header: { sticky: { header: 'x-room' }, request: (key) => ({ path: '/who', headers: { 'x-room': key } }) },
  path: { sticky: { path: 1 }, request: (key) => ({ path: `/who/${key}/more` }) },
  address: { sticky: { address: true }, request: (_, i) => ({ path: '/who', localAddress: `127.0.2.${i + 1}` }) },
};

describe('stickiness on one machine', () => {
  let apps: readonly HttpApp[];

  beforeAll(async () => {
    apps = [await startHttpApp('a'), await startHttpApp('b'), await startHttpApp('c')];
  });

  afterAll(async () => {
    for (const app of apps ?? []) await app[Symbol.asyncDispose]();
  });

  it.each(Object.entries(WAYS))(
    'by %s keeps each client on one backend over two workers, and uses all',
    async (_, way) => {
      const holdfast = await serve(stuckTo(apps, way.sticky));
      const [first, ...later] = await turnsOf([holdfast], way);
      expect(new Set(first?.values())).toEqual(new Set(['a', 'b', 'c']));
      for (const turn of later) expect(turn).toEqual(first);
    },
  );

  it('by query binds nobody who has no key', async () => {
    const holdfast = await serve(stuckTo(apps, { query: 'room' }));
    const bodies = await Promise.all(Array.from({ length: 60 }, () => fetchFrom(holdfast.url('/who'))));
    expect(new Set(bodies.map(({ body }) => body)).size).toBe(3);
  });

  it('binds anew, for all workers alike, when the backend is gone', async () => {
    await using mortal = await startHttpApp('mortal');
    const backends = [...apps.slice(0, 2), mortal];
    // A dead port refuses at once: the timeout is for the living, on a machine that is busy.
    const health = { type: 'tcp', interval: '100ms', timeout: '5s', fall: 1, rise: 1 };
    const { pools, ...config } = stuckTo(backends, { query: 'room' });
    const holdfast = await serve({ ...config, pools: { app: { ...pools['app'], health } } });
    const owners = await ownersOf([holdfast], WAYS['query']!);
    expect([...owners.values()]).toContain('mortal');
    await mortal.die();
    const moved = await eventually(async () => {
      const after = await ownersOf([holdfast], WAYS['query']!);
      expect([...after.values()]).not.toContain('mortal');
      return after;
    });
    for (const [key, owner] of owners) expect(owner === 'mortal' || moved.get(key) === owner).toBe(true);
    expect(await ownersOf([holdfast], WAYS['query']!)).toEqual(moved);
  });

  it('keeps what is bound to a draining backend there', async () => {
    const holdfast = await serve(stuckTo(apps, { query: 'room' }));
    const owners = await ownersOf([holdfast], WAYS['query']!);
    const body = JSON.stringify({ state: 'draining' });
    await holdfast.admin('/v1/backends/a', { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
    expect(await ownersOf([holdfast], WAYS['query']!)).toEqual(owners);
  });
});

describe('the sticky cookie', () => {
  it('is issued once, keeps its client, and is not to be forged', async () => {
    await using a = await startHttpApp('a');
    await using b = await startHttpApp('b');
    const holdfast = await serve(stuckTo([a, b], { cookie: 'lb' }));
    const cookies = new Map<string, string>();
    await eventually(async () => {
      const answer = await fetchFrom(holdfast.url('/who'));
      cookies.set(answer.body, cookieOf(answer.headers['set-cookie'], 'lb'));
      expect(cookies.size).toBe(2);
    });
    for (const [owner, cookie] of cookies) {
      for (let i = 0; i < 6; i += 1) {
        const answer = await fetchFrom(holdfast.url('/who'), { headers: { cookie: `x=1; lb=${cookie}; y=2` } });
        expect(answer.body).toBe(owner);
        expect(answer.headers['set-cookie']).toBeUndefined();
      }
    }
    const cookie = cookies.get('a')!;
    for (const forged of [
      'a',
      '',
      'x'.repeat(3000),
      cookie.slice(0, -2),
      `${cookie}x`,
      cookie.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')),
    ]) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => fetchFrom(holdfast.url('/who'), { headers: { cookie: `lb=${forged}` } })),
      );
      expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['a', 'b']));
      for (const answer of answers) expect(answer.headers['set-cookie']?.[0]).toMatch(/^lb=/);
    }
  });

  it('comes with the 101 of a WebSocket too, beside the cookies of the backend', async () => {
    await using a = await startEcho({ id: 'a', headers: ['Set-Cookie: own=1'] });
    await using b = await startEcho({ id: 'b', headers: ['Set-Cookie: own=1'] });
    const holdfast = await serve(stuckTo([a, b], { cookie: 'lb' }));
    await using first = await openSocket(holdfast.wsUrl());
    const owner = await first.ask('!who');
    expect(first.response.headers['set-cookie']).toContain('own=1');
    const cookie = cookieOf(first.response.headers['set-cookie'], 'lb');
    for (let i = 0; i < 6; i += 1) {
      await using again = await openSocket(holdfast.wsUrl(), { headers: { cookie: `lb=${cookie}` } });
      expect(await again.ask('!who')).toBe(owner);
    }
  });

  it('hides which backend it means and is HttpOnly', async () => {
    await using a = await startHttpApp('a');
    const holdfast = await serve(stuckTo([{ id: 'secret-name', url: a.url }], { cookie: 'lb' }));
    const [header = ''] = (await fetchFrom(holdfast.url('/who'))).headers['set-cookie'] ?? [];
    expect(header).toMatch(/; *HttpOnly/i);
    expect(header).toMatch(/; *Path=\//i);
    expect(header).not.toContain(String(a.port));
  });
});

describe('stickiness over two balancers that share a Redis', () => {
  let apps: readonly HttpApp[];
  let redis: RedisServer;
  let pair: BalancerPair;
  let balancers: readonly Holdfast[];

  beforeAll(async () => {
    apps = [await startHttpApp('a'), await startHttpApp('b'), await startHttpApp('c')];
    redis = await startRedis();
    const config = { ...stuckTo(apps, { query: 'room' }), state: redis.url };
    pair = await startPair(config);
    balancers = [pair.one, pair.two];
  });

  afterAll(async () => {
    await pair?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
    for (const app of apps ?? []) await app[Symbol.asyncDispose]();
  });

  it('keeps each client on one backend wherever it comes in', async () => {
    const [first, ...later] = await turnsOf(balancers, WAYS['query']!);
    expect(new Set(first?.values())).toEqual(new Set(['a', 'b', 'c']));
    for (const turn of later) expect(turn).toEqual(first);
  });

  it('agrees on one backend when a client comes in everywhere at once', async () => {
    for (let i = 0; i < 20; i += 1) {
      const asks = Array.from({ length: 8 }, (_, n) => fetchFrom(balancers[n % 2]!.url(`/who?room=race-${i}`)));
      expect(new Set((await Promise.all(asks)).map(({ body }) => body)).size).toBe(1);
    }
  });

  it('accepts the cookie that the other balancer issued', async () => {
    const config = stuckTo(apps, { cookie: 'lb' });
    await using pair = await startPair(config);
    const { one, two } = pair;
    const issued = await fetchFrom(one.url('/who'));
    const cookie = cookieOf(issued.headers['set-cookie'], 'lb');
    for (let i = 0; i < 9; i += 1) {
      expect((await fetchFrom(two.url('/who'), { headers: { cookie: `lb=${cookie}` } })).body).toBe(issued.body);
    }
  });
});

function stuckTo(backends: readonly { id: string; url: string }[], sticky: object): ReturnType<typeof relayTo> {
  const list = backends.map(({ id, url }) => ({ id, url }));
  return relayTo(list, { workers: 2, pool: { sticky, balance: 'round-robin' } });
}

async function ownersOf(balancers: readonly Holdfast[], way: Way): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  await Promise.all(
    KEYS.map(async (key, i) => {
      const { path, ...shape } = way.request(key, i);
      const answer = await fetchFrom(balancers[i % balancers.length]!.url(path), shape);
      owners.set(key, answer.body);
    }),
  );
  return owners;
}

/** Who serves whom, asked five times, from the other side each time: each connection is a new one for the kernel. */
async function turnsOf(balancers: readonly Holdfast[], way: Way): Promise<readonly ReadonlyMap<string, string>[]> {
  const turns = [];
  for (let turn = 0; turn < 5; turn += 1) {
    turns.push(await ownersOf(turn % 2 === 0 ? balancers : balancers.toReversed(), way));
  }
  return turns;
}

function cookieOf(headers: readonly string[] | undefined, name: string): string {
  const header = headers?.find((line) => line.startsWith(`${name}=`));
  if (header === undefined) throw new Error(`cookie: expected ${name} in Set-Cookie, got ${JSON.stringify(headers)}`);
  return header.slice(name.length + 1).split(';')[0]!;
}
