/**
 * What every engine demands of arguments, checked in one place so that the engines cannot differ. The values may come
 * from outside (a cookie, a query, an IPC message), hence `unknown`: bad input becomes a StateError, never a crash.
 */
import { StateError } from './errors.js';
import { MAX_BACKEND_ID_BYTES, MAX_KEY_BYTES, MAX_POOL_BYTES, MAX_TTL_MS } from './shared-state.js';

/** An address in the affinity map. Empty names are refused: they are always a missing value upstream of us. */
export interface AffinityKey {
  readonly pool: string;
  readonly key: string;
}

export function checkAffinityKey(pool: unknown, key: unknown): AffinityKey {
  const checkedPool = checkText(pool, 'pool name', MAX_POOL_BYTES);
  if (typeof key !== 'string') throw invalid('affinity key', 'a string', key);
  if (key === '') throw invalid('affinity key', 'at least one character', key);
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES) throw keyTooLong(checkedPool, bytes);
  return { pool: checkedPool, key };
}

export function checkBackendId(id: unknown, role = 'backend id'): string {
  return checkStored(checkText(id, role, MAX_BACKEND_ID_BYTES), role);
}

export function checkTtlMs(ttlMs: unknown, role = 'ttlMs'): number {
  return checkInteger(ttlMs, role, { min: 1, max: MAX_TTL_MS });
}

export function checkInteger(value: unknown, what: string, range: { min: number; max: number }): number {
  const { min, max } = range;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(what, `an integer from ${min} to ${max}`, value);
}

export function checkText(value: unknown, what: string, maxBytes: number): string {
  const text = checkTextOrEmpty(value, what, maxBytes);
  if (text === '') throw invalid(what, 'at least one character', value);
  return text;
}

export function checkTextOrEmpty(value: unknown, what: string, maxBytes: number): string {
  if (typeof value !== 'string') throw invalid(what, 'a string', value);
  const bytes = Buffer.byteLength(value);
  if (bytes > maxBytes) throw invalid(what, `at most ${maxBytes} bytes of UTF-8`, `${bytes} bytes`);
  return value;
}

/** A lone surrogate has no UTF-8 form: it would come back from Redis as another text than was stored. */
export function checkStored(text: string, what: string): string {
  // The text is not repeated: it may be the application's.
  if (LONE_SURROGATE.test(text)) throw mistake(what, 'well-formed Unicode', 'a lone surrogate');
  return text;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

function keyTooLong(pool: string, bytes: number): StateError {
  const expected = `expected at most ${MAX_KEY_BYTES} bytes of UTF-8, got ${bytes}`;
  return new StateError(
    'STATE_KEY_TOO_LONG',
    `affinity key of pool ${JSON.stringify(pool)}: ${expected}; hash the key or choose a shorter one to stick by`,
  );
}

export function invalid(what: string, expected: string, got: unknown): StateError {
  return mistake(what, expected, describeValue(got));
}

function mistake(what: string, expected: string, got: string): StateError {
  return new StateError('STATE_INVALID_ARGUMENT', `${what}: expected ${expected}, got ${got}`);
}

/** Short and safe for any value: what came may be huge, cyclic or hostile. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value);
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}
