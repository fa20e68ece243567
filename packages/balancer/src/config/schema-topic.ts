/**
 * Schema of one entry of `topics`: which topics it is about, what of them is kept, who may see whom, and what one client may
 * publish. What comes out is the worker's TopicRule. Defaults are the worker's DEFAULT_TOPIC_RULE, so that a topic that no
 * rule matches and one whose rule says nothing are treated alike.
 */
import { MAX_RETAINED_MESSAGES, MAX_TOPIC_MESSAGE_BYTES } from '@holdfast/state';
import { DEFAULT_TOPIC_RULE, type TopicHistory, type TopicRule } from '@holdfast/worker';
import type { z } from 'zod';
import { duration, flag, integer, map, orFalse, size, text } from './schema-parts.js';
import { parseTopicMatch } from './topic-match.js';
import { formatDuration, formatSize } from './units.js';

const MATCH =
  'a topic such as lobby, or a prefix with * as its last character such as room:*, at most 200 bytes long and without control characters';

const MIN_AGE_MS = 1000;
const MAX_AGE_MS = 86_400_000;

const { history, presence, publishesPerSecond, messageBytes } = DEFAULT_TOPIC_RULE;

/** Nothing is kept. The age still says how long a topic's position is remembered. */
const NO_HISTORY: TopicHistory = { messages: 0, ageMs: history.ageMs };

const kept: z.ZodType<TopicHistory> = map({
  messages: integer({ min: 1, max: MAX_RETAINED_MESSAGES })
    .default(history.messages)
    .describe(`Messages of one topic that are kept at most, 1–${MAX_RETAINED_MESSAGES}.`),
  age: duration({ min: MIN_AGE_MS, max: MAX_AGE_MS })
    .prefault(formatDuration(history.ageMs))
    .describe('Duration that a message is kept at most, 1s–24h.'),
}).transform(({ messages, age }) => ({ messages, ageMs: age }));

export const topicSchema: z.ZodType<TopicRule> = map({
  match: text(MATCH, parseTopicMatch).describe(
    'A topic, or a prefix of topics and *; the first rule that matches holds.',
  ),
  history: orFalse(kept, NO_HISTORY)
    .prefault({})
    .describe('What is kept for those who come back or ask. false: nothing, so that what is missed is missed.'),
  presence: flag().default(presence).describe('Who is on the topic is known, and told to those who ask.'),
  publishesPerSecond: integer({ max: 1_000_000 })
    .default(publishesPerSecond)
    .describe(
      "Messages per second that one client may publish, with one second's burst; more is refused. 0: no limit.",
    ),
  messageBytes: size({ min: 1, max: MAX_TOPIC_MESSAGE_BYTES })
    .prefault(formatSize(messageBytes))
    .describe('Size of the largest message, whoever publishes it; a larger one is refused.'),
}).transform((given) => ({
  match: given.match,
  history: given.history,
  presence: given.presence,
  publishesPerSecond: given.publishesPerSecond,
  messageBytes: given.messageBytes,
}));
