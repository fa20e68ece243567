/**
 * Questions to the server about topics, by number: history, presence, publish. Each is answered, refused, or rejected within
 * 10 s. One that finds no connection waits for it; one that was sent is never sent again, since a publish may have happened,
 * and whoever asked knows best whether to ask again. All wait equally long, so one timer serves: the oldest is first.
 */
import { readResult } from '@holdfast/protocol';
import { ClientError } from './errors.js';
import { type Payload, sizeOf } from './payload.js';

type Body = Readonly<Record<string, unknown>>;

export const ANSWER_TIMEOUT_MS = 10_000;
/** Questions without an answer. A client may publish ten messages per second, if the operator does not say otherwise. */
export const MAX_QUESTIONS = 1000;
/** Of those that wait for a connection; one more may pass it. */
export const MAX_WAITING_BYTES: number = 1024 * 1024;

interface Question {
  /** Undefined once it is sent. */
  frame: Payload | undefined;
  readonly bytes: number;
  readonly dueAt: number;
  readonly resolve: (body: Body) => void;
  readonly reject: (error: ClientError) => void;
}

export class Questions {
  readonly #send: (frame: Payload) => boolean;
  /** By number, oldest first. */
  readonly #open = new Map<number, Question>();
  #lastRef = 0;
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (frame: Payload) => boolean) {
    this.#send = send;
  }

  /** @param read makes the answer; a ProtocolError is the server's fault */
  ask<T>(encode: (ref: number) => Payload, read: (body: Body) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#open.size >= MAX_QUESTIONS || this.#waitingBytes >= MAX_WAITING_BYTES) {
        const message = `topic: expected at most ${MAX_QUESTIONS} questions or 1 MiB to wait, got more: wait for answers`;
        throw new ClientError('CLIENT_QUEUE_FULL', message, { retryable: true });
      }
      const frame = encode((this.#lastRef += 1));
      const bytes = sizeOf(frame);
      this.#waitingBytes += bytes;
      const dueAt = Date.now() + ANSWER_TIMEOUT_MS;
      this.#open.set(this.#lastRef, { frame, bytes, dueAt, resolve: (body) => resolve(read(body)), reject });
      this.#watch();
      this.flush();
    });
  }

  /** Sends what waits, in the order asked. */
  flush(): void {
    if (this.#waitingBytes === 0) return;
    for (const question of this.#open.values()) {
      const { frame } = question;
      if (frame !== undefined) {
        if (!this.#send(frame)) return;
        this.#settle(question);
      }
    }
  }

  onResult(body: Body): void {
    const result = readResult(body);
    const question = this.#open.get(result.ref);
    // Too late; or never asked, which does no harm.
    if (!question) return;
    if (result.ok) question.resolve(body);
    else question.reject(refused('question', result.error, result.retryable));
    this.#settle(question);
    this.#open.delete(result.ref);
    this.#watch();
  }

  /** The connection is gone, and the answers with it. */
  lost(): void {
    this.#rejectWhere(
      ({ frame }) => frame === undefined,
      () =>
        new ClientError('CLIENT_DISCONNECTED', 'topic: expected an answer, got a lost connection', { retryable: true }),
    );
  }

  end(error: ClientError): void {
    this.#rejectWhere(
      () => true,
      () => error,
    );
  }

  #expire(): void {
    const now = Date.now();
    const message = `topic: expected an answer within ${ANSWER_TIMEOUT_MS} ms, got none`;
    this.#rejectWhere(
      ({ dueAt }) => dueAt <= now,
      () => new ClientError('CLIENT_TIMEOUT', message, { retryable: true }),
    );
  }

  #rejectWhere(isMeant: (question: Question) => boolean, error: () => ClientError): void {
    for (const [ref, question] of this.#open) {
      if (isMeant(question)) {
        this.#open.delete(ref);
        this.#settle(question);
        question.reject(error());
      }
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watch();
  }

  /** It waits for the connection no more. */
  #settle(question: Question): void {
    if (question.frame !== undefined) this.#waitingBytes -= question.bytes;
    question.frame = undefined;
  }

  #watch(): void {
    const [oldest] = this.#open.values();
    if (!oldest) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else this.#timer ??= setTimeout(() => this.#expire(), oldest.dueAt - Date.now());
  }
}

export function refused(what: string, refusal: string, retryable: boolean): ClientError {
  return new ClientError('CLIENT_REFUSED', `${what}: expected it to be granted, got ${refusal}`, {
    refusal,
    retryable,
  });
}
