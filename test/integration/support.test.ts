/**
 * The peers of these tests, without a balancer between them: what they are believed to do, they do. A failure here
 * says that another test's failure may not be the product's.
 */
import { describe, expect, it } from 'vitest';
import { startGraphql } from '../support/backends/graphql-subscriptions.js';
import { bigHash, type Echoed, startHttpApp } from '../support/backends/http-app.js';
import { keyOf, startScriptedPeer } from '../support/backends/scripted-peer.js';
import { refuseWith, startEcho } from '../support/backends/websocket-echo.js';
import { eventually, never } from '../support/eventually.js';
import { closeOf, encodeFrame, FrameReader, Opcode } from '../support/frames.js';
import { fetchFrom, openRequest } from '../support/http-client.js';
import { connectRawWebSocket } from '../support/raw-client.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { switchingProtocols } from '../support/websocket-accept.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

describe('frames by hand', () => {
  it.each([0, 125, 126, 65_535, 65_536, 200_000])('carries %i bytes, masked or not, in any pieces', (length) => {
    for (const mask of [true, false]) {
      const bytes = encodeFrame({ opcode: Opcode.binary, payload: Buffer.alloc(length, 7), mask });
      const reader = new FrameReader();
      const cut = Math.floor(bytes.length / 3);
      const frames = [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))];
      expect(frames).toHaveLength(1);
      expect(frames[0]).toMatchObject({ fin: true, opcode: Opcode.binary, isMasked: mask });
      expect(frames[0]!.payload.equals(Buffer.alloc(length, 7))).toBe(true);
    }
  });
});

describe('the echo application', () => {
  it('echoes, obeys and keeps what it saw', async () => {
    await using backend = await startEcho({ id: 'a', headers: ['Set-Cookie: from=backend'] });
    await using socket = await openSocket(`ws://127.0.0.1:${backend.port}/x`, { protocols: ['p1', 'p2'] });
    expect(await socket.ask('hi')).toBe('hi');
    expect(await socket.ask('!who')).toBe('a');
    expect(socket.ws.protocol).toBe('p1');
    expect(socket.response.headers['set-cookie']).toEqual(['from=backend']);
    socket.send('!close 4001 enough');
    expect(await socket.untilClosed()).toEqual({ code: 4001, reason: 'enough' });
    expect(backend.handshakes[0]?.url).toBe('/x');
  });

  it('refuses, dies and comes back', async () => {
    await using backend = await startEcho({
      refuse: (request, socket) => request.url === '/no' && refuseWith(socket, '403 Forbidden', { body: 'no' }),
    });
    const url = `ws://127.0.0.1:${backend.port}`;
    expect(await openRefused(`${url}/no`)).toMatchObject({ status: 403, body: 'no' });
    await using socket = await openSocket(url);
    await backend.die();
    expect((await socket.untilClosed()).code).toBe(1006);
    await expect(openSocket(url)).rejects.toThrow(/ECONNREFUSED/);
    await backend.listenAgain();
    await using again = await openSocket(url);
    expect(await again.ask('hi')).toBe('hi');
  });
});

describe('the scripted peer', () => {
  it('answers with the bytes of its script', async () => {
    await using peer = await startScriptedPeer((head, socket) => {
      socket.write(switchingProtocols(keyOf(head)));
      socket.write(encodeFrame({ opcode: Opcode.close, payload: Buffer.from([0x03, 0xed]), mask: false }));
    });
    await using client = await connectRawWebSocket(peer);
    expect(closeOf(await client.frame())).toEqual({ code: 1005, reason: '' });
  });
});

describe('the HTTP application', () => {
  it('answers with what it received', async () => {
    await using app = await startHttpApp('one');
    const answer = await fetchFrom(`${app.url}/any?x=1`, { method: 'PUT', headers: { 'x-a': 'b' }, body: 'text' });
    const echoed = JSON.parse(answer.body) as Echoed;
    expect(echoed).toMatchObject({ id: 'one', method: 'PUT', url: '/any?x=1', body: 'text' });
    expect(echoed.headers['x-a']).toBe('b');
  });

  it('streams, hashes and notices a client that leaves', async () => {
    await using app = await startHttpApp();
    const { createHash } = await import('node:crypto');
    const { body } = await fetchFrom(`${app.url}/big/2`);
    expect(createHash('sha256').update(body).digest('hex')).toBe(bigHash(2));
    const request = openRequest(`${app.url}/hold`);
    request.on('error', () => undefined);
    request.end();
    await eventually(() => expect(app.held.size).toBe(1));
    request.destroy();
    await eventually(() => expect(app.aborted).toContain('/hold'));
  });
});

describe('the TCP proxy', () => {
  it('passes, goes silent and cuts', async () => {
    await using backend = await startEcho();
    await using proxy = await startTcpProxy(backend.port);
    await using socket = await openSocket(`ws://127.0.0.1:${proxy.port}`);
    expect(await socket.ask('hi')).toBe('hi');
    proxy.setMode({ name: 'blackHole' });
    socket.send('lost');
    await never(200, () => expect(socket.isOpen).toBe(true));
    proxy.cutAll();
    expect((await socket.untilClosed()).code).toBe(1006);
    await eventually(() => expect(backend.open.size).toBe(0));
  });
});

describe('the GraphQL server', () => {
  it('listens', async () => {
    await using backend = await startGraphql();
    await using socket = await openSocket(`ws://127.0.0.1:${backend.port}/graphql`, {
      protocols: ['graphql-transport-ws'],
    });
    expect(socket.ws.protocol).toBe('graphql-transport-ws');
  });
});
