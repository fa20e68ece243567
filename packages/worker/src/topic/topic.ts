/**
 * One topic of this worker, as long as somebody here is on it: follows what is published (local-topic.ts), delivers it
 * (audience.ts), repairs what is missing, and takes up those who come (arrivals.ts).
 */
import type { PresenceEvent, TopicMessage, TopicPage, TopicPosition } from '@holdfast/state';
import type { TopicRule } from '../config.js';
import { Arrivals, type ArrivalsHost } from './arrivals.js';
import type { Audience } from './audience.js';
import { type LiveTopic, LocalTopic, MAX_REPAIR, type Steps } from './local-topic.js';
import type { Range } from './range-reads.js';
import type { JoinedTopic, Membership } from './session-topics.js';
import type { TopicStats } from './topic-stats.js';

/** What a topic needs of its worker. */
export interface TopicHost {
  readonly stats: TopicStats;
  /** Rejected when the store cannot be asked. */
  read(topic: Topic, range: Range): Promise<TopicPage>;
  /** `positionAsked` follows, then `onPosition` or `onPositionLost`. */
  askPosition(topic: Topic): void;
  /** `settle` is called, soon. */
  settleSoon(topic: Topic): void;
  /** The store may have forgotten more than messages. */
  onNewEpoch(topic: Topic): void;
  countMembers(topic: Topic): Promise<number>;
}

export interface TopicStart {
  readonly name: string;
  readonly rule: TopicRule;
  readonly audience: Audience;
  readonly host: TopicHost;
}

/** The store is tried for so long before a gap is given up. */
const REPAIR_PATIENCE_MS = 5000;

export class Topic implements ArrivalsHost, JoinedTopic {
  readonly name: string;
  readonly rule: TopicRule;
  readonly audience: Audience;
  /** When the store or the bus last said anything about it. */
  heardAtMs = 0;
  /** Sessions that are on it, heard or not. */
  size = 0;
  /** Since when nobody is. */
  emptySinceMs = 0;
  top = 0;
  readonly #host: TopicHost;
  readonly #local: LocalTopic;
  readonly #arrivals: Arrivals;
  #lastEpoch: string | undefined;
  /** Since when a gap is being repaired; 0: none is. */
  #repairingSinceMs = 0;
  #hasRepairFailed = false;
  #hasLostPosition = false;

  constructor({ name, rule, audience, host }: TopicStart) {
    this.name = name;
    this.rule = rule;
    this.audience = audience;
    this.#host = host;
    this.#local = new LocalTopic(this.isKept);
    this.#arrivals = new Arrivals(this);
  }

  get isKept(): boolean {
    return this.rule.history.messages > 0;
  }

  get stats(): TopicStats {
    return this.#host.stats;
  }

  get live(): LiveTopic | undefined {
    const { state } = this.#local;
    return state.name === 'live' ? state : undefined;
  }

  /** Memory that is there for those who come back, and for what is missing. */
  get keptBytes(): number {
    const { state } = this.#local;
    return this.#arrivals.keptBytes + (state.name === 'repairing' ? state.heldBytes : 0);
  }

  // Those who come and go.

  /** It is taken up as soon as it can be. One that is on it already: again, from where it says. */
  take(membership: Membership): void {
    this.#arrivals.add(membership);
  }

  /** It hears nothing until it is taken up again. `isGone`: its connection is. */
  silence(membership: Membership, isGone: boolean): void {
    this.audience.dismiss(membership, isGone);
    this.#arrivals.delete(membership);
  }

  settle(frames: number, nowMs: number): number {
    return this.#arrivals.settle(frames, nowMs);
  }

  // From the bus and the store.

  onMessage(epoch: string, message: TopicMessage, nowMs: number): void {
    this.heardAtMs = nowMs;
    const wasJoining = this.#local.epoch === undefined;
    const steps = this.#local.onMessage(epoch, message);
    if (steps === 'deliver') this.#deliver(message);
    else this.#take(steps, nowMs);
    if (wasJoining) this.settleSoon();
  }

