import type { NewTopicMessage, PresenceList, ReadTopic, TopicPage } from '@holdfast/state';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TOPIC_RULE } from '../config.js';
import { answerAboutTopics, type TopicSources } from './reports.js';
import { TopicRules } from './topic-rules.js';

const EPOCH = 'AAAAAAAAAAAA';
const data = new Uint8Array([1, 2, 3]);
const PUBLISH = { what: 'publish', topic: 'a', isBinary: true, data, idempotencyKey: 'k' } as const;
const HISTORY = { what: 'history', topic: 'a', since: undefined, limit: 10, isReverse: false } as const;

interface Script {
  readonly page?: TopicPage;
  readonly list?: PresenceList;
  readonly isDown?: boolean;
}

function sourcesOf({ page, list, isDown = false }: Script = {}): TopicSources & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  const answer = async <T>(call: unknown, value: T | undefined): Promise<T> => {
    calls.push(call);
    if (isDown || value === undefined) throw new Error('redis: timed out');
    return value;
  };
  return {
    calls,
    rules: new TopicRules([{ ...DEFAULT_TOPIC_RULE, match: 'small', messageBytes: 2 }]),
    store: {
      publish: (message: NewTopicMessage) => answer(message, { epoch: EPOCH, offset: 7, isRepeat: false }),
      read: (request: ReadTopic) => answer(request, page),
      positions: () => Promise.reject(new Error('not asked')),
    },
    presence: { list: (...given: unknown[]) => answer(given, list) } as unknown as TopicSources['presence'],
    isAlive: (owner) => owner === 'alive',
    onPublish: (source, outcome) => void calls.push(`${source} ${outcome}`),
  };
}

function pageOf(offsets: readonly number[], offset: number, first: number): TopicPage {
  const messages = offsets.map((at) => ({ offset: at, isBinary: true, data, publishedAtMs: 0 }));
  return { epoch: EPOCH, offset, first, messages };
}

describe('an operator', () => {
  it('publishes as the rule of the topic says', async () => {
    const sources = sourcesOf();
    const answer = await answerAboutTopics(sources, PUBLISH);
    expect(answer).toEqual({ what: 'published', epoch: EPOCH, offset: 7, isRepeat: false });
    const retention = DEFAULT_TOPIC_RULE.history;
    expect(sources.calls).toEqual([
      { topic: 'a', isBinary: true, data, retention, idempotencyKey: 'k' },
      'admin published',
    ]);
  });

  it('is told the size that a message of this topic may have', async () => {
    const sources = sourcesOf();
    const answer = await answerAboutTopics(sources, { ...PUBLISH, topic: 'small' });
    expect(answer).toEqual({ what: 'tooLarge', maxBytes: 2 });
    expect(sources.calls).toEqual(['admin size']);
  });

  it.each([
    ['nothing is kept', pageOf([], 5, 6), false, false],
    ['the page ends at the top', pageOf([4, 5], 5, 1), false, false],
    ['the page ends before it', pageOf([3, 4], 5, 1), false, true],
    ['in reverse, it ends at the oldest', pageOf([5, 4], 5, 4), true, false],
    ['in reverse, it ends before that', pageOf([5, 4], 5, 3), true, true],
  ])('is told whether there is more: %s', async (_, page, isReverse, more) => {
    const answer = await answerAboutTopics(sourcesOf({ page }), { ...HISTORY, isReverse });
    expect(answer).toEqual({ what: 'history', epoch: EPOCH, top: 5, messages: page.messages, more });
  });

  it('sees members whose workers are alive, and those who may resume', async () => {
    const members = ['alive', 'dead', ''].map((owner, index) => ({ id: `s${index}`, info: '', owner }));
    const sources = sourcesOf({ list: { members, total: 3 } });
    const answer = await answerAboutTopics(sources, { what: 'presence', topic: 'a', limit: 5 });
    expect(answer).toMatchObject({ what: 'presence', members: [{ id: 's0' }, { id: 's2' }], total: 3 });
  });

  it.each([PUBLISH, HISTORY, { what: 'presence', topic: 'a', limit: 5 } as const])(
    'is told when the store does not answer: $what',
    async (question) => {
      const answer = await answerAboutTopics(sourcesOf({ isDown: true }), question);
      expect(answer).toEqual({ what: 'unavailable', detail: 'redis: timed out' });
    },
  );
});
