import { EventEmitter } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SCRIPTED_WORKER } from '../supervisor/testing/stage.js';
import { run } from './run.js';
import { status } from './status.js';

const SOON = { timeout: 8000, interval: 20 };
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

describe('holdfast run', () => {
  it('logs ready, takes a reload, drains at a signal and answers 0', async () => {
    const balancer = await start();
    const ready = await balancer.line('ready');
    expect(ready).toMatchObject({
      level: 'info',
      role: 'supervisor',
      workers: 2,
      configVersion: 1,
      listen: [{ host: '127.0.0.1', port: expect.any(Number) as number }],
      admin: { host: '127.0.0.1', port: expect.any(Number) as number },
    });
    balancer.signals.emit('SIGHUP');
    expect(await balancer.line('config reloaded')).toMatchObject({ configVersion: 2, needsRestart: [] });
    balancer.signals.emit('SIGTERM');
    expect(await balancer.code).toBe(0);
    expect(await balancer.line('stopped')).toMatchObject({ code: 0, reason: 'drained' });
    expect(balancer.signals.eventNames()).toEqual([]);
  });

  it('keeps running on the old config when the new one has a mistake', async () => {
    const balancer = await start();
    await balancer.line('ready');
    await writeFile(balancer.file, 'listen: []');
    balancer.signals.emit('SIGHUP');
    expect(await balancer.line('config not reloaded')).toMatchObject({ level: 'error', configVersion: 1 });
    balancer.signals.emit('SIGINT');
    expect(await balancer.code).toBe(0);
  });

  it('stops at once at a second signal', async () => {
    const balancer = await start({ script: 'ignore-drain' });
    await balancer.line('ready');
    balancer.signals.emit('SIGTERM');
    balancer.signals.emit('SIGTERM');
    expect(await balancer.code).toBe(0);
    expect(await balancer.line('stopped')).toMatchObject({ reason: 'stopped at once: SIGTERM' });
  });

  it('answers 70 after an error that nobody caught', async () => {
    const balancer = await start();
    await balancer.line('ready');
    balancer.signals.emit('uncaughtException', new Error('out of the blue'));
    expect(await balancer.code).toBe(70);
    expect(await balancer.line('internal error')).toMatchObject({
      level: 'fatal',
      err: { message: 'out of the blue' },
    });
  });

  it('answers 1 and says why when no worker can start', async () => {
    const balancer = await start({ script: 'fail' });
    expect(await balancer.code).toBe(1);
    expect(await balancer.line('start failed')).toMatchObject({
      reason: expect.stringContaining('8080 in use') as string,
    });
  });

  it('prints the mistakes of a config on stderr and answers 1', async () => {
    const balancer = await start({ config: '{"listen": []}' });
    expect(await balancer.code).toBe(1);
    expect(balancer.stderr()).toMatch(/holdfast\.json:1:\d+: listen: expected .*, got/);
  });

  it.each([[[]], [['--config']], [['--confg', 'x']], [['stray']]])('refuses the call %j', async (args) => {
    const { io, errors } = streams();
    expect(await run(args, io, { signals: new EventEmitter() })).toBe(1);
    expect(errors()).toContain('expected holdfast run --config FILE, got');
  });
});

describe('holdfast status', () => {
  it('shows workers and backends of a running balancer', async () => {
    const balancer = await start();
    const { admin } = await balancer.line('ready');
    const { io, output } = streams();
    const url = `http://127.0.0.1:${(admin as { port: number }).port}`;
    expect(await status(['--admin', url], io)).toBe(0);
    expect(output()).toMatch(/^ *1 +\d+ +listening/m);
    expect(output()).toMatch(/^web +b1 +ready +1/m);
    balancer.signals.emit('SIGTERM');
    await balancer.code;
  });

  it('says in one sentence that nobody is there', async () => {
    const { io, errors } = streams();
    expect(await status(['--admin', 'http://127.0.0.1:1'], io)).toBe(1);
    expect(errors()).toMatch(/^http:\/\/127\.0\.0\.1:1: expected a running balancer, got .*\n$/);
  });

  it.each([['ftp://x'], ['nonsense']])('refuses %s', async (url) => {
    const { io, errors } = streams();
    expect(await status(['--admin', url], io)).toBe(1);
    expect(errors()).toBe(`expected a URL such as http://127.0.0.1:8081, got ${url}\n`);
  });
});

interface Running {
  readonly file: string;
  readonly signals: EventEmitter;
  readonly code: Promise<number>;
  readonly stderr: () => string;
  readonly line: (message: string) => Promise<Readonly<Record<string, unknown>>>;
}

interface Script {
  readonly script?: string;
  readonly config?: string;
}

const CONFIG = {
  listen: [{ address: '127.0.0.1:0' }],
  admin: { address: '127.0.0.1:0' },
  workers: 2,
  secret: 'a secret of some length',
  drain: { timeout: '20s' },
  routes: [{ match: { path: '/' }, pool: 'web' }],
  pools: { web: { backends: [{ url: 'http://127.0.0.1:9', id: 'b1' }], health: false } },
};

async function start({ script = 'serve', config = JSON.stringify(CONFIG) }: Script = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-run-'));
  folders.push(folder);
  const file = join(folder, 'holdfast.json');
  await writeFile(file, config);
  const signals = new EventEmitter();
  const { io, output, errors } = streams({ SCRIPT: script });
  const code = run(['--config', file], io, { signals, workerEntry: SCRIPTED_WORKER });
  const line = (message: string): Promise<Readonly<Record<string, unknown>>> =>
    vi.waitFor(() => {
      const lines = output().split('\n').filter(Boolean);
      const found = lines
        .map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>)
        .find(({ msg }) => String(msg).startsWith(message));
      if (found === undefined) throw new Error(`expected the line ${message}, got ${output()}`);
      return found;
    }, SOON);
  return { file, signals, code, stderr: errors, line };
}

function streams(env: NodeJS.ProcessEnv = {}): {
  io: Parameters<typeof run>[1];
  output: () => string;
  errors: () => string;
} {
  const out = collect();
  const err = collect();
  return {
    io: { stdout: out.stream, stderr: err.stream, env: { ...process.env, ...env } },
    output: out.text,
    errors: err.text,
  };
}

function collect(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { stream, text: () => text };
}
