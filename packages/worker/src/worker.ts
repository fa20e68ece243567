/**
 * A worker: builds the parts of the data plane from its configuration, keeps the supervisor informed, and stops them
 * in order. Read this first.
 */
import { randomBytes } from 'node:crypto';
import { createSharedState, type SharedState } from '@holdfast/state';
import type { Logger } from 'pino';
import { EntryLimits } from './access/entry-limits.js';
import { Gate } from './access/gate.js';
import { Verifier } from './access/verifier.js';
import { Affinity } from './affinity/affinity.js';
import { createCookieSigner } from './affinity/cookie.js';
import type { WorkerConfig } from './config.js';
import type { SupervisorChannel, ToWorkerOf } from './control/supervisor-channel.js';
import type { PoolsSnapshot } from './control/messages.js';
import { BackendDrains } from './drain/backend-drains.js';
import { leave } from './drain/leaving.js';
import type { DrainReport } from './drain/drain.js';
import type { DrainOrders } from './drain/orders.js';
import { FrontDoor } from './front-door.js';
import { ClientSockets, spareDescriptors } from './listener/client-sockets.js';
import { Listener, type SocketBounds } from './listener/listener.js';
import { answerOperator } from './answer-operator.js';
import { createAccessLog } from './observe/access-log.js';
import { createWorkerMetrics, type WorkerMetrics } from './observe/metrics.js';
import { Traffic } from './observe/traffic.js';
import type { Overload } from './overload/overload.js';
import { createOverload } from './overload/worker-overload.js';
import { Pools } from './pool/pools.js';
import { ConnectionReports } from './relay/connection-reports.js';
import { HttpUpstreams } from './relay/http-upstreams.js';
import { KeepAlive } from './relay/keep-alive.js';
import type { RelayDeps } from './relay/relay-deps.js';
import type { RelayLink } from './relay/relay-link.js';
import { type SessionSettings, Sessions } from './session/sessions.js';
import { dialWebSocket } from './trunk/ws-transport.js';
import { VERSION } from './version.js';

export interface WorkerDeps {
  readonly channel: SupervisorChannel;
  readonly log: Logger;
  /** Names this machine: the same for all its workers. */
  readonly balancer: string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Descriptors of the sockets that this worker accepts from together with others, see ProxyFront; in the order of `listen`. */
  readonly sharedSockets?: readonly number[];
}

/** In-flight counts and traffic outcomes go to the supervisor this often, when there is something to say. */
const REPORT_EVERY_MS = 100;
/** Whether backends that drain have had their time. */
const LOOK_AT_BACKENDS_MS = 500;
/** Shared state that has not answered by then will not keep a worker from listening. */
const STATE_WAIT_MS = 1_000;
/** Beyond what a route may buffer: one read of a backend's socket, and one largest message, come on top of it. */
const READ_CHUNK_BYTES = 64 * 1024;

export class Worker {
  readonly #deps: WorkerDeps;
  #config: WorkerConfig;
  readonly #pools: Pools;
  readonly #state: SharedState;
  readonly #traffic = new Traffic();
  readonly #links = new Set<RelayLink>();
  readonly #keepAlive = new KeepAlive();
  readonly #upstreams = new HttpUpstreams();
  readonly #affinity: Affinity;
  readonly #limits: EntryLimits;
  readonly #verifier: Verifier;
  readonly #metrics: WorkerMetrics;
  readonly #sessions: Sessions;
  readonly #door: FrontDoor;
  readonly #overload: Overload;
  readonly #sockets: ClientSockets;
  readonly #listeners: readonly Listener[];
  readonly #reportTimer: NodeJS.Timeout;
  readonly #backendDrains: BackendDrains;
  readonly #backendDrainTimer: NodeJS.Timeout;
  readonly #connections: ConnectionReports;
  #lastLoads = '{}';
  /** Of the event loop, as it was told to the supervisor. */
  #lagMs = 0;
  #lastLinkNumber = 0;

