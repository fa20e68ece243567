/**
 * When a worker that died is replaced, pure. Delays grow from 100 ms to 10 s, each drawn at random below its bound, so that
 * workers that died together do not start together. A slot that dies more than 10 times in 60 s is out of budget:
 * something is wrong that restarting does not cure, so a person is told and the slot is tried every 30 s only. A
 * worker that listened for 60 s clears the record. Giving a slot up for good was rejected: what kept it from
 * starting (a full disk, a missing file) often passes without anybody touching this process.
 */

export interface RestartRecord {
  /** Deaths within the last minute, oldest first; times of the clock that was passed in. */
  readonly deaths: readonly number[];
  /** Deaths since the record was last clear: what the delay grows with. */
  readonly attempt: number;
  readonly isOverBudget: boolean;
}

export interface RestartDecision {
  readonly record: RestartRecord;
  readonly delayMs: number;
  /** True for the one death that went over the budget, so that it is told once. */
  readonly wentOverBudget: boolean;
}

export interface Death {
  readonly now: number;
  /** How long it had been listening; 0 when it never was. */
  readonly listenedForMs: number;
}

export const RESTART: Readonly<{
  minDelayMs: number;
  maxDelayMs: number;
  budget: number;
  budgetWindowMs: number;
  overBudgetDelayMs: number;
  stableAfterMs: number;
}> = Object.freeze({
  minDelayMs: 100,
  maxDelayMs: 10_000,
  budget: 10,
  budgetWindowMs: 60_000,
  overBudgetDelayMs: 30_000,
  stableAfterMs: 60_000,
});

export const CLEAN_RECORD: RestartRecord = Object.freeze({
  deaths: Object.freeze([]),
  attempt: 0,
  isOverBudget: false,
});

export function afterDeath(record: RestartRecord, death: Death, random: () => number): RestartDecision {
  const before = death.listenedForMs >= RESTART.stableAfterMs ? CLEAN_RECORD : record;
  const deaths = [...before.deaths.filter((at) => at > death.now - RESTART.budgetWindowMs), death.now];
  const isOverBudget = before.isOverBudget || deaths.length > RESTART.budget;
  return {
    record: { deaths, attempt: before.attempt + 1, isOverBudget },
    delayMs: isOverBudget ? RESTART.overBudgetDelayMs : delayMs(before.attempt, random),
    wentOverBudget: isOverBudget && !before.isOverBudget,
  };
}

function delayMs(attempt: number, random: () => number): number {
  const bound = Math.min(RESTART.maxDelayMs, RESTART.minDelayMs * 2 ** (attempt + 1));
  return RESTART.minDelayMs + random() * (bound - RESTART.minDelayMs);
}
