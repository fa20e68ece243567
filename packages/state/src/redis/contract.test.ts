import { vi } from 'vitest';
import { describeSharedStateContract } from '../contract.js';
import { startRedisServer } from '../testing/redis-server.js';
import { createRedisState } from './engine.js';

describeSharedStateContract('redis', async () => {
  const server = await startRedisServer();
  return {
    connect: async () => {
      const state = createRedisState({ url: server.url, prefix: 'test:', commandTimeoutMs: 2000 });
      await vi.waitUntil(() => state.health.status === 'ok', { timeout: 5000, interval: 10 });
      return state;
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
});
