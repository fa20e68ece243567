/**
 * The client's half of a session: its connection, when it was last heard and sent to, and whether it keeps up. A client that
 * does not is not sent more (the backend is told to stop), and one that takes nothing for SLOW_AFTER_MS is given up.
 */
import { cutCloseReason } from '@holdfast/protocol';
import type { SendResult } from '../listener/downstream-socket.js';
import type { DataRun } from '../trunk/stream-owner.js';
import type { ClientConnection } from './client-connection.js';
import type { RunWriter } from './run-writer.js';

/** stop: taken, and send no more for now. overrun: not taken; something is missing from here on. */
export type Taken = 'fine' | 'stop' | 'overrun';

/** A client that has so much waiting for it is not sent more. */
const STOP_AT_BYTES = 64 * 1024;
const GO_ON_AT_BYTES = 16 * 1024;
const SLOW_AFTER_MS = 10_000;
/** Before any moment, and a whole number that V8 keeps in the object, as it does not with -Infinity. */
const NEVER_MS = -(2 ** 31);

export class ClientSide {
  heardAtMs: number;
  sentAtMs: number;
  pingedAtMs: number = NEVER_MS;
  #connection: ClientConnection | undefined;
  /** When it last took something, if it was said to stop. */
  #stoppedAtMs: number = NEVER_MS;

  constructor(nowMs: number) {
    this.heardAtMs = this.sentAtMs = nowMs;
  }

  attach(connection: ClientConnection): void {
    this.#connection = connection;
  }

  /** The connection is gone: nothing can be done with it any more. */
  detach(): void {
    this.#connection = undefined;
  }

  get isGone(): boolean {
    return this.#connection === undefined;
  }

  /** It was said to stop, and not yet to go on. */
  get isStopped(): boolean {
    return this.#stoppedAtMs !== NEVER_MS;
  }

  get bufferedBytes(): number {
    return this.#connection?.bufferedBytes ?? 0;
  }

  /** A control frame. */
  send(frame: string, nowMs: number): Taken {
    return this.#judge(this.#connection?.send(frame, false) ?? 'sent', nowMs);
  }

  write(writer: RunWriter, bytes: Uint8Array, run: DataRun, nowMs: number): Taken {
    if (this.#connection === undefined) return 'fine';
    return this.#judge(writer.write(this.#connection, bytes, run), nowMs);
  }

  /** A message of a topic, besides those that come by channels. */
  sendTopicFrame(frame: Uint8Array, isBinary: boolean, nowMs: number): Taken {
    return this.#judge(this.#connection?.send(frame, isBinary) ?? 'sent', nowMs);
  }

  cork(writes: () => void): void {
    if (this.#connection === undefined) writes();
    else this.#connection.cork(writes);
  }

  listen(channel: string): void {
    this.#connection?.listen(channel);
  }

  unlisten(channel: string): void {
    this.#connection?.unlisten(channel);
  }

  ping(): void {
    this.#connection?.ping();
  }

  /** It took something. True: send it more. */
  drained(nowMs: number): boolean {
    this.heardAtMs = nowMs;
    if (!this.isStopped) return false;
    const mayGoOn = this.bufferedBytes <= GO_ON_AT_BYTES;
    this.#stoppedAtMs = mayGoOn ? NEVER_MS : nowMs;
    return mayGoOn;
  }

  /** Stopped, and has taken nothing for too long. */
  isStuck(nowMs: number): boolean {
    return this.isStopped && nowMs - this.#stoppedAtMs >= SLOW_AFTER_MS;
  }

  /** Close frame, then the connection. */
  end(code: number, reason: string): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.end(code, cutCloseReason(reason));
  }

  /** Without a close frame, for a client that would not read it. */
  cut(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.terminate();
  }

  #judge(result: SendResult, nowMs: number): Taken {
    this.sentAtMs = nowMs;
    if (result === 'sent') return 'fine';
    if (result === 'dropped') return 'overrun';
    if (this.isStopped || this.bufferedBytes <= STOP_AT_BYTES) return 'fine';
    this.#stoppedAtMs = nowMs;
    return 'stop';
  }
}
