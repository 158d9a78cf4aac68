import { model } from '@keepfleet/rpc';
import type { NodeRecord } from '../fleet/node-record.ts';

/** One node's instance of a virtual router. */
export interface Member {
  readonly record: NodeRecord;
  readonly router: model.VirtualRouter;
}

export interface RouterGroup {
  readonly key: string;
  readonly vrid: number;
  readonly family: model.Family;
  /** Advertised by any member, in the order of first mention. */
  readonly addresses: readonly string[];
  readonly members: readonly Member[];
}

/**
 * Which instances of different nodes are the same virtual router: those of one VRID and family that share an advertised
 * address, directly or through others. Instances that advertise nothing go by their name. The VRID alone says nothing,
 * because another segment may use it too.
 */
export function groupRouters(records: readonly NodeRecord[]): RouterGroup[] {
  const buckets = new Map<string, Member[][]>();
  for (const record of records) {
    for (const router of record.state?.routers.values() ?? []) {
      const bucket = `${router.vrid}/${familyWord(router.family)}`;
      buckets.set(bucket, joined(buckets.get(bucket) ?? [], { record, router }));
    }
  }
  const groups = [...buckets].flatMap(([bucket, sets]) => sets.map((members) => group(bucket, members)));
  return unique(groups).sort((a, b) => (a.key < b.key ? -1 : 1));
}

export function advertised(router: model.VirtualRouter): string[] {
  return router.addresses.filter((address) => address.advertised).map((address) => address.address);
}

export function familyWord(family: model.Family): 'ipv4' | 'ipv6' | 'unknown' {
  if (family === model.Family.IPV4) return 'ipv4';
  return family === model.Family.IPV6 ? 'ipv6' : 'unknown';
}

function joined(sets: readonly Member[][], member: Member): Member[][] {
  const same = sets.filter((set) => set.some((other) => isSame(other.router, member.router)));
  const others = sets.filter((set) => !same.includes(set));
  return [...others, [...same.flat(), member]];
}

function isSame(a: model.VirtualRouter, b: model.VirtualRouter): boolean {
  const [of, with_] = [advertised(a), advertised(b)];
  if (of.length === 0 || with_.length === 0) return a.instance === b.instance;
  return of.some((address) => with_.includes(address));
}

function group(bucket: string, members: readonly Member[]): RouterGroup {
  const names = new Map<string, number>();
  for (const { router } of members) names.set(router.instance, (names.get(router.instance) ?? 0) + 1);
  const [name] = [...names].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0] ?? [''];
  const first = members[0]?.router;
  return {
    key: `${name}/${bucket}`,
    vrid: first?.vrid ?? 0,
    family: first?.family ?? model.Family.UNSPECIFIED,
    addresses: [...new Set(members.flatMap(({ router }) => advertised(router)))],
    members: [...members].sort((a, b) => (a.record.name < b.record.name ? -1 : 1)),
  };
}

/** Where two segments use the same name and VRID, the lowest address tells them apart. */
function unique(groups: readonly RouterGroup[]): RouterGroup[] {
  const count = new Map<string, number>();
  for (const { key } of groups) count.set(key, (count.get(key) ?? 0) + 1);
  return groups.map((each) => {
    if (count.get(each.key) === 1) return each;
    return { ...each, key: `${each.key}/${[...each.addresses].sort()[0] ?? each.members[0]?.record.name ?? ''}` };
  });
}
