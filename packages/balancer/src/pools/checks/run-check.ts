/**
 * From the configured type to the check. The guard around it keeps the promise that a check answers with a value: a
 * URL or path that a library refuses throws at once, before there is a socket to clean up.
 */
import type { HealthConfig } from '@holdfast/worker';
import { type Check, type CheckResult, type CheckTarget, expected } from './check.js';
import { checkHttp } from './http.js';
import { checkTcp } from './tcp.js';
import { checkWebSocket } from './websocket.js';

const CHECKS: Readonly<Record<HealthConfig['type'], Check>> = {
  tcp: checkTcp,
  http: checkHttp,
  websocket: checkWebSocket,
};

export async function runCheck(target: CheckTarget, config: HealthConfig, signal: AbortSignal): Promise<CheckResult> {
  try {
    return await CHECKS[config.type](target, config, signal);
  } catch (error) {
    return expected(`a ${config.type} check of ${target.url}${config.path} to start`, error);
  }
}
