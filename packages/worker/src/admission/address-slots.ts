/**
 * How many connections a client address holds on this machine, over all workers: the supervisor counts, a worker asks.
 * If the supervisor cannot answer, the client comes in: a limit that is briefly loose beats a service that is down.
 */
import type { Logger } from 'pino';

export interface SlotCalls {
  call(method: string, args: readonly unknown[]): Promise<unknown>;
}

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
    try {
      const isGranted = await this.#supervisor.call('slots.acquire', [route, address, limit]);
      return isGranted === true ? { isGranted: true, release: () => this.#release(route, address) } : REFUSED;
    } catch (error) {
      this.#log.warn({ err: error, route }, 'address limit not checked');
      return FREE;
    }
  }

  #release(route: string, address: string): void {
    this.#supervisor.call('slots.release', [route, address]).catch((error: unknown) => {
      this.#log.warn({ err: error, route }, 'address slot not released');
    });
  }
}
