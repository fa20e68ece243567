/**
 * A supervisor on a stage: real processes that run the scripted worker, a directory that checks nobody, and a log that
 * can be read. For the tests of this package only.
 */
import type { ChildProcess } from 'node:child_process';
import {
  DEFAULT_ADMISSION,
  DEFAULT_OVERLOAD,
  DEFAULT_REBALANCE,
  type ToWorker,
  type WorkerConfig,
} from '@holdfast/worker';
import { pino } from 'pino';
import type { BalancerConfig, LoadResult } from '../../config/types.js';
import type { BackendReport } from '../../pools/member.js';
import type { Directory } from '../directory.js';
import { forkWorker } from '../fork-worker.js';
import { type ReadyReport, Supervisor, type SupervisorOptions } from '../supervisor.js';

type Script = 'serve' | 'fail' | 'die' | 'hang' | 'mute' | 'babble' | 'ignore-drain' | 'degraded' | 'hear' | 'shout';

export interface StageOptions extends Partial<SupervisorOptions> {
  readonly workers?: number;
  readonly drainTimeoutMs?: number;
  readonly drainGraceMs?: number;
  /** What the n-th process of a slot does, from 0. */
  readonly script?: (workerId: number, attempt: number) => Script;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Stage extends AsyncDisposable {
  readonly supervisor: Supervisor;
  readonly logs: readonly LogLine[];
  readonly ready: readonly ReadyReport[];
  /** What each slot was sent, by all its processes. */
  readonly sent: ReadonlyMap<number, readonly ToWorker[]>;
  readonly directory: Directory;
}

export const SCRIPTED_WORKER: string = new URL('scripted-worker.mjs', import.meta.url).href;

export function openStage(options: StageOptions = {}): Stage {
  const logs: LogLine[] = [];
  const ready: ReadyReport[] = [];
  const sent = new Map<number, ToWorker[]>();
  const config = testConfig(options);
  const directory = new StillDirectory();
  const supervisor = new Supervisor({
    config,
    load: () => Promise.resolve<LoadResult>({ ok: true, config, warnings: [] }),
    directory,
    fork: forkScripted(options.script ?? (() => 'serve'), sent),
    random: () => 0,
    log: readableLog(logs),
    onReady: (report) => ready.push(report),
    ...options,
  });
  const close = async (): Promise<void> => {
    supervisor.stopNow({ code: 0, reason: 'end of the test' });
    await supervisor.done;
  };
  return { supervisor, logs, ready, sent, directory, [Symbol.asyncDispose]: close };
}

export function testConfig(options: StageOptions = {}): BalancerConfig {
  const { workers = 1, drainTimeoutMs = 1000, drainGraceMs = 0 } = options;
  const worker: WorkerConfig = {
    listen: [{ host: '127.0.0.1', port: 0, tls: undefined, proxyProtocol: undefined }],
    secrets: ['a secret of some length'],
    trustedProxies: [],
    routes: [],
    pools: {},
    topics: [],
    state: { engine: 'embedded' },
    logs: { level: 'debug', access: false },
    admission: DEFAULT_ADMISSION,
    overload: DEFAULT_OVERLOAD,
    rebalance: DEFAULT_REBALANCE,
    drain: { graceMs: drainGraceMs, windowMs: undefined, timeoutMs: drainTimeoutMs, closesPerSecond: 0 },
  };
  return { worker, workers, admin: undefined };
}

export class StillDirectory implements Directory {
  onChange: Directory['onChange'];
  readonly backends: readonly BackendReport[] = [testBackend('web', 'a')];
  configure(): void {}
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  recordOutcomes(): void {}
  snapshot(): ReturnType<Directory['snapshot']> {
    return { web: [{ id: 'a', url: 'http://127.0.0.1:1', weight: 1, state: 'ready', slowStartedAt: undefined }] };
  }
  setOverride(id: string): ReturnType<Directory['setOverride']> {
    const known = this.backends.find((backend) => backend.id === id);
    if (known === undefined) return { ok: false, error: `expected one of a, got ${id}` };
    return { ok: true, changed: [{ pool: known.pool, id }] };
  }
  report(): readonly BackendReport[] {
    return this.backends;
  }
}

function testBackend(pool: string, id: string): BackendReport {
  return {
    pool,
    id,
    url: 'http://127.0.0.1:1',
    weight: 1,
    state: 'ready',
    why: 'health check: passes',
    override: undefined,
    health: {
      status: 'up',
      checks: 10,
      failures: 1,
      rttMs: { last: 2, smoothed: 2.5 },
      lastError: undefined,
      lastCheckAt: undefined,
    },
    ejectedUntil: undefined,
    ejections: 0,
  };
}

function readableLog(lines: LogLine[]): SupervisorOptions['log'] {
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) };
  return pino({ level: 'debug', formatters: { level: (level) => ({ level }) } }, stream);
}

function forkScripted(
  script: (workerId: number, attempt: number) => Script,
  sent: Map<number, ToWorker[]>,
): (workerId: number) => ChildProcess {
  const attempts = new Map<number, number>();
  return (workerId) => {
    const attempt = attempts.get(workerId) ?? 0;
    attempts.set(workerId, attempt + 1);
    const messages = sent.get(workerId) ?? [];
    sent.set(workerId, messages);
    const env = { ...process.env, SCRIPT: script(workerId, attempt) };
    return recordSent(forkWorker({ entry: SCRIPTED_WORKER, env }), messages);
  };
}

function recordSent(child: ChildProcess, messages: ToWorker[]): ChildProcess {
  const send = child.send.bind(child) as (message: ToWorker, callback: (error: Error | null) => void) => boolean;
  return Object.assign(child, {
    send: (message: ToWorker, callback: (error: Error | null) => void) => {
      messages.push(message);
      return send(message, callback);
    },
  });
}
