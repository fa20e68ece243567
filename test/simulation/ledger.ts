/**
 * The account of a run, kept while it runs: what was accepted, handled, sent down and received, and by whom. Messages carry
 * what identifies them, so no number of the protocol is believed: the `k`-th message of a client, the `j`-th of an owner.
 * An owner is one session object in one backend. What breaks an invariant is written down with its name.
 */
import { CloseCode } from '@holdfast/protocol';

export interface OwnerStart {
  /** The client's name. */
  readonly client: string;
  /** Session id. */
  readonly session: string;
  readonly backend: string;
  readonly cause: string;
  /** The number of the last message that was done, by the state that came with the session; 0: none came. */
  readonly state: number;
  /** It rises when the client comes back to the same owner. */
  readonly generation: () => number;
  /** Has the backend's process ended? */
  readonly isDead: () => boolean;
}

export class Owner {
  readonly id: number;
  readonly start: OwnerStart;
  /** Messages that its `send` accepted, and those that its client received. */
  pushed = 0;
  received = 0;
  /** The last that it was given. */
  lastHandled = 0;
  /** The last that a checkpoint may cover. */
  committed = 0;
  /** Close code of the session object. */
  closedWith: number | undefined;

  /** The last that it was done with, which is what it keeps as the state of its session. */
  state: number;

  constructor(id: number, start: OwnerStart) {
    this.id = id;
    this.start = start;
    this.state = start.state;
  }
}

interface Handling {
  readonly owner: Owner;
  readonly isFlagged: boolean;
}

class Account {
  /** Messages up that `send` accepted, 1 to `accepted`. */
  accepted = 0;
  readonly lostUp = new Set<number>();
  readonly handled = new Map<number, Handling[]>();
  /** Numbers that a handler is done with, and those whose answer has come. */
  readonly done = new Set<number>();
  readonly answered = new Set<number>();
  highestHandled = 0;
  /** The owner that the client has heard from last. */
  speaker: Owner | undefined;
  /** Loss of messages down was reported since the last message came. */
  isGapExcused = false;
  downLosses = 0;
  isClosed = false;

  /** The next message that was not reported lost. */
  nextAfter(k: number): number {
    let next = k + 1;
    while (this.lostUp.has(next)) next += 1;
    return next;
  }
}

/** What a schedule may do to a session without breaking the guarantee. */
export interface Allowance {
  /** Reported losses. */
  readonly loss: boolean;
  /** A message may reach two handlers, flagged. */
  readonly repeats: boolean;
  /** A client may lose its connection. */
  readonly disconnects: boolean;
  /** What is acknowledged is committed: state and messages never part. */
  readonly isCommitting: boolean;
}

export class Ledger {
  readonly violations: string[] = [];
  readonly owners: Owner[] = [];
  readonly #accounts = new Map<string, Account>();
  readonly #allowance: Allowance;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  // Up.

  acceptedBy(client: string): number {
    return this.#of(client).accepted;
  }

  /** A client's `send` took its next message. */
  accepted(client: string): void {
    this.#of(client).accepted += 1;
  }

  /** A message is given to a handler. */
  handling(owner: Owner, k: number, isFlagged: boolean): void {
    const account = this.#of(owner.start.client);
    const before = account.handled.get(k) ?? [];
    account.handled.set(k, [...before, { owner, isFlagged }]);
    this.#checkOrder(owner, account, k);
    this.#checkRepeat(owner, account, k);
    owner.lastHandled = k;
    account.highestHandled = Math.max(account.highestHandled, k);
  }

  /** A handler is done with the message, or has committed it where that is what counts. */
  done(owner: Owner, k: number): void {
    this.#of(owner.start.client).done.add(k);
    owner.state = k;
  }

  /** A checkpoint that covers the message is being written: should the owner die, nobody is given the message again. */
  committing(owner: Owner, k: number): void {
    owner.committed = k;
  }

