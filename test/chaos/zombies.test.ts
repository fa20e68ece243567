/**
 * Processes that stop and wake up again long after everybody has gone on without them: what they still do must not be seen
 * by anybody.
 */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { Arena, type Engine, expectNothingLost, LOAD_PER_SECOND, printAccount } from './arena.js';

const TIMES = 10;
const ENGINES: readonly Engine[] = ['embedded', 'redis'];

describe.each(ENGINES)('with %s state', (engine) => {
  it('a worker is stopped, its clients go on elsewhere, and it wakes up', async () => {
    // The supervisor would replace a worker that does not answer: here it must wake up as it was.
    await using arena = await Arena.open('worker zombie', { engine, clients: 200 });
    const { crowd, balancers, random } = arena;
    await crowd.send(LOAD_PER_SECOND / 2);
    for (let turn = 0; turn < TIMES; turn += 1) {
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
    expect(account.ledger.redelivered).toBe(0);
  });

  it('a backend is stopped, its sessions move, and it wakes up: it delivers nothing twice', async () => {
    await using arena = await Arena.open('backend zombie', { engine, clients: 200, commitEvery: 5 });
    const { crowd, fleet, random } = arena;
    await crowd.send(LOAD_PER_SECOND / 2);
    for (let turn = 0; turn < TIMES; turn += 1) {
      await arena.recovered();
      const victim = random.pick(fleet.backends);
      victim.signal('SIGSTOP');
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
