import { ip } from '@keepfleet/wire';
import { type OwnershipEntry, type OwnershipVerdict, encodeNotice, layoutOf, noticeName } from '@keepfleet/swim';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GossipMember } from '../gossip/index.ts';
import type { OwnershipNotification } from '@keepfleet/mib';
import type { EventText } from './events.ts';
import { Ownership } from './ownership.ts';

let events: EventText[];
let notified: OwnershipNotification[];
let owners: Ownership;
let stored: ReadonlyMap<string, OwnershipVerdict>;
let sequence = 0;

beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  notified = [];
  stored = new Map();
  owners = begun();
});

/** An agent that starts, on the disk of the one before. */
function begun(): Ownership {
  return new Ownership({
    node: 'n2',
    raise: (name, payload) => owners.gossip({ kind: 'user-event', name, payload, time: 1 }),
    watch: () => undefined,
    members: () => [],
    note: (event) => events.push(event),
    alarms: { read: () => [...stored], write: (alarms) => (stored = alarms) },
    notify: (notification) => notified.push(notification),
    changed: () => undefined,
  });
}

afterEach(() => {
  owners.close();
  vi.useRealTimers();
});

/** The whole state of a node comes by gossip. */
function tell(node: string, role: OwnershipEntry['role'], hearsMaster = false): void {
  const entries = [
    { vrid: 1, family: 'ipv4', address: ip('198.51.100.1'), role, hearsMaster, priority: 100, since: 1000 } as const,
  ];
  const notice = { node, layout: layoutOf(entries), part: 0, parts: 1, sequence: ++sequence, entries };
  owners.gossip({ kind: 'user-event', name: noticeName(node, 0), payload: encodeNotice(notice), time: 1 });
}

function member(name: string, status: GossipMember['status']): void {
  const about = { address: ip('192.0.2.1'), port: 7946, tags: {}, incarnation: 1, suspectedBy: [] };
  const source = { how: 'gossip' } as const;
  const shown = { ...about, name, status, source, since: 0, self: name === 'n2' };
  owners.gossip({ kind: 'member', change: 'updated', member: shown });
}

/** This node's own router. */
function own(state: OwnershipEntry['role'], hearsMaster = false): void {
  const addresses = [{ address: ip('198.51.100.1'), advertised: true }];
  const router = {
    name: 'VI_1',
    vrid: 1,
    family: 'ipv4',
    state,
    effectivePriority: 100,
    since: 1000,
    hearsMaster,
    addresses,
  } as const;
  owners.update([router]);
}

function pass(time: number): void {
  vi.advanceTimersByTime(time * 1000);
}

const last = () => events.at(-1);

describe('what is told of the owners', () => {
  beforeEach(() => {
    for (const name of ['n1', 'n2', 'n3']) member(name, 'alive');
    own('backup', true);
    tell('n1', 'master');
    tell('n3', 'backup', true);
    pass(2);
  });

  it('names as masters those that count, and the last one only as such', () => {
    tell('n3', 'backup');
    own('backup');
    pass(0.1);
    member('n1', 'failed');
    pass(2);
    expect(last()).toMatchObject({ kind: 'vrrp.no-master', attributes: { masters: '' } });
    expect(last()?.message).toContain('n1, the last master, is failed, n2 is backup');
    const about = { instance: 'VI_1', vrid: 1, family: 'ipv4', address: '198.51.100.1' };
    expect(notified).toEqual([{ kind: 'no-master', ...about, masters: [], message: last()?.message }]);
    own('master');
    pass(2);
    expect(last()).toMatchObject({ kind: 'vrrp.one-master', attributes: { masters: 'n2' } });
    own('backup');
    pass(2);
    expect(last()?.message).toContain('n1 is failed, n2 is backup');
  });

  it('is taken back by an agent that was restarted meanwhile, and not told twice where it lasts', () => {
    const restart = () => {
      owners.close();
      owners = begun();
      for (const name of ['n1', 'n2', 'n3']) member(name, 'alive');
    };
    own('master');
    pass(2);
    expect(events.map(({ kind }) => kind)).toEqual(['vrrp.multi-master']);
    restart();
    own('master');
    tell('n1', 'master');
    pass(2);
    expect(events.length).toBe(1);
    restart();
    tell('n1', 'master');
    own('backup', true);
    pass(2);
    expect(events.map(({ kind }) => kind)).toEqual(['vrrp.multi-master', 'vrrp.one-master']);
    expect(notified.map(({ kind }) => kind)).toEqual(['multi-master', 'one-master']);
    restart();
    tell('n1', 'master');
    own('backup', true);
    pass(2);
    expect(events.length).toBe(2);
  });

  it('is kept by no file once it is over, also where this node carries the router no longer', () => {
    own('master');
    pass(2);
    expect([...stored]).toHaveLength(1);
    owners.update([]);
    tell('n1', 'master');
    pass(20);
    expect([...stored]).toEqual([]);
    expect(events.map(({ kind }) => kind)).toEqual(['vrrp.multi-master']);
  });

  it.each(['initialize', 'fault'] as const)('is one that a router in %s hears, though nobody else does', (state) => {
    tell('n1', 'backup');
    tell('n3', 'backup');
    own(state, true);
    pass(2);
    expect(last()).toBeUndefined();
    own(state);
    pass(2);
    expect(last()?.kind).toBe('vrrp.no-master');
  });

  it('is the last master by name where backups hear one that gossip does not', () => {
    tell('n1', 'backup');
    own('backup');
    tell('n3', 'backup');
    pass(2);
    expect(last()?.kind).toBe('vrrp.no-master');
    own('backup', true);
    pass(2);
    expect(last()?.message).toContain('has a master that does not gossip: n2 hears its adverts');
    tell('n1', 'master');
    own('backup');
    pass(0.1);
    member('n1', 'failed');
    pass(2);
    expect(last()?.kind).toBe('vrrp.no-master');
    own('backup', true);
    pass(2);
    expect(last()?.message).toContain(
      'that gossip does not hear: n2 hears its adverts; n1, the last master, is failed',
    );
  });
});

describe('what a node says of itself', () => {
  it('before its gossip is up is said again once it is, and not with the next digest', () => {
    const said: string[] = [];
    const late = new Ownership({
      node: 'n2',
      raise: (name) => said.push(name),
      watch: () => undefined,
      members: () => [],
      note: () => undefined,
      alarms: { read: () => [], write: () => undefined },
      notify: () => undefined,
      changed: () => undefined,
    });
    late.update([
      {
        name: 'VI_1',
        vrid: 1,
        family: 'ipv4',
        state: 'master',
        effectivePriority: 100,
        since: 1000,
        addresses: [],
        hearsMaster: false,
      },
    ]);
    pass(1);
    expect(said.length).toBe(1);
    late.joined();
    pass(1.1);
    late.close();
    expect(said).toEqual(['kf-vrrp/n2/0', 'kf-vrrp/n2/0']);
  });
});
