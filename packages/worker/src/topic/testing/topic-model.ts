/** A worker's topics with a server and clients that follow the rules, for random tests: knows what must not be. */
import { vi } from 'vitest';
import { DEFAULT_TOPIC_RULE } from '../../config.js';
import { SlowSubscribers } from '../slow-subscribers.js';
import { TopicRules } from '../topic-rules.js';
import { TopicStats } from '../topic-stats.js';
import { Topics } from '../topics.js';
import { FakeBroadcast, FakeSession, FakeSubscriber, UNSURE } from './fake-subscriber.js';
import { FakeTopicServer } from './fake-topic-server.js';

export const CLIENTS = 4;

export interface ModelClient {
  readonly subscriber: FakeSubscriber;
  session: FakeSession | undefined;
}

/** A worker with its topics, a server, and clients. */
export class TopicModel {
  readonly server: FakeTopicServer;
  readonly topics: Topics;
  readonly slow: SlowSubscribers;
  readonly stats: TopicStats = new TopicStats(() => undefined);
  readonly clients: ModelClient[] = [];
  readonly #broadcast = new FakeBroadcast();
  readonly #messages: number;
  #published = 0;

  constructor(messages: number, random: () => number) {
    this.#messages = messages;
    this.server = new FakeTopicServer({ delayMs: () => Math.floor(random() * 8) });
    this.slow = new SlowSubscribers(this.stats);
    this.topics = new Topics({
      store: this.server,
      bus: this.server.bus,
      broadcast: this.#broadcast,
      rules: new TopicRules([{ ...DEFAULT_TOPIC_RULE, history: { messages, ageMs: 60_000 } }]),
      stats: this.stats,
      slow: this.slow,
      members: {
        join: () => undefined,
        leave: () => undefined,
        joinAgain: () => undefined,
        onEvent: () => undefined,
        count: () => Promise.resolve(0),
      },
    });
    for (let i = 0; i < CLIENTS; i += 1) {
      const client: ModelClient = {
        session: undefined,
        subscriber: new FakeSubscriber({
          name: `c${i}`,
          ask: (topic, since) => {
            if (client.session === undefined) return;
            const about = { topic, since, presence: false, info: undefined, by: 'client' } as const;
            this.topics.subscribe(client.session, about);
          },
        }),
      };
      this.clients.push(client);
      this.connect(client);
      client.subscriber.subscribe('a');
    }
  }

  publish(topic: string): void {
    this.#published += 1;
    const data = Buffer.from(`${topic}${this.#published}`);
    const retention = { messages: this.#messages, ageMs: 60_000 };
    this.server.publish({ topic, data, isBinary: false, retention }).catch(() => undefined);
  }

  connect(client: ModelClient): void {
    if (client.session !== undefined) return;
    client.session = new FakeSession({
      id: client.subscriber.name,
      broadcast: this.#broadcast,
      onFrame: (frame) => client.subscriber.onFrame(frame),
      onDropped: (session) => {
        client.subscriber.onDropped();
        this.slow.onDropped(session);
        // It takes the rest of what is buffered a little later.
        setTimeout(() => this.slow.onWritable(session, 0), 5);
      },
    });
    client.subscriber.comeBack();
  }

  disconnect(client: ModelClient): void {
    const { session } = client;
    if (session === undefined) return;
    client.session = undefined;
    session.vanish();
    this.slow.onEnded(session);
    this.topics.release(session, true);
  }

  leave({ session, subscriber }: ModelClient, topic: string): void {
    subscriber.unsubscribe(topic);
    if (session !== undefined) this.topics.unsubscribe(session, topic, 'client');
  }

  /** Nothing goes wrong any more, for long enough. */
  async settle(): Promise<void> {
    this.server.isDown = false;
    this.server.toLose = 0;
    for (const client of this.clients) {
      if (client.session !== undefined) client.session.toDrop = 0;
      this.connect(client);
    }
    await vi.advanceTimersByTimeAsync(40_000);
  }

  /** What should not be, now that everything has settled. */
  problems(): readonly string[] {
    return this.clients.flatMap(({ subscriber }) => [
      ...subscriber.complaints,
      ...this.#problemsOfMessages(subscriber),
      ...this.#problemsOfPositions(subscriber),
    ]);
  }

  close(): void {
    this.topics.close();
    this.slow.close();
  }

  #problemsOfMessages({ name, accepted }: FakeSubscriber): readonly string[] {
    const messages = accepted.map((message) => message.split(' '));
    const texts = new Set(messages.map(([, , , text]) => text));
    const problems = texts.size === messages.length ? [] : [`${name} got one twice: ${accepted.join(', ')}`];
    for (const [topic = '', epoch = '', offset = '', text] of messages) {
      const published = this.server.everything.get(`${topic} ${epoch} ${offset}`);
      if (epoch !== UNSURE && published !== text)
        problems.push(`${name} got ${text ?? ''} for ${published ?? 'nothing'}`);
    }
    return problems;
  }

  #problemsOfPositions({ name, heard }: FakeSubscriber): readonly string[] {
    const problems: string[] = [];
    for (const [topic, { position, isAsking }] of heard) {
      const { epoch, top } = this.server.stored(topic);
      if (!isAsking && position?.epoch === epoch && position.offset === top) continue;
      problems.push(`${name} is at ${JSON.stringify(position)} of ${topic}, which is at ${epoch} ${top}`);
    }
    return problems;
  }
}