  /** The client was told that the message is handled. */
  delivered(client: string, k: number): void {
    if (!this.#of(client).done.has(k)) this.#broke('I3', client, `was told that ${k} is handled, which nobody has`);
  }

  // Down.

  opened(start: OwnerStart): Owner {
    const before = this.ownerOf(start.client);
    const owner = new Owner(this.owners.length + 1, start);
    this.owners.push(owner);
    const isSuccessor = start.cause === 'handoff' && before?.start.session === start.session;
    // The message in hand may be done while the session is given away at a deadline: it comes again, flagged.
    if (isSuccessor && start.state !== before.state && start.state + 1 !== before.state) {
      this.#broke('state', nameOf(owner), `came with the state of ${start.state}, expected that of ${before.state}`);
    }
    return owner;
  }

  /** Whoever has the client's session by the highest generation. */
  ownerOf(client: string): Owner | undefined {
    const owners = this.owners.filter(({ start }) => start.client === client);
    return owners.reduce<Owner | undefined>(
      (best, one) => (best === undefined || !isOlder(one, best) ? one : best),
      undefined,
    );
  }

  /** An owner's `send` took its next message. */
  pushed(owner: Owner): void {
    owner.pushed += 1;
  }

  /** A client received the `j`-th message of an owner, an answer to its own `k` or, when 0, to nothing. */
  received(
    client: string,
    session: string | undefined,
    { ownerId, j, k }: { ownerId: number; j: number; k: number },
  ): void {
    const account = this.#of(client);
    const owner = this.owners[ownerId - 1];
    if (owner === undefined || owner.start.client !== client)
      return this.#broke('I1', client, `got a message of owner ${ownerId}`);
    const name = `${nameOf(owner)}.${j}`;
    if (owner.start.session !== session)
      this.#broke('I4', client, `got ${name} of session ${owner.start.session} in session ${session}`);
    if (account.speaker !== undefined && isOlder(owner, account.speaker)) {
      this.#broke('I4', client, `got ${name} after a message of its successor ${nameOf(account.speaker)}`);
    }
    if (j <= owner.received) this.#broke('I1', client, `got ${name} again, after ${owner.received}`);
    if (j > owner.received + 1 && !account.isGapExcused)
      this.#broke('I1', client, `got ${name} after ${owner.received}`);
    account.isGapExcused = false;
    account.speaker = owner;
    owner.received = Math.max(owner.received, j);
    if (k > 0) account.answered.add(k);
  }

  // What was reported.

  /** The client was told that messages down are gone. */
  lostDown(client: string, how: string): void {
    const account = this.#of(client);
    account.isGapExcused = true;
    account.downLosses += 1;
    this.#lost(client, `messages down, by ${how}`);
  }

  /** The client was told that these of its own were never confirmed. */
  lostUp(client: string, numbers: readonly number[], how: string): void {
    const account = this.#of(client);
    for (const k of numbers) account.lostUp.add(k);
    if (numbers.length > 0) this.#lost(client, `${numbers.length} messages up, by ${how}`);
  }

  disconnected(client: string): void {
    if (!this.#allowance.disconnects)
      this.#broke(
        'connection',
        client,
        'lost its connection, though its worker was there or sent it elsewhere in time',
      );
  }

  reset(client: string): void {
    this.#lost(client, 'its session, by reset');
  }

  closed(client: string, code: number): void {
    this.#of(client).isClosed = true;
    this.#lost(client, `its session, by close ${code}`);
  }

  broke(invariant: string, who: string, what: string): void {
    this.#broke(invariant, who, what);
  }

  // The end.

  /** Is there nothing left to wait for? */
  isSettled(client: string): boolean {
    const account = this.#of(client);
    if (account.isClosed) return true;
    for (let k = 1; k <= account.accepted; k += 1) if (this.#missing(account, k) !== undefined) return false;
    return this.owners.every(
      (owner) => owner.start.client !== client || owner.received === owner.pushed || this.#isExcused(owner, account),
    );
  }

  /** Everything has had time to arrive. */
  checkEnd(): void {
    for (const [client, account] of this.#accounts) {
      if (account.isClosed) continue;
      for (let k = 1; k <= account.accepted; k += 1) {
        const missing = this.#missing(account, k);
        if (missing !== undefined) this.#broke('I5', client, `${k} was accepted, ${missing}`);
      }
    }
    for (const owner of this.owners) {
      const account = this.#of(owner.start.client);
      if (account.isClosed || owner.received === owner.pushed || this.#isExcused(owner, account)) continue;
      this.#broke('I5', nameOf(owner), `${owner.pushed} messages were accepted, ${owner.received} came`);
    }
  }

  /** What a message of a client still has to expect. */
  #missing(account: Account, k: number): string | undefined {
    if (account.lostUp.has(k)) return undefined;
    if (!account.handled.has(k)) return 'and neither handled nor reported lost';
    return account.answered.has(k) || this.#isAnswerExcused(account, k) ? undefined : 'and its answer never came';
  }

  // Rules.

  /** Each owner is given each message once and in order, beginning at the latest with the first that nobody has had. */
  #checkOrder(owner: Owner, account: Account, k: number): void {
    const name = `${nameOf(owner)} was given ${k}`;
    if (k > account.accepted) return this.#broke('I2', name, `of ${account.accepted} accepted`);
    if (owner.lastHandled > 0) {
      // What its client gave up as lost may have arrived all the same.
      const isNext = k === owner.lastHandled + 1 || k === account.nextAfter(owner.lastHandled);
      if (!isNext) this.#broke('I2', name, `after ${owner.lastHandled}`);
    } else {
      const latest = account.nextAfter(account.highestHandled);
      if (k > latest) this.#broke('I2', name, `while ${latest} was given to nobody`);
      this.#checkState(owner, account, k);
    }
  }

  /** State that was committed is that of the message before the first, or of that one when it was in hand. */
  #checkState(owner: Owner, account: Account, k: number): void {
    const { state } = owner.start;
    if (state === 0 || k === state || k === account.nextAfter(state)) return;
    // What is acknowledged before it is committed is not given again, however old the checkpoint is.
    if (k > state && !this.#allowance.isCommitting) return;
    this.#broke('state', nameOf(owner), `came with the state of ${state}, and was given ${k} first`);
  }

  /** Of those that were given a message, all but the oldest were told that it may be a repeat. */
  #checkRepeat(owner: Owner, account: Account, k: number): void {
    const handlings = account.handled.get(k) ?? [];
    if (handlings.length < 2) return;
    const oldest = handlings.reduce((one, other) => (isOlder(other.owner, one.owner) ? other : one));
    for (const handling of handlings) {
      if (handling !== oldest && !handling.isFlagged) {
        this.#broke('I2', nameOf(handling.owner), `was given ${k} unflagged, ${nameOf(oldest.owner)} was given it too`);
      }
    }
    if (!this.#allowance.repeats) this.#broke('I2', nameOf(owner), `was given ${k} again, without any crash`);
  }

  /** An answer is gone when the client was told of a loss, or with an owner that had committed what it answers. */
  #isAnswerExcused(account: Account, k: number): boolean {
    const handlings = account.handled.get(k) ?? [];
    return (
      account.downLosses > 0 || handlings.some(({ owner }) => owner.committed >= k && this.#isExcused(owner, account))
    );
  }

  /**
   * What an owner sent may be missing when its process died, or that of one that it was handed on to, when its application was
   * told, or when the client was.
   */
  #isExcused(owner: Owner, account: Account): boolean {
    if (owner.start.isDead() || account.downLosses > 0) return true;
    if (owner.closedWith !== undefined && owner.closedWith !== CloseCode.ServiceRestart) return true;
    const heir = owner.closedWith === undefined ? undefined : this.#heirOf(owner);
    return heir !== undefined && this.#isExcused(heir, account);
  }

  #heirOf(owner: Owner): Owner | undefined {
    const heirs = this.owners.filter((one) => one.start.session === owner.start.session && isOlder(owner, one));
    return heirs.reduce<Owner | undefined>(
      (first, one) => (first === undefined || isOlder(one, first) ? one : first),
      undefined,
    );
  }

  #lost(client: string, what: string): void {
    if (!this.#allowance.loss) this.#broke('loss', client, `lost ${what}`);
  }

  #broke(invariant: string, who: string, what: string): void {
    this.violations.push(`${invariant}: ${who}: ${what}`);
  }

  #of(client: string): Account {
    let account = this.#accounts.get(client);
    if (account === undefined) this.#accounts.set(client, (account = new Account()));
    return account;
  }
}

export function nameOf({ id, start }: Owner): string {
  return `owner ${id} (${start.backend}, ${start.cause}, generation ${start.generation()})`;
}

function isOlder(one: Owner, other: Owner): boolean {
  return one.start.session === other.start.session && one.start.generation() < other.start.generation();
}
