/**
 * One trunk: the multiplexed link of one worker and this backend, over any transport. Lets the worker prove itself, hands
 * what comes on it to the sessions of its streams, and gives it up when it is silent or breaks the protocol. A trunk that
 * is lost is not revived: the worker dials another one, and opens its sessions there again.
 */
import {
  type Answer,
  type AuthenticateBody,
  type AuthorizeBody,
  CloseCode,
  decodeJson,
  decodeWithTail,
  encodeCloseFrame,
  type FrameVisitor,
  MAX_PING_BYTES,
  type Open,
  OpenRequests,
  PROTOCOL_VERSION,
  ProtocolError,
  type Prove,
  readBatch,
  readDrain,
  readOpen,
  readProve,
  readRequest,
  readResult,
  type TailEntry,
  TRUNK_HANDSHAKE_TIMEOUT_MS,
  TRUNK_STREAM,
  TrunkKind,
} from '@holdfast/protocol';
import { proveAs, secretOf } from './proof.js';
import type { TrunkTransport } from './transport.js';
import { TrunkOut } from './trunk-out.js';

/**
 *   proving ──proof──▶ ready
 *      └──── closed ◀────┘
 */
export type TrunkState =
  | { readonly name: 'proving'; readonly nonce: string; readonly sinceMs: number }
  | { readonly name: 'ready'; readonly worker: Prove }
  | { readonly name: 'closed' };

/** What a trunk tells its backend; `Stream` is whoever owns a stream. */
export interface TrunkListener<Stream> {
  onReady(trunk: Trunk<Stream>): void;
  onOpen(trunk: Trunk<Stream>, stream: number, open: Open, tail: readonly TailEntry[]): void;
  /** `bytes[start, end)` is valid during the call only. Positional, so that a message costs no object. */
  // oxlint-disable-next-line max-params
  onData(owner: Stream, bytes: Buffer, start: number, end: number, isBinary: boolean): void;
  /** close, detach, handoff, resync or credit. */
  onStreamFrame(owner: Stream, kind: number, payload: Uint8Array): void;
  /** Of a stream that nobody owns any more. */
  onStrayClose(trunk: Trunk<Stream>, stream: number): void;
  onAuthenticate(trunk: Trunk<Stream>, ref: number, request: AuthenticateBody): void;
  onAuthorize(trunk: Trunk<Stream>, ref: number, request: AuthorizeBody): void;
  /** `failure`: what was wrong with what the other end sent, when that is why. Its streams are as they were. */
  onClosed(trunk: Trunk<Stream>, end: { readonly code: number; readonly reason: string }, failure?: unknown): void;
}

export interface TrunkOptions<Stream> {
  readonly transport: TrunkTransport;
  readonly listener: TrunkListener<Stream>;
  readonly secrets: readonly string[];
  /** 32 random bytes in base64url, used once. */
  readonly nonce: string;
  /** What `ready` says besides the proof. */
  readonly greeting: object;
  readonly onDue: (out: TrunkOut) => void;
  /** Was this process asleep for so long that its workers have given up on it? Then this trunk was closed by now. */
  readonly wasPaused: (nowMs: number) => boolean;
  /** Told when a batch is read: nothing is written before its end. */
  readonly reading: { beginReading(): void; endReading(): void };
}

export class Trunk<Stream> implements FrameVisitor {
  readonly out: TrunkOut;
  readonly streams: Map<number, Stream> = new Map();
  /** Incarnation of the worker; empty before it has proved itself. */
  workerId = '';
  /** The worker has said that it will close this trunk. */
  isLeaving = false;
  readonly #options: TrunkOptions<Stream>;
  readonly #transport: TrunkTransport;
  readonly #requests = new OpenRequests();
  #state: TrunkState;
  #heardAtMs: number = performance.now();
  #pingedAtMs = this.#heardAtMs;
  #lastStream = 0;

