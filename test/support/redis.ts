/**
 * A redis-server for a test. The process and its faults come from the state package's own helper, which its tests
 * use too; here is what only a whole balancer needs: the same server again on the address that everybody knows.
 */
import { type RedisServer, startRedisServer } from '@holdfast/state/testing';

export type { RedisServer };

export function startRedis(): Promise<RedisServer> {
  return startRedisServer();
}

/** After `kill9()` or `stop()`: an empty server on the old port. */
export function restartRedis(server: RedisServer): Promise<RedisServer> {
  return startRedisServer({ port: server.port });
}
