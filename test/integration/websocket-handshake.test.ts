/**
 * Before the 101: the backend's answer decides the client's. Choices and refusals pass, lies are refused with 502,
 * silence with 504, and a backend that is not there costs a retry, not the client.
 */
import { describe, expect, it } from 'vitest';
import { keyOf, startScriptedPeer } from '../support/backends/scripted-peer.js';
import { refuseWith, startEcho } from '../support/backends/websocket-echo.js';
import { eventually, never } from '../support/eventually.js';
import { encodeFrame, Opcode } from '../support/frames.js';
import { relayTo } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { connectRaw, handshake } from '../support/raw-client.js';
import { shareHoldfast } from '../support/shared-holdfast.js';
import { switchingProtocols } from '../support/websocket-accept.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const serve = shareHoldfast();

describe("the backend's 101", () => {
  it('brings its subprotocol to the client', async () => {
    await using backend = await startEcho({ protocol: (offered) => (offered.has('v2') ? 'v2' : false) });
    const holdfast = await serve(relayTo([backend.url]));
    await using socket = await openSocket(holdfast.wsUrl(), { protocols: ['v1', 'v2'] });
    expect(socket.ws.protocol).toBe('v2');
    expect(backend.handshakes[0]?.headers['sec-websocket-protocol']?.replaceAll(' ', '')).toBe('v1,v2');
  });

  it('may choose none', async () => {
    await using backend = await startScriptedPeer((head) => switchingProtocols(keyOf(head)));
    const holdfast = await serve(relayTo([backend.url]));
    await using client = await connectRaw(holdfast);
    client.write(handshake({ headers: ['Sec-WebSocket-Protocol: v1, v2'] }));
    const head = await client.head();
    expect(head.status).toBe(101);
    expect(head.headers['sec-websocket-protocol']).toBeUndefined();
  });

  it('brings its cookies and further headers to the client', async () => {
    await using backend = await startEcho({ headers: ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Served-By: me'] });
    const holdfast = await serve(relayTo([backend.url]));
    await using socket = await openSocket(holdfast.wsUrl());
    expect(socket.response.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(socket.response.headers['x-served-by']).toBe('me');
  });

  it("is asked with the client's cookies, origin and own headers", async () => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url]));
    const headers = { cookie: 'sid=1; theme=dark', 'x-own': 'yes', authorization: 'Bearer t' };
    await using socket = await openSocket(holdfast.wsUrl('/path?q=%20'), { headers, origin: 'https://page.test' });
    expect(await socket.ask('hi')).toBe('hi');
    const [seen] = backend.handshakes;
    expect(seen?.headers).toMatchObject({ ...headers, origin: 'https://page.test' });
    expect(seen?.url).toBe('/path?q=%20');
    expect(seen?.headers['x-forwarded-for']).toBe('127.0.0.1');
  });

  it.each([
    ['a wrong Accept', (): string => switchingProtocols('wrong')],
    [
      'no Accept',
      (): string => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ],
    [
      'a subprotocol that was not offered',
      (head: string): string => switchingProtocols(keyOf(head), ['Sec-WebSocket-Protocol: other']),
    ],
    [
      'an extension that was not offered',
      (head: string): string => switchingProtocols(keyOf(head), ['Sec-WebSocket-Extensions: x-made-up']),
    ],
    [
      'a switch to something else',
      (head: string): string => switchingProtocols(keyOf(head)).replace('Upgrade: websocket', 'Upgrade: h2c'),
    ],
    ['bytes that are not HTTP', (): string => 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ])('is refused with 502 when it has %s', async (_, answer) => {
    await using backend = await startScriptedPeer((head) => answer(head));
    const holdfast = await serve(relayTo([backend.url], { pool: { retries: 0 } }));
    const refusal = await openRefused(holdfast.wsUrl(), { protocols: ['mine'] });
    expect(refusal.status).toBe(502);
    expect(refusal.headers['x-request-id']).toBeTruthy();
  });

  it('is followed by what the backend sends in the same segment', async () => {
    const greeting = ['one', 'two', 'three'].map((payload) =>
      encodeFrame({ opcode: Opcode.text, payload, mask: false }),
    );
    await using backend = await startScriptedPeer((head) =>
      Buffer.concat([Buffer.from(switchingProtocols(keyOf(head))), ...greeting]),
    );
    const holdfast = await serve(relayTo([backend.url]));
    await using socket = await openSocket(holdfast.wsUrl());
    expect([await socket.text(), await socket.text(), await socket.text()]).toEqual(['one', 'two', 'three']);
  });

  it('is followed by what the client sends at once, in order', async () => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url]));
    for (let round = 0; round < 20; round += 1) {
      await using client = await connectRaw(holdfast);
      client.write(handshake());
      expect((await client.head()).status).toBe(101);
      client.write(
        Buffer.concat(Array.from({ length: 50 }, (_, i) => encodeFrame({ opcode: Opcode.text, payload: String(i) }))),
      );
      for (let i = 0; i < 50; i += 1) expect((await client.frame()).payload.toString()).toBe(String(i));
    }
  });
});

