import { instant, seconds } from '@keepfleet/machine';
import { VrrpNode, virtualRouter } from '@keepfleet/vrrp';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { exposition } from './exposition.ts';

const address = (text: string, advertised: boolean) => ({
  address: ip(text),
  prefix: 24,
  interface: 'lan1',
  scope: 0,
  advertised,
});

/** Two instances that do nothing, the second without addresses, and three scripts. */
function metrics(): string {
  const node = new VrrpNode();
  const addresses = [address('192.0.2.100', true), address('192.0.2.101', false)];
  const instances = [
    virtualRouter({ name: 'A', vrid: 1, interface: 'lan0', addresses }),
    virtualRouter({ name: 'B', vrid: 2, interface: 'lan0' }),
  ];
  const settings = { startupDelay: seconds(0), logUnknownVrids: false, instances };
  node.handle({ kind: 'configure', settings }, instant(0));
  const scripts = [
    { name: 'new', state: 'unknown', run: 'running' },
    { name: 'good', state: 'up', run: 'idle' },
    { name: 'slow', state: 'down', run: 'killing' },
  ] as const;
  const vrrp = { ...node.snapshot(() => 0), scripts };
  return exposition({ version: '1', vrrp, lvs: undefined, bfd: undefined, gossip: undefined, owners: [] });
}

const samples = (name: string) =>
  metrics()
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => line.slice(name.length));

describe('the metrics of VRRP', () => {
  it('have a state for each address, on its own interface, and for a router without any', () => {
    expect(samples('keepalived_vrrp_state')).toEqual([
      '{iname="A",intf="lan1",vrid="1",ip_address="192.0.2.100"} 3',
      '{iname="B",intf="lan0",vrid="2",ip_address=""} 3',
    ]);
    expect(samples('keepalived_vrrp_excluded_state')).toEqual([
      '{iname="A",intf="lan1",vrid="1",ip_address="192.0.2.101"} 3',
    ]);
    expect(samples('keepalived_gratuitous_arp_delay_total')).toEqual([
      '{iname="A",intf="lan0",vrid="1"} 5',
      '{iname="B",intf="lan0",vrid="2"} 5',
    ]);
  });

  it('have what scripts found, if anything yet, and what they do', () => {
    expect(samples('keepalived_script_status')).toEqual(['{name="good"} 1', '{name="slow"} 0']);
    expect(samples('keepalived_script_state')).toEqual(['{name="new"} 1', '{name="good"} 0', '{name="slow"} 3']);
  });
});
