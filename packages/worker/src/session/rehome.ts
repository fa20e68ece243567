/**
 * Sessions whose client is here and whose backend is not: keeps the client, and finds another backend.
 *
 *   trunk lost        wait a moment for the same life of the backend, else move the session
 *   backend drains    ask for each session (handoffs.ts), then move it
 *   nobody to take it park it, and wait for a backend, at most the resume window
 *
 * So many at a time (Pace), spread by the pool's strategy, which counts each session as soon as it is on its way.
 */
import { CloseCode } from '@holdfast/protocol';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import type { Link } from '../trunk/link.js';
import { Carried } from './carried.js';
import { chooseLink } from './choose-link.js';
import { Handoffs } from './handoffs.js';
import { type MoveResult, moveSession, returnSession } from './move.js';
import { Pace } from './pace.js';
import type { Session } from './session.js';
import type { HandedOff } from './session-host.js';
import type { SessionParts } from './session-parts.js';

const MOVES_AT_ONCE = 200;
/** Those whom every backend has refused ask again this often. */
const RETRY_EVERY_MS = 1000;

export class Rehoming {
  readonly #parts: SessionParts;
  readonly #sessions: Iterable<Session>;
  readonly #pace: Pace;
  readonly #handoffs = new Handoffs((session) => this.#leave(session));
  /** Their backend may come back any moment. */
  readonly #returning = new Map<Link, Set<Session>>();
  /** Nobody takes them at present. */
  readonly #waiting = new Map<Pool, Set<Session>>();
  /** Handed over by a backend and held by nobody else yet. Bounded by `maxHandoffs` per backend, and those that cannot be parked. */
  readonly #handedOff = new Map<Session, HandedOff>();
  /** Moved for the sake of balance: not to one of those that have enough. */
  readonly #avoided = new Map<Session, ReadonlySet<Backend>>();
  readonly #carried: Carried;
  #retriedAtMs = 0;

  /** @param sessions all of this worker. */
  constructor(parts: SessionParts, sessions: Iterable<Session>) {
    this.#parts = parts;
    this.#sessions = sessions;
    this.#carried = new Carried(parts.records);
    this.#pace = new Pace(MOVES_AT_ONCE, (error) => parts.log.error({ err: error }, 'rehoming failed'));
  }

  // What happens to backends.

