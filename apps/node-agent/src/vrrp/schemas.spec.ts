import { type Instant, instant, seconds } from '@keepfleet/machine';
import { VirtualLan } from '@keepfleet/testkit';
import {
  type ReceivedPacket,
  type VirtualRouterSettings,
  type VrrpEvent,
  type VrrpInput,
  VrrpNode,
  type VrrpOutput,
  type VrrpSettings,
  virtualRouter,
} from '@keepfleet/vrrp';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { vrrpCommandSchema, vrrpEventSchema, vrrpSettingsSchema, vrrpSnapshotSchema } from './schemas.ts';

const full: VirtualRouterSettings = {
  ...virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth0' }),
  auth: { type: 'password', password: 's3cret' },
  addresses: [
    {
      address: ip('198.51.100.15'),
      prefix: 24,
      interface: 'eth1',
      advertised: true,
      broadcast: ip('198.51.100.255'),
      label: 'eth1:vip',
      scope: 253,
      peer: ip('198.51.100.16'),
    },
  ],
  trackInterfaces: [{ name: 'eth1', weight: -20, reverse: true }, { name: 'eth2' }],
  trackers: [{ type: 'script', name: 'check', weight: -20, reverse: true }],
  mcastSource: ip('192.0.2.1'),
  mcastGroup: ip('224.0.0.99'),
  syncGroup: 'G1',
};
const unicast = {
  source: ip('192.0.2.1'),
  peers: [{ address: ip('192.0.2.2'), minTtl: 1, maxTtl: 255 }],
  ttl: 64,
  checkSource: true,
};
const settings: VrrpSettings = {
  revision: 'r1',
  startupDelay: seconds(0),
  logUnknownVrids: true,
  instances: [full, { ...full, name: 'VI_2', vrid: 2, unicast }],
};

/** Through the link: as JSON, and read by the schema. */
const passed = (schema: { parse(data: unknown): unknown }, value: unknown) =>
  schema.parse(JSON.parse(JSON.stringify(value)));

/** Two nodes that fail, recover, are misconfigured and drained: every event that two nodes on a LAN can make. */
function eventful(): { events: VrrpEvent[]; node: VrrpNode } {
  type Packet = Omit<ReceivedPacket, 'kind' | 'interface'>;
  const lan = new VirtualLan<VrrpInput, VrrpOutput, Packet>({ seed: 1 });
  const events: VrrpEvent[] = [];
  const nodes = [1, 2].map((number) => {
    const name = `N${number}`;
    const machine = new VrrpNode();
    lan.attach({
      name,
      machine,
      addresses: [],
      groups: ['224.0.0.99'],
      send: (output) =>
        output.kind === 'send' ? { from: output.source, multicast: output.destination, bytes: output } : undefined,
      receive: ({ bytes }) => ({ ...bytes, kind: 'packet', interface: 'eth0' }),
      seen: (output) => {
        if (output.kind === 'event') events.push(output.event);
      },
    });
    const own = { address: ip(`192.0.2.${number}`), prefix: 24 };
    for (const [index, link, addresses] of [
      [2, 'eth0', [own]],
      [3, 'eth1', [{ address: ip('198.51.100.15'), prefix: 24 }]],
    ] as const)
      lan.input(name, { kind: 'interface', interface: { name: link, index, up: true, addresses } });
    const tracked = full.trackInterfaces.slice(0, 1);
    const instance = { ...full, priority: 50 * number, mcastSource: own.address, trackInterfaces: tracked };
    lan.input(name, { kind: 'configure', settings: { ...settings, instances: [instance] } });
    return machine;
  });
  const [first, second] = nodes;
  if (first === undefined || second === undefined) throw new Error('two nodes');
  const front = (up: boolean, ...addresses: string[]): VrrpInput => ({
    kind: 'interface',
    interface: { name: 'eth1', index: 3, up, addresses: addresses.map((text) => ({ address: ip(text), prefix: 24 })) },
  });
  lan.run(seconds(10));
  lan.input('N2', front(true));
  lan.input('N2', front(true, '198.51.100.15'));
  lan.input('N2', front(false));
  lan.partition(['N1'], ['N2']);
  lan.run(seconds(10));
  lan.heal();
  lan.run(seconds(10));
  lan.input('N2', { kind: 'interface-gone', name: 'eth0' });
  lan.input('N2', { kind: 'interface', interface: { name: 'eth0', index: 9, up: false, addresses: [] } });
  lan.input('N1', { kind: 'command', command: { kind: 'relinquish', instance: 'VI_1' } });
  const other = { ...full, mcastSource: ip('192.0.2.1'), addresses: [], trackInterfaces: [], vrid: 9 };
  lan.input('N1', { kind: 'configure', settings: { ...settings, instances: [other] } });
  lan.input('N2', {
    kind: 'interface',
    interface: { name: 'eth0', index: 9, up: true, addresses: [{ address: ip('192.0.2.2'), prefix: 24 }] },
  });
  lan.run(seconds(10));
  lan.input('N1', { kind: 'configure', settings: { ...settings, instances: [{ ...other, vrid: 1 }] } });
  lan.run(seconds(10));
  return { events, node: second };
}

describe('what passes between control and vrrp', () => {
  it('keeps every field of the settings', () => {
    expect(passed(vrrpSettingsSchema, settings)).toEqual(settings);
  });

  it.each([
    ['an address that is none', { ...full, mcastGroup: '224.0.0.300' }],
    ['a negative interval', { ...full, advertInterval: -1 }],
    ['a text for a number', { ...full, vrid: '1' }],
    ['a missing field', { ...full, garp: undefined }],
  ])('refuses %s', (_, instance) => {
    expect(vrrpSettingsSchema.safeParse({ ...settings, instances: [instance] }).success).toBe(false);
  });

  it('refuses a command that it does not know', () => {
    expect(vrrpCommandSchema.safeParse({ kind: 'relinquish', instance: 'VI_1' }).success).toBe(true);
    expect(vrrpCommandSchema.safeParse({ kind: 'dance', instance: 'VI_1' }).success).toBe(false);
  });

  it('keeps every field of every kind of event, and of the snapshot after them', () => {
    const { events, node } = eventful();
    const kinds = vrrpEventSchema as unknown as { options: { shape: { kind: { value: string } } }[] };
    expect([...new Set(events.map(({ kind }) => kind))].sort()).toEqual(
      kinds.options.map(({ shape }) => shape.kind.value).sort(),
    );
    for (const event of events) expect(passed(vrrpEventSchema, event)).toEqual(event);
    const lateness = { last: seconds(0), worst: seconds(1), late: 1, deadlines: 7 };
    const snapshot = { ...node.snapshot((at: Instant) => at - instant(0)), lateness };
    expect(passed(vrrpSnapshotSchema, snapshot)).toEqual(snapshot);
  });
});
