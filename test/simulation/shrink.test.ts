import { Outbox } from '@holdfast/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runSchedule } from './run.js';
import type { Schedule } from './schedule.js';
import { shrink } from './shrink.js';

const RECONNECT = { kind: 'reconnectClient', atMs: 1500, client: 0 } as const;
const SCHEDULE: Schedule = {
  seed: 1,
  story: undefined,
  isMild: false,
  clients: 3,
  rate: 8,
  windowMs: 120_000,
  acknowledge: 'handled',
  slowHandlers: 0.3,
  faults: [
    { kind: 'slowNetwork', atMs: 700, delayMs: 100, forMs: 3000 },
    { kind: 'pauseClient', atMs: 800, client: 2, forMs: 200 },
    RECONNECT,
    { kind: 'cutTrunk', atMs: 1600, worker: 1, backend: 1, how: 'reset' },
  ],
};

describe('shrinking', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('leaves what a violation takes, judged as it was', async () => {
    vi.spyOn(Outbox.prototype, 'rewind').mockImplementation(() => undefined);
    const whole = await runSchedule(SCHEDULE);
    const { schedule, violations } = await shrink(SCHEDULE);
    expect(violations[0]?.slice(0, 2)).toBe(whole.violations[0]?.slice(0, 2));
    expect(schedule.faults.length).toBeLessThan(SCHEDULE.faults.length);
    expect(schedule).toMatchObject({ seed: 1, isMild: false });
    for (const fault of schedule.faults) {
      const { violations: without } = await runSchedule({
        ...schedule,
        faults: schedule.faults.filter((other) => other !== fault),
      });
      expect(without[0]?.slice(0, 2)).not.toBe(violations[0]?.slice(0, 2));
    }
  });

  it('answers a schedule that breaks nothing as it is', async () => {
    expect(await shrink({ ...SCHEDULE, faults: [RECONNECT] })).toMatchObject({
      schedule: { faults: [RECONNECT] },
      violations: [],
    });
  });
});
