import type { fleet, model } from '@keepfleet/rpc';
import { z } from 'zod';
import { count, freshnessDto, maybeTime, timeText } from '../common/dto.ts';
import { freshnessWord } from '../common/words.ts';

const processDto = z
  .object({
    role: z.string(),
    pid: count,
    running: z.boolean(),
    startedAt: maybeTime,
    residentBytes: count,
    problems: z.array(z.string()),
    restarts: count,
  })
  .meta({ id: 'Process' });

const overrideChangeDto = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('priority'), instance: z.string(), priority: count }),
    z.object({ kind: z.literal('preempt'), instance: z.string(), preempt: z.boolean() }),
    z.object({ kind: z.literal('accept'), instance: z.string(), accept: z.boolean() }),
    z.object({ kind: z.literal('promote-secondaries'), instance: z.string(), promoteSecondaries: z.boolean() }),
    z.object({ kind: z.literal('weight'), service: z.string(), realServer: z.string(), weight: count }),
    z.object({ kind: z.literal('drain-node') }),
    z.object({ kind: z.literal('drain-server'), address: z.string(), port: count }),
    z.object({ kind: z.literal('unknown') }),
  ])
  .meta({ id: 'OverrideChange' });

const overrideDto = z
  .object({
    id: z.string(),
    source: z.string().describe('snmp, controller or local'),
    actor: z.string(),
    reason: z.string(),
    at: maybeTime,
    expiresAt: maybeTime,
    change: overrideChangeDto,
  })
  .meta({ id: 'Override' });

export const nodeDto = z
  .object({
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    version: z.string(),
    connected: z.boolean(),
    freshness: freshnessDto,
    observedAt: maybeTime,
    ageMs: count,
    drained: z.boolean(),
    gossip: z.string().describe('alive, suspect, left, failed or unknown, as other nodes say'),
    gossipSources: z.array(z.string()).describe('nodes that say so, eight at the most'),
    processes: z.array(processDto),
    overrides: z.array(overrideDto),
    problems: z.array(z.string()),
    configHash: z.string(),
    remoteAddress: z.string(),
    clockSkewMs: count,
  })
  .meta({ id: 'Node' });

export const forgetRequestDto = z
  .strictObject({ actor: z.string(), reason: z.string().default('') })
  .meta({ id: 'ForgetRequest' });

export const nodeListDto = z.object({ nodes: z.array(nodeDto) }).meta({ id: 'NodeList' });

export function toNode(node: fleet.Node): z.infer<typeof nodeDto> {
  return {
    name: node.name,
    labels: node.labels,
    version: node.version,
    connected: node.connected,
    freshness: freshnessWord[node.freshness],
    observedAt: timeText(node.observedAt),
    ageMs: Number(node.ageMs),
    drained: node.drained,
    gossip: node.gossip,
    gossipSources: node.gossipSources,
    processes: node.processes.map((process) => ({
      role: process.role,
      pid: process.pid,
      running: process.running,
      startedAt: timeText(process.startedAt),
      residentBytes: Number(process.residentBytes),
      problems: process.problems,
      restarts: process.restarts,
    })),
    overrides: node.overrides.map(({ id, source, actor, reason, at, expiresAt, change }) => ({
      id,
      source,
      actor,
      reason,
      at: timeText(at),
      expiresAt: timeText(expiresAt),
      change: toOverrideChange(change),
    })),
    problems: node.problems,
    configHash: node.configHash,
    remoteAddress: node.remoteAddress,
    clockSkewMs: Number(node.clockSkewMs),
  };
}

function toOverrideChange(change: model.Override['change']): z.infer<typeof overrideChangeDto> {
  switch (change?.$case) {
    case undefined:
      return { kind: 'unknown' };
    case 'priority':
      return { kind: 'priority', instance: change.value.instance, priority: change.value.priority };
    case 'preempt':
      return { kind: 'preempt', instance: change.value.instance, preempt: change.value.preempt };
    case 'accept':
      return { kind: 'accept', instance: change.value.instance, accept: change.value.accept };
    case 'promoteSecondaries': {
      const { instance, promoteSecondaries } = change.value;
      return { kind: 'promote-secondaries', instance, promoteSecondaries };
    }
    case 'weight': {
      const { service, realServer, weight } = change.value;
      return { kind: 'weight', service, realServer, weight };
    }
    case 'drainNode':
      return { kind: 'drain-node' };
    case 'drainServer':
      return { kind: 'drain-server', address: change.value.address, port: change.value.port };
  }
}
