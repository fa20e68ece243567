import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PoolConfig } from '../config.js';
import type { BackendSnapshot, BackendState } from '../control/messages.js';
import type { Backend } from './backend.js';
import { Pool } from './pool.js';
import { Pools } from './pools.js';
import { slowStartShare } from './slow-start.js';

const states: readonly BackendState[] = ['ready', 'draining', 'maintenance', 'down'];

function poolConfig(change: Partial<PoolConfig> = {}): PoolConfig {
  return {
    name: 'web',
    session: undefined,
    backends: { type: 'static', backends: [] },
    balance: 'two-choices',
    sticky: undefined,
    proxy: undefined,
    proxyProtocol: undefined,
    health: undefined,
    outlier: { consecutiveFailures: 5, baseEjectionMs: 1000, maxEjectionMs: 10_000, maxEjectedPercent: 50 },
    tls: undefined,
    slowStartMs: 0,
    panicThreshold: 50,
    timeouts: { connectMs: 1000, handshakeMs: 1000, idleMs: 1000, responseMs: 1000, drainMs: 0 },
    retries: 1,
    ...change,
  };
}

function snapshot(id: string, change: Partial<BackendSnapshot> = {}): BackendSnapshot {
  return { id, url: `http://127.0.0.1/${id}`, weight: 1, state: 'ready', slowStartedAt: undefined, ...change };
}

function poolOf(backends: readonly BackendSnapshot[], change: Partial<PoolConfig> = {}, now = () => 0): Pool {
  const pool = new Pool(poolConfig(change), { random: Math.random, now });
  pool.update(poolConfig(change), backends);
  return pool;
}

describe('who is picked', () => {
  const member = fc.record({ state: fc.constantFrom(...states), weight: fc.integer({ min: 0, max: 3 }) });
  const balance = fc.constantFrom(
    ...(['round-robin', 'least-connections', 'two-choices', 'source-hash', 'consistent-hash'] as const),
  );

  it('is always usable: ready with weight, or down in panic only', () => {
    const property = fc.property(
      fc.array(member, { maxLength: 8 }),
      balance,
      fc.string(),
      (members, balance, hashKey) => {
        const pool = poolOf(
          members.map((change, index) => snapshot(`b${index}`, change)),
          { balance },
        );
        const picked = pool.pick({ hashKey });
        const isUsable = (backend: { state: BackendState; weight: number }) =>
          backend.weight > 0 && (backend.state === 'ready' || (pool.isPanicking && backend.state === 'down'));
        // Someone exactly when there is someone usable, and then one of them.
        expect(picked === undefined ? undefined : isUsable(picked)).toBe(members.some(isUsable) ? true : undefined);
      },
    );
    fc.assert(property);
  });

  it.each([
    { threshold: 50, ready: 1, down: 1, panics: false },
    { threshold: 50, ready: 1, down: 2, panics: true },
    { threshold: 0, ready: 0, down: 3, panics: false },
    { threshold: 100, ready: 9, down: 1, panics: true },
    { threshold: 100, ready: 3, down: 0, panics: false },
    { threshold: 50, ready: 0, down: 0, panics: false },
  ])('panics=$panics at $ready ready and $down down with a threshold of $threshold %', (row) => {
    const ready = Array.from({ length: row.ready }, (_, index) => snapshot(`r${index}`));
    const down = Array.from({ length: row.down }, (_, index) => snapshot(`d${index}`, { state: 'down' }));
    expect(poolOf([...ready, ...down], { panicThreshold: row.threshold }).isPanicking).toBe(row.panics);
  });

  it('does not count what an operator took out towards the panic threshold', () => {
    const out = [
      snapshot('m', { state: 'maintenance' }),
      snapshot('d', { state: 'draining' }),
      snapshot('z', { weight: 0 }),
    ];
    const pool = poolOf([snapshot('a'), ...out]);
    expect(pool.isPanicking).toBe(false);
    expect(pool.pick()?.id).toBe('a');
  });

  it('answers undefined when all have weight 0', () => {
    expect(poolOf([snapshot('a', { weight: 0 })]).pick()).toBeUndefined();
  });

  it('prefers the idle one by the counts of the other workers too', () => {
    const pool = poolOf([snapshot('a'), snapshot('b')], { balance: 'least-connections' });
    pool.setOtherLoads({ a: 3 });
    for (let i = 0; i < 3; i += 1) pool.pick()?.acquire();
    expect(pool.loads()).toEqual({ b: 3 });
    expect(pool.find('a')?.load).toBe(3);
    expect(pool.find('b')?.load).toBe(3);
  });

  it('follows a change of strategy', () => {
    const pool = poolOf([snapshot('a'), snapshot('b')]);
    pool.update(poolConfig({ balance: 'source-hash' }), [snapshot('a'), snapshot('b')]);
    const picks = Array.from({ length: 20 }, () => pool.pick({ hashKey: '192.0.2.1' })?.id);
    expect(new Set(picks).size).toBe(1);
  });
});

