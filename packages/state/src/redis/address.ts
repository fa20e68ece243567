/**
 * Reads the address of a Redis out of its URL. ioredis would take the URL itself, but it takes any of its options from
 * the query part too, which could undo the bounds that this package sets, and it guesses where we would rather refuse.
 */
import { StateError } from '../errors.js';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
  /** `host:port`, for logs and errors: never with the password. */
  readonly label: string;
}

const EXPECTED = 'expected redis://[user:password@]host[:port][/db] or rediss://…';

export function parseRedisUrl(url: string): RedisAddress {
  const parsed = parseUrl(url);
  const isTls = parsed.protocol === 'rediss:';
  if (parsed.protocol !== 'redis:' && !isTls) throw badUrl(`got the scheme ${parsed.protocol}//`);
  if (parsed.hostname === '') throw badUrl('got no host');
  if (parsed.search !== '' || parsed.hash !== '') throw badUrl('got something behind "?" or "#"; remove it');
  const port = parsed.port === '' ? 6379 : Number(parsed.port);
  if (port === 0) throw badUrl('got port 0');
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port,
    db: parseDb(parsed.pathname),
    username: decodePart(parsed.username),
    password: decodePart(parsed.password),
    isTls,
    label: `${parsed.hostname}:${port}`,
  };
}

function parseUrl(url: string): URL {
  try {
    return new URL(url);
  } catch {
    // The URL itself is not repeated: it may hold a password.
    throw badUrl('got something that is not a URL');
  }
}

function parseDb(pathname: string): number {
  if (pathname === '' || pathname === '/') return 0;
  const db = /^\/(\d{1,5})$/.exec(pathname)?.[1];
  if (db === undefined) throw badUrl(`got the database ${JSON.stringify(pathname.slice(1, 40))}, not a number`);
  return Number(db);
}

function decodePart(part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw badUrl('got a user or password with a "%" that is not followed by two hex digits; write it as %25');
  }
}

function badUrl(got: string): StateError {
  return new StateError('STATE_CONFIG', `state url: ${EXPECTED}, ${got}`);
}
