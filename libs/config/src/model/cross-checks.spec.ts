import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../index.ts';

const instance = (name: string, id: number, inner: string) =>
  `vrrp_instance ${name} {\n interface eth0\n virtual_router_id ${id}\n virtual_ipaddress {\n 192.0.2.${id}\n }\n ${inner}\n}\n`;
const group = (inner = '') => `vrrp_sync_group G {\n group {\n A\n B\n }\n ${inner}\n}\n`;
const pair = (a: string, b = '', inner = '') => instance('A', 1, a) + instance('B', 2, b) + group(inner);

describe('what has no effect beside something else', () => {
  it.each([
    ['the own interface, tracked', instance('A', 1, 'track_interface {\n eth0\n }'), 'ignored', /tracks its own/],
    ['a weight in a sync group', pair('track_interface {\n eth1 weight 5\n }'), 'ignored', /has no effect in the sync/],
    [
      'an interface that both track',
      pair('track_interface {\n eth1\n }', '', 'track_interface {\n eth1\n }'),
      'duplicate',
      /tracked by the sync group G and by A/,
    ],
    ['an owner among others', pair('priority 255'), 'ignored', /none begins as master/],
    [
      'the protocol of a mark',
      'virtual_server fwmark 7 {\n protocol TCP\n real_server 192.0.2.9 80 {\n }\n}\n',
      'ignored',
      /a mark has no protocol/,
    ],
    [
      'a track group that is not there',
      'static_ipaddress {\n 192.0.2.1/24 dev eth0 track_group G\n}',
      'ignored',
      /no track_group G/,
    ],
    [
      'a track group of an instance that is not there',
      'track_group G {\n group {\n A\n }\n}',
      'ignored',
      /no vrrp_instance A/,
    ],
  ])('%s is said', (_what, text, kind, message) => {
    const found = parseKeepalivedConfig({ file: 't', text }).diagnostics.filter(
      (one) => one.kind !== 'not-implemented',
    );
    expect(found).toMatchObject([{ kind, message: expect.stringMatching(message) }]);
  });

  it.each([
    instance('A', 1, 'dont_track_primary\n track_interface {\n eth0\n }'),
    pair('track_interface {\n eth1 weight 5\n }', '', 'sync_group_tracking_weight'),
    pair('priority 255', 'priority 255'),
    `${instance('A', 1, '')}track_group G {\n group {\n A\n }\n}\nstatic_routes {\n 10.0.0.0/8 dev eth0 track_group G\n}\n`,
  ])('and nothing where it has', (text) => {
    const found = parseKeepalivedConfig({ file: 't', text }).diagnostics.filter(
      (one) => one.kind !== 'not-implemented',
    );
    expect(found).toEqual([]);
  });
});

const nftables = (globals: string, ...groups: readonly (readonly [protocol: string, members: string])[]) =>
  [
    `global_defs {`,
    globals,
    '}',
    ...groups.map(
      ([protocol, members], i) =>
        `virtual_server_group G${i} {\n${members}\n}\nvirtual_server group G${i} {\n protocol ${protocol}\n real_server ${members.includes('::') ? '2001:db8::9' : '192.0.2.9'} 80 {\n }\n}`,
    ),
  ].join('\n');
const errorsOf = (text: string) =>
  parseKeepalivedConfig({ file: 't', text }).diagnostics.filter(({ severity }) => severity === 'error');

describe('the table of nftables_ipvs', () => {
  it.each([
    ['nftables_ipvs keepfleet', 2, /that of the filter of VRRP \(unless nftables names another\)/],
    ['nftables keepalived_ipvs\nnftables_ipvs', 3, /keepalived_ipvs is that of the filter .*\(nftables, at t:2:1\)/],
    ['nftables_ipvs keepalived\nnftables', 2, /\(nftables, at t:3:1\)/],
  ])('cannot be that of the filter: %s', (globals, line, message) => {
    expect(errorsOf(nftables(globals))).toMatchObject([
      { kind: 'duplicate', line, message: expect.stringMatching(message) as string },
    ]);
  });

  it.each(['nftables', 'nftables_ipvs', 'nftables\nnftables_ipvs', 'nftables a\nnftables_ipvs keepfleet'])(
    'is another: %s',
    (globals) => expect(errorsOf(nftables(globals))).toEqual([]),
  );
});

describe('the addresses of groups with nftables_ipvs', () => {
  const pairs = [
    ['an address twice', '192.0.2.1 80', '192.0.2.1 80'],
    ['an address in a range', '192.0.2.1-9 80', '192.0.2.5 80'],
    ['a range around an address', '192.0.2.5 80', '192.0.2.0/28 80'],
    ['ranges that share an address', '192.0.2.5-9 80', '192.0.2.1-5 80'],
    ['a range of many lines', '192.0.2.1-9 80\n192.0.2.2 80', '192.0.2.9 80'],
    ['IPv6', '2001:db8::/64 80', '2001:db8::7 80'],
  ] as const;

  it.each(pairs)('are in one of them: %s', (_, first, second) => {
    expect(errorsOf(nftables('nftables_ipvs', ['TCP', first], ['TCP', second]))).toMatchObject([
      {
        kind: 'duplicate',
        line: 12 + first.split('\n').length,
        message: expect.stringMatching(/\(tcp\) is in the group G1 and in G0, at t:5:1;/) as string,
      },
    ]);
  });

  it.each(pairs)('may be in several without it: %s', (_, first, second) => {
    expect(errorsOf(nftables('', ['TCP', first], ['TCP', second]))).toEqual([]);
  });

  it('may be in several with other ports, protocols and addresses, and twice in one', () => {
    const groups = [
      ['TCP', '192.0.2.1-9 80\n192.0.2.5 80\nfwmark 7'],
      ['TCP', '192.0.2.1-9 81\n192.0.2.10 80\nfwmark 7'],
      ['UDP', '192.0.2.1-9 80'],
      ['TCP', '::1-9 80'],
    ] as const;
    expect(errorsOf(nftables('nftables_ipvs', ...groups))).toEqual([]);
  });
});
