/**
 * All sessions of a worker: made from an accepted connection, looked after by one timer, and told when trunks come and go. Builds
 * the parts of this folder and passes what happens to the one whose business it is. Knows no sockets: connections and trunks are
 * passed in, so that all of it runs in a simulation.
 */
import { CloseCode, type HeldTopic, type Hello, INCARNATION_BYTES, SESSION_ID_BYTES } from '@holdfast/protocol';
import type { SharedState } from '@holdfast/state';
import { HelloRate } from '../admission/hello-rate.js';
import type { TopicRule } from '../config.js';
import type { DrainReport } from '../drain.js';
import type { BoundName, Traffic, TrafficCounts } from '../observe/traffic.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import type { TopicResult } from '../topic/topic-requests.js';
import type { Broadcast } from '../topic/broadcast.js';
import { WorkerTopics } from '../topic/worker-topics.js';
import type { Link, LinkListener } from '../trunk/link.js';
import { NONCE_BYTES } from '../trunk/proof.js';
import type { DialTrunk } from '../trunk/transport.js';
import type { Trunk } from '../trunk/trunk.js';
import type { TrunkRequest } from '../trunk/trunk-request.js';
import { Trunks } from '../trunk/trunks.js';
import { identify, type Identified, type Identity } from './authenticate.js';
import type { ClientConnection } from './client-connection.js';
import { comeBackLater } from './come-back-later.js';
import { connectSession } from './connect.js';
import { SessionDrain } from './drain.js';
import { ADMISSION_PER_SECOND, Fleet } from './fleet.js';
import { Greeter } from './greeter.js';
import { beginSession, refreshAuth, takeIdentity } from './hello.js';
import { lookAfter } from './look-after.js';
import { Parking } from './parking.js';
import { SessionRecords } from './records.js';
import { Rehoming } from './rehome.js';
import { RunWriter } from './run-writer.js';
import { Session } from './session.js';
import type { SessionEnd, SessionRoute } from './session-end.js';
import type { HandedOff, SessionHost, SessionStart } from './session-host.js';
import type { SessionLog, SessionParts } from './session-parts.js';
import { SessionStats } from './stats.js';
import { TokenSigner } from './token.js';

export interface SessionsOptions {
  readonly state: SharedState;
  readonly dial: DialTrunk;
  readonly traffic: Traffic;
  readonly broadcast: Broadcast;
  /** Names this machine: the same for all its workers. */
  readonly balancer: string;
  readonly log: SessionLog;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Unpredictable. */
  readonly randomBytes: (bytes: number) => Uint8Array;
}

/** What a reload may change. */
export interface SessionSettings {
  readonly pools: Iterable<Pool>;
  /** The first signs, all verify; never empty. */
  readonly secrets: readonly string[];
  readonly maxMessageBytes: number;
  readonly topics: readonly TopicRule[];
}

const TICK_MS = 500;
const WRITE_BACK_EVERY_MS = 2000;

export class Sessions implements SessionHost<Session>, LinkListener {
  nowMs: number = Math.floor(performance.now());
  readonly writer: RunWriter = new RunWriter();
  readonly random: () => number;
  readonly stats: SessionStats = new SessionStats();
  readonly trunks: Trunks;
  readonly topics: WorkerTopics;
  readonly #options: SessionsOptions;
  readonly #all = new Set<Session>();
  /** Those that have an id. Of two connections of one session, the newer. */
  readonly #byId = new Map<string, Session>();
  readonly #parts: SessionParts;
  readonly #records: SessionRecords;
  readonly #greeter: Greeter;
  readonly #rehoming: Rehoming;
  readonly #parking: Parking;
  readonly #timer: NodeJS.Timeout;
  #writtenBackAtMs = 0;
  readonly #fleet: Fleet;
  /** Of clients that wait for their welcome. */
  readonly #held = new WeakMap<Session, readonly HeldTopic[]>();
  readonly #helloRate = new HelloRate(ADMISSION_PER_SECOND, performance.now());
  #drain: SessionDrain | undefined;

