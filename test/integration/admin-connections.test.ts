/** What an operator sees of relayed WebSockets, and does to them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAll, readPage } from '../support/admin-lists.js';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { openMany, openSocket } from '../support/websocket-client.js';

const PATIENCE = { withinMs: 20_000 };
const cleanup = new Cleanup();
let echo: EchoBackend;
let other: EchoBackend;
let holdfast: Holdfast;

beforeAll(async () => {
  echo = cleanup.use(await startEcho());
  other = cleanup.use(await startEcho());
  const backends = [
    { id: 'b1', url: echo.url },
    { id: 'b2', url: other.url },
  ];
  const config = relayTo(backends, { workers: 2, pool: { balance: 'round-robin' } });
  holdfast = cleanup.use(await startHoldfast(config));
});

afterAll(() => cleanup[Symbol.asyncDispose]());

it('lists all of them in pages, once and in order, with what passed', async () => {
  await using group = await openMany(30, () => openSocket(holdfast.wsUrl()));
  for (const socket of group.sockets) await socket.ask('12345');
  const all = await readAll(holdfast, 'connections', 7);
  expect(all).toHaveLength(30);
  expect(new Set(all.map(({ id }) => id)).size).toBe(30);
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort());
  expect(new Set(all.map(({ worker }) => worker)).size).toBe(2);
  expect(all[0]).toMatchObject({
    route: 'app',
    pool: 'app',
    address: '127.0.0.1',
    messagesUp: 1,
    messagesDown: 1,
    bytesUp: 5,
    bytesDown: 5,
    bufferedBytes: { up: 0, down: 0 },
  });
});

it('goes on behind a page although those of it have ended meanwhile', async () => {
  await using group = await openMany(12, () => openSocket(holdfast.wsUrl()));
  const before = await eventually(async () => {
    const all = await readAll(holdfast, 'connections', 100);
    expect(all).toHaveLength(12);
    return all.map(({ id }) => id);
  }, PATIENCE);
  const { next } = await readPage(holdfast, 'connections', { limit: '5' });
  expect(next).toBe(before[4]);
  expect((await holdfast.admin(`/v1/connections/${next}`, { method: 'DELETE' })).status).toBe(200);
  const { items } = await readPage(holdfast, 'connections', { after: next! });
  expect(items.map(({ id }) => id)).toEqual(before.slice(5));
  expect(group.sockets).toHaveLength(12);
});

it('finds them by pool, route, backend and address', async () => {
  await using group = await openMany(10, () => openSocket(holdfast.wsUrl()));
  const countOf = async (query: Record<string, string>): Promise<number> =>
    (await readPage(holdfast, 'connections', query)).count;
  await eventually(async () => expect(await countOf({})).toBe(10), PATIENCE);
  expect((await countOf({ backend: 'b1' })) + (await countOf({ backend: 'b2' }))).toBe(10);
  expect(await countOf({ pool: 'app', route: 'app', address: '127.0.0.1' })).toBe(10);
  expect(await countOf({ pool: 'nothing' })).toBe(0);
  const wrong = await holdfast.admin('/v1/connections?backends=b1');
  expect(wrong).toMatchObject({ status: 400, body: { error: { code: 'INVALID_QUERY', got: '"backends"' } } });
  expect(group.sockets).toHaveLength(10);
});

it('closes one, both of its sides, and no other', async () => {
  await using group = await openMany(4, () => openSocket(holdfast.wsUrl()));
  await eventually(async () => expect((await readPage(holdfast, 'connections')).count).toBe(4), PATIENCE);
  const [first, second] = (await readPage(holdfast, 'connections')).items;
  const closed = await holdfast.admin(`/v1/connections/${first!.id}?code=4321&reason=go%20away`, { method: 'DELETE' });
  expect(closed).toMatchObject({ status: 200, body: { closed: { id: first!.id } } });
  const gone = await eventually(() => {
    const left = group.sockets.filter(({ isOpen }) => !isOpen);
    expect(left).toHaveLength(1);
    return left;
  }, PATIENCE);
  expect(await gone[0]!.closed).toEqual({ code: 4321, reason: 'go away' });
  await eventually(() => {
    expect([...echo.closes, ...other.closes]).toContainEqual({ code: 4321, reason: 'go away' });
  }, PATIENCE);
  await eventually(async () => {
    expect((await holdfast.admin(`/v1/connections/${first!.id}`)).status).toBe(404);
  }, PATIENCE);
  await holdfast.admin(`/v1/connections/${second!.id}`, { method: 'DELETE' });
  await eventually(() => expect(group.sockets.filter(({ isOpen }) => isOpen)).toHaveLength(2), PATIENCE);
  const codes = await Promise.all(group.sockets.filter(({ isOpen }) => !isOpen).map((socket) => socket.closed));
  expect(codes.map(({ code }) => code).sort()).toEqual([1001, 4321]);
});

it('does not take an id of a worker that died for one of its successor', async () => {
  await using first = await openSocket(holdfast.wsUrl());
  const [item] = await eventually(async () => {
    const { items } = await readPage(holdfast, 'connections');
    expect(items).toHaveLength(1);
    return items;
  }, PATIENCE);
  for (const pid of holdfast.workerPids()) process.kill(pid, 'SIGKILL');
  await first.closed;
  await eventually(async () => {
    expect((await holdfast.admin('/readyz')).body).toMatchObject({ status: 'ready' });
    await using probe = await openSocket(holdfast.wsUrl());
    expect(probe.isOpen).toBe(true);
  }, PATIENCE);
  await using group = await openMany(8, () => openSocket(holdfast.wsUrl()));
  expect((await holdfast.admin(`/v1/connections/${item!.id}`, { method: 'DELETE' })).status).toBe(404);
  for (const socket of group.sockets) expect(await socket.ask('still here')).toBe('still here');
});
