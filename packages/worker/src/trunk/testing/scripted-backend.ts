/**
 * The other end of a trunk for tests, in memory: proves itself, holds sessions as a backend does (fencing included), and
 * leaves the rest to the test, which sees every frame and may answer, stay silent, or break off at any point.
 */
import {
  ABNORMAL_CLOSURE,
  BatchWriter,
  CloseCode,
  decodeCloseFrame,
  decodeJson,
  decodeWithTail,
  encodeCloseFrame,
  encodeJson,
  encodeWithTail,
  type Handoff,
  type Open,
  readBatch,
  readOpen,
  readProve,
  type TailEntry,
  TRUNK_STREAM,
  TrunkKind,
} from '@holdfast/protocol';
import { isProven, prove } from '../proof.js';
import type { TrunkTransport } from '../transport.js';

export interface ReceivedFrame {
  readonly stream: number;
  readonly kind: number;
  readonly payload: Uint8Array;
}

export interface ReceivedOpen {
  readonly trunk: ScriptedTrunk;
  readonly stream: number;
  readonly open: Open;
  readonly tail: readonly TailEntry[];
}

export interface HeldSession {
  generation: number;
  trunk: ScriptedTrunk;
  stream: number;
}

export interface ScriptedBackendOptions {
  readonly secret?: string;
  readonly incarnation?: string;
  readonly capacity?: number;
  readonly authenticates?: boolean;
}

let incarnations = 0;

export class ScriptedBackend {
  readonly options: ScriptedBackendOptions;
  incarnation: string;
  /** False: nobody listens. */
  isReachable = true;
  /** False: connections are taken, and nothing is said. */
  isAwake = true;
  readonly trunks: ScriptedTrunk[] = [];
  readonly opens: ReceivedOpen[] = [];
  readonly held: Map<string, HeldSession> = new Map();
  /** Instead of the usual answer. */
  onOpen: ((received: ReceivedOpen) => void) | undefined;
  onFrame: ((trunk: ScriptedTrunk, frame: ReceivedFrame) => void) | undefined;

  constructor(options: ScriptedBackendOptions = {}) {
    this.options = options;
    this.incarnation = options.incarnation ?? nextIncarnation();
  }

  dial(): TrunkTransport {
    const trunk = new ScriptedTrunk(this);
    if (this.isReachable) {
      this.trunks.push(trunk);
      if (this.isAwake) trunk.challenge();
    } else trunk.cut('connection refused');
    return trunk.transport;
  }

  /** The latest trunk. */
  get trunk(): ScriptedTrunk {
    const trunk = this.trunks.at(-1);
    if (trunk === undefined) throw new Error('scripted backend: expected a trunk, got none');
    return trunk;
  }

  /** As after kill -9: connections break, and what was held is forgotten. */
  crash(): void {
    this.held.clear();
    this.incarnation = nextIncarnation();
    for (const trunk of this.trunks) trunk.cut();
  }

  /** The usual answer to an open. */
  takeOpen({ trunk, stream, open }: ReceivedOpen): void {
    const held = this.held.get(open.session);
    if (held !== undefined && held.generation >= open.generation) {
      trunk.send(stream, TrunkKind.Close, encodeCloseFrame(CloseCode.Fenced, `fenced:${held.generation}`));
    } else if (held === undefined && open.cause === 'resume') {
      trunk.send(stream, TrunkKind.Close, encodeCloseFrame(CloseCode.UnknownSession, 'unknown session'));
    } else {
      if (held !== undefined && held.stream > 0) {
        held.trunk.send(held.stream, TrunkKind.Detach, encodeCloseFrame(CloseCode.Replaced, 'replaced'));
      }
      this.held.set(open.session, { generation: open.generation, trunk, stream });
      trunk.sendJson(stream, TrunkKind.Opened, { handled: 0, received: 0 });
    }
  }
}

