import { fileURLToPath } from 'node:url';
import { createProjectGraphAsync } from '@nx/devkit';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const eslint = new ESLint({ cwd: root });

async function rulesBroken(filePath: string, code: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(code, { filePath: `${root}${filePath}` });
  return result?.messages.map((message) => message.ruleId) ?? [];
}

const boundary = '@nx/enforce-module-boundaries';

describe('the layers', () => {
  // Without a project graph the boundary rule is skipped in silence.
  beforeAll(async () => void (await createProjectGraphAsync()), 60_000);

  it.each([
    ['a protocol library imports a sibling', 'libs/vrrp/src/planted.ts', "export * from '@keepfleet/ipvs';", boundary],
    [
      'a protocol library imports an adapter',
      'libs/vrrp/src/planted.ts',
      "export * from '@keepfleet/linux';",
      boundary,
    ],
    ['a protocol library imports a package', 'libs/swim/src/planted.ts', "export * from 'zod';", boundary],
    ['an adapter imports a protocol', 'libs/linux/src/planted.ts', "export * from '@keepfleet/vrrp';", boundary],
    [
      'the controller imports a protocol',
      'apps/controller/src/planted.ts',
      "export * from '@keepfleet/vrrp';",
      boundary,
    ],
    ['the command line imports a protocol', 'apps/cli/src/planted.ts', "export * from '@keepfleet/vrrp';", boundary],
    [
      'production code imports the test kit',
      'libs/vrrp/src/planted.ts',
      "export * from '@keepfleet/testkit';",
      boundary,
    ],
    [
      'a protocol library imports Node',
      'libs/vrrp/src/planted.ts',
      "export * from 'node:fs';",
      'no-restricted-imports',
    ],
    [
      'a protocol library asks the clock',
      'libs/mib/src/planted.ts',
      'export const now = Date.now();',
      'no-restricted-properties',
    ],
    [
      'a protocol library starts a timer',
      'libs/vrrp/src/planted.ts',
      'setTimeout(() => undefined, 1);',
      'no-restricted-globals',
    ],
    [
      'a protocol library rolls dice',
      'libs/swim/src/planted.ts',
      'export const x = Math.random();',
      'no-restricted-properties',
    ],
  ])('are broken when %s', async (_, file, code, rule) => {
    expect(await rulesBroken(file, code)).toContain(rule);
  });

  it.each([
    ['an application imports a protocol', 'apps/node-agent/src/planted.ts', "export * from '@keepfleet/vrrp';"],
    [
      'the controller imports what judges the masters in the agents',
      'apps/controller/src/planted.ts',
      "export * from '@keepfleet/swim';",
    ],
    ['a spec imports the test kit', 'libs/vrrp/src/planted.spec.ts', "export * from '@keepfleet/testkit';"],
  ])('allow that %s', async (_, file, code) => {
    expect(await rulesBroken(file, code)).toEqual([]);
  });
});
