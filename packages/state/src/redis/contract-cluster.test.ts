import { describeSharedStateContract } from '../contract.js';
import { startRedisCluster } from '../testing/redis-cluster.js';
import { benchOf } from '../testing/states.js';

describeSharedStateContract('redis cluster', async () => benchOf(await startRedisCluster()));
