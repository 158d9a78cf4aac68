import { describe, expect, it } from 'vitest';
import { rulesOf, tablesWithout } from './nft.ts';

const script = `add table ip one
delete table ip one
table ip one {
 map tcp_map {
  type ipv4_addr . inet_service : mark
  elements = { 192.0.2.1 . 80 : 1000 }
 }
 chain in {
  type filter hook input priority -1; policy accept;
  meta mark set ip daddr . tcp dport map @tcp_map return
  ip daddr { 192.0.2.1, 192.0.2.2 } drop
 }
 chain out {
  type filter hook output priority -1; policy accept;
  ip saddr { 192.0.2.1 } drop
 }
}
table ip6 one {
 chain in {
  type filter hook input priority -1; policy accept;
  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
 }
}
`;

describe('the rules of a script of nftables', () => {
  it('are counted by table', () => {
    expect([...rulesOf(script)]).toEqual([
      ['ip one', 3],
      ['ip6 one', 1],
    ]);
  });

  it('are missed where the kernel has fewer of them, and not where it cannot tell', () => {
    const without = (counts: Readonly<Record<string, number>>) => tablesWithout(script, (table) => counts[table]);
    expect(without({ 'ip one': 3, 'ip6 one': 1 })).toEqual([]);
    expect(without({ 'ip one': 4 })).toEqual([]);
    expect(without({ 'ip one': 2, 'ip6 one': 0 })).toEqual(['ip one', 'ip6 one']);
  });
});
