import type { Parked } from '@holdfast/state';
import { describe, expect, it } from 'vitest';
import { restorationOf } from './restoration.js';

const COUNTERS = { handled: 5, received: 6, lastDown: 9, ackedDown: 7 };

function parked(change: Partial<Parked>): Parked {
  return { ...COUNTERS, isComplete: false, state: undefined, generation: 3, ...change };
}

describe('what a record is good for', () => {
  it('nothing, when nothing was kept', () => {
    expect(restorationOf({ parked: undefined, checkpoint: undefined }, 3)).toBeUndefined();
  });

  it('a handoff, when the last owner parked all of it', () => {
    const record = { parked: parked({ isComplete: true, state: 'S' }), checkpoint: { handled: 1, state: 'old' } };
    expect(restorationOf(record, 3)).toEqual({
      cause: 'handoff',
      counters: COUNTERS,
      state: 'S',
      checkpoint: undefined,
    });
  });

  it.each<[string, Partial<Parked>, { handled: number; state: string } | undefined, object | undefined]>([
    ['with the checkpoint alone', {}, { handled: 2, state: 'C' }, { handled: 2, state: 'C' }],
    ['without state, where there is none', {}, undefined, undefined],
    ['not with state of the moment', { state: 'S' }, undefined, undefined],
    [
      'with the state of an older owner who parked all',
      { isComplete: true, state: 'S', generation: 2 },
      undefined,
      { handled: 5, state: 'S' },
    ],
    [
      'with the later of the two',
      { isComplete: true, state: 'S', generation: 2 },
      { handled: 8, state: 'C' },
      { handled: 8, state: 'C' },
    ],
  ])('a failover with the counters, %s', (_, change, checkpoint, expected) => {
    const restoration = restorationOf({ parked: parked(change), checkpoint }, 3);
    expect(restoration).toEqual({ cause: 'failover', counters: COUNTERS, state: undefined, checkpoint: expected });
  });

  it('a failover with a checkpoint, when nothing was ever parked', () => {
    const checkpoint = { handled: 2, state: 'C' };
    const restoration = restorationOf({ parked: undefined, checkpoint }, 3);
    expect(restoration).toMatchObject({ cause: 'failover', counters: undefined, checkpoint });
  });
});
