import { fleet } from '@keepfleet/rpc';
import { list } from '../common/words.ts';
import { ageMs, freshness, isConnected, observedAt, type NodeRecord } from '../fleet/node-record.ts';

/** What others say counts in this order: one that gets answers from a node outweighs those that do not. */
const VERDICTS = ['alive', 'suspect', 'left', 'failed'] as const;

/** Of those that say the same, so many are named: in a fleet of a thousand every node knows every other. */
const MOST_NAMED = 8;

/** Who says what of one node, by status. */
type Words = ReadonlyMap<string, readonly string[]>;

interface GossipWord {
  readonly verdict: string;
  readonly sources: string[];
  /** Set when the sources disagree. */
  readonly dispute: string | undefined;
}

export function nodeViews(records: readonly NodeRecord[], now: Date): fleet.Node[] {
  const said = saidByGossip(records, now);
  return records.map((record) => nodeView(record, gossipOf(record.name, said.get(record.name) ?? new Map()), now));
}

function nodeView(record: NodeRecord, gossip: GossipWord, now: Date): fleet.Node {
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
function saidByGossip(records: readonly NodeRecord[], now: Date): ReadonlyMap<string, Words> {
  const said = new Map(records.map((record) => [record.name, new Map<string, string[]>()]));
  for (const source of records) {
    if (freshness(source, now) !== fleet.Freshness.CURRENT) continue;
    for (const { name, status } of source.state?.rest.members ?? []) {
      const words = source.name === name ? undefined : said.get(name);
      const sources = words?.get(status);
      if (sources === undefined) words?.set(status, [source.name]);
      else sources.push(source.name);
    }
  }
  return said;
}

function gossipOf(name: string, said: Words): GossipWord {
  const verdict = VERDICTS.find((each) => said.has(each));
  if (verdict === undefined) return { verdict: 'unknown', sources: [], dispute: undefined };
  const words = [...said].map(
    ([status, sources]) => `${list(named(sources))} ${sources.length > 1 ? 'say' : 'says'} ${status}`,
  );
  const dispute = words.length > 1 ? `gossip disagrees about ${name}: ${words.join(', ')}` : undefined;
  return { verdict, sources: (said.get(verdict) ?? []).slice(0, MOST_NAMED), dispute };
}

function named(sources: readonly string[]): string[] {
  if (sources.length <= MOST_NAMED) return [...sources];
  return [...sources.slice(0, MOST_NAMED), `${sources.length - MOST_NAMED} more`];
}
