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
  'CLIENT_TRY_FAILED',
  'CLIENT_NOT_HOLDFAST',
  'CLIENT_BROKEN_FRAME',
] as const;

export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];

export class ClientError extends Error {
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ClientError';
    this.code = code;
  }
}
