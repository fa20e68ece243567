import type { ToWorker, TopicAnswer, TopicQuestion } from '@holdfast/worker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Asked } from './metrics-requests.js';
import { TopicQuestions } from './topic-questions.js';

const QUESTION: TopicQuestion = { what: 'presence', topic: 'a', limit: 1 };
const ANSWER: TopicAnswer = { what: 'presence', members: [], total: 0 };

interface FakeWorker extends Asked {
  readonly ids: number[];
}

function worker(id: number, isReachable = true): FakeWorker {
  const ids: number[] = [];
  const send = (message: ToWorker): boolean => {
    if (message.type === 'askTopics') ids.push(message.id);
    return isReachable;
  };
  return { id, ids, send };
}

describe('questions about topics', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('go to one worker, each to the next', async () => {
    const questions = new TopicQuestions();
    const workers = [worker(1), worker(2)];
    const answers = [questions.ask(workers, QUESTION), questions.ask(workers, QUESTION)];
    expect(workers.map(({ ids }) => ids)).toEqual([[1], [2]]);
    questions.onAnswer(1, 1, ANSWER);
    questions.onAnswer(2, 2, ANSWER);
    expect(await Promise.all(answers)).toEqual([ANSWER, ANSWER]);
  });

  it('go on to another worker when one is gone, unreachable or silent', async () => {
    const questions = new TopicQuestions();
    const workers = [worker(1), worker(2, false), worker(3)];
    const answer = questions.ask(workers, QUESTION);
    questions.forget(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(workers[2]?.ids).toEqual([3]);
    questions.onAnswer(3, 3, ANSWER);
    expect(await answer).toBe(ANSWER);

    const second = questions.ask([workers[2] as FakeWorker, worker(1)], QUESTION);
    await vi.advanceTimersByTimeAsync(2000);
    questions.onAnswer(3, workers[2]?.ids.at(-1) ?? 0, ANSWER);
    expect(await second).toBe(ANSWER);
  });

  it('take no answer of a worker that was not asked', async () => {
    const questions = new TopicQuestions();
    const answer = questions.ask([worker(1)], QUESTION);
    questions.onAnswer(2, 1, ANSWER);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await answer).toEqual({ what: 'unavailable', detail: 'no answer of 1 workers' });
  });

  it('end after three workers, and at once without any', async () => {
    const questions = new TopicQuestions();
    const answer = questions.ask(
      [1, 2, 3, 4].map((id) => worker(id)),
      QUESTION,
    );
    await vi.advanceTimersByTimeAsync(6000);
    expect(await answer).toEqual({ what: 'unavailable', detail: 'no answer of 3 workers' });
    expect(await questions.ask([], QUESTION)).toEqual({ what: 'unavailable', detail: 'no worker is ready' });
  });
});
