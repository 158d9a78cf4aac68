import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformanceCases, coverageGaps, playCase, seededRandom } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { BfdNode } from './index.ts';

const CASES = join(import.meta.dirname, 'conformance');
const COVERAGE = join(import.meta.dirname, '../../../docs/rfc-coverage-bfd.md');

describe('conformance', () => {
  const cases = conformanceCases(CASES);

  it.each(cases)('%s', (name) => {
    const node = new BfdNode(seededRandom(1));
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
