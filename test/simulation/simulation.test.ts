/**
 * Seeded schedules over the real code of clients, workers, backends and shared state. Each seed is one history of sends,
 * deaths, pauses, cuts and outages; the invariants of PROTOCOL.md are checked all along. `HOLDFAST_SEED=n SEEDS=1` replays one.
 */
import { describe, expect, it } from 'vitest';
import { runSchedule } from './run.js';
import { type Schedule, scheduleOf } from './schedule.js';
import { shrink } from './shrink.js';

const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? 0);
const SEEDS = Number(process.env['SEEDS'] ?? 5000);
/** One schedule as it was printed, in place of those of the seeds. */
const REPLAYED = process.env['HOLDFAST_SCHEDULE'];
const TRACE_LINES = Number(process.env['TRACE_LINES'] ?? 60);

describe('sessions, simulated', () => {
  it(`keep their invariants over ${SEEDS} schedules`, { timeout: 900_000 }, async () => {
    let steps = 0;
    let count = 0;
    for (const schedule of schedules()) {
      const { violations, trace } = await runSchedule(schedule);
      steps += trace.length;
      count += 1;
      if (violations.length > 0) throw new Error(await story(schedule, violations));
    }
    console.log(`simulation: ${count} schedules from seed ${FIRST_SEED}, ${steps} steps, 0 violations`);
  });

  it('tell the same story of the same seed', async () => {
    for (const seed of [7, 8, 9]) {
      const [once, again] = [await runSchedule(scheduleOf(seed)), await runSchedule(scheduleOf(seed))];
      expect(again.trace.hash).toBe(once.trace.hash);
      expect(again.trace.tail(Infinity)).toEqual(once.trace.tail(Infinity));
    }
  });
});

function* schedules(): Generator<Schedule> {
  if (REPLAYED !== undefined) yield JSON.parse(REPLAYED) as Schedule;
  else for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) yield scheduleOf(seed);
}

async function story(schedule: Schedule, violations: readonly string[]): Promise<string> {
  const smallest = await shrink(schedule);
  return [
    `HOLDFAST_SEED=${schedule.seed} SEEDS=1 finds:`,
    ...violations,
    `The smallest schedule that does, of ${smallest.schedule.faults.length} faults instead of ${schedule.faults.length}:`,
    `HOLDFAST_SCHEDULE='${JSON.stringify(smallest.schedule)}'`,
    ...smallest.violations,
    ...smallest.trace.tail(TRACE_LINES),
  ].join('\n');
}
