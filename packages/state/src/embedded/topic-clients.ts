/** As store-clients.ts, for the stores of topics and of their members. */
import { readOutcome } from '../session-values.js';
import type { PresenceStore } from '../presence-store.js';
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
import type { TopicStore } from '../topic-store.js';
import { readPositions, readPresenceList, readPublished, readSweptCount, readTopicPage } from '../topic-values.js';
import type { Ask } from './store-clients.js';

export function createTopicClient(ask: Ask): TopicStore {
  return {
    publish: (message) => ask('topic.publish', { args: () => [checkNewTopicMessage(message)], read: readPublished }),
    read: (request) => ask('topic.read', { args: () => [checkReadTopic(request)], read: readTopicPage }),
    positions: (topics) =>
      ask('topic.positions', {
        args: () => [checkTopics(topics)],
        read: (answer) => readPositions(answer, topics.length),
      }),
  };
}

export function createPresenceClient(ask: Ask): PresenceStore {
  return {
    join: (request) =>
      ask('presence.join', {
        args: () => [checkPresenceJoin(request)],
        read: (answer) => readOutcome(answer, ['joined', 'present']),
      }),
    leave: (request) =>
      ask('presence.leave', {
        args: () => [checkPresenceLeave(request)],
        read: (answer) => readOutcome(answer, ['left', 'elsewhere', 'absent']),
      }),
    linger: (request) =>
      ask('presence.linger', {
        args: () => [checkPresenceLinger(request)],
        read: (answer) => readOutcome(answer, ['lingering', 'elsewhere', 'absent']),
      }),
    sweep: (topic, deadOwners) =>
      ask('presence.sweep', { args: () => [checkTopic(topic), checkDeadOwners(deadOwners)], read: readSweptCount }),
    list: (topic, limit) =>
      ask('presence.list', { args: () => [checkTopic(topic), checkPresenceLimit(limit)], read: readPresenceList }),
  };
}
