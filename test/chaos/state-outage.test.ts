/** Redis dies, is silent, is slow, comes back empty: sessions that live go on, new ones begin, and lost connections resume. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startHoldfast, type Holdfast } from '../support/holdfast.js';
import { restartRedis, startRedis } from '../support/redis.js';
import { SessionCrowd } from '../support/sessions/session-crowd.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { Arena, expectNothingLost, hold, LOAD_PER_SECOND, printAccount, sessionsOf } from './arena.js';

const RECOVERY_MS = 5000;
const PATIENCE_MS = 20_000;

/** During an outage: the load flows, a newcomer is served, and cut clients are back. */
async function livesOn(arena: Arena): Promise<void> {
  await arena.recovered();
  await using newcomers = await SessionCrowd.open({ urls: arena.urls, clients: 10, processes: 1 });
  await newcomers.send(50);
  await newcomers.settle();
  expect((await newcomers.report()).violations).toEqual([]);
  for (const proxy of arena.proxies) {
    proxy.cutAll();
    await arena.recovered();
  }
}

async function healed(balancers: readonly Holdfast[]): Promise<void> {
  const since = performance.now();
  await eventually(
    async () => {
      for (const balancer of balancers) {
        const { body } = await balancer.admin('/readyz');
        expect(body).toMatchObject({ status: 'ready' });
      }
    },
    { withinMs: PATIENCE_MS },
  );
  hold('healing, ms', Math.round(performance.now() - since), RECOVERY_MS);
}

async function degraded(balancers: readonly Holdfast[]): Promise<void> {
  await eventually(
    async () => {
      for (const balancer of balancers)
        expect((await balancer.admin('/readyz')).body).toMatchObject({ status: 'degraded' });
    },
    { withinMs: 15_000 },
  );
}

async function finish(name: string, arena: Arena): Promise<void> {
  await arena.recovered();
  for (const proxy of arena.proxies) {
    proxy.cutAll();
    await arena.recovered();
  }
  const account = await arena.account();
  printAccount(name, account);
  expectNothingLost(account);
  hold('redelivered, with no backend crashed', account.ledger.redelivered, 0);
}

describe('with Redis', () => {
  it('killed and restarted empty', async () => {
    await using redis = await startRedis();
    await using arena = await Arena.open('redis killed', { engine: 'redis', clients: 200, stateUrl: redis.url });
    await arena.crowd.send(LOAD_PER_SECOND / 2);
    await arena.recovered();
    await redis.kill9();
    await degraded(arena.balancers);
    await livesOn(arena);
    await using _again = await restartRedis(redis);
    await healed(arena.balancers);
    await finish('redis killed', arena);
  });

  it('black-holed', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    const stateUrl = `redis://127.0.0.1:${proxy.port}`;
    await using arena = await Arena.open('redis black-holed', { engine: 'redis', clients: 200, stateUrl });
    await arena.crowd.send(LOAD_PER_SECOND / 2);
    await arena.recovered();
    proxy.setMode({ name: 'blackHole' });
    await livesOn(arena);
    await degraded(arena.balancers);
    await livesOn(arena);
    proxy.setMode({ name: 'pass' });
    await healed(arena.balancers);
    await finish('redis black-holed', arena);
  });

  it('answering half a second late', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    const stateUrl = `redis://127.0.0.1:${proxy.port}`;
    await using arena = await Arena.open('redis slow', { engine: 'redis', clients: 200, stateUrl });
    await arena.crowd.send(LOAD_PER_SECOND / 2);
    await arena.recovered();
    proxy.setMode({ name: 'delay', ms: 500 });
    await livesOn(arena);
    proxy.setMode({ name: 'pass' });
    await healed(arena.balancers);
    await finish('redis slow', arena);
  });

  it('absent from the start: sessions begin and resume by their tokens alone', async () => {
    await using fleet = await SessionFleet.start(2);
    await using holdfast = await startHoldfast(sessionsOf(fleet.urls, { state: 'redis://127.0.0.1:1', workers: 2 }));
    await using proxy = await startTcpProxy(holdfast.port);
    await using crowd = await SessionCrowd.open({ urls: [`ws://127.0.0.1:${proxy.port}/`], clients: 50, processes: 1 });
    await crowd.send(500);
    for (let turn = 0; turn < 3; turn += 1) {
      const { sent } = await crowd.report();
      proxy.cutAll();
      await eventually(async () => expect((await crowd.report()).echoed).toBeGreaterThan(sent), { withinMs: 15_000 });
    }
    await crowd.settle();
    const report = await crowd.report();
    expect(report.violations).toEqual([]);
    expect(report.events['resumed']).toBeGreaterThan(0);
  });
});
