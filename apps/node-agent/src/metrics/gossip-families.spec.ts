import { instant } from '@keepfleet/machine';
import { Swim, lanTunables } from '@keepfleet/swim';
import { seededRandom } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { familyText } from './family.ts';
import { gossipFamilies } from './gossip-families.ts';

describe('the metrics of gossip', () => {
  it('say that there is none where there is none', () => {
    expect(gossipFamilies(undefined, []).map(familyText).join('')).toContain('keepfleet_gossip_up 0\n');
  });

  it('tell members, health, every counter but none twice, and who owns what', () => {
    const advertise = { address: ip('192.0.2.1'), port: 7946 };
    const identity = { name: 'a', advertise, tags: {}, seeds: [], label: '' };
    const machine = new Swim({ ...lanTunables, ...identity }, { random: seededRandom(1) });
    machine.handle({ kind: 'start' }, instant(0));
    machine.handle({ kind: 'datagram', from: { address: ip('192.0.2.9'), port: 1 }, data: 'ff' }, instant(1));
    const router = {
      vrid: 51,
      family: 'ipv4',
      address: ip('198.51.100.51'),
      since: instant(0),
      settled: true,
      lastMasters: [],
    } as const;
    const owners = [{ ...router, verdict: 'multi-master', claims: [] } as const];
    const families = gossipFamilies(machine.snapshot(), owners);
    const text = families.map(familyText).join('');
    expect(text).toContain('keepfleet_gossip_members{status="alive"} 1\n');
    expect(text).toContain('keepfleet_gossip_datagrams_received_total 1\n');
    expect(text).toMatch(/keepfleet_gossip_dropped_total\{kind="[a-z-]+"\} 1\n/);
    expect(text).toContain('keepfleet_gossip_router_masters{vrid="51",family="ipv4",address="198.51.100.51"} 2\n');
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
    const counters = Object.keys(machine.snapshot().stats).length - 1;
    expect(families.filter(({ type }) => type === 'counter').length).toBe(counters + 1);
  });
});
