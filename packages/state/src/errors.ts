/**
 * StateError: the one error that this package throws. The code is for programs and is forever (the README explains
 * each); the message is for people and says what was expected, what came and what to do.
 * `retryable` is part of the code's meaning, so it is derived from the code rather than chosen at each throw.
 */

export const STATE_ERROR_CODES = [
  'STATE_TIMEOUT',
  'STATE_UNAVAILABLE',
  'STATE_CLOSED',
  'STATE_KEY_TOO_LONG',
  'STATE_INVALID_ARGUMENT',
  'STATE_INVALID_VALUE',
  'STATE_CONFIG',
] as const;

export type StateErrorCode = (typeof STATE_ERROR_CODES)[number];

/** The engine could not answer now: the same call can succeed later. Everything else stays wrong until somebody acts. */
const RETRYABLE: ReadonlySet<StateErrorCode> = new Set(['STATE_TIMEOUT', 'STATE_UNAVAILABLE']);

/** The caller is at fault, or has closed the state: no other engine would answer differently. */
const CALLERS_FAULT: ReadonlySet<StateErrorCode> = new Set([
  'STATE_CLOSED',
  'STATE_KEY_TOO_LONG',
  'STATE_INVALID_ARGUMENT',
  'STATE_CONFIG',
]);

export class StateError extends Error {
  readonly code: StateErrorCode;
  readonly retryable: boolean;
  /** State is neither the client's side nor the backend's. */
  readonly source = 'internal';

  constructor(code: StateErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'StateError';
    this.code = code;
    this.retryable = RETRYABLE.has(code);
  }
}

/** True when another engine is worth asking: this one failed, not the caller. Unknown errors count as the engine's. */
export function isEngineFailure(error: unknown): boolean {
  return !(error instanceof StateError) || !CALLERS_FAULT.has(error.code);
}
