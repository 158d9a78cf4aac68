import { defineConfig } from 'vitest/config';

/** Foreign peers on this machine: needs root, not part of the unit run. */
export default defineConfig({
  test: {
    include: ['test/interop/src/**/*.interop.ts'],
    root: '../..',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
