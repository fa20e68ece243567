/**
 * Puts an operator's question to the workers over IPC. A worker that does not answer within a second is left out, and whoever asks
 * sees that it is: one blocked worker must not cost the answers of the others. What the answers say together is the
 * admin API's business.
 */
import type { OperatorAnswer, OperatorQuestion } from '@holdfast/worker';
import type { Asked } from './metrics-requests.js';
import { OpenQuestions } from './open-questions.js';

export interface WorkerAnswer {
  readonly worker: number;
  /** undefined: none in time. */
  readonly answer: OperatorAnswer | undefined;
}

const ANSWER_WITHIN_MS = 1000;
const MAX_OPEN = 1000;

export class OperatorQuestions {
  readonly #open = new OpenQuestions<OperatorAnswer>(MAX_OPEN);

  /** One for each worker, in the order of the workers. Never rejects. */
  async askAll(workers: readonly Asked[], question: OperatorQuestion): Promise<readonly WorkerAnswer[]> {
    return Promise.all(workers.map((worker) => this.#askOne(worker, question)));
  }

  /** For what all workers know alike: whichever answers first. undefined: none does. Never rejects. */
  askAny(workers: readonly Asked[], question: OperatorQuestion): Promise<OperatorAnswer | undefined> {
    return new Promise((resolve) => {
      const asked = workers.map(async (worker) => {
        const { answer } = await this.#askOne(worker, question);
        if (answer !== undefined) resolve(answer);
      });
      void Promise.all(asked).then(() => resolve(undefined));
    });
  }

  onAnswer(workerId: number, id: number, answer: OperatorAnswer): void {
    this.#open.onAnswer(workerId, id, answer);
  }

  /** A worker that is gone answers nothing. */
  forget(workerId: number): void {
    this.#open.forget(workerId);
  }

  async #askOne(worker: Asked, question: OperatorQuestion): Promise<WorkerAnswer> {
    const send = (id: number): boolean => worker.send({ type: 'ask', id, question });
    const answer = await this.#open.ask({ workerId: worker.id, withinMs: ANSWER_WITHIN_MS, send });
    return { worker: worker.id, answer };
  }
}
