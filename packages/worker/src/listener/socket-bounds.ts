/** One native context serves all routes of a listener, so its bounds are the widest of theirs; each link keeps its own. */
import type { RouteConfig } from '../config.js';
import type { SocketBounds } from './listener.js';

/** Beyond what a route may buffer: one read of a backend's socket, and one largest message, come on top of it. */
const READ_CHUNK_BYTES = 64 * 1024;
/** The native timer's longest. */
const MAX_IDLE_SECONDS = 960;
const IDLE_MARGIN_SECONDS = 8;

export function socketBounds(routes: readonly Pick<RouteConfig, 'limits'>[]): SocketBounds {
  const limits = routes.map((route) => route.limits);
  // One byte over the limit still arrives, so that its sender can be told 1009 instead of being cut.
  const maxMessageBytes = Math.max(1, ...limits.map(({ messageBytes }) => messageBytes)) * 2;
  const maxBuffered = Math.max(0, ...limits.map(({ bufferBytes, messageBytes }) => bufferBytes + messageBytes));
  const idleMs = Math.max(0, ...limits.map((limit) => limit.idleMs));
  return { maxMessageBytes, maxBufferedBytes: maxBuffered + READ_CHUNK_BYTES, idleTimeoutSeconds: nativeIdle(idleMs) };
}

/** Beyond every route's limit, and within the native timer's: 8 to 960 seconds. Each client is pinged at half of its limit. */
function nativeIdle(idleMs: number): number {
  if (idleMs / 2000 + IDLE_MARGIN_SECONDS > MAX_IDLE_SECONDS) return 0;
  return Math.min(MAX_IDLE_SECONDS, Math.ceil(idleMs / 1000) + IDLE_MARGIN_SECONDS);
}
