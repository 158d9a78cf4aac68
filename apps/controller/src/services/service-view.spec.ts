import { fleet, type model } from '@keepfleet/rpc';
import { describe, expect, it } from 'vitest';
import { disconnectedRecord, fullStateRecord, helloRecord } from '../fleet/node-record.ts';
import { hello, nodeState, realServer, service } from '../trial/samples.ts';
import { serviceViews } from './service-view.ts';

const { DEGRADED, OK, UNKNOWN } = fleet.Health;
const now = new Date(1_800_000_000_000);

function record(node: string, ...servers: model.RealServer[]) {
  const stream = { id: 1, heartbeatMs: 1000, remoteAddress: '', at: now };
  const said = helloRecord(undefined, hello(node, { now }), stream);
  return fullStateRecord(said, { observedAt: now, state: nodeState({ services: [service(servers)] }) }, now);
}

describe('a virtual service across nodes', () => {
  it('sums what current nodes say and leaves stale ones out, by name', () => {
    const busy = realServer(10, { activeConnections: 3, inactiveConnections: 1 });
    const view = serviceViews([record('L1', busy), record('L2', busy), disconnectedRecord(record('L3', busy))], now)[0];
    expect(view).toMatchObject({ health: DEGRADED, leftOut: ['L3'] });
    expect(view?.realServers).toMatchObject([{ up: 2, of: 2, activeConnections: 6, inactiveConnections: 2 }]);
    expect(view?.nodes.map((node) => node.freshness)).toEqual([1, 1, 2]);
  });

  it('shows different weights as drift, and names who has which', () => {
    const [view] = serviceViews([record('L1', realServer(10)), record('L2', realServer(10, { weight: 0 }))], now);
    expect(view).toMatchObject({ health: DEGRADED, reason: 'weights of 192.168.1.10:80 differ: L1 1, L2 0' });
    expect(view?.realServers[0]?.weights).toEqual([0, 1]);
    const gone = realServer(10, { up: false, weight: -1 });
    expect(serviceViews([record('L1', realServer(10)), record('L2', gone)], now)[0]).toMatchObject({
      reason: '192.168.1.10:80 is up on 1 of 2 nodes',
      realServers: [{ weights: [1] }],
    });
  });

  it('is ok with a sorry server at rest, degraded with a server down, unknown when nobody is current', () => {
    const sorry = realServer(99, { sorry: true, up: true, weight: -1 });
    expect(serviceViews([record('L1', realServer(10), sorry)], now)[0]).toMatchObject({ health: OK, reason: '' });
    const down = record('L1', realServer(10, { up: false }));
    expect(serviceViews([down], now)[0]).toMatchObject({
      health: DEGRADED,
      reason: '192.168.1.10:80 is up on 0 of 1 nodes',
    });
    expect(serviceViews([disconnectedRecord(down)], now)[0]).toMatchObject({ health: UNKNOWN, realServers: [] });
  });
});
