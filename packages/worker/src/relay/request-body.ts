/**
 * A request's body on its way to a backend: a stream that pauses the client while the backend is slow. Reading has
 * to begin in the turn in which the request came, long before a backend is chosen; what arrives until then is held,
 * bounded by the stream's high-water mark and what the kernel holds behind the pause.
 */
import { Readable } from 'node:stream';
import { headerOf } from '../listener/downstream-request.js';
import type { HttpExchange } from '../listener/http-exchange.js';

const HIGH_WATER_BYTES = 64 * 1024;

/** Undefined: the request has no body (RFC 9112 §6.3: neither Content-Length nor Transfer-Encoding). */
export function openRequestBody(exchange: HttpExchange): Readable | undefined {
  const { request } = exchange;
  const length = headerOf(request, 'content-length');
  const isChunked = headerOf(request, 'transfer-encoding') !== undefined;
  if (!isChunked && (length === undefined || length === '0')) return undefined;
  let isPaused = false;
  const body = new Readable({
    highWaterMark: HIGH_WATER_BYTES,
    read: () => {
      if (!isPaused) return;
      isPaused = false;
      exchange.resumeBody();
    },
  });
  exchange.readBody((chunk, isLast) => {
    if (body.destroyed) return;
    const hasRoom = chunk.length === 0 || body.push(chunk);
    if (isLast) body.push(null);
    else if (!hasRoom) {
      isPaused = true;
      exchange.pauseBody();
    }
  });
  // Destroyed when the backend refuses the rest or the client leaves: both are told elsewhere.
  body.on('error', () => undefined);
  return body;
}
