/**
 * What SDK clients ask of topics: subscribe, unsubscribe, publish, history, presence; and the topics that a client says it
 * heard when it comes back. Every question gets an answer. What is no question at all is a ProtocolError, as elsewhere.
 *
 * Whoever is on a topic, by its own wish or its backend's, may ask for it again, for its history, and for who is there.
 */
import {
  decodeJson,
  encodeSubscribeRefused,
  encodeTopicFailure,
  encodeTopicResult,
  type HeldTopic,
  isTopicName,
  MAX_CONTROL_BYTES,
  ProtocolError,
  readHistory,
  readPublish,
  readRef,
  readSubscribe,
  readTopic,
  type Subscribe,
  type TopicAction,
  TopicKind,
  type TopicRefusal,
} from '@holdfast/protocol';
import type { Authorization, Permission } from './authorization.js';
import type { ClientRates } from './client-rates.js';
import { topicsOf } from './session-topics.js';
import { type PublishRequest, refused, type TopicRequests, type TopicResult } from './topic-requests.js';
import type { TopicSession } from './session-topics.js';
import type { TopicStats } from './topic-stats.js';
import type { Topics } from './topics.js';

export interface ClientTopicsOptions {
  readonly topics: Topics;
  readonly requests: TopicRequests;
  readonly authorization: Authorization;
  readonly rates: ClientRates;
  readonly stats: TopicStats;
}

/** First bytes of the frames that are read here. */
const TEXT_KINDS: ReadonlySet<number> = new Set([
  TopicKind.Subscribe,
  TopicKind.Unsubscribe,
  TopicKind.PublishText,
  TopicKind.History,
  TopicKind.Presence,
]);

export function isTopicFrame(kind: number | undefined, isBinary: boolean): boolean {
  return kind !== undefined && (isBinary ? kind === TopicKind.PublishBinary : TEXT_KINDS.has(kind));
}

export class ClientTopics {
  readonly #options: ClientTopicsOptions;

  constructor(options: ClientTopicsOptions) {
    this.#options = options;
  }

