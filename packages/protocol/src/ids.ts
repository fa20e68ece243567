/** Identifiers on the wire: what they look like, so that nothing else is believed or becomes part of a key. */

/** 128 random bits in base64url: 22 characters. Public. */
const SESSION_ID = /^[A-Za-z0-9_-]{22}$/;
/** One life of a process: 96 random bits in base64url, 16 characters. */
const INCARNATION = /^[A-Za-z0-9_-]{16}$/;

export const SESSION_ID_BYTES = 16;
export const INCARNATION_BYTES = 12;

export function isSessionId(value: unknown): value is string {
  return typeof value === 'string' && SESSION_ID.test(value);
}

export function isIncarnation(value: unknown): value is string {
  return typeof value === 'string' && INCARNATION.test(value);
}

/** The fence: only a higher generation takes a session over (invariant I4). */
export function supersedes(generation: number, held: number): boolean {
  return generation > held;
}
