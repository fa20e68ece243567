/** A crowd of session clients over several processes, and what they saw, added up. */
import { OrderedProcess } from './orders.js';

export interface CrowdReport {
  readonly clients: number;
  readonly open: number;
  readonly sent: number;
  readonly echoed: number;
  readonly refused: number;
  /** Client name → messages that `send` took. */
  readonly sentBy: Readonly<Record<string, number>>;
  /** Longest wait for an answer per client since the last mark. */
  readonly gapsMs: readonly number[];
  /** When sessions became open since the last mark, by the wall clock. */
  readonly opensAtMs: readonly number[];
  /** How long they meant to wait before each further try, since the last mark. */
  readonly waitsMs: readonly number[];
  /** Event name → how often. */
  readonly events: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

export interface CrowdOptions {
  readonly urls: readonly string[];
  readonly clients: number;
  /** @default 2 */
  readonly processes?: number;
  readonly client?: object;
  /** Runs its processes in place of this process' own node. */
  readonly execPath?: string;
}

export class SessionCrowd implements AsyncDisposable {
  readonly #processes: readonly OrderedProcess[];

  private constructor(processes: readonly OrderedProcess[]) {
    this.#processes = processes;
  }

  static async open({ urls, clients, processes = 2, client = {}, execPath }: CrowdOptions): Promise<SessionCrowd> {
    const script = new URL('./session-crowd.mjs', import.meta.url);
    const crowd = new SessionCrowd(Array.from({ length: processes }, () => new OrderedProcess(script, [], execPath)));
    const share = Math.ceil(clients / processes);
    await crowd.#all('open', (i) => ({
      prefix: `c${i}`,
      count: Math.min(share, clients - i * share),
      urls,
      options: client,
    }));
    return crowd;
  }

  /** Messages per second of all clients together. */
  async send(perSecond: number): Promise<void> {
    await this.#all('send', () => ({ perSecond: perSecond / this.#processes.length }));
  }

  /** Stops sending; resolves when every message has its answer. */
  async settle(withinMs = 60_000): Promise<void> {
    await this.#all('settle', () => ({ withinMs }));
  }

  async mark(): Promise<void> {
    await this.#all('mark');
  }

  async report(): Promise<CrowdReport> {
    const reports = await this.#all<CrowdReport>('report');
    const total = (key: 'clients' | 'open' | 'sent' | 'echoed' | 'refused'): number =>
      reports.reduce((sum, report) => sum + report[key], 0);
    const events: Record<string, number> = {};
    for (const report of reports) {
      for (const [name, count] of Object.entries(report.events)) events[name] = (events[name] ?? 0) + count;
    }
    return {
      clients: total('clients'),
      open: total('open'),
      sent: total('sent'),
      echoed: total('echoed'),
      refused: total('refused'),
      sentBy: Object.assign({}, ...reports.map(({ sentBy }) => sentBy)) as Record<string, number>,
      gapsMs: reports.flatMap(({ gapsMs }) => gapsMs),
      waitsMs: reports.flatMap((report) => report.waitsMs),
      opensAtMs: reports.flatMap((report) => report.opensAtMs),
      events,
      violations: reports.flatMap(({ violations }) => violations),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((one) => one[Symbol.asyncDispose]()));
  }

  #all<T = object>(order: string, argsFor: (i: number) => object = () => ({})): Promise<T[]> {
    return Promise.all(this.#processes.map((one, i) => one.ask<T>(order, argsFor(i))));
  }
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}
