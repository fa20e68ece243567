import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import net from 'node:net';
import { TRUNK_SUBPROTOCOL } from '@holdfast/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { TrunkTransport } from './transport.js';
import { dialWebSocket } from './ws-transport.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(): Promise<{ readonly port: number; readonly peer: Promise<WebSocket> }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  closing.push(() => server.close());
  await once(server, 'listening');
  const peer = once(server, 'connection').then(([socket]) => socket as WebSocket);
  return { port: (server.address() as AddressInfo).port, peer };
}

function dial(port: number, connectTimeoutMs = 5000) {
  const url = `ws://127.0.0.1:${port}/trunk`;
  const transport = dialWebSocket({
    url,
    host: '127.0.0.1',
    port,
    isTls: false,
    certificateName: '',
    tls: undefined,
    proxy: undefined,
    connectTimeoutMs,
  });
  closing.push(() => transport.terminate());
  return { transport, closed: closedOf(transport), messages: messagesOf(transport) };
}

function closedOf(transport: TrunkTransport): Promise<[number, string]> {
  return new Promise((resolve) => {
    transport.onClose = (code, reason) => resolve([code, reason]);
  });
}

function messagesOf(transport: TrunkTransport): string[] {
  const messages: string[] = [];
  transport.onMessage = (batch) => void messages.push(Buffer.from(batch).toString());
  return messages;
}

/** The dialler sees the connection open no later than what is sent on it. */
async function greeted(socket: WebSocket, messages: readonly string[]): Promise<void> {
  socket.send(Buffer.from('hello'));
  await vi.waitFor(() => expect(messages).toEqual(['hello']));
}

describe('a WebSocket as a trunk', () => {
  it('offers the subprotocol, and carries batches both ways', async () => {
    const { port, peer } = await serve();
    const { transport, messages } = dial(port);
    const socket = await peer;
    expect(socket.protocol).toBe(TRUNK_SUBPROTOCOL);
    socket.send(Buffer.from('down'));
    await vi.waitFor(() => expect(messages).toEqual(['down']));
    const arrived = once(socket, 'message');
    transport.send(Buffer.from('up'));
    const [data, isBinary] = (await arrived) as [Buffer, boolean];
    expect([data.toString(), isBinary]).toEqual(['up', true]);
  });

  it('sends without masking the bytes: the mask is zero', async () => {
    const { port, peer } = await serve();
    const { transport, messages } = dial(port);
    const socket = (await peer) as WebSocket & { readonly _socket: Socket };
    await greeted(socket, messages);
    const seen: Buffer[] = [];
    socket._socket.prependListener('data', (chunk: Buffer) => seen.push(chunk));
    const arrived = once(socket, 'message');
    transport.send(Buffer.from('in the clear'));
    await arrived;
    expect(Buffer.concat(seen).toString('latin1')).toContain('\0\0\0\0in the clear');
  });

  it('tells the close code of the other end', async () => {
    const { port, peer } = await serve();
    const { closed } = dial(port);
    (await peer).close(4501, 'no');
    expect(await closed).toEqual([4501, 'no']);
  });

  it('closes with its own, its reason cut to what fits', async () => {
    const { port, peer } = await serve();
    const { transport, messages } = dial(port);
    const socket = await peer;
    await greeted(socket, messages);
    const closed = once(socket, 'close');
    transport.close(4400, 'x'.repeat(500));
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.length]).toEqual([4400, 123]);
  });

  it('that is refused says why, and drops what is sent', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const { transport, closed } = dial(port);
    transport.send(Buffer.from('nobody is there'));
    const [code, reason] = await closed;
    expect(code).toBe(1006);
    expect(reason).toContain('ECONNREFUSED');
  });

  it('that is never answered is given up', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    closing.push(() => server.close());
    server.on('connection', (socket) => closing.push(() => socket.destroy()));
    await once(server, 'listening');
    const { closed } = dial((server.address() as AddressInfo).port, 100);
    expect(await closed).toEqual([1006, 'expected a connection within 100 ms, got none']);
  });
});
