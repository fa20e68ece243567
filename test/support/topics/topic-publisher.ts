/** A backend process that publishes, on a port that it keeps: it can be ended, and another one takes over where it was. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
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
  /** Longest time that one publish took, tries and waits together, whichever processes it took. */
  readonly longestMs: number;
  /** Tries, of all processes. */
  readonly failed: number;
  readonly failures: readonly string[];
}

export class TopicPublisher implements AsyncDisposable {
  readonly url: string;
  readonly #args: readonly string[];
  readonly #folder: string;
  #process: OrderedProcess;
  #topics: { readonly names: readonly string[]; readonly bytes: number } = { names: [], bytes: 0 };
  #perSecond = 0;

  private constructor(name: string, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), 'holdfast-publisher-'));
    const ledger = join(this.#folder, 'ledger');
    this.#args = ['--port', `${port}`, '--secret', SECRET, '--name', name, '--ledger', ledger];
    this.#process = this.#fork();
  }

  static async start(name: string): Promise<TopicPublisher> {
    const publisher = new TopicPublisher(name, await freePort());
    await publisher.#process.ask('listen');
    return publisher;
  }

  async topics(names: readonly string[], bytes = 128): Promise<void> {
    this.#topics = { names, bytes };
    await this.#process.ask('topics', this.#topics);
  }

  /** Messages per second to all topics together. */
  async publish(perSecond: number): Promise<void> {
    this.#perSecond = perSecond;
    await this.#process.ask('publish', { perSecond });
  }

  /** Ends the process by the signal; `downMs` after its end, its successor publishes on. */
  async replace(signal: 'SIGKILL' | 'SIGTERM', downMs = 0): Promise<void> {
    await this.#process.end(signal);
    await delay(downMs);
    this.#process = this.#fork();
    await this.#process.ask('listen');
    await this.#process.ask('topics', this.#topics);
    await this.#process.ask('publish', { perSecond: this.#perSecond });
  }

  /** Resolves when every publish that was begun has its answer. */
  async stop(): Promise<PublisherReport> {
    await this.#process.ask('stop');
    return this.report();
  }

  report(): Promise<PublisherReport> {
    return this.#process.ask<PublisherReport>('report');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #fork(): OrderedProcess {
    return new OrderedProcess(new URL('./topic-publisher.mjs', import.meta.url), this.#args);
  }
}

export function topsOf({ topics }: PublisherReport): Record<string, TopicTop> {
  return Object.fromEntries(topics.map(({ name, number, top }) => [name, { number, offset: top }]));
}
