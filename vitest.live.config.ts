import { defineConfig } from 'vitest/config';

/** What needs root, a kernel, namespaces or foreign programs: one file after the other, since they share the machine. */
export default defineConfig({
  test: {
    include: ['test/interop/src/**/*.interop.ts', 'test/lab/src/**/*.interop.ts', 'test/e2e/src/**/*.e2e.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    sequence: { groupOrder: 0 },
  },
});
