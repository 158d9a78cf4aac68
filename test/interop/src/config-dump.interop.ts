import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { dumpedInstances, mayStart, modelledInstances } from './config-dump.ts';
import { type Case, ConfigStand, corpus, debian, ours } from './config-stand.ts';

// Our model beside what keepalived itself prints of its own when it starts with the same file. Needs root.

/** Where the two differ, and why; by title and instance. */
const EXPLAINED: Readonly<Record<string, string>> = {
  'vrrp VI_1': 'the second line of an address has no effect here and is none of the model',
  '016 TEST_1': 'the only member of a sync group has lost its state MASTER there',
  '077 VI_1': 'an instance on the loopback interface is left out there and warned of here',
};

const isOurs = (one: Case) => ours.includes(one);
const cases = [...debian, ...corpus, ...ours].filter((one) => mayStart(readFileSync(one.path, 'utf8')));
let stand: ConfigStand;
let compared = 0;
beforeAll(() => {
  stand = new ConfigStand(cases);
}, 300_000);
afterAll(() => stand.close());

describe("our model beside keepalived's own dump", () => {
  for (const one of cases) {
    it(`${one.title} has the same instances`, async () => {
      const { config, diagnostics } = stand.read(one);
      // A file with errors is refused here as a whole and used there as far as it goes.
      const usable = diagnostics.every(({ severity }) => severity !== 'error');
      if (!usable || (config.vrrpInstances.length === 0 && !isOurs(one))) return;
      const theirs = dumpedInstances(await stand.dump(one));
      // It ends where it needs IPVS, which this kernel need not have.
      if (theirs === undefined) return;
      compared += Object.keys(theirs).length;
      const mine = modelledInstances(config);
      for (const name of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
        const explanation = EXPLAINED[`${one.title} ${name}`];
        if (explanation === undefined) assert.deepEqual(mine[name], theirs[name], `${one.title} ${name}`);
        else assert.notDeepEqual(mine[name], theirs[name], `out of date: ${explanation}`);
      }
    });
  }

  it('was looked at for more than a few instances', () => {
    assert.ok(compared > 10, String(compared));
  });

  it('has explanations only for files that are compared', () => {
    const titles = cases.map(({ title }) => title);
    if (corpus.length === 0) return;
    const stale = Object.keys(EXPLAINED).filter((key) => !titles.some((title) => key.startsWith(`${title} `)));
    assert.deepEqual(stale, []);
  });
});
