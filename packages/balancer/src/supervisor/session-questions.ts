/**
 * Asks the workers about their sessions over IPC, and puts their answers together. A worker that does not answer within a
 * second is left out and counted: one blocked worker must not cost the answers of the others.
 */
import type { FromWorker, SessionQuestion, SessionReport } from '@holdfast/worker';
import type { Asked } from './metrics-requests.js';
import { OpenQuestions } from './open-questions.js';

export interface SessionsFound {
  /** Of all that fit, of which `sessions` may be the first few. */
  readonly count: number;
  readonly sessions: readonly (SessionReport & { readonly worker: number })[];
  /** Workers that did not answer in time. */
  readonly unanswered: number;
}

type Answer = Extract<FromWorker, { type: 'sessions' }>;

const ANSWER_WITHIN_MS = 1000;
const MAX_OPEN = 1000;

export class SessionQuestions {
  readonly #open = new OpenQuestions<Answer>(MAX_OPEN);

  async ask(workers: readonly Asked[], question: SessionQuestion): Promise<SessionsFound> {
    const asked = workers.map(async (worker) => ({ worker: worker.id, answer: await this.#askOne(worker, question) }));
    const answers = await Promise.all(asked);
    const sessions = answers.flatMap(({ worker, answer }) => (answer?.sessions ?? []).map((it) => ({ ...it, worker })));
    return {
      count: answers.reduce((sum, { answer }) => sum + (answer?.count ?? 0), 0),
      sessions: question.what === 'list' ? sessions.slice(0, question.limit) : sessions,
      unanswered: answers.filter(({ answer }) => answer === undefined).length,
    };
  }

  onAnswer(workerId: number, answer: Answer): void {
    this.#open.onAnswer(workerId, answer.id, answer);
  }

  /** A worker that is gone answers nothing. */
  forget(workerId: number): void {
    this.#open.forget(workerId);
  }

  #askOne(worker: Asked, question: SessionQuestion): Promise<Answer | undefined> {
    const send = (id: number): boolean => worker.send({ type: 'askSessions', id, question });
    return this.#open.ask({ workerId: worker.id, withinMs: ANSWER_WITHIN_MS, send });
  }
}
