/**
 * One trunk: the multiplexed link of this worker and one backend, over any transport. Gathers the frames of one event-loop
 * turn in one batch, hands what comes to the owners of the streams, and is given up when it is silent, too slow, or breaks the
 * protocol. It is not revived: trunks.ts dials its successor.
 *
 * A batch leaves in the check phase of the turn that began it. Writing at the end of each message was rejected: uWebSockets.js
 * tells of each message apart, so it would be one system call per message, which is what trunks are there to save.
 */
import {
  ABNORMAL_CLOSURE,
  type Answer,
  BatchWriter,
  CloseCode,
  decodeJson,
  type Drain,
  encodeCloseFrame,
  encodeJson,
  type FrameVisitor,
  type Load,
  MAX_BATCH_BYTES,
  MAX_CONTROL_BYTES,
  MAX_FRAME_BYTES,
  MAX_PING_BYTES,
  NO_STATUS_RECEIVED,
  OpenRequests,
  ProtocolError,
  readBatch,
  readChallenge,
  readDrain,
  readLoad,
  readReady,
  readResult,
  type Ready,
  TRUNK_HANDSHAKE_TIMEOUT_MS,
  TRUNK_STREAM,
  TrunkKind,
} from '@holdfast/protocol';
import { answerChallenge, checkReady, type HandshakeOptions } from './handshake.js';
import { Heartbeat, TRUNK_STALE_MS } from './heartbeat.js';
import { nextTrunkState, type TrunkCloseReason, type TrunkEvent, type TrunkState } from './state.js';
import { DataRun, type StreamOwner } from './stream-owner.js';
import type { TrunkTransport } from './transport.js';
import type { TrunkClock } from './trunk-clock.js';
import { readTrunkRequest, type TrunkRequest } from './trunk-request.js';

/** What happens to a trunk besides its streams. */
export interface TrunkListener {
  onReady(trunk: Trunk): void;
  /** The backend will close the trunk: its sessions are to leave. */
  onDrain(trunk: Trunk, drain: Drain): void;
  onLoad(trunk: Trunk, load: Load): void;
  onRequest(trunk: Trunk, request: TrunkRequest): void;
  /** Told before the owners of its streams are. */
  onClosed(trunk: Trunk, reason: TrunkCloseReason, detail: string): void;
}

export interface TrunkOptions extends HandshakeOptions {
  readonly transport: TrunkTransport;
  readonly clock: TrunkClock;
  readonly listener: TrunkListener;
}

/** For metrics. */
export interface TrunkTraffic {
  framesUp: number;
  framesDown: number;
  bytesUp: number;
  bytesDown: number;
}

