/**
 * The cheapest check: does the port accept a connection, and for https:// also a TLS handshake with a valid
 * certificate. Nothing is sent, so it says nothing about the application; what happens after the connect does not count.
 */
import type { HealthConfig } from '@holdfast/worker';
import { addressOf, type CheckResult, type CheckTarget, connectForCheck, expected } from './check.js';

export async function checkTcp(target: CheckTarget, _config: HealthConfig, signal: AbortSignal): Promise<CheckResult> {
  const { host, port, isTls } = addressOf(target);
  const startedAt = performance.now();
  try {
    const socket = await connectForCheck(target, signal);
    const rttMs = performance.now() - startedAt;
    socket.on('error', () => undefined).destroy();
    return { ok: true, rttMs };
  } catch (error) {
    return expected(`a ${isTls ? 'TLS' : 'TCP'} connection to ${host}:${port}`, error);
  }
}
