/**
 * The request target that a backend gets. Pure.
 */
import type { RouteConfig } from '../config.js';
import { hasPathPrefix } from './match.js';

/** Path with query. A prefix is taken off on a segment boundary only; what is left always starts with `/`. */
export function rewriteTarget(route: Pick<RouteConfig, 'match' | 'rewrite'>, path: string, query: string): string {
  const { stripPrefix, replacePrefix } = route.rewrite;
  const rewritten = rewritePath(
    path,
    stripPrefix ?? (replacePrefix === undefined ? undefined : route.match.path),
    replacePrefix,
  );
  return query === '' ? rewritten : `${rewritten}?${query}`;
}

function rewritePath(path: string, prefix: string | undefined, replacement: string | undefined): string {
  if (prefix === undefined || !hasPathPrefix(path, prefix)) return path;
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  const rest = path.slice(bare.length);
  const head = replacement === undefined ? '' : replacement.endsWith('/') ? replacement.slice(0, -1) : replacement;
  const joined = head + rest;
  return joined.startsWith('/') ? joined : `/${joined}`;
}
