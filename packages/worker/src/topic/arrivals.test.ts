/** Crowds that come back to a topic: what they cost the store, and that nobody of them is told of a loss that was none. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FakeSession } from './testing/fake-subscriber.js';
import { settle, TopicStage } from './testing/topic-stage.js';

const TOP = 100;
let stage: TopicStage;
let before: FakeSession;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  stage.close();
  vi.useRealTimers();
});

/** A topic that is at TOP, with somebody on it. */
async function open(keptMessages: number): Promise<void> {
  stage = new TopicStage([{ match: '*', history: { messages: keptMessages, ageMs: 600_000 } }]);
  before = stage.session();
  stage.subscribe(before, 'news');
  await settle();
  await stage.publish('news', ...Array.from({ length: TOP }, (_, i) => `message ${i + 1}`));
  // The bus carries one after the other.
  await settle(1000);
  stage.server.calls.length = 0;
}

function comeBack(since: number): FakeSession {
  const session = stage.session();
  stage.subscribe(session, 'news', since);
  return session;
}

/** The first thing that each was told: was it given all that it missed? */
function recovered(...sessions: readonly FakeSession[]): readonly unknown[] {
  return sessions.map(
    ({ received: [first = 's{}'] }) => (JSON.parse(first.slice(1)) as { recovered?: boolean }).recovered,
  );
}

function reads(): number {
  return stage.server.calls.filter((call) => call === 'read').length;
}

describe('a crowd that comes back', () => {
  it('costs one read, though the first who comes is not the one furthest behind', async () => {
    await open(TOP);
    const first = comeBack(TOP - 1);
    await settle();
    const second = comeBack(TOP - 17);
    await settle();
    expect(recovered(first, second)).toEqual([true, true]);
    expect(reads()).toBe(1);
  });

  it('costs one read, though all who had come back are lost again for a while', async () => {
    await open(TOP);
    stage.topics.release(before, true);
    const first = comeBack(TOP - 1);
    await settle();
    stage.topics.release(first, true);
    await settle(10_000);
    const second = comeBack(TOP - 2);
    await settle();
    expect(recovered(first, second)).toEqual([true, true]);
    expect(reads()).toBe(1);
    stage.topics.release(second, true);
    await settle(35_000);
    expect(stage.topics.size).toBe(0);
  });

  it('costs another read where somebody is much further behind', async () => {
    await open(TOP);
    const first = comeBack(TOP - 1);
    await settle();
    const second = comeBack(0);
    await settle();
    expect(recovered(first, second)).toEqual([true, true]);
    expect(reads()).toBe(2);
  });

  it('costs one read, though what it misses is kept no more', async () => {
    await open(10);
    const crowd: FakeSession[] = [];
    for (let i = 0; i < 5; i += 1) {
      crowd.push(comeBack(TOP - 20), comeBack(TOP - 10));
      await settle();
    }
    expect(recovered(...crowd)).toEqual(crowd.map((_session, i) => i % 2 === 1));
    expect(reads()).toBe(1);
  });

  it('is read for as a whole, though it is more than one turn takes up', async () => {
    await open(TOP);
    comeBack(TOP - 3);
    await settle();
    const early = comeBack(TOP - 20);
    const crowd = Array.from({ length: 1000 }, () => comeBack(TOP - 3));
    const late = comeBack(0);
    await settle();
    expect(recovered(early, late)).toEqual([true, true]);
    expect(new Set(recovered(...crowd))).toEqual(new Set([true]));
  });
});
