/**
 * How a backend leaves: workers are told and take its sessions to other backends, one by one; sessions whose client is away
 * are parked complete; at the deadline so are those that nobody took. Whatever is left then is lost with the process, and said.
 */
import { CloseCode, REQUEST_TIMEOUT_MS } from '@holdfast/protocol';
import type { ParkingLot } from './parking.js';
import { newParking, type SessionCore } from './session-core.js';

export interface DrainReport {
  /** Taken by workers to other backends. */
  readonly handedOver: number;
  /** Kept in shared state until their clients come back. */
  readonly parked: number;
  /** Neither. */
  readonly left: number;
}

export interface DrainOptions {
  readonly sessions: Iterable<SessionCore> & { readonly size: number };
  readonly givenAway: { readonly size: number };
  readonly lot: ParkingLot;
  readonly timeoutMs: number;
  readonly closeTrunks: () => void;
}

const PARKED = { code: CloseCode.ServiceRestart, reason: 'parked for another backend' };
/** Requests at once when time is up. */
const AT_ONCE = 64;

export class Drain {
  readonly #options: DrainOptions;
  /** Detached, and its handlers are done. */
  readonly #toPark = new Set<SessionCore>();
  #handedOver = 0;
  #parked = 0;
  #onEmpty: () => void = () => undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Settles when every session has a place, or soon after the deadline. */
  async run(): Promise<DrainReport> {
    const { sessions, timeoutMs } = this.#options;
    for (const core of sessions) if (core.attachment === undefined) this.onDetached(core);
    if (!this.#isEmpty) await this.#emptyWithin(timeoutMs);
    const taken = await this.#parkRest();
    // Not before the trunks are gone: a worker that is told that a stream is over would tell its client so.
    this.#options.closeTrunks();
    for (const core of taken) this.#finish(core);
    return { handedOver: this.#handedOver, parked: this.#parked, left: sessions.size };
  }

  onHandedOver(): void {
    this.#handedOver += 1;
  }

  onDetached(core: SessionCore): void {
    if (core.phase !== 'open') return core.finish(core.end);
    if (core.isPlain) return core.finish({ code: CloseCode.ServiceRestart, reason: 'this backend leaves' });
    core.prepareToLeave(() => this.#toPark.add(core));
  }

  onEnded(core: SessionCore): void {
    this.#toPark.delete(core);
    this.onGone();
  }

  /** One less is left, of those that are here or of those that were given away. */
  onGone(): void {
    if (this.#isEmpty) this.#onEmpty();
  }

  /** Until it works, or the deadline. */
  tick(nowMs: number): void {
    let places = AT_ONCE;
    for (const core of this.#toPark) {
      const { parking } = core;
      if (parking === undefined) this.#toPark.delete(core);
      else if (parking.retryAtMs <= nowMs) {
        parking.retryAtMs = nowMs + REQUEST_TIMEOUT_MS;
        void this.#park(core);
        places -= 1;
        if (places === 0) return;
      }
    }
  }

  get #isEmpty(): boolean {
    return this.#options.sessions.size + this.#options.givenAway.size === 0;
  }

  async #park(core: SessionCore): Promise<boolean> {
    if (!core.exchange.settleAlone()) return false;
    const { attachment } = core;
    const result = await this.#options.lot.park(core, core.parking ?? newParking(), true);
    // Attached meanwhile: somebody may yet take it.
    if (result !== 'parked' || core.attachment !== attachment) return false;
    if (attachment === undefined) this.#finish(core);
    return true;
  }

  #finish(core: SessionCore): void {
    if (core.phase === 'ended') return;
    this.#parked += 1;
    core.finish(PARKED);
  }

  #emptyWithin(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Answers those that are in shared state now. */
  async #parkRest(): Promise<readonly SessionCore[]> {
    const rest = [...this.#options.sessions].filter(({ isPlain, phase }) => !isPlain && phase === 'open');
    const parked: SessionCore[] = [];
    for (const core of rest) core.prepareToLeave(() => undefined);
    const parkInTurn = async (): Promise<void> => {
      for (let core = rest.pop(); core !== undefined; core = rest.pop()) if (await this.#park(core)) parked.push(core);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, parkInTurn));
    return parked;
  }
}
