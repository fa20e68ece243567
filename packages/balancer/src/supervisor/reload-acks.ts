/**
 * Waits until workers say that they run on a new configuration, so that whoever asked for a reload gets the answer when it
 * is true. Bounded: a blocked worker takes the configuration when it wakes up, nobody waits that long for it.
 */

interface Waiting {
  readonly configVersion: number;
  readonly missing: Set<number>;
  readonly done: () => void;
}

const WAIT_MS = 2000;

export class ReloadAcks {
  readonly #waiting = new Set<Waiting>();

  /** Answers the workers that did not say so in time. */
  wait(configVersion: number, workerIds: readonly number[]): Promise<readonly number[]> {
    const missing = new Set(workerIds);
    if (missing.size === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        resolve([...missing]);
      };
      const waiting: Waiting = { configVersion, missing, done };
      const timer = setTimeout(done, WAIT_MS);
      this.#waiting.add(waiting);
    });
  }

  onReloaded(workerId: number, configVersion: number): void {
    for (const waiting of this.#waiting) {
      if (configVersion >= waiting.configVersion) strike(waiting, workerId);
    }
  }

  /** One that is gone comes back with the newest configuration. */
  forget(workerId: number): void {
    for (const waiting of this.#waiting) strike(waiting, workerId);
  }
}

function strike({ missing, done }: Waiting, workerId: number): void {
  missing.delete(workerId);
  if (missing.size === 0) done();
}
