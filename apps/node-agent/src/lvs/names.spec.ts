import { describe, expect, it } from 'vitest';
import { groupRanks, realServerName, virtualServerName } from './names.ts';
import { ip } from './values.ts';

const address = ip.parse('192.168.1.99');
const address4 = ip.parse('198.51.100.15');
const address6 = ip.parse('2001:db8::15');

// From the log of keepalived 2.2.7 with virtual servers of each kind.
describe("keepalived's names", () => {
  it.each([
    [{ kind: 'address', address: address4, port: 1126 }, '[198.51.100.15]:sctp:1126', '[192.168.1.99]:sctp:80'],
    [{ kind: 'address', address: address6, port: 1126 }, '[2001:db8::15]:sctp:1126', '[192.168.1.99]:sctp:80'],
    [{ kind: 'fwmark', fwmark: 1086, family: 'ipv4' }, 'FWM 1086', '[192.168.1.99]:none:80'],
    [{ kind: 'group', name: 'g106' }, '[g106]:0', '[192.168.1.99]:sctp:80'],
  ] as const)('of %j is %s, and of a server behind it %s', (target, service, server) => {
    const traits = { target, protocol: 'sctp' } as const;
    expect(virtualServerName(traits)).toBe(service);
    expect(realServerName(traits, { address, port: 80 })).toBe(server);
  });

  it('of further services of a group are told apart', () => {
    expect(virtualServerName({ target: { kind: 'group', name: 'g106' }, protocol: 'udp' }, 1)).toBe('[g106]:1');
    const of = (key: string, name: string) => ({ key, target: { kind: 'group', name } as const });
    const services = [of('g', 'g'), of('h', 'h'), { key: '7', target: { kind: 'fwmark' } as const }, of('g/udp', 'g')];
    expect([...groupRanks(services)]).toEqual([
      ['g', 0],
      ['h', 0],
      ['g/udp', 1],
    ]);
  });
});
