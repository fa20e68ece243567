/** A master behind real sentinels while it is killed, hangs, or is replaced. Each test has its own set of processes. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { newSession, parkOf, resumeOf, entriesOf } from '../contract/session-fixtures.js';
import {
  MASTER_NAME,
  startRedisSentinels,
  type RedisSentinels,
  type RedisSentinelsOptions,
} from '../testing/redis-sentinels.js';
import type { RedisProcess } from '../testing/redis-process.js';
import { degraded, HEAL_MS, healthy, healthyState, operatorOf, redisState } from '../testing/states.js';

const TEST_MS = 60_000;
/** Sentinels need their time before there is a master to be well with. */
const FAILOVER = { timeout: 20_000, interval: 20 } as const;

it(
  'goes to the promoted replica after a kill -9 of the master, and finds the sessions there',
  async () => {
    const servers = await startServers();
    const state = await healthyState(servers.url);
    const session = newSession();
    await state.sessions.create(session);
    await state.sessions.park(parkOf(session, { entries: entriesOf(1, 3) }));
    await replicated(servers);

    await servers.master.kill9();
    await degraded(state);
    await expect(state.sessions.lookup(session.sessionId)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    await promoted(servers.replica);
    await healthy(state, HEAL_MS);

    expect(await state.sessions.resume(resumeOf(session))).toMatchObject({ kind: 'resumed', generation: 2 });
    expect(await state.sessions.readTail(session.sessionId, 0)).toHaveLength(3);
  },
  TEST_MS,
);

it(
  'leaves a master that hangs, and does not return to it when it goes on',
  async () => {
    const servers = await startServers();
    const state = await healthyState(servers.url);
    servers.master.pause();
    await degraded(state);
    await promoted(servers.replica);
    await healthy(state, HEAL_MS);
    servers.master.resume();
    await state.affinity.claim('p', 'k', 'b1', 60_000);
    expect(await operatorOf(servers.replica).get('test:affinity:{p:k}')).toBe('b1');
  },
  TEST_MS,
);

it(
  'follows a failover by hand while the old master goes on',
  async () => {
    const servers = await startServers();
    const state = await healthyState(servers.url);
    const [old, replica] = [operatorOf(servers.master), operatorOf(servers.replica)];
    await operatorOf(servers.sentinels[0] as RedisProcess).call('SENTINEL', 'FAILOVER', MASTER_NAME);
    await switched(servers);
    await vi.waitFor(
      async () => {
        await state.affinity.claim('p', 'k', 'b1', 60_000);
        expect(await replica.get('test:affinity:{p:k}')).toBe('b1');
      },
      { timeout: HEAL_MS, interval: 50 },
    );
    // Sentinels leave it alone for eight seconds more.
    expect(await old.info('replication')).toContain('role:master');
  },
  TEST_MS,
);

it(
  'works with a password and while one sentinel of three is gone, and finds a master without it',
  async () => {
    const servers = await startServers({ password: 'p@ss:word' });
    const early = await healthyState(servers.url);
    await servers.sentinels[0]?.kill9();
    const late = await healthyState(servers.url);
    expect(await late.affinity.claim('p', 'k', 'b1', 60_000)).toBe('b1');
    expect(await early.affinity.lookup('p', 'k')).toBe('b1');
    expect(early.health.status).toBe('ok');
  },
  TEST_MS,
);

it(
  'says what is wrong when no sentinel answers, or none knows the master',
  async () => {
    const servers = await startServers();
    const lost = redisState(servers.url.replace(MASTER_NAME, 'other'));
    await vi.waitFor(() => expect(lost.health.detail).toMatch(/No such master with that name; retrying/), FAILOVER);
    await servers.stop();
    const alone = redisState(servers.url);
    await vi.waitFor(() => expect(alone.health.detail).toMatch(/failed to connect to sentinel .*; retrying/), FAILOVER);
    await expect(alone.leases.renew({ id: 'a', kind: 'worker', info: '', ttlMs: 1000 })).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
    });
  },
  TEST_MS,
);

async function startServers(options?: RedisSentinelsOptions): Promise<RedisSentinels> {
  const servers = await startRedisSentinels(options);
  onTestFinished(() => servers.stop());
  return servers;
}

async function promoted(process: RedisProcess): Promise<void> {
  const operator = operatorOf(process);
  await vi.waitFor(async () => expect(await operator.info('replication')).toContain('role:master\r\n'), FAILOVER);
}

/** By the word of all sentinels. */
async function switched({ sentinels, replica }: RedisSentinels): Promise<void> {
  const operators = sentinels.map(operatorOf);
  await vi.waitFor(async () => {
    const calls = operators.map((operator) => operator.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME));
    const ports = (await Promise.all(calls)).map((address) => Number((address as readonly string[])[1]));
    expect(new Set(ports)).toEqual(new Set([replica.port]));
  }, FAILOVER);
}

/** A failover loses what the replica has not got yet: no test is about that. */
async function replicated({ master }: RedisSentinels): Promise<void> {
  expect(await operatorOf(master).wait(1, HEAL_MS)).toBe(1);
}
