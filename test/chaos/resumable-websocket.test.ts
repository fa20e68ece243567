/** graphql-ws, unchanged, over ResumableWebSocket: its subscription outlives the balancer that it was made through. */
import { ResumableWebSocket } from '@holdfast/client';
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startGraphqlSessions } from '../support/backends/graphql-sessions.js';
import { startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { sessionsOf } from './arena.js';

describe('graphql-ws over ResumableWebSocket', () => {
  it('streams a subscription without a gap through the kill of a balancer', async () => {
    await using backend = await startGraphqlSessions();
    await using redis = await startRedis();
    const config = sessionsOf([backend.url], { state: redis.url, workers: 2 });
    await using balancer = await startHoldfast(config);
    const { port, adminPort } = balancer;
    const client = createClient({
      url: balancer.wsUrl('/graphql'),
      webSocketImpl: ResumableWebSocket.with({ webSocket: WebSocket }),
      // The library must not notice: a retry of its own would begin the subscription anew.
      retryAttempts: 0,
    });
    const counts: unknown[] = [];
    let successor: AsyncDisposable | undefined;
    for await (const { data } of client.iterate({ query: 'subscription { count(to: 600) }' })) {
      counts.push(data?.['count']);
      if (counts.length !== 100) continue;
      await balancer.kill9();
      successor = await startHoldfast(config, { ports: { port, adminPort } });
    }
    expect(counts).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
    await client.dispose();
    await successor?.[Symbol.asyncDispose]();
  });
});
