/**
 * What tests on topics stand on: an application, and one balancer with two workers (embedded) or two with two each (Redis).
 * Which worker a connection gets is the kernel's choice; `spread` opens clients until every worker has one.
 */
import { startPair } from '../balancer-pair.js';
import { Cleanup } from '../cleanup.js';
import { type Holdfast, type HoldfastConfig, startHoldfast } from '../holdfast.js';
import { type RedisServer, startRedis } from '../redis.js';
import { RawTopicClient, type TopicHello } from './raw-topic-client.js';
import { startTopicApp, type TopicApp } from './topic-app.js';

export type Engine = 'embedded' | 'redis';
export const ENGINES: readonly Engine[] = ['embedded', 'redis'];

export interface StageOptions {
  readonly engine: Engine;
  readonly workers?: number;
  readonly pool?: object;
  readonly route?: object;
  readonly topics?: readonly object[];
  /** Instead of a server of its own: a proxy, say. */
  readonly stateUrl?: string;
}

export interface TopicStage extends AsyncDisposable {
  readonly app: TopicApp;
  readonly balancers: readonly Holdfast[];
  readonly redis: RedisServer | undefined;
  /** Of the i-th balancer, counted round. */
  url(i?: number): string;
  open(hello?: TopicHello & { readonly at?: number }): Promise<RawTopicClient>;
  /** One client at each worker of each balancer. */
  spread(): Promise<readonly SpreadClient[]>;
}

export interface SpreadClient {
  readonly client: RawTopicClient;
  readonly balancer: Holdfast;
  /** As `/v1/sessions` and metrics count them. */
  readonly worker: number;
}

export const TOPIC_RULES: readonly object[] = [
  { match: 'room:*', presence: true },
  { match: 'short:*', history: { messages: 5, age: '1m' } },
  { match: 'live:*', history: false },
  { match: 'tiny:*', messageBytes: 10, publishesPerSecond: 5 },
];

export async function startTopicStage(options: StageOptions): Promise<TopicStage> {
  const cleanup = new Cleanup();
  try {
    return await build(options, cleanup);
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}

async function build(options: StageOptions, cleanup: Cleanup): Promise<TopicStage> {
  const { engine, stateUrl } = options;
  const app = cleanup.use(await startTopicApp());
  const redis = engine === 'redis' && stateUrl === undefined ? cleanup.use(await startRedis()) : undefined;
  const config = topicConfig([app.url], { ...options, state: stateUrl ?? redis?.url ?? 'embedded' });
  const balancers = await startBalancers(config, engine, cleanup);
  const url = (i = 0): string => balancers[i % balancers.length]!.wsUrl();
  const open = async ({ at = 0, ...hello }: TopicHello & { at?: number } = {}): Promise<RawTopicClient> =>
    cleanup.use(await RawTopicClient.open(url(at), hello));
  return {
    app,
    balancers,
    redis,
    url,
    open,
    spread: () => spreadOver(balancers, open),
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

async function startBalancers(config: HoldfastConfig, engine: Engine, cleanup: Cleanup): Promise<readonly Holdfast[]> {
  if (engine === 'embedded') return [cleanup.use(await startHoldfast(config))];
  const { one, two } = cleanup.use(await startPair(config));
  return [one, two];
}

export interface TopicConfigShape {
  readonly state: unknown;
  readonly workers?: number;
  readonly pool?: object;
  readonly route?: object;
  readonly topics?: readonly object[];
}

export function topicConfig(backends: readonly string[], shape: TopicConfigShape): HoldfastConfig {
  const { state, workers = 2, pool = {}, route = {}, topics = TOPIC_RULES } = shape;
  return {
    state,
    workers,
    topics,
    routes: [{ match: { path: '/' }, pool: 'app', ...route }],
    pools: { app: { kind: 'session', backends, ...pool } },
  };
}

/** So many tries that one of two workers is missed once in a billion. */
const MAX_TRIES = 30;

async function spreadOver(
  balancers: readonly Holdfast[],
  open: (hello: { at: number }) => Promise<RawTopicClient>,
): Promise<readonly SpreadClient[]> {
  const found: SpreadClient[] = [];
  for (const [at, balancer] of balancers.entries()) {
    const wanted = balancer.workerPids().length;
    const byWorker = new Map<number, SpreadClient>();
    for (let tries = 0; byWorker.size < wanted && tries < MAX_TRIES; tries += 1) {
      const client = await open({ at });
      const worker = await workerOf(balancer, client.id);
      if (byWorker.has(worker)) client.socket.close();
      else byWorker.set(worker, { client, balancer, worker });
    }
    if (byWorker.size < wanted) throw new Error(`stage: expected clients at ${wanted} workers, got ${byWorker.size}`);
    found.push(...byWorker.values());
  }
  return found;
}

export async function workerOf(balancer: Holdfast, sessionId: string): Promise<number> {
  const { status, body } = await balancer.admin(`/v1/sessions/${sessionId}`);
  if (status !== 200) throw new Error(`stage: expected session ${sessionId}, got ${status} ${JSON.stringify(body)}`);
  return (body as { worker: number }).worker;
}