  onPresence(event: PresenceEvent): void {
    this.#arrivals.onMembers(event.type);
    this.audience.presence(event);
  }

  /** It is being asked where this topic is. Answers the epoch that it is asked in. */
  positionAsked(): string | undefined {
    this.#hasLostPosition = false;
    this.#arrivals.positionAsked();
    return this.#local.epoch;
  }

  onPosition(position: TopicPosition, askedIn: string | undefined, nowMs: number): void {
    this.heardAtMs = nowMs;
    this.#arrivals.positionKnown();
    this.#take(this.#local.onPosition(position, askedIn), nowMs);
    if (position.epoch === this.#local.epoch) this.top = position.offset;
    this.settleSoon();
  }

  onPositionLost(): void {
    this.#hasLostPosition = true;
  }

  /** Tries again what failed, and forgets what nobody uses. Called every second. */
  tick(nowMs: number): void {
    if (this.#hasLostPosition) this.askPosition();
    if (this.#hasRepairFailed) this.#retryRepair(nowMs);
    this.#arrivals.tick(nowMs);
  }

  /** There is too much of it in all: what is missing stays so. */
  forgetKept(nowMs: number): void {
    this.#arrivals.forgetRecent();
    this.#take(this.#local.onRangeLost(), nowMs);
  }

  // For arrivals.

  read(range: Range): Promise<TopicPage> {
    return this.#host.read(this, range);
  }

  askPosition(): void {
    this.#host.askPosition(this);
  }

  countMembers(): Promise<number> {
    return this.#host.countMembers(this);
  }

  settleSoon(): void {
    this.#host.settleSoon(this);
  }

  // What follows from it.

  #take(steps: Steps, nowMs: number): void {
    if (steps === 'deliver' || steps.length === 0) return;
    let isLost = false;
    for (const step of steps) {
      if (step.do === 'deliver') this.#deliver(step.message);
      else if (step.do === 'read') this.#startRepair(step.since, nowMs);
      else {
        isLost = true;
        this.#reset(step);
      }
    }
    this.#account(isLost);
  }

  #deliver(message: TopicMessage): void {
    const frame = this.audience.deliver(message, this.#arrivals.isCollecting);
    if (frame !== undefined) this.#arrivals.onDelivered(frame);
  }

  #reset(position: TopicPosition): void {
    this.top = position.offset;
    if (position.epoch !== this.#lastEpoch) this.#host.onNewEpoch(this);
    this.#lastEpoch = position.epoch;
    this.#arrivals.onReset();
    this.audience.reset(position);
  }

  #account(isLost: boolean): void {
    const isRepaired = this.#repairingSinceMs > 0 && this.live !== undefined;
    if (isLost) this.stats.repairs.lost += 1;
    else if (isRepaired) this.stats.repairs.repaired += 1;
    if (!isRepaired) return;
    this.#repairingSinceMs = 0;
    this.#hasRepairFailed = false;
    this.settleSoon();
  }

  #startRepair(since: number, nowMs: number): void {
    if (this.#repairingSinceMs === 0) this.#repairingSinceMs = nowMs;
    void this.#repair(since, nowMs);
  }

  async #repair(since: number, nowMs: number): Promise<void> {
    this.#hasRepairFailed = false;
    let page: TopicPage;
    try {
      page = await this.read({ since, limit: MAX_REPAIR, isReverse: false });
    } catch {
      this.#hasRepairFailed = true;
      return;
    }
    this.#take(this.#local.onRange(since, page), nowMs);
  }

  #retryRepair(nowMs: number): void {
    const { state } = this.#local;
    if (state.name !== 'repairing') return;
    if (nowMs - this.#repairingSinceMs >= REPAIR_PATIENCE_MS) this.#take(this.#local.onRangeLost(), nowMs);
    else void this.#repair(state.since, nowMs);
  }
}
