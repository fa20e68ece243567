/**
 * Application state as it travels: one string, whose first character says what it was. `s` text, `j` JSON, `b` bytes in base64;
 * nothing at all is the empty string.
 */
import { MAX_STATE_BYTES } from '@holdfast/protocol';
import { BackendError } from './errors.js';

/** Throws a BackendError when there is no way to write it down. */
export function encodeState(state: unknown, sessionId: string): string {
  const text = write(state, sessionId);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_STATE_BYTES) return text;
  throw bad(sessionId, `at most ${MAX_STATE_BYTES} bytes, got ${bytes}`);
}

/** What another version or language wrote differently is given to the application as it is. */
export function decodeState(text: string | undefined): unknown {
  if (text === undefined || text === '') return undefined;
  const rest = text.slice(1);
  if (text.startsWith('s')) return rest;
  if (text.startsWith('b')) return new Uint8Array(Buffer.from(rest, 'base64'));
  if (!text.startsWith('j')) return text;
  try {
    return JSON.parse(rest) as unknown;
  } catch {
    return text;
  }
}

function write(state: unknown, sessionId: string): string {
  if (state === undefined) return '';
  if (typeof state === 'string') return `s${state}`;
  if (state instanceof Uint8Array) return `b${Buffer.from(state).toString('base64')}`;
  let json: string | undefined;
  try {
    json = JSON.stringify(state);
  } catch (cause) {
    throw bad(sessionId, 'something that JSON can say', cause);
  }
  if (json === undefined) throw bad(sessionId, `something that JSON can say, got ${typeof state}`);
  return `j${json}`;
}

function bad(sessionId: string, expected: string, cause?: unknown): BackendError {
  return new BackendError('BACKEND_BAD_STATE', `state of session ${sessionId}: expected ${expected}`, {
    cause,
    sessionId,
  });
}
