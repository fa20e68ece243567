/**
 * Sessions of one worker between fake clients and scripted backends, on a shared state in memory whose calls can be made to
 * fail. Several stages on one store stand for several workers. Time is the test's (fake timers).
 */
import { randomBytes } from 'node:crypto';
import {
  createEmbeddedState,
  EmbeddedStore,
  handleCall,
  type SharedState,
  type TopicFeed,
  type TopicPush,
} from '@holdfast/state';
import { pino } from 'pino';
import { NO_RATES, NO_SLOT } from '../../access/entry-limits.js';
import { Verifier } from '../../access/verifier.js';
import { type AdmissionConfig, DEFAULT_ADMISSION } from '../../config-capacity.js';
import type { AuthConfig, PoolConfig, RouteLimits, SessionPoolConfig, TopicRule } from '../../config.js';
import type { BackendSnapshot, BackendState } from '../../control/messages.js';
import { Traffic } from '../../observe/traffic.js';
import type { Pool } from '../../pool/pool.js';
import { Pools } from '../../pool/pools.js';
import { ScriptedBackend, type ScriptedBackendOptions } from '../../trunk/testing/scripted-backend.js';
import { NO_LIMITS } from '../../testing/limits.js';
import type { Identity } from '../authenticate.js';
import type { SessionEnd, SessionSummary } from '../session-end.js';
import { Sessions } from '../sessions.js';
import type { SessionSettings } from '../sessions-options.js';
import { FakeClient } from './fake-client.js';

export interface StageOptions {
  readonly backends?: Readonly<Record<string, ScriptedBackendOptions>>;
  readonly session?: Partial<SessionPoolConfig>;
  readonly pool?: Partial<PoolConfig>;
  readonly store?: EmbeddedStore;
  readonly topics?: readonly TopicRule[];
  readonly admission?: AdmissionConfig;
  readonly balancer?: string;
  /** Of another stage: the same backends behind another worker. */
  readonly sharedBackends?: ReadonlyMap<string, ScriptedBackend>;
}

export interface ConnectOptions {
  readonly isPlain?: boolean;
  readonly limits?: Partial<RouteLimits>;
  readonly auth?: AuthConfig;
  readonly identity?: Identity;
}

const LIMITS: RouteLimits = { ...NO_LIMITS, messageBytes: 1024, idleMs: 120_000, bufferBytes: 4096 };
const SESSION: SessionPoolConfig = {
  trunkPath: '/.holdfast/trunk',
  onBackendLoss: 'rehome',
  resumeWindowMs: 120_000,
  heartbeatMs: 15_000,
  maxHandoffs: 100,
};
export const REQUEST: string = JSON.stringify({
  path: '/chat',
  query: 'a=1',
  headers: { host: 'h' },
  address: '192.0.2.1',
});

export class Stage {
  readonly backends: ReadonlyMap<string, ScriptedBackend>;
  readonly store: EmbeddedStore;
  readonly state: SharedState;
  readonly sessions: Sessions;
  readonly traffic: Traffic = new Traffic();
  readonly ends: { readonly session: SessionSummary; readonly end: SessionEnd }[] = [];
  readonly stateCalls: string[] = [];
  /** Calls whose name this answers true for are refused. */
  isStateDown: (method: string) => boolean = () => false;
  readonly #pools: Pools;
  readonly #feed: TopicFeed;
  #onPush: (push: unknown) => void = () => undefined;
  readonly #config: PoolConfig;
  readonly #topics: readonly TopicRule[];
  readonly #admission: AdmissionConfig;
  readonly #clients = new Set<FakeClient>();
  readonly #states = new Map<string, BackendState>();

