/** Random histories of a topic with a random name, against the simplest model of it: an array that forgets. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { MAX_TOPIC_BYTES, type ReadTopic, type TopicStore } from '../topic-store.js';
import { messageOf, newTopic, readOf, textsOf } from './topic-fixtures.js';

type Step =
  | { readonly what: 'publish'; readonly by: 0 | 1; readonly keep: number; readonly text: string }
  | { readonly what: 'read'; readonly by: 0 | 1; readonly read: Pick<ReadTopic, 'since' | 'limit' | 'isReverse'> };

const by = fc.constantFrom<0 | 1>(0, 1);
const offset = fc.integer({ min: 0, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    what: fc.constant('publish' as const),
    by,
    // Mostly kept, and often fewer than there are.
    keep: fc.constantFrom(0, 1, 3, 5, 8, 8, 8),
    text: fc.string({ unit: 'binary', maxLength: 20 }),
  }),
  fc.record({
    what: fc.constant('read' as const),
    by,
    read: fc.record({
      since: fc.option(offset, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 6 }),
      isReverse: fc.boolean(),
    }),
  }),
);
/** What is left of any text when all that a name may not have is taken out. */
const suffix = fc.string({ unit: 'binary', maxLength: 40 }).map((text) =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f]/g, ''),
);

export function describeTopicModel(stores: () => readonly [TopicStore, TopicStore]): void {
  it('does with any history and any name what an array that forgets does', async () => {
    const run = async (end: string, steps: readonly Step[]): Promise<void> => {
      const model = new Model();
      const name = newTopic(end);
      const topic = Buffer.byteLength(name) > MAX_TOPIC_BYTES ? newTopic() : name;
      for (const one of steps) expect(await take(one, stores()[one.by], topic)).toEqual(model.take(one));
    };
    await fc.assert(fc.asyncProperty(suffix, fc.array(step, { minLength: 5, maxLength: 30 }), run), { numRuns: 40 });
  });
}

async function take(one: Step, store: TopicStore, topic: string): Promise<unknown> {
  if (one.what === 'publish') {
    const retention = { messages: one.keep, ageMs: 60_000 };
    return (await store.publish(messageOf(topic, one.text, { retention }))).offset;
  }
  const { offset: top, first, messages } = await store.read(readOf(topic, one.read));
  return { top, first, texts: textsOf(messages) };
}

class Model {
  #top = 0;
  #kept: string[] = [];

  take(one: Step): unknown {
    return one.what === 'publish' ? this.#publish(one.text, one.keep) : this.#read(one.read);
  }

  #publish(text: string, keep: number): number {
    this.#top += 1;
    this.#kept.push(`${this.#top}:${text}`);
    this.#kept = keep === 0 ? [] : this.#kept.slice(-keep);
    return this.#top;
  }

  #read({ since, limit, isReverse }: Pick<ReadTopic, 'since' | 'limit' | 'isReverse'>): object {
    const first = this.#top + 1 - this.#kept.length;
    const offsetAt = (i: number): number => first + i;
    const inOrder = isReverse
      ? this.#kept.filter((_, i) => since === undefined || offsetAt(i) < since).toReversed()
      : this.#kept.filter((_, i) => since === undefined || offsetAt(i) > since);
    return { top: this.#top, first, texts: inOrder.slice(0, limit) };
  }
}
