/**
 * One run of a schedule: clients talk, faults strike, then everything heals and there is time for all that was accepted to
 * arrive. The account (ledger.ts) is checked as it is kept, and once more at the end.
 */
import { arm, endOf, healAll } from './faults.js';
import type { Schedule } from './schedule.js';
import { installTimers } from './timers.js';
import type { Trace } from './trace.js';
import { World } from './world.js';

export interface Outcome {
  readonly schedule: Schedule;
  readonly violations: readonly string[];
  readonly trace: Trace;
  /** Virtual time that it took. */
  readonly tookMs: number;
}

/** Clients go on talking for so long after the last trouble. */
const TALK_ON_MS = 1000;
/** Longest time until all is well again: beyond every timeout and backoff of the product. */
const RECOVERY_MS = 300_000;
/** Late words of those that were given up, and the end of a drain, come within twice that. */
const AFTERMATH_MS = 4000;
/** After the restarts. */
const FAREWELL_MS = 500;
const LOOK_EVERY_MS = 250;

export async function runSchedule(schedule: Schedule): Promise<Outcome> {
  const rejections: unknown[] = [];
  const restore = takeOverRejections((reason) => rejections.push(reason));
  const world = new World(schedule);
  const restoreTimers = installTimers(world.clock);
  try {
    await perform(world);
  } finally {
    restoreTimers();
    // Node tells of unhandled rejections when its queues are empty.
    await new Promise((resolve) => setImmediate(resolve));
    restore();
  }
  for (const reason of rejections) world.ledger.broke('crash', 'unhandled rejection', String(reason));
  return { schedule, violations: world.ledger.violations, trace: world.trace, tookMs: world.clock.nowMs };
}

async function perform(world: World): Promise<void> {
  const { clock, ledger, schedule } = world;
  const isBroken = (): boolean => ledger.violations.length > 0;
  for (const fault of schedule.faults) arm(world, fault);
  await clock.run(Math.max(0, ...schedule.faults.map(endOf)) + TALK_ON_MS, isBroken);
  world.isTalking = false;
  await clock.run(clock.nowMs + TALK_ON_MS, isBroken);
  world.note('fault', 'heals');
  healAll(world);
  for (const actor of [...world.clients, ...world.backends])
    clock.schedule(actor.process, FAREWELL_MS, () => actor.farewell());
  // Twice: a drain that began before may end in the aftermath.
  for (let round = 1; round <= 2; round += 1) {
    await settle(world, isBroken);
    if (!isBroken()) await clock.run(clock.nowMs + AFTERMATH_MS, isBroken);
  }
  await settle(world, isBroken);
  if (!isBroken()) checkEnd(world);
}

async function settle(world: World, isBroken: () => boolean): Promise<void> {
  const { clock } = world;
  const endMs = clock.nowMs + RECOVERY_MS;
  while (!isBroken() && !isSettled(world) && clock.nowMs < endMs) {
    await clock.run(clock.nowMs + LOOK_EVERY_MS, isBroken);
  }
}

function isSettled({ clients, ledger }: World): boolean {
  return clients.every((client) => client.isOver || (client.isOpen && ledger.isSettled(client.name)));
}

function checkEnd({ clients, ledger }: World): void {
  for (const client of clients) {
    if (!client.isOpen && !client.isOver)
      ledger.broke('recovery', client.name, `is not connected after ${RECOVERY_MS} ms`);
  }
  ledger.checkEnd();
}

/** The test runner's own listeners would take a mutant's rejection for a failure of the run. */
function takeOverRejections(onRejection: (reason: unknown) => void): () => void {
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onRejection);
  return () => {
    process.off('unhandledRejection', onRejection);
    for (const listener of listeners) process.on('unhandledRejection', listener);
  };
}
