/** A stage whose session hears topics, and shorthands for what a server says about them. */
import {
  encodeSubscribed,
  encodeTopicMessage,
  type HeldTopic,
  readHeldTopics,
  type Subscribed,
} from '@holdfast/protocol';
import type { SessionUrl } from '../addresses.js';
import type { SessionOptions } from '../options.js';
import type { SubscribeOptions, Subscription } from '../subscription.js';
import type { SubscriptionEvent, SubscriptionEvents } from '../topic-events.js';
import { topics } from '../topics.js';
import { Stage } from './stage.js';

export const EPOCH = 'AAAAAAAAAAAA';
export const OTHER_EPOCH = 'BBBBBBBBBBBB';

const TYPES = ['message', 'subscribed', 'presence', 'error'] as const satisfies readonly (keyof SubscriptionEvents)[];

export class TopicStage extends Stage {
  constructor(options: SessionOptions = {}, url?: SessionUrl) {
    super({ topics, ...options }, url);
  }

  /** With everything that it tells. */
  subscribe(
    topic: string,
    options?: SubscribeOptions,
  ): { readonly room: Subscription; readonly told: SubscriptionEvent[] } {
    const room = this.session.subscribe(topic, options);
    const told: SubscriptionEvent[] = [];
    for (const type of TYPES) room.addEventListener(type, (event: SubscriptionEvent) => told.push(event));
    return { room, told };
  }

  /** The newest socket's server answers. */
  answer(topic: string, offset: number, fields: Partial<Subscribed> = {}): void {
    const answer = { topic, epoch: EPOCH, offset, recovered: false, joined: false, members: undefined, ...fields };
    this.socket.receive(encodeSubscribed(answer));
  }

  /** Messages with these offsets, that say their offset. */
  publish(topic: string, ...offsets: readonly number[]): void {
    for (const offset of offsets) this.socket.receive(textMessage(topic, offset));
  }

  /** What the newest socket's hello named. */
  get held(): readonly HeldTopic[] {
    return readHeldTopics(this.socket.bodies('h')[0] ?? {});
  }
}

export function textMessage(topic: string, offset: number): string {
  const data = new TextEncoder().encode(String(offset));
  return new TextDecoder().decode(encodeTopicMessage(topic, { offset, isBinary: false, data }));
}

/** Data of the messages among these. */
export function dataOf(told: readonly SubscriptionEvent[]): readonly unknown[] {
  return told.filter((event) => event.type === 'message').map(({ data }) => data);
}
