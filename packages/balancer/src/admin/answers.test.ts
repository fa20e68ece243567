import { describe, expect, it } from 'vitest';
import type { WorkerAnswer } from '../supervisor/operator-questions.js';
import { answersTo, mergeFound } from './answers.js';
import { listBackends } from './backend-list.js';
import { StillDirectory } from '../supervisor/testing/stage.js';

describe('a list of several workers', () => {
  it('is in the order of ids, and says what comes next', () => {
    const answers = [found(1, ['b', 'd'], { count: 4, hasMore: true }), found(2, ['a', 'c'])];
    expect(merged(answers, 3)).toEqual({
      count: 6,
      reports: [
        { id: 'a', worker: 2 },
        { id: 'b', worker: 1 },
        { id: 'c', worker: 2 },
      ],
      next: 'c',
      unanswered: 0,
    });
  });

  it('ends where nobody has more', () => {
    expect(merged([found(1, ['a']), found(2, [])], 3)).toMatchObject({ count: 1, next: null });
    expect(merged([found(1, []), found(2, [])], 3)).toMatchObject({ count: 0, reports: [], next: null });
  });

  it('says how many workers are missing', () => {
    const answers: WorkerAnswer[] = [
      found(1, ['a']),
      { worker: 2, answer: undefined },
      { worker: 3, answer: { what: 'trunks', trunks: [] } },
    ];
    expect(merged(answers, 3)).toMatchObject({ count: 1, unanswered: 2 });
  });
});

describe('the list of backends', () => {
  const [backend] = new StillDirectory().backends;
  const status = { ...backend!, load: 3 };
  const trunk = { pool: 'web', backend: 'a', state: 'ready' as const, sessions: 2, bufferedBytes: 0, losses: 1 };

  it('has the trunks of all workers, and the worst round trip', () => {
    const answers: WorkerAnswer[] = [
      { worker: 1, answer: { what: 'trunks', trunks: [{ ...trunk, rttMs: 1.5 }] } },
      { worker: 2, answer: { what: 'trunks', trunks: [{ ...trunk, rttMs: 80, state: 'lost' }] } },
      { worker: 3, answer: { what: 'trunks', trunks: [{ ...trunk, rttMs: null, backend: 'other' }] } },
      { worker: 4, answer: undefined },
    ];
    const { backends, unanswered } = listBackends([status], answers);
    expect(unanswered).toBe(1);
    expect(backends).toMatchObject([{ id: 'a', load: 3, sessions: 4, trunk: { ready: 1, of: 2, rttMs: 80 } }]);
    expect(backends[0]?.trunks.map(({ worker }) => worker)).toEqual([1, 2]);
  });

  it('has none of a pool that relays', () => {
    expect(listBackends([status], [])).toMatchObject({ backends: [{ sessions: null, trunk: null, trunks: [] }] });
  });
});

function merged(answers: readonly WorkerAnswer[], limit: number): object {
  return mergeFound(answersTo(answers, 'connections'), { limit, asked: answers.length });
}

function found(worker: number, ids: readonly string[], more: object = {}): WorkerAnswer {
  const reports = ids.map((id) => ({ id }));
  const list = { count: ids.length, reports, hasMore: false, ...more };
  return { worker, answer: { what: 'connections', found: list } as unknown as NonNullable<WorkerAnswer['answer']> };
}
