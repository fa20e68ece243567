/**
 * What happens when a balancer with so many clients dies: all of them lose their connection at time 0 and come to the
 * others by their schedule, in virtual time. The others let in what the product's admission lets in. A try that is refused has
 * failed at once: the network costs nothing here, and nobody gives up.
 */
import { Admission } from '../../../packages/worker/src/admission/admission.js';
import { MessageRate } from '../../../packages/worker/src/relay/rate.js';
import { Clock } from '../clock.js';
import { Random } from '../random.js';
import { installTimers } from '../timers.js';
import { busiest } from '../../support/busiest.js';
import type { HerdSchedule } from './schedules.js';

export interface HerdOptions {
  readonly clients: number;
  readonly workers: number;
  /** Of each worker. */
  readonly perSecond: number;
  readonly schedule: () => HerdSchedule;
  /** Holdfast's admission, with its line and its slots; or a token bucket of that rate, and a plain refusal beyond it. */
  readonly admission: 'slots' | 'plain';
  readonly seed: number;
}

export interface HerdReport {
  readonly triesPerClient: number;
  /** Tries in the busiest second and the busiest 100 ms. */
  readonly peakPerSecond: number;
  readonly peakPer100Ms: number;
  /** Let in during the busiest 100 ms. */
  readonly peakInPer100Ms: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly lastMs: number;
}

type Gate = (enter: () => void, refuse: (slotMs: number | undefined) => void) => void;

const LONGEST_MS = 3_600_000;

export async function runHerd(options: HerdOptions): Promise<HerdReport> {
  const clock = new Clock((_owner, error) => {
    throw error;
  });
  const random = new Random(options.seed, 'herd').next;
  const restore = installTimers(clock);
  try {
    return await stampede(options, clock, random);
  } finally {
    restore();
  }
}

async function stampede(options: HerdOptions, clock: Clock, random: () => number): Promise<HerdReport> {
  const gates = Array.from({ length: options.workers }, () => gateOf(options, random));
  const agenda = new Agenda(clock);
  const triesAtMs: number[] = [];
  const inAtMs: number[] = [];
  const knock = (schedule: HerdSchedule): void => {
    triesAtMs.push(clock.nowMs);
    const gate = gates[Math.floor(random() * gates.length)]!;
    gate(
      () => void inAtMs.push(clock.nowMs),
      (slotMs) => agenda.add(schedule.failed(random, slotMs), schedule),
    );
  };
  agenda.onDue = knock;
  for (let i = 0; i < options.clients; i += 1) {
    const schedule = options.schedule();
    agenda.add(schedule.lost(random), schedule);
  }
  await clock.run(LONGEST_MS, () => inAtMs.length === options.clients);
  if (inAtMs.length < options.clients) {
    throw new Error(`herd: expected all ${options.clients} back within an hour, got ${inAtMs.length}`);
  }
  return report(options.clients, triesAtMs, inAtMs);
}

function gateOf({ admission, perSecond }: HerdOptions, random: () => number): Gate {
  if (admission === 'slots') {
    const door = new Admission({ perSecond, fleetPerSecond: 0 }, { random, onRefused: () => undefined });
    return (enter, refuse) => door.ask({ isResume: true, isGone: () => false, enter, refuse });
  }
  const rate = new MessageRate(perSecond, 0);
  return (enter, refuse) => (rate.take(performance.now()) ? enter() : refuse(undefined));
}

/** One step of the clock per millisecond with somebody in it: a herd may take millions of tries. */
class Agenda {
  onDue: (schedule: HerdSchedule) => void = () => undefined;
  readonly #clock: Clock;
  readonly #due = new Map<number, HerdSchedule[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(delayMs: number, schedule: HerdSchedule): void {
    const atMs = Math.ceil(this.#clock.nowMs + delayMs);
    const due = this.#due.get(atMs);
    if (due !== undefined) {
      due.push(schedule);
      return;
    }
    const all = [schedule];
    this.#due.set(atMs, all);
    this.#clock.schedule(this.#clock.nobody, atMs - this.#clock.nowMs, () => {
      this.#due.delete(atMs);
      for (const one of all) this.onDue(one);
    });
  }
}

function report(clients: number, triesAtMs: readonly number[], inAtMs: readonly number[]): HerdReport {
  const at = (share: number): number => inAtMs[Math.ceil(inAtMs.length * share) - 1]!;
  return {
    triesPerClient: triesAtMs.length / clients,
    peakPerSecond: busiest(triesAtMs, 1000),
    peakPer100Ms: busiest(triesAtMs, 100),
    peakInPer100Ms: busiest(inAtMs, 100),
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    lastMs: at(1),
  };
}
