import { CLAIM_STATES, fleet, type gossip, model, routerClaim } from '@keepfleet/rpc';
import type { OwnershipEntry, RouterOwnership } from '@keepfleet/swim';
import { parseIp } from '@keepfleet/wire';
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
  if (known === undefined || isNewer(word, known)) words.set(node, word);
}

/** Of one node's words, whoever heard them, the newest about each virtual router, in the order of the routers. */
export function newestClaims(claims: readonly model.RouterClaim[]): model.RouterClaim[] {
  const newest = new Map<string, model.RouterClaim>();
  for (const claim of claims) {
    const key = keyOf(claim, claim.address);
    const known = newest.get(key);
    if (known === undefined || claim.sequence > known.sequence) newest.set(key, claim);
  }
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, claim]) => claim);
}

/** A claim as libs/swim judges it; undefined for one that no notice can have made. */
export function entryOfClaim(claim: model.RouterClaim): OwnershipEntry | undefined {
  const role = ROLES.get(claim.state);
  const family = ownershipFamily(claim.family);
  const address = claim.address === '' ? undefined : parseIp(claim.address);
  if (role === undefined || family === undefined || address?.ok === false) return undefined;
  const { vrid, hearsMaster, priority, since } = claim;
  return { vrid, family, address: address?.value, role, hearsMaster, priority, since: since?.getTime() ?? 0 };
}

export function ownershipFamily(family: model.Family): 'ipv4' | 'ipv6' | undefined {
  if (family === model.Family.IPV4) return 'ipv4';
  return family === model.Family.IPV6 ? 'ipv6' : undefined;
}

/** A verdict as both APIs tell it; `now` is the same moment on the monotonic and on the wall clock. */
export function wireRouter(
  router: RouterOwnership,
  now: { readonly instant: number; readonly wall: Date },
): gossip.ClaimedRouter {
  const wall = (at: number) => new Date(Math.round(now.wall.getTime() - (now.instant - at) / 1000));
  const { vrid, address, verdict, since, claims } = router;
  const family = router.family === 'ipv4' ? model.Family.IPV4 : model.Family.IPV6;
  return {
    vrid,
    family,
    address: address ?? '',
    verdict,
    since: wall(since),
    claims: claims.map((claim) => routerClaim(claim, wall(claim.heardAt))),
  };
}

const ROLES: ReadonlyMap<model.RouterState, OwnershipEntry['role']> = new Map(
  Object.entries(CLAIM_STATES).map(([role, state]) => [state, role as OwnershipEntry['role']]),
);

/** Two hear one notice at different times; an agent of an earlier version gives no sequence. */
function isNewer(word: Word, known: Word): boolean {
  const [one, other] = [word.claim?.sequence ?? 0n, known.claim?.sequence ?? 0n];
  return one === other ? word.heardAt > known.heardAt : one > other;
}

function keyOf({ vrid, family }: Pick<RouterGroup, 'vrid' | 'family'>, address: string): string {
  return `${vrid}/${family}/${address}`;
}
