/**
 * What the answers of the workers say together: one list out of theirs, the one that knows out of many that do not. Pure. An answer
 * to something else than was asked counts as none.
 */
import type { Found, OperatorAnswer } from '@holdfast/worker';
import type { WorkerAnswer } from '../supervisor/operator-questions.js';

export type AnswerTo<What extends OperatorAnswer['what']> = Extract<OperatorAnswer, { what: What }>;

interface FromWorker<Answer> {
  readonly worker: number;
  readonly answer: Answer;
}

/** One page of a list. */
export interface Listed<Report> {
  /** Of all that the filter lets through, on whatever page. */
  readonly count: number;
  readonly reports: readonly (Report & { readonly worker: number })[];
  /** What to ask for `after` to see the next page; null: this is the last. */
  readonly next: string | null;
  /** Workers that did not answer in time: what they have is missing. */
  readonly unanswered: number;
}

export function answersTo<What extends OperatorAnswer['what']>(
  answers: readonly WorkerAnswer[],
  what: What,
): readonly FromWorker<AnswerTo<What>>[] {
  return answers.flatMap(({ worker, answer }) => (isAnswerTo(answer, what) ? [{ worker, answer }] : []));
}

export function isAnswerTo<What extends OperatorAnswer['what']>(
  answer: OperatorAnswer | undefined,
  what: What,
): answer is AnswerTo<What> {
  return answer?.what === what;
}

/** Pages are in the order of ids, over all workers. */
export function mergeFound<Report extends { readonly id: string }>(
  parts: readonly FromWorker<{ readonly found: Found<Report> }>[],
  { limit, asked }: { readonly limit: number; readonly asked: number },
): Listed<Report> {
  const all = parts.flatMap(({ worker, answer }) => answer.found.reports.map((report) => ({ ...report, worker })));
  all.sort((a, b) => (a.id < b.id ? -1 : 1));
  const reports = all.slice(0, limit);
  const hasMore = all.length > limit || parts.some(({ answer }) => answer.found.hasMore);
  return {
    count: parts.reduce((sum, { answer }) => sum + answer.found.count, 0),
    reports,
    next: hasMore ? (reports.at(-1)?.id ?? null) : null,
    unanswered: asked - parts.length,
  };
}
