/**
 * Topics as the application sees them: publish, history, who is there. Everything is asked of workers, which ask shared state:
 * a backend keeps nothing about topics but the joins of its sessions (session-topics.ts).
 */
import {
  type Body,
  type HistoryPage,
  type MemberList,
  readHistoryPage,
  readMemberList,
  type TopicPosition,
  TRUNK_STREAM,
  TrunkKind,
} from '@holdfast/protocol';
import { BackendError } from './errors.js';
import { bytesOf } from './payload.js';
import { Publisher } from './publisher.js';
import type { SessionCore } from './session-core.js';
import { closed, failureOf, noWorker, readAnswer, type TopicQuestion } from './topic-answers.js';
import { expectKey, expectTopic, type HistoryOptions, messageOf, queryOf } from './topic-arguments.js';
import type { Trunk } from './trunk.js';

export interface TopicsOptions {
  readonly pickTrunk: () => Trunk<SessionCore> | undefined;
  /** Names this life of the process. */
  readonly incarnation: string;
  /** `tick` is needed from now on. */
  readonly onWaiting: () => void;
}

export interface PublishOptions {
  /** Up to 128 bytes; a second publish to the topic with the same key within 300 s is none, and answered like the first. */
  readonly idempotencyKey?: string | undefined;
}

/** Trunks that a question is tried on when they are lost one after another. */
const TRIES = 3;

export class Topics {
  readonly #options: TopicsOptions;
  readonly #publisher: Publisher;
  #isClosed = false;

  constructor(options: TopicsOptions) {
    const { pickTrunk, incarnation, onWaiting } = options;
    this.#options = options;
    this.#publisher = new Publisher({ pickTrunk, keyPrefix: incarnation, onWaiting });
  }

  /** Not an async function: mistakes are thrown at the caller, and order is that of calling. */
  publish(topic: string, data: unknown, { idempotencyKey: key }: PublishOptions): Promise<TopicPosition> {
    expectTopic(topic, 'publish');
    expectKey(key);
    const payload = messageOf(data);
    if (this.#isClosed) return Promise.reject(closed('publish'));
    return this.#publisher.publish({ topic, key, isBinary: typeof payload !== 'string', data: bytesOf(payload) });
  }

  history(topic: string, options: HistoryOptions): Promise<HistoryPage> {
    const query = queryOf(topic, options);
    return this.#ask('history', query, readHistoryPage);
  }

  presence(topic: string): Promise<MemberList> {
    expectTopic(topic, 'presence');
    return this.#ask('presence', { topic }, readMemberList);
  }

  onTrunksChanged(): void {
    this.#publisher.onTrunksChanged();
  }

  tick(nowMs: number): void {
    this.#publisher.tick(nowMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#publisher.close(closed('publish'));
  }

  /** Asking twice does no harm: a question that its worker took to the grave is put to another one. */
  async #ask<T>(op: TopicQuestion, body: object, read: (body: Body) => T): Promise<T> {
    for (let left = TRIES; ; left -= 1) {
      if (this.#isClosed) throw closed(op);
      const trunk = this.#options.pickTrunk();
      if (trunk === undefined) throw noWorker(op);
      const answer = await trunk.request((ref) =>
        trunk.out.json(TrunkKind.Request, { ref, op, ...body }, TRUNK_STREAM),
      );
      if (answer.ok) {
        const result = readAnswer(op, answer, read);
        if (result instanceof BackendError) throw result;
        return result;
      }
      if (answer.error !== 'lost' || left === 1) throw failureOf(op, answer);
    }
  }
}
