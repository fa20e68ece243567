/**
 * How many come in, on this machine, over all workers: connections at one time and new ones per second, of a route, of a client
 * address, of a principal. The supervisor counts, a worker asks once for all of them, and only where one is configured.
 * If the supervisor cannot answer, the client comes in: a limit that is briefly loose beats a service that is down.
 */
import type { Logger } from 'pino';
import type { RouteConfig } from '../config.js';
import type { BoundName } from '../observe/traffic.js';
import { addressKey } from './address-key.js';
import type { RatePair } from './rate-pair.js';
import type { SharedRates } from './shared-rates.js';

export interface SupervisorCalls {
  call(method: string, args: readonly unknown[], timeoutMs: number): Promise<unknown>;
  tell(method: string, args: readonly unknown[]): void;
}

/** As the supervisor takes it: a slot is given back, a token of a rate is not. */
export type Want = readonly [kind: 'slot' | 'rate', scope: string, key: string, limit: number];

export type LimitName = Extract<BoundName, `connections${string}` | `new_per_second${string}`>;

/** What a connection holds until it ends. */
export interface Slot {
  release(): void;
}

export type Entry =
  /** `rates`: what a connection's messages have in common with others', until its slot is released. */
  | { readonly ok: true; readonly slot: Slot; readonly rates: readonly RatePair[] }
  | { readonly ok: false; readonly bound: LimitName };

interface NamedWant {
  readonly bound: LimitName;
  readonly want: Want;
}

type LimitedRoute = Pick<RouteConfig, 'name' | 'limits'>;

/** A client is not kept waiting longer for the count. */
const PATIENCE_MS = 1_000;
/** All clients of a route have this one in common. */
const ANY = '*';

export const NO_SLOT: Slot = { release: () => undefined };
export const NO_RATES: readonly RatePair[] = [];
/** Given back together. */
export function joined(one: Slot, other: Slot): Slot {
  if (other === NO_SLOT) return one;
  if (one === NO_SLOT) return other;
  return {
    release: () => {
      one.release();
      other.release();
    },
  };
}

const FREE: Entry = { ok: true, slot: NO_SLOT, rates: NO_RATES };

export class EntryLimits {
  readonly #supervisor: SupervisorCalls;
  /** Of messages. */
  readonly rates: SharedRates;
  readonly #log: Logger;

  constructor(supervisor: SupervisorCalls, rates: SharedRates, log: Logger) {
    this.#supervisor = supervisor;
    this.rates = rates;
    this.#log = log;
  }

  /** Of a WebSocket handshake. */
  async connection(route: LimitedRoute, address: string): Promise<Entry> {
    const { name, limits } = route;
    const key = addressKey(address, limits.ipv6Prefix);
    const entry = await this.#enter([
      ...rates(route, key),
      ...wanted('connections', 'slot', ['connections', name, ANY], limits.connections),
      ...wanted('connections_per_address', 'slot', ['address', name, key], limits.connectionsPerAddress),
    ]);
    return this.#withRates(entry, route, [
      ['address', key],
      ['route', ANY],
    ]);
  }

  /** Of an HTTP request: those in flight are bounded by other means. */
  request(route: LimitedRoute, address: string): Promise<Entry> {
    return this.#enter(rates(route, addressKey(address, route.limits.ipv6Prefix)));
  }

  /**
   * Of somebody who is known by now. @param principal short. @param connections 0: holds none. A client that moves has two
   * connections for a moment, and one that lost its connection may be back before the loss is noticed: `isReturning` allows for it.
   */
  async principal(
    route: LimitedRoute,
    principal: string,
    { isConnection, isReturning }: { readonly isConnection: boolean; readonly isReturning: boolean },
  ): Promise<Entry> {
    if (principal === '') return FREE;
    const { name, limits } = route;
    const { newPerSecondPerPrincipal, connectionsPerPrincipal } = limits;
    const connections = isConnection ? connectionsPerPrincipal * (isReturning ? 2 : 1) : 0;
    const entry = await this.#enter([
      ...wanted('new_per_second_per_principal', 'rate', ['principal', name, principal], newPerSecondPerPrincipal),
      ...wanted('connections_per_principal', 'slot', ['principal', name, principal], connections),
    ]);
    return isConnection ? this.#withRates(entry, route, [['principal', principal]]) : entry;
  }

  #withRates(entry: Entry, route: LimitedRoute, sharers: Parameters<SharedRates['hold']>[1]): Entry {
    const held = entry.ok ? this.rates.hold(route, sharers) : undefined;
    return entry.ok && held !== undefined ? { ok: true, slot: joined(entry.slot, held), rates: held.pairs } : entry;
  }

  async #enter(wants: readonly NamedWant[]): Promise<Entry> {
    if (wants.length === 0) return FREE;
    const asked = this.#supervisor.call('limits.enter', [wants.map(({ want }) => want)], Infinity);
    const slot = slotOf(this.#supervisor, wants);
    try {
      const refused = await within(asked, PATIENCE_MS);
      const bound = wants[Number(refused)]?.bound;
      return bound === undefined ? { ok: true, slot, rates: NO_RATES } : { ok: false, bound };
    } catch (error) {
      this.#log.warn({ err: error, bounds: wants.map(({ bound }) => bound) }, 'limits not checked');
      void takeBack(asked, slot);
      return FREE;
    }
  }
}

function rates({ name, limits }: LimitedRoute, address: string): readonly NamedWant[] {
  const { newPerSecond, newPerSecondPerAddress } = limits;
  return [
    ...wanted('new_per_second', 'rate', ['connections', name, ANY], newPerSecond),
    ...wanted('new_per_second_per_address', 'rate', ['address', name, address], newPerSecondPerAddress),
  ];
}

/** @param limit 0: none. */
function wanted(
  bound: LimitName,
  kind: Want[0],
  [what, route, key]: readonly [what: string, route: string, key: string],
  limit: number,
): readonly NamedWant[] {
  return limit === 0 ? [] : [{ bound, want: [kind, `${what}:${route}`, key, limit] }];
}

function slotOf(supervisor: SupervisorCalls, wants: readonly NamedWant[]): Slot {
  const held = wants
    .filter(({ want }) => want[0] === 'slot')
    .map(({ want }): readonly [string, string] => [want[1], want[2]]);
  return held.length === 0 ? NO_SLOT : new CountedSlots(supervisor, held);
}

/** Kept as long as its connection: a closure would keep the whole call that asked for it. */
class CountedSlots implements Slot {
  readonly #supervisor: SupervisorCalls;
  readonly #held: readonly (readonly [scope: string, key: string])[];

  constructor(supervisor: SupervisorCalls, held: readonly (readonly [scope: string, key: string])[]) {
    this.#supervisor = supervisor;
    this.#held = held;
  }

  release(): void {
    for (const slot of this.#held) this.#supervisor.tell('slots.release', slot);
  }
}

/** The count may still be made when the supervisor gets to it, and nobody else would give it back. */
async function takeBack(asked: Promise<unknown>, slot: Slot): Promise<void> {
  const refused = await asked.catch(() => undefined);
  if (refused === NONE_REFUSED) slot.release();
}

/** The supervisor's answer when all was granted; else it is the place of the first that was not. */
const NONE_REFUSED = -1;

/** The value, or a rejection after so long. */
async function within(asked: Promise<unknown>, ms: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`expected the supervisor to answer within ${ms} ms, got nothing`)), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
