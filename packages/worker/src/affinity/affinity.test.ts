import { createEmbeddedState, EmbeddedStore, handleCall } from '@holdfast/state';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { PoolConfig, StickyConfig } from '../config.js';
import type { BackendSnapshot, BackendState } from '../control/messages.js';
import { Pool } from '../pool/pool.js';
import { requestWith } from '../testing/requests.js';
import { Affinity, type Choice } from './affinity.js';
import { createCookieSigner } from './cookie.js';

const TTL_MS = 60_000;
const QUERY: StickyConfig = { by: 'query', name: 'room', ttlMs: TTL_MS };

function poolConfig(sticky: StickyConfig): PoolConfig {
  return {
    name: 'web',
    session: undefined,
    backends: { type: 'static', backends: [] },
    balance: 'round-robin',
    sticky,
    proxy: undefined,
    proxyProtocol: undefined,
    health: undefined,
    outlier: { consecutiveFailures: 0, baseEjectionMs: 0, maxEjectionMs: 0, maxEjectedPercent: 0 },
    tls: undefined,
    slowStartMs: 0,
    panicThreshold: 0,
    timeouts: { connectMs: 1, handshakeMs: 1, idleMs: 1, responseMs: 1, drainMs: 0 },
    retries: 0,
  };
}

function members(states: Readonly<Record<string, BackendState>>): BackendSnapshot[] {
  return Object.entries(states).map(([id, state]) => ({
    id,
    url: `http://127.0.0.1/${id}`,
    weight: 1,
    state,
    slowStartedAt: undefined,
  }));
}

const ALL_READY = { a: 'ready', b: 'ready', c: 'ready', d: 'ready' } as const;

/** Workers of one machine: each its own pool and cache, one store between them. */
class Fleet {
  readonly #store = new EmbeddedStore();
  isStoreReachable = true;
  readonly #sticky: StickyConfig;

  constructor(sticky: StickyConfig) {
    this.#sticky = sticky;
  }

