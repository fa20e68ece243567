/**
 * GET on a path: the status must be in the configured range. Only the head of the response is waited for and the
 * connection is cut after it: a body may be endless (server-sent events), and a connection from a pool would not
 * notice a backend that takes no new ones.
 */
import { type ClientRequest, request } from 'node:http';
import type { HealthConfig } from '@holdfast/worker';
import { CHECK_HEADERS, type CheckResult, type CheckTarget, connection, expected, hostHeader } from './check.js';

export function checkHttp(target: CheckTarget, config: HealthConfig, signal: AbortSignal): Promise<CheckResult> {
  const { min, max } = config.expect;
  const what = `status ${min}–${max} from GET ${target.url}${config.path}`;
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(expected(what, signal.reason));
    const startedAt = performance.now();
    const request = send(target, config.path, signal);
    const finish = (result: CheckResult): void => {
      signal.removeEventListener('abort', onAbort);
      request.destroy();
      resolve(result);
    };
    const onAbort = (): void => finish(expected(what, signal.reason));
    signal.addEventListener('abort', onAbort);
    request.once('response', (response) => {
      response.on('error', () => undefined); // our own cut
      const status = response.statusCode ?? 0;
      const rttMs = performance.now() - startedAt;
      finish(status >= min && status <= max ? { ok: true, rttMs } : expected(what, status));
    });
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      finish(expected(what, 'an upgrade to another protocol'));
    });
    request.on('error', (error) => finish(expected(what, error)));
    request.once('close', () => finish(expected(what, 'a closed connection')));
    request.end();
  });
}

function send(target: CheckTarget, path: string, signal: AbortSignal): ClientRequest {
  const headers = { ...CHECK_HEADERS, host: hostHeader(target), connection: 'close' };
  return request({ path, headers, createConnection: connection(target, signal) });
}
