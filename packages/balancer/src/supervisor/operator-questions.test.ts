import type { OperatorAnswer, ToWorker } from '@holdfast/worker';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OperatorQuestions } from './operator-questions.js';

const ANSWER: OperatorAnswer = { what: 'trunks', trunks: [] };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('asks all, and leaves out who does not answer within a second', async () => {
  const questions = new OperatorQuestions();
  const [first, second] = [fakeWorker(1), fakeWorker(2)];
  const answers = questions.askAll([first, second], { what: 'trunks' });
  expect(second.asked).toMatchObject([{ type: 'ask', question: { what: 'trunks' } }]);
  questions.onAnswer(1, first.lastId, ANSWER);
  // What another worker says to it is no answer.
  questions.onAnswer(1, second.lastId, ANSWER);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await answers).toEqual([
    { worker: 1, answer: ANSWER },
    { worker: 2, answer: undefined },
  ]);
});

it('takes the first answer for what all know', async () => {
  const questions = new OperatorQuestions();
  const [blocked, well] = [fakeWorker(1), fakeWorker(2)];
  const answer = questions.askAny([blocked, well], { what: 'fleet' });
  questions.onAnswer(2, well.lastId, ANSWER);
  expect(await answer).toBe(ANSWER);
});

it('does not wait for a worker that is gone', async () => {
  const questions = new OperatorQuestions();
  const answer = questions.askAny([fakeWorker(1), fakeWorker(2, false)], { what: 'fleet' });
  questions.forget(1);
  expect(await answer).toBeUndefined();
  expect(await questions.askAny([], { what: 'fleet' })).toBeUndefined();
});

interface FakeWorker {
  readonly id: number;
  readonly asked: ToWorker[];
  readonly lastId: number;
  send(message: ToWorker): boolean;
}

function fakeWorker(id: number, isThere = true): FakeWorker {
  const asked: ToWorker[] = [];
  return {
    id,
    asked,
    get lastId() {
      return (asked.at(-1) as { id: number }).id;
    },
    send(message) {
      asked.push(message);
      return isThere;
    },
  };
}
