/**
 * The supervisor's end of the embedded engine: one function that a call from a worker is handed to. What arrives came
 * over IPC, from a process that may run other code than this one after an upgrade, so nothing about it is believed.
 */
import { checkAffinityKey, checkBackendId, checkTtlMs, describeValue } from '../arguments.js';
import { StateError } from '../errors.js';
import {
  checkCommitRequest,
  checkGeneration,
  checkLease,
  checkLeaseId,
  checkNewSession,
  checkNumber,
  checkParkRequest,
  checkRebindRequest,
  checkResumeRequest,
  checkSessionId,
} from '../session-arguments.js';
import {
  checkDeadOwners,
  checkNewTopicMessage,
  checkPresenceJoin,
  checkPresenceLeave,
  checkPresenceLimit,
  checkPresenceLinger,
  checkReadTopic,
  checkTopic,
  checkTopics,
} from '../topic-arguments.js';
import type { EmbeddedStore } from './store.js';
import type { TopicFeed } from './topic-feed.js';

type Handler = (store: EmbeddedStore, args: readonly unknown[], feed: TopicFeed | undefined) => unknown;

const AFFINITY_HANDLERS: Readonly<Record<string, Handler>> = {
  'affinity.lookup': ({ affinity }, [pool, key]) => affinity.lookup(checkAffinityKey(pool, key)),
  'affinity.claim': ({ affinity }, [pool, key, backendId, ttlMs]) =>
    affinity.claim(checkAffinityKey(pool, key), checkBackendId(backendId), checkTtlMs(ttlMs)),
  'affinity.replace': ({ affinity }, [pool, key, expected, backendId, ttlMs]) =>
    affinity.replace(
      checkAffinityKey(pool, key),
      checkBackendId(expected, 'expected backend id'),
      checkBackendId(backendId),
      checkTtlMs(ttlMs),
    ),
};

const SESSION_HANDLERS: Readonly<Record<string, Handler>> = {
  'session.create': ({ sessions }, [session]) => sessions.create(checkNewSession(session)),
  'session.resume': ({ sessions }, [request]) => sessions.resume(checkResumeRequest(request)),
  'session.rebind': ({ sessions }, [request]) => sessions.rebind(checkRebindRequest(request)),
  'session.park': ({ sessions }, [request]) => sessions.park(checkParkRequest(request)),
  'session.readTail': ({ sessions }, [id, after]) => sessions.readTail(checkSessionId(id), checkNumber(after, 'after')),
  'session.commit': ({ sessions }, [request]) => sessions.commit(checkCommitRequest(request)),
  'session.lookup': ({ sessions }, [id]) => sessions.lookup(checkSessionId(id)),
  'session.remove': ({ sessions }, [id, generation]) =>
    sessions.remove(checkSessionId(id), checkGeneration(generation)),
};

const LEASE_HANDLERS: Readonly<Record<string, Handler>> = {
  'lease.renew': ({ leases }, [lease]) => leases.renew(checkLease(lease)),
  'lease.release': ({ leases }, [id]) => leases.release(checkLeaseId(id)),
};

const TOPIC_HANDLERS: Readonly<Record<string, Handler>> = {
  'topic.publish': ({ topics }, [message]) => topics.publish(checkNewTopicMessage(message)),
  'topic.read': ({ topics }, [request]) => topics.read(checkReadTopic(request)),
  'topic.positions': ({ topics }, [names]) => topics.positions(checkTopics(names)),
  'topic.subscribe': ({ topics }, [names], feed) => topics.subscribe(checkTopics(names), checkFeed(feed)),
  'topic.unsubscribe': ({ topics }, [names], feed) => topics.unsubscribe(checkTopics(names), checkFeed(feed)),
};

const PRESENCE_HANDLERS: Readonly<Record<string, Handler>> = {
  'presence.join': ({ presence }, [request]) => presence.join(checkPresenceJoin(request)),
  'presence.leave': ({ presence }, [request]) => presence.leave(checkPresenceLeave(request)),
  'presence.linger': ({ presence }, [request]) => presence.linger(checkPresenceLinger(request)),
  'presence.sweep': ({ presence }, [topic, owners]) => presence.sweep(checkTopic(topic), checkDeadOwners(owners)),
  'presence.list': ({ presence }, [topic, limit]) => presence.list(checkTopic(topic), checkPresenceLimit(limit)),
};

const HANDLERS: ReadonlyMap<string, Handler> = new Map(
  Object.entries({
    ...AFFINITY_HANDLERS,
    ...SESSION_HANDLERS,
    ...LEASE_HANDLERS,
    ...TOPIC_HANDLERS,
    ...PRESENCE_HANDLERS,
  }),
);

/** The methods that `handleCall` takes: the supervisor passes on calls with these names. */
export const EMBEDDED_METHODS: ReadonlySet<string> = new Set(HANDLERS.keys());

/**
 * Answers one call of a worker, or throws a StateError whose message can be sent back.
 * @param feed what is published goes to; a worker without one cannot subscribe.
 */
export function handleCall(store: EmbeddedStore, method: unknown, args: unknown, feed?: TopicFeed): unknown {
  const handler = typeof method === 'string' ? HANDLERS.get(method) : undefined;
  if (handler === undefined) {
    const known = [...EMBEDDED_METHODS].join(', ');
    throw new StateError('STATE_INVALID_ARGUMENT', `method: expected one of ${known}, got ${describeValue(method)}`);
  }
  if (!Array.isArray(args)) {
    throw new StateError('STATE_INVALID_ARGUMENT', `arguments: expected an array, got ${describeValue(args)}`);
  }
  return handler(store, args, feed);
}

function checkFeed(feed: TopicFeed | undefined): TopicFeed {
  if (feed !== undefined) return feed;
  throw new StateError(
    'STATE_UNAVAILABLE',
    'topics: expected a caller that can be told what is published, got another',
  );
}
