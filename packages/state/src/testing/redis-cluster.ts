/**
 * A real Redis Cluster for tests, made without redis-cli: nodes meet, get their slots, and have replicas where asked for.
 * Needs redis-server 7 for `--cluster-port`: each port of its own is looked for by itself.
 */
import { Redis } from 'ioredis';
import { argumentsOf, freePort, serverArguments, startRedisProcess, type RedisProcess } from './redis-process.js';
import { waitUntil } from './wait-until.js';

export interface RedisClusterOptions {
  /** @default 0 */
  readonly replicasPerMaster?: 0 | 1;
  /** After so long without an answer a node counts as failed. @default 5000 */
  readonly nodeTimeoutMs?: number;
  /** Further redis-server arguments for every node. */
  readonly args?: readonly string[];
}

export interface RedisCluster extends AsyncDisposable {
  /** Names the masters. */
  readonly url: string;
  readonly masters: readonly RedisProcess[];
  readonly replicas: readonly RedisProcess[];
  /** As an operator would have it; closed with the cluster. */
  clientOf(node: RedisProcess): Redis;
  /** First and last slot of a master, as they were given out. */
  slotsOf(master: RedisProcess): readonly [number, number];
  stop(): Promise<void>;
}

const MASTERS = 3;
const SLOTS = 16_384;
const FORM_TIMEOUT_MS = 20_000;

interface Node {
  readonly process: RedisProcess;
  readonly client: Redis;
  readonly busPort: number;
}

export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const count = MASTERS * (1 + (options.replicasPerMaster ?? 0));
  const started = await Promise.allSettled(Array.from({ length: count }, () => startNode(options)));
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    await form(nodes);
  } catch (error) {
    await stopAll(nodes);
    throw error;
  }
  return handleOf(nodes);
}

async function startNode({ nodeTimeoutMs = 5000, args = [] }: RedisClusterOptions): Promise<Node> {
  let busPort = 0;
  const process = await startRedisProcess({
    argv: async (at) => {
      // A new one with each attempt: this port can be taken as well as the other.
      busPort = await freePort();
      const settings = {
        'cluster-enabled': 'yes',
        'cluster-port': busPort,
        'cluster-config-file': 'nodes.conf',
        'cluster-node-timeout': nodeTimeoutMs,
        'cluster-replica-validity-factor': 0,
      };
      return [...serverArguments(at), ...argumentsOf(settings), ...args];
    },
  });
  const client = new Redis(process.port, '127.0.0.1', { retryStrategy: null, disableClientInfo: true });
  client.on('error', () => undefined);
  return { process, client, busPort };
}

async function form(nodes: readonly Node[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS);
  await Promise.all(nodes.map(({ client }, i) => client.cluster('SET-CONFIG-EPOCH', i + 1)));
  await Promise.all(
    masters.map(({ client }, i) => client.call('CLUSTER', 'ADDSLOTSRANGE', ...slotRange(i).map(String))),
  );
  const [first] = nodes as [Node];
  for (const { process, busPort } of nodes.slice(1)) {
    await first.client.call('CLUSTER', 'MEET', '127.0.0.1', String(process.port), String(busPort));
  }
  await untilAll(nodes, `cluster_known_nodes:${nodes.length}`);
  // Not the state alone: it is "ok" before all is known where full coverage is not required.
  await untilAll(nodes, `cluster_slots_assigned:${SLOTS}`);
  await makeReplicas(nodes);
  await untilAll(nodes, 'cluster_state:ok');
}

async function makeReplicas(nodes: readonly Node[]): Promise<void> {
  const ids = await Promise.all(nodes.slice(0, MASTERS).map(({ client }) => client.cluster('MYID')));
  const replicas = nodes.slice(MASTERS);
  await Promise.all(replicas.map(({ client }, i) => client.cluster('REPLICATE', ids[i] as string)));
  for (const { client } of replicas) {
    await until(`a replica with its master's data`, async () =>
      (await client.info('replication')).includes('master_link_status:up'),
    );
  }
}

function untilAll(nodes: readonly Node[], line: string): Promise<void> {
  return until(`${line} on all nodes`, async () => {
    const infos = await Promise.all(nodes.map(({ client }) => client.cluster('INFO')));
    return infos.every((info) => String(info).includes(`${line}\r\n`));
  });
}

function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  return waitUntil(isTrue, { what, withinMs: FORM_TIMEOUT_MS });
}

function slotRange(master: number): readonly [number, number] {
  const size = SLOTS / MASTERS;
  return [Math.ceil(master * size), Math.ceil((master + 1) * size) - 1];
}

function handleOf(nodes: readonly Node[]): RedisCluster {
  const processes = nodes.map(({ process }) => process);
  const masters = processes.slice(0, MASTERS);
  const stop = (): Promise<void> => stopAll(nodes);
  return {
    url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join()}`,
    masters,
    replicas: processes.slice(MASTERS),
    clientOf: (node) => (nodes.find(({ process }) => process === node) as Node).client,
    slotsOf: (master) => slotRange(masters.indexOf(master)),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function stopAll(nodes: readonly Node[]): Promise<void> {
  for (const { client } of nodes) client.disconnect();
  await Promise.all(nodes.map(({ process }) => process.stop()));
}