describe("the backend's refusal", () => {
  it.each([
    ['401 Unauthorized', { headers: ['WWW-Authenticate: Bearer'], body: 'who are you' }],
    ['403 Forbidden', { headers: ['X-Why: banned'], body: '{"error":"no"}' }],
    ['302 Found', { headers: ['Location: https://elsewhere.test/'], body: '' }],
    ['503 Service Unavailable', { headers: ['Retry-After: 7'], body: 'later' }],
    ['200 OK', { headers: ['Content-Type: text/html'], body: '<p>not a socket</p>' }],
  ])('%s reaches the client with headers and body', async (status, { headers, body }) => {
    await using backend = await startEcho({ refuse: (_, socket) => refuseWith(socket, status, { headers, body }) });
    const holdfast = await serve(relayTo([backend.url]));
    const refusal = await openRefused(holdfast.wsUrl());
    expect(refusal).toMatchObject({ status: Number(status.split(' ')[0]), body });
    for (const header of headers) {
      const [name = '', value] = header.split(': ');
      expect(refusal.headers[name.toLowerCase()]).toBe(value);
    }
    expect(backend.handshakes).toHaveLength(1);
  });
});

describe('a connection on which a backend refused', () => {
  // Left open it would be nobody's: a descriptor for each refusal, and a worker that dies of the reset of any of them.
  it('is ended, though the backend would keep it alive', async () => {
    await using backend = await startScriptedPeer(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    const holdfast = await serve(relayTo([backend.url]));
    const refusal = await openRefused(holdfast.wsUrl());
    expect(refusal).toMatchObject({ status: 403, body: 'no' });
    await eventually(() => expect(backend.sockets.size).toBe(0));
  });
});

describe('a backend that is not there', () => {
  it('costs a retry on another one', async () => {
    await using backend = await startEcho({ id: 'alive' });
    const dead = `http://127.0.0.1:${await freePort()}`;
    const holdfast = await serve(relayTo([dead, backend.url], { pool: { balance: 'round-robin' } }));
    for (let i = 0; i < 10; i += 1) {
      await using socket = await openSocket(holdfast.wsUrl());
      expect(await socket.ask('!who')).toBe('alive');
    }
  });

  it('is 503 when there is no other', async () => {
    const dead = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    const holdfast = await serve(relayTo(dead));
    const refusal = await openRefused(holdfast.wsUrl());
    expect(refusal.status).toBe(503);
    expect(refusal.headers['x-request-id']).toBeTruthy();
  });

  it('is 504 when it accepts and says nothing', async () => {
    await using backend = await startScriptedPeer(() => undefined);
    const holdfast = await serve(relayTo([backend.url], { pool: { retries: 0, timeouts: { handshake: '300ms' } } }));
    const refusal = await openRefused(holdfast.wsUrl());
    expect(refusal.status).toBe(504);
    await eventually(() => expect(backend.sockets.size).toBe(0));
  });

  it('is 502 when it hangs up during the handshake', async () => {
    await using backend = await startScriptedPeer((_, socket) => void socket.resetAndDestroy());
    const holdfast = await serve(relayTo([backend.url], { pool: { retries: 0 } }));
    expect((await openRefused(holdfast.wsUrl())).status).toBe(502);
  });
});

describe('a refusal that breaks off', () => {
  it('is 502, not a whole answer that is too short', async () => {
    await using backend = await startScriptedPeer((_head, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf');
    });
    const holdfast = await serve(relayTo([backend.url], { pool: { retries: 0 } }));
    expect((await openRefused(holdfast.wsUrl())).status).toBe(502);
  });

  it('has its headers passed on byte for byte', async () => {
    await using backend = await startScriptedPeer(() =>
      Buffer.from('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nX-Name: \u00fc\r\n\r\n', 'utf8'),
    );
    const holdfast = await serve(relayTo([backend.url], { pool: { retries: 0 } }));
    await using client = await connectRaw(holdfast);
    client.write(handshake());
    const name = (await client.head()).headers['x-name'] ?? '';
    expect(['ü', Buffer.from('ü').toString('latin1')]).toContain(name);
  });
});

describe('a backend that dies', () => {
  it.each(['reset', 'end'] as const)('closes its clients with 1011 or 1012 and a close frame (%s)', async (how) => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url]));
    await using socket = await openSocket(holdfast.wsUrl());
    await socket.ask('hi');
    for (const each of backend.sockets) void (how === 'reset' ? each.resetAndDestroy() : each.destroy());
    expect([1011, 1012]).toContain((await socket.untilClosed()).code);
  });
});

