/**
 * The client SDK in a real Chromium: the page sends and checks all the time, while what it is connected to is killed, its
 * network goes and comes, and its tab is frozen. It must lose and repeat nothing.
 */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { sessionsOf } from '../chaos/arena.js';
import { startBrowser } from '../support/browser.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { type PageStats, servePage } from '../support/sessions/page.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

const PATIENCE = { withinMs: 30_000, everyMs: 50 };

interface Stage extends AsyncDisposable {
  readonly page: Page;
  readonly fleet: SessionFleet;
  readonly balancers: readonly Holdfast[];
  readonly proxies: readonly TcpProxy[];
}

async function openStage(): Promise<Stage> {
  const cleanup = new Cleanup();
  try {
    const fleet = cleanup.use(await SessionFleet.start(2, { pushEveryMs: 50 }));
    const redis = cleanup.use(await startRedis());
    const config = sessionsOf(fleet.urls, { state: redis.url, workers: 2 });
    const balancers: Holdfast[] = [];
    const proxies: TcpProxy[] = [];
    for (let i = 0; i < 2; i += 1) {
      const balancer = cleanup.use(await startHoldfast(config));
      balancers.push(balancer);
      proxies.push(cleanup.use(await startTcpProxy(balancer.port)));
    }
    const site = cleanup.use(await servePage());
    const browser = await startBrowser();
    cleanup.defer(() => browser.close());
    const page = await browser.newPage();
    await page.goto(`${site.url}/?urls=${proxies.map(({ port }) => `ws://127.0.0.1:${port}/`).join(',')}`);
    await talking(page);
    return { page, fleet, balancers, proxies, [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose]() };
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}

function statsOf(page: Page): Promise<PageStats> {
  return page.evaluate('window.stats()');
}

/** Everything that was sent before this was asked has its answer, and more. */
async function talking(page: Page): Promise<void> {
  const { sent } = await statsOf(page);
  await eventually(async () => {
    const { state, echoed } = await statsOf(page);
    if (state !== 'open' || echoed <= sent)
      throw new Error(`page: expected open and more than ${sent} answers, got ${state} and ${echoed}`);
  }, PATIENCE);
}

async function expectWhole(page: Page): Promise<PageStats> {
  await talking(page);
  await page.evaluate('window.stopSending()');
  const stats = await eventually(async () => {
    const now = await statsOf(page);
    if (now.echoed !== now.sent) throw new Error(`page: expected ${now.sent} answers, got ${now.echoed}`);
    return now;
  }, PATIENCE);
  console.log(`page: ${JSON.stringify({ ...stats, events: stats.events.join(' ') })}`);
  expect(stats.violations).toEqual([]);
  expect(stats.events).not.toContain('reset');
  expect(stats.events).not.toContain('close');
  return stats;
}

/** The balancer that the page is connected to. */
function balancerOf({ balancers, proxies }: Stage): { balancer: Holdfast; proxy: TcpProxy } {
  const index = proxies.findIndex(({ openConnections }) => openConnections > 0);
  return { balancer: balancers[index]!, proxy: proxies[index]! };
}

describe('in Chromium', () => {
  it('a backend is killed: the connection stays', async () => {
    await using stage = await openStage();
    for (const backend of stage.fleet.backends) {
      await backend.stop('SIGKILL');
      await talking(stage.page);
      await backend.start();
    }
    const { events } = await expectWhole(stage.page);
    expect(events).toContain('rehomed');
    expect(events).not.toContain('suspended');
  });

  it('its balancer is killed: resumed on the other', async () => {
    await using stage = await openStage();
    await balancerOf(stage).balancer.kill9();
    const { events } = await expectWhole(stage.page);
    expect(events).toContain('resumed');
  });

  it('goes offline and online again', async () => {
    await using stage = await openStage();
    const { page, proxies } = stage;
    for (let turn = 0; turn < 3; turn += 1) {
      await page.context().setOffline(true);
      for (const proxy of proxies) {
        proxy.setMode({ name: 'refuse' });
        proxy.cutAll();
      }
      await eventually(async () => expect((await statsOf(page)).state).toBe('suspended'), PATIENCE);
      for (const proxy of proxies) proxy.setMode({ name: 'pass' });
      await page.context().setOffline(false);
      await talking(page);
    }
    expect((await expectWhole(page)).events).toContain('resumed');
  });

  it('its tab is frozen while its connection dies, and thawed', async () => {
    await using stage = await openStage();
    const { page } = stage;
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    balancerOf(stage).proxy.cutAll();
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    await expectWhole(page);
  });
});
