import { defineConfig } from 'vitest/config';

/** One file at a time, each in a process of its own: software GPUs use every core, and the Vulkan loader its environment. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: './test/obtain-browsers.ts',
    reporters: ['default', './test/last-line.ts'],
  },
});
