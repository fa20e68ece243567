/**
 * SIGTERM asks to leave: every backend of the process is given the time, then the signal does what it would have done
 * without us, unless the application listens for it too and ends the process itself. A second SIGTERM is not
 * ours: it ends the process at once.
 */

/** Process-wide, as signals are: the process ends when the last one is done. */
const leaving = new Set<Promise<void>>();

/** @returns what stops listening. */
export function onTermination(leave: () => Promise<void>): () => void {
  const listener = (): void => {
    const done = leave().finally(() => {
      leaving.delete(done);
      if (leaving.size === 0 && process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM');
    });
    leaving.add(done);
  };
  process.once('SIGTERM', listener);
  return () => void process.off('SIGTERM', listener);
}
