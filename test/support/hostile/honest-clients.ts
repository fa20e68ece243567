/**
 * Clients that do what they should while others do not: over a relay, with the SDK, and plain ones of a session pool. Each asks
 * at a steady pace, and the time to each answer is kept. One that waits for an answer counts with what it has waited so far.
 */
import { connect } from '@holdfast/client';
import { WebSocket } from 'ws';
import { eventually } from '../eventually.js';
import { percentile } from '../sessions/session-crowd.js';

interface Honest {
  readonly name: string;
  isOpen(): boolean;
  send(text: string): void;
  close(): void;
}

export interface Service {
  readonly answers: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

const ASK_EVERY_MS = 25;
const OF_EACH_KIND = 4;

export class HonestClients implements AsyncDisposable {
  /** Connections that ended, or were opened anew: there should be none. */
  readonly interruptions: string[] = [];
  readonly #clients: readonly Honest[];
  readonly #waiting = new Map<string, number>();
  #timesMs: number[] = [];
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(url: (path: string) => string) {
    const kinds = ['relay', 'sdk', 'plain'] as const;
    this.#clients = kinds.flatMap((kind) =>
      Array.from({ length: OF_EACH_KIND }, (_, i) =>
        kind === 'sdk'
          ? this.#withSdk(`sdk ${i}`, url('/session'))
          : this.#withoutSdk(`${kind} ${i}`, url(kind === 'relay' ? '/relay' : '/session')),
      ),
    );
  }

  static async open(url: (path: string) => string): Promise<HonestClients> {
    const clients = new HonestClients(url);
    await eventually(
      () => {
        const closed = clients.#clients.filter((client) => !client.isOpen());
        if (closed.length > 0)
          throw new Error(`honest clients: expected all open, not ${closed.map((it) => it.name).join()}`);
      },
      { withinMs: 15_000 },
    );
    clients.#timer = setInterval(() => clients.#ask(), ASK_EVERY_MS);
    return clients;
  }

  /** How all were served since the last call. */
  takeService(): Service {
    const now = performance.now();
    const times = [...this.#timesMs, ...[...this.#waiting.values()].map((askedAt) => now - askedAt)];
    const answers = this.#timesMs.length;
    this.#timesMs = [];
    return { answers, p50: percentile(times, 50), p99: percentile(times, 99), worst: Math.max(...times) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.close();
    await Promise.resolve();
  }

  /** One question at a time, so that a stall is counted once for each client. */
  #ask(): void {
    for (const client of this.#clients) {
      if (this.#waiting.has(client.name) || !client.isOpen()) continue;
      this.#waiting.set(client.name, performance.now());
      client.send(String((this.#asked += 1)));
    }
  }

  #answered(name: string): void {
    const askedAt = this.#waiting.get(name);
    if (askedAt === undefined) return;
    this.#waiting.delete(name);
    this.#timesMs.push(performance.now() - askedAt);
  }

  #withSdk(name: string, url: string): Honest {
    const session = connect(url, { webSocket: WebSocket });
    session.addEventListener('message', () => this.#answered(name));
    for (const type of ['resumed', 'reset', 'close', 'error'] as const) {
      session.addEventListener(type, () => this.interruptions.push(`${name}: ${type}`));
    }
    return {
      name,
      isOpen: () => session.state === 'open',
      send: (text) => void session.send(text),
      close: () => session.close(),
    };
  }

  #withoutSdk(name: string, url: string): Honest {
    const socket = new WebSocket(url);
    let isOver = false;
    socket.on('message', () => this.#answered(name));
    socket.on('error', (error) => this.interruptions.push(`${name}: ${error.message}`));
    socket.on('close', (code) => isOver || this.interruptions.push(`${name}: closed with ${code}`));
    return {
      name,
      isOpen: () => socket.readyState === WebSocket.OPEN,
      send: (text) => socket.send(text),
      close: () => {
        isOver = true;
        socket.terminate();
      },
    };
  }
}
