/** graphql-ws, server and client from npm, through the balancer: a subprotocol that the backend insists on. */
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startGraphql } from '../support/backends/graphql-subscriptions.js';
import { relayTo } from '../support/holdfast.js';
import { shareHoldfast } from '../support/shared-holdfast.js';
import { openSocket } from '../support/websocket-client.js';

describe('graphql-ws', () => {
  const serve = shareHoldfast();

  it('answers a query and streams a subscription to its end', async () => {
    await using backend = await startGraphql();
    const holdfast = await serve(relayTo([backend.url], { workers: 2 }));
    const client = createClient({ url: holdfast.wsUrl('/graphql'), webSocketImpl: WebSocket, retryAttempts: 0 });
    const hello = [];
    for await (const { data } of client.iterate({ query: '{ hello }' })) hello.push(data?.['hello']);
    expect(hello).toEqual(['world']);
    const counts = [];
    for await (const { data } of client.iterate({ query: 'subscription { count(to: 500) }' }))
      counts.push(data?.['count']);
    expect(counts).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    await client.dispose();
  });

  it('serves fifty clients at once', async () => {
    await using backend = await startGraphql();
    await using other = await startGraphql();
    const holdfast = await serve(relayTo([backend.url, other.url], { workers: 2 }));
    const run = async (): Promise<number> => {
      const client = createClient({ url: holdfast.wsUrl('/graphql'), webSocketImpl: WebSocket, retryAttempts: 0 });
      let received = 0;
      for await (const { data } of client.iterate({ query: 'subscription { count(to: 50) }' }))
        received += data === null ? 0 : 1;
      await client.dispose();
      return received;
    };
    expect(await Promise.all(Array.from({ length: 50 }, run))).toEqual(Array.from({ length: 50 }, () => 50));
  });

  it("passes the server's own close codes", async () => {
    await using backend = await startGraphql();
    const holdfast = await serve(relayTo([backend.url], { workers: 2 }));
    await using socket = await openSocket(holdfast.wsUrl('/graphql'), { protocols: ['graphql-transport-ws'] });
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ hello }' } }));
    expect(await socket.untilClosed()).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it('is refused by the server without its subprotocol, with the code that the server gives', async () => {
    await using backend = await startGraphql();
    const holdfast = await serve(relayTo([backend.url], { workers: 2 }));
    await using socket = await openSocket(holdfast.wsUrl('/graphql'));
    expect((await socket.untilClosed()).code).toBe(4406);
  });
});
