import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { MAX_MESSAGE_BYTES, TRUNK_PATH, TRUNK_SUBPROTOCOL } from '@holdfast/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type Backend, createBackend } from './backend.js';
import type { BackendError } from './errors.js';
import { FakeWorker } from './testing/fake-worker.js';

const ID = 'S'.repeat(22);
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function echoBackend(): Backend {
  const backend = createBackend({ secret: ['next', 'secret'], signals: false });
  backend.on('session', (session) => {
    session.on('message', (data) => void session.send(data));
  });
  closing.push(() => backend.close());
  return backend;
}

/** An application with WebSockets of its own, on any path or on `/own` alone. */
async function startApplication(path?: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => response.end('application'));
  const own = new WebSocketServer({ server, ...(path === undefined ? {} : { path }) });
  own.on('connection', (socket) => socket.on('message', (data) => socket.send(`own ${String(data)}`)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    own.close();
    for (const client of own.clients) client.terminate();
    server.close();
    server.closeAllConnections();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** A worker whose trunk is a real connection. */
async function dial(port: number, secret = 'secret'): Promise<{ worker: FakeWorker; socket: WebSocket }> {
  const worker = new FakeWorker({ secret, maxMessageBytes: MAX_MESSAGE_BYTES });
  const socket = new WebSocket(`ws://127.0.0.1:${port}${TRUNK_PATH}`, TRUNK_SUBPROTOCOL);
  closing.push(() => socket.terminate());
  worker.transport.onMessage = (batch) => socket.send(batch);
  socket.on('message', (data) => worker.transport.send(data as Buffer));
  await once(socket, 'open');
  worker.transport.open();
  return { worker, socket };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('a trunk over a real connection', () => {
  it.each(['/own', undefined])("stands beside the application's own WebSocketServer (path %s)", async (path) => {
    const { server, port } = await startApplication(path);
    echoBackend().attach(server);
    const { worker } = await dial(port);
    await until(() => worker.isReady);
    const stream = worker.open(ID);
    stream.message('through the trunk');
    await until(() => stream.messages.length === 1);
    expect(stream.messages).toEqual(['through the trunk']);

    const own = new WebSocket(`ws://127.0.0.1:${port}/own`);
    closing.push(() => own.terminate());
    await once(own, 'open');
    own.send('hello');
    const [answer] = (await once(own, 'message')) as [Buffer];
    expect(String(answer)).toBe('own hello');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('application');
  });

  it('is closed with 4501 when the worker does not know the secret, and the application is told', async () => {
    const backend = echoBackend();
    const errors: BackendError[] = [];
    backend.on('error', (error) => errors.push(error));
    const { port } = await backend.listen(0, '127.0.0.1');
    const { socket } = await dial(port, 'another secret');
    expect((await once(socket, 'close'))[0]).toBe(4501);
    expect(errors.map(({ code }) => code)).toEqual(['BACKEND_TRUNK_REFUSED']);
  });

  it('takes a frame with the largest message', async () => {
    const backend = echoBackend();
    const { port } = await backend.listen(0, '127.0.0.1');
    const { worker } = await dial(port);
    await until(() => worker.isReady);
    const stream = worker.open(ID, { plain: true });
    stream.text('x'.repeat(MAX_MESSAGE_BYTES));
    await until(() => stream.messages.length > 0);
    expect(String(stream.messages[0]).length).toBe(MAX_MESSAGE_BYTES);
  });

  it('answers an upgrade that nobody else could answer with 404', async () => {
    const backend = echoBackend();
    const { port } = await backend.listen(0, '127.0.0.1');
    const stranger = new WebSocket(`ws://127.0.0.1:${port}/other`);
    const [error] = (await once(stranger, 'error')) as [Error];
    expect(error.message).toContain('404');
  });

  it('answers an upgrade without the subprotocol with 400', async () => {
    const backend = echoBackend();
    const { port } = await backend.listen(0, '127.0.0.1');
    const stranger = new WebSocket(`ws://127.0.0.1:${port}${TRUNK_PATH}`);
    const [error] = (await once(stranger, 'error')) as [Error];
    expect(error.message).toContain('400');
  });

  it('tells of a port that is taken', async () => {
    const { port } = await startApplication();
    await expect(echoBackend().listen(port, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('drains, closes the trunk with 1001, and lets its server go', async () => {
    const backend = echoBackend();
    const { port } = await backend.listen(0, '127.0.0.1');
    const { worker, socket } = await dial(port);
    await until(() => worker.isReady);
    const closed = once(socket, 'close');
    expect(await backend.drain()).toEqual({ handedOver: 0, parked: 0, left: 0 });
    expect((await closed)[0]).toBe(1001);
    await backend.close();
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
  });
});
