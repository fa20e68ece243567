/**
 * What every chaos test has: balancers, session backends and a crowd that talks all the time, on real processes, with a
 * proxy in front of each balancer that stands for the clients' network.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { STABLE_AFTER_MS } from '@holdfast/protocol';
import { expect } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { command } from '../support/drain/command.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, type HoldfastConfig, startHoldfast } from '../support/holdfast.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { startRedis } from '../support/redis.js';
import { audit, type Ledger } from '../support/sessions/ledger.js';
import { type CrowdReport, percentile, SessionCrowd } from '../support/sessions/session-crowd.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

export type Engine = 'embedded' | 'redis';

export interface ArenaOptions {
  readonly engine: Engine;
  /** @default 1 with embedded, 2 with redis */
  readonly balancers?: number;
  /** Of each balancer. @default 2 */
  readonly workers?: number;
  readonly pool?: object;
  /** @default 500 */
  readonly clients?: number;
  readonly pushEveryMs?: number;
  /** Backends commit a checkpoint after so many messages of a session. */
  readonly commitEvery?: number;
  readonly stateUrl?: string;
  /** Further keys of the balancers' config. */
  readonly config?: object;
}

/** Messages per second of all clients together, up; as many come down. */
export const LOAD_PER_SECOND = 2500;
/** Strikes per kind of fault. `npm run test:chaos` makes 20 of each, and holds what the clock says too. */
export const CHAOS_TIMES: number = Number(process.env['HOLDFAST_CHAOS_TIMES'] ?? 5);
export const IS_STRICT: boolean = process.env['HOLDFAST_CHAOS_STRICT'] === '1';
const RECOVERY = { withinMs: 60_000, everyMs: 50 };

export class Arena implements AsyncDisposable {
  readonly random: SeededRandom;
  readonly fleet: SessionFleet;
  readonly balancers: Holdfast[];
  readonly proxies: readonly TcpProxy[];
  readonly crowd: SessionCrowd;
  readonly #config: HoldfastConfig;
  readonly #cleanup: Cleanup;

  private constructor(
    parts: Pick<Arena, 'random' | 'fleet' | 'balancers' | 'proxies' | 'crowd'>,
    config: HoldfastConfig,
    cleanup: Cleanup,
  ) {
    this.random = parts.random;
    this.fleet = parts.fleet;
    this.balancers = parts.balancers;
    this.proxies = parts.proxies;
    this.crowd = parts.crowd;
    this.#config = config;
    this.#cleanup = cleanup;
  }

