import { describe, expect, it } from 'vitest';
import { formatDiagnostic, parseKeepalivedConfig } from '../index.ts';

const VIP = 'virtual_ipaddress {\n 192.0.2.1/24\n }';

function parse(text: string) {
  const { config, diagnostics } = parseKeepalivedConfig({ file: 'k.conf', text });
  return {
    config,
    first: config.vrrpInstances[0],
    problems: diagnostics.map(({ kind }) => kind),
    messages: diagnostics.map(formatDiagnostic),
  };
}

const instance = (inner: string, name = 'V') =>
  `vrrp_instance ${name} {\n interface eth0\n virtual_router_id 7\n ${inner}\n}\n`;

describe('defaults of an instance', () => {
  it('are those of keepalived', () => {
    expect(parse(instance(VIP)).first).toMatchObject({
      name: 'V',
      interface: 'eth0',
      virtualRouterId: 7,
      version: 2,
      family: 'ipv4',
      initialState: 'backup',
      priority: 100,
      advertInterval: 1_000_000,
      preempt: true,
      preemptDelay: 0,
      trackPrimary: true,
      downTimerAdverts: 3,
      multicastGroup: '224.0.0.18',
      unicastTtl: 255,
      accept: true,
      garp: {
        masterDelay: 5_000_000,
        masterRepeat: 5,
        masterRefresh: 0,
        masterRefreshRepeat: 1,
        lowerPriorityDelay: 5_000_000,
        lowerPriorityRepeat: 5,
      },
    });
  });

  it.each([
    ['state MASTER', { initialState: 'master', priority: 255 }],
    ['priority 255', { initialState: 'master', priority: 255 }],
    ['state MASTER\n priority 150', { initialState: 'master', priority: 150 }],
    ['garp_extra_if 60', { garp: { extraInterval: 60_000_000, extraOnAll: false } }],
    ['garp_extra_if 60 all', { garp: { extraInterval: 60_000_000, extraOnAll: true } }],
    ['garp_master_delay 2\n garp_master_repeat 3', { garp: { lowerPriorityDelay: 5_000_000, lowerPriorityRepeat: 5 } }],
    ['strict_mode', { accept: false, lowerPriorityNoAdvert: true, garp: { lowerPriorityRepeat: 0 } }],
    ['preempt_delay 0.5', { preemptDelay: 500_000 }],
  ])('%j', (inner, expected) => {
    expect(parse(instance(`${VIP}\n ${inner}`))).toMatchObject({ first: expected, problems: [] });
  });

  it('come from global_defs where that sets them', () => {
    const globals =
      'global_defs {\n vrrp_version 3\n vrrp_garp_master_repeat 2\n vrrp_down_timer_adverts 5\n vrrp_mcast_group4 224.0.0.99\n vrrp_garp_interval 0.001\n}\n';
    expect(parse(globals + instance(VIP))).toMatchObject({
      first: {
        version: 3,
        downTimerAdverts: 5,
        multicastGroup: '224.0.0.99',
        garp: { masterRepeat: 2, lowerPriorityRepeat: 2, arpInterval: 1000 },
      },
      problems: [],
    });
  });
});

describe('the version', () => {
  it('is 3 for IPv6, with a word when the file says 2', () => {
    const ipv6 = 'virtual_ipaddress {\n fe80::1\n 2001:db8::1/64\n }';
    expect(parse(instance(ipv6))).toMatchObject({
      first: { version: 3, family: 'ipv6', multicastGroup: 'ff02::12' },
      problems: [],
    });
    expect(parse(instance(`version 2\n ${ipv6}`))).toMatchObject({ first: { version: 3 }, problems: ['adjusted'] });
  });

  it.each([
    [2, '1.4', 1_000_000, ['adjusted']],
    [2, '0.3', 1_000_000, ['adjusted']],
    [2, '255', 255_000_000, []],
    [3, '0.01', 10_000, []],
    [3, '1.234', 1_230_000, ['adjusted']],
    [3, '60', 40_950_000, ['adjusted']],
    [3, '256', 1_000_000, ['out-of-range']],
  ])('%i: advert_int %s is %i µs', (version, text, expected, problems) => {
    const result = parse(instance(`${VIP}\n version ${version}\n advert_int ${text}`));
    expect(result).toMatchObject({ first: { advertInterval: expected }, problems });
  });

  it('3 has no authentication', () => {
    const authentication = 'authentication {\n auth_type PASS\n auth_pass secret\n }';
    expect(parse(instance(`${VIP}\n ${authentication}`)).first?.authentication).toEqual({
      type: 'PASS',
      password: 'secret',
    });
    const third = parse(instance(`${VIP}\n version 3\n ${authentication}`));
    expect(third.problems).toEqual(['ignored']);
    expect(third.first?.authentication).toBeUndefined();
  });

  it('2 carries eight characters of a password', () => {
    const result = parse(instance(`${VIP}\n authentication {\n auth_type PASS\n auth_pass 123456789\n }`));
    expect(result).toMatchObject({ first: { authentication: { password: '12345678' } }, problems: ['adjusted'] });
  });
});

