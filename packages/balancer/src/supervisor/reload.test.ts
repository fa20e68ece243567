import type { ListenConfig, TlsConfig } from '@holdfast/worker';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { BalancerConfig, LoadResult, Mistake } from '../config/types.js';
import { mergeReload, Reloader } from './reload.js';
import { testConfig } from './testing/stage.js';

const MISTAKE: Mistake = { file: 'h.yaml', line: 2, column: 3, path: 'routes', expected: 'a list', got: 'nothing' };

describe('mergeReload', () => {
  it('keeps what only a restart can change, and names it', () => {
    const old = testConfig();
    const loaded: BalancerConfig = {
      workers: 9,
      admin: { host: '127.0.0.1', port: 1, token: undefined },
      worker: {
        ...old.worker,
        listen: [],
        state: { engine: 'redis', url: 'redis://h', prefix: 'p', commandTimeoutMs: 1 },
        drain: { graceMs: 0, windowMs: undefined, timeoutMs: 77, closesPerSecond: 0 },
      },
    };
    const { config, needsRestart } = mergeReload(old, loaded);
    expect(needsRestart).toEqual(['listen', 'workers', 'state', 'admin']);
    expect(config).toEqual({ ...old, worker: { ...old.worker, drain: { ...old.worker.drain, timeoutMs: 77 } } });
  });

  it('takes the certificates of listeners that stay, whatever else a listener has changed in', () => {
    const tls: TlsConfig = {
      certificate: '/c',
      key: '/k',
      digest: 'old',
      expiresAtMs: 1,
      minVersion: 'TLSv1.2',
      names: {},
      clientCertificates: undefined,
    };
    const listener = { host: '::', port: 443, tls, proxyProtocol: undefined };
    const old = withListeners([listener]);
    const renewed = { ...listener, tls: { ...tls, digest: 'new' } };
    expect(mergeReload(old, withListeners([renewed]))).toEqual({ config: withListeners([renewed]), needsRestart: [] });
    const further = mergeReload(old, withListeners([{ ...listener, port: 80, tls: undefined }, renewed]));
    expect(further).toEqual({ config: withListeners([renewed]), needsRestart: ['listen'] });
  });

  it('names nothing when nothing of that changed', () => {
    expect(mergeReload(testConfig(), structuredClone(testConfig())).needsRestart).toEqual([]);
  });
});

function withListeners(listen: readonly ListenConfig[]): BalancerConfig {
  const config = testConfig();
  return { ...config, worker: { ...config.worker, listen } };
}

describe('Reloader', () => {
  it('keeps the old config when the new one has mistakes, and tells all of them', async () => {
    const { reloader, applied, lines } = stage([{ ok: false, mistakes: [MISTAKE, { ...MISTAKE, line: 9 }] }]);
    expect(await reloader.reload()).toMatchObject({ ok: false, mistakes: [{ line: 2 }, { line: 9 }] });
    expect(applied).toEqual([]);
    expect(reloader.report).toMatchObject({ configVersion: 1, accepted: 0, rejected: 1, last: { ok: false } });
    expect(lines).toMatchObject([
      {
        level: 50,
        mistakes: ['h.yaml:2:3: routes: expected a list, got nothing', expect.stringContaining('h.yaml:9:3')],
      },
    ]);
  });

  it('counts versions of what is in effect', async () => {
    const good: LoadResult = { ok: true, config: testConfig(), warnings: ['h.yaml: unused pool'] };
    const { reloader, applied } = stage([good, { ok: false, mistakes: [MISTAKE] }, good]);
    await reloader.reload();
    await reloader.reload();
    expect(await reloader.reload()).toMatchObject({ ok: true, configVersion: 3, warnings: ['h.yaml: unused pool'] });
    expect(applied).toEqual([2, 3]);
  });

  it('takes a loader that throws for a mistake', async () => {
    const { reloader } = stage([]);
    expect(await reloader.reload()).toMatchObject({ ok: false, mistakes: [{ got: 'nothing left to load' }] });
  });

  it('joins reloads that are asked for while one runs into a single further one', async () => {
    const good: LoadResult = { ok: true, config: testConfig(), warnings: [] };
    const { reloader, applied } = stage([good, good, good, good]);
    const results = await Promise.all([reloader.reload(), reloader.reload(), reloader.reload(), reloader.reload()]);
    expect(applied).toEqual([2, 3]);
    expect(results.map((result) => result.ok && result.configVersion)).toEqual([2, 3, 3, 3]);
  });
});

function stage(results: LoadResult[]): { reloader: Reloader; applied: number[]; lines: object[] } {
  const applied: number[] = [];
  const lines: object[] = [];
  const reloader = new Reloader({
    initial: testConfig(),
    load: async () => {
      const next = results.shift();
      if (next === undefined) throw new Error('nothing left to load');
      return next;
    },
    apply: (_, configVersion) => void applied.push(configVersion),
    log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as object) }),
  });
  return { reloader, applied, lines };
}