  static async open(name: string, options: ArenaOptions): Promise<Arena> {
    const cleanup = new Cleanup();
    try {
      return await Arena.#build(name, options, cleanup);
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #build(name: string, options: ArenaOptions, cleanup: Cleanup): Promise<Arena> {
    const {
      engine,
      balancers: count = engine === 'redis' ? 2 : 1,
      workers = 2,
      clients = 500,
      pushEveryMs = 1000,
      commitEvery = 0,
    } = options;
    const random = seededRandom(name);
    const fleet = cleanup.use(await SessionFleet.start(3, { pushEveryMs, commitEvery }));
    const state = engine === 'embedded' ? 'embedded' : (options.stateUrl ?? cleanup.use(await startRedis()).url);
    const config = { ...sessionsOf(fleet.urls, { state, workers, pool: options.pool ?? {} }), ...options.config };
    const balancers: Holdfast[] = [];
    cleanup.defer(async () => {
      for (const balancer of balancers) await balancer[Symbol.asyncDispose]();
    });
    const proxies: TcpProxy[] = [];
    for (let i = 0; i < count; i += 1) {
      const balancer = await startHoldfast(config);
      balancers.push(balancer);
      proxies.push(cleanup.use(await startTcpProxy(balancer.port)));
    }
    const crowd = cleanup.use(await SessionCrowd.open({ urls: urlsOf(proxies), clients }));
    return new Arena({ random, fleet, balancers, proxies, crowd }, config, cleanup);
  }

  get urls(): readonly string[] {
    return urlsOf(this.proxies);
  }

  /** A moment that nobody can plan for. */
  async randomMoment(belowMs = 500): Promise<void> {
    await delay(this.random.integer(belowMs));
  }

  /** So long that every connection counts as stable (PROTOCOL.md, "Reconnecting"). */
  async stable(): Promise<void> {
    await delay(STABLE_AFTER_MS + 500);
  }

  /** kill -9 of a whole balancer, and its successor on the same ports. */
  async replaceBalancer(index: number): Promise<void> {
    const old = this.balancers[index]!;
    await old.kill9();
    const { port, adminPort } = old;
    this.balancers[index] = await startHoldfast(this.#config, { ports: { port, adminPort } });
  }

  /** SIGTERM: it drains, ends, and its successor comes on the same ports. */
  async restartBalancer(index: number): Promise<void> {
    const old = this.balancers[index]!;
    old.signal('SIGTERM');
    const code = await old.exited(30_000);
    if (code !== 0) throw new Error(`balancer: expected exit code 0 after its drain, got ${code}`);
    const { port, adminPort } = old;
    this.balancers[index] = await startHoldfast(this.#config, { ports: { port, adminPort } });
  }

  /** `holdfast upgrade`: one worker of the balancer after the other, until the last has left. */
  async replaceWorkers(index: number): Promise<void> {
    const { code, stderr } = await command(this.balancers[index]!, 'upgrade');
    if (code !== 0) throw new Error(`upgrade: expected exit code 0, got ${code}: ${stderr}`);
  }

  /** Every client is connected and has an answer to everything that it sent before this was asked. */
  async recovered(): Promise<CrowdReport> {
    const { sent } = await this.crowd.report();
    return eventually(async () => {
      const report = await this.crowd.report();
      if (report.open === report.clients && report.echoed >= sent) return report;
      const { open, clients, echoed } = report;
      throw new Error(`crowd: expected ${clients} open and ${sent} answered, got ${open} and ${echoed}`);
    }, RECOVERY);
  }

  /** Stops the load, waits for every answer, and settles the account of both ends. */
  async account(): Promise<{ readonly report: CrowdReport; readonly ledger: Ledger }> {
    await this.crowd.settle();
    const report = await this.crowd.report();
    return { report, ledger: audit(this.fleet.readLog(), report.sentBy) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

function urlsOf(proxies: readonly TcpProxy[]): readonly string[] {
  return proxies.map(({ port }) => `ws://127.0.0.1:${port}/`);
}

export interface SessionsShape {
  readonly state?: unknown;
  readonly workers?: number;
  readonly pool?: object;
  readonly route?: object;
}

/** One route, one session pool. */
export function sessionsOf(backends: readonly string[], shape: SessionsShape = {}): HoldfastConfig {
  const { state = 'embedded', workers = 2, pool = {}, route = {} } = shape;
  return {
    state,
    workers,
    routes: [{ match: { path: '/' }, pool: 'app', ...route }],
    pools: { app: { kind: 'session', backends, ...pool } },
  };
}

/** The raw counts of a run, for whoever reads the log. */
export function printAccount(
  name: string,
  { report, ledger }: { report: CrowdReport; ledger: Ledger },
  stallsMs: readonly number[] = [],
): void {
  const { sent, echoed, refused, events, violations } = report;
  const stall =
    stallsMs.length === 0
      ? {}
      : { stallP50: percentile(stallsMs, 50), stallP99: percentile(stallsMs, 99), stallMax: Math.max(...stallsMs) };
  const { handled, redelivered, causes } = ledger;
  console.log(
    `${name}: ${JSON.stringify({ sent, echoed, refused, handled, redelivered, causes, events, violations: violations.length + ledger.violations.length, ...stall })}`,
  );
}

/** So short that a black hole is noticed while a test looks. */
export const QUICK_HEARTBEAT = { heartbeat: '1s' } as const;

/**
 * A line that depends on the clock, and so on how busy the machine is: printed always, held by `npm run test:chaos` on a
 * quiet one.
 */
export function hold(what: string, value: number, atMost: number): void {
  console.log(`held line: ${what}: ${value}, at most ${atMost}: ${value <= atMost ? 'PASS' : 'FAIL'}`);
  if (IS_STRICT && value > atMost) throw new Error(`${what}: expected at most ${atMost}, got ${value}`);
}

/** 0 lost, 0 duplicated, 0 reordered, nobody closed or reset. */
export function expectNothingLost({ report, ledger }: { report: CrowdReport; ledger: Ledger }): void {
  expect(report.violations).toEqual([]);
  expect(ledger.violations).toEqual([]);
  expect(ledger.errors).toEqual([]);
  expect(report.echoed).toBe(report.sent);
  expect(report.sent).toBeGreaterThan(0);
}