describe('virtual addresses', () => {
  it('take every option of their line', () => {
    const lines =
      'virtual_ipaddress {\n 192.0.2.1/24 brd + dev eth1 scope link label eth1:1\n 192.0.2.9/30 brd -\n 192.0.2.3/32 peer 192.0.2.4/31 scope 99\n}';
    expect(parse(instance(lines))).toMatchObject({
      first: {
        addresses: [
          {
            address: '192.0.2.1',
            prefixLength: 24,
            interface: 'eth1',
            broadcast: '192.0.2.255',
            scope: 253,
            label: 'eth1:1',
          },
          { address: '192.0.2.9', prefixLength: 30, interface: 'eth0', broadcast: '192.0.2.8' },
          { address: '192.0.2.3', prefixLength: 32, scope: 99, peer: { address: '192.0.2.4', prefixLength: 31 } },
        ],
      },
      problems: [],
    });
  });

  it('of the other family belong among the excluded ones, and the message says so', () => {
    const mixed = parse(instance('virtual_ipaddress {\n 192.0.2.1\n 2001:db8::1/64\n }'));
    expect(mixed.first?.addresses).toHaveLength(1);
    expect(mixed.messages).toEqual([
      'k.conf:6:2: error: V: 2001:db8::1 is not ipv4 like the first virtual address, and one advert carries one family (move it to virtual_ipaddress_excluded, where it follows the instance all the same) [bad-value]',
    ]);
    const excluded = parse(instance(`${VIP}\n virtual_ipaddress_excluded {\n 2001:db8::1/64 dev eth1\n }`));
    expect(excluded).toMatchObject({
      first: { family: 'ipv4', version: 2, excludedAddresses: [{ address: '2001:db8::1', interface: 'eth1' }] },
      problems: [],
    });
  });

  it('beyond 255 are excluded from the adverts', () => {
    const result = parse(
      instance('virtual_ipaddress {\n ~SEQ(i, 1, 254) 192.0.2.${i}\n ~SEQ(i, 1, 4) 198.51.100.${i}\n }'),
    );
    expect(result.first?.addresses).toHaveLength(255);
    expect(result.first?.excludedAddresses.map(({ address }) => address)).toEqual([
      '198.51.100.2',
      '198.51.100.3',
      '198.51.100.4',
    ]);
    expect(result.problems).toEqual(['adjusted']);
  });

  it.each([
    ['192.0.2.1/33', 'bad-value'],
    ['192.0.2./24', 'bad-value'],
    ['192.0.2.1/24/8', 'bad-value'],
    ['192.0.2.1 dev a-name-of-17-chars', 'bad-value'],
    ['192.0.2.1 label a-label-of-18-char', 'bad-value'],
    ['192.0.2.1 colour blue', 'unknown-keyword'],
    ['2001:db8::1 label x', 'ignored'],
  ])('%j is reported as %s', (line, kind) => {
    expect(parse(instance(`virtual_ipaddress {\n ${line}\n }`)).problems).toContain(kind);
  });
});

describe('an instance that cannot run', () => {
  it.each([
    [
      'vrrp_instance V {\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n',
      'k.conf:1:1: error: V has no interface (add: interface NAME) [missing-setting]',
    ],
    [
      'vrrp_instance V {\n interface eth0\n virtual_router_id 0\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n',
      'k.conf:1:1: error: V has no virtual_router_id (add: virtual_router_id 1..255) [missing-setting]',
    ],
  ])('is left out: %j', (text, message) => {
    const result = parse(text);
    expect(result.config.vrrpInstances).toEqual([]);
    expect(result.messages).toContain(message);
  });

  it('is the second with one number on one interface and family', () => {
    const result = parse(
      instance(VIP) + instance(VIP.replace('2.1', '2.2'), 'W') + instance('virtual_ipaddress {\n fe80::1\n }', 'X'),
    );
    expect(result.config.vrrpInstances.map(({ name }) => name)).toEqual(['V', 'X']);
    expect(result.messages[0]).toMatch(
      /^k\.conf:10:2: error: virtual_router_id 7 of W is that of V on eth0 \(ipv4\), at k\.conf:1:1/,
    );
  });
});

