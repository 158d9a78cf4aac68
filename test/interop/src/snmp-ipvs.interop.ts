import { runInGuest } from '@keepfleet/test-lab';
import { describe, expect, it } from 'vitest';
import { compareWalks, valuesOf } from './snmp-compare.ts';
import { IPVS_DIFFERENCES } from './snmp-differences.ts';

interface Walk {
  readonly who: string;
  readonly lines: readonly string[];
}

describe('the tables of IPVS of the same configuration', () => {
  it("are keepalived's line by line, but for a table of differences with their reasons", async () => {
    const { output } = await runInGuest('exec node test/interop/src/snmp-ipvs-guest.ts', {
      timeout: 580_000,
      megabytes: 768,
    });
    const walks = output.split('\n').flatMap((line) => (line.startsWith('{"who"') ? [JSON.parse(line) as Walk] : []));
    const of = (who: string) => valuesOf(walks.find((walk) => walk.who === who)?.lines ?? []);
    const expected = of('keepalived');
    expect(expected.size, output).toBeGreaterThan(300);
    expect(compareWalks(expected, of('keepfleet'), IPVS_DIFFERENCES)).toEqual({ unexplained: [], unused: [] });
  }, 600_000);
});
