/** After a scale-out: sessions spread until the fullest has at most 1.1 times the mean, while they talk, and nobody notices. */
import { expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { startRedis } from '../support/redis.js';
import { audit } from '../support/sessions/ledger.js';
import { SessionCrowd } from '../support/sessions/session-crowd.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';

const CLIENTS = 200;
const MAX_RATIO = 1.1;
const SETTLED = { withinMs: 50_000, everyMs: 500 };

function configOf(backends: readonly string[], rest: object = {}) {
  return {
    routes: [{ match: { path: '/' }, pool: 'app' }],
    pools: { app: { kind: 'session', backends, health: { interval: '200ms', rise: 1 } } },
    rebalance: { perSecond: 50 },
    ...rest,
  };
}

/** Also that it stays so: whoever goes back and forth would be above it again. */
async function settles(loads: () => Promise<readonly number[]>): Promise<void> {
  let calm = 0;
  await eventually(async () => {
    const now = await loads();
    const total = now.reduce((sum, load) => sum + load, 0);
    calm = total === CLIENTS && Math.max(...now) <= (CLIENTS / now.length) * MAX_RATIO ? calm + 1 : 0;
    expect(`${now.join(' and ')}, ${calm} times in a row`).toMatch(/, [3-9] times/);
  }, SETTLED);
}

async function untouched(crowd: SessionCrowd, fleet: SessionFleet): Promise<void> {
  await crowd.settle();
  const report = await crowd.report();
  const ledger = audit(fleet.readLog(), report.sentBy);
  expect(report.violations).toEqual([]);
  expect(ledger.violations).toEqual([]);
  expect(report.echoed).toBe(report.sent);
  expect(report.open).toBe(CLIENTS);
}

it('moves sessions to a backend that comes later, without a word to their clients’ connections', async () => {
  await using cleanup = new Cleanup();
  const fleet = cleanup.use(await SessionFleet.start(2));
  const [, late] = fleet.backends;
  await late!.stop('SIGTERM');
  await using holdfast = await startHoldfast(configOf(fleet.urls, { workers: 2 }));
  const crowd = cleanup.use(await SessionCrowd.open({ urls: [holdfast.wsUrl('/')], clients: CLIENTS }));
  await crowd.send(500);
  const loads = async (): Promise<number[]> => {
    const metrics = await holdfast.metrics();
    return fleet.urls.map((url) => metrics.sum('holdfast_connections_open', { backend: new URL(url).host }) ?? 0);
  };
  expect(await loads()).toEqual([CLIENTS, 0]);
  await late!.start();
  await settles(loads);
  await untouched(crowd, fleet);
  const { events } = await crowd.report();
  expect(events['state suspended'] ?? 0).toBe(0);
  expect((await holdfast.metrics()).sum('holdfast_sessions_rebalanced_total', { from: 'backend' })).toBeLessThan(150);
});

it('sends sessions to a balancer that comes later', async () => {
  await using cleanup = new Cleanup();
  const fleet = cleanup.use(await SessionFleet.start(2));
  const redis = cleanup.use(await startRedis());
  const config = configOf(fleet.urls, { state: redis.url });
  const ports = { port: await freePort(), adminPort: await freePort() };
  const first = cleanup.use(await startHoldfast(config));
  const urls = [first.wsUrl('/'), `ws://127.0.0.1:${ports.port}/`];
  const crowd = cleanup.use(await SessionCrowd.open({ urls, clients: CLIENTS }));
  await crowd.send(500);
  const second = cleanup.use(await startHoldfast(config, { ports }));
  await settles(() => Promise.all([sessionsOf(first), sessionsOf(second)]));
  await untouched(crowd, fleet);
  expect((await first.metrics()).sum('holdfast_sessions_rebalanced_total', { from: 'balancer' })).toBeLessThan(150);
});

async function sessionsOf(holdfast: Holdfast): Promise<number> {
  return (await holdfast.metrics()).sum('holdfast_sessions', { state: 'live' }) ?? 0;
}