  constructor(options: TrunkOptions<Stream>) {
    const { transport, nonce } = options;
    this.#options = options;
    this.#transport = transport;
    this.out = new TrunkOut(transport, options.onDue);
    this.#state = { name: 'proving', nonce, sinceMs: this.#heardAtMs };
    transport.onMessage = (batch) => this.#onMessage(batch);
    transport.onClose = (code, reason) => this.#finish({ code, reason });
    this.out.json(TrunkKind.Challenge, { versions: [PROTOCOL_VERSION], nonce });
  }

  /** The worker, once it has proved itself, until the trunk is closed. */
  get worker(): Prove | undefined {
    return this.#state.name === 'ready' ? this.#state.worker : undefined;
  }

  get isClosed(): boolean {
    return this.#state.name === 'closed';
  }

  /** A heartbeat is overdue: it may be lost, though it is too early to say so. */
  get isSilent(): boolean {
    const { worker } = this;
    return worker !== undefined && performance.now() - this.#heardAtMs > worker.heartbeatMs * OVERDUE;
  }

  /** `write` puts the request with this reference number on the trunk. */
  request(write: (ref: number) => void): Promise<Answer> {
    if (this.#state.name !== 'ready') return Promise.resolve({ ok: false, error: 'lost', retryable: true });
    return this.#requests.ask(write, performance.now());
  }

  /** Ends it in order. */
  close(code: number, reason: string, failure?: unknown): void {
    if (this.isClosed) return;
    this.out.flush();
    this.#transport.close(code, reason);
    this.#finish({ code, reason }, failure);
  }

  /** Called several times per heartbeat. */
  tick(nowMs: number): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    if (state.name === 'proving') {
      if (nowMs - state.sinceMs < TRUNK_HANDSHAKE_TIMEOUT_MS) return;
      return this.close(CloseCode.TrunkHandshakeTimeout, 'the trunk handshake took too long');
    }
    this.#requests.sweep(nowMs);
    const { heartbeatMs, staleMs } = state.worker;
    if (nowMs - this.#heardAtMs > staleMs) {
      this.#transport.terminate();
      return this.#finish({ code: CloseCode.Stale, reason: `expected a word within ${staleMs} ms, got none` });
    }
    if (nowMs - this.#pingedAtMs < heartbeatMs) return;
    this.#pingedAtMs = nowMs;
    this.out.frame(TRUNK_STREAM, TrunkKind.Ping, NOTHING);
  }

  #onMessage(batch: Uint8Array): void {
    const nowMs = performance.now();
    if (this.isClosed || this.#options.wasPaused(nowMs)) return;
    this.#heardAtMs = nowMs;
    const { reading } = this.#options;
    reading.beginReading();
    try {
      readBatch(asBuffer(batch), this);
    } catch (error) {
      // Whatever it is, it must not end the process, and what was read so far stands.
      const code = error instanceof ProtocolError ? error.closeCode : CloseCode.InternalError;
      this.close(code, error instanceof ProtocolError ? error.message : 'internal error', error);
    } finally {
      reading.endReading();
    }
  }

  /** Called by readBatch. */
  // oxlint-disable-next-line max-params
  onFrame(stream: number, kind: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#state.name === 'ready' && (kind === TrunkKind.Text || kind === TrunkKind.Binary)) {
      const owner = this.streams.get(stream);
      if (owner !== undefined)
        this.#options.listener.onData(owner, bytes as Buffer, start, end, kind === TrunkKind.Binary);
      else if (stream === TRUNK_STREAM) throw unexpectedKind(kind, 'stream 0');
      else this.out.frame(stream, TrunkKind.Close, UNKNOWN_STREAM);
    } else if (!this.isClosed) this.#onControlFrame(stream, kind, bytes.subarray(start, end));
  }

  #onControlFrame(stream: number, kind: number, payload: Uint8Array): void {
    if (this.#state.name === 'proving') return this.#onProve(this.#state.nonce, stream, kind, payload);
    if (stream === TRUNK_STREAM) return this.#onTrunkFrame(kind, payload);
    if (kind === TrunkKind.Open) return this.#onOpen(stream, payload);
    if (!STREAM_KINDS.has(kind)) throw unexpectedKind(kind, 'a stream');
    const owner = this.streams.get(stream);
    const { listener } = this.#options;
    if (owner !== undefined) listener.onStreamFrame(owner, kind, payload);
    else if (kind === TrunkKind.Close) listener.onStrayClose(this, stream);
  }

