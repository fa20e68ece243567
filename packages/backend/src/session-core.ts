/**
 * One session at this backend, without the sugar that applications see (session.ts): what is known of its client, on which
 * stream it can be reached, its numbers, what waits. It does no I/O: what is to leave is asked for at the end of the turn
 * (downlink.ts), so that a reply and the acknowledgement of what it answers leave together.
 */
import {
  type Body,
  type Bound,
  type ClientCounters,
  type ClientRequest,
  CloseCode,
  DOWN_TAIL,
  type Open,
  PARKED_TAIL,
} from '@holdfast/protocol';
import { Emitter } from './emitter.js';
import type { Exchange } from './exchange.js';
import { HandlerQueue, type MessageInfo } from './handler-queue.js';
import { inflowOf } from './inflow.js';
import type { Payload } from './payload.js';
import type { SessionEnd, SessionEvents } from './session-events.js';
import { SessionTopics } from './session-topics.js';
import type { MemberInfo } from './topic-arguments.js';
import type { Trunk } from './trunk.js';

/** What sessions need of their backend. */
export interface SessionHost {
  onListenerFailed(error: unknown, core: SessionCore): void;
  onHandlerFailed(error: unknown, core: SessionCore, info: MessageInfo): void;
  /** It has something to write at the end of the turn. */
  onTouched(core: SessionCore): void;
  /** It owes an acknowledgement within a second, by itself if nothing else is said. */
  onAckOwed(core: SessionCore): void;
  /** Its outbox is full: is its client reading at all? */
  onFull(core: SessionCore): void;
  onDetached(core: SessionCore): void;
  /** What is parked of it is out of date. */
  onParkedChanged(core: SessionCore): void;
  /** It is to be forgotten. */
  onEnded(core: SessionCore): void;
}

/** The lane to the client. */
export interface Attachment {
  readonly trunk: Trunk<SessionCore>;
  readonly stream: number;
  /** The client has said how far it got: data may flow. */
  isSynced: boolean;
  /** The worker takes data. */
  hasCredit: boolean;
  /** The worker was told to send none. */
  isThrottled: boolean;
  /** The worker was answered: what else is to say about the stream may be said. */
  isOpened: boolean;
}

/** What of a detached session is in shared state. */
export interface Parking {
  /** Highest `d` that is parked. */
  parkedUpTo: number;
  /** No more messages are taken: further ones would not fit there. */
  isFull: boolean;
  /** It took no part of the tail: counters alone are parked. */
  isTailRefused: boolean;
  isInFlight: boolean;
  /** Shared state does not know the session: it lives here alone. */
  isRefused: boolean;
  /** After a failure. */
  retryAtMs: number;
}

/** ending: the application closed it, and what it sent before is still to leave. ended: gone from here. */
export type SessionPhase = 'open' | 'ending' | 'ended';

export class SessionCore {
  readonly id: string;
  readonly isPlain: boolean;
  readonly principal: string;
  readonly claims: Body | undefined;
  readonly request: ClientRequest;
  readonly exchange: Exchange;
  readonly events: Emitter<SessionEvents>;
  readonly queue: HandlerQueue = new HandlerQueue(this);
  readonly #host: SessionHost;
  generation: number;
  windowMs: number;
  state: unknown;
  /** What the application has of it. */
  view: unknown;
  attachment: Attachment | undefined;
  detachedAtMs = 0;
  parking: Parking | undefined;
  /** It waits for its turn to be written. */
  isDirty = false;
  /** It waits for something that its acknowledgement can ride on. */
  isOwing = false;
  /** Since when its outbox is full without the client acknowledging anything; 0: it is not. */
  fullSinceMs = 0;
  /** It is about to go to another backend: nothing new begins. */
  isLeaving = false;
  #topics: SessionTopics | undefined;
  #phase: SessionPhase = 'open';
  #end: SessionEnd = { code: CloseCode.Normal, reason: '' };
  /** The application was told that there is no room. */
  #isRefusing = false;

