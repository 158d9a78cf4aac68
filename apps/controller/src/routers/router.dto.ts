import type { fleet, model } from '@keepfleet/rpc';
import { z } from 'zod';
import { count, freshnessDto, healthDto, maybeTime, timeText } from '../common/dto.ts';
import { freshnessWord, healthWord } from '../common/words.ts';
import { familyWord } from './router-group.ts';
import { stateWord } from './router-view.ts';

const family = z.enum(['ipv4', 'ipv6', 'unknown']).meta({ id: 'Family' });

const addressDto = z
  .object({
    address: z.string(),
    prefixLength: count,
    interface: z.string(),
    present: z.boolean(),
    advertised: z.boolean(),
  })
  .meta({ id: 'Address' });

const countersDto = z
  .object({
    advertsReceived: count,
    advertsSent: count,
    becameMaster: count,
    releasedMaster: count,
    priorityZeroReceived: count,
    priorityZeroSent: count,
    errors: z.record(z.string(), count),
  })
  .meta({ id: 'RouterCounters' });

const instanceDto = z
  .object({
    instance: z.string(),
    vrid: count,
    version: count,
    family,
    interface: z.string(),
    state: z.enum(['initialize', 'backup', 'master', 'fault', 'unknown']),
    stateSince: maybeTime,
    basePriority: count,
    effectivePriority: count,
    preempt: z.boolean(),
    advertIntervalMs: count,
    masterAddress: z.string(),
    masterPriority: count,
    addresses: z.array(addressDto),
    problems: z.array(z.string()),
    counters: countersDto.nullable(),
    lastResort: z.boolean(),
  })
  .meta({ id: 'RouterInstance' });

const candidateDto = z
  .object({
    node: z.string(),
    freshness: freshnessDto,
    observedAt: maybeTime,
    ageMs: count,
    router: instanceDto.nullable(),
  })
  .meta({ id: 'Candidate' });

const claimDto = z
  .object({
    node: z.string(),
    state: z.enum(['initialize', 'backup', 'master', 'fault', 'unknown']),
    priority: count,
    since: maybeTime,
    heardAt: maybeTime,
    ageMs: count,
    toldBy: z.string(),
    member: z.string().describe('alive, suspect, failed or unknown, by gossip'),
  })
  .meta({ id: 'GossipClaim' });

export const routerDto = z
  .object({
    key: z.string(),
    vrid: count,
    family,
    health: healthDto,
    reason: z.string(),
    owner: z.string().describe('empty when unknown or none'),
    ownerSince: maybeTime,
    candidates: z.array(candidateDto),
    addresses: z.array(z.string()),
    claims: z.array(claimDto).describe('what the nodes say of it by gossip, also those that are not connected'),
  })
  .meta({ id: 'VirtualRouter' });

export const routerListDto = z.object({ routers: z.array(routerDto) }).meta({ id: 'VirtualRouterList' });

export function toRouter(view: fleet.FleetVirtualRouter): z.infer<typeof routerDto> {
  return {
    key: view.key,
    vrid: view.vrid,
    family: familyWord(view.family),
    health: healthWord[view.health],
    reason: view.reason,
    owner: view.owner,
    ownerSince: timeText(view.ownerSince),
    candidates: view.candidates.map((candidate) => ({
      node: candidate.node,
      freshness: freshnessWord[candidate.freshness],
      observedAt: timeText(candidate.observedAt),
      ageMs: Number(candidate.ageMs),
      router: candidate.router === undefined ? null : toInstance(candidate.router),
    })),
    addresses: view.addresses,
    claims: view.claims.flatMap(({ claim, toldBy, ageMs }) =>
      claim === undefined
        ? []
        : [
            {
              node: claim.node,
              state: stateWord(claim.state),
              priority: claim.priority,
              since: timeText(claim.since),
              heardAt: timeText(claim.heardAt),
              ageMs: Number(ageMs),
              toldBy,
              member: claim.member,
            },
          ],
    ),
  };
}

function toInstance(router: model.VirtualRouter): z.infer<typeof instanceDto> {
  return {
    instance: router.instance,
    vrid: router.vrid,
    version: router.version,
    family: familyWord(router.family),
    interface: router.interface,
    state: stateWord(router.state),
    stateSince: timeText(router.stateSince),
    basePriority: router.basePriority,
    effectivePriority: router.effectivePriority,
    preempt: router.preempt,
    advertIntervalMs: router.advertIntervalMs,
    masterAddress: router.masterAddress,
    masterPriority: router.masterPriority,
    addresses: router.addresses,
    problems: router.problems,
    counters: router.counters === undefined ? null : toCounters(router.counters),
    lastResort: router.lastResort,
  };
}

function toCounters(counters: model.RouterCounters): z.infer<typeof countersDto> {
  return {
    advertsReceived: Number(counters.advertsReceived),
    advertsSent: Number(counters.advertsSent),
    becameMaster: Number(counters.becameMaster),
    releasedMaster: Number(counters.releasedMaster),
    priorityZeroReceived: Number(counters.priorityZeroReceived),
    priorityZeroSent: Number(counters.priorityZeroSent),
    errors: Object.fromEntries(Object.entries(counters.errors).map(([kind, value]) => [kind, Number(value)])),
  };
}
