/**
 * Where in a request a client's token may be, and the same request without it. A browser's script can set no header of a
 * WebSocket handshake: it has the query and its cookies, of which neither is looked at unless the configuration names it. Pure.
 */
import { cookieValue } from '../affinity/cookie.js';
import type { JwtConfig } from '../config.js';
import { headerOf, headerValues, type DownstreamRequest } from '../listener/downstream-request.js';

type Places = Pick<JwtConfig, 'query' | 'cookie'>;
type Request = Pick<DownstreamRequest, 'headers' | 'query'>;

/** The Authorization header, then the query, then the cookie: the first that has one. */
export function tokenOf(request: Request, { query, cookie }: Places): string | undefined {
  const inHeader = bearerToken(headerOf(request, 'authorization'));
  if (inHeader !== undefined) return inHeader;
  const inQuery = query === undefined ? null : new URLSearchParams(request.query).get(query);
  if (inQuery !== null) return inQuery;
  return cookie === undefined ? undefined : cookieValue(headerValues(request, 'cookie').join('; '), cookie);
}

/** `Authorization: Bearer …` */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
}

/** Everything that would have been looked at goes, also what was not needed. */
export function withoutToken<R extends Request>(request: R, { query, cookie }: Places): R {
  const headers: string[] = [];
  for (let i = 0; i + 1 < request.headers.length; i += 2) {
    const name = request.headers[i] ?? '';
    const value = request.headers[i + 1] ?? '';
    if (name === 'authorization' && bearerToken(value) !== undefined) continue;
    const kept = name === 'cookie' && cookie !== undefined ? withoutCookie(value, cookie) : value;
    if (kept !== '' || value === '') headers.push(name, kept);
  }
  return { ...request, headers, query: query === undefined ? request.query : withoutParameter(request.query, query) };
}

function withoutCookie(value: string, name: string): string {
  const pairs = value.split(';').map((pair) => pair.trim());
  return pairs.filter((pair) => pair.split('=', 1)[0]?.trim() !== name).join('; ');
}

/** The rest stays as it was written. */
function withoutParameter(query: string, name: string): string {
  return query
    .split('&')
    .filter((pair) => !new URLSearchParams(pair).has(name))
    .join('&');
}
