import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { formatDiagnostic } from '@keepfleet/config';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Case, ConfigStand, corpus, debian, ours } from './config-stand.ts';
import { OURS_ONLY, PAIRINGS, THEIRS_ONLY, compare, complaintsOf } from './config-verdicts.ts';

// Our verdict on a file beside that of `keepalived -t`, complaint by complaint. Needs root and Debian's keepalived.

const cases: readonly Case[] = [...debian, ...corpus, ...ours];
let stand: ConfigStand;
const needed = new Set<object>();
let compared = 0;

beforeAll(() => {
  stand = new ConfigStand(cases);
});
afterAll(() => stand.close());

describe('our verdict beside that of keepalived -t', () => {
  it('is asked for the samples of Debian too', () => {
    assert.ok(debian.length > 20);
  });

  for (const one of cases) {
    it(`${one.title}: each finds fault with what the other does, or the difference is explained`, () => {
      const { code, output } = stand.test(one);
      const { diagnostics } = stand.read(one);
      const complaints = complaintsOf(output);
      const { unexplained, used } = compare(complaints, diagnostics, code === 2);
      for (const explanation of used) needed.add(explanation);
      compared++;
      const context = `keepalived: ${code}\n${output}\nwe:\n${diagnostics.map(formatDiagnostic).join('\n')}`;
      assert.deepEqual(unexplained, [], context);
      // What it cannot read to its end we refuse.
      if (code === 2)
        assert.ok(
          diagnostics.some(({ severity }) => severity === 'error'),
          context,
        );
    });
  }

  it('has no explanation that nothing needs', () => {
    // A checkout without the corpus does not need them all.
    if (corpus.length === 0 || compared < cases.length) {
      assert.ok(corpus.length > 0 || !existsSync('../shared/corpus'));
      return;
    }
    const stale = [...PAIRINGS, ...THEIRS_ONLY, ...OURS_ONLY].filter((one) => !needed.has(one));
    assert.deepEqual(stale, []);
  });
});
