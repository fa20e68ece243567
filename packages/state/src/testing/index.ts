// Real servers for tests: one, a Cluster, or a master with Sentinels
export { startRedisCluster } from './redis-cluster.js';
export { startRedisSentinels } from './redis-sentinels.js';
export { startRedisServer } from './redis-server.js';

// Types
export type { RedisCluster, RedisClusterOptions } from './redis-cluster.js';
export type { RedisProcess } from './redis-process.js';
export type { RedisSentinels, RedisSentinelsOptions } from './redis-sentinels.js';
export type { RedisServer, RedisServerOptions } from './redis-server.js';