/** A backend that is so far behind is given up: what waits for it is memory of everybody. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
const FRAME_HEAD_BYTES = 9;
const MAX_STREAM = 0xffff_ffff;

export class Trunk implements FrameVisitor {
  readonly traffic: TrunkTraffic = { framesUp: 0, framesDown: 0, bytesUp: 0, bytesDown: 0 };
  readonly #options: TrunkOptions;
  readonly #transport: TrunkTransport;
  readonly #writer = new BatchWriter((bytes) => Buffer.allocUnsafeSlow(bytes));
  readonly #streams = new Map<number, StreamOwner>();
  readonly #requests = new OpenRequests();
  readonly #run = new DataRun();
  readonly #startedAtMs: number = performance.now();
  readonly #heartbeat = new Heartbeat(this.#startedAtMs);
  readonly #flushTurn = (): void => {
    this.#isFlushDue = false;
    this.#flush();
  };
  #isFlushDue = false;
  #lastStream = 0;
  #state: TrunkState = { name: 'connecting' };

  constructor(options: TrunkOptions) {
    this.#options = options;
    this.#transport = options.transport;
    this.#transport.onMessage = (batch) => this.#onMessage(batch);
    this.#transport.onClose = (code, reason) => this.#finish(reasonOf(code, this.#state), `${code} ${reason}`);
  }

  /** Takes new sessions. */
  get isReady(): boolean {
    return this.#state.name === 'ready';
  }

  get isClosed(): boolean {
    return this.#state.name === 'closed';
  }

  /** What the backend said of itself, once it has proved that it may. */
  get backend(): Ready | undefined {
    return this.#state.name === 'ready' || this.#state.name === 'draining' ? this.#state.backend : undefined;
  }

  get rttMs(): number | undefined {
    return this.#heartbeat.rttMs;
  }

  get streams(): number {
    return this.#streams.size;
  }

  get bufferedBytes(): number {
    return this.#transport.bufferedBytes + this.#writer.bytes;
  }

  // Streams.

  /**
   * Opens a stream; `undefined` when the trunk takes none. The owner is told everything that comes on it until `release`. A
   * draining backend still takes the sessions that it has.
   */
  open(owner: StreamOwner, payload: Uint8Array): number | undefined {
    if (this.backend === undefined) return undefined;
    if (this.#lastStream === MAX_STREAM) {
      // Its successor, to the same life of the backend, takes its sessions over.
      this.close('lost', CloseCode.GoingAway, 'out of stream numbers');
      return undefined;
    }
    this.#lastStream += 1;
    this.#streams.set(this.#lastStream, owner);
    this.send(this.#lastStream, TrunkKind.Open, payload);
    return this.#lastStream;
  }

  /** Copied: `payload` may be reused at once. */
  send(stream: number, kind: number, payload: Uint8Array): void {
    if (this.isClosed) return;
    const writer = this.#writer;
    if (writer.bytes > 0 && writer.bytes + FRAME_HEAD_BYTES + payload.length > MAX_BATCH_BYTES) this.#flush();
    writer.frame(stream, kind, payload);
    this.traffic.framesUp += 1;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(this.#flushTurn);
  }

  /** The owner has nothing to do with the stream any more. */
  release(stream: number): void {
    this.#streams.delete(stream);
  }

  /** The last word on a stream: close (the session is over) or detach (its connection is). */
  end(stream: number, kind: typeof TrunkKind.Close | typeof TrunkKind.Detach, code: number, reason: string): void {
    this.release(stream);
    this.send(stream, kind, encodeCloseFrame(code, reason));
  }

  // The trunk itself.

  request(body: object): Promise<Answer> {
    if (this.backend === undefined) return Promise.resolve({ ok: false, error: 'lost', retryable: true });
    return this.#requests.ask((ref) => this.#sendJson(TrunkKind.Request, { ref, ...body }), performance.now());
  }

  answer(ref: number, result: object): void {
    this.#sendJson(TrunkKind.Result, { ref, ...result });
  }

  /** Says that this trunk will be closed. Until then it takes sessions: of clients that are still let in. */
  announceDrain(drain: Drain): void {
    if (this.backend === undefined) return;
    this.#sendJson(TrunkKind.Drain, drain);
  }

  /** Ends it in order. Its owners are told. */
  close(reason: TrunkCloseReason, code: number, text: string): void {
    if (this.isClosed) return;
    this.#flush();
    // The flush may have ended it.
    if (this.isClosed) return;
    this.#transport.close(code, text);
    this.#finish(reason, text);
  }

  /** Called several times per heartbeat. */
  tick(nowMs: number): void {
    if (this.isClosed) return;
    this.#requests.sweep(nowMs);
    if (this.backend === undefined) {
      if (nowMs - this.#startedAtMs < TRUNK_HANDSHAKE_TIMEOUT_MS) return;
      this.close('handshakeTimeout', CloseCode.TrunkHandshakeTimeout, 'the trunk handshake took too long');
      return;
    }
    const pulse = this.#heartbeat.judge(nowMs);
    if (pulse === 'ping') this.send(TRUNK_STREAM, TrunkKind.Ping, this.#heartbeat.ping(nowMs));
    else if (pulse === 'stale') this.cut('stale', `expected a word within ${TRUNK_STALE_MS} ms, got none`);
  }

  /** Without a close frame: for a peer that does not read, or that must not be trusted to. */
  cut(reason: TrunkCloseReason, detail: string): void {
    if (this.isClosed) return;
    this.#transport.terminate();
    this.#finish(reason, detail);
  }

  // What comes.

  #onMessage(batch: Uint8Array): void {
    const nowMs = performance.now();
    if (this.#options.clock.wasPaused(nowMs)) return;
    this.#heartbeat.heard(nowMs);
    this.traffic.bytesDown += batch.length;
    try {
      // Nobody knows yet who it is.
      if (this.backend === undefined) expectAtMost('batch before ready', MAX_CONTROL_BYTES, batch.length);
      readBatch(batch, this);
      this.#endRun(batch);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const reason = reasonOf(error.closeCode, this.#state);
      this.close(reason === 'rejected' ? reason : 'brokeProtocol', error.closeCode, error.message);
    }
  }

  /** Called by readBatch: positional, so that a frame costs no object. */
  // oxlint-disable-next-line max-params
  onFrame(stream: number, kind: number, bytes: Uint8Array, start: number, end: number): void {
    this.traffic.framesDown += 1;
    expectAtMost('payload', MAX_FRAME_BYTES, end - start);
    if (kind === TrunkKind.Text || kind === TrunkKind.Binary) {
      if (stream === TRUNK_STREAM) throw unexpectedKind(kind, 'stream 0');
      if (stream !== this.#run.stream) this.#endRun(bytes);
      this.#run.stream = stream;
      this.#run.add(kind, start, end);
      return;
    }
    this.#endRun(bytes);
    // A frame before it ended the trunk.
    if (this.isClosed) return;
    const payload = bytes.subarray(start, end);
    if (stream === TRUNK_STREAM) this.#onTrunkFrame(kind, payload);
    else this.#onStreamFrame(stream, kind, payload);
  }

  #endRun(bytes: Uint8Array): void {
    const run = this.#run;
    if (run.count === 0) return;
    try {
      if (this.isClosed) return;
      const owner = this.#streams.get(run.stream);
      if (owner !== undefined) owner.onData(bytes, run);
      else this.send(run.stream, TrunkKind.Close, UNKNOWN_STREAM);
    } finally {
      run.count = 0;
    }
  }

  #onStreamFrame(stream: number, kind: number, payload: Uint8Array): void {
    if (!STREAM_KINDS.has(kind)) throw unexpectedKind(kind, 'a stream');
    this.#streams.get(stream)?.onStreamFrame(kind, payload);
  }

  #onTrunkFrame(kind: number, payload: Uint8Array): void {
    switch (kind) {
      case TrunkKind.Challenge:
        return this.#onChallenge(payload);
      case TrunkKind.Ready:
        return this.#onReady(payload);
      default:
        if (this.backend === undefined) throw unexpectedKind(kind, 'the handshake');
        return this.#onProvenFrame(kind, payload);
    }
  }

  #onProvenFrame(kind: number, payload: Uint8Array): void {
    const { listener } = this.#options;
    switch (kind) {
      case TrunkKind.Ping:
        if (payload.length > MAX_PING_BYTES) throw new ProtocolError(`ping: expected 64 bytes, got ${payload.length}`);
        return this.send(TRUNK_STREAM, TrunkKind.Pong, payload);
      case TrunkKind.Pong:
        return this.#heartbeat.pong(payload, performance.now());
      case TrunkKind.Drain: {
        const drain = readDrain(decodeJson(payload));
        this.#move({ type: 'drain' });
        return listener.onDrain(this, drain);
      }
      case TrunkKind.Load:
        return listener.onLoad(this, readLoad(decodeJson(payload)));
      case TrunkKind.Request:
        return listener.onRequest(this, readTrunkRequest(payload));
      case TrunkKind.Result:
        return this.#requests.settle(readResult(decodeJson(payload)));
      default:
        throw unexpectedKind(kind, 'stream 0');
    }
  }

  #onChallenge(payload: Uint8Array): void {
    const { nonces, prove } = answerChallenge(readChallenge(decodeJson(payload)), this.#options);
    this.#move({ type: 'challenged', nonces });
    this.#sendJson(TrunkKind.Prove, prove);
  }

  #onReady(payload: Uint8Array): void {
    const backend = readReady(decodeJson(payload));
    const state = this.#state;
    if (state.name === 'proving') checkReady(backend, this.#options.secrets, state.nonces);
    this.#move({ type: 'proved', backend });
    this.#options.listener.onReady(this);
  }

  // Effects.

  #sendJson(kind: number, body: object): void {
    this.send(TRUNK_STREAM, kind, encodeJson(body));
  }

  #flush(): void {
    if (this.isClosed) return;
    const batch = this.#writer.take();
    if (batch === undefined) return;
    if (this.#options.clock.wasPaused(performance.now())) return;
    this.traffic.bytesUp += batch.length;
    this.#transport.send(batch);
    if (this.#transport.bufferedBytes > MAX_BUFFERED_BYTES) {
      this.cut('tooSlow', `expected the backend to read, got ${this.#transport.bufferedBytes} bytes waiting for it`);
    }
  }

  #move(event: TrunkEvent): void {
    const next = nextTrunkState(this.#state, event);
    if (next === undefined)
      throw new ProtocolError(`trunk: expected no ${event.type} while ${this.#state.name}, got one`);
    this.#state = next;
  }

  #finish(reason: TrunkCloseReason, detail: string): void {
    if (this.isClosed) return;
    this.#move({ type: 'closed', reason });
    this.#transport.onMessage = this.#transport.onClose = undefined;
    const owners = [...this.#streams.values()];
    this.#streams.clear();
    this.#requests.failAll();
    this.#options.listener.onClosed(this, reason, detail);
    for (const owner of owners) owner.onTrunkLost();
  }
}

