/**
 * Socket.IO as it comes from npm, every option at its default: it polls first and upgrades then, so one client is
 * many requests that must all reach the server that knows its sid.
 */
import { describe, expect, it } from 'vitest';
import { type SocketIoBackend, startSocketIo } from '../support/backends/socketio-chat.js';
import { startPair } from '../support/balancer-pair.js';
import { type HoldfastConfig, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { seededRandom } from '../support/random.js';
import { startRedis } from '../support/redis.js';
import { Crowd } from '../support/socketio-crowd.js';
import { startSpray } from '../support/tcp-spray.js';

const CLIENTS = 200;

describe('200 Socket.IO clients with default options', () => {
  it('connect, exchange and reconnect over 2 backends and 2 workers', async () => {
    await using a = await startSocketIo('a');
    await using b = await startSocketIo('b');
    await using holdfast = await startHoldfast(chat(a, b));
    await using crowd = new Crowd(holdfast.url(), CLIENTS);
    await crowd.connected();
    expect(new Set(await crowd.ask('one'))).toEqual(new Set(['a:one', 'b:one']));
    await crowd.upgraded();
    expect(await crowd.ask('two')).toHaveLength(CLIENTS);
    crowd.cutAll();
    await crowd.reconnected();
    expect(await crowd.ask('three')).toHaveLength(CLIENTS);
    expect([...a.connectionErrors, ...b.connectionErrors, ...crowd.errors]).toEqual([]);
    expect(Math.min(a.io.engine.clientsCount, b.io.engine.clientsCount)).toBeGreaterThan(CLIENTS / 5);
  }, 120_000);

  it('connect, exchange and reconnect over two balancers that share a Redis, each connection to either', async () => {
    await using a = await startSocketIo('a');
    await using b = await startSocketIo('b');
    await using redis = await startRedis();
    const config = { ...chat(a, b), state: redis.url };
    await using pair = await startPair(config);
    const { one, two } = pair;
    const random = seededRandom('socket.io over two balancers');
    await using spray = await startSpray(() => random.pick([one.port, two.port]));
    await using crowd = new Crowd(spray.url, CLIENTS);
    await crowd.connected();
    await crowd.upgraded();
    expect(new Set(await crowd.ask('one'))).toEqual(new Set(['a:one', 'b:one']));
    crowd.cutAll();
    await crowd.reconnected();
    expect(await crowd.ask('two')).toHaveLength(CLIENTS);
    expect([...a.connectionErrors, ...b.connectionErrors, ...crowd.errors]).toEqual([]);
  }, 120_000);

  it('work with polling alone, each poll a connection of its own', async () => {
    await using a = await startSocketIo('a');
    await using b = await startSocketIo('b');
    await using holdfast = await startHoldfast(chat(a, b));
    await using spray = await startSpray(() => holdfast.port);
    await using crowd = new Crowd(spray.url, 50, { transports: ['polling'] });
    await crowd.connected();
    for (const text of ['one', 'two', 'three']) expect(await crowd.ask(text)).toHaveLength(50);
    expect([...a.connectionErrors, ...b.connectionErrors, ...crowd.errors]).toEqual([]);
  }, 120_000);

  it('work with WebSockets alone', async () => {
    await using a = await startSocketIo('a');
    await using b = await startSocketIo('b');
    await using holdfast = await startHoldfast(chat(a, b));
    await using crowd = new Crowd(holdfast.url(), 50, { transports: ['websocket'] });
    await crowd.connected();
    expect(new Set(await crowd.ask('one'))).toEqual(new Set(['a:one', 'b:one']));
    expect(crowd.errors).toEqual([]);
  });

  it('reach each other in the room of their server', async () => {
    await using a = await startSocketIo('a');
    await using holdfast = await startHoldfast(chat(a));
    await using crowd = new Crowd(holdfast.url(), 10);
    await crowd.connected();
    const heard = crowd.sockets.map((socket) => new Promise((resolve) => socket.once('said', resolve)));
    crowd.sockets[0]!.emit('say', 'hello');
    expect(await Promise.all(heard)).toEqual(Array.from({ length: 10 }, () => ({ id: 'a', text: 'hello' })));
  });
});

describe('a sid that nobody handed out', () => {
  it('gets the answer of a backend, not an error of ours', async () => {
    await using a = await startSocketIo('a');
    await using holdfast = await startHoldfast(chat(a));
    const answer = await fetchFrom(holdfast.url('/socket.io/?EIO=4&transport=polling&sid=made-up'));
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('Session ID unknown');
  });
});

function chat(...backends: readonly SocketIoBackend[]): HoldfastConfig {
  const list = backends.map(({ id, url }) => ({ id, url }));
  return relayTo(list, { workers: 2, pool: { sticky: 'engine.io' } });
}
