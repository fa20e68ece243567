import { describeSharedStateContract } from '../contract.js';
import { startRedisServer } from '../testing/redis-server.js';
import { benchOf } from '../testing/states.js';

describeSharedStateContract('redis', async () => benchOf(await startRedisServer()));
