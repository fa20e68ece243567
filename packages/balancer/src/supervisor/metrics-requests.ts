/**
 * Asks workers for their metrics over IPC. One question per worker is open at a time and all who ask meanwhile share
 * its answer, so that an eager scraper cannot fill the channel. A worker that does not answer within a second is left
 * out: one blocked worker must not cost the metrics of the others.
 */
import type { ToWorker } from '@holdfast/worker';

export interface Asked {
  readonly id: number;
  send(message: ToWorker): boolean;
}

interface OpenRequest {
  readonly requestId: number;
  readonly answer: Promise<readonly object[] | undefined>;
  readonly settle: (metrics: readonly object[] | undefined) => void;
}

const ANSWER_WITHIN_MS = 1000;

export class MetricsRequests {
  readonly #open = new Map<number, OpenRequest>();
  #lastId = 0;

  /** undefined: no answer in time. */
  ask(worker: Asked): Promise<readonly object[] | undefined> {
    const open = this.#open.get(worker.id) ?? this.#request(worker);
    return open.answer;
  }

  onAnswer(workerId: number, requestId: number, metrics: readonly object[]): void {
    const open = this.#open.get(workerId);
    if (open?.requestId === requestId) open.settle(metrics);
  }

  /** A worker that is gone answers nothing. */
  forget(workerId: number): void {
    this.#open.get(workerId)?.settle(undefined);
  }

  #request(worker: Asked): OpenRequest {
    this.#lastId += 1;
    const { promise: answer, resolve } = withResolver<readonly object[] | undefined>();
    const timer = setTimeout(() => request.settle(undefined), ANSWER_WITHIN_MS);
    const request: OpenRequest = {
      requestId: this.#lastId,
      answer,
      settle: (metrics) => {
        clearTimeout(timer);
        if (this.#open.get(worker.id) === request) this.#open.delete(worker.id);
        resolve(metrics);
      },
    };
    this.#open.set(worker.id, request);
    if (!worker.send({ type: 'collectMetrics', id: request.requestId })) request.settle(undefined);
    return request;
  }
}

function withResolver<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
