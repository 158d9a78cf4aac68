import { parseKeepalivedConfig } from '@keepfleet/config';
import { describe, expect, it } from 'vitest';
import type { Log } from '../log.ts';
import { lvsSettings } from '../settings/index.ts';
import { AddressMarks } from './address-marks.ts';

// What nftables is told is compared with keepalived's in test/interop.

const log = {} as Log;

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
    expect(marksOf(new AddressMarks(log), settings('nftables_ipvs', a, b))).toEqual({
      A: { tcp: 1000 },
      B: { udp: 1001 },
    });
    expect(marksOf(new AddressMarks(log), settings('nftables_ipvs\n nftables_ipvs_start_fwmark 7', b, a))).toEqual({
      B: { udp: 7 },
      A: { tcp: 8 },
    });
  });

  it('stay with their groups over reloads, and one that is free goes to a newcomer', () => {
    const marks = new AddressMarks(log);
    marksOf(marks, settings('nftables_ipvs', a, b));
    expect(marksOf(marks, settings('nftables_ipvs', c, b))).toEqual({ C: { tcp: 1000 }, B: { udp: 1001 } });
    expect(marksOf(marks, settings('nftables_ipvs', a, b, c))).toEqual({
      A: { tcp: 1002 },
      B: { udp: 1001 },
      C: { tcp: 1000 },
    });
  });

  it('leave out those that the configuration gives to something else', () => {
    const marked = ['M', 'TCP', 'fwmark 1000'] as const;
    expect(marksOf(new AddressMarks(log), settings('nftables_ipvs', marked, a))).toEqual({
      M: undefined,
      A: { tcp: 1001 },
    });
  });

  it('are none without nftables_ipvs', () => {
    expect(marksOf(new AddressMarks(log), settings('', a))).toEqual({ A: undefined });
  });
});
