/**
 * Asks the workers about their sessions over IPC, and puts their answers together. A worker that does not answer within a
 * second is left out and counted: one blocked worker must not cost the answers of the others.
 */
import type { FromWorker, SessionQuestion, SessionReport } from '@holdfast/worker';
import type { Asked } from './metrics-requests.js';

export interface SessionsFound {
  /** Of all that fit, of which `sessions` may be the first few. */
  readonly count: number;
  readonly sessions: readonly (SessionReport & { readonly worker: number })[];
  /** Workers that did not answer in time. */
  readonly unanswered: number;
}

type Answer = Extract<FromWorker, { type: 'sessions' }>;

interface Open {
  readonly workerId: number;
  readonly settle: (answer: Answer | undefined) => void;
}

const ANSWER_WITHIN_MS = 1000;
const MAX_OPEN = 1000;

export class SessionQuestions {
  readonly #open = new Map<number, Open>();
  #lastId = 0;

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
    const open = this.#open.get(answer.id);
    if (open?.workerId === workerId) open.settle(answer);
  }

  /** A worker that is gone answers nothing. */
  forget(workerId: number): void {
    for (const open of this.#open.values()) if (open.workerId === workerId) open.settle(undefined);
  }

  #askOne(worker: Asked, question: SessionQuestion): Promise<Answer | undefined> {
    if (this.#open.size >= MAX_OPEN) return Promise.resolve(undefined);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const settle = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#open.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(undefined), ANSWER_WITHIN_MS);
      this.#open.set(id, { workerId: worker.id, settle });
      if (!worker.send({ type: 'askSessions', id, question })) settle(undefined);
    });
  }
}
