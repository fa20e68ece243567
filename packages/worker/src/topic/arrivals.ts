/**
 * Those who come to a topic and are not taken up yet. Each is taken up in one synchronous step: answer, what it missed,
 * native subscription. What was published before stands in the answer, what is published later it hears; there is no between.
 * Whatever is missing for it is read once for all who wait, and a little further back for those who come after them: a
 * thousand clients that come back together cost the store one range. They are taken up a few thousand frames at a time, so
 * that nobody else waits for them.
 */
import { encodeSubscribed } from '@holdfast/protocol';
import type { TopicPage, TopicPosition } from '@holdfast/state';
import type { Audience } from './audience.js';
import type { LiveTopic } from './local-topic.js';
import { MemberCount } from './member-count.js';
import type { Range } from './range-reads.js';
import { frameOf, MAX_RECENT_MESSAGES, type RecentFrame, RecentMessages } from './recent-messages.js';
import type { Membership } from './session-topics.js';
import { settle, type Settlement } from './settle.js';
import type { TopicStats } from './topic-stats.js';

/** What arrivals need of their topic and its worker. */
export interface ArrivalsHost {
  readonly name: string;
  readonly isKept: boolean;
  readonly audience: Audience;
  readonly stats: TopicStats;
  /** Where the topic is, unless it is not known, or a gap is being repaired: whoever came then would be in the way. */
  readonly live: LiveTopic | undefined;
  /** As far as the store has ever said, in this epoch. */
  readonly top: number;
  /** Rejected when the store cannot be asked. */
  read(range: Range): Promise<TopicPage>;
  askPosition(): void;
  countMembers(): Promise<number>;
  /** `settle` is called, soon. */
  settleSoon(): void;
}

type Taken = Extract<Settlement, { from: 'top' | 'since' }>;

const RECENT_IDLE_MS = 30_000;
/** Whoever is first back is seldom the one furthest behind: as much again is read beyond what is missing, and at least this. */
const MIN_READ_BEYOND = 16;

export class Arrivals {
  readonly #host: ArrivalsHost;
  readonly #members: MemberCount;
  readonly #waiting = new Set<Membership>();
  #recent: RecentMessages | undefined;
  #recentUsedAtMs = 0;
  #isReading = false;
  /** Those for whom the position is being asked. */
  #askedFor: readonly Membership[] = [];

