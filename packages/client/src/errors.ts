/**
 * ClientError: the one error class of this package. `code` is for programs and never changes; the README lists every one
 * with what to do about it. Expected outcomes (a full queue, a lost connection) are return values and events instead.
 */

export const CLIENT_ERROR_CODES = [
  'CLIENT_BAD_OPTION',
  'CLIENT_BAD_URL',
  'CLIENT_NO_WEBSOCKET',
  'CLIENT_BAD_DATA',
  'CLIENT_BAD_CLOSE',
  'CLIENT_MESSAGE_TOO_BIG',
  'CLIENT_QUEUE_FULL',
  'CLIENT_CLOSED',
  'CLIENT_SESSION_LOST',
  'CLIENT_NO_TOPICS',
  'CLIENT_BAD_TOPIC',
  'CLIENT_TOO_MANY_TOPICS',
  'CLIENT_REFUSED',
  'CLIENT_UNSUBSCRIBED',
  'CLIENT_DISCONNECTED',
  'CLIENT_TIMEOUT',
  'CLIENT_TRY_FAILED',
  'CLIENT_NOT_HOLDFAST',
  'CLIENT_BROKEN_FRAME',
] as const;

export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];

export interface ClientErrorOptions {
  readonly cause?: unknown;
  readonly retryable?: boolean;
  readonly refusal?: string;
}

export class ClientError extends Error {
  readonly code: ClientErrorCode;
  /** The same may go otherwise later. It does not say that nothing was done. */
  readonly retryable: boolean;
  /** What the server said, of CLIENT_REFUSED: `forbidden`, `invalid`, `limit`, `size`, `unavailable`, or one of a later version. */
  readonly refusal: string | undefined;

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options);
    this.name = 'ClientError';
    this.code = code;
    this.retryable = options.retryable === true;
    this.refusal = options.refusal;
  }
}

/** The sentence that errors are: who, what was expected, what came, and what to do about it. */
export function mismatch(what: string, expected: string | number, got: unknown): string {
  return `${what}: expected ${expected}, got ${got}`;
}
