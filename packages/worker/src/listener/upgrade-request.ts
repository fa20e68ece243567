/**
 * Is this request a WebSocket handshake, and a valid one? RFC 6455 §4.2.1. Pure.
 */
import { hasToken, headerOf, headerValues, type DownstreamRequest } from './downstream-request.js';

/** no: an ordinary request. version, key, body: meant to be a handshake, but broken there. */
export type UpgradeKind = 'no' | 'yes' | 'version' | 'key' | 'body';

/** 16 bytes in base64. */
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

export function isWebSocketUpgrade(request: Pick<DownstreamRequest, 'method' | 'headers'>): UpgradeKind {
  if (request.method !== 'GET') return 'no';
  if (!hasToken(request, 'upgrade', 'websocket') || !hasToken(request, 'connection', 'upgrade')) return 'no';
  if (headerOf(request, 'sec-websocket-version') !== '13') return 'version';
  const keys = headerValues(request, 'sec-websocket-key');
  if (keys.length !== 1 || !WEBSOCKET_KEY.test(keys[0] ?? '')) return 'key';
  const length = headerOf(request, 'content-length');
  if ((length !== undefined && length !== '0') || headerOf(request, 'transfer-encoding') !== undefined) return 'body';
  return 'yes';
}