describe('unicast', () => {
  it('has peers with limits of their TTL', () => {
    const peers = 'unicast_src_ip 192.0.2.2\n unicast_peer {\n 192.0.2.3\n 192.0.2.4 min_ttl 254 max_ttl 255\n }';
    expect(parse(instance(`${VIP}\n ${peers}`))).toMatchObject({
      first: {
        sourceAddress: '192.0.2.2',
        unicastPeers: [
          { address: '192.0.2.3', minTtl: 0, maxTtl: 255 },
          { address: '192.0.2.4', minTtl: 254, maxTtl: 255 },
        ],
      },
      problems: [],
    });
  });

  it.each([
    ['unicast_src_ip 192.0.2.2', ['ignored']],
    ['unicast_peer {\n 2001:db8::2\n }', ['bad-value', 'ignored']],
    ['unicast_peer {\n here\n }', ['bad-value', 'ignored']],
    ['mcast_src_ip 2001:db8::2', ['bad-value']],
  ])('%j is reported', (inner, problems) => {
    expect(parse(instance(`${VIP}\n ${inner}`)).problems).toEqual(problems);
  });
});

describe('tracking', () => {
  it('has weights and their reverse', () => {
    const lines = 'track_interface {\n eth1\n eth2 weight -20\n eth3 weight 30 reverse\n eth4 weight 255\n }';
    expect(parse(instance(`${VIP}\n ${lines}`))).toMatchObject({
      first: {
        trackInterfaces: [
          { name: 'eth1', reverse: false },
          { name: 'eth2', weight: -20 },
          { name: 'eth3', weight: 30, reverse: true },
          { name: 'eth4' },
        ],
      },
      problems: ['out-of-range'],
    });
  });

  it('of a script keeps the script, wherever it stands', () => {
    const script =
      'vrrp_script chk {\n script "/bin/check \'a b\' c"\n interval 2\n weight -5\n fall 3\n user nobody\n}\n';
    const { config, problems } = parse(`${instance(`${VIP}\n track_script {\n chk\n }`)}${script}`);
    expect(problems).toEqual([]);
    expect(config.scripts).toMatchObject([
      {
        name: 'chk',
        command: { argv: ['/bin/check', 'a b', 'c'], user: 'nobody' },
        interval: 2_000_000,
        timeout: 2_000_000,
        weight: -5,
        rise: 1,
        fall: 3,
      },
    ]);
  });
});

describe('sync groups', () => {
  const two = instance(VIP, 'A') + instance(VIP, 'B').replace('id 7', 'id 8').replace('2.1', '2.2');

  it('name their instances', () => {
    const { config, problems } = parse(`vrrp_sync_group G {\n group {\n A\n B\n }\n}\n${two}`);
    expect(config.syncGroups).toMatchObject([{ name: 'G', members: ['A', 'B'], trackingWeight: false }]);
    expect(problems).toEqual([]);
  });

  it.each([
    ['vrrp_sync_group G {\n group {\n A\n C\n }\n}\n', ['unresolved-reference', 'ignored'], 1],
    ['vrrp_sync_group G {\n A\n B\n}\n', ['unknown-keyword', 'unknown-keyword', 'ignored'], 0],
    [
      'vrrp_sync_group G {\n group {\n A\n B\n }\n}\nvrrp_sync_group H {\n group {\n A\n B\n }\n}\n',
      ['duplicate', 'duplicate', 'ignored'],
      1,
    ],
  ])('%j is reported', (group, problems, count) => {
    const result = parse(two + group);
    expect(result.problems).toEqual(problems);
    expect(result.config.syncGroups).toHaveLength(count);
  });
});

describe('lvs_sync_daemon_interface', () => {
  const first = instance(`lvs_sync_daemon_interface eth1\n ${VIP}`);
  it('is lvs_sync_daemon with the instance that has it', () => {
    const { config, problems } = parse(first);
    expect(config.globalDefs.lvsSyncDaemon).toEqual({ interface: 'eth1', instance: 'V' });
    expect(problems).toEqual(['deprecated']);
  });

  it.each([
    ['of global_defs', `global_defs {\n lvs_sync_daemon eth2 id 9\n}\n${first}`, { interface: 'eth2', syncId: 9 }],
    [
      'of the instance before',
      first +
        instance(`lvs_sync_daemon_interface eth2\n ${VIP.replace('192.0.2.1', '192.0.2.2')}`, 'W').replace(
          'id 7',
          'id 8',
        ),
      { interface: 'eth1', instance: 'V' },
    ],
  ])('gives way to that %s, since there is one daemon', (_, text, daemon) => {
    const { config, problems } = parse(text);
    expect(config.globalDefs.lvsSyncDaemon).toEqual(daemon);
    expect(problems).toContain('ignored');
  });
});
