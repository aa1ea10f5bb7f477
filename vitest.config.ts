import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * Files that use a GPU or a browser run one at a time, each in a process of its own: software GPUs use every core, and
 * the Vulkan loader reads the process's environment. The unit tests run in parallel, before them.
 */
export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/last-line.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          isolate: false,
          maxWorkers: availableParallelism(),
        },
      },
      {
        extends: true,
        test: {
          name: 'gpu',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**'],
          pool: 'forks',
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          globalSetup: './test/obtain-browsers.ts',
        },
      },
    ],
  },
});
