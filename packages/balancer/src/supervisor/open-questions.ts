/**
 * Questions to workers that wait for their answers: each has a number, a worker that it was put to, and a time after which it
 * counts as not answered. Answers of another worker, and late ones, are ignored.
 */

export interface QuestionTerms {
  readonly workerId: number;
  readonly withinMs: number;
  /** Puts the question under this number; false: the worker cannot be told anything. */
  readonly send: (id: number) => boolean;
}

interface Open<Answer> {
  readonly workerId: number;
  readonly settle: (answer: Answer | undefined) => void;
}

export class OpenQuestions<Answer> {
  readonly #open = new Map<number, Open<Answer>>();
  readonly #maxOpen: number;
  #lastId = 0;

  /** More than `maxOpen` at once count as not answered, without being put. */
  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  /** undefined: no answer, in time or at all. Never rejects. */
  ask({ workerId, withinMs, send }: QuestionTerms): Promise<Answer | undefined> {
    if (this.#open.size >= this.#maxOpen) return Promise.resolve(undefined);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const settle = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#open.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(undefined), withinMs);
      this.#open.set(id, { workerId, settle });
      if (!send(id)) settle(undefined);
    });
  }

  onAnswer(workerId: number, id: number, answer: Answer): void {
    const open = this.#open.get(id);
    if (open?.workerId === workerId) open.settle(answer);
  }

  /** A worker that is gone answers nothing. */
  forget(workerId: number): void {
    for (const open of this.#open.values()) if (open.workerId === workerId) open.settle(undefined);
  }
}
