/**
 * When clients try again: Holdfast's, which is the client's own code, and what three others publish as their defaults. Their
 * formulas are written down here from their sources, so that they run in virtual time and without their packages.
 */
import { ReconnectSchedule } from '@holdfast/protocol';

/** Of one client. Delays in ms. */
export interface HerdSchedule {
  /** After its connection was lost. */
  lost(random: () => number): number;
  /** After a try that came to nothing. `slotMs`: when the server said to come back. */
  failed(random: () => number, slotMs: number | undefined): number;
}

/** @param windowMs that the client heard last; 0: it was never told. */
export function holdfast(windowMs: number): HerdSchedule {
  const schedule = new ReconnectSchedule();
  schedule.windowMs = windowMs;
  schedule.opened(0);
  return {
    lost: (random) => schedule.lost(60_000, random()),
    failed: (random, slotMs) => {
      const delayMs = schedule.failed(random());
      return slotMs ?? delayMs;
    },
  };
}

/** socket.io-client 4: 1 s doubled up to 5 s, ±50 %, capped after the jitter. */
export function socketIo(): HerdSchedule {
  let attempts = 0;
  const next = (random: () => number): number => {
    const ms = 1000 * 2 ** attempts;
    attempts += 1;
    const chance = random();
    const deviation = Math.floor(chance * 0.5 * ms);
    const isShorter = (Math.floor(chance * 10) & 1) === 0;
    return Math.min(5000, isShorter ? ms - deviation : ms + deviation);
  };
  return { lost: next, failed: next };
}

/** centrifuge-js 5: 500 ms and a random part of 500 ms doubled, up to 20 s. */
export function centrifuge(): HerdSchedule {
  let step = 0;
  const next = (random: () => number): number => {
    const range = Math.min(20_000, 500 * 2 ** Math.min(step, 31));
    step += 1;
    return Math.min(20_000, 500 + Math.floor(random() * (range + 1)));
  };
  return { lost: next, failed: next };
}

const PHOENIX_MS = [10, 50, 100, 150, 200, 250, 500, 1000, 2000];

/** phoenix 1.7: a table, without any jitter. */
export function phoenix(): HerdSchedule {
  let tries = 0;
  const next = (): number => PHOENIX_MS[tries++] ?? 5000;
  return { lost: next, failed: next };
}