  constructor(host: ArrivalsHost) {
    this.#host = host;
    this.#members = new MemberCount(() => host.countMembers());
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Messages are wanted, also when nobody hears them. */
  get isCollecting(): boolean {
    return this.#recent !== undefined;
  }

  get keptBytes(): number {
    return this.#recent?.bytes ?? 0;
  }

  add(membership: Membership): void {
    membership.hasRead = membership.hasAsked = false;
    this.#waiting.add(membership);
    this.#host.settleSoon();
  }

  delete(membership: Membership): void {
    this.#waiting.delete(membership);
    if (!this.#host.audience.hasWatchers) this.#members.forget();
  }

  /** Takes up those who can be, with about so many frames. Answers how many of them are left. */
  settle(frames: number, nowMs: number): number {
    const { live, top, isKept } = this.#host;
    if (live === undefined) return frames;
    const known = { position: live, top, isKept, recent: this.#recent };
    let left = frames;
    let isUnread = false;
    for (const membership of this.#waiting) {
      if (left <= 0) {
        this.#host.settleSoon();
        break;
      }
      const settlement = settle(membership, known);
      if (settlement.from === 'ahead') this.#host.askPosition();
      else if (settlement.from === 'unread') isUnread = true;
      else left -= this.#take(membership, settlement, live, nowMs);
    }
    if (isUnread) void this.#read(live, nowMs);
    return left;
  }

  positionAsked(): void {
    this.#askedFor = [...this.#waiting];
  }

  positionKnown(): void {
    for (const membership of this.#askedFor) membership.hasAsked = true;
    this.#askedFor = [];
  }

  onDelivered(frame: RecentFrame): void {
    this.#recent?.push(frame);
  }

  onMembers(type: 'join' | 'leave'): void {
    this.#members.onChange(type);
  }

  onReset(): void {
    this.#recent = undefined;
    // They are told now where they are. To go back from there would give them messages twice.
    for (const membership of this.#waiting) if (membership.isListening) membership.since = undefined;
  }

  tick(nowMs: number): void {
    if (this.#waiting.size > 0) this.#host.settleSoon();
    else if (nowMs - this.#recentUsedAtMs >= RECENT_IDLE_MS) this.#recent = undefined;
  }

  /** Those who come back next cost the store a range again, and so do those who wait. */
  forgetRecent(): void {
    this.#recent = undefined;
    for (const membership of this.#waiting) membership.hasRead = false;
  }

  /** Answers how many frames that was. */
  // oxlint-disable-next-line max-params
  #take(membership: Membership, settlement: Taken, live: LiveTopic, nowMs: number): number {
    const { session, since } = membership;
    if (session.isPlain) this.#welcomePlain(membership);
    // It is told that it has to ask again.
    else if (session.topics?.isBehind === true) this.#waiting.delete(membership);
    else if (membership.wantsPresence && this.#members.isUnknown) {
      void this.#members.load().then(() => this.#host.settleSoon());
    } else if (settlement.from === 'top' || since === undefined) {
      this.#welcome(membership, { ...live, recovered: settlement.from === 'top' && settlement.recovered }, []);
    } else {
      this.#recentUsedAtMs = nowMs;
      this.#welcome(membership, { ...since, recovered: true }, settlement.missed);
      return 1 + settlement.missed.length;
    }
    return 1;
  }

  #welcomePlain(membership: Membership): void {
    this.#waiting.delete(membership);
    this.#host.audience.admit(membership);
  }

  #welcome(
    membership: Membership,
    { epoch, offset, recovered }: { readonly epoch: string; readonly offset: number; readonly recovered: boolean },
    missed: readonly RecentFrame[],
  ): void {
    const { session, wantsPresence, isJoined: joined } = membership;
    this.#waiting.delete(membership);
    if (membership.since !== undefined) this.#host.stats.recovered(recovered);
    membership.since = undefined;
    const members = wantsPresence ? this.#members.count : undefined;
    const answer = encodeSubscribed({ topic: this.#host.name, epoch, offset, recovered, joined, members });
    session.cork(() => {
      session.send(answer);
      for (const { bytes, isBinary } of missed) {
        if (isGivenUp(membership)) return;
        session.sendTopicFrame(bytes, isBinary);
        this.#host.audience.slow.look(session);
      }
    });
    // Whoever could not be sent all of it will ask again.
    if (!isGivenUp(membership)) this.#host.audience.admit(membership);
  }

  /** What those who wait miss, by one read at a time for all of them. */
  async #read({ offset, epoch }: LiveTopic, nowMs: number): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#recentUsedAtMs = nowMs;
    const served = [...this.#waiting];
    const recent = (this.#recent ??= new RecentMessages(offset));
    const { base } = recent;
    const missing = base - lowestOf(served, { offset, epoch });
    const limit = Math.min(missing + Math.max(missing, MIN_READ_BEYOND), MAX_RECENT_MESSAGES);
    try {
      // Newest first: of what is too much for a page, those who miss least are given theirs.
      const page = await this.#host.read({ since: base + 1, limit, isReverse: true });
      const older = page.messages.toReversed().map((message) => frameOf(this.#host.name, message));
      if (page.epoch === epoch) recent.prepend(older, limit);
      for (const membership of served) membership.hasRead = true;
      this.#host.settleSoon();
    } catch {
      // The store cannot be asked. They wait; `tick` tries again.
    } finally {
      this.#isReading = false;
    }
  }
}

/** Where the one that is furthest behind is, of those who can be given what they miss. */
function lowestOf(waiting: readonly Membership[], { epoch, offset }: TopicPosition): number {
  let lowest = offset;
  for (const { since } of waiting) {
    if (since?.epoch === epoch && since.offset >= offset - MAX_RECENT_MESSAGES) {
      lowest = Math.min(lowest, since.offset);
    }
  }
  return lowest;
}

function isGivenUp({ session }: Membership): boolean {
  return session.isOver || session.topics?.isBehind === true;
}
