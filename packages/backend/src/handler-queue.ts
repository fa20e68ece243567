/**
 * Gives the messages of one session to the application's handlers, one after another: the next one when the promises that
 * the handlers returned for the last have settled. Handlers that return nothing cost no promise, closure or timer. Messages
 * that come before there is a handler wait for it, so that an application may load something first.
 */
import type { Payload } from './payload.js';

export type MessageHandler = (data: Payload, info: MessageInfo) => unknown;

/** What a handler is told besides the data. */
export class MessageInfo {
  /** The application before this one may have handled the message: its backend died before it could say so. */
  readonly redelivered: boolean;
  /** Of this message in its session. */
  readonly number: number;
  readonly #sessionId: string;

  constructor(sessionId: string, number: number, redelivered: boolean) {
    this.#sessionId = sessionId;
    this.number = number;
    this.redelivered = redelivered;
  }

  /** The same whenever and wherever the message is delivered again: a key for whoever must not act twice. */
  get id(): string {
    return `${this.#sessionId}.${this.number}`;
  }
}

/** Who wants to know; the session. */
export interface HandlerQueueOwner {
  readonly id: string;
  readonly redeliveredUpTo: number;
  /** The handlers are done with the message, whether they failed or not. */
  onHandled(n: number): void;
  onHandlerFailed(error: unknown, info: MessageInfo): void;
}

interface Waiting {
  readonly n: number;
  readonly data: Payload;
  readonly bytes: number;
}

const NONE: readonly MessageHandler[] = [];
/** A queue that is never empty would otherwise keep the places of all that it ever held. */
const COMPACT_AT = 64;

export class HandlerQueue {
  readonly #owner: HandlerQueueOwner;
  /** Replaced, never changed: a message goes to the handlers that were there when it was its turn. */
  #handlers = NONE;
  #waiting: (Waiting | undefined)[] = [];
  #head = 0;
  #waitingBytes = 0;
  #inHand: MessageInfo | undefined;
  #unsettled = 0;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(owner: HandlerQueueOwner) {
    this.#owner = owner;
  }

  /** Number of the message whose handlers run; undefined between messages. */
  get inHand(): number | undefined {
    return this.#inHand?.number;
  }

  /** Messages that no handler is done with. */
  get unhandled(): number {
    return this.#waiting.length - this.#head + (this.#inHand === undefined ? 0 : 1);
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  add(handler: MessageHandler): void {
    this.#handlers = [...this.#handlers, handler];
    // Not at once: whoever adds a handler may want to add another one.
    if (this.#handlers.length === 1 && this.unhandled > 0) setImmediate(() => this.#pump());
  }

  remove(handler: MessageHandler): void {
    this.#handlers = this.#handlers.filter((one) => one !== handler);
  }

  take(n: number, data: Payload, bytes: number): void {
    if (this.#isStopped) return;
    if (this.#inHand === undefined && this.#handlers.length > 0 && this.#head === this.#waiting.length) {
      this.#run(n, data);
    } else {
      this.#waiting.push({ n, data, bytes });
      this.#waitingBytes += bytes;
    }
  }

  /** Nothing is given to handlers any more. `onIdle` is called once none of them runs: now, if none does. */
  stop(onIdle?: () => void): void {
    this.#isStopped = true;
    this.#waiting = [];
    this.#head = this.#waitingBytes = 0;
    this.#callWhenIdle(onIdle);
  }

  /** After a `stop`: what comes is given to handlers again. */
  restart(): void {
    this.#isStopped = false;
    this.#onIdle = undefined;
  }

  /** Like `stop`, after what waits has had its turn. */
  finish(onIdle: () => void): void {
    if (this.unhandled === 0) this.stop(onIdle);
    else this.#onIdle = () => this.finish(onIdle);
  }

  #callWhenIdle(onIdle: (() => void) | undefined): void {
    this.#onIdle = undefined;
    if (this.#inHand === undefined) onIdle?.();
    else this.#onIdle = onIdle;
  }

  #run(n: number, data: Payload): void {
    const info = new MessageInfo(this.#owner.id, n, n <= this.#owner.redeliveredUpTo);
    this.#inHand = info;
    const handlers = this.#handlers;
    for (let i = 0; i < handlers.length; i += 1) {
      try {
        const result = (handlers[i] as MessageHandler)(data, info);
        if (typeof result === 'object' && result !== null && 'then' in result) this.#await(result, info);
      } catch (error) {
        this.#owner.onHandlerFailed(error, info);
      }
    }
    if (this.#unsettled === 0) this.#finishMessage(n);
  }

  #await(result: object, info: MessageInfo): void {
    this.#unsettled += 1;
    Promise.resolve(result).then(
      () => this.#settle(info),
      (error: unknown) => {
        this.#owner.onHandlerFailed(error, info);
        this.#settle(info);
      },
    );
  }

  #settle({ number }: MessageInfo): void {
    this.#unsettled -= 1;
    if (this.#unsettled > 0) return;
    this.#finishMessage(number);
    this.#pump();
  }

  #finishMessage(n: number): void {
    this.#inHand = undefined;
    this.#owner.onHandled(n);
    if (this.#onIdle === undefined || this.unhandled > 0) return;
    const onIdle = this.#onIdle;
    this.#onIdle = undefined;
    onIdle();
  }

  #pump(): void {
    while (!this.#isStopped && this.#inHand === undefined && this.#handlers.length > 0) {
      const next = this.#shift();
      if (next === undefined) return;
      this.#run(next.n, next.data);
    }
  }

  #shift(): Waiting | undefined {
    const next = this.#waiting[this.#head];
    if (next === undefined) return undefined;
    this.#waiting[this.#head] = undefined;
    this.#head += 1;
    this.#waitingBytes -= next.bytes;
    if (this.#head === this.#waiting.length) this.#waiting = [];
    else if (this.#head >= COMPACT_AT && this.#head * 2 > this.#waiting.length)
      this.#waiting = this.#waiting.slice(this.#head);
    else return next;
    this.#head = 0;
    return next;
  }
}
