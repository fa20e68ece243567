/**
 * Rolling replacement: every worker gives its place to a new process, one after the other, which runs the code and reads the
 * certificates that are on disk now. The first one that does not come up ends it: what is wrong with it would be wrong with
 * the next one too, and the old worker goes on. All at once was rejected: that is twice the memory, and everybody's clients on the move.
 */
import type { DrainOrders } from '@holdfast/worker';
import type { Logger } from 'pino';
import type { Fleet } from './fleet.js';

export interface ReplacementReport {
  readonly state: 'running' | 'done' | 'failed';
  /** Workers to be replaced. */
  readonly total: number;
  readonly replaced: number;
  readonly startedAt: string;
  /** So far, while it runs. */
  readonly tookMs: number;
  /** Of a failed one. */
  readonly problem: string | undefined;
}

export interface ReplacementDeps {
  readonly fleet: () => Pick<Fleet, 'members' | 'replace'>;
  /** Of one worker, while the others stay. */
  readonly orders: () => DrainOrders;
  /** False once this balancer stops. */
  readonly mayGoOn: () => boolean;
  readonly log: Logger;
}

interface Run extends Omit<ReplacementReport, 'tookMs'> {
  readonly began: number;
  readonly ended: number | undefined;
}

/** A machine that is busy enough to make this necessary has been seen to take 15 s; one that cannot start says so at once. */
const START_WITHIN_MS = 60_000;
const DRAIN_GRACE_MS = 2000;

export class Replacement {
  readonly #deps: ReplacementDeps;
  #run: Run | undefined;
  /** Since the start of this balancer. */
  replaced = 0;
  failed = 0;

  constructor(deps: ReplacementDeps) {
    this.#deps = deps;
  }

  /** The last one, or the one under way; undefined before the first. */
  get report(): ReplacementReport | undefined {
    if (this.#run === undefined) return undefined;
    const { began, ended, ...report } = this.#run;
    return { ...report, tookMs: Math.round((ended ?? performance.now()) - began) };
  }

  /** False: one is under way already. */
  start(why: string): boolean {
    if (this.#run?.state === 'running') return false;
    const { fleet, log } = this.#deps;
    const total = fleet().members.length;
    const startedAt = new Date().toISOString();
    const now = performance.now();
    this.#run = { state: 'running', total, replaced: 0, startedAt, problem: undefined, began: now, ended: undefined };
    log.info({ why, workers: total }, 'replacing workers');
    void this.#replaceAll();
    return true;
  }

  async #replaceAll(): Promise<void> {
    const { fleet, orders, mayGoOn } = this.#deps;
    const members = [...fleet().members];
    for (const worker of members) {
      if (!mayGoOn()) return this.#end('failed', 'expected a running balancer, it is stopping');
      const times = { orders: orders(), startWithinMs: START_WITHIN_MS, graceMs: DRAIN_GRACE_MS };
      const result = await fleet().replace(worker, times);
      if (!result.ok) return this.#end('failed', `worker ${worker.id} was not replaced and goes on: ${result.reason}`);
      this.replaced += 1;
      this.#update({ replaced: (this.#run?.replaced ?? 0) + 1 });
      this.#deps.log.info({ workerId: worker.id, successor: result.id }, 'worker replaced');
    }
    this.#end('done', undefined);
  }

  #end(state: 'done' | 'failed', problem: string | undefined): void {
    this.#update({ state, problem, ended: performance.now() });
    const { log } = this.#deps;
    const { total, replaced, tookMs } = this.report ?? {};
    if (state === 'done') log.info({ replaced, tookMs }, 'workers replaced');
    else {
      this.failed += 1;
      log.error({ problem, replaced, total, tookMs }, 'replacement of workers stopped');
    }
  }

  #update(changes: Partial<Run>): void {
    if (this.#run !== undefined) this.#run = { ...this.#run, ...changes };
  }
}
