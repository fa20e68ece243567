/** One line per connection or request, at its end, with what an operator asks for afterwards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { eventually, never } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import type { LogLine } from '../support/log-lines.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

describe('the access log', () => {
  let echo: EchoBackend;
  let app: HttpApp;
  let holdfast: Holdfast;

  beforeAll(async () => {
    echo = await startEcho();
    app = await startHttpApp();
    const pool = (id: string, url: string): object => ({ backends: [{ id, url }], health: false });
    holdfast = await startHoldfast({
      routes: [
        { name: 'sockets', match: { path: '/ws' }, pool: 'sockets' },
        { name: 'pages', match: { path: '/pages' }, pool: 'pages' },
      ],
      pools: { sockets: pool('echo-1', echo.url), pages: pool('app-1', app.url) },
    });
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await echo?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  const access = (path: string): readonly LogLine[] =>
    holdfast.log.all((line) => line.msg === 'access' && line['path'] === path);
  const lineOf = (path: string): Promise<LogLine> =>
    holdfast.waitForLog((line) => line.msg === 'access' && line['path'] === path);

  it('has one line for a WebSocket, once it is closed', async () => {
    await using socket = await openSocket(holdfast.wsUrl('/ws/one?token=secret'));
    await socket.ask('12345');
    await socket.ask('1234567890');
    await never(200, () => expect(access('/ws/one')).toEqual([]));
    socket.ws.close(4001, 'enough');
    expect(await lineOf('/ws/one')).toMatchObject({
      level: 'info',
      kind: 'websocket',
      requestId: expect.any(String),
      client: '127.0.0.1',
      method: 'GET',
      host: `127.0.0.1:${holdfast.port}`,
      route: 'sockets',
      pool: 'sockets',
      backend: 'echo-1',
      status: 101,
      messagesUp: 2,
      messagesDown: 2,
      bytesUp: 15,
      bytesDown: 15,
      closeCode: 4001,
      closeReason: 'enough',
      closedBy: 'client',
      queueMs: expect.any(Number),
      connectMs: expect.any(Number),
      handshakeMs: expect.any(Number),
      totalMs: expect.any(Number),
    });
    await never(200, () => expect(access('/ws/one')).toHaveLength(1));
  });

  it('says when the backend closed', async () => {
    await using socket = await openSocket(holdfast.wsUrl('/ws/two'));
    socket.send('!close 4002 mine');
    expect(await lineOf('/ws/two')).toMatchObject({ closeCode: 4002, closeReason: 'mine', closedBy: 'backend' });
  });

  it('has one line for a client that vanished', async () => {
    await using socket = await openSocket(holdfast.wsUrl('/ws/three'));
    await socket.ask('hi');
    socket.ws.terminate();
    expect(await lineOf('/ws/three')).toMatchObject({ closeCode: 1006, closedBy: 'client', messagesUp: 1 });
  });

  it('has one line for a handshake that was refused', async () => {
    expect((await openRefused(holdfast.wsUrl('/pages/no-socket'))).status).toBe(200);
    expect(await lineOf('/pages/no-socket')).toMatchObject({
      kind: 'websocket',
      status: 200,
      route: 'pages',
      backend: 'app-1',
    });
  });

  it('has one line for a request, with its bytes', async () => {
    const answer = await fetchFrom(holdfast.url('/pages/form?password=secret'), { method: 'POST', body: '1234567' });
    const line = await lineOf('/pages/form');
    expect(line).toMatchObject({
      kind: 'http',
      method: 'POST',
      route: 'pages',
      pool: 'pages',
      backend: 'app-1',
      status: 200,
      bytesUp: 7,
      bytesDown: Buffer.byteLength(answer.body),
      totalMs: expect.any(Number),
    });
    await never(200, () => expect(access('/pages/form')).toHaveLength(1));
  });

  it('has a line for a request that no route takes', async () => {
    expect((await fetchFrom(holdfast.url('/elsewhere'))).status).toBe(404);
    const line = await lineOf('/elsewhere');
    expect(line).toMatchObject({ status: 404 });
    expect(line['backend']).toBeUndefined();
  });

  it('has the id that client and backend saw', async () => {
    await fetchFrom(holdfast.url('/pages/id'));
    const seen = app.requests.find(({ url }) => url === '/pages/id')?.headers['x-request-id'];
    expect((await lineOf('/pages/id'))['requestId']).toBe(seen);
  });

  it('never holds a query, where tokens travel', async () => {
    await eventually(() => expect(access('/pages/form')).toHaveLength(1));
    expect(holdfast.log.lines.some((line) => JSON.stringify(line).includes('secret'))).toBe(false);
  });

  it('can be switched off', async () => {
    await using quiet = await startHoldfast(relayTo([app.url], { logs: { level: 'info', access: false } }));
    await fetchFrom(quiet.url('/who'));
    expect(await quiet.terminate()).toBe(0);
    expect(quiet.log.all('access')).toEqual([]);
  });
});
