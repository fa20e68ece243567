/**
 * Two pages in one room, in a real Chromium, at two balancers: each hears everything that either says, and sees who is there, while
 * networks are cut and a balancer is killed.
 */
import type { Browser, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { type RoomStats, serveRoom } from '../support/topics/room-page.js';
import { startTopicApp } from '../support/topics/topic-app.js';
import { topicConfig } from '../support/topics/topic-stage.js';

const PATIENCE = { withinMs: 30_000, everyMs: 50 };

interface Stage extends AsyncDisposable {
  readonly browser: Browser;
  /** The first begins at the first balancer, the second at the second; each may go to the other. */
  readonly pages: readonly [Page, Page];
  readonly balancers: readonly Holdfast[];
  /** Of each page, to either balancer. */
  readonly networks: readonly (readonly TcpProxy[])[];
}

async function openStage(): Promise<Stage> {
  const cleanup = new Cleanup();
  try {
    const app = cleanup.use(await startTopicApp());
    const redis = cleanup.use(await startRedis());
    const config = topicConfig([app.url], { state: redis.url });
    const balancers = [cleanup.use(await startHoldfast(config)), cleanup.use(await startHoldfast(config))];
    const site = cleanup.use(await serveRoom());
    const browser = await startBrowser();
    cleanup.defer(() => browser.close());
    const networks: TcpProxy[][] = [];
    const pages: Page[] = [];
    for (const [i, name] of ['ada', 'bob'].entries()) {
      const proxies = [];
      for (const balancer of balancers) proxies.push(cleanup.use(await startTcpProxy(balancer.port)));
      networks.push(proxies);
      const urls = [proxies[i]!, proxies[1 - i]!].map(({ port }) => `ws://127.0.0.1:${port}/`);
      // A context of its own: what a page keeps for its tab must not be shared.
      const page = await (await browser.newContext()).newPage();
      await page.goto(`${site.url}/?room=room:1&name=${name}&urls=${urls.join(',')}`);
      pages.push(page);
    }
    const stage = { browser, pages: pages as unknown as [Page, Page], balancers, networks };
    await talking(stage);
    return { ...stage, [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose]() };
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}

function statsOf(page: Page): Promise<RoomStats> {
  return page.evaluate('window.stats()');
}

/** Both hear both, beyond what was said when this was asked, and see each other. */
async function talking({ pages }: Pick<Stage, 'pages'>): Promise<void> {
  const [ada, bob] = await Promise.all(pages.map(statsOf));
  await eventually(async () => {
    for (const stats of await Promise.all(pages.map(statsOf))) {
      expect(stats.state).toBe('open');
      expect(stats.heard['ada'] ?? 0).toBeGreaterThan(ada!.said);
      expect(stats.heard['bob'] ?? 0).toBeGreaterThan(bob!.said);
    }
    const ids = (await Promise.all(pages.map(statsOf))).map(({ id }) => id).sort();
    for (const page of pages) expect((await statsOf(page)).present).toEqual(ids);
  }, PATIENCE);
}

/** Both have heard every line to the last. */
async function expectWhole({ pages }: Stage): Promise<readonly RoomStats[]> {
  await talking({ pages });
  for (const page of pages) await page.evaluate('window.stopSpeaking()');
  const all = await eventually(async () => {
    const [ada, bob] = await Promise.all(pages.map(statsOf));
    for (const { heard } of [ada!, bob!]) expect(heard).toEqual({ ada: ada!.said, bob: bob!.said });
    return [ada!, bob!];
  }, PATIENCE);
  for (const { violations, recovered, heard } of all) {
    console.log(`room: ${JSON.stringify({ heard, recovered, violations })}`);
    expect(violations).toEqual([]);
    // Only the first time there was nothing to recover.
    expect(recovered.slice(1)).not.toContain(false);
  }
  return all;
}

describe('two pages in a room, in Chromium', () => {
  it('hear each other, and see each other come and go', async () => {
    await using stage = await openStage();
    const [ada, bob] = stage.pages;
    const { id } = await statsOf(bob);
    await expectWhole(stage);
    await bob.evaluate('window.leave()');
    await eventually(async () => expect((await statsOf(ada)).present).not.toContain(id), PATIENCE);
  });

  it('miss nothing while their networks are cut', async () => {
    await using stage = await openStage();
    const [ada, bob] = stage.pages;
    for (let turn = 0; turn < 3; turn += 1) {
      const network = stage.networks[turn % 2]!;
      const page = turn % 2 === 0 ? ada : bob;
      for (const proxy of network) {
        proxy.setMode({ name: 'refuse' });
        proxy.cutAll();
      }
      await eventually(async () => expect((await statsOf(page)).state).toBe('suspended'), PATIENCE);
      for (const proxy of network) proxy.setMode({ name: 'pass' });
      await talking(stage);
    }
    const all = await expectWhole(stage);
    expect(all[0]!.recovered).toContain(true);
  });

  it('miss nothing when the balancer of one of them is killed', async () => {
    await using stage = await openStage();
    // A client begins with any of its URLs.
    const hers = stage.networks[0]!.findIndex(({ openConnections }) => openConnections > 0);
    await stage.balancers[hers]!.kill9();
    const [ada] = await expectWhole(stage);
    expect(ada!.recovered).toContain(true);
  });
});
