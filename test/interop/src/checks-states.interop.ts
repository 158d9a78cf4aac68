import { runInGuest } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { walk } from './checks-states.ts';

interface Step {
  readonly name: string;
  readonly table: string;
  readonly lines: readonly string[];
  readonly mails: readonly string[];
}

const names = [
  'at start',
  ...walk.slice(1).map((well) => `well: ${well.join(' ') || 'none'}`),
  'reloaded without the last server',
  'reloaded without the last service',
  'stopped',
];

describe('quorum, sorry server, alpha and omega beside keepalived', () => {
  const runs = new Map<string, readonly Step[]>();
  let output = '';

  beforeAll(async () => {
    const run = await runInGuest('exec node test/interop/src/checks-states-guest.ts', {
      timeout: 400_000,
      megabytes: 768,
    });
    output = run.output;
    for (const line of output.split('\n')) {
      if (!line.startsWith('{"who"')) continue;
      const { who, steps } = JSON.parse(line) as { who: string; steps: readonly Step[] };
      runs.set(who, steps);
    }
  }, 410_000);

  const of = (i: number) => {
    const [theirs, ours] = ['keepalived', 'keepfleet'].map((who) => runs.get(who)?.[i]);
    if (theirs === undefined) throw new Error(`keepalived did not get so far: ${output.slice(-2_000)}`);
    expect(theirs.name).toBe(names[i]);
    return { theirs, ours };
  };
  const each = names.map((name, i) => [name, i] as const);

  it.each(each)('%s: the table and the lines of the pipe are the same', (_, i) => {
    const { theirs, ours } = of(i);
    expect({ table: ours?.table, lines: ours?.lines }).toEqual({ table: theirs.table, lines: theirs.lines });
  });

  it.each(each)('%s: the mails are the same', (_, i) => {
    const { theirs, ours } = of(i);
    expect(ours?.mails).toEqual(theirs.mails);
  });
});
