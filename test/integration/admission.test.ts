/** How fast clients come in, how one is told that it is too fast, and what a worker gives up under pressure. */
import { describe, expect, it } from 'vitest';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const sessionsTo = (backends: readonly string[], rest: object = {}) => ({
  routes: [{ match: { path: '/' }, pool: 'app' }],
  pools: { app: { kind: 'session', backends } },
  ...rest,
});

async function overloadLevel(holdfast: Holdfast, level: number): Promise<void> {
  const read = async (): Promise<void> => expect((await holdfast.metrics()).sum('holdfast_overload_level')).toBe(level);
  await eventually(read, { withinMs: 30_000 });
}

describe('admission', () => {
  it('refuses WebSockets above its rate with 503 and when to come back, and leaves requests alone', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { admission: { perSecond: 1 } }));
    await using first = await openSocket(holdfast.wsUrl());
    const waiting = openSocket(holdfast.wsUrl());
    const [one, two] = await Promise.all([openRefused(holdfast.wsUrl()), openRefused(holdfast.wsUrl())]);
    expect([one.status, two.status]).toEqual([503, 503]);
    const [soon, later] = [one, two].map(({ headers }) => Number(headers['retry-after'])).sort((a, b) => a - b);
    expect(soon).toBeGreaterThanOrEqual(2);
    expect(later).toBeGreaterThanOrEqual(3);
    expect(later).toBeLessThanOrEqual(6);
    await using second = await waiting;
    expect(await Promise.all([first.ask('a'), second.ask('b')])).toEqual(['a', 'b']);
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(holdfast.url())).status));
    expect(statuses).not.toContain(503);
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_admissions_total', { kind: 'new', outcome: 'refused' })).toBe(2);
    expect(metrics.sum('holdfast_bound_hits_total', { bound: 'admissions_per_second' })).toBe(2);
  });

  it('tells a client of the SDK its moment in the protocol, and lets those in first who resume', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast(sessionsTo(fleet.urls, { admission: { perSecond: 1 } }));
    await using old = await RawSession.open(holdfast.wsUrl());
    old.cut();
    await using young = await RawSession.dial(holdfast.wsUrl());
    await using late = await RawSession.dial(holdfast.wsUrl());
    await using resumed = await RawSession.dial(holdfast.wsUrl(), { resume: old.resumption });
    expect((await late.untilClosed()).code).toBe(4013);
    expect(late.controls.find(({ type }) => type === 'g')?.body).toMatchObject({ delayMs: expect.any(Number) });
    await resumed.untilWelcome();
    expect(young.welcome).toBeUndefined();
    await young.untilWelcome();
  });

  it('divides what the fleet may let in among its balancers', async () => {
    await using redis = await startRedis();
    await using backend = await startEcho();
    const config = relayTo([backend.url], {
      state: redis.url,
      workers: 2,
      admission: { perSecond: 1000, fleetPerSecond: 100 },
    });
    await using one = await startHoldfast(config);
    await using two = await startHoldfast(config);
    await eventually(
      async () => {
        const all = await Promise.all([one.metrics(), two.metrics()]);
        expect(all.map((metrics) => metrics.sum('holdfast_admission_rate'))).toEqual([50, 50]);
      },
      { withinMs: 20_000 },
    );
  });
});

describe('overload', () => {
  it('refuses new clients and lets those in who resume, until there is memory again', async () => {
    await using fleet = await SessionFleet.start(1);
    const config = sessionsTo(fleet.urls);
    await using holdfast = await startHoldfast(config);
    await using old = await RawSession.open(holdfast.wsUrl());
    old.cut();
    holdfast.reload({ ...config, overload: { memory: '1MiB' } });
    await overloadLevel(holdfast, 3);
    await using refused = await RawSession.dial(holdfast.wsUrl());
    expect((await refused.untilClosed()).code).toBe(4013);
    await using resumed = await RawSession.open(holdfast.wsUrl(), { resume: old.resumption });
    expect(resumed.welcome).toMatchObject({ resumed: true });
    await holdfast.waitForLog('under pressure');
    holdfast.reload(config);
    await overloadLevel(holdfast, 0);
    await using welcome = await RawSession.open(holdfast.wsUrl());
    expect(welcome.welcome).toBeDefined();
  });
});
