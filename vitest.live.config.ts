import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { beyondContinuousChecks } from './vitest.long.config.ts';

/** What computes most of its time, or is there once on a machine: one after the other, nothing beside it. */
const alone = [
  'test/interop/src/ipvs-guest.interop.ts',
  'test/interop/src/lvs-process.interop.ts',
  'test/lab/src/*.interop.ts',
  'test/e2e/src/*.e2e.ts',
];

/**
 * So many of the rest at a time: they wait for the times of protocols, and use a third of a processor each. Every namespace,
 * directory and process is a file's own, and their names have its process id.
 */
const SIDE_BY_SIDE = 4;

function project(
  name: string,
  groupOrder: number,
  test: NonNullable<TestProjectInlineConfiguration['test']>,
): TestProjectInlineConfiguration {
  return {
    test: {
      // Guests on a busy machine are ten times as slow as on a quiet one: what hangs is found all the same.
      testTimeout: 400_000,
      hookTimeout: 600_000,
      sequence: { groupOrder },
      ...test,
      name,
    },
  };
}

/** What needs root, a kernel, namespaces or foreign programs. */
export default defineConfig({
  test: {
    projects: [
      project('side by side', 0, {
        include: ['test/interop/src/*.interop.ts'],
        exclude: [...alone, ...beyondContinuousChecks],
        maxWorkers: SIDE_BY_SIDE,
      }),
      project('alone', 1, { include: alone, exclude: beyondContinuousChecks, fileParallelism: false }),
    ],
  },
});
