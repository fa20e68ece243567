/** A real Sentinel set-up for tests: a master, a replica, and three sentinels that fail over within a second or two. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { serverArguments, startRedisProcess, type RedisProcess } from './redis-process.js';
import { waitUntil } from './wait-until.js';

export interface RedisSentinels extends AsyncDisposable {
  /** Names all sentinels, with the password. */
  readonly url: string;
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  readonly sentinels: readonly RedisProcess[];
  stop(): Promise<void>;
}

export const MASTER_NAME = 'main';
const SENTINELS = 3;
const QUORUM = 2;
const DOWN_AFTER_MS = 500;
const READY_TIMEOUT_MS = 20_000;

export interface RedisSentinelsOptions {
  /** Of master and replica; the sentinels ask for none. */
  readonly password?: string;
}

export async function startRedisSentinels({ password }: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
  const auth = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  const started: RedisProcess[] = [];
  const keep = async (starting: Promise<RedisProcess>): Promise<RedisProcess> => {
    const process = await starting;
    started.push(process);
    return process;
  };
  const stop = async (): Promise<void> => void (await Promise.all(started.map((process) => process.stop())));
  try {
    const master = await keep(startRedisProcess({ argv: (at) => [...serverArguments(at), ...auth] }));
    const replicaOf = ['--replicaof', `127.0.0.1 ${master.port}`];
    const replica = await keep(startRedisProcess({ argv: (at) => [...serverArguments(at), ...replicaOf, ...auth] }));
    const sentinels = await Promise.all(
      Array.from({ length: SENTINELS }, () => keep(startSentinel(master.port, password))),
    );
    await Promise.all(sentinels.map(untilItKnowsAll));
    const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join();
    return {
      url: `redis+sentinel://${user}${hosts}/${MASTER_NAME}`,
      master,
      replica,
      sentinels,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startSentinel(masterPort: number, password: string | undefined): Promise<RedisProcess> {
  return startRedisProcess({
    argv: async ({ port, directory }) => {
      // A sentinel rewrites its configuration: it takes none from the command line alone.
      const file = join(directory, 'sentinel.conf');
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${directory}`,
        `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${QUORUM}`,
        `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${MASTER_NAME} 5000`,
        ...(password === undefined ? [] : [`sentinel auth-pass ${MASTER_NAME} ${password}`]),
      ];
      await writeFile(file, `${lines.join('\n')}\n`);
      return [file, '--sentinel'];
    },
  });
}

/** A failover takes a majority that knows of each other, and a replica that is in step. */
async function untilItKnowsAll({ port }: RedisProcess): Promise<void> {
  const client = new Redis(port, '127.0.0.1', { protocol: 2, disableClientInfo: true, enableReadyCheck: false });
  client.on('error', () => undefined);
  try {
    await waitUntil(
      async () => {
        const master = (await client.call('SENTINEL', 'MASTER', MASTER_NAME)) as readonly string[];
        const value = (name: string): string | undefined => master[master.indexOf(name) + 1];
        const others = Number(value('num-other-sentinels'));
        return others === SENTINELS - 1 && value('num-slaves') === '1' && (await hasHealthyReplica(client));
      },
      { what: 'a sentinel that knows the others and the replica', withinMs: READY_TIMEOUT_MS },
    );
  } finally {
    client.disconnect();
  }
}

async function hasHealthyReplica(client: Redis): Promise<boolean> {
  const replicas = (await client.call('SENTINEL', 'REPLICAS', MASTER_NAME)) as readonly (readonly string[])[];
  return replicas.every((replica) => replica[replica.indexOf('master-link-status') + 1] === 'ok');
}
