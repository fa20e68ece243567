/**
 * Everything between a client and its backend dies, again and again, under load; every message is counted at both ends.
 * What is promised: nothing lost, nothing twice, nothing out of order, and nobody closed.
 */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { percentile } from '../support/sessions/session-crowd.js';
import {
  Arena,
  type ArenaOptions,
  CHAOS_TIMES,
  type Engine,
  expectNothingLost,
  hold,
  LOAD_PER_SECOND,
  printAccount,
  QUICK_HEARTBEAT,
} from './arena.js';

const ENGINES: readonly Engine[] = ['embedded', 'redis'];

type Fault = (arena: Arena, turn: number) => Promise<void>;

interface Outcome {
  readonly stallsMs: readonly number[];
  readonly redelivered: number;
  readonly events: Readonly<Record<string, number>>;
}

/** Strikes under load, `CHAOS_TIMES` times, each after a recovery and at a random moment. */
async function strike(name: string, options: ArenaOptions, fault: Fault): Promise<Outcome> {
  const { engine } = options;
  await using arena = await Arena.open(name, options);
  await arena.crowd.send(LOAD_PER_SECOND);
  const stallsMs: number[] = [];
  for (let turn = 0; turn < CHAOS_TIMES; turn += 1) {
    await arena.recovered();
    await arena.randomMoment();
    await arena.crowd.mark();
    await fault(arena, turn);
    stallsMs.push(...(await arena.recovered()).gapsMs);
  }
  const account = await arena.account();
  printAccount(`${name}, ${engine}`, account, stallsMs);
  expectNothingLost(account);
  return { stallsMs, redelivered: account.ledger.redelivered, events: account.report.events };
}

describe.each(ENGINES)('with %s state', (engine) => {
  it('kill -9 of a worker', async () => {
    // More of them than usual: a slot whose worker dies again and again is restarted later and later.
    const { redelivered } = await strike(
      'worker killed',
      { engine, workers: 4 },
      async ({ balancers, random }, turn) => {
        const balancer = balancers[turn % balancers.length]!;
        const victim = random.pick(balancer.workerPids());
        process.kill(victim, 'SIGKILL');
        await eventually(() => expect(balancer.workerPids()).not.toContain(victim));
      },
    );
    hold('redelivered, with no backend crashed', redelivered, 0);
  });

  it('SIGTERM of a backend: handed over, nobody notices', async () => {
    const { stallsMs, redelivered, events } = await strike('backend drained', { engine }, async ({ fleet, random }) => {
      const backend = random.pick(fleet.backends);
      await backend.stop('SIGTERM');
      await backend.start();
    });
    hold('redelivered, with no backend crashed', redelivered, 0);
    hold('connections lost', events['state suspended'] ?? 0, 0);
    hold('stall of a handoff, p99 ms', percentile(stallsMs, 99), 500);
  });

  it('kill -9 of a backend: sockets stay open, rebound within 3 s', async () => {
    const { stallsMs, events } = await strike('backend killed', { engine }, async ({ fleet, random }) => {
      const backend = random.pick(fleet.backends);
      await backend.stop('SIGKILL');
      await backend.start();
    });
    hold('connections lost', events['state suspended'] ?? 0, 0);
    hold('stall of a failover, p99 ms', percentile(stallsMs, 99), 3000);
  });

  it("clients' connections reset", async () => {
    const { redelivered } = await strike('network cut', { engine }, async ({ proxies }, turn) => {
      proxies[turn % proxies.length]!.cutAll();
    });
    hold('redelivered, with no backend crashed', redelivered, 0);
  });

  it("clients' network half-open, then a black hole", async () => {
    const { redelivered } = await strike(
      'network dead',
      { engine, pool: QUICK_HEARTBEAT },
      async ({ proxies, crowd }, turn) => {
        const proxy = proxies[turn % proxies.length]!;
        const { events } = await crowd.report();
        const before = events['state suspended'] ?? 0;
        proxy.setMode({ name: turn % 2 === 0 ? 'halfOpen' : 'blackHole' });
        await eventually(
          async () => {
            expect((await crowd.report()).events['state suspended'] ?? 0).toBeGreaterThan(before);
          },
          { withinMs: 15_000 },
        );
        proxy.setMode({ name: 'pass' });
        // What went into the hole is gone: connections that were in it are dead, whatever they look like.
        proxy.cutAll();
      },
    );
    hold('redelivered, with no backend crashed', redelivered, 0);
  });
});

describe('with two balancers and redis', () => {
  it('kill -9 of a whole balancer', async () => {
    const { redelivered, stallsMs } = await strike('balancer killed', { engine: 'redis' }, async (arena, turn) => {
      // Clients that lose a connection that they just made wait longer and longer, as they should.
      await arena.stable();
      await arena.replaceBalancer(turn % 2);
    });
    hold('redelivered, with no backend crashed', redelivered, 0);
    hold('stall of a resume elsewhere, p99 ms', percentile(stallsMs, 99), 3000);
  });
});
