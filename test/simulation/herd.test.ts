/**
 * A hundred thousand clients lose their balancer at once. Their schedule and the admission are the product's own; the other
 * schedules are held against it, with what all of them cost the machines that are left.
 */
import { describe, expect, it } from 'vitest';
import { pacingWindowMs } from '../../packages/worker/src/session/pacing.js';
import { type HerdReport, runHerd } from './herd/herd.js';
import { centrifuge, type HerdSchedule, holdfast, phoenix, socketIo } from './herd/schedules.js';

const CLIENTS = 100_000;
const WORKERS = 2;
const PER_SECOND = 1000;
const CAP = WORKERS * PER_SECOND;
const IDEAL_MS = (CLIENTS / CAP) * 1000;
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 1);

/** As the worker that died had told its clients. */
const WINDOW_MS = pacingWindowMs('died', [
  { balancer: 'died', sessions: CLIENTS, admissionPerSecond: PER_SECOND },
  ...Array.from({ length: WORKERS }, () => ({ balancer: 'left', sessions: 0, admissionPerSecond: PER_SECOND })),
]);

function herdOf(schedule: () => HerdSchedule, admission: 'slots' | 'plain'): Promise<HerdReport> {
  return runHerd({ clients: CLIENTS, workers: WORKERS, perSecond: PER_SECOND, schedule, admission, seed: SEED });
}

function print(name: string, report: HerdReport): void {
  const { peakPerSecond, peakPer100Ms, peakInPer100Ms, triesPerClient, p95Ms, lastMs } = report;
  console.log(
    `herd: ${name.padEnd(36)} peak ${String(peakPerSecond).padStart(7)}/s, ${String(peakPer100Ms).padStart(7)} in 100 ms, let in ${peakInPer100Ms} in 100 ms, ` +
      `tries ${triesPerClient.toFixed(2)}, p95 ${(p95Ms / 1000).toFixed(1)} s, last ${(lastMs / 1000).toFixed(1)} s`,
  );
}

describe(`${CLIENTS} clients of a balancer that died, ${CAP} let in per second, ideally in ${IDEAL_MS / 1000} s`, () => {
  it('come back at the rate of admission when they were told how long to take', async () => {
    const told = await herdOf(() => holdfast(WINDOW_MS), 'slots');
    print('holdfast, told its window', told);
    expect(told.peakPerSecond).toBeLessThanOrEqual(CAP);
    expect(told.peakInPer100Ms).toBeLessThanOrEqual((CAP / 10) * 1.15);
    expect(told.triesPerClient).toBeLessThanOrEqual(1.1);
    expect(told.p95Ms).toBeLessThanOrEqual(IDEAL_MS * 1.3);
  });

  it('need no more than one further try when they were told too little, or nothing', async () => {
    for (const share of [0.5, 0]) {
      const report = await herdOf(() => holdfast(WINDOW_MS * share), 'slots');
      print(`holdfast, told ${share * 100} % of it`, report);
      expect(report.peakInPer100Ms).toBeLessThanOrEqual((CAP / 10) * 1.15);
      expect(report.triesPerClient).toBeLessThanOrEqual(2);
      expect(report.p95Ms).toBeLessThanOrEqual(IDEAL_MS * 1.3);
    }
  });

  it.each([
    ['socket.io-client', socketIo],
    ['centrifuge-js', centrifuge],
    ['phoenix', phoenix],
  ])('come in a herd by the schedule of %s', async (name, schedule) => {
    const report = await herdOf(schedule, 'plain');
    print(name, report);
    expect(report.peakPerSecond).toBeGreaterThan(10 * CAP);
    expect(report.triesPerClient).toBeGreaterThan(3);
  });
});
