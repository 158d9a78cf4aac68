import { parseKeepalivedConfig } from '@keepfleet/config';
import { beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../log.ts';
import type { NftFailure } from '../nft.ts';
import { lvsSettings } from '../settings/index.ts';
import { AddressMarks, noMarks } from './address-marks.ts';

// What nftables is told is compared with keepalived's in test/interop.

const log = createLog('lvs', 'silent');
const nothing = () => undefined;
const fresh = () => new AddressMarks(log, nothing, nothing);

function settings(globals: string, ...groups: readonly (readonly [name: string, protocol: string, members: string])[]) {
  const text = [
    `global_defs {\n ${globals}\n}`,
    ...groups.map(([name, , members]) => `virtual_server_group ${name} {\n ${members}\n}`),
    ...groups.map(
      ([name, protocol]) =>
        `virtual_server group ${name} {\n protocol ${protocol}\n real_server 192.0.2.10 80 {\n weight 1\n }\n}`,
    ),
  ].join('\n');
  return lvsSettings(parseKeepalivedConfig({ file: 'k.conf', text }).config);
}

const marksOf = (marks: AddressMarks, of: ReturnType<typeof settings>) =>
  Object.fromEntries(marks.groups(of).map((group) => [group.name, group.marks]));
const a = ['A', 'TCP', '198.51.100.10-20 80'] as const;
const b = ['B', 'UDP', '198.51.100.40 53'] as const;
const c = ['C', 'TCP', '198.51.100.50 80'] as const;

describe('marks for the addresses of groups', () => {
  it('are dealt out in the order of the virtual servers, from the first one on', () => {
    expect(marksOf(fresh(), settings('nftables_ipvs', a, b))).toEqual({
      A: { tcp: 1000 },
      B: { udp: 1001 },
    });
    expect(marksOf(fresh(), settings('nftables_ipvs\n nftables_ipvs_start_fwmark 7', b, a))).toEqual({
      B: { udp: 7 },
      A: { tcp: 8 },
    });
  });

  it('stay with their groups over reloads, and one that is given up is free for the next reload', () => {
    const marks = fresh();
    marksOf(marks, settings('nftables_ipvs', a, b));
    // For a moment nftables still gives A's mark to A's packets: they must not get to the servers of C.
    expect(marksOf(marks, settings('nftables_ipvs', c, b))).toEqual({ C: { tcp: 1002 }, B: { udp: 1001 } });
    expect(marksOf(marks, settings('nftables_ipvs', a, b, c))).toEqual({
      A: { tcp: 1000 },
      B: { udp: 1001 },
      C: { tcp: 1002 },
    });
  });

  it('are given up for those that the configuration gives to something else later', () => {
    const group = ['M', 'TCP', 'fwmark 1001'] as const;
    const service = 'virtual_server fwmark 1000 {\n real_server 192.0.2.10 80 {\n weight 1\n }\n}';
    const marks = fresh();
    expect(marksOf(marks, settings('nftables_ipvs', a, b, c))).toEqual({
      A: { tcp: 1000 },
      B: { udp: 1001 },
      C: { tcp: 1002 },
    });
    expect(marksOf(marks, settings(`nftables_ipvs\n}\n${service}\nglobal_defs {`, a, b, c, group))).toEqual({
      A: { tcp: 1003 },
      B: { udp: 1004 },
      C: { tcp: 1002 },
      M: undefined,
    });
  });

  it('leave out those that the configuration gives to something else', () => {
    const marked = ['M', 'TCP', 'fwmark 1000'] as const;
    expect(marksOf(fresh(), settings('nftables_ipvs', marked, a))).toEqual({
      M: undefined,
      A: { tcp: 1001 },
    });
  });

  it('are none without nftables_ipvs', () => {
    expect(marksOf(fresh(), settings('', a))).toEqual({ A: undefined });
  });
});

describe('what the next process has to know', () => {
  let left = noMarks;
  let scripts: { readonly script: string; readonly tables: readonly string[] }[] = [];
  let answer: NftFailure | undefined;
  let rules: number | undefined;
  let repaired: string[] = [];

  beforeEach(() => {
    left = noMarks;
    answer = undefined;
    rules = 1;
    repaired = [];
  });

  /** A process, which goes on from what the one before left. */
  function started(): AddressMarks {
    const marks = new AddressMarks(
      log,
      (kept) => (left = kept),
      (what) => repaired.push(what),
      {
        run: (script) => {
          scripts.push({ script, tables: left.tables });
          return answer;
        },
        rules: () => rules,
      },
      0,
    );
    marks.seed(left);
    return marks;
  }

  function configure(marks: AddressMarks, ...to: Parameters<typeof settings>): readonly string[] {
    const wanted = settings(...to);
    scripts = [];
    marks.apply(wanted.addressMarks, marks.groups(wanted));
    return scripts.map(({ script }) => script);
  }

  const removes = (table: string): string => expect.stringContaining(`delete table ip ${table}\n`) as string;

  it('is which mark is whose, so that they stay where the kernel has them', () => {
    const before = started();
    configure(before, 'nftables_ipvs', a, b);
    configure(before, 'nftables_ipvs', c, b);
    expect(marksOf(started(), settings('nftables_ipvs', c, b))).toEqual({ C: { tcp: 1002 }, B: { udp: 1001 } });
    expect(marksOf(started(), settings('nftables_ipvs\n nftables_ipvs_start_fwmark 7', c))).toEqual({ C: { tcp: 7 } });
  });

  it('gives no mark to two, whatever a file says', () => {
    left = { first: 1000, given: { 'tcp A': 1001, 'tcp C': 1001 }, tables: [] };
    expect(marksOf(started(), settings('nftables_ipvs', a, c))).toEqual({ A: { tcp: 1001 }, C: { tcp: 1000 } });
  });

  it('is kept before nftables is told, and is nothing after the end', () => {
    const marks = started();
    configure(marks, 'nftables_ipvs one', a);
    expect(scripts).toMatchObject([{ tables: ['one'] }]);
    marks.remove();
    expect(left).toEqual(noMarks);
  });

  it('is a table that could not be renamed, which is removed with the next settings', () => {
    const marks = started();
    configure(marks, 'nftables_ipvs one', a);
    answer = { reason: 'no', refused: true };
    configure(marks, 'nftables_ipvs two', a);
    expect(left.tables).toEqual(['one']);
    expect(marks.problem).toContain('not marked as configured');
    answer = undefined;
    expect(configure(marks, 'nftables_ipvs two', a)).toEqual([removes('one')]);
    expect(left.tables).toEqual(['two']);
    expect(marks.problem).toBeUndefined();
    expect(configure(marks, 'nftables_ipvs two', a)).toEqual([]);
  });

  it('is a table that could not be removed', () => {
    const marks = started();
    configure(marks, 'nftables_ipvs one', a);
    answer = { reason: 'no', refused: true };
    configure(marks, '', a);
    expect(left.tables).toEqual(['one']);
    expect(marks.problem).toContain('still marked, by the table one');
    answer = undefined;
    expect(configure(marks, '', a)).toEqual([removes('one')]);
    expect(left.tables).toEqual([]);
    expect(configure(marks, '', a)).toEqual([]);
  });

  it('is put back when somebody has removed or emptied it, and told once it is there', () => {
    const marks = started();
    marks.look();
    const [script] = configure(marks, 'nftables_ipvs one', a);
    scripts = [];
    marks.look();
    expect(scripts).toEqual([]);
    rules = 0;
    answer = { reason: 'no', refused: true };
    marks.look();
    expect([scripts.length, repaired, marks.problem]).toEqual([1, [], expect.stringContaining('no')]);
    answer = undefined;
    marks.look();
    expect([scripts.length, marks.problem]).toEqual([2, undefined]);
    marks.look();
    expect(scripts.map((one) => one.script)).toEqual([script, script, script]);
    expect(repaired).toEqual(['add the table ip one of nftables_ipvs']);
    // The kernel cannot tell.
    rules = undefined;
    marks.look();
    expect(scripts).toHaveLength(3);
  });

  it('is not looked for while nft hangs, nor put back when it is no longer wanted', () => {
    const marks = started();
    answer = { reason: 'too late', refused: false };
    configure(marks, 'nftables_ipvs one', a);
    marks.look();
    expect(scripts).toHaveLength(1);
    answer = undefined;
    configure(marks, 'nftables_ipvs one', a);
    rules = 0;
    marks.remove();
    scripts = [];
    marks.look();
    expect([scripts, repaired]).toEqual([[], []]);
  });

  it('is every table that may be there when nft was cut short', () => {
    const marks = started();
    configure(marks, 'nftables_ipvs one', a);
    answer = { reason: 'too late', refused: false };
    configure(marks, 'nftables_ipvs two', a);
    expect(left.tables).toEqual(['one', 'two']);
  });

  it.each([
    ['switched off', ''],
    ['with another name', 'nftables_ipvs two'],
  ])('is the table that it no longer wants, %s', (_, globals) => {
    configure(started(), 'nftables_ipvs one', a);
    expect(configure(started(), globals, a)).toEqual([removes('one')]);
  });
});
