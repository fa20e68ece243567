import { describe, expect, it } from 'vitest';
import { CLOSE_ANSWER_MS, ClosingClock } from './closing-clock.js';

const LIMITS = { stallMs: 60_000, totalMs: 600_000 };

describe('ClosingClock', () => {
  it.each([
    ['waits for the answer of one that has everything', [[1000, 0]], 'wait'],
    ['gives up on an answer', [[CLOSE_ANSWER_MS, 0]], 'unanswered'],
    [
      'starts the time for an answer when the last byte is taken',
      [
        [50_000, 0],
        [50_000 + CLOSE_ANSWER_MS - 1, 0],
      ],
      'wait',
    ],
    [
      'ends it that long after the last byte',
      [
        [50_000, 0],
        [50_000 + CLOSE_ANSWER_MS, 0],
      ],
      'unanswered',
    ],
    [
      'waits for one that takes slowly',
      [
        [50_000, 900],
        [100_000, 800],
      ],
      'wait',
    ],
    [
      'gives up on one that takes nothing',
      [
        [59_999, 1000],
        [60_000, 1000],
      ],
      'stuck',
    ],
    ['gives up on one that takes forever', Array.from({ length: 13 }, (_, i) => [i * 50_000, 1000 - i]), 'stuck'],
  ] as const)('%s', (_name, ticks, expected) => {
    const clock = new ClosingClock(LIMITS, 0, expected === 'unanswered' && ticks.length === 1 ? 0 : 1000);
    let verdict;
    for (const [nowMs, bytes] of ticks) verdict = clock.judge(nowMs, bytes);
    expect(verdict).toBe(expected);
  });
});
