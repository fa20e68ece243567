/**
 * Asks workers for their metrics over IPC. One question of a kind per worker is open at a time and all who ask meanwhile share
 * its answer, so that an eager scraper cannot fill the channel. A worker that does not answer within a second is left
 * out: one blocked worker must not cost the metrics of the others.
 */
import type { MetricsAsked, ToWorker } from '@holdfast/worker';

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
  readonly #open: Readonly<Record<MetricsAsked, Map<number, OpenRequest>>> = { all: new Map(), counts: new Map() };
  #lastId = 0;

  /** undefined: no answer in time. */
  ask(worker: Asked, asked: MetricsAsked): Promise<readonly object[] | undefined> {
    const open = this.#open[asked].get(worker.id) ?? this.#request(worker, asked);
    return open.answer;
  }

  onAnswer(workerId: number, requestId: number, metrics: readonly object[]): void {
    for (const { requestId: id, settle } of this.#openFor(workerId)) if (id === requestId) settle(metrics);
  }

  /** A worker that is gone answers nothing. */
  forget(workerId: number): void {
    for (const { settle } of this.#openFor(workerId)) settle(undefined);
  }

  #openFor(workerId: number): readonly OpenRequest[] {
    const { all, counts } = this.#open;
    return [all.get(workerId), counts.get(workerId)].filter((open) => open !== undefined);
  }

  #request(worker: Asked, asked: MetricsAsked): OpenRequest {
    const open = this.#open[asked];
    this.#lastId += 1;
    const { promise: answer, resolve } = withResolver<readonly object[] | undefined>();
    const timer = setTimeout(() => request.settle(undefined), ANSWER_WITHIN_MS);
    const request: OpenRequest = {
      requestId: this.#lastId,
      answer,
      settle: (metrics) => {
        clearTimeout(timer);
        if (open.get(worker.id) === request) open.delete(worker.id);
        resolve(metrics);
      },
    };
    open.set(worker.id, request);
    if (!worker.send({ type: 'collectMetrics', id: request.requestId, asked })) request.settle(undefined);
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
