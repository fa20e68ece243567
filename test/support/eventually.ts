/**
 * Waiting for something that becomes true: the probe is asked again until it stops throwing. Tests never sleep for a
 * fixed time, because a fixed time is too short on a busy machine and too long on every other.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** @default 5000 */
  readonly withinMs?: number;
  /** Time between two probes. @default 20 */
  readonly everyMs?: number;
}

/** Gives what the probe gives; after `withinMs` the probe's last error is thrown. */
export async function eventually<T>(probe: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { withinMs = 5000, everyMs = 20 } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await delay(everyMs);
  }
}

/** The promise's value, or an error that names what was waited for. */
export async function within<T>(withinMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: expected within ${withinMs} ms, got nothing`)), withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * For what must not happen: watches during `forMs` and fails at the first violation. The time bounds what the test
 * can see; it is not a wait for something to be done.
 */
export async function never(forMs: number, probe: () => void | Promise<void>): Promise<void> {
  const deadline = performance.now() + forMs;
  while (performance.now() < deadline) {
    await probe();
    await delay(20);
  }
}
