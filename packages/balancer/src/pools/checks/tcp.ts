/**
 * The cheapest check: does the port accept a connection, and for https:// also a TLS handshake with a valid
 * certificate. Nothing is sent, so it says nothing about the application; what happens after the connect does not count.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { addressOf, type CheckResult, type CheckTarget, expected } from './check.js';
import type { HealthConfig } from '@holdfast/worker';

export function checkTcp(target: CheckTarget, _config: HealthConfig, signal: AbortSignal): Promise<CheckResult> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(expected('a check', signal.reason));
    const { socket, connected, what } = dial(target);
    const startedAt = performance.now();
    const finish = (result: CheckResult): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(result);
    };
    const onAbort = (): void => finish(expected(what, signal.reason));
    signal.addEventListener('abort', onAbort);
    socket.once(connected, () => finish({ ok: true, rttMs: performance.now() - startedAt }));
    // `on`, not `once`: a second error after the first would otherwise be unhandled.
    socket.on('error', (error) => finish(expected(what, error)));
    socket.once('close', () => finish(expected(what, 'a closed connection')));
  });
}

function dial(target: CheckTarget): { socket: Socket; connected: string; what: string } {
  const { host, port, isTls } = addressOf(target);
  if (!isTls) {
    return { socket: connectTcp({ host, port }), connected: 'connect', what: `a TCP connection to ${host}:${port}` };
  }
  const name = target.serverName ?? host;
  // Addresses may not be sent as SNI (RFC 6066), but are verified all the same.
  const options = isIP(name) === 0 ? { host, port, servername: name } : { host, port };
  return { socket: connectTls(options), connected: 'secureConnect', what: `a TLS connection to ${host}:${port}` };
}
