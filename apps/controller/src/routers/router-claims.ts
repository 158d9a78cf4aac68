import { fleet, type model } from '@keepfleet/rpc';
import { freshness, type NodeRecord } from '../fleet/node-record.ts';
import type { RouterGroup } from './router-group.ts';

/**
 * What gossip says of a virtual router: of each node the newest word that any node with a current stream has heard. The
 * words of one node about another are as old as the last notice, and are shown with that age.
 */
export function claimsOf(group: RouterGroup, records: readonly NodeRecord[], now: Date): fleet.GossipClaim[] {
  const newest = new Map<string, fleet.GossipClaim & { readonly heardAt: number }>();
  for (const record of records) {
    if (freshness(record, now) !== fleet.Freshness.CURRENT) continue;
    for (const claim of record.state?.rest.claims ?? []) {
      if (!isOf(claim, group)) continue;
      // By our clock, as all that is shown.
      const heardAt = (claim.heardAt ?? now).getTime() - record.skewMs;
      const known = newest.get(claim.node);
      if (known !== undefined && known.heardAt >= heardAt) continue;
      const ageMs = BigInt(Math.max(0, Math.round(now.getTime() - heardAt)));
      newest.set(claim.node, { claim, toldBy: record.name, ageMs, heardAt });
    }
  }
  return [...newest.values()]
    .map(({ claim, toldBy, ageMs }) => ({ claim, toldBy, ageMs }))
    .sort((a, b) => ((a.claim?.node ?? '') < (b.claim?.node ?? '') ? -1 : 1));
}

/** Whether its node is heard: one that is silent is no second master but one that has just crashed. */
export function counts(claim: model.RouterClaim): boolean {
  return claim.member === 'alive';
}

/** A router that advertises nothing is told apart by nothing; its claims go to none. */
function isOf(claim: model.RouterClaim, group: RouterGroup): boolean {
  return claim.vrid === group.vrid && claim.family === group.family && group.addresses.includes(claim.address);
}
