/**
 * What workers may ask of the supervisor, by method name:
 *   the methods of the embedded engine                    see EMBEDDED_METHODS; what it pushes goes back to who asked
 *   limits.enter([[kind, scope, key, limit] …]) → number  one more of each, or of none: the place of the first without room, or -1
 *   slots.release(scope, key) → boolean                   one less; false when this worker held none
 * Every call is answered, a bad one with an error that says what was expected. Nothing that a worker sends throws beyond here.
 */
import { EMBEDDED_METHODS, type EmbeddedStore, handleCall, type TopicFeed } from '@holdfast/state';
import type { FromWorker, ToWorker } from '@holdfast/worker';
import type { Logger } from 'pino';
import { enter, type Want } from './entry-limits.js';
import { RateTable } from './rates.js';
import type { SlotRequest, SlotTable } from './slots.js';

export type Call = Extract<FromWorker, { type: 'call' }>;
export type Reply = Extract<ToWorker, { type: 'reply' }>;
export type Push = Extract<ToWorker, { type: 'push' }>;

export interface ServicesDeps {
  readonly store: EmbeddedStore;
  readonly slots: SlotTable;
  /** False when that worker is not there. */
  readonly push: (workerId: number, push: Push, onTaken: () => void) => boolean;
  readonly log: Logger;
}

const MAX_SCOPE_LENGTH = 256;
const MAX_KEY_LENGTH = 512;
/** As many as one client can want. */
const MAX_WANTS = 8;
const LIMIT_METHODS: ReadonlySet<string> = new Set(['limits.enter', 'slots.release']);

export class Services {
  readonly #store: EmbeddedStore;
  readonly #slots: SlotTable;
  readonly #rates = new RateTable();
  readonly #deps: ServicesDeps;
  readonly #feeds = new Map<number, TopicFeed>();

  constructor(deps: ServicesDeps) {
    this.#store = deps.store;
    this.#slots = deps.slots;
    this.#deps = deps;
  }

  answer(workerId: number, { id, method, args }: Call): Reply {
    try {
      return { type: 'reply', id, ok: true, value: this.#call(workerId, method, args) };
    } catch (error) {
      return { type: 'reply', id, ok: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Frees what a worker that is gone held. Its affinities stay: they belong to clients. */
  forget(workerId: number): void {
    this.#slots.releaseAllOf(workerId);
    const feed = this.#feeds.get(workerId);
    if (feed === undefined) return;
    this.#feeds.delete(workerId);
    this.#store.closeFeed(feed);
  }

  #call(workerId: number, method: string, args: readonly unknown[]): unknown {
    if (EMBEDDED_METHODS.has(method)) return handleCall(this.#store, method, args, this.#feedOf(workerId));
    if (method === 'limits.enter') return this.#enter(workerId, args);
    if (method === 'slots.release') return this.#slots.release(readRequest(workerId, args));
    const known = [...EMBEDDED_METHODS, ...LIMIT_METHODS].join(', ');
    throw new TypeError(`method: expected one of ${known}, got ${JSON.stringify(method.slice(0, 60))}`);
  }

  #feedOf(workerId: number): TopicFeed {
    let feed = this.#feeds.get(workerId);
    if (feed !== undefined) return feed;
    const { push, log } = this.#deps;
    feed = this.#store.openFeed({
      send: (topicPush, onTaken) => push(workerId, { type: 'push', push: topicPush }, onTaken),
      onBehind: (waitingBytes) => log.warn({ workerId, waitingBytes }, 'worker behind with its topics: it has to read'),
    });
    this.#feeds.set(workerId, feed);
    return feed;
  }

  #enter(workerId: number, [wants]: readonly unknown[]): number {
    if (!Array.isArray(wants) || wants.length > MAX_WANTS) {
      throw new TypeError(`wants: expected a list of at most ${MAX_WANTS}, got ${describe(wants)}`);
    }
    return enter({ slots: this.#slots, rates: this.#rates }, workerId, wants.map(readWant), performance.now());
  }
}

function readWant(value: unknown): Want {
  const [kind, scope, key, limit] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (kind !== 'slot' && kind !== 'rate') throw new TypeError(`want: expected slot or rate, got ${describe(kind)}`);
  if (!Number.isSafeInteger(limit) || (limit as number) < 1) {
    throw new TypeError(`limit: expected a whole number from 1, got ${describe(limit)}`);
  }
  return {
    kind,
    scope: readText(scope, 'scope', MAX_SCOPE_LENGTH),
    key: readText(key, 'key', MAX_KEY_LENGTH),
    limit: limit as number,
  };
}

function readRequest(workerId: number, [scope, key]: readonly unknown[]): SlotRequest {
  return { workerId, scope: readText(scope, 'scope', MAX_SCOPE_LENGTH), key: readText(key, 'key', MAX_KEY_LENGTH) };
}

function readText(value: unknown, name: string, maxLength: number): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= maxLength) return value;
  throw new TypeError(`${name}: expected a text of 1 to ${maxLength} characters, got ${describe(value)}`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `one of ${value.length}`;
  return typeof value === 'number' ? String(value) : typeof value;
}
