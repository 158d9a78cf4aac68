import { defineConfig } from 'vitest/config';
import { beyondContinuousChecks } from './vitest.long.config.ts';

/** What needs root, a kernel, namespaces or foreign programs: one file after the other, since they share the machine. */
export default defineConfig({
  test: {
    include: ['test/interop/src/**/*.interop.ts', 'test/lab/src/**/*.interop.ts', 'test/e2e/src/**/*.e2e.ts'],
    exclude: beyondContinuousChecks,
    fileParallelism: false,
    // Guests on a busy machine are ten times as slow as on a quiet one: what hangs is found all the same.
    testTimeout: 400_000,
    hookTimeout: 600_000,
    sequence: { groupOrder: 0 },
  },
});
