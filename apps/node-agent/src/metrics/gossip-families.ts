import type { RouterOwnership, SwimSnapshot, SwimStats } from '@keepfleet/swim';
import { type Family, family } from './family.ts';

const VERDICT = { 'no-master': 0, 'one-master': 1, 'multi-master': 2 } as const;
const STATUSES = ['alive', 'suspect', 'failed', 'left'] as const;

type Counter = Exclude<keyof SwimStats, 'dropped'>;

const COUNTERS: readonly (readonly [name: string, help: string, counter: Counter])[] = [
  ['datagrams_received', 'Datagrams received.', 'datagramsIn'],
  ['datagrams_sent', 'Datagrams sent.', 'datagramsOut'],
  ['datagram_bytes_received', 'Octets of datagrams received.', 'bytesIn'],
  ['datagram_bytes_sent', 'Octets of datagrams sent.', 'bytesOut'],
  ['streams_accepted', 'TCP connections of others.', 'streamsIn'],
  ['streams_opened', 'TCP connections of ours.', 'streamsOut'],
  ['stream_bytes_received', 'Octets of streams received.', 'streamBytesIn'],
  ['stream_bytes_sent', 'Octets of streams sent.', 'streamBytesOut'],
  ['probes', 'Probes of other members.', 'probes'],
  ['probes_indirect', 'Probes answered through another member only.', 'probesIndirect'],
  ['probes_by_tcp', 'Probes answered by TCP only: UDP is blocked.', 'probesStream'],
  ['probes_failed', 'Probes that nobody could get answered.', 'probesFailed'],
  ['suspicions', 'Members that became suspects here.', 'suspicions'],
  ['refutations', 'Accusations of this member that it contradicted.', 'refutations'],
  ['stalls', 'Times that this process was served too late to judge others.', 'stalls'],
  ['exchanges', 'Exchanges of all state.', 'pushPulls'],
  ['exchanges_failed', 'Exchanges of all state that failed.', 'pushPullsFailed'],
  ['exchanges_spared', 'Exchanges left out, since nothing differed.', 'pushPullsSpared'],
  ['queries_received', 'Queries of others.', 'queriesIn'],
  ['queries_asked', 'Queries of this member.', 'queriesOut'],
  ['user_events_received', 'User events heard, repetitions included.', 'userEventsIn'],
  ['user_events_sent', 'User events of this member.', 'userEventsOut'],
  ['name_conflicts', 'Names that a second host claimed.', 'nameConflicts'],
];

export function gossipFamilies(gossip: SwimSnapshot | undefined, owners: readonly RouterOwnership[]): Family[] {
  const up = family('keepfleet_gossip_up', 'Whether this node gossips.', 'gauge', [[{}, Number(gossip !== undefined)]]);
  if (gossip === undefined) return [up];
  const { members, health, queued, distances, stats } = gossip;
  const count = (status: (typeof STATUSES)[number]) => members.filter((member) => member.status === status).length;
  return [
    up,
    family(
      'keepfleet_gossip_members',
      'Members by what this one thinks of them.',
      'gauge',
      STATUSES.map((status) => [{ status }, count(status)]),
    ),
    family('keepfleet_gossip_health_score', '0 is well; higher: answers due to us are missing.', 'gauge', [
      [{}, health],
    ]),
    family('keepfleet_gossip_queue_messages', 'News that waits to be told.', 'gauge', [[{}, queued]]),
    family(
      'keepfleet_gossip_round_trip_seconds',
      'Round trip of the last direct probe.',
      'gauge',
      distances.flatMap(({ name, measured }) =>
        measured === undefined ? [] : [[{ member: name }, measured / 1_000_000] as const],
      ),
    ),
    ...COUNTERS.map(([name, help, counter]) =>
      family(`keepfleet_gossip_${name}_total`, help, 'counter', [[{}, stats[counter]]]),
    ),
    family(
      'keepfleet_gossip_dropped_total',
      'Input dropped, by what was wrong with it.',
      'counter',
      Object.entries(stats.dropped).map(([kind, dropped]) => [{ kind }, dropped]),
    ),
    family(
      'keepfleet_gossip_router_masters',
      'Masters of a virtual router by the word of all its nodes: 0 none, 1 one, 2 two or more.',
      'gauge',
      owners.map(({ vrid, family: version, address, verdict }) => [
        { vrid, family: version, address: address ?? '' },
        VERDICT[verdict],
      ]),
    ),
  ];
}
