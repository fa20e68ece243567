/**
 * The id that ties a request's log lines together across proxy and application. One that a trusted proxy gave is kept.
 */
import { randomUUID } from 'node:crypto';
import { headerOf, type DownstreamRequest } from '../listener/downstream-request.js';
import type { ClientInfo } from './trust.js';

export function requestIdOf(request: DownstreamRequest, client: ClientInfo): string {
  const given = client.isForwarded ? headerOf(request, 'x-request-id') : undefined;
  return given !== undefined && /^[\w.:/+=-]{1,128}$/.test(given) ? given : randomUUID();
}
