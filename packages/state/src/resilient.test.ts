/**
 * Machines that share a Redis while it comes and goes: a real server, and for each machine a store of its own. Composed
 * by createSharedState, as in production.
 */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newSession, resumeOf } from './contract/session-fixtures.js';
import { messageOf, readOf } from './contract/topic-fixtures.js';
import { createSharedState } from './create-shared-state.js';
import { createEmbeddedState } from './embedded/client.js';
import { handleCall } from './embedded/server.js';
import { EmbeddedStore } from './embedded/store.js';
import { createRedisState } from './redis/engine.js';
import { createResilientState, type ResilientState } from './resilient.js';
import type { SharedState } from './shared-state.js';
import { startRedisCluster } from './testing/redis-cluster.js';
import { startRedisServer, type RedisServer } from './testing/redis-server.js';

const TIMEOUT_MS = 300;
const LONG_MS = 60_000;
const HEAL = { timeout: 5000, interval: 20 } as const;

describe('with Redis', () => {
  it('shows one machine what another one claimed', async () => {
    const server = await startServer();
    const [one, two] = await Promise.all([machine(server), machine(server)]);
    expect(await one.affinity.claim('p', 'k', 'b1', LONG_MS)).toBe('b1');
    expect(await two.affinity.claim('p', 'k', 'b2', LONG_MS)).toBe('b1');
    expect(await two.affinity.replace('p', 'k', 'b1', 'b3', LONG_MS)).toBe('b3');
    expect(await one.affinity.lookup('p', 'k')).toBe('b3');
  });

  it('passes a mistake of the caller on instead of asking the fallback', async () => {
    const one = await machine(await startServer());
    await expect(one.affinity.claim('p', 'x'.repeat(513), 'b1', LONG_MS)).rejects.toMatchObject({
      code: 'STATE_KEY_TOO_LONG',
    });
    expect(one.outage).toMatchObject({ remembered: 0 });
  });

  it('refuses calls once it is closed', async () => {
    const one = await machine(await startServer());
    await one.close();
    await expect(one.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_CLOSED' });
  });
});

describe('without Redis', () => {
  it('still knows on this machine what was bound before', async () => {
    const server = await startServer();
    const one = await machine(server);
    await one.affinity.claim('p', 'claimed', 'b1', LONG_MS);
    await one.affinity.claim('p', 'moved', 'b1', LONG_MS);
    await one.affinity.replace('p', 'moved', 'b1', 'b2', LONG_MS);
    await server.kill9();
    await degraded(one);
    expect(await one.affinity.lookup('p', 'claimed')).toBe('b1');
    expect(await one.affinity.claim('p', 'moved', 'b9', LONG_MS)).toBe('b2');
  });

  it('agrees with the other workers of this machine', async () => {
    const server = await startServer();
    const store = storeOf();
    const [one, two] = await Promise.all([machine(server, { store }), machine(server, { store })]);
    await server.kill9();
    await Promise.all([degraded(one), degraded(two)]);
    expect(await one.affinity.claim('p', 'k', 'b1', LONG_MS)).toBe('b1');
    expect(await two.affinity.claim('p', 'k', 'b2', LONG_MS)).toBe('b1');
  });

  it('answers within the timeout when the server is stopped, and then without waiting', async () => {
    const server = await startServer();
    const one = await machine(server);
    const outcomes: string[] = [];
    one.onCall = (_, outcome) => outcomes.push(outcome);
    server.pause();
    expect(await timed(() => one.affinity.claim('p', 'k', 'b1', LONG_MS))).toBeLessThan(TIMEOUT_MS + 500);
    expect(one.health.status).toBe('degraded');
    expect(await timed(() => one.affinity.claim('p', 'l', 'b1', LONG_MS))).toBeLessThan(TIMEOUT_MS / 2);
    expect(outcomes).toEqual(['error', 'error']);
  });

  it('works from the start with a server that was never there', async () => {
    const server = await startServer();
    await server.kill9();
    const one = machineOf(server);
    expect(await one.affinity.claim('p', 'k', 'b1', LONG_MS)).toBe('b1');
    expect(await one.affinity.lookup('p', 'k')).toBe('b1');
  });

  it('remembers no more than its bound, and counts what it forgets', async () => {
    const server = await startServer();
    await server.kill9();
    const one = machineOf(server, { maxRemembered: 3 });
    for (const key of ['a', 'b', 'c', 'd', 'e', 'e']) await one.affinity.claim('p', key, 'b1', LONG_MS);
    expect(one.outage).toEqual({ remembered: 3, dropped: 2, written: 0, unmirrored: 0 });
    await startServer(server.port);
    await healthy(one);
    await vi.waitFor(() => expect(one.outage).toMatchObject({ remembered: 0, written: 3 }), HEAL);
  });
});

describe('sessions and leases', () => {
  it('are shared with other machines, and reported once', async () => {
    const server = await startServer();
    const [one, two] = await Promise.all([machine(server), machine(server)]);
    const calls: string[] = [];
    one.onCall = (operation, outcome) => calls.push(`${operation} ${outcome}`);
    const session = newSession();
    await one.sessions.create(session);
    await one.leases.renew({ id: 'a', kind: 'worker', info: '', ttlMs: LONG_MS });
    expect(await two.sessions.lookup(session.sessionId)).toMatchObject({ generation: 1 });
    expect(calls).toEqual(['session.create ok', 'lease.renew ok']);
  });

  it('are refused at once without Redis, however often they are asked for, and are back with it', async () => {
    const server = await startServer();
    const one = await machine(server);
    const session = newSession();
    await one.sessions.create(session);
    server.pause();
    await degraded(one);
    const calls: string[] = [];
    one.onCall = (operation, outcome) => calls.push(`${operation} ${outcome}`);
    const refused = { code: 'STATE_UNAVAILABLE', retryable: true };
    const tookMs = await timed(async () => {
      await expect(one.sessions.resume(resumeOf(session))).rejects.toMatchObject(refused);
      await expect(one.sessions.create(newSession())).rejects.toMatchObject(refused);
      await expect(one.leases.release('a')).rejects.toMatchObject(refused);
    });
    expect(tookMs).toBeLessThan(TIMEOUT_MS / 2);
    expect(calls).toEqual(['session.resume error', 'session.create error', 'lease.release error']);
    server.resume();
    await healthy(one);
    expect(await one.sessions.resume(resumeOf(session))).toMatchObject({ kind: 'resumed', generation: 2 });
  });

  it('are refused once it is closed', async () => {
    const one = await machine(await startServer());
    await one.close();
    await expect(one.sessions.lookup('s')).rejects.toMatchObject({ code: 'STATE_CLOSED' });
    await expect(one.leases.release('a')).rejects.toMatchObject({ code: 'STATE_CLOSED' });
  });
});

it('lets the nodes of a cluster that are well go on deciding while another one is not', async () => {
  const cluster = await startRedisCluster({ args: ['--cluster-require-full-coverage', 'no'] });
  onTestFinished(() => cluster.stop());
  const [one, two] = await Promise.all([machine(cluster), machine(cluster)]);
  cluster.masters[0]?.pause();
  await Promise.all([degraded(one), degraded(two)]);
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
  const first = await Promise.all(keys.map((key) => one.affinity.claim('p', key, 'b1', LONG_MS)));
  const second = await Promise.all(keys.map((key) => two.affinity.claim('p', key, 'b2', LONG_MS)));
  expect(new Set(first)).toEqual(new Set(['b1']));
  // Two thirds of the slots are well; for the others each machine decides by itself.
  expect(second.filter((backend) => backend === 'b1').length).toBeGreaterThan(10);
  expect(second).toContain('b2');
}, 30_000);

describe('when Redis is back', () => {
  it('writes what was bound meanwhile to it, where other machines see it', async () => {
    const server = await startServer();
    const [one, two] = await Promise.all([machine(server), machine(server)]);
    await one.affinity.claim('p', 'old', 'b1', LONG_MS);
    server.pause();
    await Promise.all([degraded(one), degraded(two)]);
    await one.affinity.claim('p', 'new', 'b1', LONG_MS);
    await one.affinity.replace('p', 'old', 'b1', 'b2', LONG_MS);
    await one.affinity.replace('p', 'old', 'b2', 'b3', LONG_MS);
    server.resume();
    await Promise.all([healthy(one), healthy(two)]);
    await vi.waitFor(async () => {
      expect(await two.affinity.lookup('p', 'new')).toBe('b1');
      expect(await two.affinity.lookup('p', 'old')).toBe('b3');
    }, HEAL);
    expect(one.outage).toMatchObject({ remembered: 0, written: 2, dropped: 0 });
  });

  it('writes many entries back', async () => {
    const server = await startServer();
    await server.kill9();
    const one = machineOf(server);
    await Promise.all(Array.from({ length: 1000 }, (_, i) => one.affinity.claim('p', `k${i}`, 'b1', LONG_MS)));
    await startServer(server.port);
    await vi.waitFor(() => expect(one.outage).toMatchObject({ remembered: 0, written: 1000 }), HEAL);
  });

  it('lets two machines that chose differently agree on whoever wrote first', async () => {
    const server = await startServer();
    const [one, two] = await Promise.all([machine(server), machine(server)]);
    server.pause();
    await Promise.all([degraded(one), degraded(two)]);
    await one.affinity.claim('p', 'k', 'b1', LONG_MS);
    await two.affinity.claim('p', 'k', 'b2', LONG_MS);
    server.resume();
    await vi.waitFor(() => expect(one.outage.remembered + two.outage.remembered).toBe(0), HEAL);
    await Promise.all([healthy(one), healthy(two)]);
    const winner = await one.affinity.lookup('p', 'k');
    expect(await two.affinity.lookup('p', 'k')).toBe(winner);

    await server.kill9();
    await Promise.all([degraded(one), degraded(two)]);
    expect([await one.affinity.lookup('p', 'k'), await two.affinity.lookup('p', 'k')]).toEqual([winner, winner]);
  });

  it('still knows what the server has lost', async () => {
    const server = await startServer();
    const [one, two] = await Promise.all([machine(server), machine(server)]);
    await one.affinity.claim('p', 'looked-up', 'b1', LONG_MS);
    await one.affinity.claim('p', 'claimed', 'b1', LONG_MS);
    await server.kill9();
    await degraded(one);
    await startServer(server.port);
    await Promise.all([healthy(one), healthy(two)]);
    expect(await one.affinity.lookup('p', 'looked-up')).toBe('b1');
    expect(await one.affinity.lookup('p', 'never')).toBeUndefined();
    expect(await one.affinity.claim('p', 'claimed', 'b2', LONG_MS)).toBe('b1');
    expect(await two.affinity.lookup('p', 'claimed')).toBe('b1');
  });

  it('does not write entries back whose time is over', async () => {
    const server = await startServer();
    await server.kill9();
    const one = machineOf(server);
    await one.affinity.claim('p', 'k', 'b1', 1);
    await vi.waitFor(async () => expect(await one.affinity.lookup('p', 'k')).toBeUndefined());
    await startServer(server.port);
    await vi.waitFor(() => expect(one.outage).toMatchObject({ remembered: 0, written: 0, dropped: 0 }), HEAL);
  });

  it('reports each change of health once', async () => {
    const server = await startServer();
    const one = await machine(server);
    const changes: string[] = [];
    one.onHealthChange = ({ status }) => changes.push(status);
    await server.kill9();
    await degraded(one);
    await startServer(server.port);
    await healthy(one);
    expect(changes).toEqual(['degraded', 'ok']);
  });
});

describe('topics', () => {
  it('are those of the primary: refused at once while it is gone, and heard again when it is back', async () => {
    const server = await startServer();
    const one = await machine(server);
    const lives: string[] = [];
    one.bus.listener = {
      onLive: (topics) => lives.push(...topics),
      onMessage: () => undefined,
      onPresence: () => undefined,
    };
    one.bus.subscribe('room');
    await vi.waitFor(() => expect(lives).toEqual(['room']), HEAL);
    await server.kill9();
    await degraded(one);
    const refused = { code: 'STATE_UNAVAILABLE', retryable: true };
    const tookMs = await timed(async () => {
      await expect(one.topics.publish(messageOf('room', 'a'))).rejects.toMatchObject(refused);
      await expect(one.topics.read(readOf('room'))).rejects.toMatchObject(refused);
      await expect(one.topics.positions(['room'])).rejects.toMatchObject(refused);
      await expect(one.presence.list('room', 1)).rejects.toMatchObject(refused);
    });
    expect(tookMs).toBeLessThan(TIMEOUT_MS);
    await startServer(server.port);
    await vi.waitFor(() => expect(lives).toEqual(['room', 'room']), HEAL);
  });
});

describe('createSharedState', () => {
  it('makes the engine that the configuration names', async () => {
    const server = await startServer();
    const store = storeOf();
    const call = async (method: string, args: readonly unknown[]): Promise<unknown> => handleCall(store, method, args);
    const config = { engine: 'redis', url: server.url, prefix: 'test:', commandTimeoutMs: TIMEOUT_MS } as const;
    const [embedded, redis] = [
      createSharedState({ engine: 'embedded' }, { call }),
      createSharedState(config, { call }),
    ];
    onTestFinished(async () => void (await Promise.all([embedded.close(), redis.close()])));
    await healthy(redis);
    await redis.affinity.claim('p', 'k', 'b1', LONG_MS);
    await vi.waitFor(async () => expect(await embedded.affinity.lookup('p', 'k')).toBe('b1'));
  });

  it('throws for a configuration that can never work', () => {
    const config = { engine: 'redis', url: 'http://h', prefix: '', commandTimeoutMs: 100 } as const;
    expect(() => createSharedState(config, { call: async () => undefined })).toThrow(
      expect.objectContaining({ code: 'STATE_CONFIG' }),
    );
  });
});

interface MachineOptions {
  readonly store?: EmbeddedStore;
  readonly maxRemembered?: number;
}

async function machine(server: { readonly url: string }, options: MachineOptions = {}): Promise<ResilientState> {
  const state = machineOf(server, options);
  await healthy(state);
  return state;
}

/** One worker of a machine: with the store of its supervisor, or with one of its own. */
function machineOf(
  server: { readonly url: string },
  { store = storeOf(), maxRemembered }: MachineOptions = {},
): ResilientState {
  const primary = createRedisState({ url: server.url, prefix: 'test:', commandTimeoutMs: TIMEOUT_MS });
  const fallback = createEmbeddedState({
    call: async (method, args) => structuredClone(handleCall(store, method, structuredClone(args))),
  });
  const state = createResilientState(primary, fallback, maxRemembered === undefined ? {} : { maxRemembered });
  onTestFinished(() => state.close());
  return state;
}

function storeOf(): EmbeddedStore {
  const store = new EmbeddedStore();
  onTestFinished(() => store.close());
  return store;
}

async function startServer(port = 0): Promise<RedisServer> {
  const server = await startRedisServer({ port });
  onTestFinished(() => server.stop());
  return server;
}

function healthy(state: SharedState): Promise<void> {
  return vi.waitFor(() => expect(state.health.status).toBe('ok'), HEAL);
}

function degraded(state: SharedState): Promise<void> {
  return vi.waitFor(() => expect(state.health.status).toBe('degraded'), HEAL);
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}
