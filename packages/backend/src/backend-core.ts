/**
 * A backend without sockets: its trunks, its sessions, and the one timer that all of them share. Everything that comes on
 * a trunk passes here; applications see backend.ts. Time is the global timers and performance.now, randomness an option,
 * transports are passed in, so that it runs in a simulation as it does in production.
 */
import {
  type AuthenticateBody,
  type AuthorizeBody,
  CloseCode,
  INCARNATION_BYTES,
  type Open,
  ProtocolError,
  type TailEntry,
  TrunkKind,
} from '@holdfast/protocol';
import { answerAuthenticate } from './authenticate.js';
import { type Authorize, answerAuthorize } from './authorize.js';
import { writeSession } from './downlink.js';
import { Drain, type DrainReport } from './drain.js';
import { BackendError } from './errors.js';
import { Flusher } from './flusher.js';
import { LoadReport } from './load-report.js';
import type { ResolvedOptions } from './options.js';
import { NONCE_BYTES } from './proof.js';
import type { SessionCore } from './session-core.js';
import type { SessionEnd } from './session-events.js';
import { SessionKeeper } from './session-keeper.js';
import { Topics } from './topics.js';
import type { TrunkTransport } from './transport.js';
import { Trunk, type TrunkListener } from './trunk.js';
import { TrunkSet } from './trunk-set.js';
import { receive } from './uplink.js';

/** Whom the application listens through. */
export interface BackendListener {
  onSession(core: SessionCore, open: Open): void;
  /** `isOwn`: the application's own code failed, and somebody must hear of it. */
  onError(error: BackendError, isOwn: boolean): void;
  onTrunk(worker: string, state: 'ready' | 'closed', end?: SessionEnd): void;
}

const TICK_MS = 250;

export class BackendCore implements TrunkListener<SessionCore> {
  readonly keeper: SessionKeeper;
  readonly topics: Topics;
  /** The application's judge of what clients may do with topics. */
  authorize: Authorize | undefined;
  readonly #options: ResolvedOptions;
  /** Names this life of the process. */
  readonly #incarnation: string;
  readonly #listener: BackendListener;
  readonly #trunks = new TrunkSet();
  readonly #flusher = new Flusher<SessionCore>(writeSession);
  readonly #load = new LoadReport();
  #timer: NodeJS.Timeout | undefined;
  #tickedAtMs = 0;
  /** The shortest silence that some worker takes for death. */
  #staleMs = Infinity;
  #maxMessageBytes: number;
  #drainUntilMs: number | undefined;

