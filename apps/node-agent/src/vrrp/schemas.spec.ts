import { type Instant, instant, seconds } from '@keepfleet/machine';
import { VirtualLan } from '@keepfleet/testkit';
import {
  type ReceivedPacket,
  type RoutingEntry,
  type VirtualRouterSettings,
  type VrrpEvent,
  type VrrpInput,
  VrrpNode,
  type VrrpOutput,
  type VrrpSettings,
  virtualRouter,
} from '@keepfleet/vrrp';
import { formatMac, ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { vrrpCommandSchema, vrrpEventSchema, vrrpSettingsSchema, vrrpSnapshotSchema } from './schemas.ts';

const route: RoutingEntry = {
  kind: 'route',
  text: '10.0.0.0/8 via 192.0.2.254 dev eth0',
  family: 'ipv4',
  tracked: true,
  protocol: 18,
  type: 'unicast',
  destination: { address: ip('10.0.0.0'), length: 8 },
  from: { address: ip('10.1.0.0'), length: 16 },
  source: ip('192.0.2.1'),
  tos: 16,
  table: 1000,
  scope: 0,
  metric: 5,
  metrics: { mtu: 1400, rto_min: 200 },
  locked: ['mtu'],
  congestion: { algorithm: 'reno', locked: true },
  expires: 60,
  preference: 'high',
  ttlPropagate: false,
  realms: 3,
  placement: 'prepend',
  hops: [
    { via: ip('192.0.2.254'), interface: 'eth0', weight: 2, onlink: true, realms: 1 },
    { encapsulation: { kind: 'mpls', labels: [16, 17], ttl: 9 }, as: ip('2001:db8::1') },
    {
      encapsulation: {
        kind: 'ip',
        id: 5,
        source: ip('192.0.2.1'),
        destination: ip('192.0.2.9'),
        trafficClass: 1,
        hopLimit: 9,
        flags: 1,
      },
    },
    { encapsulation: { kind: 'ila', locator: '1:2:3:4' } },
  ],
};
const rule: RoutingEntry = {
  kind: 'rule',
  text: 'from 10.0.0.0/8 table 1000 priority 7',
  family: 'ipv4',
  tracked: false,
  protocol: 18,
  priority: 7,
  not: true,
  from: { address: ip('10.0.0.0'), length: 8 },
  to: { address: ip('10.1.0.0'), length: 16 },
  tos: 16,
  mark: 5,
  markMask: 255,
  realms: 3,
  suppressPrefixLength: 0,
  suppressGroup: 1,
  inputInterface: 'eth0',
  outputInterface: 'eth1',
  tunnelId: 7,
  users: { low: 1, high: 2 },
  l3mdev: false,
  ipProtocol: 6,
  sourcePorts: { low: 80, high: 80 },
  destinationPorts: { low: 1, high: 65_535 },
  action: { kind: 'table', table: 1000 },
};

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
  routing: [route, rule],
  promoteSecondaries: true,
  notify: { master: { argv: ['/bin/true'], user: 'nobody' }, any: { argv: ['/bin/tell', 'x'] }, priorityChanges: true },
};
/** What would make `full` another kind of router. */
const virtual: Partial<VirtualRouterSettings> = {
  hmac: {
    keys: [{ id: 7, secret: '00'.repeat(32) }],
    activeKey: 7,
    window: seconds(5),
    antiReplay: 'time',
    mode: 'permissive',
  },
  virtualInterface: {
    kind: 'macvlan',
    name: 'vrrp.3',
    mac: formatMac(Uint8Array.of(0, 0, 0x5e, 0, 1, 3)),
    transmitBase: true,
    group: 5,
  },
  addressInterfaces: [
    {
      kind: 'ipvlan',
      name: 'ipv.3',
      base: 'eth1',
      transmitBase: false,
      mode: 'vepa',
      address: { address: ip('192.0.2.8'), prefix: 24 },
    },
  ],
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
  instances: [full, { ...full, name: 'VI_2', vrid: 2, unicast }, { ...full, ...virtual, name: 'VI_3', vrid: 3 }],
  staticAddresses: full.addresses.map((one) => ({
    ...one,
    dad: true,
    home: true,
    manageTemporary: true,
    noPrefixRoute: true,
    autoJoin: true,
    preferredLifetime: 60,
    untracked: true,
  })),
  staticRouting: [rule, { ...rule, action: { kind: 'goto', target: 9 } }, { ...rule, action: { kind: 'nop' } }],
  scheduling: {
    realTime: 50,
    realTimeLimit: 10_000,
    automatic: { highest: 20, lateness: seconds(1) },
    nice: -5,
    noSwap: true,
    cpus: [0, 1],
    processName: 'vrrp-7',
  },
  firewall: { table: 'keepfleet', priority: -1, counters: true },
  syncGroups: [{ name: 'G1', members: ['VI_1', 'VI_2'], notify: { fault: { argv: ['/bin/false'] } } }],
  interfaceDelays: [{ interface: 'eth0', up: seconds(1), down: seconds(2) }],
  scripts: [
    {
      name: 'check',
      command: { argv: ['/bin/true'] },
      interval: seconds(1),
      timeout: seconds(1),
      rise: 1,
      fall: 2,
      initiallyFailed: true,
    },
  ],
  files: [{ name: 'f', path: '/run/f', initial: { value: -3, overwrite: true } }],
  processes: [
    {
      name: 'p',
      command: ['haproxy', '-f'],
      parameters: 'initial',
      fullCommand: false,
      quorum: 1,
      quorumMax: 3,
      forkDelay: seconds(1),
      terminateDelay: seconds(2),
    },
  ],
  notifyFifos: [{ path: '/run/fifo', user: 'nobody', group: 'nogroup', script: { argv: ['/bin/cat'] } }],
  notifyOnReload: true,
  scriptUser: { user: 'nobody', group: 'nogroup' },
  scriptSecurity: true,
  garpGroups: [{ interfaces: ['eth0'], interval: seconds(1), gnaInterval: seconds(2) }],
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
  lan.input('N2', { kind: 'routing', missing: [route], present: [] });
  lan.input('N2', { kind: 'routing', missing: [], present: [route] });
  lan.pause('N1');
  lan.run(seconds(20));
  lan.resume('N1');
  lan.pause('N2');
  lan.run(seconds(20));
  lan.resume('N2');
  lan.run(seconds(1));
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
    events.push({ kind: 'fifo-overflow', path: '/run/fifo', dropped: 1 });
    expect([...new Set(events.map(({ kind }) => kind))].sort()).toEqual(
      kinds.options.map(({ shape }) => shape.kind.value).sort(),
    );
    for (const event of events) expect(passed(vrrpEventSchema, event)).toEqual(event);
    const lateness = { last: seconds(0), worst: seconds(1), late: 1, deadlines: 7 };
    const notifyFifos = [{ path: '/run/fifo', written: 5, dropped: 1 }];
    const scripts = [{ name: 'check', state: 'up', run: 'running' }];
    const snapshot = { notifyFifos, scripts, ...node.snapshot((at: Instant) => at - instant(0)), lateness };
    expect(passed(vrrpSnapshotSchema, snapshot)).toEqual(snapshot);
  });

  it('take a snapshot of a process that does not tell yet who hears a master: its backups do', () => {
    const node = new VrrpNode();
    const instances = [virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth0' })];
    node.handle(
      { kind: 'configure', settings: { startupDelay: seconds(0), logUnknownVrids: false, instances } },
      instant(0),
    );
    const snapshot = node.snapshot(() => 0);
    for (const [state, hearsMaster] of [
      ['backup', true],
      ['fault', false],
      ['master', false],
    ] as const) {
      const before = snapshot.instances.map((router) => ({
        ...router,
        hearsMaster: undefined,
        masterQuiet: false,
        state,
      }));
      const read = passed(vrrpSnapshotSchema, { ...snapshot, instances: before });
      expect(read).toMatchObject({ instances: [{ name: 'VI_1', state, hearsMaster }] });
    }
  });

  it('take a snapshot of a process that does not count every kind of error yet: it has seen none of those', () => {
    const node = new VrrpNode();
    const instances = [virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth0' })];
    node.handle(
      { kind: 'configure', settings: { startupDelay: seconds(0), logUnknownVrids: false, instances } },
      instant(0),
    );
    const snapshot = node.snapshot(() => 0);
    const before = snapshot.instances.map((router) => {
      const errors = { ...router.counters.errors, 'auth-type-unknown': undefined, ttl: 3 };
      return JSON.parse(JSON.stringify({ ...router, counters: { ...router.counters, errors } })) as object;
    });
    expect(passed(vrrpSnapshotSchema, { ...snapshot, instances: before })).toMatchObject({
      instances: [{ counters: { errors: { 'auth-type-unknown': 0, ttl: 3 } } }],
    });
  });
});