describe('members', () => {
  it('keep their counts over an update', () => {
    const pool = poolOf([snapshot('a')]);
    const backend = pool.find('a')!;
    backend.acquire();
    pool.update(poolConfig(), [snapshot('a', { weight: 7, state: 'draining' }), snapshot('b')]);
    expect(pool.find('a')).toBe(backend);
    expect(backend).toMatchObject({ active: 1, weight: 7, state: 'draining' });
  });

  it('that left are counted until their connections end, and are recognised when they return', () => {
    const pool = poolOf([snapshot('a'), snapshot('b')]);
    const backend = pool.find('a')!;
    backend.acquire();
    pool.update(poolConfig(), [snapshot('b')]);
    expect(pool.find('a')).toBeUndefined();
    expect(pool.mayKeep(backend)).toBe(false);
    expect(pool.loads()).toEqual({ a: 1 });
    pool.update(poolConfig(), [snapshot('a'), snapshot('b')]);
    expect(pool.find('a')).toBe(backend);
    backend.release();
    expect(pool.loads()).toEqual({});
  });

  it('with another URL are other servers', () => {
    const pool = poolOf([snapshot('a')]);
    const before = pool.find('a')!;
    before.acquire();
    pool.update(poolConfig(), [snapshot('a', { url: 'http://127.0.0.1:9' })]);
    expect(pool.find('a')).not.toBe(before);
    expect(pool.find('a')?.load).toBe(0);
    expect(pool.mayKeep(before)).toBe(false);
  });

  it.each([
    { state: 'ready', kept: true },
    { state: 'draining', kept: true },
    { state: 'maintenance', kept: false },
    { state: 'down', kept: false },
  ] as const)('that are $state keep what is bound to them: $kept', ({ state, kept }) => {
    const pool = poolOf([snapshot('a', { state }), snapshot('b'), snapshot('c')]);
    expect(pool.mayKeep(pool.find('a')!)).toBe(kept);
  });

  it('that are down keep what is bound to them in panic', () => {
    const pool = poolOf([snapshot('a', { state: 'down' })]);
    expect(pool.mayKeep(pool.find('a')!)).toBe(true);
  });

  it('count a release too many and stay at zero', () => {
    const pool = poolOf([snapshot('a')]);
    const backend = pool.find('a')!;
    backend.release();
    expect(backend.active).toBe(0);
    backend.acquire();
    expect(backend.active).toBe(1);
    expect(pool.underflows).toBe(1);
    backend.release();
    pool.update(poolConfig(), []);
    expect(pool.underflows).toBe(1);
  });

  it('report outcomes once, with the streak at the end', () => {
    const pool = poolOf([snapshot('a'), snapshot('b')]);
    const backend = pool.find('a')!;
    backend.failed();
    backend.succeeded();
    backend.failed();
    backend.failed();
    expect(pool.takeOutcomes()).toEqual([{ pool: 'web', backendId: 'a', successes: 1, failures: 3, streak: 2 }]);
    expect(pool.takeOutcomes()).toEqual([]);
  });
});

describe('slow start', () => {
  it.each([
    { elapsed: -5000, share: 10 },
    { elapsed: 0, share: 10 },
    { elapsed: 5000, share: 55 },
    { elapsed: 10_000, share: 100 },
    { elapsed: 60_000, share: 100 },
  ])('gives $share of 100 after $elapsed of 10,000 ms', ({ elapsed, share }) => {
    expect(slowStartShare({ weight: 100, slowStartedAt: 1_000_000 }, 10_000, 1_000_000 + elapsed)).toBeCloseTo(share);
  });

  it('lets a newcomer take a rising share', () => {
    let now = 0;
    const backends = [snapshot('old'), snapshot('new', { slowStartedAt: 0 })];
    const pool = poolOf(backends, { balance: 'round-robin', slowStartMs: 10_000 }, () => now);
    const share = () => Array.from({ length: 1100 }, () => pool.pick()).filter((b?: Backend) => b?.id === 'new').length;
    expect(share()).toBeGreaterThan(90);
    expect(share()).toBeLessThan(110);
    now = 10_000;
    share();
    expect(Math.abs(share() - 550)).toBeLessThan(3);
  });
});

describe('pools', () => {
  it('keep their identity over reloads, go when unconfigured, and report by name', () => {
    const pools = new Pools({ random: Math.random, now: () => 0 });
    const [web, api] = [poolConfig(), poolConfig({ name: 'api' })];
    pools.update({ web, api }, { web: [snapshot('a')], api: [snapshot('a')] });
    const before = pools.get('web');
    before?.find('a')?.acquire();
    pools.get('api')?.find('a')?.succeeded();
    expect(pools.loads()).toEqual({ web: { a: 1 } });
    expect(pools.takeOutcomes()).toMatchObject([{ pool: 'api', backendId: 'a', successes: 1 }]);
    pools.update({ web }, { web: [snapshot('a')] });
    expect(pools.get('web')).toBe(before);
    expect(pools.get('api')).toBeUndefined();
    pools.setOtherLoads({ web: { a: 2 } });
    expect(before?.find('a')?.load).toBe(3);
  });

  it('have no backends while the snapshot does not name them', () => {
    const pools = new Pools({ random: Math.random, now: () => 0 });
    pools.update({ web: poolConfig() }, {});
    expect(pools.get('web')?.pick()).toBeUndefined();
  });
});
