/**
 * All sessions of a worker: made from an accepted connection, looked after by one timer, and told when trunks come and go. Builds
 * the parts of this folder and passes what happens to the one whose business it is. Knows no sockets: connections and trunks are
 * passed in, so that all of it runs in a simulation.
 */
import { CloseCode, type HeldTopic, type Hello, INCARNATION_BYTES, SESSION_ID_BYTES } from '@holdfast/protocol';
import type { Admission } from '../admission/admission.js';
import type { FleetReport, SessionLocation } from '../control/operator-questions.js';
import type { DrainReport } from '../drain/drain.js';
import type { BoundName, TrafficCounts } from '../observe/traffic.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { WorkerTopics } from '../topic/worker-topics.js';
import type { Link, LinkListener } from '../trunk/link.js';
import { NONCE_BYTES } from '../trunk/proof.js';
import type { Trunk } from '../trunk/trunk.js';
import type { TrunkRequest } from '../trunk/trunk-request.js';
import { Trunks } from '../trunk/trunks.js';
import { identify, type Identified, type Identity } from './authenticate.js';
import { BackendRequests } from './backend-requests.js';
import type { ClientConnection } from './client-connection.js';
import { connectSession } from './connect.js';
import { SessionDrain } from './drain.js';
import { Greeter } from './greeter.js';
import { beginSession, refreshAuth, takeIdentity } from './hello.js';
import { HelloEntrant } from './hello-entrant.js';
import { locateSession } from './locate.js';
import { lookAfter } from './look-after.js';
import { OperatorDrains } from './operator-drains.js';
import { SessionRecords } from './records.js';
import { Rehoming } from './rehome.js';
import { RunWriter } from './run-writer.js';
import { Session } from './session.js';
import type { SessionEnd, SessionRoute } from './session-end.js';
import type { HandedOff, SessionHost, SessionStart } from './session-host.js';
import type { SessionParts } from './session-parts.js';
import type { SessionSettings, SessionsDrain, SessionsOptions } from './sessions-options.js';
import { type CapacitySettings, Standing } from './standing.js';
import { SessionStats } from './stats.js';
import { TokenSigner } from './token.js';

const TICK_MS = 500;
const WRITE_BACK_EVERY_MS = 2000;

