import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformanceCases, coverageGaps, playCase } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { toySurroundings } from './fixtures/surroundings.ts';
import { VrrpNode } from './index.ts';

const CASES = join(import.meta.dirname, 'conformance');
const COVERAGE = join(import.meta.dirname, '../../../docs/rfc-coverage.md');

describe('conformance', () => {
  const cases = conformanceCases(CASES);

  it.each(cases)('%s', (name) => {
    const node = new VrrpNode(toySurroundings);
    const { about, outputs, wanted } = playCase(join(CASES, name), node);
    expect(outputs, about.output).toEqual(wanted);
    expect(
      node.snapshot((at) => at),
      about.rule,
    ).toMatchObject(about.ends);
  });

  it('has every case in the table of rules, and every case of that table', () => {
    expect(coverageGaps(readFileSync(COVERAGE, 'utf8'), cases)).toEqual({ unmentioned: [], unknown: [] });
  });
});
