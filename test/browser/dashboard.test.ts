/** The dashboard in a real Chromium: what it shows is true, what its buttons do happens, and nobody else's page can do it. */
import { createServer } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listen } from '../support/backends/listening.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { startBrowser } from '../support/browser.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { backendState } from '../support/gauges.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { openSocket, type TestSocket } from '../support/websocket-client.js';

const TOKEN = 'open-sesame-for-this-test';
const PATIENCE = { withinMs: 30_000, everyMs: 100 };
const cleanup = new Cleanup();
let browser: Browser;
let holdfast: Holdfast;
let guardedUrl: string;
let session: RawSession;
let socket: TestSocket;

beforeAll(async () => {
  const fleet = cleanup.use(await SessionFleet.start(1));
  const echo = cleanup.use(await startEcho());
  const config = {
    routes: [
      { match: { path: '/chat' }, pool: 'chat' },
      { match: { path: '/' }, pool: 'app' },
    ],
    pools: {
      chat: { kind: 'session', backends: [{ id: 's1', url: fleet.urls[0] }], health: false },
      app: { backends: [{ id: 'b1', url: echo.url }], health: false },
    },
  };
  const address = `127.0.0.1:${await freePort()}`;
  guardedUrl = `http://${address}/`;
  holdfast = cleanup.use(await startHoldfast(config));
  cleanup.use(await startHoldfast({ ...config, admin: { address, token: TOKEN } }));
  session = cleanup.use(await RawSession.open(holdfast.wsUrl('/chat')));
  socket = cleanup.use(await openSocket(holdfast.wsUrl('/')));
  browser = await startBrowser();
  cleanup.defer(() => browser.close());
});

afterAll(() => cleanup[Symbol.asyncDispose]());

it('shows what there is, and asks nobody but its balancer', async () => {
  const { page, asked, faults } = await openPage(holdfast.adminUrl());
  await eventually(async () => {
    expect(await textOf(page, '#backends')).toMatch(/chat\s+s1\s+ready[^]*app\s+b1\s+ready/);
    expect(await textOf(page, '#sessions')).toContain(session.welcome?.session);
    expect(await textOf(page, '#connections')).toMatch(/0001-\w+-0000001/);
    expect(await textOf(page, '#fleet')).toContain(`:${holdfast.pid} (this one)`);
    expect(await textOf(page, '#workers')).toContain('listening');
    expect(await textOf(page, '#tiles')).toMatch(/1\s*Sessions\s+1\s*Relayed WebSockets/);
  }, PATIENCE);
  expect(asked.filter((url) => !url.startsWith(holdfast.adminUrl()))).toEqual([]);
  expect(faults).toEqual([]);
  await page.close();
});

it('sets a backend to draining and back', async () => {
  const { page } = await openPage(holdfast.adminUrl());
  const row = page.locator('#backends tbody tr', { hasText: 'b1' });
  await row.getByRole('button', { name: 'draining' }).click();
  await eventually(async () => expect(await backendState(holdfast, 'b1')).toBe('draining'), PATIENCE);
  await eventually(async () => expect(await row.locator('.badge').textContent()).toBe('draining'), PATIENCE);
  await row.getByRole('button', { name: 'ready' }).click();
  await eventually(async () => expect(await backendState(holdfast, 'b1')).toBe('ready'), PATIENCE);
  expect(await backendState(holdfast, 's1')).toBe('ready');
  await page.close();
});

it('kills a session and closes a connection, once it was asked twice', async () => {
  const { page } = await openPage(holdfast.adminUrl());
  await clickTwice(page, '#sessions', () => session.closed !== undefined);
  expect((await session.untilClosed()).code).toBe(1000);
  await eventually(async () => expect(await textOf(page, '#sessions')).toContain('No client'), PATIENCE);
  await clickTwice(page, '#connections', () => !socket.isOpen);
  expect((await socket.untilClosed()).code).toBe(1001);
  await page.close();
});

it('asks for the token, and shows nothing before', async () => {
  const { page, faults } = await openPage(guardedUrl);
  await page.locator('#login').waitFor();
  expect(await page.locator('#main').isVisible()).toBe(false);
  await page.getByLabel('Admin token').fill('another one');
  await page.getByRole('button', { name: 'Open' }).click();
  await eventually(async () => expect(await textOf(page, '#login-error')).toContain('not the one'), PATIENCE);
  await page.getByLabel('Admin token').fill(TOKEN);
  await page.getByRole('button', { name: 'Open' }).click();
  await eventually(async () => expect(await textOf(page, '#backends')).toContain('b1'), PATIENCE);
  expect(page.url()).not.toContain(TOKEN);
  expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')).not.toContain(TOKEN);
  // Refusals of the token are what the browser tells of by itself.
  expect(faults.filter((fault) => !fault.includes('401'))).toEqual([]);
  await page.close();
});

it('is not what a page of another site can use, whether by scripts, by forms or in a frame', async () => {
  const drain = holdfast.adminUrl('/v1/drain');
  const html = `<form method="post" action="${drain}"><button>go</button></form>
    <iframe src="${holdfast.adminUrl('/')}"></iframe>`;
  const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html));
  await using site = await listen(server);
  const { page } = await openPage(site.url);
  const results = await page.evaluate(`Promise.all([
    fetch('${drain}', { method: 'POST', mode: 'no-cors' }),
    fetch('${drain}', { method: 'POST', headers: { 'content-type': 'application/json' } }),
    fetch('${holdfast.adminUrl('/v1/status')}'),
  ].map((it) => it.then((response) => response.type, () => 'refused')))`);
  expect(results).toEqual(['opaque', 'refused', 'refused']);
  const frame = page.frames().find((it) => it !== page.mainFrame());
  expect(await frame?.locator('#main').count()).toBe(0);
  await Promise.all([page.waitForURL(drain), page.getByRole('button', { name: 'go' }).click()]);
  expect(await textOf(page, 'body')).toContain('FORBIDDEN_ORIGIN');
  expect((await holdfast.admin('/readyz')).body).toMatchObject({ status: 'ready' });
  await page.close();
});

interface OpenPage {
  readonly page: Page;
  /** Of every request. */
  readonly asked: string[];
  /** What the console says. */
  readonly faults: string[];
}

async function openPage(url: string): Promise<OpenPage> {
  const page = await (await browser.newContext()).newPage();
  const asked: string[] = [];
  const faults: string[] = [];
  page.on('request', (request) => void asked.push(request.url()));
  page.on('console', (message) => message.type() === 'error' && void faults.push(message.text()));
  page.on('pageerror', (error) => void faults.push(error.message));
  await page.goto(url);
  return { page, asked, faults };
}

/** The first click does nothing yet. On a busy machine the second may come too late, and is then another first one. */
async function clickTwice(page: Page, table: string, isDone: () => boolean): Promise<void> {
  const button = page.locator(`${table} tbody button`).first();
  await button.click();
  expect(isDone()).toBe(false);
  await eventually(async () => {
    if (!isDone()) await button.click({ timeout: 1000 });
    expect(isDone()).toBe(true);
  }, PATIENCE);
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).innerText({ timeout: 10_000 })).replaceAll('\t', ' ');
}
