/** The admin API: what it tells, what it does, and how it answers to what it does not understand. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { backendsOf } from '../support/gauges.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { freePort } from '../support/ports.js';
import { connectRaw } from '../support/raw-client.js';
import { openMany, openSocket } from '../support/websocket-client.js';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('the admin API', () => {
  let backend: EchoBackend;
  let holdfast: Holdfast;

  beforeAll(async () => {
    backend = await startEcho();
    holdfast = await startHoldfast(relayTo([{ id: 'b1', url: backend.url }], { workers: 2 }));
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await backend?.[Symbol.asyncDispose]();
  });

  it('says that the process is up and ready', async () => {
    expect((await holdfast.admin('/healthz')).status).toBe(200);
    expect(await holdfast.admin('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect((await holdfast.admin('/readyz', { method: 'HEAD' })).status).toBe(200);
  });

  it('shows every worker with its pid, and every backend with its state', async () => {
    const { status, body } = await holdfast.admin('/v1/status');
    expect(status).toBe(200);
    const { workers } = body as { workers: readonly { pid: number }[] };
    expect(workers.map(({ pid }) => pid).sort((a, b) => a - b)).toEqual(holdfast.workerPids());
    expect(await backendsOf(holdfast)).toMatchObject([{ pool: 'app', id: 'b1', url: backend.url, state: 'ready' }]);
  });

  it('sums up metrics over the workers', async () => {
    const opened = async (): Promise<number> => (await holdfast.metrics()).sum('holdfast_connections_open') ?? 0;
    await using group = await openMany(30, () => openSocket(holdfast.wsUrl()));
    await eventually(async () => expect(await opened()).toBe(30));
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_connections_open', { backend: 'b1', route: 'app' })).toBe(30);
    expect(new Set(metrics.all('holdfast_connections_open').map(({ labels }) => labels['worker'])).size).toBe(2);
    const [up, down] = [
      metrics.sum('holdfast_messages_total', { direction: 'up' }) ?? 0,
      metrics.sum('holdfast_messages_total', { direction: 'down' }) ?? 0,
    ];
    for (const socket of group.sockets) await socket.ask('hi');
    await eventually(async () => {
      const after = await holdfast.metrics();
      expect(after.sum('holdfast_messages_total', { direction: 'up' })).toBe(up + 30);
      expect(after.sum('holdfast_messages_total', { direction: 'down' })).toBe(down + 30);
    });
    for (const socket of group.sockets) socket.ws.close(4001);
    await eventually(async () => expect(await opened()).toBe(0));
    expect((await holdfast.metrics()).sum('holdfast_closes_total', { code: '4001' })).toBe(30);
  });

  it('keeps counters from falling when a worker dies', async () => {
    const total = async (): Promise<number> => (await holdfast.metrics()).sum('holdfast_messages_total') ?? 0;
    await using group = await openMany(10, () => openSocket(holdfast.wsUrl()));
    for (const socket of group.sockets) await socket.ask('hi');
    const before = await total();
    process.kill(holdfast.workerPids()[0]!, 'SIGKILL');
    await eventually(async () => expect((await holdfast.admin('/readyz')).body).toMatchObject({ status: 'ready' }));
    await eventually(() => expect(holdfast.workerPids()).toHaveLength(2));
    expect(await total()).toBeGreaterThanOrEqual(before);
  });

  it.each([
    ['PUT /v1/backends/nobody', '{"state":"ready"}', [404], /nobody[\s\S]*b1|b1[\s\S]*nobody/],
    ['PUT /v1/backends/b1', '{"state":"asleep"}', [400], /ready[\s\S]*draining[\s\S]*maintenance[\s\S]*asleep/],
    ['PUT /v1/backends/b1', '{"weight":-1}', [400], /weight/],
    ['PUT /v1/backends/b1', '{"weight":"many"}', [400], /weight/],
    ['PUT /v1/backends/b1', '{"stat":"ready"}', [400], /stat/],
    ['PUT /v1/backends/b1', '{}', [400], /state|weight/],
    ['PUT /v1/backends/b1', '[]', [400], /expected/],
    ['PUT /v1/backends/b1', '{not json', [400], /JSON/i],
    ['PUT /v1/backends/b1', `{"state":"${'x'.repeat(100_000)}"}`, [413], /./],
    ['GET /v1/nothing', undefined, [404], /./],
    ['POST /v1/status', undefined, [404, 405], /./],
  ])('answers %s with body %.20s clearly', async (call, body, statuses, words) => {
    const [method = '', path = ''] = call.split(' ');
    const init = body === undefined ? { method } : { method, body, headers: JSON_TYPE };
    const answer = await holdfast.admin(path, init);
    expect(statuses).toContain(answer.status);
    expect(answer.body).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
    expect(JSON.stringify(answer.body)).toMatch(words);
  });

  it('survives bytes that are not HTTP', async () => {
    await using client = await connectRaw({ port: holdfast.adminPort });
    client.write('\0\0\0garbage\r\n\r\n');
    await eventually(() => expect(client.hasEnded).toBe(true));
    expect((await holdfast.admin('/healthz')).status).toBe(200);
  });

  it('reloads on demand, and answers with the mistakes when there are some', async () => {
    expect((await holdfast.admin('/v1/reload', { method: 'POST' })).status).toBe(200);
    holdfast.writeConfig('{"pools": 5}');
    const answer = await holdfast.admin('/v1/reload', { method: 'POST' });
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).toContain('pools');
    await using socket = await openSocket(holdfast.wsUrl());
    expect(await socket.ask('still here')).toBe('still here');
  });
});

describe('the admin API with a token', () => {
  it('is closed to those without it, but for liveness and readiness', async () => {
    await using backend = await startEcho();
    const token = 's3cret-token';
    const adminPort = await freePort();
    const admin = { address: `127.0.0.1:${adminPort}`, token: '${ADMIN_TOKEN}' };
    await using holdfast = await startHoldfast(relayTo([backend.url], { admin }), { env: { ADMIN_TOKEN: token } });
    const url = (path: string): string => `http://127.0.0.1:${adminPort}${path}`;
    for (const path of ['/v1/status', '/v1/backends', '/metrics']) {
      expect((await fetchFrom(url(path))).status).toBe(401);
      expect((await fetchFrom(url(path), { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
      expect((await fetchFrom(url(path), { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    }
    for (const path of ['/healthz', '/readyz']) expect((await fetchFrom(url(path))).status).toBe(200);
    expect(holdfast.log.lines.some((line) => JSON.stringify(line).includes(token))).toBe(false);
  });
});

describe('POST /v1/drain', () => {
  it('stops the balancer as SIGTERM does', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url]));
    await using socket = await openSocket(holdfast.wsUrl());
    expect((await holdfast.admin('/v1/drain', { method: 'POST' })).status).toBe(202);
    expect((await socket.untilClosed()).code).toBe(1001);
    expect(await holdfast.exited()).toBe(0);
  });
});
