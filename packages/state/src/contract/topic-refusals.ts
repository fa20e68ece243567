/** What every engine refuses of topics: with STATE_INVALID_ARGUMENT, and without a crash. */
import { expect, it } from 'vitest';
import {
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_POSITIONS_AT_ONCE,
  MAX_READ_MESSAGES,
  MAX_RETAINED_MESSAGES,
  MAX_TOPIC_BYTES,
  MAX_TOPIC_MESSAGE_BYTES,
  type TopicStore,
} from '../topic-store.js';
import { messageOf, newTopic, readOf } from './topic-fixtures.js';

export const INVALID_ARGUMENT: object = { code: 'STATE_INVALID_ARGUMENT', retryable: false };

export const INVALID_TOPICS: readonly (readonly [string, unknown])[] = [
  ['no characters', ''],
  ['too many bytes', `${'x'.repeat(MAX_TOPIC_BYTES - 1)}é`],
  ['a control character', 'a\nb'],
  ['a NUL', '\0'],
  ['a DEL', 'a\u007f'],
  ['a lone surrogate', 'a\ud800'],
  ['another type', 7],
];

export function describeTopicRefusals(store: () => TopicStore): void {
  it.each(INVALID_TOPICS)('refuses a name with %s', async (_, name) => {
    const topic = name as string;
    await expect(store().publish(messageOf(topic, 'a'))).rejects.toMatchObject(INVALID_ARGUMENT);
    await expect(store().read(readOf(topic))).rejects.toMatchObject(INVALID_ARGUMENT);
    await expect(store().positions([newTopic(), topic])).rejects.toMatchObject(INVALID_ARGUMENT);
  });

  it.each<[string, object]>([
    ['more bytes than one may have', { data: new Uint8Array(MAX_TOPIC_MESSAGE_BYTES + 1) }],
    ['data that is no bytes', { data: 'text' }],
    ['no kind', { isBinary: undefined }],
    ['no retention', { retention: undefined }],
    ['fewer than no messages kept', { retention: { messages: -1, ageMs: 1 } }],
    ['too many messages kept', { retention: { messages: MAX_RETAINED_MESSAGES + 1, ageMs: 1 } }],
    ['no age', { retention: { messages: 1, ageMs: 0 } }],
    ['an empty key', { idempotencyKey: '' }],
    ['a key that is too long', { idempotencyKey: 'x'.repeat(MAX_IDEMPOTENCY_KEY_BYTES + 1) }],
    ['a key that is not Unicode', { idempotencyKey: '\udc00' }],
  ])('refuses a message with %s', async (_, fields) => {
    const topic = newTopic();
    await expect(store().publish({ ...messageOf(topic, 'a'), ...fields })).rejects.toMatchObject(INVALID_ARGUMENT);
    expect(await store().positions([topic])).toMatchObject([{ offset: 0 }]);
  });

  it.each<[string, object]>([
    ['an offset below 0', { since: -1 }],
    ['an offset that is no number', { since: '1' }],
    ['no limit', { limit: 0 }],
    ['a limit that is too large', { limit: MAX_READ_MESSAGES + 1 }],
    ['no direction', { isReverse: undefined }],
    ['no age', { ageMs: 0 }],
  ])('refuses a read with %s', async (_, fields) => {
    await expect(store().read({ ...readOf(newTopic()), ...fields })).rejects.toMatchObject(INVALID_ARGUMENT);
  });

  it('takes a message of the largest size, and refuses too many positions at once', async () => {
    const largest = messageOf(newTopic(), new Uint8Array(MAX_TOPIC_MESSAGE_BYTES));
    expect(await store().publish(largest)).toMatchObject({ offset: 1 });
    const tooMany = Array.from({ length: MAX_POSITIONS_AT_ONCE + 1 }, () => 'a');
    await expect(store().positions(tooMany)).rejects.toMatchObject(INVALID_ARGUMENT);
  });
}
