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
          // Each file runs real processes; two noisy cores serve two files at a time.
          maxWorkers: 2,
          // After the units: those are quick to say what is wrong, and want the cores for themselves.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
