import { fleet, type model } from '@keepfleet/rpc';
import { freshness, type NodeRecord } from '../fleet/node-record.ts';
import type { RouterGroup } from './router-group.ts';

type Word = fleet.GossipClaim & { readonly heardAt: number };

/**
 * What gossip says of virtual routers: of each node the newest word that any node with a current stream has heard. The
 * words of one node about another are as old as the last notice, and are shown with that age.
 */
export function gossipClaims(records: readonly NodeRecord[], now: Date): (group: RouterGroup) => fleet.GossipClaim[] {
  const newest = new Map<string, Map<string, Word>>();
  for (const record of records) {
    if (freshness(record, now) !== fleet.Freshness.CURRENT) continue;
    for (const claim of record.state?.rest.claims ?? []) {
      const key = keyOf(claim, claim.address);
      const words = newest.get(key) ?? new Map<string, Word>();
      newest.set(key, words);
      // By our clock, as all that is shown.
      const heardAt = (claim.heardAt ?? now).getTime() - record.skewMs;
      const ageMs = BigInt(Math.max(0, Math.round(now.getTime() - heardAt)));
      keep(words, claim.node, { claim, toldBy: record.name, ageMs, heardAt });
    }
  }
  return (group) => {
    const words = new Map<string, Word>();
    // A router that advertises nothing is told apart by nothing; its claims go to none.
    for (const address of group.addresses)
      for (const [node, word] of newest.get(keyOf(group, address)) ?? []) keep(words, node, word);
    return [...words]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { claim, toldBy, ageMs }]) => ({ claim, toldBy, ageMs }));
  };
}

function keep(words: Map<string, Word>, node: string, word: Word): void {
  const known = words.get(node);
  if (known === undefined || known.heardAt < word.heardAt) words.set(node, word);
}

/** Whether its node is heard: one that is silent is no second master but one that has just crashed. */
export function counts(claim: model.RouterClaim): boolean {
  return claim.member === 'alive';
}

function keyOf({ vrid, family }: Pick<RouterGroup, 'vrid' | 'family'>, address: string): string {
  return `${vrid}/${family}/${address}`;
}
