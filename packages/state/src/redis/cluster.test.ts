/** A real cluster while its masters hang, die and are replaced, and while slots move. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { entriesOf, entryOf, newSession, parkOf, resumeOf } from '../contract/session-fixtures.js';
import type { NewSession } from '../session-store.js';
import type { SharedState } from '../shared-state.js';
import { startRedisCluster, type RedisCluster } from '../testing/redis-cluster.js';
import type { RedisProcess } from '../testing/redis-process.js';
import { degraded, HEAL_MS, healthy, healthyState, redisState, TIMEOUT_MS } from '../testing/states.js';
import { sessionKeys } from './keys.js';
import { slotOf } from './slots.js';

const TEST_MS = 60_000;
const PARTIAL = ['--cluster-require-full-coverage', 'no'];

describe('with all nodes', () => {
  let cluster: RedisCluster;
  beforeAll(async () => void (cluster = await startRedisCluster()), TEST_MS);
  afterAll(() => cluster?.stop());

  it('is healthy with one seed of several, whatever the others are', async () => {
    const [first] = cluster.masters;
    const state = await healthyState(`redis+cluster://127.0.0.1:1,no-such-host.invalid,127.0.0.1:${first?.port}`);
    for (const master of cluster.masters) await state.sessions.create(sessionOn(cluster, master));
  });

  it('survives nodes that forget their scripts', async () => {
    const state = await healthyState(cluster.url);
    const session = newSession();
    await state.sessions.create(session);
    for (const master of cluster.masters) await cluster.clientOf(master).script('FLUSH');
    expect(await state.sessions.resume(resumeOf(session))).toMatchObject({ kind: 'resumed' });
    expect(state.health.status).toBe('ok');
  });

  it('gives every key a time to live, and keeps those of a session together', async () => {
    const state = await healthyState(cluster.url);
    const session = newSession();
    await state.sessions.create(session);
    await state.sessions.park(parkOf(session, { entries: entriesOf(1, 2) }));
    await state.leases.renew({ id: 'a', kind: 'worker', info: '', ttlMs: 60_000 });
    const owner = cluster.clientOf(ownerOf(cluster, session));
    const { record, tail } = sessionKeys('test:', session.sessionId);
    expect(await owner.exists(record, tail)).toBe(2);
    for (const client of cluster.masters.map(cluster.clientOf)) {
      for (const key of await client.keys('*')) expect(await client.pttl(key)).toBeGreaterThan(0);
    }
  });

  it('follows a slot to another node, before, while and after its keys move', async () => {
    const state = await healthyState(cluster.url);
    const [from, to] = cluster.masters as readonly [RedisProcess, RedisProcess];
    const session = sessionOn(cluster, from);
    await state.sessions.create(session);
    await state.sessions.park(parkOf(session, { entries: entriesOf(1, 2) }));
    const { record, tail } = sessionKeys('test:', session.sessionId);
    await moveSlot(cluster, { slot: slotOf(record), from, to }, async (moveKey) => {
      expect(await state.sessions.lookup(session.sessionId)).toMatchObject({ generation: 1 });
      await moveKey(record);
      await moveKey(tail);
      // Both keys are gone from where the slot still is: the node there says to ask the other one.
      expect(await state.sessions.resume(resumeOf(session))).toMatchObject({ generation: 2 });
    });
    expect(await state.sessions.resume(resumeOf(session))).toMatchObject({ generation: 3 });
    expect(await state.sessions.readTail(session.sessionId, 0)).toHaveLength(2);
    expect(state.health.status).toBe('ok');
  });

  it('is degraded while nobody is given some slot', async () => {
    const state = await healthyState(cluster.url);
    const [first] = cluster.masters as readonly [RedisProcess];
    const client = cluster.clientOf(first);
    await client.cluster('DELSLOTS', 0);
    await vi.waitFor(() => expect(state.health.detail).toMatch(/got 1 that nobody serves|CLUSTERDOWN/), {
      timeout: HEAL_MS,
    });
    await client.cluster('ADDSLOTS', 0);
    await healthy(state);
  });

  it('refuses calls once it is closed, and says no more of its health', async () => {
    const state = await healthyState(cluster.url);
    const changes: string[] = [];
    state.onHealthChange = ({ status }) => changes.push(status);
    await state.close();
    await expect(state.sessions.lookup('s')).rejects.toMatchObject({ code: 'STATE_CLOSED' });
    expect(changes).toEqual([]);
  });
});

describe('with a node less', () => {
  it(
    'is degraded while a node hangs, fails its calls soon and then at once, serves the others, and heals',
    async () => {
      const cluster = await startCluster({ args: PARTIAL });
      const state = await healthyState(cluster.url);
      const [hangs, works] = cluster.masters as readonly [RedisProcess, RedisProcess];
      const [stuck, fine] = [sessionOn(cluster, hangs), sessionOn(cluster, works)];
      await state.sessions.create(stuck);

      hangs.pause();
      expect(await timed(() => state.sessions.lookup(stuck.sessionId))).toBeLessThan(TIMEOUT_MS + 500);
      expect(state.health).toMatchObject({ status: 'degraded', detail: expect.stringContaining(`${hangs.port}`) });
      expect(await timed(() => state.sessions.lookup(stuck.sessionId))).toBeLessThan(TIMEOUT_MS / 2);
      await expect(state.sessions.lookup(stuck.sessionId)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
      expect(await state.sessions.create(fine)).toBe('created');
      await staysDegraded(state, 2000);
      expect(await state.sessions.resume(resumeOf(fine))).toMatchObject({ kind: 'resumed' });

      hangs.resume();
      await healthy(state);
      expect(await state.sessions.lookup(stuck.sessionId)).toMatchObject({ generation: 1 });
    },
    TEST_MS,
  );

  it(
    'is degraded without a master that nobody replaces, and goes on serving the other slots',
    async () => {
      const cluster = await startCluster({ args: PARTIAL });
      const state = await healthyState(cluster.url);
      const [dies, works] = cluster.masters as readonly [RedisProcess, RedisProcess];
      await dies.kill9();
      await degraded(state);
      await expect(state.sessions.create(sessionOn(cluster, dies))).rejects.toMatchObject({
        code: 'STATE_UNAVAILABLE',
      });
      expect(await state.sessions.create(sessionOn(cluster, works))).toBe('created');
      // A worker that starts now knows no better.
      const late = redisState(cluster.url);
      await vi.waitFor(async () => expect(await late.sessions.create(sessionOn(cluster, works))).toBe('created'), {
        timeout: HEAL_MS,
      });
      expect(late.health).toMatchObject({ status: 'degraded', detail: expect.stringContaining(`${dies.port}`) });
    },
    TEST_MS,
  );

  it(
    'heals with the replica that is promoted after a kill -9 of its master, and finds the sessions there',
    async () => {
      const cluster = await startCluster({ replicasPerMaster: 1, nodeTimeoutMs: 1000 });
      const state = await healthyState(cluster.url);
      const [dies, survivor] = cluster.masters as readonly [RedisProcess, RedisProcess];
      const session = sessionOn(cluster, dies);
      await state.sessions.create(session);
      await state.sessions.park(parkOf(session, { entries: [entryOf(1, 'x')] }));
      expect(await cluster.clientOf(dies).wait(1, HEAL_MS)).toBe(1);

      await dies.kill9();
      await degraded(state);
      await promotedInsteadOf(cluster, dies, survivor);
      await healthy(state, HEAL_MS);
      expect(await state.sessions.resume(resumeOf(session))).toMatchObject({ kind: 'resumed', generation: 2 });
      expect(await state.sessions.readTail(session.sessionId, 0)).toHaveLength(1);
      for (const master of cluster.masters) await state.sessions.create(sessionOn(cluster, master));
    },
    TEST_MS,
  );

  it(
    'heals after all nodes were gone for a while, and starts without any',
    async () => {
      const cluster = await startCluster();
      const state = await healthyState(cluster.url);
      for (const node of cluster.masters) node.pause();
      const late = redisState(cluster.url);
      await degraded(state);
      await staysDegraded(state, 3000);
      await expect(state.sessions.lookup('s')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
      for (const node of cluster.masters) node.resume();
      await Promise.all([healthy(state), healthy(late)]);
      expect(await late.sessions.create(newSession())).toBe('created');
    },
    TEST_MS,
  );

  it(
    'says why when nothing answers where it looks',
    async () => {
      const state = redisState('redis+cluster://127.0.0.1:1');
      await vi.waitFor(
        () => expect(state.health.detail).toMatch(/the cluster of 127.0.0.1:1: .* got: 127.0.0.1:1: .*; retrying/),
        {
          timeout: HEAL_MS,
        },
      );
      await expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    },
    TEST_MS,
  );
});

async function startCluster(options?: Parameters<typeof startRedisCluster>[0]): Promise<RedisCluster> {
  const cluster = await startRedisCluster(options);
  onTestFinished(() => cluster.stop());
  return cluster;
}

/** A new session whose keys a certain master was given. */
function sessionOn(cluster: RedisCluster, master: RedisProcess): NewSession {
  for (;;) {
    const session = newSession();
    if (ownerOf(cluster, session) === master) return session;
  }
}

