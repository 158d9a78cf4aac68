import { instant, millis, seconds } from '@keepfleet/machine';
import { hex, ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  NO_AUTH_DATA,
  type ReceivedPacket,
  type VirtualRouterSettings,
  VrrpNode,
  type VrrpSettings,
  checkSettings,
  encodeAdvert,
  virtualRouter,
} from './index.ts';

const NOW = instant(0);
const one = virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth0' });
const two = virtualRouter({ name: 'VI_2', vrid: 2, interface: 'eth0', startState: 'master', priority: 255 });
const six = virtualRouter({ name: 'VI_6', vrid: 1, interface: 'eth0', family: 'ipv6' });

const settingsOf = (...instances: VirtualRouterSettings[]): VrrpSettings => ({
  startupDelay: seconds(0),
  logUnknownVrids: true,
  instances,
});

function advertOf(vrid: number): ReceivedPacket {
  const path = { source: ip('192.0.2.9'), destination: ip('224.0.0.18') };
  const bytes = encodeAdvert(
    { version: 2, family: 'ipv4', vrid, priority: 200, authType: 0, seconds: 1, addresses: [], authData: NO_AUTH_DATA },
    path,
  );
  return { kind: 'packet', interface: 'eth0', ttl: 255, bytes: hex(bytes), ...path };
}

function nodeOf(settings: VrrpSettings): VrrpNode {
  const node = new VrrpNode();
  const addresses = [
    { address: ip('192.0.2.5'), prefix: 24 },
    { address: ip('fe80::5'), prefix: 64 },
  ];
  node.handle({ kind: 'interface', interface: { name: 'eth0', index: 2, up: true, addresses } }, NOW);
  node.handle({ kind: 'configure', settings }, NOW);
  return node;
}

const states = (node: VrrpNode) =>
  Object.fromEntries(node.snapshot(() => 0).instances.map((instance) => [instance.name, instance.state]));
const received = (node: VrrpNode) => node.snapshot(() => 0).instances.map(({ counters }) => counters.advertsReceived);

