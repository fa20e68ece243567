/** Topics and what is heard of them, for the contract. One client has one listener: it writes down what belongs to which topic. */
import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import type { SharedState } from '../shared-state.js';
import type { PresenceEvent } from '../topic-bus.js';
import type { NewTopicMessage, ReadTopic, TopicMessage } from '../topic-store.js';
import { LONG_MS, WAIT, type Pair } from './pair.js';

export interface Heard extends TopicMessage {
  readonly epoch: string;
}

export class Ear {
  readonly #messages = new Map<string, Heard[]>();
  readonly #presence = new Map<string, PresenceEvent[]>();
  readonly #lives = new Map<string, number>();
  readonly #state: SharedState;

  constructor(state: SharedState) {
    this.#state = state;
    state.bus.listener = {
      onMessage: (topic, epoch, message) => entryOf(this.#messages, topic).push({ ...message, epoch }),
      onPresence: (topic, event) => entryOf(this.#presence, topic).push(event),
      onLive: (topics) => {
        for (const topic of topics) this.#lives.set(topic, this.lives(topic) + 1);
      },
    };
  }

  /** Growing. */
  messages(topic: string): readonly Heard[] {
    return entryOf(this.#messages, topic);
  }

  presence(topic: string): readonly PresenceEvent[] {
    return entryOf(this.#presence, topic);
  }

  lives(topic: string): number {
    return this.#lives.get(topic) ?? 0;
  }

  /** Resolves when the topic is live (again). */
  async subscribe(topic: string): Promise<void> {
    const before = this.lives(topic);
    this.#state.bus.subscribe(topic);
    await reaches(() => this.lives(topic), before + 1);
  }

  count(topic: string, expected: number): Promise<void> {
    return reaches(() => this.messages(topic).length, expected);
  }

  countPresence(topic: string, expected: number): Promise<void> {
    return reaches(() => this.presence(topic).length, expected);
  }

  /** When a later message of the topic is here, everything before it is. */
  async settle(topic: string): Promise<void> {
    const { offset } = await this.#state.topics.publish(messageOf(topic, 'the end'));
    await reaches(() => this.messages(topic).at(-1)?.offset ?? 0, offset);
  }
}

const EARS = new WeakMap<SharedState, Ear>();

export function earOf(state: SharedState): Ear {
  let ear = EARS.get(state);
  if (ear === undefined) {
    ear = new Ear(state);
    EARS.set(state, ear);
  }
  return ear;
}

export function earsOf(pair: Pair): readonly [Ear, Ear] {
  const [one, two] = pair();
  return [earOf(one), earOf(two)];
}

export function newTopic(suffix = ''): string {
  return `${randomUUID()}${suffix}`;
}

export function messageOf(
  topic: string,
  data: string | Uint8Array,
  fields: Partial<NewTopicMessage> = {},
): NewTopicMessage {
  const isBinary = typeof data !== 'string';
  return {
    topic,
    isBinary,
    data: isBinary ? data : Buffer.from(data),
    retention: { messages: 10_000, ageMs: LONG_MS },
    ...fields,
  };
}

export function readOf(topic: string, fields: Partial<ReadTopic> = {}): ReadTopic {
  return { topic, since: undefined, limit: 1000, isReverse: false, ageMs: LONG_MS, ...fields };
}

/** `<offset>:<text>` */
export function textsOf(messages: readonly TopicMessage[]): readonly string[] {
  return messages.map(({ offset, data }) => `${offset}:${Buffer.from(data).toString()}`);
}

export function offsetsOf(messages: readonly { readonly offset: number }[]): readonly number[] {
  return messages.map(({ offset }) => offset);
}

/** From `first` to `last`. */
export function range(first: number, last: number): readonly number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}

function reaches(read: () => number, expected: number): Promise<void> {
  return vi.waitFor(() => expect(read()).toBeGreaterThanOrEqual(expected), WAIT);
}

function entryOf<T>(map: Map<string, T[]>, topic: string): T[] {
  const entries = map.get(topic) ?? [];
  map.set(topic, entries);
  return entries;
}
