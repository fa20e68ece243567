import { describeSharedStateContract } from '../contract.js';
import { startRedisSentinels } from '../testing/redis-sentinels.js';
import { benchOf } from '../testing/states.js';

describeSharedStateContract('redis behind sentinels', async () => benchOf(await startRedisSentinels()));
