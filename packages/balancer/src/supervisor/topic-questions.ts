/**
 * Asks one worker about a topic: all of them know the same, since topics are in the shared state. One that does not answer in
 * time, or ends meanwhile, is given up for the next. That cannot publish twice, since every publish has an idempotency key. A worker
 * that answers "unavailable" is believed: the others have the same store.
 *
 * The supervisor could ask its own embedded store directly; then there would be two ways to keep right, and with Redis still
 * only this one.
 */
import type { TopicAnswer, TopicQuestion } from '@holdfast/worker';
import type { Asked } from './metrics-requests.js';
import { OpenQuestions } from './open-questions.js';

/** Longer than a state command may take by default, and several fit into the time that a caller waits. */
const ANSWER_WITHIN_MS = 2000;
const MAX_ATTEMPTS = 3;
const MAX_OPEN = 1000;

export class TopicQuestions {
  readonly #open = new OpenQuestions<TopicAnswer>(MAX_OPEN);
  #turn = 0;

  /** In turn, so that no single worker has all of the operator's work. Never rejects. */
  async ask(workers: readonly Asked[], question: TopicQuestion): Promise<TopicAnswer> {
    const first = this.#turn;
    this.#turn += 1;
    const attempts = Math.min(workers.length, MAX_ATTEMPTS);
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const worker = workers[(first + attempt) % workers.length] as Asked;
      const answer = await this.#askOne(worker, question);
      if (answer !== undefined) return answer;
    }
    return { what: 'unavailable', detail: attempts === 0 ? 'no worker is ready' : `no answer of ${attempts} workers` };
  }

  onAnswer(workerId: number, id: number, answer: TopicAnswer): void {
    this.#open.onAnswer(workerId, id, answer);
  }

  forget(workerId: number): void {
    this.#open.forget(workerId);
  }

  #askOne(worker: Asked, question: TopicQuestion): Promise<TopicAnswer | undefined> {
    const send = (id: number): boolean => worker.send({ type: 'askTopics', id, question });
    return this.#open.ask({ workerId: worker.id, withinMs: ANSWER_WITHIN_MS, send });
  }
}
