/**
 * How long to wait before the next attempt to reach Redis. Every worker of every machine loses a server at the same
 * moment, so half of each delay is random, taken after the cap: a cap on jittered values would bring them into step.
 */
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 2000;

/** `attempt` counts from 1; `random` gives 0 ≤ x < 1. */
export function redialDelayMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 20));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
