/**
 * Messages for topics on their way to shared state. All go over one trunk, in the order of calling, until that trunk is lost
 * or silent; then whatever has no answer goes over another one, in the same order, and what is new behind it. Nobody knows
 * which of them the first worker had published already: each has a key that shared state knows it by, so a repeat changes
 * nothing. Spreading over all trunks was rejected: two messages for a topic could overtake each other.
 */
import {
  type Answer,
  MAX_OPEN_REQUESTS,
  readPublished,
  type TopicPosition,
  TRUNK_STREAM,
  TrunkKind,
} from '@holdfast/protocol';
import { BackendError } from './errors.js';
import type { SessionCore } from './session-core.js';
import { failureOf, noAnswer, noWorker, readAnswer, tooMany } from './topic-answers.js';
import type { Trunk } from './trunk.js';

type AnyTrunk = Trunk<SessionCore>;

export interface PublisherOptions {
  /** The best one there is; undefined when there is none. */
  readonly pickTrunk: () => AnyTrunk | undefined;
  /** Begins every key that is made here: no other process has it. */
  readonly keyPrefix: string;
  /** `tick` is needed from now on, though there may be no trunk. */
  readonly onWaiting: () => void;
}

export interface NewMessage {
  readonly topic: string;
  readonly isBinary: boolean;
  readonly data: Uint8Array;
  readonly key: string | undefined;
}

interface Pending {
  readonly message: NewMessage & { readonly key: string };
  readonly resolve: (position: TopicPosition) => void;
  readonly reject: (error: BackendError) => void;
  /** Until then it is sent again. */
  readonly retryUntilMs: number;
  /** Over which it was asked last; undefined: it waits for one. */
  trunk: AnyTrunk | undefined;
  /** Some worker may have published it. */
  wasAsked: boolean;
}

/** Payloads that have no answer yet. */
export const MAX_PENDING_BYTES: number = 64 * 1024 * 1024;
const RETRY_FOR_MS = 5000;

export class Publisher {
  readonly #options: PublisherOptions;
  /** In the order of calling. */
  readonly #pending = new Set<Pending>();
  #pendingBytes = 0;
  #trunk: AnyTrunk | undefined;
  #lastKey = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  publish(message: NewMessage): Promise<TopicPosition> {
    if (this.#pending.size >= MAX_OPEN_REQUESTS || this.#pendingBytes + message.data.length > MAX_PENDING_BYTES) {
      return Promise.reject(tooMany('publish', `${this.#pending.size} of ${this.#pendingBytes} bytes`));
    }
    return new Promise((resolve, reject) => {
      const retryUntilMs = performance.now() + RETRY_FOR_MS;
      const key = message.key ?? this.#newKey();
      const pending: Pending = {
        message: { ...message, key },
        resolve,
        reject,
        retryUntilMs,
        trunk: undefined,
        wasAsked: false,
      };
      this.#pending.add(pending);
      this.#pendingBytes += message.data.length;
      if (this.#choose()) this.#sendAll();
      else this.#send(pending);
      if (pending.trunk === undefined) this.#options.onWaiting();
    });
  }

  /** A trunk has come or gone. */
  onTrunksChanged(): void {
    if (this.#pending.size > 0 && this.#choose()) this.#sendAll();
  }

  tick(nowMs: number): void {
    if (this.#pending.size > 0 && this.#choose()) this.#sendAll();
    for (const pending of this.#pending) {
      if (pending.retryUntilMs > nowMs) return;
      // One that was asked has an answer within the time of a request.
      if (pending.trunk === undefined) this.#fail(pending, unanswered(pending));
    }
  }

  /** Nothing will be answered any more. */
  close(error: BackendError): void {
    for (const pending of this.#pending) this.#fail(pending, error);
  }

  /** True when it is another trunk than before. */
  #choose(): boolean {
    const before = this.#trunk;
    if (before !== undefined && before.worker !== undefined && !before.isLeaving && !before.isSilent) return false;
    const other = this.#options.pickTrunk();
    // Not from one that goes to another that goes: each change sends everything again.
    const isBetter = other !== undefined && !other.isLeaving && !other.isSilent;
    if (isBetter || before?.worker === undefined) this.#trunk = other;
    return this.#trunk !== before;
  }

  #sendAll(): void {
    for (const pending of this.#pending) this.#send(pending);
  }

  #send(pending: Pending): void {
    const trunk = this.#trunk;
    if (trunk === undefined || pending.trunk === trunk) return;
    // Too late for another try. An answer that still came would be one out of order: later ones are on the new trunk.
    if (performance.now() > pending.retryUntilMs) return this.#fail(pending, unanswered(pending));
    pending.trunk = trunk;
    const { topic, key, isBinary, data } = pending.message;
    const answer = trunk.request((ref) => {
      pending.wasAsked = true;
      const body = { ref, op: 'publish', topic, key };
      trunk.out.jsonWithTail(TRUNK_STREAM, TrunkKind.Request, body, [{ n: 1, isBinary, data }]);
    });
    void answer.then((result) => this.#onAnswer(pending, trunk, result));
  }

  /** An answer that comes from a trunk that was given up is as good as any: they all say where the message is. */
  #onAnswer(pending: Pending, trunk: AnyTrunk, answer: Answer): void {
    if (!this.#pending.has(pending)) return;
    if (answer.ok) return this.#settle(pending, answer);
    if (pending.trunk !== trunk) return;
    if (answer.error === 'tooMany' && pending.wasAsked) return this.#fail(pending, unanswered(pending));
    if (answer.error !== 'lost' || performance.now() > pending.retryUntilMs) {
      return this.#fail(pending, failureOf('publish', answer));
    }
    pending.trunk = undefined;
    if (this.#choose()) this.#sendAll();
    else this.#send(pending);
  }

  #settle(pending: Pending, answer: Answer & { readonly ok: true }): void {
    const position = readAnswer('publish', answer, readPublished);
    if (position instanceof BackendError) return this.#fail(pending, position);
    this.#forget(pending);
    pending.resolve({ epoch: position.epoch, offset: position.offset });
  }

  #fail(pending: Pending, error: BackendError): void {
    this.#forget(pending);
    pending.reject(error);
  }

  #forget(pending: Pending): void {
    if (this.#pending.delete(pending)) this.#pendingBytes -= pending.message.data.length;
  }

  #newKey(): string {
    this.#lastKey += 1;
    return `${this.#options.keyPrefix}:${this.#lastKey.toString(36)}`;
  }
}

/** Of one that is given up: was it ever asked? */
function unanswered({ wasAsked }: Pending): BackendError {
  return wasAsked ? noAnswer('publish', 'its workers were lost') : noWorker('publish');
}
