/**
 * PresenceStore in Redis: each call is one script on the keys of one topic, but for a sweep that has more to do than one
 * script should: that goes on in steps.
 */
import { invalid } from '../arguments.js';
import { StateError } from '../errors.js';
import {
  MAX_PRESENCE_MEMBERS,
  PRESENCE_TTL_MS,
  type PresenceJoin,
  type PresenceLeave,
  type PresenceList,
  type PresenceStore,
} from '../presence-store.js';
import { believed, readOutcome } from '../session-values.js';
import {
  checkDeadOwners,
  checkPresenceJoin,
  checkPresenceLeave,
  checkPresenceLimit,
  checkPresenceLinger,
  checkTopic,
} from '../topic-arguments.js';
import { readPresenceList } from '../topic-values.js';
import { storedAt, type ConnectionFor } from './access.js';
import type { RedisConnection } from './scripts.js';
import { numberOf } from './session-reply.js';
import { presenceKeys, type PresenceKeys } from './topic-keys.js';
import type { PublishCommand, TopicAccess } from './topics.js';

/** Where the members of one topic are: their keys, and the connection for them. */
interface Site {
  readonly keys: readonly [members: string, lingering: string, owners: string];
  /** How, and on what channel, to tell; and how long the keys live. */
  readonly telling: readonly [PublishCommand, string, number];
  readonly redis: RedisConnection;
}

type Find = (topic: string) => Site;

/** Of one step: some three milliseconds of the server's time. */
const SWEPT_AT_ONCE = 500;
/** All members that a topic can have, and as many steps again for those that come meanwhile. */
const MAX_SWEEP_STEPS: number = (2 * MAX_PRESENCE_MEMBERS) / SWEPT_AT_ONCE;

export function createRedisPresence({ prefix, publishCommand, run }: TopicAccess): PresenceStore {
  const runAt = <T>(operation: string, call: (find: Find) => Promise<T>): Promise<T> =>
    run(operation, (connectionFor) =>
      call((topic) => siteOf(presenceKeys(prefix, topic), publishCommand, connectionFor)),
    );
  return {
    join: (request) => runAt('presence.join', (find) => join(find, request)),
    leave: (request) => runAt('presence.leave', (find) => leave(find, request)),
    linger: (request) => runAt('presence.linger', (find) => linger(find, request)),
    sweep: (topic, deadOwners) => runAt('presence.sweep', (find) => sweep(find, topic, deadOwners)),
    list: (topic, limit) => runAt('presence.list', (find) => list(find, topic, limit)),
  };
}

function siteOf(keys: PresenceKeys, command: PublishCommand, connectionFor: ConnectionFor): Site {
  const { members, lingering, owners, channel } = keys;
  return {
    keys: [members, lingering, owners],
    telling: [command, channel, PRESENCE_TTL_MS],
    redis: connectionFor(members),
  };
}

async function join(find: Find, request: PresenceJoin): Promise<'joined' | 'present'> {
  const { topic, member, owner } = checkPresenceJoin(request);
  const { keys, telling, redis } = find(topic);
  const reply = await redis.presenceJoin(...keys, ...telling, member.id, owner, member.info, MAX_PRESENCE_MEMBERS);
  const outcome = outcomeOf(reply, keys, ['joined', 'present', 'full']);
  if (outcome === 'full') throw tooManyMembers(topic);
  return outcome;
}

async function leave(find: Find, request: PresenceLeave): Promise<'left' | 'elsewhere' | 'absent'> {
  const { topic, memberId, owner } = checkPresenceLeave(request);
  const { keys, telling, redis } = find(topic);
  const reply = await redis.presenceLeave(...keys, ...telling, memberId, owner);
  return outcomeOf(reply, keys, ['left', 'elsewhere', 'absent']);
}

async function linger(
  find: Find,
  request: PresenceLeave & { readonly lingerMs: number },
): Promise<'lingering' | 'elsewhere' | 'absent'> {
  const { topic, memberId, owner, lingerMs } = checkPresenceLinger(request);
  const { keys, redis } = find(topic);
  const reply = await redis.presenceLinger(...keys, PRESENCE_TTL_MS, memberId, owner, lingerMs);
  return outcomeOf(reply, keys, ['lingering', 'elsewhere', 'absent']);
}

async function sweep(find: Find, topic: string, deadOwners: readonly string[]): Promise<number> {
  checkTopic(topic);
  const dead = checkDeadOwners(deadOwners);
  const { keys, telling, redis } = find(topic);
  let swept = 0;
  let cursor = '0';
  for (let step = 0; step < MAX_SWEEP_STEPS && cursor !== ''; step += 1) {
    const reply = await redis.presenceSweep(...keys, ...telling, cursor, SWEPT_AT_ONCE, ...dead);
    const [count, next] = believed(() => sweptOf(reply), storedAt(keys[0]));
    swept += count;
    cursor = next;
  }
  return swept;
}

async function list(find: Find, topic: string, limit: number): Promise<PresenceList> {
  checkTopic(topic);
  checkPresenceLimit(limit);
  const { keys, redis } = find(topic);
  const reply = await redis.presenceList(...keys, limit);
  return believed(() => readPresenceList(listOf(reply)), storedAt(keys[0]));
}

function outcomeOf<const T extends string>(reply: unknown, keys: Site['keys'], expected: readonly T[]): T {
  return believed(() => readOutcome(Array.isArray(reply) ? reply[0] : reply, expected), storedAt(keys[0]));
}

function sweptOf(reply: unknown): readonly [count: number, cursor: string] {
  const [kind, count, cursor] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (kind !== 'swept' || typeof cursor !== 'string') throw invalid('reply of the script', 'how many it swept', reply);
  return [Number(count), cursor];
}

function listOf(reply: unknown): object {
  if (!Array.isArray(reply) || reply[0] !== 'members') throw invalid('reply of the script', 'members', reply);
  const [, total, ...fields] = reply as unknown[];
  const members = Array.from({ length: fields.length / 3 }, (_, i) => ({
    id: fields[3 * i],
    owner: fields[3 * i + 1],
    info: fields[3 * i + 2],
  }));
  return { members, total: numberOf(total) };
}

function tooManyMembers(topic: string): StateError {
  return new StateError(
    'STATE_UNAVAILABLE',
    `presence.join: expected at most ${MAX_PRESENCE_MEMBERS} members of ${JSON.stringify(topic)}, got one more`,
  );
}