  /** @param withinMs what the backend waits for. */
  onDrain(link: Link, withinMs: number = Infinity): void {
    const sessions = [...this.#sessions].filter((session) => session.link === link);
    this.#handoffs.add(link, sessions, withinMs);
  }

  /** The life that was lost is back: it still has them. */
  onReturned(link: Link): void {
    for (const session of take(this.#returning, link)) this.#return(session, link);
  }

  onGone(link: Link): void {
    for (const session of take(this.#returning, link)) this.#place(session);
  }

  onReady({ pool }: Link): void {
    for (const session of take(this.#waiting, pool)) this.#place(session);
  }

  /** Its backend has more than its share: these go to another one, if there is one besides `avoid`. */
  handOver(link: Link, sessions: readonly Session[], avoid: ReadonlySet<Backend>): void {
    for (const session of sessions) this.#avoided.set(session, avoid);
    this.#handoffs.add(link, sessions, Infinity);
  }

  // What happens to sessions.

  onStreamLost(session: Session): void {
    const { link, pool } = session;
    if (isClosedOnLoss(pool)) this.#close(session);
    else if (link?.isReturning === true) addTo(this.#returning, link, session);
    else this.#place(session);
  }

  onHandedOff(session: Session, handedOff: HandedOff): void {
    if (session.isOver) return void this.#carried.settle(session, handedOff, 'elsewhere');
    this.#handedOff.set(session, handedOff);
    this.#place(session);
  }

  /** It has a backend: one that drains by now does not keep it. */
  onSettled(session: Session): void {
    this.#letGo(session);
    const { link } = session;
    if (link !== undefined && link.readyTrunk === undefined) this.#handoffs.add(link, [session]);
  }

  /** @param isFinal its client does not come back for it. */
  onEnded(session: Session, isFinal: boolean): void {
    const handedOff = this.#handedOff.get(session);
    this.#forget(session);
    if (session.link !== undefined) this.#returning.get(session.link)?.delete(session);
    const wasWaiting = this.#waiting.get(session.pool)?.delete(session) === true;
    if (isFinal) handedOff?.release();
    else if (wasWaiting) void this.#carried.settle(session, handedOff, 'elsewhere');
    this.#carried.add(session, performance.now());
  }

  close(): void {
    this.#handoffs.close();
  }

  /** Called by the wheel: nobody waits for ever. */
  tick(nowMs: number): void {
    for (const session of this.#handoffs.late(nowMs)) session.abandon();
    this.#carried.tick(nowMs);
    this.#giveUp(nowMs);
    if (nowMs - this.#retriedAtMs < RETRY_EVERY_MS) return;
    this.#retriedAtMs = nowMs;
    for (const pool of this.#waiting.keys()) {
      const [ready] = this.#parts.trunks.readyOf(pool);
      if (ready !== undefined) this.onReady(ready);
    }
  }

  #giveUp(nowMs: number): void {
    for (const [pool, sessions] of this.#waiting) {
      const windowMs = pool.config.session?.resumeWindowMs ?? 0;
      for (const session of sessions) {
        if (nowMs - session.unboundAtMs < windowMs) continue;
        this.#parts.stats.notRehomed(pool.name, this.#handedOff.has(session) ? 'handoff' : 'failover', 'gaveUp');
        session.close(CloseCode.TryAgainLater, 'no instance of the service is available');
      }
    }
  }

  #return(session: Session, link: Link): void {
    this.#pace.run(async () => {
      if (session.isOver) return;
      const result = await returnSession(this.#parts, session, link);
      if (result === 'elsewhere') this.#place(session);
    });
  }

  #place(session: Session): void {
    const handedOff = this.#handedOff.get(session);
    this.#pace.run(async () => {
      const exclude = new Set<Backend>();
      let result: MoveResult = 'elsewhere';
      for (let tries = 0; tries <= session.pool.config.retries && result === 'elsewhere'; tries += 1) {
        const link = session.isOver ? undefined : this.#choose(session, exclude);
        if (link === undefined) break;
        exclude.add(link.backend);
        result = await moveSession(this.#parts, session, link, handedOff);
      }
      if (session.isOver) await this.#carried.settle(session, handedOff, result);
      else if (result === 'elsewhere') await this.#wait(session);
    });
  }

  #choose(session: Session, exclude: Set<Backend>): Link | undefined {
    const { trunks } = this.#parts;
    const avoided = this.#avoided.get(session);
    const preferred = avoided && chooseLink(trunks, session, new Set([...exclude, ...avoided]));
    return preferred ?? chooseLink(trunks, session, exclude);
  }

  /** Until a backend becomes ready. What was handed over is parked, in case that this worker goes first. */
  async #wait(session: Session): Promise<void> {
    session.bind(undefined);
    addTo(this.#waiting, session.pool, session);
    const handedOff = this.#handedOff.get(session);
    if (handedOff === undefined) return;
    // In the order of writing: whoever moves it from now on finds it there.
    const isParked = await this.#parts.records.park(session, handedOff);
    if (isParked && this.#waiting.get(session.pool)?.has(session) === true) this.#letGo(session);
  }

  /** It has a place: the backend that gave it away need not keep it any more. */
  #letGo(session: Session): void {
    this.#handedOff.get(session)?.release();
    this.#forget(session);
  }

  #forget(session: Session): void {
    this.#handedOff.delete(session);
    this.#avoided.delete(session);
    this.#handoffs.done(session);
  }

  #leave(session: Session): void {
    if (isClosedOnLoss(session.pool)) this.#close(session);
    else session.askHandoff();
  }

  #close(session: Session): void {
    this.#parts.stats.notRehomed(session.pool.name, 'failover', 'closed');
    session.close(CloseCode.ServiceRestart, 'the service restarts');
  }
}

function isClosedOnLoss({ config }: Pool): boolean {
  return config.session?.onBackendLoss === 'close';
}

function addTo<K>(sets: Map<K, Set<Session>>, key: K, session: Session): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(session));
}

function take<K>(sets: Map<K, Set<Session>>, key: K): Iterable<Session> {
  const set = sets.get(key) ?? [];
  sets.delete(key);
  return set;
}