  worker(states: Readonly<Record<string, BackendState>> = ALL_READY): TestWorker {
    const state = createEmbeddedState({
      call: async (method, args) => {
        if (!this.isStoreReachable) throw new Error('no answer');
        return handleCall(this.#store, method, args);
      },
    });
    const pool = new Pool(poolConfig(this.#sticky), { random: Math.random, now: Date.now });
    pool.update(poolConfig(this.#sticky), members(states));
    const signer = createCookieSigner(['a secret of the test']);
    const log = pino({ level: 'silent' });
    return new TestWorker(pool, new Affinity({ store: state.affinity, signer, log, now: Date.now }), this.#sticky);
  }
}

class TestWorker {
  readonly pool: Pool;
  readonly affinity: Affinity;
  readonly #sticky: StickyConfig;

  constructor(pool: Pool, affinity: Affinity, sticky: StickyConfig) {
    this.pool = pool;
    this.affinity = affinity;
    this.#sticky = sticky;
  }

  setStates(states: Readonly<Record<string, BackendState>>): void {
    this.pool.update(poolConfig(this.#sticky), members(states));
  }

  async choose(query: string, headers: string[] = []): Promise<Choice | undefined> {
    return this.affinity.choose(this.pool, {
      request: requestWith({ query, headers: ['host', 'x', ...headers] }),
      clientAddress: '192.0.2.1',
      isSecure: false,
      exclude: new Set(),
    });
  }

  async backendFor(query: string): Promise<string | undefined> {
    return (await this.choose(query))?.backend.id;
  }
}

describe('Affinity by key', () => {
  it('gives every worker the same backend for a key', async () => {
    const fleet = new Fleet(QUERY);
    const workers = [fleet.worker(), fleet.worker(), fleet.worker()];
    const backends = await Promise.all(workers.map((worker) => worker.backendFor('room=1')));
    expect(new Set(backends).size).toBe(1);
  });

  it('balances requests without a key', async () => {
    const worker = new Fleet(QUERY).worker();
    const backends = [
      await worker.backendFor(''),
      await worker.backendFor('room='),
      await worker.backendFor('x=1'),
      await worker.backendFor(''),
    ];
    expect(new Set(backends).size).toBe(4);
  });

  it('keeps a key on a draining backend, and moves all workers to one other when it is down', async () => {
    const fleet = new Fleet(QUERY);
    const [one, two] = [fleet.worker(), fleet.worker()];
    const bound = (await one.backendFor('room=1')) ?? '';
    two.setStates({ ...ALL_READY, [bound]: 'draining' });
    expect(await two.backendFor('room=1')).toBe(bound);
    for (const worker of [one, two]) worker.setStates({ ...ALL_READY, [bound]: 'down' });
    const [first, second] = [await one.backendFor('room=1'), await two.backendFor('room=1')];
    expect(first).not.toBe(bound);
    expect(second).toBe(first);
  });

  it('never dials what the map says unless the pool knows it', async () => {
    const fleet = new Fleet(QUERY);
    const stranger = fleet.worker({ z: 'ready' });
    expect(await stranger.backendFor('room=1')).toBe('z');
    const worker = fleet.worker();
    expect(Object.keys(ALL_READY)).toContain(await worker.backendFor('room=1'));
  });

  it('agrees by hash when the map cannot be asked', async () => {
    const fleet = new Fleet(QUERY);
    fleet.isStoreReachable = false;
    const workers = [fleet.worker(), fleet.worker()];
    const keys = Array.from({ length: 50 }, (_value, i) => `room=${i}`);
    const [one, two] = await Promise.all(
      workers.map((worker) => Promise.all(keys.map((key) => worker.backendFor(key)))),
    );
    expect(one).toEqual(two);
    expect(new Set(one).size).toBe(4);
  });
});

describe('Affinity of engine.io', () => {
  it('sends a sid to the backend that handed it out, on every worker', async () => {
    const fleet = new Fleet({ by: 'engine.io', ttlMs: TTL_MS });
    const [one, two] = [fleet.worker(), fleet.worker()];
    const handshake = await one.choose('EIO=4&transport=polling');
    const backend = handshake?.backend;
    if (backend === undefined) throw new Error('expected a backend');
    await one.affinity.learn(one.pool, 'sid-1', backend);
    const later = await Promise.all([1, 2, 3, 4, 5].map(() => two.backendFor('EIO=4&transport=polling&sid=sid-1')));
    expect(new Set(later)).toEqual(new Set([backend.id]));
  });

  it('does not bind a sid that nobody handed out', async () => {
    const worker = new Fleet({ by: 'engine.io', ttlMs: TTL_MS }).worker();
    const backends = [];
    for (let i = 0; i < 4; i += 1) backends.push(await worker.backendFor('sid=unknown'));
    expect(new Set(backends).size).toBe(4);
  });
});

describe('Affinity by cookie', () => {
  it('sets one, follows it, and replaces it when its backend is gone', async () => {
    const worker = new Fleet({ by: 'cookie', name: 'lb', ttlMs: 0 }).worker();
    const first = await worker.choose('');
    const cookie = first?.setCookie?.split(';')[0] ?? '';
    const again = await worker.choose('', ['cookie', `other=1; ${cookie}`]);
    expect([again?.backend, again?.setCookie]).toEqual([first?.backend, undefined]);
    worker.setStates({ ...ALL_READY, [first?.backend.id ?? '']: 'down' });
    const moved = await worker.choose('', ['cookie', cookie]);
    expect(moved?.backend.id).not.toBe(first?.backend.id);
    expect(moved?.setCookie).toBeDefined();
  });

  it('ignores a forged one', async () => {
    const worker = new Fleet({ by: 'cookie', name: 'lb', ttlMs: 0 }).worker();
    const forged = `lb=${Buffer.from('a').toString('base64url')}.${Buffer.from('x'.repeat(32)).toString('base64url')}`;
    const choices = [];
    for (let i = 0; i < 4; i += 1) choices.push(await worker.choose('', ['cookie', forged]));
    expect(new Set(choices.map((choice) => choice?.backend.id)).size).toBe(4);
  });
});
