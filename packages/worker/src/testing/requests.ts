/**
 * Requests for unit tests, as the listener would have copied them.
 */
import type { DownstreamRequest } from '../listener/downstream-request.js';

export function requestWith(overrides: Partial<DownstreamRequest> = {}): DownstreamRequest {
  return {
    method: 'GET',
    path: '/',
    query: '',
    headers: ['host', 'example.com'],
    remoteAddress: '192.0.2.1',
    secure: false,
    ends: undefined,
    ...overrides,
  };
}

export const HANDSHAKE_HEADERS: readonly string[] = [
  'host',
  'example.com',
  'upgrade',
  'websocket',
  'connection',
  'keep-alive, Upgrade',
  'sec-websocket-key',
  'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version',
  '13',
];
