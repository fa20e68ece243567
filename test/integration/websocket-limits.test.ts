/** What a route lets a client do, and what happens to one that does more. */
import { describe, expect, it } from 'vitest';
import { keyOf, startScriptedPeer } from '../support/backends/scripted-peer.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { Opcode } from '../support/frames.js';
import { relayTo, startHoldfast } from '../support/holdfast.js';
import { connectRaw, connectRawWebSocket, handshake } from '../support/raw-client.js';
import { shareHoldfast } from '../support/shared-holdfast.js';
import { switchingProtocols } from '../support/websocket-accept.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const serve = shareHoldfast();

describe('limits', () => {
  it('closes with 1008 above messagesPerSecond, and lets one second of burst through', async () => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url], { route: { limits: { messagesPerSecond: 20 } } }));
    await using calm = await openSocket(holdfast.wsUrl());
    for (let i = 0; i < 20; i += 1) calm.send(String(i));
    for (let i = 0; i < 20; i += 1) expect(await calm.text()).toBe(String(i));
    await using hasty = await openSocket(holdfast.wsUrl());
    for (let i = 0; i < 200; i += 1) hasty.send(String(i));
    expect((await hasty.untilClosed()).code).toBe(1008);
    expect(calm.isOpen).toBe(true);
  });

  it('refuses origins that are not listed with 403, before the backend is touched', async () => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url], { route: { origins: ['https://good.test'] } }));
    await using socket = await openSocket(holdfast.wsUrl(), { origin: 'https://good.test' });
    expect(await socket.ask('hi')).toBe('hi');
    for (const origin of ['https://evil.test', 'http://good.test', 'https://good.test.evil.test', 'null']) {
      expect({ origin, status: (await openRefused(holdfast.wsUrl(), { origin })).status }).toEqual({
        origin,
        status: 403,
      });
    }
    expect(backend.handshakes).toHaveLength(1);
  });

  it('refuses one connection more than connectionsPerAddress with 429, over all workers', async () => {
    await using backend = await startEcho();
    const limits = { connectionsPerAddress: 5 };
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2, route: { limits } }));
    const open = await Promise.all(Array.from({ length: 5 }, () => openSocket(holdfast.wsUrl())));
    for (let i = 0; i < 5; i += 1) expect((await openRefused(holdfast.wsUrl())).status).toBe(429);
    await using other = await openSocket(holdfast.wsUrl(), { localAddress: '127.0.0.9' });
    expect(await other.ask('hi')).toBe('hi');
    open[0]?.ws.terminate();
    await using again = await eventually(() => openSocket(holdfast.wsUrl()));
    expect(await again.ask('hi')).toBe('hi');
    for (const socket of open) socket.ws.terminate();
  });

  it('pings a silent client at half of idle, and closes one that does not answer', async () => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url], { route: { limits: { idle: '2s' } } }));
    await using alive = await openSocket(holdfast.wsUrl());
    await using silent = await connectRawWebSocket(holdfast);
    const frame = await eventually(() => silent.frame(), { withinMs: 15_000 });
    expect(frame.opcode).toBe(Opcode.ping);
    await eventually(() => expect(silent.hasEnded).toBe(true), { withinMs: 20_000 });
    expect(alive.isOpen).toBe(true);
    expect(alive.pings.length).toBeGreaterThan(0);
    expect(await alive.ask('still here')).toBe('still here');
  });

  it('keeps a client that says nothing but answers its pings, however often', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { limits: { idle: '2s' } } }));
    await using socket = await openSocket(holdfast.wsUrl());
    // More than two idle limits: not asked a second time, it would have been ended at one and a half.
    await eventually(() => expect(socket.pings.length).toBeGreaterThanOrEqual(4), { withinMs: 20_000 });
    expect(socket.isOpen).toBe(true);
    expect(backend.open.size).toBe(1);
  });

  it('closes with 1001 at the end of lifetime', async () => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url], { route: { limits: { lifetime: '1s' } } }));
    await using socket = await openSocket(holdfast.wsUrl());
    expect(await socket.ask('hi')).toBe('hi');
    expect((await socket.untilClosed(15_000)).code).toBe(1001);
    await eventually(() => expect(backend.closes[0]?.code).toBe(1001));
  });

  it('ends a connection that carries nothing for timeouts.idle', async () => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url], { pool: { timeouts: { idle: '1s' } } }));
    await using socket = await openSocket(holdfast.wsUrl());
    expect(await socket.ask('hi')).toBe('hi');
    const { code } = await socket.untilClosed(15_000);
    expect(code).not.toBe(1006);
    await eventually(() => expect(backend.open.size).toBe(0));
  });

  it('speaks permessage-deflate only on routes that opted in', async () => {
    await using backend = await startEcho();
    const config = relayTo([backend.url]);
    const routes = [{ name: 'small', match: { path: '/small' }, pool: 'app', compression: true }, ...config.routes];
    const holdfast = await serve({ ...config, routes });
    await using plain = await openSocket(holdfast.wsUrl('/'), { perMessageDeflate: true });
    expect(plain.ws.extensions).toBe('');
    await using small = await openSocket(holdfast.wsUrl('/small'), { perMessageDeflate: true });
    expect(small.ws.extensions).toContain('permessage-deflate');
    const text = 'again and again '.repeat(5000);
    expect((await small.ask(text)) === text).toBe(true);
  });

  it('never offers the backend an extension', async () => {
    await using backend = await startScriptedPeer((head) => switchingProtocols(keyOf(head)));
    const holdfast = await serve(relayTo([backend.url]));
    await using client = await connectRaw(holdfast);
    client.write(handshake({ headers: ['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'] }));
    expect((await client.head()).headers['sec-websocket-extensions']).toBeUndefined();
    expect(backend.heads[0]).not.toMatch(/sec-websocket-extensions/i);
  });
});
