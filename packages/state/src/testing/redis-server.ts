/** A real redis-server for tests, on a free port of 127.0.0.1 and without persistence. */
import { serverArguments, startRedisProcess, type RedisProcess } from './redis-process.js';

export interface RedisServerOptions {
  /** 0 or absent: a free one. A given port is how a killed server comes back on the address that its clients know. */
  readonly port?: number;
  /** Further redis-server arguments, such as `['--requirepass', 'secret']`. */
  readonly args?: readonly string[];
}

export interface RedisServer extends RedisProcess {
  readonly url: string;
}

export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedisProcess({
    port: options.port,
    argv: (at) => [...serverArguments(at), ...(options.args ?? [])],
  });
  return { ...server, url: `redis://127.0.0.1:${server.port}` };
}
