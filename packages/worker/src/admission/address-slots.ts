/**
 * How many connections a client address holds on this machine, over all workers: the supervisor counts, a worker asks.
 * If the supervisor cannot answer, the client comes in: a limit that is briefly loose beats a service that is down.
 */
import type { Logger } from 'pino';

export interface SlotCalls {
  call(method: string, args: readonly unknown[], timeoutMs: number): Promise<unknown>;
  tell(method: string, args: readonly unknown[]): void;
}

/** A client is not kept waiting longer for the count. */
const PATIENCE_MS = 1_000;

export interface Slot {
  readonly isGranted: boolean;
  release(): void;
}

const FREE: Slot = { isGranted: true, release: () => undefined };
const REFUSED: Slot = { isGranted: false, release: () => undefined };

export class AddressSlots {
  readonly #supervisor: SlotCalls;
  readonly #log: Logger;

  constructor(supervisor: SlotCalls, log: Logger) {
    this.#supervisor = supervisor;
    this.#log = log;
  }

  /** @param limit 0: no limit, nobody is asked. */
  async acquire(route: string, address: string, limit: number): Promise<Slot> {
    if (limit === 0) return FREE;
    const asked = this.#supervisor.call('slots.acquire', [route, address, limit], Infinity);
    const slot = new CountedSlot(this.#supervisor, route, address);
    try {
      const isGranted = await within(asked, PATIENCE_MS);
      return isGranted === true ? slot : REFUSED;
    } catch (error) {
      this.#log.warn({ err: error, route }, 'address limit not checked');
      void takeBack(asked, slot);
      return FREE;
    }
  }
}

/** Kept as long as its connection: a closure would keep the whole call that asked for it. */
class CountedSlot implements Slot {
  readonly isGranted: boolean = true;
  readonly #supervisor: SlotCalls;
  readonly #route: string;
  readonly #address: string;

  constructor(supervisor: SlotCalls, route: string, address: string) {
    this.#supervisor = supervisor;
    this.#route = route;
    this.#address = address;
  }

  release(): void {
    this.#supervisor.tell('slots.release', [this.#route, this.#address]);
  }
}

/** The count may still be made when the supervisor gets to it, and nobody else would give it back. */
async function takeBack(asked: Promise<unknown>, slot: Slot): Promise<void> {
  const isGranted = await asked.catch(() => false);
  if (isGranted === true) slot.release();
}

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