describe('a client that does not wait for its 101', () => {
  it('has what it sent kept, in order, until its backend is there', async () => {
    let answer = (): void => undefined;
    await using backend = await startScriptedPeer((head, socket) => {
      answer = () => socket.write(switchingProtocols(keyOf(head)));
    });
    const holdfast = await serve(relayTo([backend.url]));
    await using client = await connectRaw(holdfast);
    client.write(handshake());
    await eventually(() => expect(backend.heads).toHaveLength(1));
    for (const payload of ['one', 'two', 'three']) client.write(encodeFrame({ opcode: Opcode.text, payload }));
    await never(200, () => expect(client.hasEnded).toBe(false));
    answer();
    expect((await client.head()).status).toBe(101);
    // Masked anew by the dialler: their order shows in the lengths that follow the first byte of each.
    await eventually(() => expect(lengthsOf(Buffer.from(backend.bytesAfterHeads(), 'latin1'))).toEqual([3, 3, 5]));
  });
});

describe('a client that leaves during the handshake', () => {
  // Reading is paused meanwhile, and with it the notice of a reset: the handshake's own deadline is what ends it.
  it('gives its backend up by the deadline of the handshake', async () => {
    await using backend = await startScriptedPeer(() => undefined);
    const holdfast = await serve(relayTo([backend.url], { pool: { timeouts: { handshake: '1s' } } }));
    await using client = await connectRaw(holdfast);
    client.write(handshake());
    await eventually(() => expect(backend.heads).toHaveLength(1));
    client.reset();
    await eventually(() => expect(backend.sockets.size).toBe(0));
  });
});

/** Payload lengths of small masked text frames, one after another. */
function lengthsOf(bytes: Buffer): number[] {
  const lengths: number[] = [];
  for (let at = 0; at + 1 < bytes.length; at += 6 + (lengths.at(-1) ?? 0)) lengths.push(bytes[at + 1]! & 0x7f);
  return lengths;
}
