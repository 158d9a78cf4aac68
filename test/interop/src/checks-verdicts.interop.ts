import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutIpvs } from '@keepfleet/test-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cases } from './checks-cases.ts';
import { type Program, conditions, wantedOf } from './checks-plan.ts';
import { type Outcome, runChecks } from './checks-run.ts';

const all = cases('/nowhere');

describe('every checker against real servers, well and not, beside keepalived', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kf-verdicts-'));
  const outcomes = new Map<Program, Outcome>();

  beforeAll(async () => {
    for (const outcome of await runChecks(true, withoutIpvs(directory))) outcomes.set(outcome.who, outcome);
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
    process.stderr.write(timesOf(outcomes));
  });

  const told = (who: Program, name: string) => outcomes.get(who)?.told[name];

  it('both say of every server what is expected in the end', () => {
    expect([...outcomes.values()].map(({ missing }) => missing)).toEqual(['', '']);
  });

  const both = all.filter(({ own, theirs }) => own !== true && theirs === undefined);
  it.each(both.map(({ name }) => name))('%s: the last word of both is the same', (name) => {
    expect(told('keepalived', name)).toBeDefined();
    expect(told('keepfleet', name)?.at(-1)).toBe(told('keepalived', name)?.at(-1));
  });

  const rest = all.filter(({ own, theirs }) => own === true || theirs !== undefined);
  const word = (wanted: number | 'out') => (wanted === 'out' ? 'DOWN' : 'UP');
  it.each(rest.map((one) => [one.name, word(one.expected), one] as const))(
    '%s: the last word of ours is %s',
    (name, expected, one) => {
      expect(told('keepfleet', name)?.at(-1)).toBe(expected);
      if (one.own !== true) expect(told('keepalived', name)?.at(-1)).toBe(word(wantedOf(one, 'keepalived')));
    },
  );

  const exact = all.flatMap((one) => (one.told === undefined ? [] : [one]));
  it.each(exact.map(({ name, told: words, own }) => [name, words, own] as const))(
    '%s: %j and nothing else is told',
    (name, words, own) => {
      expect(told('keepfleet', name)).toEqual(words);
      if (own !== true) expect(told('keepalived', name)).toEqual(words);
    },
  );

  it('nothing is told of what begins as it is, nor with ha_suspend before the address is there', () => {
    expect([...outcomes.values()].map(({ early }) => early)).toEqual([0, 0]);
  });
});

/** Of each checker in each condition, to be looked at: a busy machine makes either late, so that nothing is judged by it. */
function timesOf(outcomes: ReadonlyMap<Program, Outcome>): string {
  const at = (who: Program, name: string) => outcomes.get(who)?.times[name]?.toFixed(1) ?? '-';
  const rows = new Map<string, string[]>();
  for (const { name, cell } of all) {
    if (cell === undefined) continue;
    const [checker, condition] = cell;
    const row = rows.get(checker) ?? conditions.map(() => '');
    row[conditions.indexOf(condition)] = `${at('keepfleet', name)} / ${at('keepalived', name)}`;
    rows.set(checker, row);
  }
  const line = (checker: string, cells: readonly string[]) =>
    `${checker.padEnd(24)}${cells.map((cell) => cell.padEnd(16)).join('')}\n`;
  return [
    'seconds until the last word about a server, ours / keepalived, from the first word of each:\n',
    line('', conditions),
    ...[...rows].map(([checker, row]) => line(checker, row)),
  ].join('');
}
