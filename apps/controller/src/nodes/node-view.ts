import { fleet } from '@keepfleet/rpc';
import { list } from '../common/words.ts';
import { ageMs, freshness, isConnected, observedAt, type NodeRecord } from '../fleet/node-record.ts';

/** What others say counts in this order: one that gets answers from a node outweighs those that do not. */
const VERDICTS = ['alive', 'suspect', 'left', 'failed'] as const;

interface GossipWord {
  readonly verdict: string;
  readonly sources: string[];
  /** Set when the sources disagree. */
  readonly dispute: string | undefined;
}

export function nodeViews(records: readonly NodeRecord[], now: Date): fleet.Node[] {
  return records.map((record) => nodeView(record, records, now));
}

function nodeView(record: NodeRecord, records: readonly NodeRecord[], now: Date): fleet.Node {
  const gossip = gossipOf(record.name, records, now);
  const rest = record.state?.rest;
  const problems = [...(rest?.problems ?? []), ...record.gaps];
  if (gossip.dispute !== undefined) problems.push(gossip.dispute);
  return {
    name: record.name,
    labels: { ...record.labels },
    version: record.version,
    connected: isConnected(record, now),
    freshness: freshness(record, now),
    observedAt: observedAt(record),
    ageMs: ageMs(record, now),
    drained: rest?.drained ?? false,
    gossip: gossip.verdict,
    gossipSources: gossip.sources,
    processes: rest?.processes ?? [],
    overrides: rest?.overrides ?? [],
    problems,
    configHash: rest?.configHash ?? '',
    remoteAddress: record.remoteAddress,
    clockSkewMs: BigInt(Math.round(record.skewMs)),
  };
}

/** Only nodes whose own state is current are asked: an old word about another is no word. */
function gossipOf(name: string, records: readonly NodeRecord[], now: Date): GossipWord {
  const bySource = new Map<string, string[]>();
  for (const source of records) {
    if (source.name === name || freshness(source, now) !== fleet.Freshness.CURRENT) continue;
    const member = source.state?.rest.members.find((each) => each.name === name);
    if (member !== undefined) bySource.set(member.status, [...(bySource.get(member.status) ?? []), source.name]);
  }
  const verdict = VERDICTS.find((each) => bySource.has(each));
  if (verdict === undefined) return { verdict: 'unknown', sources: [], dispute: undefined };
  const words = [...bySource].map(
    ([status, sources]) => `${list(sources)} ${sources.length > 1 ? 'say' : 'says'} ${status}`,
  );
  const dispute = words.length > 1 ? `gossip disagrees about ${name}: ${words.join(', ')}` : undefined;
  return { verdict, sources: bySource.get(verdict) ?? [], dispute };
}
