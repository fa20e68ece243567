/**
 * The network of a run: who listens under which name, the links that were dialled, and what can happen to them. Links carry
 * whole WebSocket messages; what a close or an upgrade looks like to the two libraries is their adapters' business.
 */
import type { Clock } from './clock.js';
import { Link, type LinkEnd } from './link.js';
import type { SimProcess } from './process.js';
import type { Random } from './random.js';
import type { Trace } from './trace.js';

export interface Incoming {
  readonly end: LinkEnd;
  /** Of the dialling end: path and headers, say. */
  readonly request: object;
}

interface Listener {
  readonly process: SimProcess;
  readonly onConnection: (incoming: Incoming) => void;
}

export interface DialOptions {
  readonly from: SimProcess;
  /** Name of whoever listens. */
  readonly to: string;
  readonly request: object;
}

const TYPICAL_MS = 2;

export class Network {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #listeners = new Map<string, Listener>();
  #links: Link[] = [];
  #lastId = 0;
  /** Typical delay of a message, one way. */
  delayMs = TYPICAL_MS;

  constructor(clock: Clock, random: Random, trace: Trace) {
    this.#clock = clock;
    this.#random = random;
    this.#trace = trace;
  }

  listen(process: SimProcess, onConnection: (incoming: Incoming) => void): void {
    this.#listeners.set(process.name, { process, onConnection });
  }

  /** It takes no connections any more. */
  ignore(process: SimProcess): void {
    if (this.#listeners.get(process.name)?.process === process) this.#listeners.delete(process.name);
  }

  dial({ from, to, request }: DialOptions): LinkEnd {
    this.#lastId += 1;
    const link = new Link({
      name: `${from.name}>${to}#${this.#lastId}`,
      clock: this.#clock,
      trace: this.#trace,
      delayMs: () => this.#delay(),
      from,
      isLuckyAtDeath: () => this.#random.chance(0.5),
    });
    this.#links = this.#links.filter(({ isOver }) => !isOver);
    this.#links.push(link);
    link.knock(() => this.#admit(link, to, request));
    return link.dialler;
  }

  /** Open links between two names, in either direction; of one name with everybody when `other` is absent. */
  between(one: string, other?: string): readonly Link[] {
    return this.#links.filter((link) => !link.isOver && link.joins(one) && (other === undefined || link.joins(other)));
  }

  /** Typical delays again. */
  hurry(): void {
    this.delayMs = TYPICAL_MS;
  }

  /** What stalled goes on; what fell silent stays so, as connections through a broken middlebox do. */
  heal(): void {
    this.hurry();
    for (const link of this.#links) link.heal();
  }

  #admit(link: Link, to: string, request: object): void {
    const listener = this.#listeners.get(to);
    if (listener === undefined || listener.process.state === 'dead') return link.refuse();
    link.reach(listener.process, () => listener.onConnection({ end: link.dialled, request }));
  }

  /** Mostly near the typical delay, now and then ten times as long. */
  #delay(): number {
    const factor = this.#random.chance(0.05) ? this.#random.between(3, 10) : 0.5 + this.#random.next();
    return Math.max(1, Math.round(this.delayMs * factor));
  }
}
