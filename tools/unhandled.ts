import { writeFileSync } from 'node:fs';
import type { Reporter } from 'vitest/node';

/** For `tools/test.ts`: makes the file of that name when there were errors outside of any test. */
export default class UnhandledErrors implements Reporter {
  onTestRunEnd(_modules: unknown, errors: readonly { readonly message?: string }[]): void {
    const path = process.env['KEEPFLEET_UNHANDLED'];
    if (path !== undefined && errors.length > 0) writeFileSync(path, `${errors.length}\n`);
  }
}
