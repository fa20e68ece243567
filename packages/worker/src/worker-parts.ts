/**
 * What a worker is built of, in the order in which the parts need each other. A part that needs one which is made after it
 * is given a function that asks for it later. Only builds: what happens to the parts, and when, is worker.ts'.
 */
import { randomBytes } from 'node:crypto';
import { createSharedState, type SharedState } from '@holdfast/state';
import type { Logger } from 'pino';
import { EntryLimits } from './access/entry-limits.js';
import { Gate } from './access/gate.js';
import { SharedRates } from './access/shared-rates.js';
import { Verifier } from './access/verifier.js';
import { Affinity } from './affinity/affinity.js';
import { createCookieSigner } from './affinity/cookie.js';
import type { WorkerConfig } from './config.js';
import type { SupervisorChannel, ToWorkerOf } from './control/supervisor-channel.js';
import { BackendDrains } from './drain/backend-drains.js';
import { FrontDoor } from './front-door.js';
import { ClientSockets, spareDescriptors } from './listener/client-sockets.js';
import { Listeners } from './listener/listeners.js';
import { createAccessLog } from './observe/access-log.js';
import { bufferedBytes } from './observe/buffered-bytes.js';
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
import { Sessions } from './session/sessions.js';
import type { SessionSettings } from './session/sessions-options.js';
import { dialWebSocket } from './trunk/ws-transport.js';
import { VERSION } from './version.js';
import { WorkerReports } from './worker-reports.js';

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

export class WorkerParts {
  /** The one in force: replaced by a reload, and read anew by whoever was not told. */
  config: WorkerConfig;
  readonly traffic: Traffic = new Traffic();
  readonly links: Set<RelayLink> = new Set();
  readonly keepAlive: KeepAlive = new KeepAlive();
  readonly upstreams: HttpUpstreams = new HttpUpstreams();
  readonly pools: Pools;
  readonly state: SharedState;
  readonly affinity: Affinity;
  readonly metrics: WorkerMetrics;
  readonly limits: EntryLimits;
  readonly verifier: Verifier;
  readonly sessions: Sessions;
  readonly reports: WorkerReports;
  readonly overload: Overload;
  readonly door: FrontDoor;
  readonly sockets: ClientSockets;
  readonly listeners: Listeners;
  readonly backendDrains: BackendDrains;
  readonly #deps: WorkerDeps;
  #lastLinkNumber = 0;

  constructor({ config, pools, workerId }: ToWorkerOf<'start'>, deps: WorkerDeps) {
    const { channel, log, random } = deps;
    this.#deps = deps;
    this.config = config;
    this.pools = new Pools({ random, now: Date.now });
    this.pools.update(config.pools, pools);
    this.state = this.#createState();
    const signer = createCookieSigner(config.secrets);
    this.affinity = new Affinity({ store: this.state.affinity, signer, log, now: Date.now });
    this.metrics = this.#createMetrics(workerId);
    this.state.onCall = this.metrics.onStateCall;
    const rates = new SharedRates(() => this.traffic.boundHit('shared_rates'));
    this.limits = new EntryLimits(channel, rates, log);
    this.verifier = new Verifier({ traffic: this.traffic, log });
    this.sessions = this.#createSessions();
    this.reports = this.#createReports(workerId);
    this.overload = this.#createOverload();
    this.door = new FrontDoor({ ...this.#relayDeps(), sessions: this.sessions }, config, log);
    this.sockets = this.#createSockets();
    this.listeners = new Listeners(config.listen, this.door, this.sockets);
    this.listeners.setBounds(config.routes);
    this.backendDrains = this.#createBackendDrains();
  }

  sessionSettings(): SessionSettings {
    const { routes, secrets, topics, admission, rebalance } = this.config;
    const maxMessageBytes = Math.max(1, ...routes.map(({ limits }) => limits.messageBytes));
    return { pools: this.pools.all, secrets, maxMessageBytes, topics, admission, rebalance };
  }

  #createState(): SharedState {
    const { channel, log } = this.#deps;
    return createSharedState(this.config.state, {
      call: (method, args) => channel.call(method, args),
      listen: (onPush) => {
        channel.onPush = onPush;
      },
      log,
    });
  }

  #createMetrics(workerId: number): WorkerMetrics {
    return createWorkerMetrics({
      workerId,
      traffic: this.traffic,
      isMember: (pool, backend) => this.pools.get(pool)?.find(backend) !== undefined,
      bufferedBytes: () => bufferedBytes({ connections: [this.links, this.sessions.all], trunks: this.sessions.links }),
      isStateOk: () => this.state.health.status === 'ok',
      underflows: () => this.pools.underflows,
      sessions: () => this.sessions,
      topics: () => this.sessions.topics,
      capacity: () => ({
        admission: this.sessions.admission,
        overload: this.overload,
        sharedRates: this.limits.rates.size,
      }),
      sockets: () => this.sockets,
    });
  }

  #createSessions(): Sessions {
    const { log, random, balancer } = this.#deps;
    const given = {
      state: this.state,
      dial: dialWebSocket,
      traffic: this.traffic,
      broadcast: {
        publish: (channel: string, frame: Uint8Array | string, isBinary: boolean) =>
          this.listeners.publish(channel, frame, isBinary),
      },
      verifier: this.verifier,
      limits: this.limits,
      balancer,
      version: VERSION,
      connections: () => this.links.size,
      log,
      random,
      randomBytes,
    };
    const sessions = new Sessions(given, this.sessionSettings());
    sessions.stats.rehomeTimes = this.metrics.rehomeTimes;
    sessions.topics.stats.observeLag = this.metrics.observeTopicLag;
    return sessions;
  }

  #createReports(workerId: number): WorkerReports {
    const { pools, state, metrics, sessions, links } = this;
    const connections = new ConnectionReports({ workerId, startedAtMs: Date.now() }, links);
    return new WorkerReports({ channel: this.#deps.channel, pools, state, metrics, sessions, connections });
  }

  #createOverload(): Overload {
    return createOverload({
      config: () => this.config.overload,
      lagMs: () => this.reports.lagMs,
      links: this.links,
      keepAlive: this.keepAlive,
      sessions: this.sessions,
      traffic: this.traffic,
      log: this.#deps.log,
    });
  }

  #relayDeps(): RelayDeps {
    const { log, random } = this.#deps;
    return {
      pools: this.pools,
      affinity: this.affinity,
      gate: new Gate({ limits: this.limits, verifier: this.verifier, traffic: this.traffic }),
      upstreams: this.upstreams,
      traffic: this.traffic,
      requestTimes: this.metrics.requestTimes,
      keepAlive: this.keepAlive,
      accessLog: createAccessLog(log, () => this.config.logs.access),
      random,
      links: this.links,
      nextLinkNumber: () => (this.#lastLinkNumber += 1),
    };
  }

  #createSockets(): ClientSockets {
    return new ClientSockets({
      spareDescriptors: spareDescriptors(),
      upstream: () => this.links.size + 2 * this.listeners.relayedSockets,
      onFlood: () => this.traffic.boundHit('control_frames'),
      onRefused: (isNews) => {
        this.traffic.boundHit('descriptors');
        if (isNews) this.#deps.log.error('out of descriptors: new clients are cut, raise the open-file limit');
      },
    });
  }

  #createBackendDrains(): BackendDrains {
    return new BackendDrains(this.pools, this.links, ({ poolName, id }, connections) => {
      this.traffic.boundHit('backend_drain');
      const left = { pool: poolName, backendId: id, connections };
      this.#deps.log.warn(left, 'time to drain is over: closing what is left');
    });
  }
}
