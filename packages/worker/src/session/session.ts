/**
 * A session, as long as its client's connection is here: joins the connection and a stream of a trunk. Data frames pass
 * unread, but for their first byte; control frames are read here, and the host (sessions.ts) decides about them. One object
 * with its two halves per connection, without timers, promises or closures while it is idle. It is let go of when the connection
 * ends: all that outlives it is at the backend, in shared state, and in the client's token.
 */
import {
  CloseCode,
  decodeCloseFrame,
  encodeClose,
  encodePing,
  ProtocolError,
  SessionKind,
  TrunkKind,
} from '@holdfast/protocol';
import { type ClientRates, clientRates } from '../access/client-rates.js';
import type { DownstreamHandler } from '../listener/downstream-socket.js';
import type { BoundName } from '../observe/traffic.js';
import type { Pool } from '../pool/pool.js';
import type { Link } from '../trunk/link.js';
import type { DataRun, StreamOwner } from '../trunk/stream-owner.js';
import { BackendSide } from './backend-side.js';
import type { ClientConnection } from './client-connection.js';
import { takeClientFrame } from './client-frames.js';
import { ClientSide, type Taken } from './client-side.js';
import { judgeRate, largestFrameBytes, largestMessageBytes, TOO_BIG } from './message-limits.js';
import { endByClient, type SessionEnd, type SessionOrigin, type SessionRoute, wireEnd } from './session-end.js';
import type { SessionHost, SessionStart } from './session-host.js';
import { SessionOnTopics } from './session-on-topics.js';
import { Tally } from './tally.js';
import { isOnItsWay, isWelcomed, nextSessionState, type SessionEvent, type SessionState } from './state.js';

const NOTHING = new Uint8Array(0);

export class Session implements DownstreamHandler, StreamOwner {
  readonly pool: Pool;
  readonly route: SessionRoute;
  readonly isPlain: boolean;
  readonly origin: SessionOrigin;
  readonly client: ClientSide;
  readonly backendSide: BackendSide = new BackendSide();
  readonly tally: Tally = new Tally();
  readonly openedAtMs: number;
  /** Of the connection, by the route's `lifetime`; 0: none. */
  readonly endsAtMs: number;
  /** '' until it is known which session this is. */
  id = '';
  generation = 0;
  /** JSON, with principal and claims once they are known. */
  request: string;
  /** Hash. */
  principal = '';
  /** Of nowMs: its client's credentials run out then. 0: never. */
  knownUntilMs = 0;
  /** Of its messages; those of its principal join them when it is known. */
  rates: ClientRates | undefined;
  /** The client could come back for this session: its end here is not the end of it. */
  hasToken = false;
  tokenSignedAtMs = 0;
  pacingToldMs = 0;
  isAuthenticating = false;
  isResumed = false;
  rehomes = 0;
  /** When it lost its backend, or was asked to leave it. */
  unboundAtMs = 0;
  /** Once it has to do with topics: see `onTopics`. */
  topicSession: SessionOnTopics | undefined;
  readonly #host: SessionHost<Session>;
  #maxFrameBytes: number;
  #state: SessionState;
  #link: Link | undefined;
  /** `rehomed` frames that the client has not answered: its answer to the last one counts. */
  #resyncsOwed = 0;

  constructor(host: SessionHost<Session>, { pool, route, isPlain, request, origin }: SessionStart) {
    this.#host = host;
    this.pool = pool;
    this.route = route;
    this.isPlain = isPlain;
    this.request = request;
    this.origin = origin;
    this.#state = isPlain ? 'opening' : 'hello';
    this.openedAtMs = host.nowMs;
    this.client = new ClientSide(host.nowMs);
    this.rates = clientRates(route.limits, performance.now());
    this.#maxFrameBytes = largestFrameBytes(route.limits.messageBytes, isPlain);
    const { lifetimeMs } = route.limits;
    // ±10 %: connections that came together must not go together.
    this.endsAtMs = lifetimeMs > 0 ? host.nowMs + Math.floor(lifetimeMs * (0.9 + host.random() * 0.2)) : 0;
  }

