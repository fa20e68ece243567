/**
 * What this worker writes down about its sessions in shared state, and how it does without: a session is never refused
 * because its record cannot be written. It goes on unfenced by the store (its backend still fences by generation), and is
 * written down once the store answers again. What waits for that is bounded; the oldest is forgotten first, which costs that
 * session nothing but the way back after its backend's death.
 */
import type { NewSession, ResumeOutcome, SessionRecord, SessionStore, TailEntry } from '@holdfast/state';
import { type Handoff, PARKED_TAIL } from '@holdfast/protocol';
import type { Link } from '../trunk/link.js';
import type { Session } from './session.js';
import type { ResumeClaims } from './token.js';

export interface RecordsLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RecordsOptions {
  readonly store: SessionStore;
  /** Incarnation of this worker. */
  readonly worker: string;
  readonly log: RecordsLog;
  /** One more waits to be written than there is room for. */
  readonly onFull: () => void;
}

export type Rebinding =
  /** `record`: undefined where the store could not be asked, or knew nothing. */
  | { readonly kind: 'rebound'; readonly generation: number; readonly record: SessionRecord | undefined }
  /** Somebody else has claimed it since. */
  | { readonly kind: 'fenced' };

/** A living session's record is not refreshed: this outlives what nobody is expected to live through. */
export const LIVE_TTL_MS: number = 48 * 3600 * 1000;
const MAX_UNWRITTEN = 50_000;
const WRITE_AT_ONCE = 50;

export class SessionRecords {
  readonly #store: SessionStore;
  readonly #worker: string;
  readonly #log: RecordsLog;
  readonly #onFull: () => void;
  readonly #unwritten = new Map<string, NewSession>();
  #isWritingBack = false;

  constructor({ store, worker, log, onFull }: RecordsOptions) {
    this.#store = store;
    this.#worker = worker;
    this.#log = log;
    this.#onFull = onFull;
  }

  /** Sessions that live without a record. */
  get unwritten(): number {
    return this.#unwritten.size;
  }

  /** Of a session that begins, or that its token alone brought back, with the generation that it has. */
  async create(session: Session): Promise<void> {
    const record = this.#recordOf(session);
    if (record === undefined) return;
    try {
      const outcome = await this.#store.create(record);
      if (outcome === 'taken') this.#log.warn({ sessionId: session.id }, 'session claimed by somebody else');
    } catch (error) {
      this.#remember(record, error);
    }
  }

  async resume(claims: ResumeClaims): Promise<ResumeOutcome | { readonly kind: 'unavailable' }> {
    const { sessionId, principal, generation } = claims;
    try {
      const hint = { generation };
      return await this.#store.resume({ sessionId, principal, workerId: this.#worker, ttlMs: LIVE_TTL_MS, hint });
    } catch (error) {
      this.#log.debug({ err: error, sessionId }, 'session resumed by its token alone');
      return { kind: 'unavailable' };
    }
  }

  /** To the backend of the link. The session's own generation is not touched. */
  async rebind(session: Session, link: Link): Promise<Rebinding> {
    const { id: sessionId, generation } = session;
    const owner = { backendId: link.backend.id, backendIncarnation: link.incarnation ?? '', workerId: this.#worker };
    try {
      const request = { sessionId, expectedGeneration: generation, ...owner, ttlMs: LIVE_TTL_MS };
      const outcome = await this.#store.rebind(request);
      if (outcome.kind !== 'unknown') {
        this.#unwritten.delete(sessionId);
        return outcome;
      }
    } catch (error) {
      this.#log.debug({ err: error, sessionId }, 'session rebound without a record');
    }
    this.#add({
      sessionId,
      pool: session.pool.name,
      principal: session.principal,
      ...owner,
      ttlMs: LIVE_TTL_MS,
      minGeneration: generation + 1,
    });
    return { kind: 'rebound', generation: generation + 1, record: undefined };
  }

  /** undefined: the store does not answer. */
  async readTail(sessionId: string): Promise<readonly TailEntry[] | undefined> {
    try {
      return await this.#store.readTail(sessionId, 0);
    } catch (error) {
      this.#log.warn({ err: error, sessionId }, 'parked messages not read');
      return undefined;
    }
  }

  /** What a backend handed over and nobody takes yet. False: not written. */
  async park(session: Session, { handoff, tail }: { handoff: Handoff; tail: readonly TailEntry[] }): Promise<boolean> {
    const { id: sessionId, generation } = session;
    const { state, ...counters } = handoff;
    const windowMs = session.pool.config.session?.resumeWindowMs ?? 0;
    try {
      const request = {
        sessionId,
        generation,
        entries: tail.slice(0, PARKED_TAIL.messages),
        counters: { ...counters, state, isComplete: true },
        windowMs,
      };
      const outcome = await this.#store.park(request);
      // The counters alone: whoever goes on with it can tell what is missing.
      return (outcome === 'full' ? await this.#store.park({ ...request, entries: [] }) : outcome) === 'parked';
    } catch (error) {
      this.#log.warn({ err: error, sessionId }, 'session not parked');
      return false;
    }
  }

  /** The session is over. Nobody waits for it: what stays behind by a failure expires. */
  remove({ id, generation }: { readonly id: string; readonly generation: number }): void {
    this.#unwritten.delete(id);
    this.#store.remove(id, generation).catch((error: unknown) => {
      this.#log.debug({ err: error, sessionId: id }, 'session record not removed');
    });
  }

  /** Called when the store answers again, and from time to time. */
  async writeBack(): Promise<void> {
    if (this.#isWritingBack || this.#unwritten.size === 0) return;
    this.#isWritingBack = true;
    try {
      let isWorking = true;
      while (isWorking && this.#unwritten.size > 0) isWorking = await this.#writeSome();
    } finally {
      this.#isWritingBack = false;
    }
  }

  /** False: the store is gone again. */
  async #writeSome(): Promise<boolean> {
    const some = [...this.#unwritten.values()].slice(0, WRITE_AT_ONCE);
    const results = await Promise.allSettled(some.map((record) => this.#store.create(record)));
    for (const [index, { status }] of results.entries()) {
      const record = some[index];
      // A session that was rebound meanwhile has a newer entry.
      if (status === 'fulfilled' && record !== undefined && this.#unwritten.get(record.sessionId) === record) {
        this.#unwritten.delete(record.sessionId);
      }
    }
    return results.every(({ status }) => status === 'fulfilled');
  }

  #recordOf({ id, pool, principal, generation, link }: Session): NewSession | undefined {
    if (link?.incarnation === undefined) return undefined;
    return {
      sessionId: id,
      pool: pool.name,
      principal,
      backendId: link.backend.id,
      backendIncarnation: link.incarnation,
      workerId: this.#worker,
      ttlMs: LIVE_TTL_MS,
      minGeneration: generation,
    };
  }

  #remember(record: NewSession, error: unknown): void {
    this.#log.debug({ err: error, sessionId: record.sessionId }, 'session goes on without a record');
    this.#add(record);
  }

  #add(record: NewSession): void {
    this.#unwritten.delete(record.sessionId);
    this.#unwritten.set(record.sessionId, record);
    if (this.#unwritten.size <= MAX_UNWRITTEN) return;
    this.#onFull();
    for (const oldest of this.#unwritten.keys()) {
      this.#unwritten.delete(oldest);
      return;
    }
  }
}
