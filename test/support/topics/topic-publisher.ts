/** A backend process that publishes, on a port that it keeps: it can be killed, and another one put in its place. */
import { SECRET } from '../holdfast.js';
import { freePort } from '../ports.js';
import { OrderedProcess } from '../sessions/orders.js';
import type { TopicTop } from './topic-crowd.js';

export interface PublisherReport {
  readonly topics: readonly {
    readonly name: string;
    /** Messages begun, and those that were accepted. */
    readonly number: number;
    readonly published: number;
    readonly top: number;
    readonly epochs: number;
  }[];
  /** Longest time that one publish took, tries and waits together. */
  readonly longestMs: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

export class TopicPublisher implements AsyncDisposable {
  readonly url: string;
  readonly #process: OrderedProcess;

  private constructor(process: OrderedProcess, port: number) {
    this.#process = process;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(name: string): Promise<TopicPublisher> {
    const port = await freePort();
    const script = new URL('./topic-publisher.mjs', import.meta.url);
    const process = new OrderedProcess(script, ['--port', `${port}`, '--secret', SECRET, '--name', name]);
    const publisher = new TopicPublisher(process, port);
    await process.ask('listen');
    return publisher;
  }

  async topics(names: readonly string[], bytes = 128): Promise<void> {
    await this.#process.ask('topics', { names, bytes });
  }

  /** Messages per second to all topics together. */
  async publish(perSecond: number): Promise<void> {
    await this.#process.ask('publish', { perSecond });
  }

  /** Resolves when every publish that was begun has its answer. */
  async stop(): Promise<PublisherReport> {
    await this.#process.ask('stop');
    return this.report();
  }

  report(): Promise<PublisherReport> {
    return this.#process.ask<PublisherReport>('report');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

export function topsOf({ topics }: PublisherReport): Record<string, TopicTop> {
  return Object.fromEntries(topics.map(({ name, number, top }) => [name, { number, offset: top }]));
}