const UNKNOWN_STREAM = encodeCloseFrame(CloseCode.UnknownSession, 'unknown stream');

/** What a backend may send on a stream, besides data. */
const STREAM_KINDS: ReadonlySet<number> = new Set([
  TrunkKind.Opened,
  TrunkKind.Close,
  TrunkKind.Detach,
  TrunkKind.Handoff,
  TrunkKind.Credit,
  TrunkKind.Subscribe,
  TrunkKind.Unsubscribe,
]);

function expectAtMost(what: string, maxBytes: number, bytes: number): void {
  if (bytes <= maxBytes) return;
  throw new ProtocolError(`${what}: expected at most ${maxBytes} bytes, got ${bytes}`, CloseCode.MessageTooBig);
}

function unexpectedKind(kind: number, where: string): ProtocolError {
  return new ProtocolError(`frame: expected a kind of ${where}, got 0x${kind.toString(16).padStart(2, '0')}`);
}

/** Why a connection with this close code ended. */
function reasonOf(code: number, state: TrunkState): TrunkCloseReason {
  if (code === CloseCode.BadCredentials || code === CloseCode.UnsupportedVersion) return 'rejected';
  if (code === CloseCode.BrokeProtocol) return 'brokeProtocol';
  if (code !== ABNORMAL_CLOSURE && code !== NO_STATUS_RECEIVED) return 'closedByBackend';
  return state.name === 'connecting' ? 'unreachable' : 'lost';
}
