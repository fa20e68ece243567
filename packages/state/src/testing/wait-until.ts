/** Waits for servers to become what a test wants of them. Apart from vitest's, so that benchmarks can use these too. */
import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 25;

export async function waitUntil(
  isTrue: () => Promise<boolean>,
  { what, withinMs }: { readonly what: string; readonly withinMs: number },
): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (await isTrue()) return;
    if (performance.now() > deadline) throw new Error(`expected ${what} within ${withinMs} ms, got none`);
    await delay(INTERVAL_MS);
  }
}
