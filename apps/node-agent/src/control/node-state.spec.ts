import { model } from '@keepfleet/rpc';
import { virtualRouter } from '@keepfleet/vrrp';
import { ip } from '@keepfleet/wire';
import { expect, it } from 'vitest';
import { type NodeView, nodeState } from './node-state.ts';

const address = { address: ip('192.0.2.1'), prefix: 24, interface: 'eth0', advertised: true, scope: 0 };
const view = (change: Partial<NodeView>): NodeView => ({
  vrrp: undefined,
  vrrpWanted: undefined,
  vrrpSilentSince: undefined,
  lvs: undefined,
  overrides: [],
  processes: [],
  members: [],
  claims: [],
  configHash: '',
  problems: [],
  ...change,
});

it('tells of a router whose process is not heard that nothing is known of it, and not that there is none', () => {
  const instances = [virtualRouter({ name: 'VI_1', vrid: 51, interface: 'eth0', addresses: [address] })];
  const vrrpWanted = { instances } as unknown as NodeView['vrrpWanted'];
  // Gone, and begun anew but not yet told what it is to be.
  const empty = { instances: [] } as unknown as NodeView['vrrp'];
  for (const vrrp of [undefined, empty])
    expect(nodeState(view({ vrrp, vrrpWanted })).routers).toMatchObject([
      {
        instance: 'VI_1',
        vrid: 51,
        state: model.RouterState.UNSPECIFIED,
        addresses: [{ address: '192.0.2.1', present: false, advertised: true }],
        problems: [expect.stringContaining('nothing is known')],
      },
    ]);
});

it('tells nothing before there is a configuration', () => {
  expect(nodeState(view({})).routers).toEqual([]);
});
