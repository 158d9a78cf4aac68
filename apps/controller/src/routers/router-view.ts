import { fleet, model } from '@keepfleet/rpc';
import { isClaimHeard } from '@keepfleet/swim';
import { duration, list } from '../common/words.ts';
import { ageMs, freshness, observedAt, type NodeRecord } from '../fleet/node-record.ts';
import { gossipClaims } from './router-claims.ts';
import { advertised, groupRouters, type Member, type RouterGroup } from './router-group.ts';

interface Verdict {
  readonly health: fleet.Health;
  readonly reason: string;
}

export function routerViews(records: readonly NodeRecord[], now: Date): fleet.FleetVirtualRouter[] {
  const claimsOf = gossipClaims(records, now);
  return groupRouters(records).map((group) => routerView(group, now, claimsOf(group)));
}

/**
 * The virtual router as the nodes tell it at this moment. Between two deltas of a failover there may be no master or
 * two; that is shown as it is, with each word's age, and not smoothed.
 */
export function routerView(
  group: RouterGroup,
  now: Date,
  claims: readonly fleet.GossipClaim[] = [],
): fleet.FleetVirtualRouter {
  const masters = current(group, now).filter(({ router }) => router.state === model.RouterState.MASTER);
  const owner = masters.length === 1 ? masters[0] : undefined;
  return {
    key: group.key,
    vrid: group.vrid,
    family: group.family,
    ...withGossip(verdict(group, now), group, claims, now),
    owner: owner?.record.name ?? '',
    ownerSince: owner?.router.stateSince,
    candidates: group.members.map(({ record, router }) => ({
      node: record.name,
      freshness: freshness(record, now),
      observedAt: observedAt(record),
      ageMs: ageMs(record, now),
      router,
    })),
    addresses: [...group.addresses],
    claims: [...claims],
  };
}

/**
 * A node whose stream is not current may still be heard by others over gossip: its word there tells of a second master,
 * or of the one that no stream tells of.
 */
function withGossip(verdict: Verdict, group: RouterGroup, claims: readonly fleet.GossipClaim[], now: Date): Verdict {
  const known = current(group, now).map(({ record }) => record.name);
  const heard = claims.filter(({ claim }) => claim !== undefined && !known.includes(claim.node) && isClaimHeard(claim));
  const others = heard.filter(({ claim }) => claim?.state === model.RouterState.MASTER);
  if (others.length === 0) return withHearers(verdict, claims);
  const words = others.map(
    ({ claim, ageMs: age, toldBy }) =>
      `${claim?.node ?? ''} is master by gossip of ${toldBy}, ${duration(Number(age))} ago`,
  );
  const masters = current(group, now).filter(({ router }) => router.state === model.RouterState.MASTER);
  if (masters.length + others.length > 1) {
    const ours = masters.map(({ record }) => `${record.name} says that it is master`);
    return { health: fleet.Health.MULTI_MASTER, reason: [...ours, ...words].join('; ') };
  }
  const { NO_MASTER, UNKNOWN } = fleet.Health;
  if (verdict.health !== NO_MASTER && verdict.health !== UNKNOWN) return verdict;
  return { health: fleet.Health.DEGRADED, reason: [...words, verdict.reason].join('; ') };
}

/** A backup that hears a master knows that there is one: keepalived, or a node that neither reports nor gossips. */
function withHearers(verdict: Verdict, claims: readonly fleet.GossipClaim[]): Verdict {
  const hearers = claims.flatMap(({ claim }) =>
    claim?.hearsMaster === true && isClaimHeard(claim) ? [claim.node] : [],
  );
  if (verdict.health !== fleet.Health.NO_MASTER || hearers.length === 0) return verdict;
  const reason = `a master that is not known here: ${list(hearers)} ${hearers.length === 1 ? 'hears' : 'hear'} its adverts; ${verdict.reason}`;
  return { health: fleet.Health.DEGRADED, reason };
}

