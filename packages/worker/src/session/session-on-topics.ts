/**
 * A session as topics know it (session-topics.ts): made when it first has to do with one, so that the sessions that have nothing
 * to do with topics carry a field for them and no more.
 */
import type { Body } from '@holdfast/protocol';
import type { BackendAnswer, SessionTopics, TopicIdentity, TopicSession } from '../topic/session-topics.js';
import { readRequest } from './describe-request.js';
import type { Pool } from '../pool/pool.js';
import type { Link } from '../trunk/link.js';
import type { ClientSide, Taken } from './client-side.js';
import type { SessionRoute } from './session-end.js';

const NO_BACKEND: BackendAnswer = { ok: false, error: 'lost', retryable: true };

/** What it is made from; a Session is one. */
export interface TopicSessionSource {
  readonly id: string;
  readonly isPlain: boolean;
  readonly isOver: boolean;
  readonly pool: Pool;
  /** JSON. */
  readonly request: string;
  readonly link: Link | undefined;
  readonly client: ClientSide;
  readonly route: SessionRoute;
  send(frame: string): void;
  onDropped(): void;
  afterSend(taken: Taken): void;
  close(code: number, reason: string): void;
  endSlow(): void;
}

export class SessionOnTopics implements TopicSession {
  readonly #session: TopicSessionSource;
  topics: SessionTopics | undefined;

  constructor(session: TopicSessionSource) {
    this.#session = session;
  }

  get id(): string {
    return this.#session.id;
  }

  get isPlain(): boolean {
    return this.#session.isPlain;
  }

  get isOver(): boolean {
    return this.#session.isOver;
  }

  get resumeWindowMs(): number {
    return this.#session.pool.config.session?.resumeWindowMs ?? 0;
  }

  get bufferedBytes(): number {
    return this.#session.client.bufferedBytes;
  }

  get bufferBytes(): number {
    return this.#session.route.limits.bufferBytes;
  }

  get identity(): TopicIdentity {
    const { principal, claims } = readRequest(this.#session.request);
    return { principal, claims: claims as Body | undefined };
  }

  async askBackend(body: object): Promise<BackendAnswer> {
    return (await this.#session.link?.provenTrunk?.request(body)) ?? NO_BACKEND;
  }

  send(frame: string): void {
    this.#session.send(frame);
  }

  sendTopicFrame(frame: Uint8Array, isBinary: boolean): void {
    const taken = this.#session.client.sendTopicFrame(frame, isBinary, Math.floor(performance.now()));
    // It costs its topics, and not the connection.
    if (taken === 'overrun') this.#session.onDropped();
    else this.#session.afterSend(taken);
  }

  cork(writes: () => void): void {
    this.#session.client.cork(writes);
  }

  listen(channel: string): void {
    this.#session.client.listen(channel);
  }

  unlisten(channel: string): void {
    this.#session.client.unlisten(channel);
  }

  close(code: number, reason: string): void {
    this.#session.close(code, reason);
  }

  endSlow(): void {
    this.#session.endSlow();
  }
}
