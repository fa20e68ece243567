import { CloseCode } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PoolConfig } from '../config.js';
import { Pool } from '../pool/pool.js';
import type { LinkListener, LinkLog } from './link.js';
import { ScriptedBackend, type ScriptedBackendOptions } from './testing/scripted-backend.js';
import { Trunks } from './trunks.js';

type Spies<T> = {
  [Method in keyof T]: T[Method] extends (...args: never) => unknown ? ReturnType<typeof vi.fn<T[Method]>> : never;
};

function spies(): Spies<LinkListener> & Spies<LinkLog> {
  return {
    onReady: vi.fn<LinkListener['onReady']>(),
    onReturned: vi.fn<LinkListener['onReturned']>(),
    onGone: vi.fn<LinkListener['onGone']>(),
    onDrain: vi.fn<LinkListener['onDrain']>(),
    onRequest: vi.fn<LinkListener['onRequest']>(),
    debug: vi.fn<LinkLog['debug']>(),
    info: vi.fn<LinkLog['info']>(),
    warn: vi.fn<LinkLog['warn']>(),
  };
}

const CONFIG: PoolConfig = {
  name: 'chat',
  session: { trunkPath: '/t', onBackendLoss: 'rehome', resumeWindowMs: 1000, heartbeatMs: 1000, maxHandoffs: 1 },
  backends: { type: 'static', backends: [] },
  balance: 'least-connections',
  sticky: undefined,
  proxy: undefined,
  proxyProtocol: undefined,
  health: undefined,
  outlier: { consecutiveFailures: 0, baseEjectionMs: 1, maxEjectionMs: 1, maxEjectedPercent: 1 },
  tls: undefined,
  slowStartMs: 0,
  panicThreshold: 0,
  timeouts: { connectMs: 5000, handshakeMs: 1, idleMs: 1, responseMs: 1, drainMs: 0 },
  retries: 1,
};
const SNAPSHOT = { id: 'b1', url: 'https://b1:9', weight: 1, state: 'ready' as const, slowStartedAt: undefined };

let open: Trunks | undefined;

function scene(options: ScriptedBackendOptions = {}) {
  const backend = new ScriptedBackend(options);
  const spy = spies();
  const targets: object[] = [];
  const pool = new Pool(CONFIG, { random: () => 0, now: Date.now });
  pool.update(CONFIG, [SNAPSHOT]);
  const dial = (target: object) => {
    targets.push(target);
    return backend.dial();
  };
  const given = { dial, worker: 'w'.repeat(16), newNonce: () => 'n', random: () => 1, listener: spy, log: spy };
  const trunks = new Trunks(given, { secrets: ['secret'], maxMessageBytes: 1 });
  open = trunks;
  trunks.update([pool]);
  return { backend, spy, pool, trunks, targets };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  open?.close();
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe('a link', () => {
  it('dials where the pool says, and offers the backend once its trunk is ready', async () => {
    const { pool, spy, targets } = scene();
    expect(pool.pick()).toBeUndefined();
    await pass(5);
    expect(targets).toEqual([
      {
        isTls: true,
        host: 'b1',
        port: 9,
        url: 'wss://b1:9/t',
        certificateName: 'b1',
        tls: undefined,
        proxy: undefined,
        connectTimeoutMs: 5000,
      },
    ]);
    expect(spy.onReady).toHaveBeenCalledOnce();
    expect(pool.pick()?.id).toBe('b1');
  });

  it('that is lost after it stood is dialled at once, and says that the same life is back', async () => {
    const { backend, spy, pool, targets } = scene();
    await pass(2000);
    backend.trunk.cut();
    await pass(0);
    expect(targets.length).toBe(2);
    expect(targets[1]).toMatchObject({ connectTimeoutMs: 1000 });
    await pass(5);
    expect([spy.onReturned.mock.calls.length, spy.onGone.mock.calls.length]).toEqual([1, 0]);
    expect(pool.pick()?.id).toBe('b1');
  });

  it.each<[string, (backend: ScriptedBackend) => void]>([
    ['another life answers', (backend) => backend.crash()],
    [
      'nobody answers',
      (backend) => {
        backend.isReachable = false;
        backend.trunk.cut();
      },
    ],
  ])('says at once that its sessions are to go elsewhere when %s', async (_, happen) => {
    const { backend, spy } = scene();
    await pass(2000);
    happen(backend);
    await pass(5);
    expect([spy.onGone.mock.calls.length, spy.onReturned.mock.calls.length]).toEqual([1, 0]);
  });

  it('says after 1.5 s that its sessions are to go elsewhere when nothing is said', async () => {
    const { backend, spy } = scene();
    await pass(2000);
    backend.isAwake = false;
    backend.trunk.cut();
    await pass(1400);
    expect(spy.onGone).not.toHaveBeenCalled();
    await pass(200);
    expect(spy.onGone).toHaveBeenCalledOnce();
  });

  it('waits for nothing when the backend broke the protocol', async () => {
    const { backend, spy, trunks } = scene();
    await pass(2000);
    const [link] = trunks.all;
    backend.trunk.sendRaw(new Uint8Array(3));
    await Promise.resolve();
    expect(link?.isReturning).toBe(false);
    await pass(5);
    expect([spy.onGone.mock.calls.length, spy.onReturned.mock.calls.length]).toEqual([0, 0]);
  });

  it('that cannot be made is tried again with growing pauses, and logged once', async () => {
    const { backend, spy, targets } = scene({ secret: 'another' });
    await pass(10_000);
    expect(targets.length).toBeGreaterThan(5);
    expect(targets.length).toBeLessThan(15);
    expect(spy.warn.mock.calls.map(([fields, message]) => [message, (fields as { reason: string }).reason])).toEqual([
      ['trunk not opened', 'rejected'],
    ]);
    backend.isReachable = false;
    await pass(5000);
    expect(spy.warn).toHaveBeenCalledTimes(2);
  });

  it('to a backend that leaves the pool is emptied, then closed, and not dialled again', async () => {
    const { backend, spy, pool, trunks, targets } = scene();
    await pass(5);
    pool.update(CONFIG, []);
    trunks.update([pool]);
    expect(spy.onDrain).toHaveBeenCalledOnce();
    await pass(5000);
    expect(backend.trunk.closed?.code).toBe(CloseCode.GoingAway);
    expect(targets.length).toBe(1);
  });

  it('is not made to a relay pool, whose backends are offered as they are', async () => {
    const { pool, trunks } = scene();
    await pass(5);
    const relay = { ...CONFIG, session: undefined };
    pool.update(relay, [SNAPSHOT]);
    trunks.update([pool]);
    await pass(1000);
    expect(pool.pick()?.id).toBe('b1');
    expect([...trunks.all]).toEqual([]);
  });
});

describe('waiting for a link', () => {
  it('ends when there is what is waited for, or with the patience', async () => {
    const { backend, trunks, pool } = scene();
    const found = trunks.waitFor(() => trunks.readyOf(pool)[0], 2000);
    await pass(5);
    expect((await found)?.backend.id).toBe('b1');
    backend.isReachable = false;
    backend.crash();
    await pass(5);
    const missed = trunks.waitFor(() => trunks.readyOf(pool)[0], 2000);
    await pass(2500);
    expect(await missed).toBeUndefined();
  });
});
