/**
 * The application of a backend: answers every message once, says something unasked now and then, takes its time or not, and
 * keeps the number of the last message that it is done with as the state of the session.
 */
import type { BackendSession as Session } from '@holdfast/backend';
import type { Owner, OwnerStart } from '../ledger.js';
import { nameOf } from '../ledger.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';
import { downMessage, readUp } from './messages.js';

/** Workers give a backend up after so long, with half a second more for the tick that notices. */
const STALE_MS = 6500;
const COMMITS_UNASKED = 0.1;

export class Application {
  readonly #world: World;
  readonly #life: string;
  readonly #random: Random;
  readonly #serving = new Map<Owner, Session>();

  constructor(world: World, life: string, random: Random) {
    this.#world = world;
    this.#life = life;
    this.#random = random;
  }

  serve(session: Session, start: Omit<OwnerStart, 'client' | 'session' | 'state'>): void {
    const { ledger } = this.#world;
    const client = session.request.path.slice(1);
    const owner = ledger.opened({ ...start, client, session: session.id, state: stateOf(session) });
    this.#world.note(this.#life, `begins ${nameOf(owner)}`, `for ${client}, state ${String(session.state)}`);
    session.on('message', (data, { redelivered }) => this.#handle(session, owner, readUp(data), redelivered));
    session.on('close', ({ code, reason }) => {
      owner.closedWith = code;
      this.#world.note(this.#life, `ends ${nameOf(owner)}`, `${code} ${reason}`);
    });
    this.#serving.set(owner, session);
    this.#push(session, owner);
  }

  /** What comes after everything shows whether something is missing. */
  farewell(): void {
    for (const [owner, session] of this.#serving) if (owner.closedWith === undefined) this.#say(session, owner, 0);
  }

  #handle(session: Session, owner: Owner, k: number, isFlagged: boolean): undefined | Promise<void> {
    const { ledger, schedule, clock } = this.#world;
    this.#world.note(this.#life, `handles ${k}${isFlagged ? ' again' : ''}`, nameOf(owner));
    ledger.handling(owner, k, isFlagged);
    if (clock.heldMs > STALE_MS) ledger.broke('I4', nameOf(owner), `handles ${k}, which came while it was given up`);
    const isSlow = this.#random.chance(schedule.slowHandlers);
    if (!isSlow && schedule.acknowledge === 'handled' && this.#say(session, owner, k))
      return void this.#finish(session, owner, k);
    return this.#handleSlowly(session, owner, k, isSlow);
  }

  async #handleSlowly(session: Session, owner: Owner, k: number, isSlow: boolean): Promise<void> {
    const { schedule, ledger } = this.#world;
    const isAnsweredFirst = isSlow && this.#random.chance(0.3) && this.#say(session, owner, k);
    if (isSlow) await sleep(this.#random.chance(0.05) ? 1500 : this.#random.between(1, 120));
    if (!isAnsweredFirst && !(await this.#sayInTime(session, owner, k))) return;
    this.#finish(session, owner, k);
    if (schedule.acknowledge === 'handled' && !this.#random.chance(COMMITS_UNASKED)) return;
    ledger.committing(owner, k);
    await session.commit();
  }

  /** False: the session ended before there was room. */
  async #sayInTime(session: Session, owner: Owner, k: number): Promise<boolean> {
    while (!this.#say(session, owner, k)) {
      if (owner.closedWith !== undefined) return false;
      await sleep(100);
    }
    return true;
  }

  #finish(session: Session, owner: Owner, k: number): void {
    session.state = k;
    this.#world.ledger.done(owner, k);
  }

  #push(session: Session, owner: Owner): void {
    if (!this.#world.isTalking || owner.closedWith !== undefined) return;
    setTimeout(
      () => {
        this.#say(session, owner, 0);
        this.#push(session, owner);
      },
      (2000 / this.#world.schedule.rate) * this.#random.next(),
    );
  }

  /** False: it was not taken. */
  #say(session: Session, owner: Owner, k: number): boolean {
    if (!session.send(downMessage({ ownerId: owner.id, j: owner.pushed + 1, k }, this.#random))) return false;
    this.#world.ledger.pushed(owner);
    return true;
  }
}

function stateOf({ state }: Session): number {
  return typeof state === 'number' ? state : 0;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