export class ScriptedTrunk {
  readonly backend: ScriptedBackend;
  readonly frames: ReceivedFrame[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** Bytes that the worker is told are waiting. */
  bufferedBytes = 0;
  readonly transport: TrunkTransport;
  readonly #nonce = 'a challenge';

  constructor(backend: ScriptedBackend) {
    this.backend = backend;
    this.transport = this.#createTransport();
  }

  get isClosed(): boolean {
    return this.closed !== undefined;
  }

  challenge(): void {
    this.sendJson(TRUNK_STREAM, TrunkKind.Challenge, { versions: [1], nonce: this.#nonce });
  }

  send(stream: number, kind: number, payload: Uint8Array): void {
    this.sendBatch([{ stream, kind, payload }]);
  }

  sendJson(stream: number, kind: number, body: object): void {
    this.send(stream, kind, encodeJson(body));
  }

  sendText(stream: number, text: string): void {
    this.send(stream, TrunkKind.Text, Buffer.from(text));
  }

  sendBatch(frames: readonly ReceivedFrame[]): void {
    const writer = new BatchWriter();
    for (const { stream, kind, payload } of frames) writer.frame(stream, kind, payload);
    this.sendRaw(writer.take() ?? new Uint8Array(0));
  }

  sendRaw(batch: Uint8Array): void {
    queueMicrotask(() => {
      if (!this.isClosed) this.transport.onMessage?.(batch);
    });
  }

  sendHandoff(stream: number, handoff: Handoff, tail: readonly TailEntry[] = []): void {
    this.send(stream, TrunkKind.Handoff, encodeWithTail(handoff, tail));
  }

  /** The connection breaks. */
  cut(reason = ''): void {
    this.#end(ABNORMAL_CLOSURE, reason);
  }

  close(code: number, reason = ''): void {
    this.#end(code, reason);
  }

  /** Frames of one kind, as text. */
  textsOf(kind: number): readonly string[] {
    return this.frames.filter((frame) => frame.kind === kind).map(({ payload }) => Buffer.from(payload).toString());
  }

  /** Close or detach frames. */
  endsOf(kind: number): readonly { readonly code: number; readonly reason: string }[] {
    return this.frames.filter((frame) => frame.kind === kind).map(({ payload }) => decodeCloseFrame(payload));
  }

  #createTransport(): TrunkTransport {
    const bufferedBytes = (): number => this.bufferedBytes;
    return {
      send: (batch) => queueMicrotask(() => this.#onBatch(batch)),
      get bufferedBytes() {
        return bufferedBytes();
      },
      close: (code, reason) => this.#end(code, reason),
      terminate: () => this.#end(ABNORMAL_CLOSURE, 'terminated'),
      onMessage: undefined,
      onClose: undefined,
    };
  }

  #end(code: number, reason: string): void {
    if (this.isClosed) return;
    this.closed = { code, reason };
    queueMicrotask(() => this.transport.onClose?.(code, reason));
  }

  #onBatch(batch: Uint8Array): void {
    if (this.isClosed) return;
    // oxlint-disable-next-line max-params -- the visitor's
    const onFrame = (stream: number, kind: number, bytes: Uint8Array, start: number, end: number): void =>
      this.#onFrame({ stream, kind, payload: new Uint8Array(bytes.subarray(start, end)) });
    readBatch(batch, { onFrame });
  }

  #onFrame(frame: ReceivedFrame): void {
    const { stream, kind, payload } = frame;
    this.frames.push(frame);
    if (!this.backend.isAwake) return;
    if (kind === TrunkKind.Prove) this.#onProve(payload);
    else if (kind === TrunkKind.Ping) this.send(TRUNK_STREAM, TrunkKind.Pong, payload);
    else if (kind === TrunkKind.Open) this.#onOpen(stream, payload);
    else if (kind === TrunkKind.Close || kind === TrunkKind.Detach) this.#onEnd(stream, kind === TrunkKind.Close);
    this.backend.onFrame?.(this, frame);
  }

  #onProve(payload: Uint8Array): void {
    const { secret = 'secret', capacity = 0, authenticates = false } = this.backend.options;
    const { nonce, proof } = readProve(decodeJson(payload));
    const nonces = { challenge: this.#nonce, prove: nonce };
    if (!isProven(proof, 'worker', [secret], nonces)) {
      this.close(CloseCode.BadCredentials, 'wrong secret');
      return;
    }
    this.sendJson(TRUNK_STREAM, TrunkKind.Ready, {
      proof: prove('backend', secret, nonces),
      incarnation: this.backend.incarnation,
      capacity,
      authenticates,
      maxMessageBytes: 1024 * 1024,
    });
  }

  #onOpen(stream: number, payload: Uint8Array): void {
    const { json, tail } = decodeWithTail(payload);
    const received = { trunk: this, stream, open: readOpen(json), tail };
    this.backend.opens.push(received);
    if (this.backend.onOpen === undefined) this.backend.takeOpen(received);
    else this.backend.onOpen(received);
  }

  #onEnd(stream: number, isClose: boolean): void {
    for (const [id, held] of this.backend.held) {
      if (held.trunk !== this || held.stream !== stream) continue;
      if (isClose) this.backend.held.delete(id);
      else held.stream = 0;
    }
  }
}

function nextIncarnation(): string {
  incarnations += 1;
  return `incarnation${String(incarnations).padStart(5, '0')}`;
}
