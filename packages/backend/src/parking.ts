/**
 * Keeps what detached sessions would lose with this process in shared state: the tail that the client has not acknowledged,
 * and the counters. Workers write it there, any of them. A session is parked within a tick of its detaching, then whenever
 * something changed; one request per session at a time, so that its entries arrive in order.
 */
import { type Answer, type Bound, PARKED_TAIL, readParkOutcome, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import type { Parking, SessionCore } from './session-core.js';
import { encodeState } from './state-codec.js';
import type { Trunk } from './trunk.js';

/** failed: nobody knows whether it took effect. refused: it never will. */
export type ParkResult = 'parked' | 'fenced' | 'unknown' | 'full' | 'failed' | 'refused';

export interface ParkingOptions {
  /** A trunk whose worker takes requests now. */
  readonly pickTrunk: () => Trunk<SessionCore> | undefined;
  /** Somebody else has the session. */
  readonly onFenced: (core: SessionCore) => void;
  readonly onBadState: (error: unknown, core: SessionCore) => void;
}

const MAX_IN_FLIGHT = 64;
const NOTHING: Bound = { messages: 0, bytes: 0 };
const RETRY_AFTER_MS = 1000;

export class ParkingLot {
  readonly #options: ParkingOptions;
  readonly #pending = new Set<SessionCore>();
  #inFlight = 0;

  constructor(options: ParkingOptions) {
    this.#options = options;
  }

  /** Something of it is not parked. */
  add(core: SessionCore): void {
    if (!core.isPlain) this.#pending.add(core);
  }

  remove(core: SessionCore): void {
    this.#pending.delete(core);
  }

  tick(nowMs: number): void {
    for (const core of this.#pending) {
      if (this.#inFlight >= MAX_IN_FLIGHT) return;
      const { parking } = core;
      // Numbers that are not final yet cannot be parked; whoever gives them a meaning attaches the session.
      if (parking === undefined || parking.isRefused || !core.exchange.settleAlone()) this.#pending.delete(core);
      else if (!parking.isInFlight && parking.retryAtMs <= nowMs) {
        const trunk = this.#options.pickTrunk();
        if (trunk === undefined) return;
        void this.#parkOn(trunk, core, parking, false);
      }
    }
  }

  /** Sends what is not parked yet. `isComplete`: this backend forgets the session, all that its successor needs is here. */
  async park(core: SessionCore, parking: Parking, isComplete: boolean): Promise<ParkResult> {
    const trunk = this.#options.pickTrunk();
    return trunk === undefined ? 'failed' : this.#parkOn(trunk, core, parking, isComplete);
  }

  async #parkOn(
    trunk: Trunk<SessionCore>,
    core: SessionCore,
    parking: Parking,
    isComplete: boolean,
  ): Promise<ParkResult> {
    const bound = parking.isTailRefused ? NOTHING : PARKED_TAIL;
    const { tail, isWhole } = core.exchange.tailWithin(bound, parking.parkedUpTo);
    const body = this.#bodyOf(core, isComplete);
    this.#pending.delete(core);
    if (!isWhole) parking.isFull = true;
    parking.isInFlight = true;
    this.#inFlight += 1;
    const answer = await trunk.request((ref) =>
      trunk.out.jsonWithTail(TRUNK_STREAM, TrunkKind.Request, { ref, ...body }, tail),
    );
    this.#inFlight -= 1;
    parking.isInFlight = false;
    const result = resultOf(answer);
    if (result === 'parked') parking.parkedUpTo = Math.max(parking.parkedUpTo, tail.at(-1)?.n ?? 0);
    // Attached meanwhile, here or as something new: this answer is about the past.
    if (core.parking === parking) this.#act(core, parking, result);
    return result;
  }

  #act(core: SessionCore, parking: Parking, result: ParkResult): void {
    switch (result) {
      case 'parked':
        return;
      case 'fenced':
        return this.#options.onFenced(core);
      case 'unknown':
      case 'refused':
        parking.isRefused = true;
        return;
      case 'full':
        // The counters still tell a successor what is missing.
        if (parking.isTailRefused) parking.retryAtMs = performance.now() + RETRY_AFTER_MS;
        parking.isFull = parking.isTailRefused = true;
        break;
      case 'failed':
        parking.retryAtMs = performance.now() + RETRY_AFTER_MS;
    }
    this.#pending.add(core);
  }

  #bodyOf(core: SessionCore, isComplete: boolean): object {
    const { id: session, generation, exchange, windowMs, detachedAtMs } = core;
    const { counters } = exchange;
    const passedMs = core.attachment === undefined ? performance.now() - detachedAtMs : 0;
    return {
      op: 'park',
      session,
      generation,
      ...counters,
      received: isComplete ? exchange.begunUpTo : counters.received,
      complete: isComplete,
      state: this.#stateOf(core),
      windowMs: Math.max(1, Math.round(windowMs - passedMs)),
    };
  }

  #stateOf(core: SessionCore): string | undefined {
    try {
      return encodeState(core.state, core.id) || undefined;
    } catch (error) {
      this.#options.onBadState(error, core);
      return undefined;
    }
  }
}

function resultOf(answer: Answer): ParkResult {
  if (answer.ok) return outcomeOf(answer.body);
  return answer.retryable ? 'failed' : 'refused';
}

function outcomeOf(body: Readonly<Record<string, unknown>>): ParkResult {
  try {
    return readParkOutcome(body);
  } catch {
    return 'refused';
  }
}
