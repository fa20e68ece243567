/**
 * Answers an operator's questions about topics out of the shared state: this worker is asked because it has a connection to it,
 * not because of what its clients hear. Operators are no clients: no authorization, no rate. Never rejects.
 */
import type { PresenceStore, TopicPage, TopicStore } from '@holdfast/state';
import type { TopicAnswer, TopicQuestion } from '../control/topic-questions.js';
import type { TopicRules } from './topic-rules.js';
import type { PublishOutcome } from './topic-stats.js';

export interface TopicSources {
  readonly store: TopicStore;
  readonly presence: PresenceStore;
  readonly rules: TopicRules;
  /** Of the worker that has a member's client: as far as this one knows. */
  isAlive(owner: string): boolean;
  /** For metrics. */
  readonly onPublish: (source: 'admin', outcome: PublishOutcome) => void;
}

type Question<What extends TopicQuestion['what']> = Extract<TopicQuestion, { what: What }>;

export async function answerAboutTopics(sources: TopicSources, question: TopicQuestion): Promise<TopicAnswer> {
  try {
    switch (question.what) {
      case 'publish':
        return await publish(sources, question);
      case 'history':
        return await readHistory(sources, question);
      case 'presence':
        return await listPresence(sources, question);
    }
  } catch (error) {
    if (question.what === 'publish') sources.onPublish('admin', 'unavailable');
    return { what: 'unavailable', detail: error instanceof Error ? error.message : String(error) };
  }
}

async function publish({ store, rules, onPublish }: TopicSources, question: Question<'publish'>): Promise<TopicAnswer> {
  const { topic, isBinary, data, idempotencyKey } = question;
  const { messageBytes, history } = rules.of(topic);
  if (data.length > messageBytes) {
    onPublish('admin', 'size');
    return { what: 'tooLarge', maxBytes: messageBytes };
  }
  const published = await store.publish({ topic, isBinary, data, retention: history, idempotencyKey });
  onPublish('admin', published.isRepeat ? 'repeated' : 'published');
  return { what: 'published', ...published };
}

async function readHistory({ store, rules }: TopicSources, question: Question<'history'>): Promise<TopicAnswer> {
  const { topic, since, limit, isReverse } = question;
  const page = await store.read({ topic, since, limit, isReverse, ageMs: rules.of(topic).history.ageMs });
  return {
    what: 'history',
    epoch: page.epoch,
    top: page.offset,
    messages: page.messages,
    more: hasMore(page, isReverse),
  };
}

/** An empty page has nothing behind it: pages end early, but never empty. */
function hasMore({ messages, offset, first }: TopicPage, isReverse: boolean): boolean {
  const last = messages.at(-1);
  if (last === undefined) return false;
  return isReverse ? last.offset > first : last.offset < offset;
}

async function listPresence(sources: TopicSources, question: Question<'presence'>): Promise<TopicAnswer> {
  const { members, total } = await sources.presence.list(question.topic, question.limit);
  const there = members.filter(({ owner }) => owner === '' || sources.isAlive(owner));
  return { what: 'presence', members: there, total };
}
