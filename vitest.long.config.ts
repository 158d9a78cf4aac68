import { defineConfig } from 'vitest/config';

/** Proofs against live peers that take too long for every check, or have not passed on a quiet machine yet. */
export const beyondContinuousChecks = [
  'test/interop/src/checks-keepalived.interop.ts',
  'test/interop/src/checks-quorum.interop.ts',
  'test/interop/src/checks-states.interop.ts',
  'test/interop/src/linux-clock.interop.ts',
  'test/interop/src/reload-storm.interop.ts',
  'test/interop/src/snmp-graph.interop.ts',
  'test/interop/src/snmp-ipvs.interop.ts',
  'test/interop/src/vrrp-matrix.interop.ts',
];

/** `npm run long -- FILE`: these, one after the other. */
export default defineConfig({
  test: {
    include: beyondContinuousChecks,
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