  /** Before anything else. */
  attach(connection: ClientConnection): void {
    this.client.attach(connection);
  }

  get state(): SessionState {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#state === 'closed';
  }

  /** To the backend that it counts as one of. */
  get link(): Link | undefined {
    return this.#link;
  }

  get bufferedBytes(): { readonly down: number; readonly up: number } {
    return { down: this.client.bufferedBytes, up: this.backendSide.heldBytes };
  }

  // From the client.

  onMessage(data: ArrayBuffer, isBinary: boolean): void {
    if (this.isOver) return;
    this.client.heardAtMs = this.#host.nowMs;
    const bytes = new Uint8Array(data);
    if (this.isPlain) {
      this.#onClientData(bytes, isBinary ? TrunkKind.Binary : TrunkKind.Text);
      return;
    }
    const kind = bytes[0];
    if (isBinary && kind === SessionKind.Binary) this.#onClientData(bytes, TrunkKind.Binary);
    else if (!isBinary && kind === SessionKind.Text) this.#onClientData(bytes, TrunkKind.Text);
    else if (!isBinary && kind === SessionKind.Ack) this.#onClientAck(bytes);
    else takeClientFrame(this, this.#host, { bytes, isBinary });
  }

  onWritable(): void {
    if (this.client.drained(this.#host.nowMs)) this.backendSide.sendCredit(true);
    if (this.topicSession !== undefined) this.#host.topics.onWritable(this.topicSession, this.client.bufferedBytes);
  }

  onDropped(): void {
    if (this.topicSession !== undefined) this.#host.topics.onDropped(this.topicSession);
  }

  onPing(): void {
    this.client.heardAtMs = this.#host.nowMs;
  }

  onPong(): void {
    this.client.heardAtMs = this.#host.nowMs;
  }

  onClose(code: number, reason: string): void {
    this.client.detach();
    const end = endByClient(code, reason);
    if (end.isTooBig) this.#host.boundHit('message_bytes');
    this.#finish({ ...end, isFinal: !this.hasToken });
  }

  #onClientData(bytes: Uint8Array, kind: number): void {
    if (!this.allows(bytes.length)) return;
    this.tally.up(bytes.length);
    if (this.#state === 'live' && !this.backendSide.isHeldUp) this.backendSide.send(kind, bytes);
    else this.#withhold(bytes, kind);
  }

  /** Passes a slow handler's queue: it is not data, and the other direction needs it. */
  #onClientAck(bytes: Uint8Array): void {
    if (this.#state === 'live') this.backendSide.send(TrunkKind.Text, bytes);
    else this.#withhold(bytes, TrunkKind.Text);
  }

  /** What nobody takes now. An SDK client sends it again after its resync, a plain one never would. */
  #withhold(bytes: Uint8Array, kind: number): void {
    if (!this.isPlain && this.#state !== 'live') {
      if (!isWelcomed(this.#state))
        this.close(CloseCode.BrokeProtocol, 'expected a hello, and nothing before its answer');
      return;
    }
    this.backendSide.hold(kind, bytes);
    if (this.backendSide.heldBytes <= this.route.limits.bufferBytes + this.#maxFrameBytes) return;
    this.hitBound('backend_buffer', CloseCode.TryAgainLater, 'the service cannot keep up');
  }

  /** It answers a `rehomed` with what it has and has not. */
  onResync(counters: Uint8Array): void {
    if (this.#resyncsOwed === 0) throw new ProtocolError('resync: expected one for each rehomed, got one more');
    this.#resyncsOwed -= 1;
    // An answer to the last but one: the backend that it is for is lost already.
    if (this.#resyncsOwed > 0) return;
    if (this.#state === 'resyncing') this.move('resynced');
    // A backend that is asked for it again before it was told gives it away when it is.
    else if (this.#state !== 'handing') return;
    this.backendSide.send(TrunkKind.Resync, counters);
  }

  // From the backend.

  onData(bytes: Uint8Array, run: DataRun): void {
    if (this.client.isGone || this.backendSide.isOpening) return;
    this.tally.down(bytes, run, this.isPlain);
    const host = this.#host;
    this.afterSend(this.client.write(host.writer, bytes, run, host.nowMs));
  }

  onStreamFrame(kind: number, payload: Uint8Array): void {
    if (this.isOver) return this.backendSide.late(kind, payload, (given) => this.#host.onHandedOff(this, given));
    switch (kind) {
      case TrunkKind.Opened:
        this.#maxFrameBytes = largestFrameBytes(largestMessageBytes(this), this.isPlain);
        this.backendSide.opened(payload);
        // The client has not become any faster by the change.
        if (this.client.isStopped) this.backendSide.sendCredit(false);
        return;
      case TrunkKind.Close:
      case TrunkKind.Detach:
        return this.#onStreamEnd(decodeCloseFrame(payload), kind === TrunkKind.Close);
      case TrunkKind.Handoff: {
        const handedOff = this.backendSide.readHandoff(payload);
        this.move('handedOff');
        this.backendSide.forget();
        return this.#host.onHandedOff(this, handedOff);
      }
      case TrunkKind.Credit:
        this.backendSide.onCredit(payload);
        if (this.#state === 'live') this.backendSide.releaseHeld();
        return;
      case TrunkKind.Subscribe:
      case TrunkKind.Unsubscribe:
        if (this.backendSide.isOpening) throw new ProtocolError('topic: expected the answer to open before it');
        this.#host.topics.onBackendFrame(this.onTopics, kind, payload);
    }
  }

  onTrunkLost(): void {
    if (this.backendSide.lose({ kind: 'lost' })) return;
    if (nextSessionState(this.#state, 'streamLost') === undefined) return;
    this.#leaveBackend('streamLost');
    this.#host.onStreamLost(this);
  }

  #onStreamEnd({ code, reason }: { readonly code: number; readonly reason: string }, isFinal: boolean): void {
    if (!this.backendSide.lose({ kind: 'refused', code, reason })) this.endByBackend(code, reason, isFinal);
  }

  // What the host does with it.

  /** The session counts as one of this backend's from now on; undefined: as nobody's. */
  bind(link: Link | undefined): void {
    this.#link?.backend.release();
    this.#link = link;
    this.tally.moveTo(link && this.#host.countsOf(this, link.backend));
    if (link === undefined) return;
    link.backend.acquire();
    this.origin.onBackend(link.backend.id);
  }

  /** The first answer to the client; data follows. A plain client gets none. */
  welcome(frame: string): void {
    this.move('opened');
    this.tally.opened();
    if (this.isPlain) this.backendSide.releaseHeld();
    else {
      this.hasToken = true;
      this.send(frame);
    }
  }

  askHandoff(): void {
    this.#leaveBackend('askHandoff');
    this.backendSide.send(TrunkKind.Handoff, NOTHING);
  }

  /** The backend does not give it away. Somebody else gets it without: what it still does there is fenced off. */
  abandon(): void {
    this.backendSide.end(CloseCode.TryAgainLater, 'the session was not handed over in time', false);
    this.#leaveBackend('streamLost');
    this.#host.onStreamLost(this);
  }

  /** It has a backend again; the client, unless it is a plain one, says what it has and what it has not. */
  rehomed(frame: string): void {
    this.rehomes += 1;
    this.move('reopened');
    if (this.isPlain) {
      this.move('resynced');
      this.backendSide.releaseHeld();
    } else {
      this.#resyncsOwed += 1;
      this.send(frame);
    }
  }

  /** It as topics know it. */
  get onTopics(): SessionOnTopics {
    return (this.topicSession ??= new SessionOnTopics(this));
  }

  /** A message of its client may be so large, in a frame of so many bytes, and come now; else that has cost the connection. */
  allows(bytes: number, frameBytes: number = bytes): boolean {
    const breach = bytes > this.#maxFrameBytes ? TOO_BIG : judgeRate(frameBytes, this.rates);
    if (breach !== undefined) this.hitBound(breach.bound, breach.code, breach.reason);
    return breach === undefined;
  }

  /** A control frame for the client. */
  send(frame: string): void {
    this.afterSend(this.client.send(frame, this.#host.nowMs));
  }

  /** Asks for a sign of life. */
  ping(pacingMs: number | undefined): void {
    this.client.pingedAtMs = this.#host.nowMs;
    if (this.isPlain) this.client.ping();
    else this.send(encodePing(pacingMs));
  }

  // Ends.

  /** Of the connection, on Holdfast's own account. The session lives on where its client can resume it. */
  close(code: number, reason: string, detail?: string): void {
    this.#finish({ code, reason, closedBy: 'edge', isFinal: !this.hasToken, detail });
    this.client.end(code, reason);
  }

  /** Without a close frame, for a client that would not read it. */
  cut(code: number, detail: string): void {
    this.#finish({ code, reason: '', closedBy: 'edge', isFinal: !this.hasToken, detail });
    this.client.cut();
  }

  /** Its client ends the session. */
  leave(code: number, reason: string): void {
    this.#finish({ code, reason, closedBy: 'client', isFinal: true, detail: undefined });
    this.client.end(code, reason);
  }

  /** @param isFinal the application closed the session; else the connection alone ends. */
  endByBackend(code: number, reason: string, isFinal: boolean): void {
    if (isFinal) this.endForGood({ code, reason, closedBy: 'backend' });
    else this.#end({ code, reason, closedBy: 'backend', isFinal });
  }

  /** Of the session itself: the client is told that there is nothing to come back for. */
  endForGood(end: Pick<SessionEnd, 'code' | 'reason' | 'closedBy'>): void {
    const { code, reason } = wireEnd(end);
    if (!this.isPlain) this.send(encodeClose({ code, reason }));
    this.#end({ ...end, isFinal: true });
  }

  #end(end: Omit<SessionEnd, 'detail'>): void {
    const { code, reason } = wireEnd(end);
    this.#finish({ ...end, code, reason, detail: undefined });
    this.client.end(code, reason);
  }

  hitBound(bound: BoundName, code: number, reason: string): void {
    if (this.isOver) return;
    this.#host.boundHit(bound);
    this.close(code, reason, `limit: ${bound}`);
  }

  endSlow(): void {
    this.hitBound('client_buffer', CloseCode.SlowConsumer, 'the client reads too slowly');
  }

  #finish(end: SessionEnd): void {
    if (this.isOver) return;
    // On its way to a backend, and its client may come back for it: what the backends say of it is heard out, see carried.ts.
    const isCarried = !end.isFinal && isOnItsWay(this.#state);
    if (end.isFinal) this.hasToken = false;
    this.move('ended');
    if (isCarried) this.backendSide.detach(end.code, end.reason);
    else this.backendSide.end(end.code, end.reason, end.isFinal);
    this.#host.onEnded(this, end);
    this.bind(undefined);
  }

  // Small things.

  #leaveBackend(event: 'streamLost' | 'askHandoff'): void {
    if (this.#state !== 'handing') this.unboundAtMs = Math.floor(performance.now());
    this.move(event);
    if (!this.isPlain) this.backendSide.dropHeld();
  }

  /** The client was sent something. */
  afterSend(taken: Taken): void {
    if (taken === 'fine' || this.isOver) return;
    if (taken === 'overrun') this.endSlow();
    else this.backendSide.sendCredit(false);
  }

  /** Throws a ProtocolError when it cannot be: whoever caused it is to blame. */
  move(event: SessionEvent): void {
    const next = nextSessionState(this.#state, event);
    if (next === undefined) throw new ProtocolError(`session: expected no ${event} while ${this.#state}, got one`);
    this.#state = next;
  }
}
