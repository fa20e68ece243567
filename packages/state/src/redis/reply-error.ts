/**
 * Turns what ioredis rejects with into a StateError, and tells apart what it says about the link. ioredis has no codes
 * for its own errors, so the message decides for the time-out; error replies are `ReplyError` with the server's words.
 */
import { ReplyError } from 'ioredis';
import { StateError } from '../errors.js';
import type { LinkEvent } from './link-state.js';

export type RedisFailure =
  | { readonly kind: 'timeout' }
  /** The server answered with an error: LOADING, READONLY, BUSY, OOM, NOPERM, WRONGTYPE … */
  | { readonly kind: 'reply'; readonly reply: string }
  | { readonly kind: 'connection'; readonly message: string };

const COMMAND_TIMED_OUT = 'Command timed out';
const MAX_REPLY_LENGTH = 200;

export function classifyRedisError(error: unknown): RedisFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (message === COMMAND_TIMED_OUT) return { kind: 'timeout' };
  if (error instanceof (ReplyError as new () => Error))
    return { kind: 'reply', reply: message.slice(0, MAX_REPLY_LENGTH) };
  return { kind: 'connection', message: message.slice(0, MAX_REPLY_LENGTH) };
}

/**
 * For commands that need more than the link's probe has shown to be there (INFO, channels, several keys of a slot that moves):
 * what only they are refused is no news of the link, which others need. Older servers put the word into a sentence.
 */
export function isOfServer(error: unknown): boolean {
  const failure = classifyRedisError(error);
  return failure.kind !== 'reply' || OF_SERVER.test(failure.reply);
}

const OF_SERVER = /\b(?:LOADING|READONLY|BUSY|MASTERDOWN|NOAUTH|OOM|MISCONF|NOREPLICAS|CLUSTERDOWN)\b/;

/** Why no connection came about, for people. */
export function reasonOfFailedDial(error: Error): string {
  const failure = classifyRedisError(error);
  if (failure.kind === 'timeout') return 'connected, but the handshake was not answered in time';
  if (failure.kind === 'reply')
    return `the server refused the connection: ${failure.reply}; check user, password and database`;
  // A dial that tried several addresses fails with an AggregateError, which has a code but no message.
  if (failure.message === '') return (error as NodeJS.ErrnoException).code ?? 'connection failed';
  // Retrying is left to the link, which ioredis does not know.
  return failure.message.replace(' and retry is disabled', '');
}

/** A WRONGTYPE concerns one key; every other refusal concerns the server, and so all commands that would follow. */
export function linkEventOf(failure: RedisFailure, timeoutMs: number): LinkEvent | undefined {
  if (failure.kind === 'timeout') return { type: 'timedOut', waitedMs: timeoutMs };
  if (failure.kind === 'reply' && !isWrongType(failure.reply)) return { type: 'refused', reply: failure.reply };
  // The connection's own events tell what happens to it.
  return undefined;
}

export function toStateError(
  failure: RedisFailure,
  context: { operation: string; who: string; timeoutMs: number },
): StateError {
  const { operation, who, timeoutMs } = context;
  if (failure.kind === 'timeout') {
    return new StateError(
      'STATE_TIMEOUT',
      `${operation}: expected ${who} to answer within ${timeoutMs} ms, got nothing`,
    );
  }
  if (failure.kind === 'connection') {
    return new StateError('STATE_UNAVAILABLE', `${operation}: expected ${who} to answer, got: ${failure.message}`);
  }
  if (isWrongType(failure.reply)) {
    const advice = 'another program uses this prefix: choose another one';
    return new StateError(
      'STATE_INVALID_VALUE',
      `${operation}: expected the type of value that Holdfast keeps there, got: ${failure.reply}; ${advice}`,
    );
  }
  return new StateError(
    'STATE_UNAVAILABLE',
    `${operation}: expected ${who} to take the command, got: ${failure.reply}`,
  );
}

function isWrongType(reply: string): boolean {
  return reply.startsWith('WRONGTYPE') || reply.includes('WRONGTYPE Operation against');
}
