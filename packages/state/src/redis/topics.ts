/**
 * TopicStore in Redis: publishing and reading are one script each on the keys of one topic, positions one script per
 * partition. Arguments are checked before anything is sent, replies before anybody believes them.
 */
import { invalid } from '../arguments.js';
import type { StateError } from '../errors.js';
import { believed } from '../session-values.js';
import { checkNewTopicMessage, checkReadTopic, checkTopics } from '../topic-arguments.js';
import { readPositions, readPublished, readTopicPage } from '../topic-values.js';
import {
  IDEMPOTENCY_MS,
  MAX_READ_BYTES,
  type NewTopicMessage,
  type Published,
  type ReadTopic,
  type TopicPage,
  type TopicPosition,
  type TopicStore,
} from '../topic-store.js';
import { storedAt, type ConnectionFor, type RedisAccess } from './access.js';
import { createEpochs, type Epochs } from './epochs.js';
import { partitionOf } from './partitions.js';
import type { RedisConnection } from './scripts.js';
import { idempotencyKeyOf, topicKeys, topicMetaKey } from './topic-keys.js';
import { messagesOf, partsOf, positionsOf, publishedOf } from './topic-reply.js';

/** On a Cluster each message goes to the one node that has the topic, else to whoever listens anywhere. */
export type PublishCommand = 'PUBLISH' | 'SPUBLISH';

export interface TopicAccess extends RedisAccess {
  readonly publishCommand: PublishCommand;
  /** For calls of several commands: what one of them was refused with, told to the link of that key. */
  onFailure(error: unknown, at: { readonly operation: string; readonly key: string }): StateError;
}

interface Store extends Omit<TopicAccess, 'run'> {
  readonly epochs: Epochs;
}

/** A topic that is only asked for is remembered so long: all who ask learn the same epoch, and the first message has it. */
const MIN_META_TTL_MS = 3_600_000;
/** A script should not keep others waiting for more than about a millisecond. */
const MAX_POSITIONS_PER_SCRIPT = 200;

export function createRedisTopics({ run, ...access }: TopicAccess): TopicStore {
  const store: Store = { ...access, epochs: createEpochs() };
  return {
    publish: (message) => run('topic.publish', (connectionFor) => publish(store, connectionFor, message)),
    read: (request) => run('topic.read', (connectionFor) => read(store, connectionFor, request)),
    positions: (topics) => run('topic.positions', (connectionFor) => positions(store, connectionFor, topics)),
  };
}

async function publish(store: Store, connectionFor: ConnectionFor, message: NewTopicMessage): Promise<Published> {
  const { topic, isBinary, data, retention, idempotencyKey } = checkNewTopicMessage(message);
  const { meta, log, channel } = topicKeys(store.prefix, topic);
  const keys = [meta];
  if (retention.messages > 0) keys.push(log);
  if (idempotencyKey !== undefined) keys.push(idempotencyKeyOf(meta, idempotencyKey));
  const reply = await connectionFor(meta).topicPublish(
    keys.length,
    ...keys,
    store.epochs.next(),
    retention.messages,
    retention.ageMs,
    Math.max(2 * retention.ageMs, MIN_META_TTL_MS),
    channel,
    store.publishCommand,
    isBinary ? 'b' : 't',
    // A view: ioredis sends Buffers as they are, and would spell out the numbers of any other bytes.
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    idempotencyKey === undefined ? 0 : IDEMPOTENCY_MS,
  );
  return believed(() => readPublished(publishedOf(reply)), storedAt(meta));
}

async function read(store: Store, connectionFor: ConnectionFor, request: ReadTopic): Promise<TopicPage> {
  const { topic, since, limit, isReverse, ageMs } = checkReadTopic(request);
  const { meta, log } = topicKeys(store.prefix, topic);
  const range = [since ?? '', limit, isReverse ? 1 : 0, ageMs, MAX_READ_BYTES];
  const reply = await connectionFor(meta).topicReadBuffer(meta, log, store.epochs.next(), MIN_META_TTL_MS, ...range);
  return believed(() => {
    const [epoch, offset, first, ...entries] = partsOf(reply, 'page');
    const page = readTopicPage({ epoch, offset, first, messages: messagesOf(entries) });
    refuseGaps(page, isReverse);
    return page;
  }, storedAt(meta));
}

async function positions(
  store: Store,
  connectionFor: ConnectionFor,
  topics: readonly string[],
): Promise<readonly TopicPosition[]> {
  const checked = checkTopics(topics);
  const found: unknown[] = Array.from({ length: checked.length });
  const groups = groupsOf(checked).map(async (group) => {
    const keys = group.map((i) => topicMetaKey(store.prefix, checked[i] as string));
    const [first] = keys as [string];
    const parts = await askPositions(store, connectionFor(first), keys).catch((error: unknown) => {
      throw store.onFailure(error, { operation: 'topic.positions', key: first });
    });
    for (const [n, i] of group.entries()) found[i] = parts[n];
  });
  await Promise.all(groups);
  return believed(() => readPositions(found, checked.length), {
    source: 'stored positions',
    advice: `another program wrote them: choose another prefix than ${JSON.stringify(store.prefix)}`,
  });
}

async function askPositions(
  store: Store,
  redis: RedisConnection,
  keys: readonly string[],
): Promise<readonly unknown[]> {
  const epochs = keys.map(() => store.epochs.next());
  const reply = await redis.topicPositions(keys.length, ...keys, MIN_META_TTL_MS, ...epochs);
  return believed(() => positionsOf(reply), storedAt(keys[0] as string));
}

/** Indexes of topics that one script can be asked for: of one partition, and not too many. */
function groupsOf(topics: readonly string[]): readonly (readonly number[])[] {
  const groups: number[][] = [];
  const open = new Map<number, number[]>();
  for (const [i, topic] of topics.entries()) {
    const partition = partitionOf(topic);
    let group = open.get(partition);
    if (group === undefined || group.length === MAX_POSITIONS_PER_SCRIPT) {
      group = [];
      groups.push(group);
      open.set(partition, group);
    }
    group.push(i);
  }
  return groups;
}

/** A log out of which somebody took messages is no base to tell a client that it has missed nothing. */
function refuseGaps({ messages }: TopicPage, isReverse: boolean): void {
  for (let i = 1; i < messages.length; i += 1) {
    const [before, here] = [messages[i - 1]?.offset as number, messages[i]?.offset as number];
    const expected = before + (isReverse ? -1 : 1);
    if (here !== expected) throw invalid('offset', String(expected), here);
  }
}
