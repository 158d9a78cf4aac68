import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../parse.ts';

function parse(...instances: string[]) {
  const text = instances
    .map((inner, i) => `vrrp_instance V${i} {\n interface eth0\n virtual_router_id ${7 + i}\n${inner}\n}\n`)
    .join('');
  const { config, diagnostics } = parseKeepalivedConfig({ file: 'k', text });
  const [instance] = config.vrrpInstances;
  return {
    instances: config.vrrpInstances,
    made: instance?.virtualInterface,
    others: instance?.addressInterfaces.map(({ name, base, mac }) => `${name} ${base} ${mac ?? ''}`),
    places: [...(instance?.addresses ?? []), ...(instance?.excludedAddresses ?? [])].map(
      ({ address, interface: name }) => `${address} ${name}`,
    ),
    problems: diagnostics.map(({ kind }) => kind),
    instance,
  };
}

const addresses = (...lines: string[]) => ` virtual_ipaddress {\n ${lines.join('\n ')}\n }`;

describe('use_vmac', () => {
  it('makes a macvlan with the MAC address of RFC 9568, on which the addresses are', () => {
    expect(parse(` use_vmac\n${addresses('192.0.2.1', '192.0.2.2 dev eth0', '192.0.2.3 dev eth1')}`)).toMatchObject({
      made: { kind: 'macvlan', name: 'vrrp.7', mac: '00:00:5e:00:01:07', transmitBase: false },
      places: ['192.0.2.1 vrrp.7', '192.0.2.2 eth0', '192.0.2.3 eth1'],
      problems: [],
    });
    expect(parse(` use_vmac\n${addresses('fe80::7')}`).made).toMatchObject({ mac: '00:00:5e:00:02:07' });
  });

  it('has a name, a MAC address and a group of its own', () => {
    expect(parse(` use_vmac own 00:11:22:33:44 netlink_notify_msg group 5\n${addresses('192.0.2.1')}`).made).toEqual({
      kind: 'macvlan',
      name: 'own',
      mac: '00:11:22:33:44:07',
      transmitBase: false,
      group: 5,
    });
  });

  it('gives each its name', () => {
    const one = ` use_vmac\n${addresses('192.0.2.1')}`;
    const six = ` use_vmac\n virtual_router_id 7\n${addresses('fe80::7')}`;
    const other = ` use_vmac\n virtual_router_id 7\n interface eth1\n${addresses('192.0.2.1')}`;
    expect(parse(one, six, other).instances.map(({ virtualInterface }) => virtualInterface?.name)).toEqual([
      'vrrp.7',
      'vrrp6.7',
      'vrrp1.7',
    ]);
    expect(
      parse(` use_vmac same\n${addresses('192.0.2.1')}`, ` use_vmac same\n${addresses('192.0.2.2')}`).problems,
    ).toEqual(['duplicate']);
  });

  it('sends unicast adverts through the interface below', () => {
    expect(parse(` use_vmac\n unicast_peer {\n 192.0.2.9\n }\n${addresses('192.0.2.1')}`)).toMatchObject({
      made: { transmitBase: true },
      problems: ['ignored'],
    });
  });

  it('with use_vmac_addr is for every address, wherever it is', () => {
    const excluded = ' virtual_ipaddress_excluded {\n 2001:db8::1\n }';
    const lines = addresses('192.0.2.1', '192.0.2.2 dev eth0', '203.0.113.1 dev eth1', '203.0.113.2 dev eth1');
    expect(parse(` use_vmac own\n use_vmac_addr\n${lines}\n${excluded}`)).toMatchObject({
      places: ['192.0.2.1 own', '192.0.2.2 own', '203.0.113.1 vrrp.7', '203.0.113.2 vrrp.7', '2001:db8::1 vrrp6.7'],
      others: ['vrrp.7 eth1 00:00:5e:00:01:07', 'vrrp6.7 eth0 00:00:5e:00:02:07'],
    });
  });

  it('of one address is for that one', () => {
    expect(parse(` use_vmac\n${addresses('192.0.2.1', '203.0.113.1 dev eth1 use_vmac')}`)).toMatchObject({
      places: ['192.0.2.1 vrrp.7', '203.0.113.1 vrrp1.7'],
    });
  });

  it.each([
    ' use_vmac a b c',
    ' use_vmac a-name-that-is-far-too-long',
    ' use_vmac group many',
    ' use_ipvlan a b c',
    ' use_ipvlan 192.0.2.1/99',
  ])('%j is refused', (line) => {
    expect(parse(`${line}\n${addresses('192.0.2.1')}`)).toMatchObject({ made: undefined, problems: ['bad-value'] });
  });

  it('leaves strict mode with the standard’s MAC address and sender', () => {
    expect(
      parse(` strict_mode\n use_vmac x 00:11:22:33:44:55\n vmac_xmit_base\n${addresses('192.0.2.1')}`),
    ).toMatchObject({
      made: { mac: '00:00:5e:00:01:07', transmitBase: false },
      problems: ['ignored', 'ignored'],
    });
  });
});

describe('use_ipvlan', () => {
  it('has a mode and an address', () => {
    expect(parse(` use_ipvlan ipv.7 192.0.2.8/24 private\n${addresses('192.0.2.1')}`)).toMatchObject({
      made: { kind: 'ipvlan', name: 'ipv.7', mode: 'private', address: { address: '192.0.2.8', prefixLength: 24 } },
      places: ['192.0.2.1 ipv.7'],
    });
  });
});

describe('auth_hmac', () => {
  const key = 'k'.repeat(32);
  const block = (...lines: string[]) => ` auth_hmac {\n ${lines.join('\n ')}\n }\n${addresses('192.0.2.1')}`;

  it('has keys as text or in hexadecimal, and defaults', () => {
    expect(parse(block(`key 7 ${key}`, `key 8 hex:${'0A'.repeat(32)}`)).instance?.hmac).toEqual({
      keys: [
        { id: 7, secret: '6b'.repeat(32) },
        { id: 8, secret: '0a'.repeat(32) },
      ],
      activeKey: 7,
      window: 5_000_000,
      antiReplay: 'time',
      mode: 'enforce',
    });
    expect(
      parse(block(`key 7 ${key}`, 'active_key 7', 'time_window 9', 'anti_replay monotonic', 'mode permissive')).instance
        ?.hmac,
    ).toMatchObject({ window: 9_000_000, antiReplay: 'monotonic', mode: 'permissive' });
  });

  it.each([
    [['mode enforce'], 'missing-setting'],
    [[`key 7 ${key}`, 'active_key 8'], 'unresolved-reference'],
    [[`key 7 ${key}`, `key 7 other${key}`], 'duplicate'],
    [['key 7 short', `key 8 ${key}`], 'bad-value'],
    [['key 7 file:/etc/key', `key 8 ${key}`], 'bad-value'],
  ])('%j is reported', (lines, problem) => {
    const { problems } = parse(block(...lines));
    expect(problems).toEqual([problem]);
  });

  it('says nothing of a key that is wrong', () => {
    const text = `vrrp_instance V {\n interface eth0\n virtual_router_id 7\n${block('key 7 too-short-a-secret')}\n}\n`;
    const { diagnostics } = parseKeepalivedConfig({ file: 'k', text });
    expect(JSON.stringify(diagnostics)).not.toContain('too-short');
  });
});