  constructor(start: ToWorkerOf<'start'>, deps: WorkerDeps) {
    const { config } = start;
    this.#deps = deps;
    this.#config = config;
    this.#pools = new Pools({ random: deps.random, now: Date.now });
    this.#pools.update(config.pools, start.pools);
    this.#state = createSharedState(config.state, {
      call: (method, args) => deps.channel.call(method, args),
      listen: (onPush) => {
        deps.channel.onPush = onPush;
      },
      log: deps.log,
    });
    const signer = createCookieSigner(config.secrets);
    this.#affinity = new Affinity({ store: this.#state.affinity, signer, log: deps.log, now: Date.now });
    this.#metrics = createWorkerMetrics({
      workerId: start.workerId,
      traffic: this.#traffic,
      isMember: (pool, backend) => this.#pools.get(pool)?.find(backend) !== undefined,
      bufferedBytes: () => this.#bufferedBytes(),
      isStateOk: () => this.#state.health.status === 'ok',
      underflows: () => this.#pools.underflows,
      sessions: () => this.#sessions,
      topics: () => this.#sessions.topics,
      capacity: () => ({ admission: this.#sessions.admission, overload: this.#overload }),
      sockets: () => this.#sockets,
    });
    this.#state.onCall = this.#metrics.onStateCall;
    this.#connections = new ConnectionReports({ workerId: start.workerId, startedAtMs: Date.now() }, this.#links);
    this.#limits = new EntryLimits(deps.channel, deps.log);
    this.#verifier = new Verifier({ traffic: this.#traffic, log: deps.log });
    this.#sessions = this.#createSessions();
    this.#overload = this.#createOverload();
    this.#door = new FrontDoor({ ...this.#relayDeps(), sessions: this.#sessions }, config, deps.log);
    this.#sockets = this.#createSockets();
    this.#listeners = config.listen.map((listen) => new Listener(listen, this.#door, this.#sockets));
    this.#setBounds();
    this.#backendDrains = this.#createBackendDrains();
    const lookAtBackends = (): void => this.#backendDrains.look(performance.now());
    this.#backendDrainTimer = setInterval(lookAtBackends, LOOK_AT_BACKENDS_MS).unref();
    this.#reportTimer = setInterval(() => this.#report(), REPORT_EVERY_MS);
    this.#reportTimer.unref();
  }

  /** Resolves with the bound ports, in the order of `config.listen`. */
  async listen(): Promise<readonly number[]> {
    await this.#untilStateAnswers();
    await this.#sessions.join();
    const shared = this.#deps.sharedSockets?.values();
    const isShared = (index: number): boolean => this.#config.listen[index]?.proxyProtocol !== undefined;
    return Promise.all(
      this.#listeners.map((listener, index) => listener.listen(isShared(index) ? shared?.next().value : undefined)),
    );
  }

  /** For what comes from now on; open connections keep what they were opened with. */
  async reload(config: WorkerConfig, pools: PoolsSnapshot): Promise<void> {
    this.#config = config;
    this.#pools.update(config.pools, pools);
    this.#affinity.signer = createCookieSigner(config.secrets);
    this.#sessions.update(this.#sessionSettings());
    this.#door.reload(config);
    this.#verifier.retain(config.routes);
    this.#setBounds();
    this.#retainUpstreams();
    this.#deps.log.level = config.logs.level;
    // Last: whoever asked for the reload is told when no connection gets the old certificates any more.
    await this.#takeTls(config);
  }

  updatePools(pools: PoolsSnapshot): void {
    this.#pools.update(this.#config.pools, pools);
    this.#sessions.update(this.#sessionSettings());
    this.#retainUpstreams();
  }

  setOtherLoads(message: ToWorkerOf<'loads'>): void {
    this.#pools.setOtherLoads(message.loads);
  }

  sayPong(id: number): void {
    const { status, detail } = this.#state.health;
    const eventLoopLagMs = this.#metrics.eventLoopLagMs();
    this.#lagMs = eventLoopLagMs;
    const { size, subscriptions } = this.#sessions.topics;
    const topics = size > 0 ? { topics: { topics: size, subscriptions } } : {};
    this.#deps.channel.send({ type: 'pong', id, eventLoopLagMs, stateHealth: { status, detail }, ...topics });
  }

  async sendMetrics({ id, asked }: ToWorkerOf<'collectMetrics'>): Promise<void> {
    this.#deps.channel.send({ type: 'metrics', id, metrics: await this.#metrics.collect(asked) });
  }

  async answerOperator({ id, question }: ToWorkerOf<'ask'>): Promise<void> {
    const parts = { sessions: this.#sessions, connections: this.#connections };
    this.#deps.channel.send({ type: 'answer', id, answer: await answerOperator(parts, question) });
  }

  async answerAboutTopics({ id, question }: ToWorkerOf<'askTopics'>): Promise<void> {
    this.#deps.channel.send({ type: 'topics', id, answer: await this.#sessions.topics.answer(question) });
  }

  /** For topics: to all clients that listen on the channel, whichever address they came to. */
  publish(channel: string, frame: Uint8Array | string, isBinary: boolean): void {
    for (const listener of this.#listeners) listener.publish(channel, frame, isBinary);
  }

  /** Stops taking connections, sends the open ones away, and lets go of everything. */
  async stop(orders: DrainOrders): Promise<DrainReport> {
    await afterAccepting();
    for (const listener of this.#listeners) listener.stopListening();
    this.#door.leave();
    const parts = {
      links: this.#links,
      sessions: this.#sessions,
      pending: () => this.#pending(),
      onProgress: (left: number) => this.#deps.channel.send({ type: 'draining', left }),
    };
    const report = await leave(parts, orders);
    this.#door.shut();
    clearInterval(this.#reportTimer);
    clearInterval(this.#backendDrainTimer);
    this.#backendDrains.close();
    this.#keepAlive.stop();
    this.#overload.stop();
    await this.#sessions.topics.told();
    this.#sessions.close();
    for (const listener of this.#listeners) listener.close();
    await this.#upstreams.close();
    await this.#verifier.close();
    await this.#state.close();
    return report;
  }

  /** The first clients should find the map that the other balancers know; they are not kept waiting for it. */
  async #untilStateAnswers(): Promise<void> {
    const endsAt = performance.now() + STATE_WAIT_MS;
    while (this.#state.health.status !== 'ok' && performance.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #relayDeps(): RelayDeps {
    const { log, random } = this.#deps;
    return {
      pools: this.#pools,
      affinity: this.#affinity,
      gate: new Gate({ limits: this.#limits, verifier: this.#verifier, traffic: this.#traffic }),
      upstreams: this.#upstreams,
      traffic: this.#traffic,
      requestTimes: this.#metrics.requestTimes,
      keepAlive: this.#keepAlive,
      accessLog: createAccessLog(log, () => this.#config.logs.access),
      random,
      links: this.#links,
      nextLinkNumber: () => (this.#lastLinkNumber += 1),
    };
  }

  #createBackendDrains(): BackendDrains {
    return new BackendDrains(this.#pools, this.#links, ({ poolName, id }, connections) => {
      this.#traffic.boundHit('backend_drain');
      const left = { pool: poolName, backendId: id, connections };
      this.#deps.log.warn(left, 'time to drain is over: closing what is left');
    });
  }

  #createSockets(): ClientSockets {
    return new ClientSockets({
      spareDescriptors: spareDescriptors(),
      upstream: () => this.#listeners.reduce((sum, { relayedSockets }) => sum + 2 * relayedSockets, this.#links.size),
      onFlood: () => this.#traffic.boundHit('control_frames'),
      onRefused: (isNews) => {
        this.#traffic.boundHit('descriptors');
        if (isNews) this.#deps.log.error('out of descriptors: new clients are cut, raise the open-file limit');
      },
    });
  }

  #createOverload(): Overload {
    return createOverload({
      config: () => this.#config.overload,
      lagMs: () => this.#lagMs,
      links: this.#links,
      keepAlive: this.#keepAlive,
      sessions: this.#sessions,
      traffic: this.#traffic,
      log: this.#deps.log,
    });
  }

  #createSessions(): Sessions {
    const { log, random, balancer } = this.#deps;
    const given = {
      state: this.#state,
      dial: dialWebSocket,
      traffic: this.#traffic,
      broadcast: this,
      verifier: this.#verifier,
      limits: this.#limits,
      balancer,
      version: VERSION,
      connections: () => this.#links.size,
      log,
      random,
      randomBytes,
    };
    const sessions = new Sessions(given, this.#sessionSettings());
    sessions.stats.rehomeTimes = this.#metrics.rehomeTimes;
    sessions.topics.stats.observeLag = this.#metrics.observeTopicLag;
    return sessions;
  }

  #sessionSettings(): SessionSettings {
    const { routes, secrets, topics, admission, rebalance } = this.#config;
    const maxMessageBytes = Math.max(1, ...routes.map(({ limits }) => limits.messageBytes));
    return { pools: this.#pools.all, secrets, maxMessageBytes, topics, admission, rebalance };
  }

  #setBounds(): void {
    const bounds = socketBounds(this.#config);
    for (const listener of this.#listeners) listener.setBounds(bounds);
  }

  async #takeTls({ listen }: WorkerConfig): Promise<void> {
    const takings = this.#listeners.map((listener, index) => listener.takeTls(listen[index]?.tls));
    for (const taken of await Promise.allSettled(takings)) {
      if (taken.status === 'fulfilled') continue;
      this.#deps.log.error({ err: taken.reason as unknown }, 'new TLS settings not taken: the old ones stay');
    }
  }

  #report(): void {
    const outcomes = this.#pools.takeOutcomes();
    if (outcomes.length > 0) this.#deps.channel.send({ type: 'outcomes', outcomes });
    const loads = this.#pools.loads();
    const text = JSON.stringify(loads);
    if (text === this.#lastLoads) return;
    this.#lastLoads = text;
    this.#deps.channel.send({ type: 'loads', loads });
  }

  #retainUpstreams(): void {
    this.#upstreams.retain([...this.#pools.all].flatMap(({ members }) => [...members]));
  }

  #bufferedBytes(): { readonly down: number; readonly up: number } {
    let down = 0;
    let up = 0;
    for (const connections of [this.#links, this.#sessions.all]) {
      for (const { bufferedBytes } of connections) {
        down += bufferedBytes.down;
        up += bufferedBytes.up;
      }
    }
    for (const { trunk } of this.#sessions.links) up += trunk?.bufferedBytes ?? 0;
    return { down, up };
  }

  /** Requests and handshakes that are not answered yet. */
  #pending(): number {
    let inFlight = this.#door.handshakesInFlight;
    for (const { httpInFlight } of this.#traffic.counts.values()) inFlight += httpInFlight;
    return inFlight;
  }
}

/** What waits to be accepted when its listener is closed is reset: it is closed when a poll has just taken all there was. */
function afterAccepting(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One native context serves all routes: the widest of their limits. Narrower ones are kept by each link. */
function socketBounds(config: WorkerConfig): SocketBounds {
  const limits = config.routes.map((route) => route.limits);
  // One byte over the limit still arrives, so that its sender can be told 1009 instead of being cut.
  const maxMessageBytes = Math.max(1, ...limits.map(({ messageBytes }) => messageBytes)) * 2;
  const maxBuffered = Math.max(0, ...limits.map(({ bufferBytes, messageBytes }) => bufferBytes + messageBytes));
  const idleMs = Math.max(0, ...limits.map((limit) => limit.idleMs));
  return { maxMessageBytes, maxBufferedBytes: maxBuffered + READ_CHUNK_BYTES, idleTimeoutSeconds: nativeIdle(idleMs) };
}

/** Beyond every route's limit, and within the native timer's: 8 to 960 seconds. Each client is pinged at half of its limit. */
function nativeIdle(idleMs: number): number {
  const MAX_SECONDS = 960;
  const MARGIN_SECONDS = 8;
  if (idleMs / 2000 + MARGIN_SECONDS > MAX_SECONDS) return 0;
  return Math.min(MAX_SECONDS, Math.ceil(idleMs / 1000) + MARGIN_SECONDS);
}
