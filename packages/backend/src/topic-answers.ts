/** What becomes of a question about topics: the answer's fields, or the error that its caller is given. */
import { type Answer, type Body, ProtocolError } from '@holdfast/protocol';
import { BackendError } from './errors.js';

export type TopicQuestion = 'publish' | 'history' | 'presence';

/** An answer that is none is a value like a failed one: its trunk goes on. */
export function readAnswer<T>(
  who: TopicQuestion,
  answer: Answer & { readonly ok: true },
  read: (body: Body) => T,
): T | BackendError {
  try {
    return read(answer.body);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const message = `${who}: expected an answer of a worker, got one that cannot be read: ${cause.message}`;
    return new BackendError('BACKEND_TOPIC_REFUSED', message, { cause });
  }
}

export function failureOf(who: TopicQuestion, { error, retryable }: Answer & { readonly ok: false }): BackendError {
  if (error === 'tooMany') return tooMany(who, 'as many as a trunk takes');
  if (error === 'lost') return noAnswer(who, 'its worker was lost');
  if (error === 'timeout') return noAnswer(who, 'nothing came within 5 s');
  const message = `${who}: expected the worker to do it, it answered ${JSON.stringify(error.slice(0, 100))}`;
  const code = retryable ? 'BACKEND_TOPIC_UNAVAILABLE' : 'BACKEND_TOPIC_REFUSED';
  return new BackendError(code, message, { retryable });
}

export function noAnswer(who: TopicQuestion, got: string): BackendError {
  const message = `${who}: expected an answer, ${got}; nobody knows whether it took effect`;
  return new BackendError('BACKEND_NO_ANSWER', message, { retryable: true });
}

export function noWorker(who: TopicQuestion): BackendError {
  const message = `${who}: expected a worker to be connected, there is none; nothing was asked`;
  return new BackendError('BACKEND_NO_WORKER', message, { retryable: true });
}

export function tooMany(who: TopicQuestion, got: string): BackendError {
  const message = `${who}: expected room for another question, ${got} wait for an answer; nothing was asked`;
  return new BackendError('BACKEND_BUSY', message, { retryable: true });
}

export function closed(who: TopicQuestion): BackendError {
  return new BackendError('BACKEND_CLOSED', `${who}: expected a backend, got one that is closed`);
}
