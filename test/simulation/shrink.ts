/**
 * The smallest schedule that still breaks the same invariant: faults are dropped one at a time, then clients, then whatever
 * else makes a history hard to read, for as long as that helps. Each try is a whole run, bounded by `MAX_RUNS`; how strictly the
 * schedule is judged stays as it was, so that a few faults fewer do not make a violation of what was allowed before.
 */
import { type Outcome, runSchedule } from './run.js';
import type { Schedule } from './schedule.js';

const MAX_RUNS = 200;

/** Answers the outcome of `schedule` itself when nothing can be left out, or nothing was broken. */
export async function shrink(schedule: Schedule): Promise<Outcome> {
  let smallest = await runSchedule(schedule);
  if (smallest.violations.length === 0) return smallest;
  let runs = 1;
  for (let tries = simpler(schedule); runs < MAX_RUNS; runs += 1) {
    const next = tries.shift();
    if (next === undefined) break;
    const outcome = await runSchedule(next);
    if (invariantOf(outcome) !== invariantOf(smallest)) continue;
    smallest = outcome;
    tries = simpler(next);
  }
  return smallest;
}

/** What is left of a schedule by one step, the largest steps first. */
function simpler(schedule: Schedule): Schedule[] {
  const { faults, clients } = schedule;
  const fewerFaults = faults.map((fault) => ({ ...schedule, faults: faults.filter((other) => other !== fault) }));
  const fewerClients = clients > 1 ? [{ ...schedule, clients: clients - 1, faults: faults.filter(concerns) }] : [];
  const calmer: Schedule[] = [
    { ...schedule, slowHandlers: 0 },
    { ...schedule, acknowledge: 'handled' },
    { ...schedule, windowMs: 120_000 },
    { ...schedule, rate: 2 },
  ];
  const changes = calmer.filter((one) => JSON.stringify(one) !== JSON.stringify(schedule));
  return [...fewerFaults, ...fewerClients, ...changes];

  function concerns(fault: Schedule['faults'][number]): boolean {
    return !('client' in fault) || fault.client < clients - 1;
  }
}

function invariantOf({ violations }: Outcome): string | undefined {
  return violations[0]?.split(':', 1)[0];
}
