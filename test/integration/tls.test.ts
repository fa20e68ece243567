/** TLS in front, plain HTTP behind: what a browser on https and wss gets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Echoed, type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { makeCertificate } from '../support/certificate.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { readAll } from '../support/http-client.js';
import { connectRaw } from '../support/raw-client.js';
import { openSocket } from '../support/websocket-client.js';

describe('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
  let echo: EchoBackend;
  let app: HttpApp;
  let holdfast: Holdfast;

  beforeAll(async () => {
    echo = await startEcho();
    app = await startHttpApp();
    const files = (name: string): { certificate: string; key: string } => {
      const made = makeCertificate(name);
      const paths = { certificate: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
      writeFileSync(paths.certificate, made.certificate);
      writeFileSync(paths.key, made.key);
      return paths;
    };
    const tls = { ...files('a.test'), names: { 'b.test': files('b.test') } };
    const routes = [
      { match: { path: '/ws' }, pool: 'echo' },
      { match: { path: '/' }, pool: 'app' },
    ];
    const pools = { echo: { backends: [echo.url], health: false }, app: { backends: [app.url], health: false } };
    holdfast = await startHoldfast({ workers: 2, routes, pools }, { listen: { tls } });
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await echo?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  it('carries WebSockets', async () => {
    await using socket = await openSocket(`wss://127.0.0.1:${holdfast.port}/ws`, { rejectUnauthorized: false });
    const big = 'x'.repeat(500_000);
    expect((await socket.ask(big)) === big).toBe(true);
    expect(echo.handshakes.at(-1)?.headers['x-forwarded-proto']).toBe('https');
    socket.ws.close(4000, 'bye');
    expect(await socket.untilClosed()).toEqual({ code: 4000, reason: 'bye' });
  });

  it('carries requests, and the backend learns that they came over TLS', async () => {
    const url = `https://127.0.0.1:${holdfast.port}/page`;
    const answer = await new Promise<Echoed>((resolve, reject) => {
      const sent = request(url, { rejectUnauthorized: false, agent: false }, (response) => {
        readAll(response).then((body) => resolve(JSON.parse(body.toString()) as Echoed), reject);
      });
      sent.on('error', reject);
      sent.end();
    });
    expect(answer.headers['x-forwarded-proto']).toBe('https');
  });

  it.each([
    ['b.test', 'b.test'],
    ['other.test', 'a.test'],
  ])('shows a client that asks for %s the certificate of %s', async (servername, name) => {
    const shown = await handshake(holdfast.port, servername);
    expect(shown.name).toBe(name);
    // Nothing but HTTP/1.1 is agreed on: WebSockets over HTTP/2 would break browsers.
    expect(['http/1.1', false]).toContain(shown.protocol);
  });

  it('ends connections that speak no TLS, and goes on', async () => {
    await using client = await connectRaw(holdfast);
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => expect(client.hasEnded).toBe(true), { withinMs: 15_000 });
    expect(client.received).not.toContain('HTTP/1.1 200');
    expect((await handshake(holdfast.port, 'a.test')).name).toBe('a.test');
  });
});

function handshake(port: number, servername: string): Promise<{ name: string; protocol: string | false | null }> {
  return new Promise((resolve, reject) => {
    const options = {
      port,
      host: '127.0.0.1',
      servername,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
    };
    const socket = connect(options, () => {
      resolve({ name: String(socket.getPeerCertificate().subject.CN), protocol: socket.alpnProtocol });
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
