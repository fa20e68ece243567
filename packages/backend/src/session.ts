/** A session as the application sees it. Everything it says is passed on to session-core.ts. */
import { type Body, type ClientRequest, cutCloseReason, CloseCode, isWireCloseCode } from '@holdfast/protocol';
import type { CommitOutcome, Commits } from './commits.js';
import type { Listener } from './emitter.js';
import { BackendError } from './errors.js';
import type { MessageHandler } from './handler-queue.js';
import { byteLengthOf } from './payload.js';
import type { SessionCore } from './session-core.js';
import type { SessionEvents } from './session-events.js';
import { expectTopic, infoOf, type MemberInfo } from './topic-arguments.js';

export interface SessionParts {
  readonly core: SessionCore;
  readonly commits: Commits;
  /** As they are at the moment: workers come and go. */
  readonly limits: { readonly maxMessageBytes: number };
}

/** `message` is told apart from the others: its handlers run one after another, and what they return is waited for. */
export interface SessionListeners extends SessionEvents {
  message: Parameters<MessageHandler>;
}

export class BackendSession {
  readonly #core: SessionCore;
  readonly #commits: Commits;
  readonly #limits: SessionParts['limits'];

  constructor({ core, commits, limits }: SessionParts) {
    this.#core = core;
    this.#commits = commits;
    this.#limits = limits;
  }

  /** 22 characters, public. */
  get id(): string {
    return this.#core.id;
  }

  /** Who the client is, as authentication said; empty when nobody asked. */
  get principal(): string {
    return this.#core.principal;
  }

  /** What authentication said besides. */
  get claims(): Body | undefined {
    return this.#core.claims;
  }

  /** Of the connection that the session began with. */
  get request(): ClientRequest {
    return this.#core.request;
  }

  /** A WebSocket client without the SDK: no numbers, no resume. */
  get isPlain(): boolean {
    return this.#core.isPlain;
  }

  /** Does a connection lead to the client now? What is sent meanwhile waits for the next one. */
  get isAttached(): boolean {
    return this.#core.attachment !== undefined && this.#core.phase === 'open';
  }

  get isClosed(): boolean {
    return this.#core.phase !== 'open';
  }

  /** Sent, and not acknowledged by the client. */
  get bufferedBytes(): number {
    return this.#core.exchange.keptBytes;
  }

  /** What the next backend is to know: something that JSON can say, a string or bytes. Read when the session leaves. */
  get state(): unknown {
    return this.#core.state;
  }

  set state(state: unknown) {
    this.#core.setState(state);
  }

  /** False at the bound: the message is then not taken, and `writable` follows. False after the end, too. Bytes are copied. */
  send(data: string | ArrayBuffer | ArrayBufferView): boolean {
    const payload = typeof data === 'string' ? data : viewOf(data, this.id);
    const bytes = byteLengthOf(payload);
    const { maxMessageBytes } = this.#limits;
    if (bytes <= maxMessageBytes) return this.#core.send(payload, bytes);
    const message = `send: expected at most ${maxMessageBytes} bytes, got ${bytes}`;
    throw new BackendError('BACKEND_MESSAGE_TOO_BIG', message, { sessionId: this.id });
  }

  /** Writes `state` down, together with the number of the last handled message: where a crash goes on from. */
  async commit(state: unknown = this.#core.state): Promise<CommitOutcome> {
    this.#core.setState(state);
    return this.#commits.commit(this.#core);
  }

  /** What it has joined. */
  get topics(): readonly string[] {
    return this.#core.topics;
  }

  /**
   * The client hears the topic from now on, wherever it comes back to. False at the bound of 100, and after the end.
   * `info`: what others are told of it where the topic has presence.
   */
  join(topic: string, { info }: { readonly info?: MemberInfo | undefined } = {}): boolean {
    expectTopic(topic, 'join');
    return this.#core.join(topic, infoOf(info, 'join'));
  }

  /** The client does not hear it any more, whoever had it begin. */
  leave(topic: string): void {
    expectTopic(topic, 'leave');
    this.#core.leave(topic);
  }

  /** Final: the client is told, after what was sent before. */
  close(code: number = CloseCode.Normal, reason = ''): void {
    if (!isWireCloseCode(code)) {
      const expected = 'expected a code that a close frame may carry, such as 1000 or 4000 to 4999';
      throw new BackendError('BACKEND_BAD_CLOSE', `close: ${expected}, got ${code}`, { sessionId: this.id });
    }
    this.#core.close({ code, reason: cutCloseReason(reason) });
  }

  on<K extends keyof SessionListeners>(event: K, listener: Listener<SessionListeners[K]>): this {
    if (event === 'message') this.#core.queue.add(listener as MessageHandler);
    else this.#core.events.add(event, listener as Listener<never>);
    return this;
  }

  once<K extends keyof SessionListeners>(event: K, listener: Listener<SessionListeners[K]>): this {
    if (event !== 'message') {
      this.#core.events.add(event, listener as Listener<never>, true);
      return this;
    }
    const handler: MessageHandler = (data, info) => {
      this.#core.queue.remove(handler);
      return (listener as MessageHandler)(data, info);
    };
    this.#core.queue.add(handler);
    return this;
  }

  off<K extends keyof SessionListeners>(event: K, listener: Listener<SessionListeners[K]>): this {
    if (event === 'message') this.#core.queue.remove(listener as MessageHandler);
    else this.#core.events.remove(event, listener as Listener<never>);
    return this;
  }
}

function viewOf(data: ArrayBuffer | ArrayBufferView, sessionId: string): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  const message = `send: expected a string, an ArrayBuffer or a view of one, got ${typeof data}`;
  throw new BackendError('BACKEND_BAD_DATA', message, { sessionId });
}
