/**
 * Redis stops answering, or dies: no socket closes, new ones work, readiness stays with the word "degraded" in it,
 * and everything is as before once Redis is back.
 */
import { describe, expect, it } from 'vitest';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { startPair } from '../support/balancer-pair.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, type HoldfastConfig, relayTo, startHoldfast } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { restartRedis, startRedis } from '../support/redis.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { openMany, openSocket, type TestSocket } from '../support/websocket-client.js';

const ROOMS = 20;

describe('with Redis gone', () => {
  it('stopped (SIGSTOP): nothing closes, new connections work, and it heals', async () => {
    await using a = await startEcho({ id: 'a' });
    await using b = await startEcho({ id: 'b' });
    await using redis = await startRedis();
    await using holdfast = await startHoldfast(sharing(redis.url, a, b));
    await using group = await openMany(ROOMS, (i) => openSocket(holdfast.wsUrl(`/?room=${i}`)));
    const owners = await Promise.all(group.sockets.map((socket) => socket.ask('!who')));
    redis.pause();
    await untilState(holdfast, 'degraded');
    await works(holdfast, group.sockets);
    // What this machine knew, it still knows.
    expect(await ownersOf(holdfast)).toEqual(owners);
    redis.resume();
    await untilState(holdfast, 'ready');
    await works(holdfast, group.sockets);
    expect(await ownersOf(holdfast)).toEqual(owners);
  });

  it('killed and started again empty: nothing closes, and it heals', async () => {
    await using a = await startEcho({ id: 'a' });
    await using b = await startEcho({ id: 'b' });
    await using redis = await startRedis();
    await using pair = await startPair(sharing(redis.url, a, b));
    const { one, two } = pair;
    await using group = await openMany(20, (i) => openSocket(one.wsUrl(`/?room=${i}`)));
    await redis.kill9();
    await Promise.all([one, two].map((holdfast) => untilState(holdfast, 'degraded')));
    await works(one, group.sockets);
    const chosen = await ownerOf(one, 'chosen-during-the-outage');
    await using _again = await restartRedis(redis);
    await Promise.all([one, two].map((holdfast) => untilState(holdfast, 'ready')));
    await works(one, group.sockets);
    await eventually(async () => expect(await ownerOf(two, 'chosen-during-the-outage')).toBe(chosen));
  });

  it('black-holed: new connections are answered within seconds', async () => {
    await using a = await startEcho({ id: 'a' });
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    await using holdfast = await startHoldfast(sharing(`redis://127.0.0.1:${proxy.port}`, a));
    await using group = await openMany(5, (i) => openSocket(holdfast.wsUrl(`/?room=${i}`)));
    proxy.setMode({ name: 'blackHole' });
    const startedAt = performance.now();
    await using socket = await openSocket(holdfast.wsUrl('/?room=new'));
    expect(await socket.ask('hi')).toBe('hi');
    expect(performance.now() - startedAt).toBeLessThan(3000);
    await untilState(holdfast, 'degraded');
    await works(holdfast, group.sockets);
    proxy.setMode({ name: 'pass' });
    await untilState(holdfast, 'ready');
  });

  it('from the start: it starts all the same, degraded', async () => {
    await using a = await startEcho({ id: 'a' });
    const url = `redis://127.0.0.1:${await freePort()}`;
    await using holdfast = await startHoldfast(sharing(url, a));
    await untilState(holdfast, 'degraded');
    await works(holdfast, []);
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_shared_state_up')).toBe(0);
  });
});

function sharing(url: string, ...backends: readonly EchoBackend[]): HoldfastConfig {
  const list = backends.map(({ id, url }) => ({ id, url }));
  const state = { url, commandTimeout: '300ms' };
  return relayTo(list, { workers: 2, state, pool: { sticky: { query: 'room' } } });
}

async function untilState(holdfast: Holdfast, status: 'ready' | 'degraded'): Promise<void> {
  const probe = async (): Promise<void> =>
    expect(await holdfast.admin('/readyz')).toMatchObject({ status: 200, body: { status } });
  await eventually(probe, { withinMs: 15_000 });
}

/** Open ones talk, and new ones with and without a key come in. */
async function works(holdfast: Holdfast, open: readonly TestSocket[]): Promise<void> {
  const answers = await Promise.all(open.map((socket) => socket.ask('still here')));
  expect(answers.filter((answer) => answer !== 'still here')).toEqual([]);
  for (const path of ['/', '/?room=another']) {
    await using socket = await openSocket(holdfast.wsUrl(path));
    expect(await socket.ask('hi')).toBe('hi');
  }
}

function ownersOf(holdfast: Holdfast): Promise<readonly string[]> {
  return Promise.all(Array.from({ length: ROOMS }, (_, i) => ownerOf(holdfast, String(i))));
}

async function ownerOf(holdfast: Holdfast, room: string): Promise<string> {
  await using socket = await openSocket(holdfast.wsUrl(`/?room=${room}`));
  // Awaited here: the socket is disposed of when this returns.
  return await socket.ask('!who');
}
