/**
 * Loading the configuration again while everything runs. What cannot change in place keeps its old value and is named, so
 * that a reload never does half of what it seems to do in silence; a file with mistakes changes nothing at all.
 * Reloads do not overlap: one that is asked for while another runs joins a single further one, which sees the newest file.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ListenConfig } from '@holdfast/worker';
import type { Logger } from 'pino';
import { formatMistake } from '../config/load.js';
import type { BalancerConfig, LoadResult, Mistake } from '../config/types.js';

export type ReloadResult =
  | {
      readonly ok: true;
      readonly configVersion: number;
      readonly warnings: readonly string[];
      readonly needsRestart: readonly string[];
    }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

export interface ReloadReport {
  readonly configVersion: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly last: LastReload | undefined;
}

export type LastReload = ReloadResult & { readonly at: string };

export interface ReloaderDeps {
  readonly initial: BalancerConfig;
  readonly load: () => Promise<LoadResult>;
  /** Makes it so; called with what has taken effect already. */
  readonly apply: (config: BalancerConfig, configVersion: number) => void | Promise<void>;
  readonly log: Logger;
}

export class Reloader {
  readonly #deps: ReloaderDeps;
  #config: BalancerConfig;
  #report: ReloadReport = { configVersion: 1, accepted: 0, rejected: 0, last: undefined };
  #running: Promise<ReloadResult> | undefined;
  #next: Promise<ReloadResult> | undefined;

  constructor(deps: ReloaderDeps) {
    this.#deps = deps;
    this.#config = deps.initial;
  }

  /** What is in effect. */
  get config(): BalancerConfig {
    return this.#config;
  }

  get report(): ReloadReport {
    return this.#report;
  }

  /** Never rejects. */
  reload(): Promise<ReloadResult> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#run();
    this.#next = this.#running.then(() => {
      this.#next = undefined;
      return this.#run();
    });
    return this.#next;
  }

  #run(): Promise<ReloadResult> {
    this.#running = this.#reloadOnce().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #reloadOnce(): Promise<ReloadResult> {
    const loaded = await this.#load();
    const result = loaded.ok ? await this.#accept(loaded) : this.#reject(loaded.mistakes);
    this.#report = { ...this.#report, last: { ...result, at: new Date().toISOString() } };
    return result;
  }

  async #load(): Promise<LoadResult> {
    try {
      return await this.#deps.load();
    } catch (error) {
      return { ok: false, mistakes: [internalMistake(error)] };
    }
  }

  async #accept({ config: loaded, warnings }: Extract<LoadResult, { ok: true }>): Promise<ReloadResult> {
    const { config, needsRestart } = mergeReload(this.#config, loaded);
    const configVersion = this.#report.configVersion + 1;
    this.#config = config;
    this.#report = { ...this.#report, configVersion, accepted: this.#report.accepted + 1 };
    await this.#deps.apply(config, configVersion);
    const { log } = this.#deps;
    log.info({ configVersion, needsRestart }, 'config reloaded');
    for (const warning of warnings) log.warn({ warning }, 'config warning');
    if (needsRestart.length > 0)
      log.warn({ needsRestart }, 'config changed in places that need a restart: old values kept');
    return { ok: true, configVersion, warnings, needsRestart };
  }

  #reject(mistakes: readonly Mistake[]): ReloadResult {
    this.#report = { ...this.#report, rejected: this.#report.rejected + 1 };
    const { configVersion } = this.#report;
    this.#deps.log.error(
      { mistakes: mistakes.map(formatMistake), configVersion },
      'config not reloaded: the old one stays',
    );
    return { ok: false, mistakes };
  }
}

/** The loaded configuration with what only a restart can change put back. */
export function mergeReload(
  old: BalancerConfig,
  loaded: BalancerConfig,
): { readonly config: BalancerConfig; readonly needsRestart: readonly string[] } {
  const listen = old.worker.listen.map((listener) => withTlsOf(listener, loaded.worker.listen));
  const pairs = [
    ['listen', listen, loaded.worker.listen],
    ['workers', old.workers, loaded.workers],
    ['state', old.worker.state, loaded.worker.state],
    ['admin', old.admin, loaded.admin],
  ] as const;
  const needsRestart = pairs.filter(([, before, after]) => !isDeepStrictEqual(before, after)).map(([name]) => name);
  const worker = { ...loaded.worker, listen, state: old.worker.state };
  return { config: { worker, workers: old.workers, admin: old.admin }, needsRestart };
}

/** An address stays with the workers that listen on it, whereas certificates can be exchanged. */
function withTlsOf(listener: ListenConfig, loaded: readonly ListenConfig[]): ListenConfig {
  const same = loaded.find(({ host, port }) => host === listener.host && port === listener.port);
  return same === undefined ? listener : { ...listener, tls: same.tls };
}

function internalMistake(error: unknown): Mistake {
  const got = error instanceof Error ? error.message : String(error);
  return { file: '(config)', line: 1, column: 1, path: '(file)', expected: 'a file that can be loaded', got };
}
