/**
 * Looks before the start whether the open-file limit allows what the configuration allows. A relayed connection takes
 * two descriptors of its worker, and a worker that has none left refuses clients in a way that looks like a network
 * fault; one line now says what that line would have cost later. Linux only: elsewhere there is nothing to read.
 */
import { readFile } from 'node:fs/promises';
import type { WorkerConfig } from '@holdfast/worker';
import type { Logger } from 'pino';

export interface FileLimits {
  readonly soft: number;
  readonly hard: number;
}

export interface DescriptorNeed {
  /** Listeners, shared state, log, idle connections to backends: before the first client. */
  readonly base: number;
  /** What one client address alone may take of one worker. */
  readonly perAddress: number;
}

/** Below this, a few ten thousand clients are the end. */
const COMFORTABLE = 65_536;
/** Node's own, the IPC channel, the shared state's connections. */
const PROCESS_DESCRIPTORS = 64;
const DESCRIPTORS_PER_CONNECTION = 2;

export async function warnOfFewDescriptors(config: WorkerConfig, workers: number, log: Logger): Promise<void> {
  const limits = await readLimits();
  if (limits === undefined) return;
  const warning = judgeDescriptors(limits, needOf(config), workers);
  if (warning !== undefined) log.warn(warning, 'open-file limit is low');
}

export function needOf({ listen, pools, routes }: WorkerConfig): DescriptorNeed {
  const backends = Object.values(pools).reduce(
    (sum, { backends: listed }) => sum + (listed.type === 'static' ? listed.backends.length : 16),
    0,
  );
  const largest = Math.max(0, ...routes.map(({ limits }) => limits.connectionsPerAddress));
  return { base: PROCESS_DESCRIPTORS + listen.length + backends, perAddress: largest * DESCRIPTORS_PER_CONNECTION };
}

/** The fields of the warning, or undefined when there is enough. */
export function judgeDescriptors(limits: FileLimits, need: DescriptorNeed, workers: number): object | undefined {
  const expected = Math.max(COMFORTABLE, need.base + need.perAddress);
  if (limits.soft >= expected) return undefined;
  const perWorker = Math.max(0, Math.floor((limits.soft - need.base) / DESCRIPTORS_PER_CONNECTION));
  return {
    expected: `a soft limit of at least ${expected} open files`,
    got: limits.soft,
    hardLimit: Number.isFinite(limits.hard) ? limits.hard : 'unlimited',
    connectionsPerWorker: perWorker,
    connections: perWorker * workers,
    fix: `ulimit -n ${expected} before the start; LimitNOFILE=${expected} in a systemd unit; --ulimit nofile=${expected} in Docker`,
  };
}

/** Of the text of /proc/self/limits; undefined when the line is not there. */
export function parseLimits(text: string): FileLimits | undefined {
  const match = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(text);
  if (match === null) return undefined;
  return { soft: toNumber(match[1]), hard: toNumber(match[2]) };
}

function toNumber(text: string | undefined): number {
  return text === undefined || text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}

async function readLimits(): Promise<FileLimits | undefined> {
  try {
    return parseLimits(await readFile('/proc/self/limits', 'utf8'));
  } catch {
    return undefined;
  }
}