  constructor(open: Open, parts: { readonly exchange: Exchange; readonly state: unknown; readonly host: SessionHost }) {
    const { path, query, headers, address } = open;
    this.id = open.session;
    this.isPlain = open.plain;
    this.principal = open.principal ?? '';
    this.claims = open.claims;
    this.request = { path, query, headers, address };
    this.generation = open.generation;
    this.windowMs = open.windowMs;
    this.exchange = parts.exchange;
    this.state = parts.state;
    this.#host = parts.host;
    this.events = new Emitter((error) => this.#host.onListenerFailed(error, this));
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** Why it is ending. */
  get end(): SessionEnd {
    return this.#end;
  }

  get redeliveredUpTo(): number {
    return this.exchange.redeliveredUpTo;
  }

  /** What the client may forget. */
  get acknowledgeable(): number {
    return this.exchange.acknowledgeable;
  }

  get isFull(): boolean {
    const { keptMessages, keptBytes } = this.exchange;
    const { messages, bytes } = this.#bound;
    return keptMessages >= messages || keptBytes >= bytes || this.parking?.isFull === true;
  }

  /** False at the bound, and after the end; the message is then not taken. `bytes`: how long it is. */
  send(data: Payload, bytes: number): boolean {
    if (this.#phase !== 'open') return false;
    if (this.isFull) {
      this.#isRefusing = true;
      this.#watch();
      return false;
    }
    // A copy: the application may use its bytes for something else before the client has them.
    this.exchange.outbox.push(typeof data === 'string' ? data : new Uint8Array(data), bytes);
    this.#onChanged();
    this.#watch();
    return true;
  }

  get topics(): readonly string[] {
    return this.#topics?.names ?? [];
  }

  /** False at the bound, and after the end. */
  join(topic: string, info: MemberInfo | undefined): boolean {
    if (this.#phase !== 'open') return false;
    this.#topics ??= new SessionTopics();
    return this.#topics.join(topic, info, this.#opened);
  }

  leave(topic: string): void {
    if (this.#phase !== 'open') return;
    this.#topics ??= new SessionTopics();
    this.#topics.leave(topic, this.#opened);
  }

  /** The worker of the stream was answered that it is open. */
  onOpened(): void {
    const { attachment } = this;
    if (attachment === undefined) return;
    attachment.isOpened = true;
    this.#topics?.repeat(attachment);
  }

  setState(state: unknown): void {
    this.state = state;
    if (this.attachment === undefined && this.#phase === 'open') this.#host.onParkedChanged(this);
  }

  /** What was sent before still leaves. */
  close(end: SessionEnd): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ending';
    this.#end = end;
    this.queue.stop();
    this.touch();
    this.events.emit('close', end);
  }

  /** A stream leads to the client from now on; another one that did is over. */
  attach(trunk: Trunk<SessionCore>, stream: number): void {
    const old = this.attachment;
    if (old !== undefined) {
      old.trunk.streams.delete(old.stream);
      old.trunk.out.end(old.stream, { kind: 'detach', code: CloseCode.Replaced, reason: 'replaced' });
    }
    this.attachment = { trunk, stream, isSynced: this.isPlain, hasCredit: true, isThrottled: false, isOpened: false };
    trunk.streams.set(stream, this);
    this.parking = undefined;
    this.fullSinceMs = 0;
    this.isLeaving = false;
    if (this.#phase === 'open') this.queue.restart();
    this.touch();
  }

  /** The worker was told of it. */
  onAttached(): void {
    if (this.#phase !== 'open') return;
    this.events.emit('attached');
    this.tellWritable();
  }

  /** The client has said how far it got. False: this copy of the session is out of date. */
  sync(client: ClientCounters): boolean {
    if (!this.exchange.sync(client)) return false;
    if (this.attachment !== undefined) this.attachment.isSynced = true;
    this.touch();
    this.#watch();
    this.tellWritable();
    return true;
  }

  /** The stream is over: the session waits for another one. */
  detach(end: SessionEnd): void {
    if (this.attachment === undefined) return;
    this.#release();
    this.detachedAtMs = performance.now();
    this.parking = newParking();
    this.#host.onDetached(this);
    if (this.#phase !== 'open') return;
    this.events.emit('detached', end);
    this.tellWritable();
  }

  /** Has the client's connection closed; the client may come back. */
  disconnect(code: number, reason: string): void {
    const { attachment } = this;
    if (attachment === undefined) return;
    attachment.trunk.out.end(attachment.stream, { kind: 'detach', code, reason });
    this.detach({ code, reason });
  }

  /** Shared state says that another backend has it. A client that is still here finds it by coming back. */
  giveUp(): void {
    const end = { code: CloseCode.Fenced, reason: 'another backend has the session' };
    this.disconnect(end.code, end.reason);
    this.finish(end);
  }

  /** It is over here. */
  finish(end: SessionEnd): void {
    if (this.#phase === 'ended') return;
    const wasOpen = this.#phase === 'open';
    this.#phase = 'ended';
    if (this.attachment !== undefined) this.detachedAtMs = performance.now();
    this.queue.stop();
    this.#release();
    this.#host.onEnded(this);
    if (wasOpen) this.events.emit('close', end);
  }

  /**
   * It may go to another backend: handlers finish what they have in hand, then `onIdle` is called. What waits is forgotten,
   * the client sends it again; a plain client cannot, so its messages have their turn first.
   */
  prepareToLeave(onIdle: () => void): void {
    this.isLeaving = true;
    if (this.isPlain) return this.queue.finish(onIdle);
    this.exchange.forgetReceivedAbove(this.queue.inHand ?? this.exchange.handled);
    this.queue.stop(onIdle);
  }

  /** Of the queue. */
  onHandled(n: number): void {
    if (this.#phase !== 'open') return;
    this.exchange.handled = n;
    if (this.attachment === undefined) return this.#host.onParkedChanged(this);
    this.oweAck();
    if (this.attachment.isThrottled && inflowOf(this.queue, this.isPlain) === 'resume') this.throttle(false);
  }

  /** Of the queue. */
  onHandlerFailed(error: unknown, info: MessageInfo): void {
    this.#host.onHandlerFailed(error, this, info);
  }

  onCommitted(handled: number): void {
    const { exchange } = this;
    exchange.committed = Math.max(exchange.committed, handled);
    this.oweAck();
  }

  /** The client has more than before. */
  onAcknowledged(): void {
    if (this.fullSinceMs !== 0) this.fullSinceMs = this.isFull ? performance.now() : 0;
    if (this.#isRefusing) this.tellWritable();
  }

  /** Something may be acknowledged: now if it is due, within a second otherwise. */
  oweAck(): void {
    if (this.isPlain || this.isDirty || this.attachment === undefined) return;
    const { inbox, acknowledgeable } = this.exchange;
    if (inbox.isAckDue(acknowledgeable)) this.touch();
    else if (!this.isOwing && inbox.isAckOwed(acknowledgeable)) this.#host.onAckOwed(this);
  }

  /** Tells the worker to stop sending on this stream, or to go on. */
  throttle(isThrottled: boolean): void {
    const { attachment } = this;
    if (attachment === undefined) return;
    attachment.isThrottled = isThrottled;
    attachment.trunk.out.credit(attachment.stream, !isThrottled);
  }

  /** Something may be to write. */
  touch(): void {
    if (!this.isDirty && this.attachment !== undefined) this.#host.onTouched(this);
  }

  /** Whoever was refused hears of room when half of it is free, not with every message that leaves. */
  tellWritable(): void {
    if (!this.#isRefusing || this.parking?.isFull === true) return;
    const { keptMessages, keptBytes } = this.exchange;
    const { messages, bytes } = this.#bound;
    if (keptMessages * 2 > messages || keptBytes * 2 > bytes) return;
    this.#isRefusing = false;
    if (this.#phase === 'open') this.events.emit('writable');
  }

  get #opened(): Attachment | undefined {
    return this.attachment?.isOpened === true ? this.attachment : undefined;
  }

  get #bound(): Bound {
    return this.attachment === undefined && !this.isPlain ? PARKED_TAIL : DOWN_TAIL;
  }

  /** A client that leaves its outbox full may not be reading at all. */
  #watch(): void {
    if (this.fullSinceMs === 0 && this.attachment !== undefined && !this.isPlain && this.isFull)
      this.#host.onFull(this);
  }

  #onChanged(): void {
    if (this.attachment === undefined) this.#host.onParkedChanged(this);
    else this.touch();
  }

  #release(): void {
    if (this.attachment !== undefined) this.attachment.trunk.streams.delete(this.attachment.stream);
    this.attachment = undefined;
    this.fullSinceMs = 0;
  }
}

export function newParking(): Parking {
  return {
    parkedUpTo: 0,
    isFull: false,
    isTailRefused: false,
    isInFlight: false,
    isRefused: false,
    retryAtMs: 0,
  };
}
