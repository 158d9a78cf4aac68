import { defineConfig } from 'vitest/config';

/** Foreign peers on this machine: needs root, not part of the unit run. */
export default defineConfig({
  test: {
    include: ['src/**/*.interop.ts'],
    root: import.meta.dirname,
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
