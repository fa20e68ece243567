/**
 * How many TCP connections of clients this worker holds, and how many it can. A process that runs out of descriptors
 * cannot even refuse: the native accept fails, its event comes again at once, and the worker spins on it with a whole
 * core (measured) until somebody leaves. So the last descriptors are kept back: a client that comes then is accepted and
 * cut, and the listener stays calm. Closing the listener instead was rejected: that resets whoever waits in its queue.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { TemplatedApp } from 'uWebSockets.js';

export interface SocketsOptions {
  /** What the process may open beyond what it has open already. Infinity: nobody says. */
  readonly spareDescriptors: number;
  /** Descriptors towards backends that stand for open WebSockets. */
  readonly upstream: () => number;
  /** A client was cut because no descriptor is left for it. News: none was for a while. */
  readonly onRefused: (isNews: boolean) => void;
  /** A client sent more pings and pongs than one may. */
  readonly onFlood: () => void;
}

/** Trunks, shared state, idle connections to backends, files: kept back from clients. */
const LEAST_RESERVE = 32;
const LARGEST_RESERVE = 1024;
const NEWS_EVERY_MS = 10_000;

const UNWATCHED: SocketsOptions = {
  spareDescriptors: Infinity,
  upstream: () => 0,
  onRefused: () => undefined,
  onFlood: () => undefined,
};

export class ClientSockets {
  /** In a TLS or HTTP handshake, in a request, or kept alive: those that are no WebSocket. */
  waiting = 0;
  webSockets = 0;
  /** Ever. */
  accepted = 0;
  readonly #options: SocketsOptions;
  readonly #room: number;
  #refusedAt = -Infinity;

  constructor(options: SocketsOptions = UNWATCHED) {
    this.#options = options;
    this.#room = roomFor(options.spareDescriptors);
  }

  /** Called once for each app, before it listens. */
  watch(app: TemplatedApp): void {
    app.filter((res, change) => {
      if (change < 0) this.waiting -= 1;
      else if (!this.opened()) res.close();
    });
  }

  /** False: there is no room for it. The native side tells of its end in either case. */
  opened(): boolean {
    this.accepted += 1;
    this.waiting += 1;
    // One that is no WebSocket yet may need a second descriptor, for its backend.
    if (this.waiting * 2 + this.webSockets + this.#options.upstream() <= this.#room) return true;
    const nowMs = performance.now();
    this.#options.onRefused(nowMs - this.#refusedAt >= NEWS_EVERY_MS);
    this.#refusedAt = nowMs;
    return false;
  }

  /** The native side tells of a socket's end or of its upgrade, never of both. */
  upgraded(): void {
    this.waiting -= 1;
    this.webSockets += 1;
  }

  flooded(): void {
    this.#options.onFlood();
  }

  webSocketClosed(): void {
    this.webSockets -= 1;
  }
}

/** Node has raised the soft limit to the hard one by the time this is asked. Infinity where there is no /proc to read. */
export function spareDescriptors(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? Infinity : Number(limit) - readdirSync('/proc/self/fd').length;
  } catch {
    return Infinity;
  }
}

function roomFor(spare: number): number {
  return spare - Math.min(LARGEST_RESERVE, Math.max(LEAST_RESERVE, Math.floor(spare / 16)));
}