export class Sessions implements SessionHost<Session>, LinkListener {
  nowMs: number = Math.floor(performance.now());
  /** Of the idle limit of plain clients: under pressure less, see overload/level.ts. */
  idleShare = 1;
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
  readonly #operatorDrains: OperatorDrains;
  readonly #requests: BackendRequests;
  readonly #timer: NodeJS.Timeout;
  #writtenBackAtMs = 0;
  readonly #standing: Standing;
  /** Of clients that wait for their welcome. */
  readonly #held = new WeakMap<Session, readonly HeldTopic[]>();
  #drain: SessionDrain | undefined;
  /** From the moment that it is asked to: nothing new is begun that would not be ended. */
  #isLeaving = false;

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
    this.#greeter = new Greeter(settings.secrets, () => this.#standing.fleet.pacingMs);
    this.#parts = {
      trunks: this.trunks,
      verifier: options.verifier,
      limits: options.limits,
      records: this.#records,
      greeter: this.#greeter,
      stats: this.stats,
      log,
      random,
      newSessionId: () => newId(SESSION_ID_BYTES),
      onSettled: (session) => this.#onSettled(session),
    };
    this.#rehoming = new Rehoming(this.#parts, this.#all);
    this.#operatorDrains = new OperatorDrains({ links: () => this.trunks.all, onDrain: (link) => this.onDrain(link) });
    this.topics = new WorkerTopics({
      state,
      broadcast: options.broadcast,
      rules: settings.topics,
      owner: worker,
      boundHit: (bound) => this.boundHit(bound),
      log,
    });
    this.#requests = new BackendRequests(this.topics, { store: state.sessions, find: (id) => this.#byId.get(id) });
    this.#standing = this.#createStanding(worker, settings);
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

  get admission(): Admission {
    return this.#standing.admission;
  }

  /** See PROTOCOL.md, "Reconnecting". */
  get pacingMs(): number {
    return this.#standing.fleet.pacingMs;
  }

  /** Of this machine, this one included. */
  get workersHere(): number {
    return this.#standing.workersHere;
  }

  get unwritten(): number {
    return this.#records.unwritten;
  }

  find(sessionId: string): Session | undefined {
    return this.#byId.get(sessionId);
  }

  // For operators.

  /** Never rejects. */
  locate(sessionId: string): Promise<SessionLocation> {
    const balancerOf = (worker: string): string | undefined => this.#standing.fleet.view.balancerOf(worker);
    return locateSession({ store: this.#options.state.sessions, balancerOf }, sessionId);
  }

  get fleet(): FleetReport {
    return this.#standing.fleet.view.report(performance.now());
  }

  /** For what comes from now on. */
  update(settings: SessionSettings): void {
    this.#greeter.tokens = new TokenSigner(settings.secrets);
    this.topics.reload(settings.topics);
    this.#standing.update(settings);
    this.trunks.update(settings.pools, settings);
  }

  /** Of a plain client, before its handshake is answered. */
  identify(credentials: {
    pool: Pool;
    route: SessionRoute;
    request: string;
    auth: string | undefined;
  }): Promise<Identified> {
    return identify(this.#parts, credentials);
  }

  /** Topics go on for it when it has taken what waits. False: it hears none, or is silenced already. */
  silence({ topicSession }: Session): boolean {
    if (!topicSession?.topics?.memberships.length || topicSession.topics.isBehind) return false;
    this.topics.onDropped(topicSession);
    return true;
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

  /** Makes this worker known to the others of the fleet, before clients come. Never rejects. */
  join(): Promise<void> {
    return this.#standing.fleet.refresh();
  }

  /** Sends the clients of the SDK elsewhere. Resolves when they have gone; `close` follows. */
  async drain({ hasSuccessors, ...time }: SessionsDrain): Promise<DrainReport> {
    this.#isLeaving = true;
    // What the others said last may be older than they are.
    if (!hasSuccessors) await this.#standing.fleet.refresh();
    const isAlone = !hasSuccessors && !this.#standing.fleet.hasOthers;
    this.trunks.announceDrain({ reason: 'the balancer stops', deadlineMs: isAlone ? 0 : time.deadlineMs });
    this.#drain = new SessionDrain(this.#all, { ...time, isAlone, random: this.random });
    return this.#drain.run();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#rehoming.close();
    this.#standing.close();
    this.topics.close();
    this.trunks.close();
  }

  #createStanding(worker: string, settings: CapacitySettings): Standing {
    const { state, balancer, random, log, connections = () => 0, version = '' } = this.#options;
    const given = {
      leases: state.leases,
      worker,
      balancer,
      connections,
      version,
      random,
      log,
      sessions: this.#all,
      isDraining: () => this.#isLeaving,
      onRefused: () => this.boundHit('admissions_per_second'),
      onRenewed: (alive: readonly string[], hasLapsed: boolean) => this.topics.onLeases(alive, hasLapsed),
      links: () => this.trunks.all,
      handOver: this.#rehoming.handOver.bind(this.#rehoming),
      onMoved: (from: string, sessions: number) => this.stats.rebalanced.add({ from }, sessions),
    };
    return new Standing(given, settings);
  }

  // From sessions.

  countsOf({ route, pool }: Session, backend: Backend): TrafficCounts {
    return this.#options.traffic.of(route.name, pool.name, backend.id);
  }

  boundHit(bound: BoundName): void {
    this.#options.traffic.boundHit(bound);
  }

  onHello(session: Session, hello: Hello, held: readonly HeldTopic[]): void {
    if (this.#drain?.isShut === true) {
      session.close(CloseCode.Leaving, 'the balancer stops');
      return;
    }
    const isResume = hello.resume !== undefined;
    const begin = (): void => this.#begin(session, hello, held);
    const refused = (): void => this.stats.entered(session.pool.name, 'overloaded');
    this.admission.ask(new HelloEntrant(session, isResume, { begin, refused }));
  }

  #begin(session: Session, hello: Hello, held: readonly HeldTopic[]): void {
    if (this.#drain?.isShut === true) return session.close(CloseCode.Leaving, 'the balancer stops');
    this.#options.log.debug({ isResume: hello.resume !== undefined }, 'client let in');
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
    this.#rehoming.onEnded(session, end.isFinal);
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

  onDrain(link: Link, withinMs?: number): void {
    this.#rehoming.onDrain(link, withinMs);
  }

  onRequest(link: Link, trunk: Trunk, request: TrunkRequest): void {
    this.#requests.onRequest(link, trunk, request);
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
    const { pacingMs } = this.#standing.fleet;
    const { idleShare } = this;
    const care = { nowMs, greeter: this.#greeter, pacingMs, idleShare, onIdle: () => this.boundHit('idle') };
    for (const session of this.#all) lookAfter(session, care);
    this.#rehoming.tick(this.nowMs);
    this.#operatorDrains.look();
    if (this.nowMs - this.#writtenBackAtMs < WRITE_BACK_EVERY_MS) return;
    this.#writtenBackAtMs = this.nowMs;
    if (this.#options.state.health.status === 'ok') void this.#records.writeBack();
  }
}
