/**
 * Seeded schedules over the real code of clients, workers, backends and shared state. Each seed is one history of sends,
 * deaths, pauses, cuts and outages; the invariants of PROTOCOL.md are checked all along. `HOLDFAST_SEED=n SEEDS=1` replays one.
 */
import { describe, expect, it } from 'vitest';
import { runSchedule } from './run.js';
import { scheduleOf } from './schedule.js';

const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? 0);
const SEEDS = Number(process.env['SEEDS'] ?? 1000);
const TRACE_LINES = 60;

describe('sessions, simulated', () => {
  it(`keep their invariants over ${SEEDS} schedules`, { timeout: 600_000 }, async () => {
    let steps = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const { violations, trace, schedule } = await runSchedule(scheduleOf(seed));
      steps += trace.length;
      if (violations.length === 0) continue;
      const story = [`HOLDFAST_SEED=${seed}`, JSON.stringify(schedule.faults), ...trace.tail(TRACE_LINES)];
      throw new Error(`${violations.join('\n')}\n${story.join('\n')}`);
    }
    console.log(`simulation: ${SEEDS} schedules from seed ${FIRST_SEED}, ${steps} steps, 0 violations`);
  });

  it('tell the same story of the same seed', async () => {
    const [once, again] = [await runSchedule(scheduleOf(7)), await runSchedule(scheduleOf(7))];
    expect(again.trace.tail(Infinity)).toEqual(once.trace.tail(Infinity));
  });
});
