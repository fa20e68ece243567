/**
 * BackendError: the one error class of this package. `code` is for programs and never changes; the README lists every one
 * with what to do about it. Expected outcomes (a full session, a fenced commit) are return values and events instead.
 */

export const BACKEND_ERROR_CODES = [
  'BACKEND_BAD_OPTION',
  'BACKEND_BAD_DATA',
  'BACKEND_BAD_CLOSE',
  'BACKEND_BAD_STATE',
  'BACKEND_BAD_TOPIC',
  'BACKEND_MESSAGE_TOO_BIG',
  'BACKEND_CLOSED',
  'BACKEND_HANDLER_FAILED',
  'BACKEND_LISTENER_FAILED',
  'BACKEND_AUTHENTICATE_FAILED',
  'BACKEND_AUTHORIZE_FAILED',
  'BACKEND_BUSY',
  'BACKEND_NO_ANSWER',
  'BACKEND_NO_WORKER',
  'BACKEND_TOPIC_REFUSED',
  'BACKEND_TOPIC_UNAVAILABLE',
  'BACKEND_TRUNK_REFUSED',
  'BACKEND_TRUNK_BROKEN',
] as const;

export type BackendErrorCode = (typeof BACKEND_ERROR_CODES)[number];

export interface BackendErrorDetails {
  readonly cause?: unknown;
  readonly sessionId?: string | undefined;
  /** Of the message whose handler failed, as the handler was given it. */
  readonly messageId?: string | undefined;
  /** @default false */
  readonly retryable?: boolean | undefined;
}

export class BackendError extends Error {
  readonly code: BackendErrorCode;
  readonly sessionId: string | undefined;
  readonly messageId: string | undefined;
  /** The same may succeed a little later. Not that it did not take effect: the README says of which codes that is known. */
  readonly retryable: boolean;

  constructor(code: BackendErrorCode, message: string, details: BackendErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'BackendError';
    this.code = code;
    this.sessionId = details.sessionId;
    this.messageId = details.messageId;
    this.retryable = details.retryable ?? false;
  }
}
