/**
 * kill -9 of a balancer with all the clients: they come to the other one as fast as it lets them in, and no faster, because each
 * was told before how long to take. A fifth of the size where it runs often; HOLDFAST_CHAOS_STRICT=1 takes all 5,000.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { STABLE_AFTER_MS } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { busiest } from '../support/busiest.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { startHoldfast } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { startRedis } from '../support/redis.js';
import { percentile, SessionCrowd } from '../support/sessions/session-crowd.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { hold, sessionsOf } from './arena.js';

const IS_STRICT = process.env['HOLDFAST_CHAOS_STRICT'] === '1';
const SESSIONS = IS_STRICT ? 5000 : 1000;
const CAP = SESSIONS / 5;
const IDEAL_MS = (SESSIONS / CAP) * 1000;
/** Each learns its window by a ping; shorter ones would be late, and take each other for dead, on a machine that is busy. */
const HEARTBEAT_MS = 4000;

describe(`${SESSIONS} sessions of a balancer that is killed, ${CAP} let in per second by the other`, () => {
  it('all resume, each at its first try, at the rate of admission', async () => {
    await using cleanup = new Cleanup();
    const fleet = cleanup.use(await SessionFleet.start(2));
    const redis = cleanup.use(await startRedis());
    const config = {
      ...sessionsOf(fleet.urls, { state: redis.url, workers: 1, pool: { heartbeat: `${HEARTBEAT_MS}ms` } }),
      admission: { perSecond: CAP },
      rebalance: false,
      logs: { level: 'debug', access: false },
    };
    const ports = { port: await freePort(), adminPort: await freePort() };
    const killed = cleanup.use(await startHoldfast(config));
    // The other one begins when all are at the first; until then its address refuses.
    const urls = [killed.wsUrl('/'), `ws://127.0.0.1:${ports.port}/`];
    const crowd = cleanup.use(await SessionCrowd.open({ urls, clients: SESSIONS }));
    const survivor = cleanup.use(await startHoldfast(config, { ports }));
    await eventually(
      async () => {
        const windowSeconds = (await killed.metrics()).sum('holdfast_pacing_window_seconds') ?? 0;
        expect(windowSeconds).toBeCloseTo((IDEAL_MS / 1000) * 1.25, 1);
      },
      { withinMs: 30_000, everyMs: 200 },
    );
    await delay(STABLE_AFTER_MS + HEARTBEAT_MS);

    await crowd.mark();
    const before = await crowd.report();
    const killedAtMs = Date.now();
    await killed.kill9();
    const after = await eventually(
      async () => {
        const report = await crowd.report();
        expect(report.opensAtMs.length).toBeGreaterThanOrEqual(SESSIONS);
        expect(report.open).toBe(SESSIONS);
        return report;
      },
      { withinMs: 60_000, everyMs: 250 },
    );

    const tries = (after.events['state connecting'] ?? 0) - (before.events['state connecting'] ?? 0);
    const resumed = (after.events['resumed'] ?? 0) - (before.events['resumed'] ?? 0);
    const letInAtMs = survivor.log.all('client let in').map(({ time }) => Date.parse(String(time)));
    const tookMs = percentile(since(killedAtMs, after.opensAtMs), 95);
    const letInMs = percentile(since(killedAtMs, letInAtMs), 95);
    const peak = busiest(letInAtMs, 100);
    console.log(
      `herd: ${SESSIONS} sessions, cap ${CAP}/s: ${resumed} resumed, tries per client ${(tries / SESSIONS).toFixed(3)}, ` +
        `busiest 100 ms ${peak} of ${CAP / 10}, p95 ${tookMs} ms (let in ${letInMs} ms, waits of ${percentile(after.waitsMs, 95)} ms) of ideal ${IDEAL_MS}`,
    );
    expect(after.violations).toEqual([]);
    expect(resumed).toBe(SESSIONS);
    expect(letInAtMs.length).toBeLessThanOrEqual(SESSIONS * 1.1);
    hold('let in during the busiest 100 ms', peak, Math.floor((CAP / 10) * 1.15));
    expect(tries / SESSIONS).toBeLessThanOrEqual(1.1);
    hold('p95 of the return of a herd, ms', tookMs, IDEAL_MS * 1.3);
  });
});

function since(beginMs: number, times: readonly number[]): readonly number[] {
  return times.map((at) => at - beginMs);
}
