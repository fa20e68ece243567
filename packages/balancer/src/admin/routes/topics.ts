/**
 * POST /v1/publish {topic, data | base64, idempotencyKey?}: to whoever hears the topic, at any balancer of the fleet.
 * GET /v1/topics/:topic/history?since=&limit=&reverse=: what is kept of it. GET /v1/topics/:topic/presence?limit=: who is on it.
 * What is expected of a body is in topic-requests.ts. Rules of the config hold here too, but for publishesPerSecond: an
 * operator is no client.
 */
import type { TopicAnswer, TopicQuestion } from '@holdfast/worker';
import type { FastifyInstance } from 'fastify';
import { AdminError } from '../admin-error.js';
import type { AdminControl } from '../control.js';
import { MAX_PUBLISH_BODY_BYTES, messageTooLarge, readHistory, readPresence, readPublish } from '../topic-requests.js';

interface TopicRoute {
  readonly Params: { readonly topic: string };
  readonly Querystring: Readonly<Record<string, unknown>>;
}

type AnswerTo<What extends TopicAnswer['what']> = Extract<TopicAnswer, { what: What }>;

export function topicRoutes(app: FastifyInstance, control: AdminControl): void {
  app.post('/v1/publish', { bodyLimit: MAX_PUBLISH_BODY_BYTES }, async ({ body }) => {
    const question = readPublish(body);
    const { epoch, offset, isRepeat } = await ask(control, question, 'published');
    return { epoch, offset, ...(isRepeat ? { repeated: true } : {}) };
  });
  app.get<TopicRoute>('/v1/topics/:topic/history', async ({ params, query }) => {
    const { epoch, top, messages, more } = await ask(control, readHistory(params.topic, query), 'history');
    return { epoch, top, messages: messages.map(messageOf), more };
  });
  app.get<TopicRoute>('/v1/topics/:topic/presence', async ({ params, query }) => {
    const { members, total } = await ask(control, readPresence(params.topic, query), 'presence');
    return { members: members.map(memberOf), total };
  });
}

async function ask<What extends TopicAnswer['what']>(
  control: AdminControl,
  question: TopicQuestion,
  what: What,
): Promise<AnswerTo<What>> {
  const answer = await control.topics(question);
  if (isAnswerTo(answer, what)) return answer;
  if (answer.what === 'tooLarge' && question.what === 'publish') {
    throw messageTooLarge(answer.maxBytes, question.data.length);
  }
  const detail = answer.what === 'unavailable' ? answer.detail : `an answer about ${answer.what}`;
  throw new AdminError({ status: 503, code: 'STATE_UNAVAILABLE', expected: 'the shared state to answer', got: detail });
}

function isAnswerTo<What extends TopicAnswer['what']>(answer: TopicAnswer, what: What): answer is AnswerTo<What> {
  return answer.what === what;
}

function messageOf({ offset, isBinary, data, publishedAtMs }: AnswerTo<'history'>['messages'][number]): object {
  // A view: what came over IPC is a plain Uint8Array.
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const payload = isBinary ? { base64: bytes.toString('base64') } : { data: bytes.toString() };
  return { offset, ...payload, at: new Date(publishedAtMs).toISOString() };
}

/** `worker`: the lease of the one that has its client; null while the client is away and its session may yet be resumed. */
function memberOf({ id, info, owner }: AnswerTo<'presence'>['members'][number]): object {
  return { id, info: readInfo(info), worker: owner === '' ? null : owner };
}

/** Of backends, through workers: text that is no JSON would be a mistake there, and must not hide the other members. */
function readInfo(info: string): unknown {
  if (info === '') return null;
  try {
    return JSON.parse(info) as unknown;
  } catch {
    return info;
  }
}