  #onTrunkFrame(kind: number, payload: Uint8Array): void {
    switch (kind) {
      case TrunkKind.Ping:
        if (payload.length > MAX_PING_BYTES) throw new ProtocolError(`ping: expected 64 bytes, got ${payload.length}`);
        return this.out.frame(TRUNK_STREAM, TrunkKind.Pong, payload);
      case TrunkKind.Pong:
        return;
      case TrunkKind.Drain:
        readDrain(decodeJson(payload));
        this.isLeaving = true;
        return;
      case TrunkKind.Request:
        return this.#onRequest(payload);
      case TrunkKind.Result:
        return this.#requests.settle(readResult(decodeJson(payload)));
      default:
        throw unexpectedKind(kind, 'stream 0');
    }
  }

  #onOpen(stream: number, payload: Uint8Array): void {
    if (stream <= this.#lastStream) {
      throw new ProtocolError(`open: expected a stream above ${this.#lastStream}, got ${stream}`);
    }
    this.#lastStream = stream;
    const { json, tail } = decodeWithTail(payload);
    this.#options.listener.onOpen(this, stream, readOpen(json), tail);
  }

  #onRequest(payload: Uint8Array): void {
    const { ref, request } = readRequest(decodeJson(payload));
    const { listener } = this.#options;
    if (request.op === 'authenticate') listener.onAuthenticate(this, ref, request);
    else if (request.op === 'authorize') listener.onAuthorize(this, ref, request);
    else throw new ProtocolError(`request: expected authenticate or authorize of a worker, got ${request.op}`);
  }

  // oxlint-disable-next-line max-params
  #onProve(challenge: string, stream: number, kind: number, payload: Uint8Array): void {
    if (stream !== TRUNK_STREAM || kind !== TrunkKind.Prove) throw unexpectedKind(kind, 'the handshake, prove');
    const body = decodeJson(payload);
    if (body['version'] !== PROTOCOL_VERSION) {
      throw new ProtocolError(`version: expected ${PROTOCOL_VERSION}, got another`, CloseCode.UnsupportedVersion);
    }
    const worker = readProve(body);
    const nonces = { challenge, prove: worker.nonce };
    const secret = secretOf(worker.proof, this.#options.secrets, nonces);
    if (secret === undefined) {
      throw new ProtocolError('proof: expected one made with a secret of this backend', CloseCode.BadCredentials);
    }
    this.#state = { name: 'ready', worker };
    this.workerId = worker.worker;
    this.out.json(TrunkKind.Ready, { proof: proveAs('backend', secret, nonces), ...this.#options.greeting });
    // By itself: a worker takes no large batch from a stranger, and publishes may be waiting that make one.
    this.out.flush();
    this.#options.listener.onReady(this);
  }

  #finish(end: { readonly code: number; readonly reason: string }, failure?: unknown): void {
    if (this.isClosed) return;
    this.#state = { name: 'closed' };
    this.#transport.onMessage = this.#transport.onClose = undefined;
    this.#requests.failAll();
    this.#options.listener.onClosed(this, end, failure);
  }
}

const NOTHING = new Uint8Array();
/** Both ends ping, so a word comes twice per heartbeat. */
const OVERDUE = 1.5;
const UNKNOWN_STREAM = encodeCloseFrame(CloseCode.UnknownSession, 'unknown stream');

/** What a worker may send on a stream, besides open and data. */
const STREAM_KINDS: ReadonlySet<number> = new Set([
  TrunkKind.Close,
  TrunkKind.Detach,
  TrunkKind.Handoff,
  TrunkKind.Resync,
  TrunkKind.Credit,
]);

function unexpectedKind(kind: number, where: string): ProtocolError {
  return new ProtocolError(`frame: expected a kind of ${where}, got 0x${kind.toString(16).padStart(2, '0')}`);
}

function asBuffer(batch: Uint8Array): Buffer {
  return Buffer.isBuffer(batch) ? batch : Buffer.from(batch.buffer, batch.byteOffset, batch.length);
}
