/** Reads the query of a call: what is asked for, or a refusal that says what may be. A name that nobody knows is a mistake. */
import type { Page } from '@holdfast/worker';
import { AdminError, shown } from './admin-error.js';

export type Query = Readonly<Record<string, unknown>>;

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const MAX_REASON_BYTES = 123;
/** As long as any id or address is, with room. */
const MAX_VALUE_LENGTH = 1024;

export function refuseUnknown(query: Query, known: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalidQuery(`only the parameters ${known.join(', ')}`, unknown);
}

/** Absent ones stay so. */
export function readTexts<Name extends string>(query: Query, names: readonly Name[]): { [N in Name]?: string } {
  const texts: { [N in Name]?: string } = {};
  for (const name of names) {
    const value = query[name];
    if (value === undefined) continue;
    if (typeof value !== 'string' || value === '' || value.length > MAX_VALUE_LENGTH) {
      throw invalidQuery(`${name}: one text of 1 to ${MAX_VALUE_LENGTH} characters`, value);
    }
    texts[name] = value;
  }
  return texts;
}

export function readPage(query: Query): Page {
  const { after } = readTexts(query, ['after']);
  return { after, limit: readNumber(query, { name: 'limit', byDefault: DEFAULT_LIMIT, min: 1, max: MAX_LIMIT }) };
}

export interface NumberTerms {
  readonly name: string;
  readonly byDefault: number;
  readonly min: number;
  readonly max: number;
}

export function readNumber(query: Query, { name, byDefault, min, max }: NumberTerms): number {
  const value = query[name];
  if (value === undefined) return byDefault;
  const number = typeof value === 'string' && /^[0-9]{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw invalidQuery(`${name}: a whole number from ${min} to ${max}`, value);
}

export function invalidQuery(expected: string, got: unknown): AdminError {
  return new AdminError({ status: 400, code: 'INVALID_QUERY', expected, got: shown(got) });
}

/** What a close frame has room for. */
export function readReason(query: Query, byDefault: string): string {
  const { reason = byDefault } = readTexts(query, ['reason']);
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  throw invalidQuery(`reason: at most ${MAX_REASON_BYTES} bytes`, reason);
}
