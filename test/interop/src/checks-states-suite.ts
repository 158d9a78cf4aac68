import { beforeAll, describe, expect, it } from 'vitest';
import { walk } from './checks-states.ts';

interface Step {
  readonly name: string;
  readonly table: string;
  readonly lines: readonly string[];
  readonly common: readonly string[];
  readonly calls: readonly string[];
  readonly mails: readonly string[];
}

/** A busy machine makes a guest ten times as slow. */
export const GUEST_MS = 890_000;

const names = [
  'at start',
  ...walk.slice(1).map((well) => `well: ${well.join(' ') || 'none'}`),
  'reloaded without the last server',
  'reloaded without the last service',
  'stopped',
];

/** `run` resolves with what checks-states-run.ts printed. */
export function compareStates(title: string, run: () => Promise<string>): void {
  describe(title, () => {
    const runs = new Map<string, readonly Step[]>();
    let output = '';

    beforeAll(async () => {
      output = await run();
      for (const line of output.split('\n')) {
        if (!line.startsWith('{"who"')) continue;
        const { who, steps } = JSON.parse(line) as { who: string; steps: readonly Step[] };
        runs.set(who, steps);
      }
    }, GUEST_MS + 10_000);

    it.each(names.map((name, i) => [name, i] as const))(
      '%s: the table and the lines of the pipe are the same',
      (name, i) => {
        const [theirs, ours] = ['keepalived', 'keepfleet'].map((who) => runs.get(who)?.[i]);
        if (theirs === undefined) throw new Error(`keepalived did not get so far: ${output.slice(-2_000)}`);
        expect(theirs.name).toBe(name);
        const besides = theirsOnly(name);
        const [lines, common] = [theirs.lines, theirs.common].map((all) =>
          all.filter((line) => !besides.includes(line)),
        );
        const { table } = theirs;
        expect({ table: ours?.table, lines: ours?.lines, common: ours?.common }).toEqual({ table, lines, common });
      },
    );

    it.each(names.map((name, i) => [name, i] as const))('%s: the same scripts run', (name, i) => {
      const [theirs, ours] = ['keepalived', 'keepfleet'].map((who) => runs.get(who)?.[i]?.calls);
      expect(theirs).toBeDefined();
      expect(ours).toEqual(theirs?.filter((call) => !theirsOnly(name).includes(call)));
    });

    it('on the way the mails are the same, sooner or later', () => {
      const of = (who: string) =>
        runs
          .get(who)
          ?.slice(1, walk.length)
          .flatMap(({ mails }) => mails)
          .sort();
      expect(of('keepalived')?.length).toBeGreaterThan(0);
      expect(of('keepfleet')).toEqual(of('keepalived'));
    });

    it('at the end the agent sends the mails of omega', () => {
      const server = (port: number, one: number) =>
        `[L1] Realserver [192.0.2.1${one}]:tcp:80 of virtual server [198.51.100.16]:tcp:${port} - DOWN`;
      expect(runs.get('keepfleet')?.at(-1)?.mails).toEqual([
        ...[server(7, 0), server(8, 0), server(7, 1), server(8, 1)],
        '[L1] Virtualserver [198.51.100.16]:tcp:8 - DOWN',
      ]);
    });
  });
}

/** Keepalived compares with the quorum of before, which is one of more servers than there are now, and goes on with the new one. */
function theirsOnly(step: string): readonly string[] {
  return step === 'reloaded without the last server' ? ['VS [198.51.100.16]:tcp:9 DOWN\n', 'quorum_down 9\n'] : [];
}
