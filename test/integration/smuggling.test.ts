/**
 * Requests that two parsers may read differently, and answers that would open a tunnel. Whatever the status, three
 * things hold: the backend sees at most the one request that Holdfast saw, nothing of the second one hidden in it,
 * and the connection is not used any further.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { keyOf, startScriptedPeer } from '../support/backends/scripted-peer.js';
import { eventually, never } from '../support/eventually.js';
import { encodeFrame, Opcode } from '../support/frames.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { connectRaw, handshake, parseHead, SAMPLE_KEY } from '../support/raw-client.js';
import { shareHoldfast } from '../support/shared-holdfast.js';

const serve = shareHoldfast();
/** A connection on which nothing came for so long waits for more; a request that got through has long been answered. */
const QUIET_MS = 500;
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a request that is not what it seems', () => {
  let app: HttpApp;
  let holdfast: Holdfast;

  beforeAll(async () => {
    app = await startHttpApp();
    holdfast = await startHoldfast(relayTo([app.url]));
  });

  beforeEach(() => {
    app.requests.length = 0;
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  /** Statuses of all that came back before the connection ended or went quiet. */
  const send = async (bytes: string): Promise<readonly number[]> => {
    await using client = await connectRaw(holdfast);
    client.write(Buffer.from(bytes, 'latin1'));
    await eventually(() => expect(client.hasEnded).toBe(true), { withinMs: QUIET_MS }).catch(() => undefined);
    return [...client.received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
  };

  const paths = (): readonly (string | undefined)[] => app.requests.map(({ url }) => url);

  it.each([
    [
      'Content-Length and Transfer-Encoding',
      `Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    [
      'Transfer-Encoding and Content-Length',
      `Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ['two Content-Lengths that differ', `Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`],
    ['two Content-Lengths in one line', `Content-Length: 0, ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`],
    ['a Content-Length with a sign', `Content-Length: +0\r\n\r\n${SMUGGLED}`],
    ['a Content-Length in hex', `Content-Length: 0x0\r\n\r\n${SMUGGLED}`],
    ['a negative Content-Length', `Content-Length: -1\r\n\r\n${SMUGGLED}`],
    ['an empty Content-Length', `Content-Length: \r\n\r\n${SMUGGLED}`],
    ['a Content-Length that overflows', `Content-Length: 18446744073709551616\r\n\r\n${SMUGGLED}`],
    ['an unknown transfer coding', `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['chunked that is not last', `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['chunked twice', `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['a vertical tab in the coding', `Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['a space before the colon', `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['a folded header', `X-A: b\r\n folded: c\r\n\r\n${SMUGGLED}`],
    ['a folded Transfer-Encoding', `Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['a header without a colon', `Garbage\r\n\r\n${SMUGGLED}`],
    ['a header without a name', `: value\r\n\r\n${SMUGGLED}`],
    ['a NUL in a value', `X-A: a\0b\r\n\r\n${SMUGGLED}`],
    ['a bare CR in a value', `X-A: a\rContent-Length: 5\r\n\r\n${SMUGGLED}`],
    ['two Hosts', `Host: other\r\n\r\n${SMUGGLED}`],
    ['a chunk size that is no number', 'Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n'],
    ['a chunk size that overflows', 'Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc\r\n0\r\n\r\n'],
    ['a chunk longer than it says', `Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ])('%s: refused, and nothing hidden in it reaches a backend', async (_, rest) => {
    const statuses = await send(`POST /first HTTP/1.1\r\nHost: x\r\n${rest}`);
    expect(paths()).not.toContain('/smuggled');
    expect(statuses.length).toBeLessThanOrEqual(1);
    for (const status of statuses) expect([400, 411, 413, 501, 505]).toContain(status);
    expect((await fetchFrom(holdfast.url('/after'))).status).toBe(200);
  });

  it.each([
    ['garbage', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a line that is no request', 'hello\r\n\r\n'],
    ['no version', 'GET /\r\nHost: x\r\n\r\n'],
    ['a method with a space', 'GE T / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no Host', 'GET /first HTTP/1.1\r\n\r\n'],
    ['a request for HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a path without a slash', 'GET first HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a path that climbs out of its route', 'GET /public/../first HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a path that climbs in disguise', 'GET /public/%2e%2E/first HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['CONNECT', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n'],
    ['a control character in the path', 'GET /fi\x01rst HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('%s: refused before any backend is touched', async (_, bytes) => {
    const statuses = await send(bytes);
    expect(app.requests).toHaveLength(0);
    for (const status of statuses) expect([400, 404, 405, 501, 505]).toContain(status);
    expect((await fetchFrom(holdfast.url('/after'))).status).toBe(200);
  });

  it('HTTP/1.0 is answered 505', async () => {
    expect(await send('GET / HTTP/1.0\r\nHost: x\r\n\r\n')).toEqual([505]);
    expect(app.requests).toHaveLength(0);
  });

  it.each([
    ['one header of 40 KiB', `X-Big: ${'a'.repeat(40 * 1024)}`],
    ['many headers', Array.from({ length: 1000 }, (_, i) => `X-${i}: ${'b'.repeat(50)}`).join('\r\n')],
  ])('%s is answered 431', async (_, header) => {
    expect(await send(`GET /first HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`)).toEqual([431]);
    expect(app.requests).toHaveLength(0);
  });

  it('a head of 16 KiB passes', async () => {
    const answer = await fetchFrom(holdfast.url('/first'), { headers: { 'x-big': 'a'.repeat(16 * 1024) } });
    expect(answer.status).toBe(200);
  });

  it('a body with trailers is refused or reaches the backend without them', async () => {
    const statuses = await send(
      `POST /first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Evil: 1\r\n\r\n`,
    );
    expect(statuses.length).toBeLessThanOrEqual(1);
    for (const request of app.requests) expect(request.headers).not.toHaveProperty('x-evil');
  });
});

describe('a handshake that is not one', () => {
  it.each(['12', '8', '0', '99', 'abc', ''])(
    'with version "%s" is answered 426 without touching the backend',
    async (version) => {
      await using backend = await startScriptedPeer((head) => `HTTP/1.1 101 Switching Protocols\r\n\r\n${head}`);
      const holdfast = await serve(relayTo([backend.url]));
      await using client = await connectRaw(holdfast);
      client.write(handshake({ version }));
      const head = await client.head();
      expect(head.status).toBe(426);
      expect(head.headers['sec-websocket-version']).toBe('13');
      client.socket.on('error', () => undefined);
      client.write(SMUGGLED);
      await eventually(() => expect(client.hasEnded).toBe(true));
      await never(200, () => expect(backend.accepted).toBe(0));
    },
  );

  it.each([
    ['a key that is no nonce', handshake().replace(SAMPLE_KEY, 'short')],
    ['no key', handshake().replace(/Sec-WebSocket-Key: [^\r]*\r\n/, '')],
    ['two keys', handshake({ headers: ['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='] })],
    ['a POST', handshake().replace('GET', 'POST')],
    ['a body', handshake({ headers: [`Content-Length: ${SMUGGLED.length}`] }) + SMUGGLED],
  ])('with %s opens no tunnel', async (_, bytes) => {
    await using backend = await startScriptedPeer(
      (head) => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${head.slice(0, 0)}`,
    );
    const holdfast = await serve(relayTo([backend.url]));
    await using client = await connectRaw(holdfast);
    client.write(bytes);
    const text = await eventually(() => {
      expect(client.received + String(client.hasEnded)).toMatch(/HTTP\/1\.1|true/);
      return client.received;
    });
    expect(parseHead(text).status).not.toBe(101);
    for (const head of backend.heads) expect(head).not.toMatch(/^upgrade:/im);
    expect(backend.bytesAfterHeads()).not.toContain('/smuggled');
  });

  it('with frames or a request sent before the answer sends neither to the backend as a request', async () => {
    await using backend = await startScriptedPeer(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    const holdfast = await serve(relayTo([backend.url]));
    await using client = await connectRaw(holdfast);
    client.write(handshake());
    client.write(SMUGGLED);
    await eventually(() => expect(client.hasEnded).toBe(true));
    expect(client.received.match(/HTTP\/1\.1/g)?.length ?? 0).toBeLessThanOrEqual(1);
    expect(backend.bytesAfterHeads()).not.toContain('smuggled');
    expect(backend.heads.filter((head) => head.includes('/smuggled'))).toEqual([]);
  });
});

describe("a backend's answer that is not 101", () => {
  it('is relayed with Connection: close, and nothing tunnels afterwards', async () => {
    await using backend = await startScriptedPeer(() => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody');
    const holdfast = await serve(relayTo([backend.url]));
    await using client = await connectRaw(holdfast);
    client.write(handshake());
    const head = await client.head();
    expect(head.status).toBe(200);
    expect(head.headers['connection']?.toLowerCase()).toBe('close');
    client.socket.on('error', () => undefined);
    client.write(SMUGGLED);
    client.write(encodeFrame({ opcode: Opcode.text, payload: 'tunnel' }));
    await eventually(() => expect(client.hasEnded).toBe(true));
    expect(client.received).toBe('body');
    expect(backend.bytesAfterHeads()).toBe('');
    expect(backend.heads).toHaveLength(1);
  });

  it('that lies with 101 to an ordinary request is 502', async () => {
    await using backend = await startScriptedPeer(
      (head) => `HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n${keyOf(head)}`,
    );
    const holdfast = await serve(relayTo([backend.url], { pool: { retries: 0 } }));
    expect((await fetchFrom(holdfast.url())).status).toBe(502);
  });

  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    [
      'a second response behind it',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong',
    ],
  ])('with %s never becomes the answer to somebody else', async (_, answer) => {
    const script = (head: string): string =>
      head.includes('/bad') ? answer : 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood';
    await using backend = await startScriptedPeer(script, { isPersistent: true });
    const holdfast = await serve(relayTo([backend.url], { pool: { retries: 0 } }));
    for (let i = 0; i < 5; i += 1) {
      const bad = await fetchFrom(holdfast.url('/bad')).catch(() => ({ body: '' }));
      expect(bad.body).not.toContain('wrong');
      expect((await fetchFrom(holdfast.url('/good'))).body).toBe('good');
    }
  });
});
