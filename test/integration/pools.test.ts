/** Who gets the next connection: health, operators and traffic decide, once for all workers of a machine. */
import { describe, expect, it } from 'vitest';
import { type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { startScriptedPeer } from '../support/backends/scripted-peer.js';
import { type EchoBackend, refuseWith, startEcho } from '../support/backends/websocket-echo.js';
import { eventually, never } from '../support/eventually.js';
import { backendsOf, backendState } from '../support/gauges.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { shareHoldfast } from '../support/shared-holdfast.js';
import { openMany, openSocket } from '../support/websocket-client.js';

const serve = shareHoldfast();
/** None of these tests waits for the timeout: it is for backends that are well, on a machine that is busy. */
const FAST = { interval: '100ms', timeout: '5s', fall: 2, rise: 2 };

async function whoAnswers(holdfast: Holdfast, times = 20): Promise<ReadonlySet<string>> {
  const answers = await Promise.all(Array.from({ length: times }, () => fetchFrom(holdfast.url('/who'))));
  return new Set(answers.map(({ body }) => body));
}

describe('health checks', () => {
  it('of type tcp take a dead backend out and back in', async () => {
    await using a = await startHttpApp('a');
    await using b = await startHttpApp('b');
    const holdfast = await serve(twoOf(a, b, { health: { type: 'tcp', ...FAST }, retries: 0 }));
    expect(await whoAnswers(holdfast)).toEqual(new Set(['a', 'b']));
    await a.die();
    await eventually(async () => expect(await backendState(holdfast, 'a')).toBe('down'));
    expect(await whoAnswers(holdfast)).toEqual(new Set(['b']));
    await a.listenAgain();
    await eventually(async () => expect(await backendState(holdfast, 'a')).toBe('ready'));
    await eventually(async () => expect(await whoAnswers(holdfast)).toEqual(new Set(['a', 'b'])));
  });

  it('of type http follow the status', async () => {
    await using a = await startHttpApp('a');
    await using b = await startHttpApp('b');
    const holdfast = await serve(twoOf(a, b, { health: { type: 'http', path: '/health', expect: 200, ...FAST } }));
    a.health = 503;
    await eventually(async () => expect(await backendState(holdfast, 'a')).toBe('down'));
    expect(await whoAnswers(holdfast)).toEqual(new Set(['b']));
    a.health = 200;
    await eventually(async () => expect(await backendState(holdfast, 'a')).toBe('ready'));
  });

  it('of type websocket need a real upgrade and a pong, not a port that answers', async () => {
    let isBroken = false;
    await using a = await startEcho({ id: 'a', refuse: (_, socket) => isBroken && refuseWith(socket, '500 Oops') });
    await using b = await startEcho({ id: 'b' });
    const holdfast = await serve(twoOf(a, b, { health: { type: 'websocket', path: '/check', ...FAST } }));
    await eventually(() => expect(a.handshakes.some(({ url }) => url === '/check')).toBe(true));
    await eventually(() => expect(a.pings.length).toBeGreaterThan(0));
    isBroken = true;
    await eventually(async () => expect(await backendState(holdfast, 'a')).toBe('down'));
    isBroken = false;
    await eventually(async () => expect(await backendState(holdfast, 'a')).toBe('ready'));
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_health_check_rtt_seconds', { backend: 'b' })).toBeGreaterThan(0);
  });

  it('run once per machine, not once per worker', async () => {
    await using a = await startHttpApp('a');
    const health = { type: 'http', path: '/health', interval: '200ms', timeout: '5s' };
    await using holdfast = await startHoldfast(relayTo([a.url], { workers: 4, pool: { health } }));
    const count = (): number => a.requests.filter(({ url }) => url === '/health').length;
    await eventually(() => expect(count()).toBeGreaterThan(0));
    const [before, startedAt] = [count(), performance.now()];
    await eventually(() => expect(count() - before).toBeGreaterThanOrEqual(6));
    // Six checks 200 ms apart take a second at least; from four workers they would take 300 ms.
    expect(performance.now() - startedAt).toBeGreaterThan(800);
    expect(holdfast.workerPids()).toHaveLength(4);
  });

  it('do not close connections of a backend that they take out', async () => {
    await using a = await startHttpApp('a');
    await using b = await startEcho({ id: 'b', status: () => status });
    let status = 200;
    const holdfast = await serve(twoOf(a, b, { health: { type: 'http', path: '/health', ...FAST } }));
    await using socket = await eventually(async () => openSocket(holdfast.wsUrl()));
    status = 500;
    await eventually(async () => expect(await backendState(holdfast, 'b')).toBe('down'));
    expect(await socket.ask('still here')).toBe('still here');
  });

  it('that fail everywhere are taken for a false alarm: panic', async () => {
    await using a = await startHttpApp('a');
    await using b = await startHttpApp('b');
    [a.health, b.health] = [500, 500];
    const holdfast = await serve(twoOf(a, b, { health: { type: 'http', path: '/health', ...FAST } }));
    for (const id of ['a', 'b']) await eventually(async () => expect(await backendState(holdfast, id)).toBe('down'));
    expect(await whoAnswers(holdfast)).toEqual(new Set(['a', 'b']));
  });

  it('without panic leave 503', async () => {
    await using a = await startHttpApp('a');
    a.health = 500;
    const health = { type: 'http', path: '/health', ...FAST };
    const holdfast = await serve(relayTo([a.url], { pool: { health, panicThreshold: 0 } }));
    await eventually(async () => expect((await fetchFrom(holdfast.url('/who'))).status).toBe(503));
  });
});

describe('an operator', () => {
  it('drains a backend: new connections go elsewhere, open ones stay', async () => {
    await using a = await startEcho({ id: 'a' });
    await using b = await startEcho({ id: 'b' });
    const holdfast = await serve(twoOf(a, b, { balance: 'round-robin' }));
    await using group = await openMany(20, () => openSocket(holdfast.wsUrl()));
    for (const state of ['draining', 'maintenance']) {
      expect((await put(holdfast, 'a', { state })).status).toBe(200);
      await eventually(async () => expect(await whoTakes(holdfast, 20)).toEqual(new Set(['b'])));
    }
    for (const socket of group.sockets) expect(await socket.ask('still here')).toBe('still here');
    expect((await put(holdfast, 'a', { state: 'ready' })).status).toBe(200);
    await eventually(async () => expect(await whoTakes(holdfast, 20)).toEqual(new Set(['a', 'b'])));
  });

  it('changes a weight', async () => {
    await using a = await startHttpApp('a');
    await using b = await startHttpApp('b');
    const holdfast = await serve(twoOf(a, b, { balance: 'round-robin' }));
    expect((await put(holdfast, 'a', { weight: 0 })).status).toBe(200);
    await eventually(async () => expect(await whoAnswers(holdfast)).toEqual(new Set(['b'])));
  });

  it('is not overruled by a reload, nor by panic', async () => {
    await using a = await startHttpApp('a');
    await using b = await startHttpApp('b');
    const config = twoOf(a, b, {});
    await using holdfast = await startHoldfast(config);
    expect((await put(holdfast, 'a', { state: 'maintenance' })).status).toBe(200);
    const from = holdfast.log.lines.length;
    holdfast.reload({ ...config, routes: [{ name: 'renamed', match: { path: '/' }, pool: 'app' }] });
    await holdfast.waitForLog((line) => /reload/.test(String(line.msg)), { from });
    await never(500, async () => expect(await whoAnswers(holdfast, 5)).toEqual(new Set(['b'])));
  });
});

describe('traffic', () => {
  it('ejects a backend that keeps failing, and lets it back', async () => {
    await using good = await startHttpApp('good');
    await using bad = await startScriptedPeer(
      (_, socket) => void (isBroken ? socket.resetAndDestroy() : socket.write(ANSWER)),
    );
    let isBroken = true;
    const outlier = { failures: 3, baseEjection: '1s', maxEjection: '1s', maxEjected: 50 };
    const config = relayTo(
      [
        { id: 'good', url: good.url },
        { id: 'bad', url: bad.url },
      ],
      { pool: { balance: 'round-robin', outlier, retries: 0, panicThreshold: 0 } },
    );
    const holdfast = await serve(config);
    await eventually(async () => {
      await fetchFrom(holdfast.url('/who'));
      expect(await backendState(holdfast, 'bad')).toBe('down');
    });
    expect(await whoAnswers(holdfast)).toEqual(new Set(['good']));
    isBroken = false;
    await eventually(async () => expect(await whoAnswers(holdfast)).toEqual(new Set(['good', 'bad'])), {
      withinMs: 10_000,
    });
  });
});

describe('balancing', () => {
  const serve = shareHoldfast();

  it('by least connections is even over the whole machine, whatever worker the kernel chooses', async () => {
    await using a = await startEcho({ id: 'a' });
    await using b = await startEcho({ id: 'b' });
    const holdfast = await serve({ ...twoOf(a, b, { balance: 'least-connections' }), workers: 2 });
    const sockets = [];
    try {
      for (let i = 0; i < 100; i += 1) {
        sockets.push(await openSocket(holdfast.wsUrl()));
        // Workers tell each other their counts ten times a second; a burst inside one report is the next test's.
        if (i % 10 === 9) await countsAgree(holdfast, i + 1);
      }
      await countsAgree(holdfast, 100);
      expect(a.open.size + b.open.size).toBe(100);
      // Each of the two workers may be one exchange behind.
      expect(Math.abs(a.open.size - b.open.size)).toBeLessThanOrEqual(4);
    } finally {
      for (const socket of sockets) socket.ws.terminate();
    }
  });

  it.each(['round-robin', 'least-connections', 'two-choices'])('by %s spreads a burst', async (balance) => {
    await using a = await startEcho({ id: 'a' });
    await using b = await startEcho({ id: 'b' });
    const holdfast = await serve({ ...twoOf(a, b, { balance }), workers: 2 });
    await using group = await openMany(100, () => openSocket(holdfast.wsUrl()));
    expect(group.sockets).toHaveLength(100);
    expect(Math.min(a.open.size, b.open.size)).toBeGreaterThanOrEqual(35);
  });

  it('follows weights', async () => {
    await using a = await startHttpApp('a');
    await using b = await startHttpApp('b');
    const backends = [
      { id: 'a', url: a.url, weight: 3 },
      { id: 'b', url: b.url, weight: 1 },
    ];
    await using holdfast = await startHoldfast(relayTo(backends, { pool: { balance: 'round-robin' } }));
    for (let i = 0; i < 40; i += 1) await fetchFrom(holdfast.url('/who'));
    expect([a.requests.length, b.requests.length]).toEqual([30, 10]);
  });

  it.each(['source-hash', 'consistent-hash'])(
    'by %s keeps an address on its backend, over all workers',
    async (balance) => {
      await using a = await startHttpApp('a');
      await using b = await startHttpApp('b');
      const holdfast = await serve({ ...twoOf(a, b, { balance }), workers: 2 });
      const owners = new Set<string>();
      for (let host = 1; host <= 20; host += 1) {
        const ask = (): Promise<{ body: string }> =>
          fetchFrom(holdfast.url('/who'), { localAddress: `127.0.1.${host}` });
        const bodies = new Set<string>();
        for (let i = 0; i < 6; i += 1) bodies.add((await ask()).body);
        expect(bodies.size).toBe(1);
        for (const body of bodies) owners.add(body);
      }
      expect(owners).toEqual(new Set(['a', 'b']));
    },
  );
});

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad';

function twoOf(a: HttpApp | EchoBackend, b: HttpApp | EchoBackend, pool: object): ReturnType<typeof relayTo> {
  const backends = [
    { id: 'a', url: a.url },
    { id: 'b', url: b.url },
  ];
  return relayTo(backends, { pool });
}

async function whoTakes(holdfast: Holdfast, count: number): Promise<ReadonlySet<string>> {
  await using group = await openMany(count, () => openSocket(holdfast.wsUrl()));
  return new Set(await Promise.all(group.sockets.map((socket) => socket.ask('!who'))));
}

function put(holdfast: Holdfast, id: string, body: object): Promise<{ status: number; body: unknown }> {
  const headers = { 'content-type': 'application/json' };
  return holdfast.admin(`/v1/backends/${id}`, { method: 'PUT', headers, body: JSON.stringify(body) });
}

/** The supervisor has heard of all of them, so every worker is told with the next exchange. */
async function countsAgree(holdfast: Holdfast, expected: number): Promise<void> {
  await eventually(async () => {
    const loads = (await backendsOf(holdfast)).map(({ load }) => load);
    expect(loads.reduce((sum, load) => sum + load, 0)).toBe(expected);
  });
}
