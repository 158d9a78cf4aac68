import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../parse.ts';

function parse(inner: string) {
  const text = `vrrp_instance V {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1\n }\n${inner}\n}\n`;
  const { config, diagnostics } = parseKeepalivedConfig({ file: 'k', text });
  return { instance: config.vrrpInstances[0], problems: diagnostics.map(({ kind }) => kind) };
}

const route = (line: string) => {
  const { instance, problems } = parse(` virtual_routes {\n ${line}\n }`);
  return { entry: instance?.routes[0]?.entry, problems };
};
const rule = (line: string) => {
  const { instance, problems } = parse(` virtual_rules {\n ${line}\n }`);
  return { entry: instance?.rules[0]?.entry, problems };
};

describe('a route line', () => {
  it.each([
    [
      'src 192.0.2.100 to 10.20.0.0/16 via 192.0.2.254 dev eth0',
      { source: '192.0.2.100', destination: { length: 16 } },
    ],
    [
      '10.0.0.0/8 gw 192.0.2.254 table 0x64 metric 5 tos 0x10 scope link',
      { table: 100, metric: 5, tos: 16, scope: 253 },
    ],
    ['default via 2001:db8::1', { family: 'ipv6', destination: { address: '::', length: 0 }, placement: 'prepend' }],
    ['inet6 default dev eth1', { family: 'ipv6', hops: [{ interface: 'eth1' }] }],
    ['unreachable 10.22.0.0/24', { type: 'unreachable', hops: [], placement: 'add', protocol: 18 }],
    ['local 10.28.0.1 dev lo table local', { type: 'local', table: 255 }],
    ['10.0.0.0/8 dev eth0 no_track', { tracked: false, text: '10.0.0.0/8 dev eth0' }],
    [
      '10.25.0.0/24 dev eth0 mtu lock 1400 rtt 300ms rttvar 1s rto_min 250 features ecn congctl lock reno',
      {
        metrics: { mtu: 1400, rtt: 2400, rttvar: 4000, rto_min: 250, features: 1 },
        locked: ['mtu'],
        congestion: { algorithm: 'reno', locked: true },
      },
    ],
    [
      '10.0.0.0/8 dev eth0 realms 1/2 quickack 1 append',
      { realms: 0x1_0002, metrics: { quickack: 1 }, placement: 'append' },
    ],
    ['2001:db8::/32 dev eth0 expires 600 pref high', { expires: 600, preference: 'high' }],
    ['10.0.0.0/8 dev eth0 ttl-propagate disabled', { ttlPropagate: false }],
    [
      '10.26.0.0/24 nexthop via 192.0.2.254 dev eth0 weight 2 nexthop via inet6 fe80::1 dev eth1 onlink realms 3',
      {
        hops: [
          { via: '192.0.2.254', interface: 'eth0', weight: 2 },
          { via: 'fe80::1', interface: 'eth1', onlink: true, realms: 3 },
        ],
      },
    ],
    [
      '10.30.0.0/24 encap ip id 5 dst 198.51.100.2 ttl 9 via 192.0.2.254 dev eth0',
      {
        hops: [{ encapsulation: { kind: 'ip', id: 5, destination: '198.51.100.2', hopLimit: 9 }, via: '192.0.2.254' }],
      },
    ],
    ['10.0.0.0/8 encap mpls 16/17 ttl 3 dev eth0', { hops: [{ encapsulation: { labels: [16, 17], ttl: 3 } }] }],
    ['2001:db8::/64 encap ila 1:2:3:4 dev eth0', { hops: [{ encapsulation: { locator: '1:2:3:4' } }] }],
    ['2001:db8::/64 as to 2001:db8::9 dev eth0', { hops: [{ as: '2001:db8::9' }] }],
  ])('%s', (line, entry) => {
    expect(route(line)).toMatchObject({ entry, problems: [] });
  });

  it.each([
    'via 192.0.2.254',
    '10.0.0.0/33 dev eth0',
    '10.0.0.0/8 dev eth0 colour blue',
    '10.0.0.0/8 src 2001:db8::1',
    '10.0.0.0/8 via 192.0.2.254 nexthop via 192.0.2.253',
    '10.0.0.0/8 table somewhere',
    '10.0.0.0/8 encap gre',
    '10.0.0.0/8 realms 1/2/3',
    '10.0.0.0/8 rtt soon',
  ])('%s is refused', (line) => {
    const { entry, problems } = route(line);
    expect(entry).toBeUndefined();
    expect(problems).toHaveLength(1);
  });
});

describe('a rule line', () => {
  it.each([
    [
      'from 10.40.0.0/16 table 77 priority 1001',
      { from: { length: 16 }, action: { kind: 'table', table: 77 }, priority: 1001 },
    ],
    [
      'to 10.41.0.0/16 lookup main order 2 fwmark 5/0xff dsfield 0x10',
      { mark: 5, markMask: 255, tos: 16, action: { table: 254 } },
    ],
    [
      'not from 10.0.0.0/8 iif eth0 oif eth1 table 78 preference 3 realms 3/4',
      { not: true, inputInterface: 'eth0', realms: 0x3_0004 },
    ],
    [
      'from all sup_pl 0 sup_group 5 table 77 priority 5',
      { suppressPrefixLength: 0, suppressGroup: 5, from: { length: 0 } },
    ],
    ['from 10.0.0.0/8 type blackhole priority 6', { action: { kind: 'blackhole' } }],
    ['from 10.0.0.0/8 goto 2000 priority 7', { action: { kind: 'goto', target: 2000 } }],
    ['inet6 iif eth0 nop priority 8', { family: 'ipv6', action: { kind: 'nop' } }],
    [
      'ipproto tcp sport 80 dport 90-100 uidrange 5-10 tunnel-id 7 table 1 priority 9 no_track',
      { ipProtocol: 6, sourcePorts: { low: 80, high: 80 }, destinationPorts: { low: 90, high: 100 }, tracked: false },
    ],
    ['to 10.47.0.0/16 l3mdev priority 10 protocol 77', { l3mdev: true, protocol: 77 }],
  ])('%s', (line, entry) => {
    expect(rule(line)).toMatchObject({ entry, problems: [] });
  });

  it('without a preference gets one, as in keepalived', () => {
    const { instance, problems } = parse(
      ' virtual_rules {\n from 10.0.0.0/8 table 1\n from 10.1.0.0/16 table 2\n from 2001:db8::/32 table 3\n }',
    );
    expect(instance?.rules.map(({ entry }) => entry.priority)).toEqual([16_384, 16_383, 16_384]);
    expect(problems).toEqual(['adjusted', 'adjusted', 'adjusted']);
  });

  it.each([
    'from 10.0.0.0/8 priority 5',
    'from 10.0.0.0/8 to 2001:db8::/32 table 1 priority 5',
    'from 10.0.0.0/8 goto 5 priority 5',
    'fwmark x table 1',
    'dport 9-5 table 1',
    'colour blue table 1',
  ])('%s is refused', (line) => {
    const { entry, problems } = rule(line);
    expect(entry).toBeUndefined();
    expect(problems).toHaveLength(1);
  });
});
