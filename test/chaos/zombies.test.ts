/**
 * Processes that stop and wake up again long after everybody has gone on without them: what they still do must not be seen
 * by anybody.
 */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import {
  Arena,
  CHAOS_TIMES,
  type Engine,
  expectNothingLost,
  hold,
  LOAD_PER_SECOND,
  printAccount,
  QUICK_HEARTBEAT,
} from './arena.js';

const ENGINES: readonly Engine[] = ['embedded', 'redis'];

describe.each(ENGINES)('with %s state', (engine) => {
  it('a worker is stopped, its clients go on elsewhere, and it wakes up', async () => {
    // The supervisor would replace a worker that does not answer: here it must wake up as it was.
    await using arena = await Arena.open('worker zombie', { engine, clients: 200, pool: QUICK_HEARTBEAT });
    const { crowd, balancers, random } = arena;
    await crowd.send(LOAD_PER_SECOND / 2);
    for (let turn = 0; turn < CHAOS_TIMES; turn += 1) {
      await arena.recovered();
      const balancer = balancers[turn % balancers.length]!;
      const victim = random.pick(balancer.workerPids());
      const before = (await crowd.report()).events['state suspended'] ?? 0;
      process.kill(victim, 'SIGSTOP');
      await eventually(
        async () => {
          expect((await crowd.report()).events['state suspended'] ?? 0).toBeGreaterThan(before);
        },
        { withinMs: 20_000 },
      );
      await arena.randomMoment(1500);
      wake(victim);
    }
    const account = await arena.account();
    printAccount(`worker zombie, ${engine}`, account);
    expectNothingLost(account);
    hold('redelivered, with no backend crashed', account.ledger.redelivered, 0);
  });

  it('a backend is stopped, its sessions move, and it wakes up: it delivers nothing twice', async () => {
    await using arena = await Arena.open('backend zombie', { engine, clients: 200, commitEvery: 5 });
    const { crowd, fleet } = arena;
    await crowd.send(LOAD_PER_SECOND / 2);
    for (let turn = 0; turn < CHAOS_TIMES; turn += 1) {
      await arena.recovered();
      // In turn: one that has just come back has no sessions to lose.
      const victim = fleet.backends[turn % fleet.backends.length]!;
      const before = (await crowd.report()).events['rehomed'] ?? 0;
      victim.signal('SIGSTOP');
      await eventually(
        async () => {
          expect((await crowd.report()).events['rehomed'] ?? 0).toBeGreaterThan(before);
        },
        { withinMs: 20_000 },
      );
      await arena.recovered();
      await arena.randomMoment(1500);
      victim.signal('SIGCONT');
    }
    const account = await arena.account();
    printAccount(`backend zombie, ${engine}`, account);
    expectNothingLost(account);
  });
});

function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // Its supervisor has replaced it meanwhile.
  }
}