  /** One of `isTopicFrame`, from a welcomed client. `bytes` is valid during the call only. */
  onFrame(session: TopicSession, bytes: Uint8Array, isBinary: boolean): void {
    const [kind] = bytes;
    if (kind === TopicKind.PublishText || kind === TopicKind.PublishBinary) {
      return this.#onPublish(session, bytes, isBinary);
    }
    if (bytes.length > MAX_CONTROL_BYTES) {
      throw new ProtocolError(`control frame: expected at most ${MAX_CONTROL_BYTES} bytes, got ${bytes.length}`);
    }
    const body = decodeJson(bytes.subarray(1));
    switch (kind) {
      case TopicKind.Subscribe:
        return this.#onSubscribe(session, readSubscribe(body));
      case TopicKind.Unsubscribe:
        this.#options.topics.unsubscribe(session, readTopic(body), 'client');
        return;
      case TopicKind.History: {
        const query = readHistory(body);
        return this.#onQuestion(session, { ...query, ref: readRef(body), action: 'history' }, () =>
          this.#options.requests.history(query),
        );
      }
      case TopicKind.Presence: {
        const topic = readTopic(body);
        return this.#onQuestion(session, { topic, ref: readRef(body), action: 'presence' }, () =>
          this.#options.requests.members(topic),
        );
      }
    }
  }

  /** A welcomed client said that it heard these. Those that it was made to join wait until its backend repeats that. */
  onHello(session: TopicSession, held: readonly HeldTopic[]): void {
    const asked: Subscribe[] = [];
    for (const { topic, epoch, offset, presence, joined } of held) {
      if (!joined && !isTopicName(topic)) {
        refuseSubscribe(session, topic, 'invalid');
        continue;
      }
      // Also of what it asks for itself: its backend may have it join the same topic, and be first.
      (topicsOf(session).heldPositions ??= new Map()).set(topic, { epoch, offset });
      if (!joined) asked.push({ topic, since: { epoch, offset }, presence });
    }
    if (asked.length > 0) void this.#subscribeOnceAllowed(session, asked);
  }

  #onSubscribe(session: TopicSession, subscribe: Subscribe): void {
    const { topic } = subscribe;
    if (!isTopicName(topic)) return refuseSubscribe(session, topic, 'invalid');
    if (!this.#options.rates.mayAsk(session)) return refuseSubscribe(session, topic, 'limit');
    const grant = this.#known(session, topic, 'subscribe');
    if (grant !== undefined) this.#subscribe(session, subscribe, grant);
    else void this.#subscribeOnceAllowed(session, [subscribe]);
  }

  async #subscribeOnceAllowed(session: TopicSession, subscribes: readonly Subscribe[]): Promise<void> {
    const asks = subscribes.map(({ topic }) => ({ topic, action: 'subscribe' as const }));
    const permissions = await this.#options.authorization.ask(session, asks);
    if (session.isOver) return;
    for (const [i, subscribe] of subscribes.entries()) {
      this.#subscribe(session, subscribe, permissions[i] ?? 'unavailable');
    }
  }

  #subscribe(session: TopicSession, { topic, since, presence }: Subscribe, permission: Permission): void {
    if (typeof permission === 'string') return refuseSubscribe(session, topic, permission);
    const { info } = permission;
    session.topics?.heldPositions?.delete(topic);
    const taken = this.#options.topics.subscribe(session, { topic, since, presence, info, by: 'client' });
    if (taken === 'limit') refuseSubscribe(session, topic, 'limit');
  }

  #onPublish(session: TopicSession, bytes: Uint8Array, isBinary: boolean): void {
    const { ref, topic, payloadAt } = readPublish(bytes, { start: 0, end: bytes.length, isBinary });
    // Copied: the frame is the socket's.
    const request = { topic, isBinary, data: new Uint8Array(bytes.subarray(payloadAt)), key: undefined };
    const refusal = this.#options.requests.refusePublish(request) ?? this.#options.rates.refusePublish(session, topic);
    if (refusal !== undefined) return this.#refusePublish(session, ref, refusal);
    const grant = this.#options.authorization.find(session, { topic, action: 'publish' });
    if (grant !== undefined) void this.#publish(session, ref, request);
    else void this.#publishOnceAllowed(session, ref, request);
  }

  async #publishOnceAllowed(session: TopicSession, ref: number, request: PublishRequest): Promise<void> {
    const { authorization, rates } = this.#options;
    const [permission] = await authorization.ask(session, [{ topic: request.topic, action: 'publish' }]);
    if (typeof permission === 'object') return this.#publish(session, ref, request);
    rates.publishDone(session);
    this.#refusePublish(session, ref, permission ?? 'unavailable');
  }

  async #publish(session: TopicSession, ref: number, request: PublishRequest): Promise<void> {
    const result = await this.#options.requests.publish(request, 'client');
    this.#options.rates.publishDone(session);
    answer(session, ref, result);
  }

  #refusePublish(session: TopicSession, ref: number, refusal: TopicRefusal): void {
    this.#options.stats.onPublish('client', refusal);
    answer(session, ref, refused(refusal));
  }

  #onQuestion(
    session: TopicSession,
    { topic, ref, action }: { readonly topic: string; readonly ref: number; readonly action: TopicAction },
    ask: () => Promise<TopicResult>,
  ): void {
    if (!isTopicName(topic)) answer(session, ref, refused('invalid'));
    else if (!this.#options.rates.mayAsk(session)) answer(session, ref, refused('limit'));
    else void this.#answerOnceAllowed(session, { topic, ref, action }, ask);
  }

  async #answerOnceAllowed(
    session: TopicSession,
    { topic, ref, action }: { readonly topic: string; readonly ref: number; readonly action: TopicAction },
    ask: () => Promise<TopicResult>,
  ): Promise<void> {
    const permission =
      this.#known(session, topic, action) ?? (await this.#options.authorization.ask(session, [{ topic, action }]))[0];
    if (typeof permission === 'object') answer(session, ref, await ask());
    else answer(session, ref, refused(permission ?? 'unavailable'));
  }

  #known(session: TopicSession, topic: string, action: TopicAction): Permission | undefined {
    if (session.topics?.find(topic) !== undefined) return { info: undefined };
    return this.#options.authorization.find(session, { topic, action });
  }
}

function refuseSubscribe(session: TopicSession, topic: string, refusal: TopicRefusal): void {
  session.send(encodeSubscribeRefused(topic, refusal));
}

function answer(session: TopicSession, ref: number, result: TopicResult): void {
  if (session.isOver) return;
  if (result.ok) session.send(encodeTopicResult(ref, result.body));
  else session.send(encodeTopicFailure(ref, result.error, result.retryable));
}
