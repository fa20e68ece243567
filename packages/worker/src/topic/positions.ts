/**
 * Asks the store where topics are: all that are asked for in a turn by one call, and one call at a time, so that ten thousand
 * topics that come live together, or are looked after together, are one question.
 */
import { MAX_POSITIONS_AT_ONCE, type TopicPosition, type TopicStore } from '@holdfast/state';

/** Of a topic, what is needed to ask for it. */
export interface Locatable {
  readonly name: string;
  /** Answers the epoch that it is asked in. */
  positionAsked(): string | undefined;
  onPosition(position: TopicPosition, askedIn: string | undefined, nowMs: number): void;
  onPositionLost(): void;
}

export class Positions {
  readonly #store: Pick<TopicStore, 'positions'>;
  readonly #wanted = new Set<Locatable>();
  #isDue = false;
  #isAsking = false;

  constructor(store: Pick<TopicStore, 'positions'>) {
    this.#store = store;
  }

  ask(topic: Locatable): void {
    this.#wanted.add(topic);
    this.#askSoon();
  }

  forget(topic: Locatable): void {
    this.#wanted.delete(topic);
  }

  #askSoon(): void {
    if (this.#isDue || this.#isAsking || this.#wanted.size === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      void this.#askSome();
    });
  }

  async #askSome(): Promise<void> {
    const topics = this.#take();
    const askedIn = topics.map((topic) => topic.positionAsked());
    this.#isAsking = true;
    try {
      const positions = await this.#store.positions(topics.map(({ name }) => name));
      const nowMs = performance.now();
      for (const [i, topic] of topics.entries()) {
        const position = positions[i];
        if (position === undefined) topic.onPositionLost();
        else topic.onPosition(position, askedIn[i], nowMs);
      }
    } catch {
      for (const topic of topics) topic.onPositionLost();
    } finally {
      this.#isAsking = false;
    }
    this.#askSoon();
  }

  #take(): readonly Locatable[] {
    const taken: Locatable[] = [];
    for (const topic of this.#wanted) {
      if (taken.length >= MAX_POSITIONS_AT_ONCE) break;
      this.#wanted.delete(topic);
      taken.push(topic);
    }
    return taken;
  }
}
