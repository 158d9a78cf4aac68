import { fleet, model } from '@keepfleet/rpc';
import { describe, expect, it } from 'vitest';
import { disconnectedRecord, fullStateRecord, helloRecord, type NodeRecord } from '../fleet/node-record.ts';
import { hello, nodeState, router } from '../trial/samples.ts';
import { routerViews } from './router-view.ts';

const { OK, NO_MASTER, MULTI_MASTER, DEGRADED, UNKNOWN } = fleet.Health;
const { BACKUP, FAULT, INITIALIZE, MASTER, UNSPECIFIED } = model.RouterState;
const now = new Date(1_800_000_000_000);

function record(node: string, ...routers: model.VirtualRouter[]): NodeRecord {
  const stream = { id: 1, heartbeatMs: 1000, remoteAddress: '', at: now };
  const said = helloRecord(undefined, hello(node, { now }), stream);
  return fullStateRecord(said, { observedAt: now, state: nodeState({ routers }) }, now);
}

const is = (node: string, state: model.RouterState, change: Partial<model.VirtualRouter> = {}) =>
  record(node, router(node, { ...change, state }));
const stale = (node: string, state: model.RouterState) => disconnectedRecord(is(node, state));
const later = new Date(now.getTime() + 2_000);

describe('the health of a virtual router', () => {
  it.each([
    ['one master and a backup', [is('L1', MASTER), is('L2', BACKUP)], OK, 'L1', /^$/],
    ['two masters', [is('L1', MASTER), is('L2', MASTER)], MULTI_MASTER, '', /L1 and L2 all say/],
    [
      'nobody',
      [is('L1', BACKUP, { masterAddress: '' }), is('L2', FAULT, { masterAddress: '' })],
      NO_MASTER,
      '',
      /^L1 is backup, L2 is fault$/,
    ],
    ['nobody, though one is heard', [is('L1', BACKUP)], NO_MASTER, '', /^L1 is backup and hears 172.16.0.1$/],
    ['nobody, and one whose process is dead', [is('L1', UNSPECIFIED), is('L2', BACKUP)], UNKNOWN, '', /^L1 is unknown/],
    [
      'a master, and one whose process is dead',
      [is('L1', UNSPECIFIED), is('L2', MASTER), is('L3', BACKUP)],
      DEGRADED,
      'L2',
      /^L1 is unknown$/,
    ],
    ['nobody current', [stale('L1', MASTER)], UNKNOWN, '', /no node that carries it is current: L1 was master 2 s ago/],
    [
      'no master, but one that is stale was',
      [stale('L1', MASTER), is('L2', BACKUP)],
      UNKNOWN,
      '',
      /L1 was master 2 s ago/,
    ],
    [
      'a master, and a stale one that was too',
      [is('L1', MASTER), stale('L2', MASTER)],
      DEGRADED,
      'L1',
      /not current: L2/,
    ],
    ['a master and a fault', [is('L1', MASTER), is('L2', BACKUP), is('L3', FAULT)], DEGRADED, 'L1', /^L3 is fault$/],
    ['a master alone', [is('L1', MASTER)], DEGRADED, 'L1', /nobody but L1/],
    [
      'a master and a starting one',
      [is('L1', MASTER), is('L2', INITIALIZE)],
      DEGRADED,
      'L1',
      /L2 is initialize; nobody but/,
    ],
    [
      'a drained backup only',
      [is('L1', MASTER), is('L2', BACKUP, { lastResort: true })],
      DEGRADED,
      'L1',
      /nobody but L1/,
    ],
    [
      'a drained backup beside an able one',
      [is('L1', BACKUP, { lastResort: true }), is('L2', MASTER), is('L3', BACKUP)],
      OK,
      'L2',
      /^$/,
    ],
    [
      'a backup that holds the address',
      [is('L1', MASTER), is('L2', BACKUP, { addresses: router('L1', { state: MASTER }).addresses })],
      DEGRADED,
      'L1',
      /L2 is not master but holds 198.51.100.15 and 192.168.1.1/,
    ],
    [
      'a master whose kernel lacks the address',
      [is('L1', MASTER, { addresses: router('L1').addresses }), is('L2', BACKUP)],
      DEGRADED,
      'L1',
      /its kernel lacks 198.51.100.15/,
    ],
  ])('with %s', (_, records, health, owner, reason) => {
    const [view, ...others] = routerViews(records, later);
    expect(others).toEqual([]);
    expect(view).toMatchObject({ health, owner, key: 'VI_1/1/ipv4' });
    expect(view?.reason).toMatch(reason);
  });

  it('treats what was heard too long ago like what is not connected', () => {
    const records = [is('L1', MASTER), is('L2', BACKUP)];
    expect(routerViews(records, new Date(now.getTime() + 3_001))[0]).toMatchObject({ health: UNKNOWN, owner: '' });
  });
});

describe('the grouping of instances', () => {
  const other = [
    { address: '203.0.113.1', prefixLength: 24, interface: 'eth0', present: false, advertised: true },
    { address: '192.168.1.1', prefixLength: 24, interface: 'eth1', present: false, advertised: false },
  ];

  it('joins instances of different names that share an advertised address', () => {
    const records = [is('L1', MASTER), is('L2', BACKUP, { instance: 'outside' }), is('L3', BACKUP)];
    expect(routerViews(records, now).map((view) => [view.key, view.candidates.length])).toEqual([['VI_1/1/ipv4', 3]]);
  });

  it('keeps two segments apart that use the same name and VRID, by an address', () => {
    const records = [is('L1', MASTER), is('L2', BACKUP), is('R1', BACKUP, { addresses: other })];
    expect(routerViews(records, now).map((view) => view.key)).toEqual([
      'VI_1/1/ipv4/192.168.1.1',
      'VI_1/1/ipv4/203.0.113.1',
    ]);
  });

  it('keeps the families of one VRID apart, and goes by the name where nothing is advertised', () => {
    const bare = { addresses: [] };
    const six = { instance: 'VI_6', family: model.Family.IPV6 };
    const records = [
      record('L1', router('L1', { ...bare, state: MASTER }), router('L1', six)),
      record('L2', router('L2', bare), router('L2', six)),
    ];
    expect(routerViews(records, now).map((view) => [view.key, view.owner])).toEqual([
      ['VI_1/1/ipv4', 'L1'],
      ['VI_6/1/ipv6', ''],
    ]);
  });
});
