import { fleet, type model } from '@keepfleet/rpc';
import { duration, list } from '../common/words.ts';
import { ageMs, freshness, observedAt, type NodeRecord } from '../fleet/node-record.ts';

interface NodeService {
  readonly record: NodeRecord;
  readonly service: model.VirtualService;
}

export function serviceViews(records: readonly NodeRecord[], now: Date): fleet.FleetVirtualService[] {
  const byKey = new Map<string, NodeService[]>();
  for (const record of records) {
    for (const service of record.state?.services.values() ?? []) {
      byKey.set(service.key, [...(byKey.get(service.key) ?? []), { record, service }]);
    }
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, nodes]) => serviceView(key, nodes, now));
}

function serviceView(key: string, nodes: readonly NodeService[], now: Date): fleet.FleetVirtualService {
  const known = nodes.filter(({ record }) => freshness(record, now) === fleet.Freshness.CURRENT);
  const leftOut = nodes.filter((each) => !known.includes(each));
  const realServers = fleetRealServers(known);
  const reasons = faults(known, leftOut, realServers, now);
  const health =
    known.length === 0 ? fleet.Health.UNKNOWN : reasons.length > 0 ? fleet.Health.DEGRADED : fleet.Health.OK;
  return {
    key,
    health,
    reason: reasons.join('; '),
    sum: sum(known.map(({ service }) => service.statistics)),
    realServers,
    nodes: nodes.map(({ record, service }) => ({
      node: record.name,
      freshness: freshness(record, now),
      observedAt: observedAt(record),
      ageMs: ageMs(record, now),
      service,
    })),
    leftOut: leftOut.map(({ record }) => record.name),
  };
}

function faults(
  known: readonly NodeService[],
  leftOut: readonly NodeService[],
  realServers: readonly fleet.FleetRealServer[],
  now: Date,
): string[] {
  const reasons: string[] = [];
  const noQuorum = known.filter(({ service }) => !service.quorumUp);
  if (noQuorum.length > 0) reasons.push(`no quorum on ${names(noQuorum)}`);
  const sorry = known.filter(({ service }) => service.sorryInUse);
  if (sorry.length > 0) reasons.push(`the sorry server answers on ${names(sorry)}`);
  const sorryKeys = new Set(
    known.flatMap(({ service }) => service.realServers.filter((server) => server.sorry).map((server) => server.key)),
  );
  for (const server of realServers) {
    // A sorry server is in the table only while it is needed.
    if (sorryKeys.has(server.key)) continue;
    if (server.up < server.of) reasons.push(`${server.key} is up on ${server.up} of ${server.of} nodes`);
    if (server.weights.length > 1) {
      const each = known.flatMap(({ record, service }) =>
        service.realServers
          .filter((one) => one.key === server.key && inTable(one))
          .map(({ weight }) => `${record.name} ${weight}`),
      );
      reasons.push(`weights of ${server.key} differ: ${each.join(', ')}`);
    }
  }
  const old = leftOut.map(({ record }) => `${record.name} (${duration(Number(ageMs(record, now)))} old)`);
  if (old.length > 0) reasons.push(`not current and left out: ${list(old)}`);
  return reasons;
}

function fleetRealServers(known: readonly NodeService[]): fleet.FleetRealServer[] {
  const byKey = new Map<string, { record: NodeRecord; server: model.RealServer }[]>();
  for (const { record, service } of known) {
    for (const server of service.realServers) {
      byKey.set(server.key, [...(byKey.get(server.key) ?? []), { record, server }]);
    }
  }
  return [...byKey.values()].flatMap((each) => {
    const first = each[0]?.server;
    if (first === undefined) return [];
    const total = (pick: (server: model.RealServer) => number) => each.reduce((to, { server }) => to + pick(server), 0);
    return {
      key: first.key,
      address: first.address,
      port: first.port,
      up: each.filter(({ server }) => server.up).length,
      of: each.length,
      activeConnections: total((server) => server.activeConnections),
      inactiveConnections: total((server) => server.inactiveConnections),
      persistentConnections: total((server) => server.persistentConnections),
      sum: sum(each.map(({ server }) => server.statistics)),
      weights: [...new Set(each.flatMap(({ server }) => (inTable(server) ? server.weight : [])))].sort((a, b) => a - b),
      drained: each.every(({ record, server }) => drains(record.state?.rest.overrides ?? [], server)),
    };
  });
}

/** One that is down may be out of the kernel's table, which gives it no weight at all. */
function inTable(server: model.RealServer): boolean {
  return server.weight >= 0;
}

/** Whether one of the overrides drains this real server. */
export function drains(
  overrides: readonly model.Override[],
  server: { readonly address: string; readonly port: number },
): boolean {
  return overrides.some(
    ({ change }) =>
      change?.$case === 'drainServer' &&
      change.value.address === server.address &&
      (change.value.port === 0 || change.value.port === server.port),
  );
}

function names(nodes: readonly NodeService[]): string {
  return list(nodes.map(({ record }) => record.name));
}

const COUNTERS = [
  'connections',
  'packetsIn',
  'packetsOut',
  'bytesIn',
  'bytesOut',
  'connectionsRate',
  'packetsInRate',
  'packetsOutRate',
  'bytesInRate',
  'bytesOutRate',
] as const;

function sum(all: readonly (model.Statistics | undefined)[]): model.Statistics {
  const total: model.Statistics = {
    connections: 0n,
    packetsIn: 0n,
    packetsOut: 0n,
    bytesIn: 0n,
    bytesOut: 0n,
    connectionsRate: 0n,
    packetsInRate: 0n,
    packetsOutRate: 0n,
    bytesInRate: 0n,
    bytesOutRate: 0n,
  };
  for (const each of all) for (const counter of COUNTERS) total[counter] += each?.[counter] ?? 0n;
  return total;
}
