/** Ordinary HTTP through Holdfast: what goes in comes out, in both directions, as it comes. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bigHash, type Echoed, type HttpApp, mebibyte, startHttpApp } from '../support/backends/http-app.js';
import { startScriptedPeer } from '../support/backends/scripted-peer.js';
import { eventually, within } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { answered, fetchFrom, openRequest, startRequest } from '../support/http-client.js';
import { freePort } from '../support/ports.js';
import { residentBytes } from '../support/process-facts.js';
import { connectRaw, requestHead } from '../support/raw-client.js';
import { shareHoldfast } from '../support/shared-holdfast.js';

const MIB = 1024 * 1024;

describe('a relayed request', () => {
  let app: HttpApp;
  let holdfast: Holdfast;

  beforeAll(async () => {
    app = await startHttpApp();
    holdfast = await startHoldfast(relayTo([app.url], { pool: { timeouts: { response: '5s' } } }));
  });

  beforeEach(() => {
    app.aborted.length = 0;
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    'keeps its method %s and its body',
    async (method) => {
      const body = method === 'GET' || method === 'OPTIONS' ? '' : `body of ${method} äöü`;
      const answer = await fetchFrom(holdfast.url('/any/path?q=%C3%A4&q=b'), { method, body });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body)).toMatchObject({ method, body, url: '/any/path?q=%C3%A4&q=b' });
    },
  );

  it('answers HEAD with the length and without the body', async () => {
    await using client = await connectRaw(holdfast);
    client.write('HEAD /big/1 HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await client.head();
    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBe(String(MIB));
    // What follows is the next response, not a body.
    client.write('GET /who HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await client.head()).status).toBe(200);
  });

  it.each([204, 304])('answers %i without a body, and the connection goes on', async (status) => {
    await using client = await connectRaw(holdfast);
    client.write(`GET /status/${status} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const head = await client.head();
    expect(head.status).toBe(status);
    expect(head.headers['transfer-encoding']).toBeUndefined();
    client.write('GET /who HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await client.head()).status).toBe(200);
  });

  it.each([200, 201, 400, 401, 404, 410, 418, 500, 502, 503])('keeps status %i with its body', async (status) => {
    expect(await fetchFrom(holdfast.url(`/status/${status}`))).toMatchObject({ status, body: `status ${status}` });
  });

  it('keeps redirects and several cookies as they are', async () => {
    expect((await fetchFrom(holdfast.url('/redirect'))).headers.location).toBe('/elsewhere');
    const { headers } = await fetchFrom(holdfast.url('/cookies'));
    expect(headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2; Path=/']);
  });

  it('streams chunks both ways', async () => {
    const request = openRequest(holdfast.url('/chunked'), { method: 'POST' });
    const response = answered(request);
    for (const part of ['first ', 'second ', 'third']) request.write(part);
    request.end();
    const chunks: Buffer[] = [];
    for await (const chunk of (await response).response) chunks.push(chunk as Buffer);
    expect((JSON.parse(Buffer.concat(chunks).toString()) as Echoed).body).toBe('first second third');
    expect((await fetchFrom(holdfast.url('/chunks'))).body).toBe('onetwothree');
  });

  it('brings the first event of a stream at once, and each further one', async () => {
    const { request, response } = await startRequest(holdfast.url('/sse/live'));
    expect(response.headers['content-type']).toBe('text/event-stream');
    const [first] = (await within(2000, 'the first event', once(response, 'data'))) as [Buffer];
    expect(first.toString()).toBe('data: first\n\n');
    for (const text of ['second', 'third']) {
      const next = once(response, 'data');
      app.held.get('/sse/live')?.write(`data: ${text}\n\n`);
      const [event] = (await within(2000, `the ${text} event`, next)) as [Buffer];
      expect(event.toString()).toBe(`data: ${text}\n\n`);
    }
    request.destroy();
    await eventually(() => expect(app.aborted).toContain('/sse/live'));
  });

  it.each(['/big/64', '/big/64/chunked'])('carries 64 MiB down (%s) without holding it', async (path) => {
    const [worker] = holdfast.workerPids();
    // What a worker takes for the first large body that it ever sees, it keeps.
    await once((await startRequest(holdfast.url('/big/32'))).response.resume(), 'end');
    const before = residentBytes(worker!);
    let peak = before;
    const digest = createHash('sha256');
    const { response } = await startRequest(holdfast.url(path));
    for await (const chunk of response) {
      digest.update(chunk as Buffer);
      peak = Math.max(peak, residentBytes(worker!));
    }
    expect(digest.digest('hex')).toBe(bigHash(64));
    expect((peak - before) / MIB).toBeLessThan(48);
  });

  it.each([true, false])('carries 64 MiB up (with a length: %s) without holding it', async (hasLength) => {
    const [worker] = holdfast.workerPids();
    const before = residentBytes(worker!);
    let peak = before;
    const headers: Record<string, string> = hasLength ? { 'content-length': String(64 * MIB) } : {};
    const request = openRequest(holdfast.url('/hash'), { method: 'POST', headers });
    const response = answered(request);
    for (let i = 0; i < 64; i += 1) {
      if (!request.write(mebibyte())) await once(request, 'drain');
      peak = Math.max(peak, residentBytes(worker!));
    }
    request.end();
    const chunks: Buffer[] = [];
    for await (const chunk of (await response).response) chunks.push(chunk as Buffer);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({ bytes: 64 * MIB, hash: bigHash(64) });
    expect((peak - before) / MIB).toBeLessThan(48);
  });

  it('holds a backend back whose client does not read', async () => {
    const [worker] = holdfast.workerPids();
    const before = residentBytes(worker!);
    await using client = await connectRaw(holdfast);
    client.socket.pause();
    client.write('GET /big/256 HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => expect(app.sockets.size).toBeGreaterThan(0));
    let written = -1;
    // The backend has stopped once what it wrote no longer grows.
    await eventually(
      () => {
        const now = [...app.sockets].reduce((sum, socket) => sum + socket.bytesWritten, 0);
        const hasStopped = now > 0 && now === written;
        written = now;
        expect(hasStopped).toBe(true);
      },
      { everyMs: 300, withinMs: 10_000 },
    );
    expect((residentBytes(worker!) - before) / MIB).toBeLessThan(48);
    expect(app.aborted).toEqual([]);
  });

  it('cuts clients that neither read nor send for ten seconds, and counts them', async () => {
    await using own = await startHoldfast(relayTo([app.url]));
    const stalled = ['GET /big/64', 'GET /big/64/chunked', 'POST /hash'];
    const clients = await Promise.all(stalled.map(() => connectRaw(own)));
    stalled.forEach((start, index) => {
      const { socket } = clients[index]!;
      socket.pause();
      socket.write(requestHead(`${start} HTTP/1.1`, ['Host: x', ...(index === 2 ? ['Content-Length: 9'] : [])]));
    });
    const inFlight = async (): Promise<number | undefined> =>
      (await own.metrics()).sum('holdfast_http_requests_in_flight');
    await eventually(async () => expect(await inFlight()).toBe(stalled.length));
    await eventually(async () => expect(await inFlight()).toBe(0), { withinMs: 30_000 });
    expect((await own.metrics()).sum('holdfast_bound_hits_total', { bound: 'http_stall' })).toBe(stalled.length);
    for (const client of clients) client.reset();
  });

  it('answers Expect: 100-continue and takes the body', async () => {
    await using client = await connectRaw(holdfast);
    client.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
    client.write('body');
    let head = await client.head();
    if (head.status === 100) head = await client.head();
    expect(head.status).toBe(200);
    await eventually(() => expect(client.received).toContain('"body":"body"'));
  });

  it('keeps the body and drops the trailers of a response', async () => {
    const answer = await fetchFrom(holdfast.url('/trailers'));
    expect(answer).toMatchObject({ status: 200, body: 'body' });
  });

  it('gives the final response after early hints', async () => {
    expect(await fetchFrom(holdfast.url('/early'))).toMatchObject({ status: 200, body: 'final' });
  });

  it('serves request after request on one connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 50; i += 1) {
      expect((await fetchFrom(holdfast.url(`/n/${i}`), { agent, method: 'POST', body: String(i) })).body).toContain(
        `"body":"${i}"`,
      );
    }
    agent.destroy();
  });

  it('tells the backend when its client gives up', async () => {
    const request = openRequest(holdfast.url('/hold/1'));
    request.on('error', () => undefined);
    request.end();
    await eventually(() => expect(app.held.size).toBe(1));
    request.destroy();
    await eventually(() => expect(app.aborted).toContain('/hold/1'));
  });

  it('tells the backend when its client gives up in the middle of an upload', async () => {
    const request = openRequest(holdfast.url('/hash/aborted'), {
      method: 'POST',
      headers: { 'content-length': '1000000' },
    });
    request.on('error', () => undefined);
    request.write('part');
    await eventually(() => expect(app.requests.at(-1)?.url).toBe('/hash/aborted'));
    request.destroy();
    await eventually(() => expect(app.aborted).toContain('/hash/aborted'));
  });

  it('aborts the response of a backend that dies in the middle of it', async () => {
    await using client = await connectRaw(holdfast);
    client.write('GET /die HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await client.head();
    expect(head.status).toBe(200);
    const body = await client.untilEnd();
    expect(body.length).toBeLessThan(1000);
  });

  it('is 502 with a request id when the backend vanishes before its answer', async () => {
    const answer = await fetchFrom(holdfast.url('/vanish'), { method: 'POST', body: 'x' });
    expect(answer.status).toBe(502);
    expect(answer.headers['x-request-id']).toBeTruthy();
  });
});

describe('a backend that does not answer', () => {
  const serve = shareHoldfast();

  it('is 503 with a request id when nobody listens', async () => {
    const holdfast = await serve(relayTo([`http://127.0.0.1:${await freePort()}`]));
    const answer = await fetchFrom(holdfast.url());
    expect(answer.status).toBe(503);
    expect(answer.headers['x-request-id']).toBeTruthy();
  });

  it('is passed over for one that listens, also with a body', async () => {
    await using app = await startHttpApp('alive');
    const dead = `http://127.0.0.1:${await freePort()}`;
    const holdfast = await serve(relayTo([dead, app.url], { pool: { balance: 'round-robin' } }));
    for (let i = 0; i < 6; i += 1) {
      const answer = await fetchFrom(holdfast.url(), { method: 'POST', body: `body ${i}` });
      expect(JSON.parse(answer.body)).toMatchObject({ id: 'alive', body: `body ${i}` });
    }
  });

  it('is 504 after timeouts.response, and its request is given up', async () => {
    await using app = await startHttpApp();
    const holdfast = await serve(relayTo([app.url], { pool: { timeouts: { response: '300ms' } } }));
    const answer = await fetchFrom(holdfast.url('/hold/x'));
    expect(answer.status).toBe(504);
    expect(answer.headers['x-request-id']).toBeTruthy();
    await eventually(() => expect(app.aborted).toContain('/hold/x'));
  });

  it('is 502 when its answer is not HTTP', async () => {
    await using peer = await startScriptedPeer(() => 'hello, I am not HTTP\r\n\r\n');
    const holdfast = await serve(relayTo([peer.url], { pool: { retries: 0 } }));
    expect((await fetchFrom(holdfast.url())).status).toBe(502);
  });
});
