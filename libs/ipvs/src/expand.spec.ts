import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { expandTarget } from './expand.ts';
import { serviceKey } from './model.ts';
import type { VirtualServerGroupSettings } from './settings.ts';

const group: VirtualServerGroupSettings = {
  name: 'D',
  members: [
    { kind: 'range', first: ip('198.51.100.10'), last: ip('198.51.100.11'), port: 80 },
    { kind: 'address', address: ip('2001:db8::1'), port: 443 },
    { kind: 'fwmark', fwmark: 5, family: 'ipv4' },
  ],
};
const target = { kind: 'group', name: 'D' } as const;
const mark = { kind: 'fwmark', fwmark: 5, family: 'ipv4' } as const;

describe('the services of a group', () => {
  it('are one of each address and of each mark', () => {
    expect(expandTarget(target, 'tcp', [group])).toEqual([
      { kind: 'address', protocol: 'tcp', address: '198.51.100.10', port: 80 },
      { kind: 'address', protocol: 'tcp', address: '198.51.100.11', port: 80 },
      { kind: 'address', protocol: 'tcp', address: '2001:db8::1', port: 443 },
      mark,
    ]);
  });

  it('are of the family of the virtual server where a mark has none of its own', () => {
    const marks = [{ name: 'D', members: [{ kind: 'fwmark', fwmark: 7 } as const, mark] }];
    const familiesOf = (family?: 'ipv4' | 'ipv6') =>
      expandTarget({ ...target, ...(family && { family }) }, 'tcp', marks).map(serviceKey);
    expect(familiesOf('ipv6')).toEqual(['fwmark/7/ipv6', 'fwmark/5']);
    expect(familiesOf('ipv4')).toEqual(['fwmark/7', 'fwmark/5']);
    expect(familiesOf()).toEqual(['fwmark/7', 'fwmark/5']);
  });

  it('are one of each family where its addresses have a mark for the protocol', () => {
    const marked = [{ ...group, marks: { tcp: 1000 } }];
    expect(expandTarget(target, 'tcp', marked)).toEqual([
      { kind: 'fwmark', fwmark: 1000, family: 'ipv4' },
      { kind: 'fwmark', fwmark: 1000, family: 'ipv6' },
      mark,
    ]);
    expect(expandTarget(target, 'udp', marked)).toHaveLength(4);
  });
});
