/**
 * The check that sees what clients see: a real upgrade, a ping with a payload, and its pong. The round trip is counted
 * from ping to pong, so that it measures the backend's event loop and not its handshake. The connection is closed
 * in order; a backend that is slow at that has passed all the same, and is cut.
 */
import type { HealthConfig } from '@holdfast/worker';
import { WebSocket } from 'ws';
import { CHECK_HEADERS, type CheckResult, type CheckTarget, connection, expected, hostHeader } from './check.js';

/** Only the pong with this payload counts: a pong may also come unasked (RFC 6455 §5.5.3). */
const PAYLOAD = Buffer.from('holdfast health check');
/** Applications greet new connections; a greeting may not fill our memory. */
const MAX_GREETING_BYTES = 1024 * 1024;
/** For the close handshake. */
const FAREWELL_MS = 500;

export function checkWebSocket(target: CheckTarget, config: HealthConfig, signal: AbortSignal): Promise<CheckResult> {
  const what = `a WebSocket pong from ${target.url}${config.path}`;
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(expected(what, signal.reason));
    const socket = dial(target, config.path, signal);
    let result: CheckResult | undefined;
    let pingedAt = 0;
    let farewell: NodeJS.Timeout | undefined;
    const fail = (got: unknown): void => {
      result ??= expected(what, got);
      socket.terminate();
    };
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort);
    socket.on('open', () => {
      pingedAt = performance.now();
      socket.ping(PAYLOAD, true, (error) => (error ? fail(error) : undefined));
    });
    socket.on('pong', (payload) => {
      if (result !== undefined || !payload.equals(PAYLOAD)) return;
      result = { ok: true, rttMs: performance.now() - pingedAt };
      socket.close(1000);
      farewell = setTimeout(() => socket.terminate(), FAREWELL_MS);
    });
    socket.on('error', fail);
    socket.on('close', (code) => {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(farewell);
      resolve(result ?? expected(what, `a close with code ${code}`));
    });
  });
}

function dial(target: CheckTarget, path: string, signal: AbortSignal): WebSocket {
  return new WebSocket(`${target.url.replace(/^http/, 'ws')}${path}`, {
    headers: { ...CHECK_HEADERS, host: hostHeader(target) },
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: MAX_GREETING_BYTES,
    createConnection: connection(target, signal),
  });
}
