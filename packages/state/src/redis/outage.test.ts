/**
 * The Redis engine while its server misbehaves, on a real one: stopped, killed, black-holed, refusing, locked. Each test
 * has its own server, as most of them end it.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startRedisServer, type RedisServer, type RedisServerOptions } from '../testing/redis-server.js';
import { degraded, HEAL_MS, healthy, healthyState, operatorOf, redisState, TIMEOUT_MS } from '../testing/states.js';

const LONG_MS = 60_000;

it('fails calls within the timeout while the server is stopped, and heals when it goes on', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  await state.affinity.claim('p', 'k', 'b1', LONG_MS);

  server.pause();
  const startedAt = performance.now();
  await expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_TIMEOUT', retryable: true });
  expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 500);
  expect(state.health).toMatchObject({
    status: 'degraded',
    detail: expect.stringContaining(`within ${TIMEOUT_MS} ms`),
  });

  server.resume();
  await healthy(state);
  expect(await state.affinity.lookup('p', 'k')).toBe('b1');
});

it('notices a stopped server without any call, and fails calls at once after giving the connection up', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  server.pause();
  await degraded(state);
  await vi.waitFor(() => expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' }), {
    timeout: HEAL_MS,
    interval: 20,
  });
  server.resume();
  await healthy(state);
});

it('heals with an empty server on the same port after a kill -9', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  await state.affinity.claim('p', 'k', 'b1', LONG_MS);

  await server.kill9();
  await degraded(state);
  await expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(state.health.detail).toMatch(/expected a working connection, got: .+; retrying/);

  await startServer({ port: server.port });
  await healthy(state);
  expect(await state.affinity.lookup('p', 'k')).toBeUndefined();
  expect(await state.affinity.claim('p', 'k', 'b2', LONG_MS)).toBe('b2');
});

it('starts without a server, and is well once there is one', async () => {
  const server = await startServer();
  await server.kill9();
  const state = redisState(server.url);
  await expect(state.affinity.claim('p', 'k', 'b1', LONG_MS)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  await vi.waitFor(() => expect(state.health.detail).toContain('ECONNREFUSED'));
  await startServer({ port: server.port });
  await healthy(state);
});

it('gives up a connection that has become a black hole, and heals over a new one', async () => {
  const server = await startServer();
  const proxy = await startProxy(server.port);
  const state = await healthyState(`redis://127.0.0.1:${proxy.port}`);
  proxy.swallowOpenConnections();
  await degraded(state);
  await healthy(state);
  expect(await state.affinity.claim('p', 'k', 'b1', LONG_MS)).toBe('b1');
});

it.each([
  ['a wrong password', (port: number) => `redis://:wrong@127.0.0.1:${port}`, /WRONGPASS/],
  ['no password', (port: number) => `redis://127.0.0.1:${port}`, /NOAUTH|HELLO/],
])('names %s in its health and goes on trying', async (_, urlOf, reply) => {
  const server = await startServer({ args: ['--requirepass', 'right'] });
  const state = redisState(urlOf(server.port));
  await vi.waitFor(() => expect(state.health.detail).toMatch(reply), { timeout: HEAL_MS });
  expect(state.health.detail).toContain('check user, password and database');
  expect(state.health.detail).not.toContain('wrong@');
  await expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
});

it('does not fall back to another database when its own does not exist', async () => {
  const server = await startServer();
  const state = redisState(`${server.url}/99`);
  await vi.waitFor(() => expect(state.health.detail).toContain('DB index is out of range'), { timeout: HEAL_MS });
  await expect(state.affinity.claim('p', 'k', 'b1', LONG_MS)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(await operatorOf(server).dbsize()).toBe(0);
});

it('logs once that it is degraded, also at the start, and once that it is ready', async () => {
  const server = await startServer();
  await server.kill9();
  const lines: string[] = [];
  const log = {
    info: (_: object, message: string) => lines.push(message),
    warn: (fields: object, message: string) => lines.push(`${message}: ${Object.keys(fields).join()}`),
  };
  const state = redisState(server.url, log);
  await vi.waitFor(() => expect(state.health.detail).toContain('ECONNREFUSED'));
  await startServer({ port: server.port });
  await healthy(state);
  expect(lines).toEqual(['shared state degraded: redis,detail', 'shared state ready']);
});

it('works with the right password', async () => {
  const server = await startServer({ args: ['--requirepass', 'right:@'] });
  const state = await healthyState(`redis://:right%3A%40@127.0.0.1:${server.port}/3`);
  expect(await state.affinity.claim('p', 'k', 'b1', LONG_MS)).toBe('b1');
});

it('takes a server that has become a replica for unavailable, without hammering it, until it takes writes again', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  const operator = operatorOf(server);
  await operator.replicaof('127.0.0.1', '1');
  await expect(state.affinity.claim('p', 'k', 'b1', LONG_MS)).rejects.toMatchObject({
    code: 'STATE_UNAVAILABLE',
    message: expect.stringContaining('READONLY'),
  });
  expect(state.health.status).toBe('degraded');
  await vi.waitFor(() => expect(state.health.detail).toContain('READONLY'), { timeout: HEAL_MS, interval: 5 });

  await operator.replicaof('NO', 'ONE');
  await healthy(state);
  const connections = /total_connections_received:(\d+)/.exec(await operator.info('stats'))?.[1];
  expect(Number(connections)).toBeLessThan(20);
});

it('survives a server that forgets its scripts', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  await state.affinity.claim('p', 'k', 'b1', LONG_MS);
  await operatorOf(server).script('FLUSH');
  expect(await state.affinity.claim('p', 'k', 'b2', LONG_MS)).toBe('b1');
  expect(state.health.status).toBe('ok');
});

it('does not believe what another program stored under its keys', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  const operator = operatorOf(server);
  await operator.set('test:affinity:{p:empty}', '');
  await operator.set('test:affinity:{p:huge}', 'x'.repeat(100_000));
  await operator.lpush('test:affinity:{p:list}', 'b1');
  for (const key of ['empty', 'huge', 'list']) {
    await expect(state.affinity.lookup('p', key)).rejects.toMatchObject({
      code: 'STATE_INVALID_VALUE',
      retryable: false,
    });
    await expect(state.affinity.claim('p', key, 'b1', LONG_MS)).rejects.toMatchObject({ code: 'STATE_INVALID_VALUE' });
  }
  expect(state.health.status).toBe('ok');
});

it('gives every key a time to live', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  await state.affinity.claim('p', 'k', 'b1', LONG_MS);
  await state.affinity.replace('p', 'l', 'b0', 'b1', LONG_MS);
  const operator = operatorOf(server);
  const keys = await operator.keys('*');
  expect(keys.map((key) => key.replace(/probe:.*/, 'probe')).sort()).toEqual([
    'test:affinity:{p:k}',
    'test:affinity:{p:l}',
    'test:probe',
  ]);
  for (const key of keys) expect(await operator.pttl(key)).toBeGreaterThan(0);
});

it('settles calls that wait for a connection when it is closed', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  server.pause();
  const calls = Promise.allSettled([state.affinity.lookup('p', 'k'), state.affinity.claim('p', 'k', 'b1', LONG_MS)]);
  await state.close();
  expect(await calls).toMatchObject([{ reason: { name: 'StateError' } }, { reason: { name: 'StateError' } }]);
});

async function startServer(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedisServer(options);
  onTestFinished(() => server.stop());
  return server;
}

/** Forwards, until told to read nothing more from the connections that are open by then. New ones are forwarded. */
async function startProxy(targetPort: number): Promise<{ port: number; swallowOpenConnections(): void }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: targetPort });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const swallowOpenConnections = (): void => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { port: (proxy.address() as AddressInfo).port, swallowOpenConnections };
}
