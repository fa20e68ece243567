/**
 * A shared state of topics in memory, for tests: calls and messages take their time, and may be lost, refused or interrupted
 * when a test says so. What was ever published is kept beside, to compare with. Time is the test's (fake timers).
 */
import type {
  NewTopicMessage,
  Published,
  ReadTopic,
  TopicBus,
  TopicBusListener,
  TopicMessage,
  TopicPage,
  TopicPosition,
  TopicStore,
} from '@holdfast/state';

interface StoredTopic {
  epoch: string;
  top: number;
  kept: TopicMessage[];
}

export interface FakeTopicServerOptions {
  /** Milliseconds that a call or a message takes on its way. */
  readonly delayMs: () => number;
}

export class FakeTopicServer implements TopicStore {
  /** All of it, by topic, epoch and offset. */
  readonly everything: Map<string, string> = new Map();
  readonly calls: string[] = [];
  isDown = false;
  /** Ranges alone cannot be read. */
  isUnreadable = false;
  /** Of messages on the bus, the next so many are lost. */
  toLose = 0;
  readonly bus: FakeBus;
  readonly #options: FakeTopicServerOptions;
  readonly #topics = new Map<string, StoredTopic>();
  #epochs = 0;

  constructor(options: FakeTopicServerOptions) {
    this.#options = options;
    this.bus = new FakeBus(options.delayMs);
  }

  async publish({ topic, data, isBinary, retention }: NewTopicMessage): Promise<Published> {
    await this.#call('publish');
    const stored = this.stored(topic);
    stored.top += 1;
    const message = { offset: stored.top, isBinary, data, publishedAtMs: Date.now() };
    if (retention.messages > 0) stored.kept = [...stored.kept, message].slice(-retention.messages);
    this.everything.set(`${topic} ${stored.epoch} ${stored.top}`, Buffer.from(data).toString());
    if (this.toLose > 0) this.toLose -= 1;
    else this.bus.carry(topic, stored.epoch, message);
    return { epoch: stored.epoch, offset: stored.top, isRepeat: false };
  }

  async read({ topic, since, limit, isReverse }: ReadTopic): Promise<TopicPage> {
    await this.#call('read');
    if (this.isUnreadable) throw new Error('the store cannot be read');
    const { epoch, top, kept } = this.stored(topic);
    const isIn = ({ offset }: TopicMessage) => since === undefined || (isReverse ? offset < since : offset > since);
    const matching = (isReverse ? kept.toReversed() : kept).filter(isIn);
    return this.#answer({ epoch, offset: top, first: top - kept.length + 1, messages: matching.slice(0, limit) });
  }

  async positions(topics: readonly string[]): Promise<readonly TopicPosition[]> {
    await this.#call('positions');
    return this.#answer(
      topics.map((topic) => {
        const { epoch, top } = this.stored(topic);
        return { epoch, offset: top };
      }),
    );
  }

  stored(topic: string): StoredTopic {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    const fresh = { epoch: this.#newEpoch(), top: 0, kept: [] };
    this.#topics.set(topic, fresh);
    return fresh;
  }

  /** Another server answers, which missed the last messages. */
  failOver(missed: number): void {
    for (const topic of this.#topics.values()) {
      topic.epoch = this.#newEpoch();
      topic.top = Math.max(0, topic.top - missed);
      topic.kept = topic.kept.filter(({ offset }) => offset <= topic.top);
    }
  }

  #newEpoch(): string {
    this.#epochs += 1;
    return `epoch${String(this.#epochs).padStart(7, '0')}`;
  }

  async #call(what: string): Promise<void> {
    this.calls.push(what);
    if (this.isDown) throw new Error('the store is down');
    await this.#delay();
    if (this.isDown) throw new Error('the store is down');
  }

  /** On its way back: what is published meanwhile is not in it. */
  async #answer<T>(value: T): Promise<T> {
    await this.#delay();
    return value;
  }

  #delay(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#options.delayMs()));
  }
}

/** Keeps the order of what it carries. */
export class FakeBus implements TopicBus {
  listener: TopicBusListener | undefined;
  readonly wanted: Set<string> = new Set();
  readonly #delayMs: () => number;
  readonly #live = new Set<string>();
  readonly #onTheWay: (() => void)[] = [];
  #isCarrying = false;
  #interruptions = 0;
  #isInterrupted = false;

  constructor(delayMs: () => number) {
    this.#delayMs = delayMs;
  }

  subscribe(topic: string): void {
    this.wanted.add(topic);
    const interruption = this.#interruptions;
    setTimeout(() => {
      if (interruption === this.#interruptions && !this.#isInterrupted) this.#goLive([topic]);
    }, this.#delayMs());
  }

  unsubscribe(topic: string): void {
    this.wanted.delete(topic);
    this.#live.delete(topic);
  }

  carry(topic: string, epoch: string, message: TopicMessage): void {
    if (!this.#live.has(topic)) return;
    this.#onTheWay.push(() => this.listener?.onMessage(topic, epoch, message));
    if (this.#isCarrying) return;
    this.#isCarrying = true;
    setTimeout(() => this.#deliver(), this.#delayMs());
  }

  /** What is on the way is lost, and nothing comes until it is over. */
  interrupt(forMs: number): void {
    this.#interruptions += 1;
    const interruption = this.#interruptions;
    this.#isInterrupted = true;
    this.#live.clear();
    this.#onTheWay.length = 0;
    setTimeout(() => {
      if (interruption !== this.#interruptions) return;
      this.#isInterrupted = false;
      this.#goLive([...this.wanted]);
    }, forMs);
  }

  #goLive(topics: readonly string[]): void {
    const wanted = topics.filter((topic) => this.wanted.has(topic));
    for (const topic of wanted) this.#live.add(topic);
    this.listener?.onLive(wanted);
  }

  #deliver(): void {
    this.#isCarrying = false;
    for (const arrive of this.#onTheWay.splice(0, 1 + Math.floor(this.#delayMs()))) arrive();
    if (this.#onTheWay.length === 0) return;
    this.#isCarrying = true;
    setTimeout(() => this.#deliver(), this.#delayMs());
  }
}