function ownerOf(cluster: RedisCluster, { sessionId }: NewSession): RedisProcess {
  const slot = slotOf(sessionKeys('test:', sessionId).record);
  const owner = cluster.masters.find((master) => {
    const [first, last] = cluster.slotsOf(master);
    return slot >= first && slot <= last;
  });
  return owner as RedisProcess;
}

/** By the steps of a resharding; `whileMoving` is given the one that moves a key. */
async function moveSlot(
  cluster: RedisCluster,
  { slot, from, to }: { slot: number; from: RedisProcess; to: RedisProcess },
  whileMoving: (moveKey: (key: string) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const [source, target] = [cluster.clientOf(from), cluster.clientOf(to)];
  const [sourceId, targetId] = await Promise.all([source.cluster('MYID'), target.cluster('MYID')]);
  await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId as string);
  await source.cluster('SETSLOT', slot, 'MIGRATING', targetId as string);
  await whileMoving((key) => source.migrate('127.0.0.1', to.port, key, 0, 5000));
  for (const client of [target, source]) await client.cluster('SETSLOT', slot, 'NODE', targetId as string);
}

/** By the word of a node that survives. */
function promotedInsteadOf(cluster: RedisCluster, dead: RedisProcess, survivor: RedisProcess): Promise<void> {
  const [first] = cluster.slotsOf(dead);
  return vi.waitFor(
    async () => {
      const ranges = await cluster.clientOf(survivor).cluster('SLOTS');
      const owner = ranges.find(([from]) => from === first)?.[2]?.[1];
      expect(cluster.replicas.map(({ port }) => port)).toContain(owner);
    },
    { timeout: 20_000, interval: 20 },
  );
}

/** Probes are a second apart: what stays for longer than two of them is not a matter of luck. */
async function staysDegraded(state: SharedState, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  await vi.waitFor(
    () => {
      expect(state.health.status).toBe('degraded');
      expect(performance.now()).toBeGreaterThan(until);
    },
    { timeout: forMs + 1000, interval: 50 },
  );
}

/** How long it took to answer or to refuse. */
async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await call().catch(() => undefined);
  return performance.now() - startedAt;
}
