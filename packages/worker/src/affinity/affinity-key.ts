/**
 * The key by which a request sticks to a backend, taken from where the pool's configuration says. Pure.
 */
import type { StickyConfig } from '../config.js';
import { headerOf, type DownstreamRequest } from '../listener/downstream-request.js';

/** Undefined: the request carries none, and is balanced like any other. Cookies are not keys: see cookie.ts. */
export function affinityKey(
  sticky: Exclude<StickyConfig, { by: 'cookie' }>,
  request: DownstreamRequest,
  clientAddress: string,
): string | undefined {
  switch (sticky.by) {
    case 'query':
      return nonEmpty(new URLSearchParams(request.query).get(sticky.name));
    case 'engine.io':
      return nonEmpty(new URLSearchParams(request.query).get('sid'));
    case 'header':
      return nonEmpty(headerOf(request, sticky.name));
    case 'path':
      return nonEmpty(request.path.split('/')[sticky.segment + 1]);
    case 'address':
      return clientAddress;
  }
}

function nonEmpty(value: string | null | undefined): string | undefined {
  return value === null || value === '' ? undefined : value;
}
