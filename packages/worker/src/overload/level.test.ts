import { describe, expect, it } from 'vitest';
import { NO_PRESSURE, nextPressure, type PressureSample } from './level.js';

function levelsOf(samples: readonly Partial<PressureSample>[]): number[] {
  let pressure = NO_PRESSURE;
  return samples.map((sample) => {
    pressure = nextPressure(pressure, { memory: 0, lag: 0, ...sample });
    return pressure.level;
  });
}

const times = <T>(count: number, sample: T): T[] => Array.from({ length: count }, () => sample);

describe('the level of overload', () => {
  it.each([
    [0.79, 0],
    [0.8, 1],
    [0.9, 2],
    [0.95, 3],
    [2, 3],
  ])('with %f of the memory used is %i at once', (memory, level) => {
    expect(levelsOf([{ memory }])).toEqual([level]);
  });

  it('follows a lag that lasts, and never beyond refusing new clients', () => {
    expect(levelsOf(times(3, { lag: 1 }))).toEqual([0, 0, 1]);
    expect(levelsOf([{ lag: 50 }, { lag: 0 }, { lag: 50 }, { lag: 50 }])).toEqual([0, 0, 0, 0]);
    expect(levelsOf(times(5, { lag: 50 }))).toEqual([0, 0, 2, 2, 2]);
  });

  it('goes down one by one, when it has been calm for a while', () => {
    expect(levelsOf([{ memory: 0.96 }, ...times(15, { memory: 0.5 })])).toEqual([
      3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0,
    ]);
  });

  it('stays where it is just below where it began', () => {
    expect(levelsOf([{ memory: 0.81 }, ...times(20, { memory: 0.76 })]).at(-1)).toBe(1);
    expect(levelsOf([{ memory: 0.81 }, ...times(20, { memory: 0.74 })]).at(-1)).toBe(0);
  });
});
