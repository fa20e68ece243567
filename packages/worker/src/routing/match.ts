/**
 * Does a request fit a route's conditions? Pure; prepared once per configuration, so that a request costs a few
 * string comparisons and no regular expression.
 */
import type { RouteMatch } from '../config.js';
import { headerValues, type DownstreamRequest } from '../listener/downstream-request.js';

export type Matcher = (request: MatchedRequest) => boolean;

export interface MatchedRequest {
  readonly request: DownstreamRequest;
  /** Lower case, without port. */
  readonly host: string;
  readonly isUpgrade: boolean;
}

export function createMatcher(match: RouteMatch): Matcher {
  const conditions: Matcher[] = [];
  if (match.upgrade !== undefined) conditions.push(({ isUpgrade }) => isUpgrade === match.upgrade);
  if (match.host !== undefined) conditions.push(hostMatcher(match.host));
  if (match.path !== '/') conditions.push(({ request }) => hasPathPrefix(request.path, match.path));
  for (const [name, wanted] of Object.entries(match.headers)) {
    conditions.push(({ request }) => fits(headerValues(request, name), wanted));
  }
  const query = Object.entries(match.query);
  if (query.length > 0) conditions.push(queryMatcher(query));
  return (request) => conditions.every((condition) => condition(request));
}

/** `/chat` is a prefix of `/chat` and `/chat/x`, not of `/chatter`. A trailing slash of the prefix means nothing. */
export function hasPathPrefix(path: string, prefix: string): boolean {
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return path.startsWith(bare) && (path.length === bare.length || path.charCodeAt(bare.length) === 0x2f);
}

/** `a.example.com:8080` → `a.example.com`; `[::1]:8080` → `[::1]`. */
export function hostWithoutPort(host: string): string {
  const lower = host.toLowerCase();
  const end = lower.startsWith('[') ? lower.indexOf(']') + 1 : lower.indexOf(':');
  const name = end > 0 ? lower.slice(0, end) : lower;
  // A name may be written with the root's dot; it is the same name.
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

function hostMatcher(pattern: string): Matcher {
  if (!pattern.startsWith('*.')) return ({ host }) => host === pattern;
  const suffix = pattern.slice(1);
  return ({ host }) => host.length > suffix.length && host.endsWith(suffix);
}

function queryMatcher(wanted: readonly (readonly [string, string])[]): Matcher {
  return ({ request }) => {
    if (request.query === '') return false;
    const parameters = new URLSearchParams(request.query);
    return wanted.every(([name, value]) => fits(parameters.getAll(name), value));
  };
}

function fits(values: readonly string[], wanted: string): boolean {
  return wanted === '*' ? values.length > 0 : values.includes(wanted);
}