/** May take over in the ordinary way: neither broken nor drained. */
export function isAble(router: model.VirtualRouter): boolean {
  const { BACKUP, MASTER } = model.RouterState;
  return (router.state === BACKUP || router.state === MASTER) && !router.lastResort;
}

function current(group: RouterGroup, now: Date): Member[] {
  return group.members.filter(({ record }) => freshness(record, now) === fleet.Freshness.CURRENT);
}

function verdict(group: RouterGroup, now: Date): Verdict {
  const known = current(group, now);
  const stale = group.members.filter((member) => !known.includes(member));
  const old = stale.map(
    ({ record, router }) => `${record.name} was ${stateWord(router.state)} ${duration(Number(ageMs(record, now)))} ago`,
  );
  const masters = known.filter(({ router }) => router.state === model.RouterState.MASTER);
  if (masters.length > 1) {
    return { health: fleet.Health.MULTI_MASTER, reason: `${names(masters)} all say that they are master` };
  }
  const master = masters[0];
  if (master !== undefined) return ofMaster(master, known, old);
  if (known.length === 0) {
    return { health: fleet.Health.UNKNOWN, reason: `no node that carries it is current: ${old.join(', ')}` };
  }
  const states = known.map(({ record, router }) => {
    const hears = router.masterAddress === '' ? '' : ` and hears ${router.masterAddress}`;
    return `${record.name} is ${stateWord(router.state)}${hears}`;
  });
  if (known.some(({ router }) => router.state === model.RouterState.UNSPECIFIED))
    return { health: fleet.Health.UNKNOWN, reason: states.join(', ') };
  if (old.length > 0) {
    const reason = `${states.join(', ')}; another may be master: ${old.join(', ')}`;
    return { health: fleet.Health.UNKNOWN, reason };
  }
  return { health: fleet.Health.NO_MASTER, reason: states.join(', ') };
}

function ofMaster(master: Member, known: readonly Member[], old: readonly string[]): Verdict {
  const others = known.filter((member) => member !== master);
  const faults: string[] = [];
  for (const { record, router } of others) {
    if (router.state !== model.RouterState.BACKUP) faults.push(`${record.name} is ${stateWord(router.state)}`);
    const held = router.addresses.filter((address) => address.advertised && address.present);
    if (held.length > 0)
      faults.push(`${record.name} is not master but holds ${list(held.map((each) => each.address))}`);
  }
  const missing = master.router.addresses.filter((address) => !address.present).map((each) => each.address);
  if (missing.length > 0) faults.push(`${master.record.name} is master but its kernel lacks ${list(missing)}`);
  if (new Set(known.map(({ router }) => [...advertised(router)].sort().join(' '))).size > 1) {
    faults.push(`${names(known)} do not advertise the same addresses`);
  }
  for (const { record, router } of known)
    faults.push(...router.problems.map((problem) => `${record.name}: ${problem}`));
  if (old.length > 0) faults.push(`not current: ${old.join(', ')}`);
  if (!others.some(({ router }) => isAble(router))) faults.push(`nobody but ${master.record.name} is known to be able`);
  if (faults.length === 0) return { health: fleet.Health.OK, reason: '' };
  return { health: fleet.Health.DEGRADED, reason: faults.join('; ') };
}

function names(members: readonly Member[]): string {
  return list(members.map(({ record }) => record.name));
}

export function stateWord(state: model.RouterState): 'initialize' | 'backup' | 'master' | 'fault' | 'unknown' {
  switch (state) {
    case model.RouterState.INITIALIZE:
      return 'initialize';
    case model.RouterState.BACKUP:
      return 'backup';
    case model.RouterState.MASTER:
      return 'master';
    case model.RouterState.FAULT:
      return 'fault';
    case model.RouterState.UNSPECIFIED:
    case model.RouterState.UNRECOGNIZED:
      return 'unknown';
  }
}
