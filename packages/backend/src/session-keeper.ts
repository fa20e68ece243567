/**
 * Looks after the sessions of a backend for as long as they are here: who has something to write, who owes an
 * acknowledgement, whose client does not read, who is to be parked, who has waited long enough. Sets and one tick for
 * all, so that a session which does nothing costs nothing but its memory.
 */
import { CloseCode, type Open } from '@holdfast/protocol';
import { Commits } from './commits.js';
import type { Drain } from './drain.js';
import { BackendError } from './errors.js';
import type { AcknowledgeMode } from './exchange.js';
import { GivenAway } from './given-away.js';
import type { MessageInfo } from './handler-queue.js';
import { Handovers } from './handovers.js';
import { OwedAcks } from './owed-acks.js';
import { ParkingLot } from './parking.js';
import { newParking, type SessionCore, type SessionHost } from './session-core.js';
import { Sessions } from './sessions.js';
import type { Trunk } from './trunk.js';

export interface SessionKeeperOptions {
  readonly acknowledge: AcknowledgeMode;
  readonly handoffTimeoutMs: number;
  /** Sessions at most; 0: no limit. */
  readonly capacity: number;
  readonly pickTrunk: () => Trunk<SessionCore> | undefined;
  readonly onTouched: (core: SessionCore) => void;
  readonly onBegun: (core: SessionCore, open: Open) => void;
  /** The application's own code failed. */
  readonly onFailed: (error: BackendError) => void;
}

const EXPIRE_EVERY_MS = 1000;
/** A client that keeps an outbox full for so long without reading anything is cut off; it may come back. */
const SLOW_MS = 10_000;
/** A plain client cannot come back; the trunk that led to it can. */
const PLAIN_WINDOW_MS = 5000;
const WINDOW_OVER = { code: CloseCode.GoingAway, reason: 'resume window over' };

export class SessionKeeper implements SessionHost {
  readonly sessions: Sessions;
  readonly commits: Commits;
  readonly lot: ParkingLot;
  readonly givenAway: GivenAway = new GivenAway(() => this.#drain?.onGone());
  readonly #options: SessionKeeperOptions;
  readonly #handovers: Handovers;
  readonly #owedAcks = new OwedAcks();
  readonly #full = new Set<SessionCore>();
  readonly #detached = new Set<SessionCore>();
  #expiredAtMs = 0;
  #drain: Drain | undefined;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    const { pickTrunk, onBegun, handoffTimeoutMs: timeoutMs } = options;
    const onBadState = (error: unknown): void => options.onFailed(error as BackendError);
    this.commits = new Commits(pickTrunk);
    this.lot = new ParkingLot({
      pickTrunk,
      onFenced: (core) => core.giveUp(),
      onBadState,
    });
    this.#handovers = new Handovers({
      timeoutMs,
      onHandedOver: (given) => {
        this.givenAway.add(given);
        this.#drain?.onHandedOver();
      },
      onBadState,
    });
    this.sessions = new Sessions({
      host: this,
      acknowledge: options.acknowledge,
      refuses: (open) => this.#refuses(open),
      takeBack: (open) => this.givenAway.takeBack(open),
      onBegun,
      onHandoffAsked: (core) => this.#handovers.begin(core),
      onSynced: (core) => this.#handovers.review(core),
    });
  }

  /** From now on nothing stays here that can go. */
  beginDrain(drain: Drain): void {
    this.#drain = drain;
  }

  /** What its worker had been given may be lost with it. */
  onTrunkClosed(trunk: Trunk<SessionCore>): void {
    for (const { core } of this.givenAway.of(trunk)) {
      if (core.exchange.settleAlone()) void this.lot.park(core, newParking(), true);
    }
  }

  tick(nowMs: number): void {
    this.#owedAcks.tick(nowMs);
    this.#handovers.tick(nowMs);
    this.givenAway.tick(nowMs);
    if (this.#drain === undefined) this.lot.tick(nowMs);
    else this.#drain.tick(nowMs);
    this.#cutSlow(nowMs);
    if (nowMs - this.#expiredAtMs >= EXPIRE_EVERY_MS) this.#expire(nowMs);
  }

  onListenerFailed(cause: unknown, { id: sessionId }: SessionCore): void {
    const message = `session ${sessionId}: expected its listener to return, it threw ${String(cause)}`;
    this.#options.onFailed(new BackendError('BACKEND_LISTENER_FAILED', message, { cause, sessionId }));
  }

  onHandlerFailed(cause: unknown, { id: sessionId }: SessionCore, { id: messageId }: MessageInfo): void {
    const message = `message ${messageId}: expected its handler to return, it threw ${String(cause)}`;
    this.#options.onFailed(new BackendError('BACKEND_HANDLER_FAILED', message, { cause, sessionId, messageId }));
  }

  onTouched(core: SessionCore): void {
    this.#options.onTouched(core);
  }

  onAckOwed(core: SessionCore): void {
    this.#owedAcks.add(core);
  }

  onFull(core: SessionCore): void {
    core.fullSinceMs = performance.now();
    this.#full.add(core);
  }

  onDetached(core: SessionCore): void {
    this.#detached.add(core);
    if (this.#drain !== undefined) this.#drain.onDetached(core);
    else if (core.phase === 'open') this.lot.add(core);
  }

  onParkedChanged(core: SessionCore): void {
    if (this.#drain === undefined) this.lot.add(core);
  }

  onEnded(core: SessionCore): void {
    this.sessions.forget(core);
    this.#detached.delete(core);
    this.#full.delete(core);
    this.lot.remove(core);
    this.#drain?.onEnded(core);
  }

  #refuses({ cause }: Open): boolean {
    if (this.#drain !== undefined) return true;
    // Sessions that lost their backend are taken all the same: their clients have nobody else.
    const { capacity } = this.#options;
    return cause === 'connect' && capacity > 0 && this.sessions.size >= capacity;
  }

  #cutSlow(nowMs: number): void {
    for (const core of this.#full) {
      if (core.fullSinceMs === 0) this.#full.delete(core);
      else if (nowMs - core.fullSinceMs >= SLOW_MS) {
        this.#full.delete(core);
        core.disconnect(CloseCode.SlowConsumer, 'expected the client to acknowledge something, got nothing for 10 s');
      }
    }
  }

  #expire(nowMs: number): void {
    this.#expiredAtMs = nowMs;
    for (const core of this.#detached) {
      const windowMs = core.isPlain ? PLAIN_WINDOW_MS : core.windowMs;
      if (core.attachment !== undefined) this.#detached.delete(core);
      else if (nowMs - core.detachedAtMs >= windowMs) core.finish(WINDOW_OVER);
    }
  }
}