  constructor(options: SessionsOptions, settings: SessionSettings) {
    const { state, dial, log, random, randomBytes } = options;
    this.#options = options;
    this.random = random;
    const newId = (bytes: number) => Buffer.from(randomBytes(bytes)).toString('base64url');
    const worker = newId(INCARNATION_BYTES);
    const newNonce = () => newId(NONCE_BYTES);
    this.trunks = new Trunks({ dial, worker, newNonce, random, listener: this, log }, settings);
    this.#records = new SessionRecords({
      store: state.sessions,
      worker,
      log,
      onFull: () => this.boundHit('unwritten_sessions'),
    });
    this.#greeter = new Greeter(settings.secrets, () => this.#fleet.pacingMs);
    this.#parts = {
      trunks: this.trunks,
      records: this.#records,
      greeter: this.#greeter,
      stats: this.stats,
      log,
      random,
      newSessionId: () => newId(SESSION_ID_BYTES),
      onSettled: (session) => this.#onSettled(session),
    };
    this.#rehoming = new Rehoming(this.#parts, this.#all);
    this.topics = new WorkerTopics({
      state,
      broadcast: options.broadcast,
      rules: settings.topics,
      owner: worker,
      boundHit: (bound) => this.boundHit(bound),
      log,
    });
    this.#parking = new Parking({ store: state.sessions, find: (id) => this.#byId.get(id) });
    this.#fleet = new Fleet({
      leases: state.leases,
      worker,
      balancer: options.balancer,
      sessions: () => this.#all.size,
      onRenewed: (alive, hasLapsed) => this.topics.onLeases(alive, hasLapsed),
      log,
    });
    this.trunks.update(settings.pools);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  get all(): ReadonlySet<Session> {
    return this.#all;
  }

  get links(): Iterable<Link> {
    return this.trunks.all;
  }

  /** See PROTOCOL.md, "Reconnecting". */
  get pacingMs(): number {
    return this.#fleet.pacingMs;
  }

  get unwritten(): number {
    return this.#records.unwritten;
  }

  find(sessionId: string): Session | undefined {
    return this.#byId.get(sessionId);
  }

  /** For what comes from now on. */
  update(settings: SessionSettings): void {
    this.#greeter.tokens = new TokenSigner(settings.secrets);
    this.topics.reload(settings.topics);
    this.trunks.update(settings.pools, settings);
  }

  /** Of a plain client, before its handshake is answered. */
  identify(credentials: {
    pool: Pool;
    route: SessionRoute;
    request: string;
    auth: string | undefined;
  }): Promise<Identified> {
    return identify(this.trunks, credentials);
  }

  /** A client that is about to be connected; `open` follows. */
  create(start: SessionStart): Session {
    return new Session(this, start);
  }

  /** @param identity of a plain client; others say it in their hello. */
  open(session: Session, connection: ClientConnection, identity?: Identity): void {
    session.attach(connection);
    this.#all.add(session);
    if (!session.isPlain) return;
    if (identity !== undefined) takeIdentity(session, identity);
    this.#run(session, connectSession(this.#parts, session));
  }

  /** Sends the clients elsewhere. Resolves when they have gone; `close` follows. */
  async drain(deadlineMs: number): Promise<DrainReport> {
    // Where there is nowhere else, waiting for them to leave would only keep them from coming back.
    const time = { deadlineMs: this.#fleet.hasOthers ? deadlineMs : 0, windowMs: this.pacingMs };
    this.trunks.announceDrain({ reason: 'the balancer stops', deadlineMs: time.deadlineMs });
    this.#drain = new SessionDrain(this.#all, { ...time, random: this.random });
    return this.#drain.run();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#fleet.close();
    this.topics.close();
    this.trunks.close();
  }

  // From sessions.

  countsOf({ route, pool }: Session, backend: Backend): TrafficCounts {
    return this.#options.traffic.of(route.name, pool.name, backend.id);
  }

  boundHit(bound: BoundName): void {
    this.#options.traffic.boundHit(bound);
  }

  onHello(session: Session, hello: Hello, held: readonly HeldTopic[]): void {
    if (this.#drain !== undefined) {
      session.close(CloseCode.Leaving, 'the balancer stops');
      return;
    }
    if (!this.#helloRate.take(hello.resume !== undefined, performance.now())) {
      this.boundHit('hellos_per_second');
      this.stats.entered(session.pool.name, 'overloaded');
      comeBackLater(session, { random: this.random(), reason: 'overloaded', code: CloseCode.Overloaded });
      return;
    }
    if (held.length > 0) this.#held.set(session, held);
    this.#run(session, beginSession(this.#parts, session, hello));
  }

  onAuth(session: Session, auth: string): void {
    this.#run(session, refreshAuth(this.#parts, session, auth));
  }

  onHandedOff(session: Session, handedOff: HandedOff): void {
    this.#rehoming.onHandedOff(session, handedOff);
  }

  onStreamLost(session: Session): void {
    this.#rehoming.onStreamLost(session);
  }

  onEnded(session: Session, end: SessionEnd): void {
    this.#all.delete(session);
    if (this.#byId.get(session.id) === session) this.#byId.delete(session.id);
    this.#rehoming.onEnded(session);
    if (session.topicSession !== undefined) this.topics.onEnded(session.topicSession, end.isFinal);
    if (end.isFinal && session.generation > 0) this.#records.remove(session);
    session.origin.onEnd(session, end);
    this.#options.traffic.closed(session.route.name, end.code, end.closedBy);
  }

  // From trunks.

  onReady(link: Link): void {
    this.#rehoming.onReady(link);
  }

  onReturned(link: Link): void {
    this.#rehoming.onReturned(link);
  }

  onGone(link: Link): void {
    this.#rehoming.onGone(link);
  }

  onDrain(link: Link): void {
    this.#rehoming.onDrain(link);
  }

  onRequest(link: Link, trunk: Trunk, request: TrunkRequest): void {
    const { ref, body, tail } = request;
    if (body.op !== 'publish' && body.op !== 'history' && body.op !== 'presence') {
      this.#parking.onRequest(link, trunk, request);
      return;
    }
    void this.#answerAboutTopic(trunk, ref, this.topics.onBackendRequest(body, tail));
  }

  async #answerAboutTopic(trunk: Trunk, ref: number, asked: Promise<TopicResult>): Promise<void> {
    const result = await asked;
    trunk.answer(ref, result.ok ? { ok: true, ...result.body } : result);
  }

  #onSettled(session: Session): void {
    this.#byId.set(session.id, session);
    this.#rehoming.onSettled(session);
    this.#drain?.tell(session);
    const held = this.#held.get(session);
    if (held === undefined) return;
    this.#held.delete(session);
    this.topics.onWelcomed(session.onTopics, held);
  }

  /** A fault of ours ends one client's connection, not the worker with all the others. */
  #run(session: Session, task: Promise<void>): void {
    task.catch((error: unknown) => {
      this.#options.log.error({ err: error, sessionId: session.id }, 'session failed');
      session.close(CloseCode.InternalError, 'internal error');
    });
  }

  #tick(): void {
    this.nowMs = Math.floor(performance.now());
    const { nowMs } = this;
    const { pacingMs } = this.#fleet;
    const care = { nowMs, greeter: this.#greeter, pacingMs, onIdle: () => this.boundHit('idle') };
    for (const session of this.#all) lookAfter(session, care);
    this.#rehoming.tick(this.nowMs);
    if (this.nowMs - this.#writtenBackAtMs < WRITE_BACK_EVERY_MS) return;
    this.#writtenBackAtMs = this.nowMs;
    if (this.#options.state.health.status === 'ok') void this.#records.writeBack();
  }
}