describe('the virtual routers of a node', () => {
  it('get the packets of their VRID, family and interface', () => {
    const node = nodeOf(settingsOf(one, two, six));
    node.handle(advertOf(1), NOW);
    expect(received(node)).toEqual([1, 0, 0]);
    node.handle({ ...advertOf(1), interface: 'eth7' }, NOW);
    expect(received(node)).toEqual([1, 0, 0]);
    expect(node.snapshot(() => 0).unknownVrids).toBe(1);
  });

  it('report an unknown VRID once and count it always', () => {
    const node = nodeOf(settingsOf(one));
    expect(node.handle(advertOf(99), NOW)).toEqual([
      { kind: 'event', event: { kind: 'unknown-vrid', interface: 'eth0', vrid: 99, source: '192.0.2.9' } },
    ]);
    expect(node.handle(advertOf(99), NOW)).toEqual([]);
    expect(node.snapshot(() => 0).unknownVrids).toBe(2);
  });

  it('all count a message too short to have a VRID', () => {
    const node = nodeOf(settingsOf(one, two, six));
    node.handle({ ...advertOf(1), bytes: '21' }, NOW);
    expect(node.snapshot(() => 0).instances.map(({ counters }) => counters.errors.length)).toEqual([1, 1, 0]);
  });

  it('share one deadline, the earliest', () => {
    const node = nodeOf(settingsOf(one, two));
    expect(node.nextDeadline()).toBe(seconds(1));
    const outputs = node.timeout(instant(seconds(1)));
    expect(outputs.filter((output) => output.kind === 'send')).toHaveLength(1);
  });

  it('come, go and stay by name', () => {
    const node = nodeOf(settingsOf(one, two));
    expect(states(node)).toEqual({ VI_1: 'backup', VI_2: 'master' });
    const outputs = node.handle({ kind: 'configure', settings: settingsOf(six, one) }, NOW);
    expect(outputs).toMatchObject([
      { kind: 'send' },
      { kind: 'event', event: { instance: 'VI_2', to: 'initialize', reason: 'removed' } },
      { kind: 'notify', name: 'VI_2', state: 'DELETED' },
      { kind: 'event', event: { instance: 'VI_6', to: 'backup' } },
      { kind: 'notify', name: 'VI_6', state: 'BACKUP' },
    ]);
    expect(Object.keys(states(node))).toEqual(['VI_6', 'VI_1']);
  });

  it('need a socket for each interface and family', () => {
    const unicast = { ...two, unicast: { peers: [{ address: ip('192.0.2.9') }] } };
    const other = { ...one, name: 'VI_3', vrid: 3, mcastGroup: ip('224.0.0.99') };
    expect(nodeOf(settingsOf(one, unicast, six, other)).listeners()).toEqual([
      { interface: 'eth0', family: 'ipv4', groups: ['224.0.0.18', '224.0.0.99'], hopLimit: 255 },
      { interface: 'eth0', family: 'ipv6', groups: ['ff02::12'], hopLimit: 255 },
    ]);
  });

  it('of unicast send with their TTL, with 255 where they do not agree on one', () => {
    const unicast = (ttl: number) => ({ unicast: { peers: [{ address: ip('192.0.2.9') }], ttl } });
    const limits = (...ttls: number[]) =>
      nodeOf(settingsOf(...ttls.map((ttl, i) => ({ ...one, name: `VI_${i}`, vrid: i + 1, ...unicast(ttl) }))))
        .listeners()
        .map(({ hopLimit }) => hopLimit);
    expect(limits(64, 64)).toEqual([64]);
    expect(limits(64, 32)).toEqual([255]);
  });

  it('relinquish by name', () => {
    const node = nodeOf(settingsOf(one, two));
    const command = (instance: string) => ({ kind: 'command', command: { kind: 'relinquish', instance } }) as const;
    expect(node.handle(command('VI_9'), NOW)).toEqual([]);
    node.handle(command('VI_2'), NOW);
    expect(states(node)).toEqual({ VI_1: 'backup', VI_2: 'backup' });
  });

  it('start only when the start-up delay is over, counted once', () => {
    const delayed = { ...settingsOf(one), startupDelay: seconds(5) };
    const node = nodeOf(delayed);
    expect(node.nextDeadline()).toBe(seconds(5));
    node.timeout(instant(seconds(5)));
    expect(states(node)).toEqual({ VI_1: 'backup' });
    node.handle({ kind: 'configure', settings: { ...delayed, instances: [one, six] } }, instant(seconds(6)));
    expect(states(node)).toEqual({ VI_1: 'backup', VI_6: 'backup' });
  });

  it('are gone after a stop', () => {
    const node = nodeOf(settingsOf(one, two));
    expect(node.handle({ kind: 'stop', mode: 'release' }, NOW).map((output) => output.kind)).toEqual([
      'event',
      'notify',
      'send',
      'event',
      'notify',
    ]);
    expect(node.nextDeadline()).toBeUndefined();
    expect(node.isStopped).toBe(true);
  });

  it('are there until a stop has handed over', () => {
    const addresses = [{ address: ip('192.0.2.7'), prefix: 24, interface: 'eth0', advertised: true, scope: 0 }];
    const node = nodeOf(settingsOf(one, { ...two, addresses }));
    node.handle({ kind: 'stop', mode: 'release' }, NOW);
    expect(states(node)).toEqual({ VI_1: 'initialize', VI_2: 'initialize' });
    expect(node.isStopped).toBe(false);
    node.handle(advertOf(1), NOW);
    expect(node.isStopped).toBe(false);
    node.handle({ ...advertOf(2), source: ip('192.0.2.8') }, NOW);
    const end = node.nextDeadline();
    expect(end).toBe(millis(100));
    expect(node.timeout(instant(end ?? 0)).map((output) => output.kind)).toEqual([
      'remove-addresses',
      'release-connections',
      'notify',
    ]);
    expect(node.isStopped).toBe(true);
    expect(states(node)).toEqual({});
  });
});

describe('settings', () => {
  const address = { address: ip('192.0.2.1'), prefix: 24, interface: 'eth0', advertised: true, scope: 0 };

  it.each<[string, Partial<VirtualRouterSettings>]>([
    ['vrid', { vrid: 0 }],
    ['vrid', { vrid: 256 }],
    ['priority', { priority: 0 }],
    ['interface', { interface: '' }],
    ['version', { family: 'ipv6', version: 2 }],
    ['advertInterval', { advertInterval: seconds(1.5) }],
    ['advertInterval', { advertInterval: seconds(256) }],
    ['advertInterval', { version: 3, advertInterval: seconds(41) }],
    ['downTimerAdverts', { downTimerAdverts: 0 }],
    ['auth', { auth: { type: 'password', password: '' } }],
    ['addresses', { addresses: [{ ...address, prefix: 33 }] }],
    ['addresses', { addresses: [address, address] }],
    ['addresses', { addresses: [{ ...address, address: ip('2001:db8::1'), prefix: 64 }] }],
  ])('with a wrong %s are refused', (field, changes) => {
    expect(checkSettings(settingsOf({ ...one, ...changes }))).toMatchObject({
      ok: false,
      error: { kind: 'bad-settings', instance: 'VI_1', field },
    });
  });

  it('with a VRID twice on one interface and family are refused, on two families not', () => {
    expect(checkSettings(settingsOf(one, { ...two, vrid: 1 }))).toMatchObject({ error: { field: 'vrid' } });
    expect(checkSettings(settingsOf(one, { ...two, name: 'VI_1' }))).toMatchObject({ error: { field: 'name' } });
    expect(checkSettings(settingsOf(one, six)).ok).toBe(true);
  });
});

