import { type Duration, type Instant, after, earliest, micros, millis, seconds } from '@keepfleet/machine';
import { type OwnershipEntry, type OwnershipNotice, type RouterKey, routerKeyText } from './ownership-notice.ts';
import { GREETING, fleetScale } from './ownership-teller.ts';
import type { MemberStatus } from './snapshot.ts';

/** How long a state has to last before it is called so: a hand-over has two masters, or none, for some hundred milliseconds. */
export const OWNERSHIP_GRACE = seconds(1);
/**
 * The same for a master of which nothing is heard: it was silent for more than a second before it became a suspect, and
 * one that lives refutes within two rounds of gossip.
 */
const SILENT_GRACE = millis(400);
/** Of the nodes that carry a virtual router so many, the first by name, watch its master. */
const WATCHERS = 3;
/** Most nodes and virtual routers kept, whoever tells of them. */
const MAX_NODES = 16_384;
const MAX_CLAIMS = 262_144;
const MAX_ALARMS = 16_384;
/** Most nodes that are listened to about one virtual router: some tens carry one at most. */
const MAX_CLAIMANTS = 128;

export type OwnershipVerdict = 'one-master' | 'multi-master' | 'no-master';

/** A node's word about a virtual router, and how good it is. */
export interface OwnershipClaim extends OwnershipEntry {
  readonly node: string;
  /** What gossip says of the node; one that failed or is suspect is no master any more, as far as anybody can tell. */
  readonly member: MemberStatus | 'unknown';
  /** When it was heard last. */
  readonly heardAt: Instant;
  /** Of the notice that it came in: of two words of a node about a router the higher is the newer, whoever heard it. */
  readonly sequence: number;
}

export interface RouterOwnership extends RouterKey {
  readonly verdict: OwnershipVerdict;
  /** Since when it is so, as seen from here. */
  readonly since: Instant;
  /** Whether it has lasted for {@link OWNERSHIP_GRACE}, or what is shorter for a master that is silent. */
  readonly settled: boolean;
  /** Who is master, by {@link countedMasters}; while nobody is, who was last, as far as it is known here. */
  readonly lastMasters: readonly string[];
  readonly claims: readonly OwnershipClaim[];
}

/** A verdict that has lasted, and is another than the last one that had. */
export interface OwnershipChange {
  readonly router: RouterOwnership;
  readonly before: OwnershipVerdict | undefined;
}

interface Told {
  layout: number;
  sequence: number;
  readonly parts: Map<number, OwnershipNotice>;
  /** Of the layout before, until every part of this one is heard. */
  earlier: readonly OwnershipNotice[];
}

interface Standing {
  readonly key: RouterKey;
  verdict: OwnershipVerdict;
  since: Instant;
  ripeAt: Instant;
  /** Whose claims counted last. */
  counted: readonly string[];
  /** The last verdict that was told of. */
  told: OwnershipVerdict | undefined;
}

/** Who claims which virtual router, from what the nodes tell; finds those with two masters, and those with none. */
export class OwnershipView {
  readonly #nodes = new Map<string, Told>();
  readonly #members = new Map<string, MemberStatus>();
  /** When those that were not heard were alive again: their word of before is old until they speak. */
  readonly #returned = new Map<string, Instant>();
  readonly #claims = new Map<string, Map<string, OwnershipClaim>>();
  readonly #standings = new Map<string, Standing>();
  /** What was told of routers that nobody speaks of now, where it is to be taken back. */
  readonly #alarms = new Map<string, OwnershipVerdict>();
  /** Entries of all notices that are kept. */
  #count = 0;

