import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../index.ts';

function read(text: string) {
  const { config, diagnostics } = parseKeepalivedConfig({ file: 't', text });
  return { instances: config.bfdInstances, found: diagnostics.map(({ kind, message }) => `${kind}: ${message}`) };
}

describe('a bfd_instance', () => {
  it("has keepalived's defaults", () => {
    const { instances, found } = read('bfd_instance a { neighbor_ip 192.0.2.2 }');
    expect(found).toEqual([]);
    expect(instances).toMatchObject([
      {
        name: 'a',
        neighbor: '192.0.2.2',
        minRx: 10_000,
        minTx: 10_000,
        idleTx: 1_000_000,
        multiplier: 5,
        passive: false,
        maxHops: 0,
        multihop: false,
        weight: 0,
        reverse: false,
        forVrrp: true,
        forChecker: true,
      },
    ]);
    expect(instances[0]).not.toHaveProperty('ttl');
  });

  it('takes its intervals in milliseconds with decimals, and everything else it can say', () => {
    const { instances, found } = read(`bfd_instance a {
      neighbour_ip 2001:db8::2
      source_ip 2001:db8::1
      min_rx 3.312
      min_tx 50
      idle_tx 1000.5
      multiplier 3
      passive
      hoplimit 255
      max_hops 4
      multihop
      weight -20 reverse
      checker
    }`);
    expect(found).toEqual([]);
    expect(instances).toMatchObject([
      {
        neighbor: '2001:db8::2',
        source: '2001:db8::1',
        minRx: 3_312,
        minTx: 50_000,
        idleTx: 1_000_500,
        multiplier: 3,
        passive: true,
        ttl: 255,
        maxHops: 4,
        multihop: true,
        weight: -20,
        reverse: true,
        forVrrp: false,
        forChecker: true,
      },
    ]);
  });

  it.each([
    ['bfd_instance a { source_ip 192.0.2.1 }', 'missing-setting: bfd_instance a has no neighbor_ip'],
    [
      'bfd_instance a { neighbor_ip 192.0.2.2\nsource_ip 2001:db8::1 }',
      'bad-value: source_ip 2001:db8::1 of bfd_instance a is of another family than its neighbor_ip 192.0.2.2',
    ],
    [
      'bfd_instance a { neighbor_ip 192.0.2.2 }\nbfd_instance a { neighbor_ip 192.0.2.3 }',
      'duplicate: bfd_instance a is there already, at t:1',
    ],
    [
      'bfd_instance a { neighbor_ip 192.0.2.2 }\nbfd_instance b { neighbor_ip 192.0.2.2 }',
      'duplicate: the neighbour 192.0.2.2 of bfd_instance b is that of a, at t:1',
    ],
  ])('%j is refused', (text, message) => {
    expect(
      read(text).found.some((one) => one.startsWith(message)),
      JSON.stringify(read(text).found),
    ).toBe(true);
  });

  it('believes no more hops than its packets can make, and any with -1 or 255', () => {
    const { instances, found } = read(`bfd_instance a { neighbor_ip 192.0.2.2\nttl 20\nmax_hops 30 }
      bfd_instance b { neighbor_ip 192.0.2.3\nttl 20\nmax_hops -1 }
      bfd_instance c { neighbor_ip 192.0.2.4\nttl 20\nmax_hops 255 }`);
    expect(instances.map(({ maxHops }) => maxHops)).toEqual([20, 255, 255]);
    expect(found).toEqual(['adjusted: max_hops 30 of bfd_instance a is more than its ttl, 20, which is taken']);
  });

  it('may be tracked when it tells VRRP', () => {
    const { found } = read(`bfd_instance a { neighbor_ip 192.0.2.2 }
      bfd_instance b { neighbor_ip 192.0.2.3\nchecker }
      vrrp_instance V { interface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 192.0.2.9 }\ntrack_bfd {\na weight 10\nb\nc\n} }`);
    expect(found).toEqual([
      'unresolved-reference: V tracks b, but bfd_instance b is for checkers only',
      'unresolved-reference: V tracks c, but there is no usable bfd_instance c',
    ]);
  });
});
