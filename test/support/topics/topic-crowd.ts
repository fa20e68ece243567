/** Subscribers over several processes, the process that publishes to them, and the account of both. */
import { OrderedProcess } from '../sessions/orders.js';

export interface TopicReport {
  /** From publish to listener, ms: of the last messages since the mark. */
  readonly lagsMs: readonly number[];
  readonly clients: number;
  readonly open: number;
  readonly subscribers: number;
  readonly received: number;
  /** Missed, and nobody said so. */
  readonly lost: number;
  readonly repeated: number;
  /** Times that a subscriber was told that it may have missed something. */
  readonly told: number;
  /** Missed, and said so. */
  readonly toldLost: number;
  /** Came again after a told loss: published again, since the store had forgotten that it was. */
  readonly toldRepeated: number;
  readonly recovered: number;
  readonly events: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

export interface TopicTop {
  /** Of the publisher's last message, and where it is. */
  readonly number: number;
  readonly offset: number;
}

export interface CrowdShape {
  readonly urls: readonly string[];
  /** Topics of each client. */
  readonly plan: readonly (readonly string[])[];
  /** @default 2 */
  readonly processes?: number;
  readonly client?: object;
}

export class TopicCrowd implements AsyncDisposable {
  readonly #processes: readonly OrderedProcess[];

  private constructor(processes: readonly OrderedProcess[]) {
    this.#processes = processes;
  }

  /** Resolves when every subscription is live. */
  static async open({ urls, plan, processes = 2, client = {} }: CrowdShape): Promise<TopicCrowd> {
    const script = new URL('./topic-crowd.mjs', import.meta.url);
    const crowd = new TopicCrowd(Array.from({ length: processes }, () => new OrderedProcess(script)));
    try {
      await crowd.#all('open', (i) => ({
        urls,
        options: client,
        plan: plan.filter((_, index) => index % processes === i),
      }));
      return crowd;
    } catch (error) {
      await crowd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Answers how long it took until every subscriber had the last message, or knew that it had missed some. */
  async settle(tops: Readonly<Record<string, TopicTop>>, withinMs = 60_000): Promise<number> {
    const answers = await this.#all<{ tookMs: number }>('settle', () => ({ tops, withinMs }));
    return Math.max(...answers.map(({ tookMs }) => tookMs));
  }

  /** Forgets the lags so far. */
  async mark(): Promise<void> {
    await this.#all('mark');
  }

  /** Nobody reads from the network any more, until `unstall`. */
  async stall(): Promise<void> {
    await this.#all('stall');
  }

  async unstall(): Promise<void> {
    await this.#all('unstall');
  }

  async report(): Promise<TopicReport> {
    const reports = await this.#all<Omit<TopicReport, 'lagsMs'> & { lags: number[] }>('report');
    const total = (key: Exclude<keyof TopicReport, 'events' | 'violations' | 'lagsMs'>): number =>
      reports.reduce((sum, report) => sum + report[key], 0);
    const events: Record<string, number> = {};
    for (const report of reports) {
      for (const [name, count] of Object.entries(report.events)) events[name] = (events[name] ?? 0) + count;
    }
    return {
      lagsMs: reports.flatMap(({ lags }) => lags),
      clients: total('clients'),
      open: total('open'),
      subscribers: total('subscribers'),
      received: total('received'),
      lost: total('lost'),
      repeated: total('repeated'),
      told: total('told'),
      toldLost: total('toldLost'),
      toldRepeated: total('toldRepeated'),
      recovered: total('recovered'),
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

/** `clients` subscribers, spread over `topics` so that each topic has `perTopic`. */
export function planOf(topics: readonly string[], perTopic: number, topicsPerClient: number): readonly string[][] {
  const wanted = topics.flatMap((topic) => Array.from({ length: perTopic }, () => topic));
  const clients = Math.ceil(wanted.length / topicsPerClient);
  const plan: string[][] = Array.from({ length: clients }, () => []);
  // Dealt out like cards: a client never has a topic twice as long as there are at least `perTopic` clients.
  for (const [index, topic] of wanted.entries()) plan[index % clients]!.push(topic);
  return plan;
}
