import { fleet, type gossip, type model } from '@keepfleet/rpc';
import { freshness, type NodeRecord } from '../fleet/node-record.ts';

/** What others say counts in this order: one that gets answers from a member outweighs those that do not. */
const VERDICTS = ['alive', 'suspect', 'left', 'failed'];

/** Every member that any node with a current stream knows, and the nodes themselves; who differs is named. */
export function memberRows(records: readonly NodeRecord[], now: Date): gossip.MemberRow[] {
  const words = new Map<string, Map<string, model.Member>>();
  for (const record of records) {
    if (freshness(record, now) !== fleet.Freshness.CURRENT) continue;
    for (const member of record.state?.rest.members ?? []) {
      const said = words.get(member.name) ?? new Map<string, model.Member>();
      said.set(record.name, member);
      words.set(member.name, said);
    }
  }
  return [...words].map(([name, said]) => row(name, said)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function row(name: string, said: ReadonlyMap<string, model.Member>): gossip.MemberRow {
  const statuses = new Set([...said.values()].map(({ status }) => status));
  const status = VERDICTS.find((each) => statuses.has(each)) ?? 'unknown';
  const [by, member] = [...said].find(([, each]) => each.status === status) ?? ['', undefined];
  return {
    name,
    address: member?.address ?? '',
    port: 0,
    status,
    tags: member?.tags ?? {},
    since: member?.since,
    how: 'gossip',
    by,
    suspectedBy: [],
    roundTripUs: 0,
    estimatedUs: 0,
    seenBy: statuses.size > 1 ? Object.fromEntries([...said].map(([node, each]) => [node, each.status])) : {},
  };
}

/** One answer of several agents: each sees its own side of a partition. The same sentence is said once. */
export function merged(answers: readonly gossip.ExamineResponse[]): gossip.ExamineResponse {
  const findings = new Map(
    answers.flatMap((answer) => answer.findings).map((finding) => [`${finding.subject} ${finding.message}`, finding]),
  );
  const ways = new Map<string, gossip.Way>();
  for (const way of answers.flatMap((answer) => answer.ways)) {
    const key = `${way.from} ${way.to}`;
    const known = ways.get(key);
    ways.set(key, {
      ...way,
      // A word outweighs none.
      udp: way.udp || (known?.udp ?? 0),
      tcp: way.tcp || (known?.tcp ?? 0),
      large: way.large || (known?.large ?? 0),
    });
  }
  const members = new Map<string, gossip.MemberHealth>();
  for (const member of answers.flatMap((answer) => answer.members))
    if (member.answered || !members.has(member.name)) members.set(member.name, member);
  return {
    source: answers.map(({ source }) => source).join(', '),
    findings: [...findings.values()],
    ways: [...ways.values()],
    members: [...members.values()],
  };
}
