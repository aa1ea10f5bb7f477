import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests of times and of memory, which other work on the machine would disturb. */
const MEASUREMENTS = [
  'test/soak/*.test.ts',
  'test/runtime/{profile,tuning,warm}.test.ts',
  'test/browsers/{first-call,latency}.test.ts',
  'test/cli/bench.test.ts',
];

/**
 * Three groups of files, one after another: the unit tests on all cores; tests that use a GPU, a browser or the built
 * package, two files at a time, since a software GPU uses every core, but not all of the time; measurements, alone.
 */
export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    reporters: ['default', './test/last-line.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          isolate: false,
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'gpu',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**', ...MEASUREMENTS],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          globalSetup: './test/obtain-browsers.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'measurements',
          include: MEASUREMENTS,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          globalSetup: './test/obtain-browsers.ts',
        },
      },
    ],
  },
});
