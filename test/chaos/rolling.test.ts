/**
 * A deployment of everything, under load: each backend and then each balancer is told to stop and is started again, one
 * after the other, while every client talks. No client may notice: nobody is closed or cut, nothing is lost, twice or late.
 */
import { describe, expect, it } from 'vitest';
import { percentile } from '../support/sessions/session-crowd.js';
import { Arena, type Engine, expectNothingLost, hold, IS_STRICT, LOAD_PER_SECOND, printAccount } from './arena.js';

/** 2,500 messages a second up and as many down, as in faults.test.ts. The full size takes all that two cores have. */
const SIZE = IS_STRICT
  ? { clients: 2000, perSecond: LOAD_PER_SECOND }
  : { clients: 400, perSecond: LOAD_PER_SECOND / 2 };
const DRAIN = { timeout: '12s', window: '6s' };

describe.each<Engine>(['embedded', 'redis'])('a rolling restart with %s state', (engine) => {
  it('of every backend and every balancer is not noticed by any client', async () => {
    // With embedded state a machine that stops has nobody to send its clients to: its workers are replaced instead.
    await using arena = await Arena.open('rolling restart', {
      engine,
      clients: SIZE.clients,
      config: { drain: DRAIN },
    });
    await arena.crowd.send(SIZE.perSecond);
    await arena.stable();
    const stallsMs: number[] = [];
    const step = async (name: string, what: () => Promise<void>): Promise<void> => {
      await arena.crowd.mark();
      await what();
      const { gapsMs } = await arena.recovered();
      stallsMs.push(...gapsMs);
      console.log(`${name}: stall p50 ${percentile(gapsMs, 50)}, p99 ${percentile(gapsMs, 99)} ms`);
    };
    for (const [index, backend] of arena.fleet.backends.entries()) {
      await step(`backend ${index}`, async () => {
        await backend.stop('SIGTERM');
        await backend.start();
      });
    }
    for (let index = 0; index < arena.balancers.length; index += 1) {
      await step(`balancer ${index}`, () =>
        engine === 'redis' ? arena.restartBalancer(index) : arena.replaceWorkers(index),
      );
    }
    const account = await arena.account();
    printAccount(`rolling restart, ${engine}`, account, stallsMs);
    expectNothingLost(account);
    expect(account.report.events['close'] ?? 0).toBe(0);
    expect(account.report.events['state suspended'] ?? 0).toBe(0);
    hold('redelivered, with no backend crashed', account.ledger.redelivered, 0);
    hold('stall, p99 ms', percentile(stallsMs, 99), 250);
  });
});
