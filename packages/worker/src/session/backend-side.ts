/**
 * The backend's half of a session: its stream on a trunk, the open that is not answered yet, and what waits because the
 * backend asked for a pause or because there is none.
 */
import {
  CloseCode,
  cutCloseReason,
  decodeCloseFrame,
  decodeJson,
  decodeWithTail,
  encodeCloseFrame,
  encodeWithTail,
  isWireCloseCode,
  type Opened,
  ProtocolError,
  readHandoff,
  readOpened,
  type TailEntry,
  TrunkKind,
} from '@holdfast/protocol';
import type { StreamOwner } from '../trunk/stream-owner.js';
import type { Trunk } from '../trunk/trunk.js';
import { HeldFrames } from './held-frames.js';
import { OpenAttempt, type OpenResult } from './open-attempt.js';
import type { HandedOff } from './session-host.js';

export interface StreamOpening {
  /** undefined: it is gone by now. */
  readonly trunk: Trunk | undefined;
  /** Body of `open`. */
  readonly body: object;
  readonly tail: readonly TailEntry[];
  /** Acts on the answer before any data comes. */
  readonly onOpened: (opened: Opened) => void;
}

const CREDIT_STOP = new Uint8Array([0]);
const CREDIT_GO_ON = new Uint8Array([1]);

export class BackendSide {
  #trunk: Trunk | undefined;
  #stream = 0;
  #attempt: OpenAttempt | undefined;
  /** The backend wants no data on this stream for the time being. */
  #isHeldUp = false;
  #held: HeldFrames | undefined;

  /** An open is not answered yet. */
  get isOpening(): boolean {
    return this.#attempt !== undefined;
  }

  get hasStream(): boolean {
    return this.#stream > 0;
  }

  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  get heldBytes(): number {
    return this.#held?.bytes ?? 0;
  }

  open(owner: StreamOwner, { trunk, body, tail, onOpened }: StreamOpening): Promise<OpenResult> {
    const stream = trunk?.open(owner, encodeWithTail(body, tail));
    if (trunk === undefined || stream === undefined) return Promise.resolve({ kind: 'lost' });
    this.#trunk = trunk;
    this.#stream = stream;
    this.#isHeldUp = false;
    this.#attempt = new OpenAttempt(onOpened, () => this.#onTimeout());
    return this.#attempt.result;
  }

  opened(payload: Uint8Array): void {
    const opened = readOpened(decodeJson(payload));
    const attempt = this.#attempt;
    if (attempt === undefined) throw new ProtocolError('opened: expected it once after open, got it again');
    this.#attempt = undefined;
    attempt.opened(opened);
  }

  send(kind: number, payload: Uint8Array): void {
    this.#trunk?.send(this.#stream, kind, payload);
  }

  /** Keeps it until the backend takes it. */
  hold(kind: number, bytes: Uint8Array): void {
    this.#held ??= new HeldFrames();
    this.#held.push(kind, bytes);
  }

  releaseHeld(): void {
    const held = this.#held;
    if (held === undefined || this.#isHeldUp) return;
    this.#held = undefined;
    for (const { kind, bytes } of held.takeAll()) this.send(kind, bytes);
  }

  dropHeld(): void {
    this.#held = undefined;
  }

  /** Tells the backend whether to send. */
  sendCredit(mayGoOn: boolean): void {
    this.send(TrunkKind.Credit, mayGoOn ? CREDIT_GO_ON : CREDIT_STOP);
  }

  /** The backend tells whether to send. */
  onCredit(payload: Uint8Array): void {
    const [credit] = payload;
    if (payload.length !== 1 || credit === undefined || credit > 1) {
      throw new ProtocolError(`credit: expected one byte, 0 or 1, got ${payload.length} with ${String(credit)} first`);
    }
    this.#isHeldUp = credit === 0;
  }

  /** The trunk, or the backend, has ended the stream. */
  forget(): void {
    this.#trunk?.release(this.#stream);
    this.#trunk = undefined;
    this.#stream = 0;
  }

  /** The backend gives the session away: `forget` the stream, but for one word on it. */
  readHandoff(payload: Uint8Array): HandedOff {
    const { json, tail } = decodeWithTail(payload);
    const trunk = this.#trunk;
    const stream = this.#stream;
    const release = (): void => trunk?.end(stream, TrunkKind.Close, CloseCode.Normal, 'it has a place');
    return { handoff: readHandoff(json), tail, release };
  }

  /** An answer for a session that is over here. */
  late(kind: number, payload: Uint8Array, onHandedOff: (handedOff: HandedOff) => void): void {
    switch (kind) {
      case TrunkKind.Opened:
        this.opened(payload);
        return this.end(CloseCode.GoingAway, 'its client has left', false);
      case TrunkKind.Close:
      case TrunkKind.Detach:
        return void this.lose({ kind: 'refused', ...decodeCloseFrame(payload) });
      case TrunkKind.Handoff: {
        const handedOff = this.readHandoff(payload);
        this.forget();
        onHandedOff(handedOff);
      }
    }
  }

  /** There is no stream any more. True: an open that had no answer has ended with it. */
  lose(result: OpenResult): boolean {
    this.forget();
    return this.#settle(result);
  }

  /** The last word on the stream: the session is over, or its connection alone is. */
  end(code: number, reason: string, isFinal: boolean): void {
    const kind = isFinal ? TrunkKind.Close : TrunkKind.Detach;
    if (this.#stream > 0) this.#trunk?.end(this.#stream, kind, wireCodeOf(code), cutCloseReason(reason));
    this.dropHeld();
    this.lose({ kind: 'left' });
  }

  /** The connection is over, and what the backend is about to answer is still wanted. */
  detach(code: number, reason: string): void {
    this.dropHeld();
    this.send(TrunkKind.Detach, encodeCloseFrame(wireCodeOf(code), cutCloseReason(reason)));
  }

  /** Ends the open, if there is one. */
  #settle(result: OpenResult): boolean {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.settle(result);
    return attempt !== undefined;
  }

  #onTimeout(): void {
    // Detached, not closed: where the session was held before, it is kept.
    this.#trunk?.end(this.#stream, TrunkKind.Detach, CloseCode.TryAgainLater, 'open was not answered in time');
    this.lose({ kind: 'timeout' });
  }
}

function wireCodeOf(code: number): number {
  return isWireCloseCode(code) ? code : CloseCode.GoingAway;
}