  constructor(options: StageOptions = {}) {
    const scripted = Object.entries(options.backends ?? { b1: {}, b2: {} });
    this.backends = options.sharedBackends ?? new Map(scripted.map(([id, it]) => [id, new ScriptedBackend(it)]));
    this.#config = poolConfig(options);
    this.#topics = options.topics ?? [];
    this.#admission = options.admission ?? DEFAULT_ADMISSION;
    this.#pools = new Pools({ random: () => 0.5, now: Date.now });
    this.#pools.update({ chat: this.#config }, { chat: this.#snapshot() });
    this.store = options.store ?? new EmbeddedStore();
    this.#feed = this.store.openFeed({ send: (push, onSent) => this.#push(push, onSent) });
    this.state = createEmbeddedState({
      call: (method, args) => this.#call(method, args),
      listen: (onPush) => {
        this.#onPush = onPush;
      },
    });
    this.sessions = new Sessions(
      {
        state: this.state,
        dial: ({ url }) => this.backend(new URL(url).hostname).dial(),
        traffic: this.traffic,
        broadcast: this,
        verifier: new Verifier({ traffic: this.traffic, log: pino({ level: 'silent' }) }),
        limits: { principal: () => Promise.resolve({ ok: true, slot: NO_SLOT, rates: NO_RATES }) },
        balancer: options.balancer ?? 'here',
        log: pino({ level: 'silent' }),
        random: () => 0.5,
        randomBytes,
      },
      this.#settings(),
    );
  }

  backend(id: string): ScriptedBackend {
    const backend = this.backends.get(id);
    if (backend === undefined) throw new Error(`stage: expected a backend ${id}, got none`);
    return backend;
  }

  get pool(): Pool {
    const pool = this.#pools.get('chat');
    if (pool === undefined) throw new Error('stage: expected a pool');
    return pool;
  }

  /** The operator's word. */
  setState(id: string, state: BackendState): void {
    this.#states.set(id, state);
    this.#pools.update({ chat: this.#config }, { chat: this.#snapshot() });
    this.sessions.update(this.#settings());
  }

  publish(channel: string, frame: Uint8Array | string, isBinary: boolean): void {
    for (const client of this.#clients) if (client.channels.has(channel)) client.send(frame, isBinary);
  }

  connect({ isPlain = false, limits = {}, auth, identity }: ConnectOptions = {}): FakeClient {
    const client = new FakeClient();
    this.#clients.add(client);
    const origin = {
      hold: () => undefined,
      onBackend: () => undefined,
      onEnd: (session: SessionSummary, end: SessionEnd) => void this.ends.push({ session, end }),
    };
    const route = { name: 'chat', limits: { ...LIMITS, ...limits }, auth };
    const session = this.sessions.create({ pool: this.pool, route, isPlain, request: REQUEST, origin });
    client.session = session;
    this.sessions.open(session, client, identity);
    return client;
  }

  /** The backend that has this session, by its own account. */
  holderOf(sessionId: string): string | undefined {
    for (const [id, backend] of this.backends) if (backend.held.has(sessionId)) return id;
    return undefined;
  }

  close(): void {
    this.sessions.close();
    this.store.close();
  }

  #call(method: string, args: readonly unknown[]): Promise<unknown> {
    this.stateCalls.push(method);
    if (this.isStateDown(method)) return Promise.reject(new Error('the state is down'));
    // Over the border, as with a supervisor.
    return Promise.resolve(structuredClone(args)).then((copy) =>
      structuredClone(handleCall(this.store, method, copy, this.#feed)),
    );
  }

  #push(push: TopicPush, onSent: () => void): true {
    const arrived = structuredClone(push);
    setImmediate(() => {
      this.#onPush(arrived);
      onSent();
    });
    return true;
  }

  #settings(): SessionSettings {
    return {
      pools: this.#pools.all,
      secrets: ['secret'],
      maxMessageBytes: 1024,
      topics: this.#topics,
      admission: this.#admission,
    };
  }

  #snapshot(): readonly BackendSnapshot[] {
    return [...this.backends.keys()].map((id) => ({
      id,
      url: `http://${id}`,
      weight: 1,
      state: this.#states.get(id) ?? 'ready',
      slowStartedAt: undefined,
    }));
  }
}

function poolConfig({ session, pool }: StageOptions): PoolConfig {
  return {
    name: 'chat',
    session: { ...SESSION, ...session },
    backends: { type: 'static', backends: [] },
    balance: 'least-connections',
    sticky: undefined,
    proxy: undefined,
    proxyProtocol: undefined,
    health: undefined,
    outlier: { consecutiveFailures: 0, baseEjectionMs: 1000, maxEjectionMs: 10_000, maxEjectedPercent: 50 },
    tls: undefined,
    slowStartMs: 0,
    panicThreshold: 0,
    timeouts: { connectMs: 1000, handshakeMs: 1000, idleMs: 1000, responseMs: 1000, drainMs: 0 },
    retries: 1,
    ...pool,
  };
}