  /**
   * Takes up what an earlier run told of and did not take back, before anything is heard: what is over is taken back then,
   * and what lasts is not told twice. Routers by {@link routerKeyText}.
   */
  recall(alarms: Iterable<readonly [router: string, verdict: OwnershipVerdict]>): void {
    for (const [text, verdict] of alarms)
      if (verdict !== 'one-master' && this.#alarms.size < MAX_ALARMS) this.#alarms.set(text, verdict);
  }

  /** What was told of and not taken back, by {@link routerKeyText}: to be recalled by the next run. */
  alarms(): Map<string, OwnershipVerdict> {
    const alarms = new Map(this.#alarms);
    for (const [text, { told }] of this.#standings)
      if (told !== undefined && told !== 'one-master') alarms.set(text, told);
    return alarms;
  }

  /** Whether the notice was news; for one that there is no room for nothing changes. */
  heard(notice: OwnershipNotice, now: Instant): boolean {
    const { node, layout, part, parts, sequence } = notice;
    const known = this.#nodes.get(node);
    if (known === undefined && this.#nodes.size >= MAX_NODES) return false;
    const told: Told = known ?? { layout, sequence: 0, parts: new Map(), earlier: [] };
    const isOther = told.layout !== layout;
    const older = isOther ? undefined : told.parts.get(part);
    if (sequence <= (isOther ? told.sequence : (older?.sequence ?? -1))) return false;
    const earlier = isOther ? [...told.parts.values()] : told.earlier;
    const isWhole = (isOther ? 0 : told.parts.size) + (older === undefined ? 1 : 0) >= parts;
    const void_ = [
      ...(isOther ? told.earlier : []),
      ...(isWhole ? earlier : []),
      ...(older === undefined ? [] : [older]),
    ];
    const count = this.#count + notice.entries.length - entriesOf(void_).length;
    if (count > MAX_CLAIMS) return false;
    if (isOther) told.parts.clear();
    told.parts.set(part, notice);
    told.layout = layout;
    told.sequence = Math.max(told.sequence, sequence);
    told.earlier = isWhole ? [] : earlier;
    this.#nodes.set(node, told);
    this.#count = count;
    this.#withdraw(void_);
    this.#enter(notice, now);
    // Once all is in its place: a judgement in between would find no master where there is one.
    for (const text of keysOf([...void_, notice])) this.#judge(text, now);
    return true;
  }

  member(name: string, status: MemberStatus, now: Instant): void {
    const before = this.#members.get(name);
    if (status !== 'alive') this.#returned.delete(name);
    else if (before === 'failed' || before === 'suspect') this.#returned.set(name, now);
    if (status === 'left') this.#members.delete(name);
    else this.#members.set(name, status);
    const told = this.#nodes.get(name);
    const notices = [...(told?.earlier ?? []), ...(told?.parts.values() ?? [])];
    const keys = keysOf(notices);
    if (status === 'left') {
      this.#nodes.delete(name);
      this.#count -= entriesOf(notices).length;
      this.#withdraw(notices);
    } else for (const text of keys) this.#remark(text, name, status);
    for (const text of keys) this.#judge(text, now);
  }

  /** Verdicts that have lasted long enough by now. */
  timeout(now: Instant): OwnershipChange[] {
    const changes: OwnershipChange[] = [];
    for (const [text, standing] of this.#standings) {
      if (standing.verdict === standing.told || standing.ripeAt > now) continue;
      const before = standing.told;
      standing.told = standing.verdict;
      const router = this.#shown(text, standing, now);
      changes.push({ router, before });
    }
    return changes;
  }

  nextDeadline(): Instant | undefined {
    let next: Instant | undefined;
    for (const { verdict, told, ripeAt } of this.#standings.values())
      if (verdict !== told) next = earliest(next, ripeAt);
    return next;
  }

  routers(now: Instant): RouterOwnership[] {
    return [...this.#standings].map(([text, standing]) => this.#shown(text, standing, now));
  }

  /** The masters of what `node` carries too, as far as it is among those that are to watch them. */
  mastersToWatch(node: string): string[] {
    const masters = new Set<string>();
    for (const text of keysOf([...(this.#nodes.get(node)?.parts.values() ?? [])])) {
      const claims = this.#claims.get(text) ?? new Map<string, OwnershipClaim>();
      const live = [...claims.values()].filter(({ member }) => member !== 'failed');
      for (const { node: master, role } of live) {
        if (role !== 'master' || master === node) continue;
        const others = live.map((claim) => claim.node).filter((other) => other !== master);
        if (others.sort().slice(0, WATCHERS).includes(node)) masters.add(master);
      }
    }
    return [...masters].sort();
  }

  #shown(text: string, { key, verdict, since, ripeAt, counted }: Standing, now: Instant): RouterOwnership {
    const claims = [...(this.#claims.get(text)?.values() ?? [])];
    return {
      ...key,
      verdict,
      since,
      settled: ripeAt <= now,
      lastMasters: lastMastersOf(claims, counted),
      claims: claims.sort((a, b) => (a.node < b.node ? -1 : 1)),
    };
  }

  #enter(notice: OwnershipNotice, now: Instant): void {
    const { node, sequence } = notice;
    const member = this.#members.get(node) ?? 'unknown';
    for (const entry of notice.entries) {
      const text = routerKeyText(entry);
      const claims = this.#claims.get(text) ?? new Map<string, OwnershipClaim>();
      if (!claims.has(node) && claims.size >= MAX_CLAIMANTS) continue;
      claims.set(node, { ...entry, node, sequence, member, heardAt: now });
      this.#claims.set(text, claims);
    }
  }

  /** Gossip says something else of who made a claim, which is as old as it was. */
  #remark(text: string, node: string, member: MemberStatus): void {
    const claims = this.#claims.get(text);
    const claim = claims?.get(node);
    if (claim !== undefined) claims?.set(node, { ...claim, member });
  }

  /** Takes back what notices said, but for what a newer one has said since. */
  #withdraw(notices: readonly OwnershipNotice[]): void {
    for (const { node, sequence, entries } of notices)
      for (const entry of entries) {
        const text = routerKeyText(entry);
        const claims = this.#claims.get(text);
        if (claims?.get(node)?.sequence === sequence) claims.delete(node);
        if (claims?.size === 0) this.#claims.delete(text);
      }
  }

  #judge(text: string, now: Instant): void {
    const claims = [...(this.#claims.get(text)?.values() ?? [])];
    const [first] = claims;
    const standing = this.#standings.get(text);
    if (first === undefined) {
      const told = standing?.told;
      const isAlarm = told !== undefined && told !== 'one-master';
      if (isAlarm && this.#alarms.size < MAX_ALARMS) this.#alarms.set(text, told);
      this.#standings.delete(text);
      return;
    }
    const masters = countedMasters(claims).map(({ node }) => node);
    const counted = masters.length > 0 ? masters : (standing?.counted ?? []);
    if (standing !== undefined) standing.counted = counted;
    const { verdict, grace: usual } = judged(claims, lastMastersOf(claims, counted));
    const isOld = claims.some((claim) => claim.heardAt < (this.#returned.get(claim.node) ?? 0));
    const grace = verdict === 'multi-master' && isOld ? this.#returnGrace : usual;
    if (standing === undefined) {
      const { vrid, family, address } = first;
      const key = { vrid, family, address };
      const told = this.#alarms.get(text);
      this.#alarms.delete(text);
      this.#standings.set(text, { key, verdict, since: now, ripeAt: after(now, grace), counted, told });
    } else if (standing.verdict === verdict) {
      // What is known better since may shorten the wait, and never lengthens it.
      standing.ripeAt = earliest(standing.ripeAt, after(standing.since, grace)) ?? standing.ripeAt;
    } else {
      standing.verdict = verdict;
      standing.since = now;
      standing.ripeAt = after(now, grace);
    }
  }

  /** A node that comes back tells its routers within the time of a greeting; until then it may be no master any more. */
  get #returnGrace(): Duration {
    return micros(OWNERSHIP_GRACE + GREETING * fleetScale(this.#members.size));
  }
}

function entriesOf(notices: readonly OwnershipNotice[]): OwnershipEntry[] {
  return notices.flatMap(({ entries }) => entries);
}

/** The virtual routers that notices tell of, each once. */
function keysOf(notices: readonly OwnershipNotice[]): Set<string> {
  return new Set(entriesOf(notices).map(routerKeyText));
}

/**
 * The claims to be master that count. One that is not heard does not: while it is a suspect only, two masters would be
 * the usual crash and take-over.
 */
export function countedMasters(claims: readonly OwnershipClaim[]): OwnershipClaim[] {
  return claims.filter((claim) => claim.role === 'master' && isClaimHeard(claim));
}

/** The claims of the last masters, if they have not been heard since. */
export function silentMasters({ claims, lastMasters }: Pick<RouterOwnership, 'claims' | 'lastMasters'>) {
  return claims.filter((claim) => claim.role === 'master' && !isClaimHeard(claim) && lastMasters.includes(claim.node));
}

/**
 * The word of one that failed stays, that it is master too, long after others were: so the last masters are remembered.
 * Who has seen none yet goes by the times that the nodes give, each by its own clock.
 */
function lastMastersOf(claims: readonly OwnershipClaim[], counted: readonly string[]): readonly string[] {
  if (counted.length > 0) return counted;
  const heardSince = Math.max(...claims.filter(isClaimHeard).map(({ since }) => since));
  const newest = claims.reduce<OwnershipClaim | undefined>(
    (best, claim) => (claim.role === 'master' && claim.since > (best?.since ?? heardSince) ? claim : best),
    undefined,
  );
  return newest === undefined ? [] : [newest.node];
}

/** Whether gossip hears the node that told it. */
export function isClaimHeard({ member }: { readonly member: string }): boolean {
  return member === 'alive' || member === 'unknown';
}

/**
 * A backup that hears adverts knows that there is a master, though none is counted: one that does not gossip, or whose
 * control process does not.
 */
function judged(
  claims: readonly OwnershipClaim[],
  lastMasters: readonly string[],
): { readonly verdict: OwnershipVerdict; readonly grace: Duration } {
  const masters = countedMasters(claims).length;
  if (masters > 1) return { verdict: 'multi-master', grace: OWNERSHIP_GRACE };
  if (masters === 1 || claims.some((claim) => claim.hearsMaster && isClaimHeard(claim)))
    return { verdict: 'one-master', grace: OWNERSHIP_GRACE };
  const isSilent = silentMasters({ claims, lastMasters }).length > 0;
  return { verdict: 'no-master', grace: isSilent ? SILENT_GRACE : OWNERSHIP_GRACE };
}
