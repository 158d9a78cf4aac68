import type { Notification } from '@keepfleet/mib';
import { describe, expect, it } from 'vitest';
import { ControlNode, type NodeOptions } from './node.ts';

function newNode(leaving: () => void = () => undefined): ControlNode {
  const nothing = () => undefined;
  return new ControlNode({
    name: 'L1',
    version: '0',
    configId: 'L1',
    spool: {} as NodeOptions['spool'],
    overrides: {} as NodeOptions['overrides'],
    log: { info: nothing, warn: nothing, error: nothing, debug: nothing } as unknown as NodeOptions['log'],
    changed: nothing,
    happened: nothing,
    notify: nothing,
    leaving,
  });
}

const server = { kind: 'real-server-state', virtualServer: 'V', realServer: 'R', up: true } as const;
const quorum = { kind: 'quorum-state', virtualServer: 'V', state: 'met' } as const;
const instance = { kind: 'instance-state', instance: 'I', state: 'master' } as const;
const group = { kind: 'sync-group-state', group: 'G', state: 'master' } as const;
const known = (node: ControlNode) =>
  [server, quorum, instance, group].filter((one: Notification) => node.knowsRowsOf(one)).map(({ kind }) => kind);

const HELLO = { pid: 1, revision: 'a', problems: [] } as never;
const STARTED = { pid: 1, revision: null, problems: [] } as never;
const lvs = (servers: readonly string[], revision?: string) =>
  ({
    ...(revision === undefined ? {} : { revision }),
    virtualServers: [{ key: 'V', realServers: servers.map((key) => ({ key })) }],
  }) as never;

describe('rows that a notification points at', () => {
  it('of servers are not known by an empty snapshot, nor by settings in force', () => {
    const node = newNode();
    node.lvsListener.connected(STARTED);
    node.lvsListener.snapshot({ virtualServers: [] } as never, 0);
    node.lvsListener.applied('a');
    expect(known(node)).toEqual([]);
  });

  it('are taken for known of processes of an earlier version, which do not say of which settings their state is', () => {
    const node = newNode();
    node.lvsListener.connected(HELLO);
    node.vrrpListener.connected(HELLO);
    node.lvsListener.snapshot(lvs([]), 0);
    node.vrrpListener.snapshot({ instances: [] } as never, 0);
    expect(known(node)).toEqual(['real-server-state', 'quorum-state', 'instance-state', 'sync-group-state']);
  });

  it('are looked up without going through all servers for each notification', () => {
    let looks = 0;
    const counted = (key: string) => ({
      get key() {
        looks += 1;
        return key;
      },
      realServers: [],
    });
    const node = newNode();
    node.lvsListener.connected(STARTED);
    node.lvsListener.snapshot({ virtualServers: Array.from({ length: 100 }, (_, i) => counted(`V${i}`)) } as never, 0);
    for (let i = 0; i < 100; i++) node.knowsRowsOf({ ...quorum, virtualServer: `new${i}` });
    expect(looks).toBe(100);
  });

  it('of servers are known once the snapshot has them', () => {
    const node = newNode();
    node.lvsListener.snapshot(lvs([]), 0);
    expect(known(node)).toEqual(['quorum-state']);
    node.lvsListener.snapshot(lvs(['R']), 0);
    expect(known(node)).toEqual(['real-server-state', 'quorum-state']);
  });

  it('that settings in force do not have will never be: a snapshot of them knows all there are', () => {
    const node = newNode();
    node.lvsListener.connected(HELLO);
    node.lvsListener.snapshot({ revision: 'a', virtualServers: [] } as never, 0);
    expect(known(node)).toEqual(['real-server-state', 'quorum-state']);
    node.lvsListener.applied('b');
    expect(known(node)).toEqual([]);
    node.lvsListener.snapshot({ revision: 'b', virtualServers: [] } as never, 0);
    expect(known(node)).toEqual(['real-server-state', 'quorum-state']);
  });

  it('of routers and groups are known once a snapshot of the vrrp process has them', () => {
    const node = newNode();
    node.vrrpListener.connected(STARTED);
    node.vrrpListener.snapshot({ instances: [] } as never, 0);
    node.vrrpListener.applied('a');
    expect(known(node)).toEqual([]);
    node.vrrpListener.snapshot({ revision: 'older', instances: [] } as never, 0);
    expect(known(node)).toEqual(['sync-group-state']);
    node.vrrpListener.snapshot({ revision: 'older', instances: [{ name: 'I' }] } as never, 0);
    expect(known(node)).toEqual(['instance-state', 'sync-group-state']);
    node.vrrpListener.snapshot({ revision: 'a', instances: [] } as never, 0);
    expect(known(node)).toEqual(['instance-state', 'sync-group-state']);
  });

  it('are still there when what a process said as it ended is told', () => {
    const seen: string[][] = [];
    const node = newNode(() => seen.push(known(node)));
    node.lvsListener.connected(HELLO);
    node.lvsListener.snapshot(lvs(['R'], 'a'), 0);
    node.lvsListener.disconnected(undefined);
    expect(seen).toEqual([['real-server-state', 'quorum-state']]);
    expect(known(node)).toEqual([]);
  });
});
