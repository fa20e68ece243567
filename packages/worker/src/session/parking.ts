/**
 * What backends have written down through this worker: parked tails and checkpoints. A backend is believed about sessions
 * of its own only, as far as this worker knows whose they are; beyond that the store fences by generation.
 */
import { type CommitBody, MAX_OPEN_REQUESTS, type ParkBody, type TailEntry } from '@holdfast/protocol';
import { isEngineFailure, StateError, type SessionStore } from '@holdfast/state';
import type { Link } from '../trunk/link.js';
import type { Trunk } from '../trunk/trunk.js';
import type { TrunkRequest } from '../trunk/trunk-request.js';
import { LIVE_TTL_MS } from './records.js';
import type { Session } from './session.js';

export interface ParkingOptions {
  readonly store: SessionStore;
  /** Of this worker, by id. */
  readonly find: (sessionId: string) => Session | undefined;
}

export class Parking {
  readonly #options: ParkingOptions;
  #inFlight = 0;

  constructor(options: ParkingOptions) {
    this.#options = options;
  }

  onRequest(link: Link, trunk: Trunk, { ref, body, tail }: TrunkRequest): void {
    if (body.op !== 'park' && body.op !== 'commit') {
      trunk.answer(ref, { ok: false, error: `expected park or commit, got ${body.op}`, retryable: false });
    } else if (this.#inFlight >= MAX_OPEN_REQUESTS) {
      trunk.answer(ref, { ok: false, error: 'too many requests at once', retryable: true });
    } else if (this.#isElsewhere(link, body)) {
      trunk.answer(ref, { ok: true, outcome: 'fenced' });
    } else void this.#perform(link, trunk, { ref, body, tail });
  }

  async #perform(
    link: Link,
    trunk: Trunk,
    { ref, body, tail }: { ref: number; body: ParkBody | CommitBody; tail: readonly TailEntry[] },
  ): Promise<void> {
    this.#inFlight += 1;
    try {
      const outcome = body.op === 'park' ? await this.#park(link, body, tail) : await this.#commit(body);
      if (outcome === 'fenced' && (await this.#isOwner(link, body.session))) trunk.answer(ref, CLAIMED_FOR_ASKER);
      else trunk.answer(ref, { ok: true, outcome });
    } catch (error) {
      trunk.answer(ref, { ok: false, ...describe(error) });
    } finally {
      this.#inFlight -= 1;
    }
  }

  #park({ pool }: Link, body: ParkBody, entries: readonly TailEntry[]): ReturnType<SessionStore['park']> {
    const { session: sessionId, generation, handled, received, lastDown, ackedDown, state } = body;
    const counters = { handled, received, lastDown, ackedDown, isComplete: body.complete, state };
    // The operator says how long; a backend may ask for less.
    const windowMs = Math.max(1, Math.min(body.windowMs, pool.config.session?.resumeWindowMs ?? body.windowMs));
    return this.#options.store.park({ sessionId, generation, entries, counters, windowMs });
  }

  #commit({ session: sessionId, generation, handled, state }: CommitBody): ReturnType<SessionStore['commit']> {
    return this.#options.store.commit({ sessionId, generation, handled, state, ttlMs: LIVE_TTL_MS });
  }

  /** Is the claim that fenced the asker off one for the asker itself? Its client comes back, and a stream is on the way. */
  async #isOwner({ backend, incarnation }: Link, sessionId: string): Promise<boolean> {
    const record = await this.#options.store.lookup(sessionId);
    return record?.backendId === backend.id && record.backendIncarnation === incarnation;
  }

  /** Somebody else's, by a generation that is not below. */
  #isElsewhere(link: Link, { session: id, generation }: ParkBody | CommitBody): boolean {
    const session = this.#options.find(id);
    if (session === undefined || session.link === undefined || session.link === link) return false;
    return session.generation >= generation;
  }
}

/** It is to ask again, with the generation that the stream brings. */
const CLAIMED_FOR_ASKER = { ok: false, error: 'the session is being resumed there', retryable: true };

function describe(error: unknown): { readonly error: string; readonly retryable: boolean } {
  if (error instanceof StateError) return { error: error.code, retryable: error.retryable };
  return { error: 'failed', retryable: isEngineFailure(error) };
}
