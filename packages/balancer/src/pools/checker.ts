/**
 * When each target is checked. First checks are spread evenly over a window, so that a hundred backends (or a hundred
 * pools on one backend) do not get all their checks in the same millisecond, and later ones keep that distance, give
 * or take the jitter. The next check of a target is only planned when the last one has settled: there are never two.
 * One timer per target instead of a common wheel: targets are few, and their intervals differ.
 */
import type { HealthConfig } from '@holdfast/worker';
import type { CheckResult, CheckTarget } from './checks/check.js';
import { runCheck } from './checks/run-check.js';

export interface CheckJob {
  /** The same key means the same target and configuration: it is checked once, for whoever asked. */
  readonly key: string;
  readonly target: CheckTarget;
  readonly config: HealthConfig;
}

export interface CheckerDeps {
  readonly random: () => number;
  /** Default: the real checks. */
  readonly run?: typeof runCheck;
  readonly onResult: (key: string, result: CheckResult) => void;
}

interface Plan {
  readonly job: CheckJob;
  timer: NodeJS.Timeout | undefined;
  running: AbortController | undefined;
}

/** ± share of the interval. */
const JITTER = 0.1;
/** First checks come this far apart, closer when the interval is too short for that: soon, but never all at once. */
const FIRST_CHECK_SPACING_MS = 500;

export class Checker {
  readonly #deps: CheckerDeps;
  readonly #plans = new Map<string, Plan>();

  constructor(deps: CheckerDeps) {
    this.#deps = deps;
  }

  /** The whole picture: jobs that stay keep their rhythm, new ones are planned, others are given up. */
  setJobs(jobs: readonly CheckJob[]): void {
    const wanted = new Map(jobs.map((job) => [job.key, job]));
    for (const [key, plan] of this.#plans) if (!wanted.has(key)) this.#drop(key, plan);
    const fresh = [...wanted.values()].filter(({ key }) => !this.#plans.has(key));
    for (const [index, job] of fresh.entries()) {
      const plan: Plan = { job, timer: undefined, running: undefined };
      this.#plans.set(job.key, plan);
      const windowMs = Math.min(job.config.intervalMs, fresh.length * FIRST_CHECK_SPACING_MS);
      this.#schedule(plan, (windowMs * (index + this.#deps.random())) / fresh.length);
    }
  }

  stop(): void {
    for (const [key, plan] of this.#plans) this.#drop(key, plan);
  }

  #drop(key: string, plan: Plan): void {
    this.#plans.delete(key);
    clearTimeout(plan.timer);
    plan.running?.abort(new Error('the end of this check: it is not configured any more'));
  }

  #schedule(plan: Plan, delayMs: number): void {
    plan.timer = setTimeout(() => void this.#check(plan), delayMs);
  }

  /** Never rejects: `run` answers with a value. */
  async #check(plan: Plan): Promise<void> {
    const { job } = plan;
    const controller = new AbortController();
    plan.running = controller;
    const startedAt = performance.now();
    const { timeoutMs } = job.config;
    const deadline = setTimeout(() => controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const result = await (this.#deps.run ?? runCheck)(job.target, job.config, controller.signal);
    clearTimeout(deadline);
    plan.running = undefined;
    if (this.#plans.get(job.key) !== plan) return; // given up meanwhile
    this.#schedule(plan, Math.max(0, this.#periodMs(job) - (performance.now() - startedAt)));
    this.#deps.onResult(job.key, result);
  }

  #periodMs(job: CheckJob): number {
    return job.config.intervalMs * (1 + JITTER * (2 * this.#deps.random() - 1));
  }
}