  constructor(options: ResolvedOptions, listener: BackendListener) {
    this.#options = options;
    this.#listener = listener;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#incarnation = base64url(options.random(INCARNATION_BYTES));
    const pickTrunk = (): Trunk<SessionCore> | undefined => this.#trunks.pick();
    this.topics = new Topics({ pickTrunk, incarnation: this.#incarnation, onWaiting: () => this.#start() });
    this.keeper = new SessionKeeper({
      ...options,
      pickTrunk,
      onTouched: (core) => this.#flusher.touch(core),
      onBegun: (core, open) => listener.onSession(core, open),
      onFailed: (error) => listener.onError(error, true),
    });
  }

  /** Largest message that may be sent: some worker may take less than this backend. */
  get maxMessageBytes(): number {
    return this.#maxMessageBytes;
  }

  get isDraining(): boolean {
    return this.#drainUntilMs !== undefined;
  }

  acceptTrunk(transport: TrunkTransport): void {
    if (!this.#trunks.hasRoom) return transport.close(CloseCode.TryAgainLater, 'too many trunks');
    const { secrets, capacity, authenticate, maxMessageBytes, random } = this.#options;
    const authenticates = authenticate !== undefined;
    const trunk: Trunk<SessionCore> = new Trunk({
      transport,
      listener: this,
      secrets,
      nonce: base64url(random(NONCE_BYTES)),
      greeting: { incarnation: this.#incarnation, capacity, authenticates, maxMessageBytes },
      onDue: (out) => this.#flusher.add(out),
      wasPaused: (nowMs) => this.#wasPaused(nowMs),
      reading: this.#flusher,
    });
    transport.onWritable = () => this.#trunks.review(trunk);
    this.#trunks.add(trunk);
    this.#start();
  }

  async drain(timeoutMs: number): Promise<DrainReport> {
    const { sessions, givenAway, lot } = this.keeper;
    const drain = new Drain({ sessions, givenAway, lot, timeoutMs, closeTrunks: () => this.#trunks.closeAll() });
    this.#drainUntilMs = performance.now() + timeoutMs;
    this.keeper.beginDrain(drain);
    this.#trunks.announceDrain(timeoutMs);
    const report = await drain.run();
    this.close();
    return report;
  }

  /** At once. Sessions are over here; workers find other backends for those that they have. */
  close(): void {
    this.topics.close();
    this.#trunks.closeAll();
    for (const core of this.keeper.sessions) core.finish({ code: CloseCode.GoingAway, reason: 'this backend stops' });
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  onReady(trunk: Trunk<SessionCore>): void {
    this.#onTrunksChanged();
    trunk.out.json(TrunkKind.Load, this.#load.current(this.keeper.sessions.size));
    if (this.#drainUntilMs !== undefined) this.#trunks.announceDrain(this.#drainUntilMs - performance.now());
    this.#options.log.info({ worker: trunk.workerId }, 'trunk ready');
    this.#listener.onTrunk(trunk.workerId, 'ready');
  }

  // oxlint-disable-next-line max-params
  onOpen(trunk: Trunk<SessionCore>, stream: number, open: Open, tail: readonly TailEntry[]): void {
    this.keeper.sessions.open(trunk, stream, open, tail);
  }

  // oxlint-disable-next-line max-params
  onData(core: SessionCore, bytes: Buffer, start: number, end: number, isBinary: boolean): void {
    receive(core, bytes, start, end, isBinary);
  }

  onStreamFrame(core: SessionCore, kind: number, payload: Uint8Array): void {
    this.keeper.sessions.onStreamFrame(core, kind, payload);
  }

  onStrayClose(trunk: Trunk<SessionCore>, stream: number): void {
    this.keeper.givenAway.onTaken(trunk, stream);
  }

  onAuthenticate(trunk: Trunk<SessionCore>, ref: number, request: AuthenticateBody): void {
    const { authenticate } = this.#options;
    void answerAuthenticate({ trunk, ref, request }, authenticate, (error) => {
      // Not thrown as uncaught: what a client sent may well be why.
      this.#options.log.warn({ err: error }, 'authenticate failed');
      this.#listener.onError(error, false);
    });
  }

  onAuthorize(trunk: Trunk<SessionCore>, ref: number, request: AuthorizeBody): void {
    void answerAuthorize({ trunk, ref, request }, this.authorize, (error) => {
      this.#options.log.warn({ err: error }, 'authorize failed');
      this.#listener.onError(error, false);
    });
  }

  onClosed(trunk: Trunk<SessionCore>, end: SessionEnd, failure?: unknown): void {
    const { workerId: worker } = trunk;
    this.#trunks.delete(trunk);
    this.#onTrunksChanged();
    for (const core of trunk.streams.values()) core.detach(end);
    this.keeper.onTrunkClosed(trunk);
    if (failure === undefined) this.#options.log.info({ worker, ...end }, 'trunk closed');
    else this.#onTrunkFailed(worker, end, failure);
    if (worker !== '') this.#listener.onTrunk(worker, 'closed', end);
  }

  #onTrunkFailed(worker: string, end: SessionEnd, cause: unknown): void {
    this.#options.log.warn({ worker, ...end }, 'trunk given up');
    const isRefused = cause instanceof ProtocolError && worker === '';
    const who = isRefused ? 'a trunk that did not prove itself' : `the trunk of worker ${worker}`;
    const code = isRefused ? 'BACKEND_TRUNK_REFUSED' : 'BACKEND_TRUNK_BROKEN';
    this.#listener.onError(new BackendError(code, `${who}: ${String(cause)}; it was closed`, { cause }), false);
  }

  #onTrunksChanged(): void {
    this.#staleMs = this.#trunks.shortestStaleMs;
    this.#maxMessageBytes = Math.min(this.#options.maxMessageBytes, this.#trunks.maxMessageBytes);
    this.topics.onTrunksChanged();
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#tickedAtMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#load.observe(Math.max(0, nowMs - this.#tickedAtMs - TICK_MS));
    this.#wasPaused(nowMs);
    this.#tickedAtMs = nowMs;
    this.#flusher.beginReading();
    this.#trunks.tick(nowMs);
    this.keeper.tick(nowMs);
    this.topics.tick(nowMs);
    const load = this.#load.next(nowMs, this.keeper.sessions.size, this.isDraining);
    if (load !== undefined) this.#trunks.tell(TrunkKind.Load, load);
    this.#flusher.endReading();
  }

  /**
   * A process that was stopped for longer than its workers wait has lost its sessions to other backends by now: it must not
   * act on what it finds in its sockets. Their workers dial again.
   */
  #wasPaused(nowMs: number): boolean {
    const pausedMs = nowMs - this.#tickedAtMs;
    if (pausedMs <= this.#staleMs) return false;
    this.#tickedAtMs = nowMs;
    this.#options.log.warn({ pausedMs: Math.round(pausedMs) }, 'this process was paused: trunks are closed');
    this.#trunks.closeAll(CloseCode.Stale, `this backend was paused for ${Math.round(pausedMs)} ms`);
    return true;
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
