import { defineConfig } from 'vitest/config';

// Unit tests run from the sources (the `@holdfast/source` export condition); everything else runs the built binary.
const fromSource = {
  resolve: { conditions: ['@holdfast/source'] },
  ssr: { resolve: { conditions: ['@holdfast/source'] } },
};

export default defineConfig({
  test: {
    projects: [
      {
        ...fromSource,
        test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], testTimeout: 10_000 },
      },
      {
        ...fromSource,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Each file runs real processes; two noisy cores serve two files at a time. Three took as long and disturbed each other.
          maxWorkers: 2,
          // After the units: those are quick to say what is wrong, and want the cores for themselves.
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...fromSource,
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          // Five thousand schedules are two minutes of a core, and more of a slow one.
          testTimeout: 900_000,
          // Each file replaces the global timers while it runs, and is a loop over the CPU: one core serves one of them.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        ...fromSource,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts', 'test/browser/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 60_000,
          // One at a time: what they measure (how long a stall lasts) is about the product, not about a busy machine.
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
