import { defineConfig } from 'vitest/config';

export default defineConfig({
  // NestJS needs the constructor types at run time.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    include: ['libs/*/src/**/*.spec.ts', 'apps/*/src/**/*.spec.ts', 'test/*/src/**/*.spec.ts', 'tools/*.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    maxWorkers: 2,
    // A busy machine is no failure: what hangs is found all the same. No spec has a shorter patience of its own.
    setupFiles: ['tools/patience.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 120_000 } },
  },
});
