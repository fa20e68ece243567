/** A worker's topics between fake sessions and a fake server. Time is the test's (fake timers). */
import { vi } from 'vitest';
import { DEFAULT_TOPIC_RULE, type TopicRule } from '../../config.js';
import type { BoundName } from '../../observe/traffic.js';
import type { Membership } from '../session-topics.js';
import { SlowSubscribers } from '../slow-subscribers.js';
import { TopicRules } from '../topic-rules.js';
import { TopicStats } from '../topic-stats.js';
import { Topics } from '../topics.js';
import { FakeBroadcast, FakeSession, type FakeSessionOptions } from './fake-subscriber.js';
import { FakeTopicServer } from './fake-topic-server.js';

export class TopicStage {
  readonly server: FakeTopicServer = new FakeTopicServer({ delayMs: () => 2 });
  readonly broadcast: FakeBroadcast = new FakeBroadcast();
  readonly bounds: BoundName[] = [];
  readonly stats: TopicStats = new TopicStats((bound) => void this.bounds.push(bound));
  readonly rules: TopicRules;
  readonly topics: Topics;
  readonly slow: SlowSubscribers;
  /** What the presence of members was told, in order. */
  readonly members: string[] = [];
  memberCount = 3;
  #sessions = 0;

  constructor(rules: readonly Partial<TopicRule>[] = []) {
    this.rules = new TopicRules(rules.map((rule) => ({ ...DEFAULT_TOPIC_RULE, ...rule })));
    this.slow = new SlowSubscribers(this.stats);
    this.topics = new Topics({
      store: this.server,
      bus: this.server.bus,
      broadcast: this.broadcast,
      rules: this.rules,
      stats: this.stats,
      slow: this.slow,
      members: {
        join: (membership, info) => this.#note('join', membership, JSON.stringify(info)),
        leave: (membership, isLost) => this.#note(isLost ? 'linger' : 'leave', membership),
        onEvent: () => undefined,
        joinAgain: (topic) => void this.members.push(`again ${topic}`),
        count: () => Promise.resolve(this.memberCount),
      },
    });
  }

  session(options: Partial<FakeSessionOptions> = {}): FakeSession {
    this.#sessions += 1;
    const onDropped = (session: FakeSession) => this.slow.onDropped(session);
    return new FakeSession({ id: `session${this.#sessions}`, broadcast: this.broadcast, onDropped, ...options });
  }

  /** Asked for by the client, unless it is a plain one, whom its backend makes join. */
  subscribe(session: FakeSession, topic: string, sinceOffset?: number, presence = false): 'taken' | 'limit' {
    const { epoch } = this.server.stored(topic);
    const since = sinceOffset === undefined ? undefined : { epoch, offset: sinceOffset };
    const by = session.isPlain ? 'backend' : 'client';
    return this.topics.subscribe(session, { topic, since, presence, info: undefined, by });
  }

  /** Resolves when it has arrived at those who hear it. */
  async publish(topic: string, ...texts: readonly string[]): Promise<void> {
    const retention = this.rules.of(topic).history;
    for (const text of texts) {
      void this.server.publish({ topic, data: Buffer.from(text), isBinary: false, retention }).catch(() => undefined);
    }
    await settle();
  }

  close(): void {
    this.topics.close();
    this.slow.close();
  }

  #note(what: string, { session, topic }: Membership, info = ''): void {
    this.members.push(`${what} ${session.id} ${topic.name} ${info}`.trim());
  }
}

/** Lets everything that is under way arrive. */
export async function settle(ms = 30): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
