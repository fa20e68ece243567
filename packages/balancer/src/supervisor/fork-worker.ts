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
  /** Descriptors of sockets that all workers accept from; they have them as 4, 5 and so on. @default none */
  readonly sharedSockets?: readonly number[];
}

/** uWebSockets.js reads it once, when it is loaded: the largest request head that a worker takes. */
const MAX_HEADERS_SIZE = '32768';
/**
 * glibc reads it once, when the process starts. What is longer, which is what waits for slow clients, gets pages of its
 * own that go back to the system as soon as it is freed; short of that, freed memory stays with the process as long as
 * anything lies behind it. One more than the 64 KiB that a read of node:net allocates: those would pay for it each time.
 */
const MMAP_THRESHOLD_BYTES = '65537';

/**
 * In MiB. What is new lives here for a moment, and its pages stay with the process: with V8's 16 that is 20 MB of each worker,
 * twice what ten thousand idle sessions need. Measured at 64-byte echoes: no more processor time with 4 than with 16.
 */
const SEMI_SPACE_MIB = 4;

export function forkWorker(options: ForkOptions): ChildProcess {
  const { entry = import.meta.resolve('@holdfast/worker/main'), env, sharedSockets = [] } = options;
  return fork(entry.startsWith('file:') ? new URL(entry) : entry, {
    env: {
      MALLOC_MMAP_THRESHOLD_: MMAP_THRESHOLD_BYTES,
      ...env,
      UWS_HTTP_MAX_HEADERS_SIZE: MAX_HEADERS_SIZE,
      HOLDFAST_SHARED_SOCKETS: String(sharedSockets.length),
      HOLDFAST_LOG_FD: String(4 + sharedSockets.length),
    },
    execArgv: [
      ...process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
      `--max-semi-space-size=${SEMI_SPACE_MIB}`,
    ],
    serialization: 'advanced',
    // The native listener prints to stdout, which must hold nothing but log lines: those have a descriptor of their own.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...sharedSockets, 1],
  });
}
