import { runInGuest } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { cases } from './checks-cases.ts';
import { type Case, type Program, wantedOf } from './checks-plan.ts';
import type { Outcome } from './checks-run.ts';

const all = cases('/nowhere').filter(({ hostOnly, suspended }) => hostOnly !== true && suspended !== true);

describe('what the checkers make of the table of a kernel with IPVS, beside keepalived', () => {
  const outcomes = new Map<Program, Outcome>();
  let output = '';

  beforeAll(async () => {
    const run = await runInGuest('exec node test/interop/src/checks-guest.ts', { timeout: 880_000, megabytes: 768 });
    output = run.output;
    for (const line of output.split('\n')) {
      if (!line.startsWith('{"who"')) continue;
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.who, outcome);
    }
  }, 890_000);

  it('both come to an end', () => {
    expect(
      [...outcomes.values()].map(({ missing }) => missing),
      output,
    ).toEqual(['', '']);
  });

  const weight = (who: Program, name: string) => outcomes.get(who)?.pool[name];

  const row = (one: Case) => [one.name, wantedOf(one, 'keepalived'), wantedOf(one, 'keepfleet')] as const;
  it.each(all.filter(({ own }) => own !== true).map(row))(
    '%s: keepalived gives it weight %s and the agent %s',
    (name, keepalived, agent) => {
      expect({ keepalived: weight('keepalived', name), agent: weight('keepfleet', name) }).toEqual({
        keepalived,
        agent,
      });
    },
  );

  it.each(all.filter(({ own }) => own === true).map(({ name, expected }) => [name, expected] as const))(
    '%s: the agent gives it weight %s',
    (name, expected) => {
      expect(weight('keepfleet', name)).toBe(expected);
    },
  );
});
