/**
 * Starts the process of a worker. child_process.fork rather than node:cluster: uWebSockets.js opens its own sockets with
 * SO_REUSEPORT and uses nothing of what cluster shares, and cluster's primary is one per process, so that two
 * supervisors could not live side by side. Structured clone on the channel, because snapshots hold `undefined`.
 */
import { type ChildProcess, fork } from 'node:child_process';

export interface ForkOptions {
  /** File or `file:` URL of the worker's entry. @default the worker package's `main` */
  readonly entry?: string;
  readonly env: NodeJS.ProcessEnv;
}

/** uWebSockets.js reads it once, when it is loaded: the largest request head that a worker takes. */
const MAX_HEADERS_SIZE = '32768';

export function forkWorker({ entry = import.meta.resolve('@holdfast/worker/main'), env }: ForkOptions): ChildProcess {
  return fork(entry.startsWith('file:') ? new URL(entry) : entry, {
    env: { ...env, UWS_HTTP_MAX_HEADERS_SIZE: MAX_HEADERS_SIZE },
    execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
