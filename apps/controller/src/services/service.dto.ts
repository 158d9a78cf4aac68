import type { fleet, model } from '@keepfleet/rpc';
import { z } from 'zod';
import { count, freshnessDto, healthDto, maybeTime, timeText } from '../common/dto.ts';
import { freshnessWord, healthWord } from '../common/words.ts';

const statisticsDto = z
  .object({
    connections: count,
    packetsIn: count,
    packetsOut: count,
    bytesIn: count,
    bytesOut: count,
    connectionsRate: count,
    packetsInRate: count,
    packetsOutRate: count,
    bytesInRate: count,
    bytesOutRate: count,
  })
  .meta({ id: 'Statistics' });

const connections = { activeConnections: count, inactiveConnections: count, persistentConnections: count };

const realServerDto = z
  .object({
    key: z.string(),
    address: z.string(),
    port: count,
    configuredWeight: count,
    weight: count.describe('in the kernel; -1 when it is not in the table'),
    forwarding: z.string(),
    up: z.boolean(),
    sorry: z.boolean(),
    since: maybeTime,
    check: z.string(),
    ...connections,
    statistics: statisticsDto.nullable(),
  })
  .meta({ id: 'RealServer' });

const nodeServiceDto = z
  .object({
    node: z.string(),
    freshness: freshnessDto,
    observedAt: maybeTime,
    ageMs: count,
    protocol: z.string(),
    address: z.string(),
    port: count,
    scheduler: z.string(),
    forwarding: z.string(),
    quorumUp: z.boolean(),
    quorum: count,
    sorryInUse: z.boolean(),
    since: maybeTime,
    realServers: z.array(realServerDto),
    statistics: statisticsDto.nullable(),
  })
  .meta({ id: 'NodeService' });

const fleetRealServerDto = z
  .object({
    key: z.string(),
    address: z.string(),
    port: count,
    up: count,
    of: count,
    ...connections,
    sum: statisticsDto,
    weights: z.array(count).describe('in the kernels of the nodes; more than one is drift'),
    drained: z.boolean(),
  })
  .meta({ id: 'FleetRealServer' });

export const serviceDto = z
  .object({
    key: z.string(),
    health: healthDto,
    reason: z.string(),
    sum: statisticsDto,
    realServers: z.array(fleetRealServerDto),
    nodes: z.array(nodeServiceDto),
    leftOut: z.array(z.string()).describe('nodes left out of the sums because their state is not current'),
  })
  .meta({ id: 'VirtualService' });

export const serviceListDto = z.object({ services: z.array(serviceDto) }).meta({ id: 'VirtualServiceList' });

export function toService(view: fleet.FleetVirtualService): z.infer<typeof serviceDto> {
  return {
    key: view.key,
    health: healthWord[view.health],
    reason: view.reason,
    sum: toStatistics(view.sum) ?? noStatistics,
    realServers: view.realServers.map((server) => ({ ...server, sum: toStatistics(server.sum) ?? noStatistics })),
    nodes: view.nodes.flatMap(toNodeService),
    leftOut: view.leftOut,
  };
}

function toNodeService(view: fleet.NodeService): z.infer<typeof nodeServiceDto>[] {
  const service = view.service;
  if (service === undefined) return [];
  return [
    {
      node: view.node,
      freshness: freshnessWord[view.freshness],
      observedAt: timeText(view.observedAt),
      ageMs: Number(view.ageMs),
      protocol: service.protocol,
      address: service.address,
      port: service.port,
      scheduler: service.scheduler,
      forwarding: service.forwarding,
      quorumUp: service.quorumUp,
      quorum: service.quorum,
      sorryInUse: service.sorryInUse,
      since: timeText(service.since),
      realServers: service.realServers.map((server) => ({
        ...server,
        since: timeText(server.since),
        statistics: toStatistics(server.statistics),
      })),
      statistics: toStatistics(service.statistics),
    },
  ];
}

function toStatistics(statistics: model.Statistics | undefined): z.infer<typeof statisticsDto> | null {
  if (statistics === undefined) return null;
  return {
    connections: Number(statistics.connections),
    packetsIn: Number(statistics.packetsIn),
    packetsOut: Number(statistics.packetsOut),
    bytesIn: Number(statistics.bytesIn),
    bytesOut: Number(statistics.bytesOut),
    connectionsRate: Number(statistics.connectionsRate),
    packetsInRate: Number(statistics.packetsInRate),
    packetsOutRate: Number(statistics.packetsOutRate),
    bytesInRate: Number(statistics.bytesInRate),
    bytesOutRate: Number(statistics.bytesOutRate),
  };
}

const noStatistics: z.infer<typeof statisticsDto> = {
  connections: 0,
  packetsIn: 0,
  packetsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  connectionsRate: 0,
  packetsInRate: 0,
  packetsOutRate: 0,
  bytesInRate: 0,
  bytesOutRate: 0,
};