describe('a track group', () => {
  const lost = ip('203.0.113.7');
  const address = { address: lost, prefix: 24, interface: 'eth1', advertised: false, scope: 0, trackGroup: 'G' };
  const route = {
    kind: 'route',
    type: 'unicast',
    text: '10.0.0.0/8 dev eth0',
    family: 'ipv4',
    tracked: true,
    trackGroup: 'G',
    protocol: 18,
    table: 254,
    destination: { address: ip('10.0.0.0'), length: 8 },
    placement: 'add',
    hops: [],
    metrics: {},
    locked: [],
  } as const;
  const tracking: VrrpSettings = {
    ...settingsOf(one, six),
    staticAddresses: [address],
    staticRouting: [route],
    trackGroups: [{ name: 'G', instances: ['VI_1'] }],
  };
  const eth1 = (...addresses: { address: typeof lost; prefix: number }[]) =>
    ({ kind: 'interface', interface: { name: 'eth1', index: 3, up: true, addresses } }) as const;
  const has = { address: lost, prefix: 24 };
  const causes = (node: VrrpNode) => node.snapshot(() => 0).instances.map((instance) => instance.causes);

  /** Its interface is there, and so is the address. */
  function complete(): VrrpNode {
    const node = nodeOf(tracking);
    node.handle(eth1(), NOW);
    node.handle(eth1(has), NOW);
    expect(states(node)).toEqual({ VI_1: 'backup', VI_6: 'backup' });
    return node;
  }

  it('has its instances in fault while the interface of its address does not exist', () => {
    const node = nodeOf(tracking);
    expect(states(node)).toEqual({ VI_1: 'fault', VI_6: 'backup' });
    expect(causes(node)).toEqual([[{ kind: 'static-missing', entry: '203.0.113.7/24 dev eth1' }], []]);
    node.handle(eth1(has), NOW);
    expect(states(node)).toEqual({ VI_1: 'backup', VI_6: 'backup' });
    node.handle({ kind: 'interface-gone', name: 'eth1' }, NOW);
    expect(states(node)).toEqual({ VI_1: 'fault', VI_6: 'backup' });
  });

  it('does not care for an address that could be put back, and does for one that could not', () => {
    const node = complete();
    let now = instant(seconds(2));
    const outputs = node.handle(eth1(), now);
    expect(outputs).toContainEqual({ kind: 'add-addresses', addresses: [address] });
    expect(states(node)).toEqual({ VI_1: 'backup', VI_6: 'backup' });
    node.handle(eth1(has), now);
    now = instant(seconds(3.2));
    node.handle(eth1(), now);
    expect(states(node)).toEqual({ VI_1: 'backup', VI_6: 'backup' });
    now = instant(seconds(4.2));
    node.timeout(now);
    expect(causes(node)).toEqual([[{ kind: 'static-missing', entry: '203.0.113.7/24 dev eth1' }], []]);
    node.handle(eth1(has), now);
    expect(states(node)).toMatchObject({ VI_1: 'backup' });
  });

  it('cares for a route likewise', () => {
    const node = complete();
    node.handle({ kind: 'routing', missing: [route], present: [] }, NOW);
    expect(states(node)).toEqual({ VI_1: 'backup', VI_6: 'backup' });
    node.timeout(instant(seconds(1)));
    expect(causes(node)).toEqual([[{ kind: 'static-missing', entry: '10.0.0.0/8 dev eth0' }], []]);
    node.handle({ kind: 'routing', missing: [], present: [route] }, instant(seconds(1)));
    expect(states(node)).toEqual({ VI_1: 'backup', VI_6: 'backup' });
  });
});

describe('the silence of a master', () => {
  const backups = () => {
    const node = nodeOf(settingsOf(one, { ...one, name: 'VI_3', vrid: 3 }, six));
    // Those of the other family hear nobody.
    for (const vrid of [1, 3]) node.handle(advertOf(vrid), instant(seconds(1)));
    return node;
  };
  const ipv4 = { interface: 'eth0', family: 'ipv4' };

  it('is over in no place as long as adverts come in time', () => {
    const node = backups();
    expect(node.silences(instant(seconds(1)))).toEqual([]);
  });

  it('is over in a place once, where the time of any backup there is over', () => {
    const node = backups();
    const deadline = instant(seconds(4.7));
    // The other has still to be heard by then.
    node.handle(advertOf(3), instant(seconds(4)));
    expect(node.silences(deadline)).toContainEqual(ipv4);
    expect(new Set(node.silences(deadline).map(({ family }) => family)).size).toBe(node.silences(deadline).length);
    node.handle(advertOf(1), deadline);
    expect(node.silences(deadline)).not.toContainEqual(ipv4);
    expect(node.timeout(deadline).filter(({ kind }) => kind === 'add-addresses')).toEqual([]);
  });

  it('is nothing to a master', () => {
    const node = backups();
    for (const at of [4, 5, 6]) node.timeout(instant(seconds(at)));
    expect(states(node)).toEqual({ VI_1: 'master', VI_3: 'master', VI_6: 'master' });
    expect(node.silences(instant(seconds(20)))).toEqual([]);
  });
});
