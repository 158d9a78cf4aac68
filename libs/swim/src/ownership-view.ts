import { type Duration, type Instant, after, earliest, millis, seconds } from '@keepfleet/machine';
import { type OwnershipEntry, type OwnershipNotice, type RouterKey, routerKeyText } from './ownership-notice.ts';
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
}

export interface RouterOwnership extends RouterKey {
  readonly verdict: OwnershipVerdict;
  /** Since when it is so, as seen from here. */
  readonly since: Instant;
  /** Whether it has lasted for {@link OWNERSHIP_GRACE}, or what is shorter for a master that is silent. */
  readonly settled: boolean;
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
  readonly parts: Map<number, { readonly notice: OwnershipNotice; heardAt: Instant }>;
}

interface Standing {
  readonly key: RouterKey;
  verdict: OwnershipVerdict;
  since: Instant;
  ripeAt: Instant;
  /** The last verdict that was told of. */
  told: OwnershipVerdict | undefined;
}

/** Who claims which virtual router, from what the nodes tell; finds those with two masters, and those with none. */
export class OwnershipView {
  readonly #nodes = new Map<string, Told>();
  readonly #members = new Map<string, MemberStatus>();
  readonly #claims = new Map<string, Map<string, OwnershipClaim>>();
  readonly #standings = new Map<string, Standing>();
  #count = 0;

  /** Whether the notice was news. */
  heard(notice: OwnershipNotice, now: Instant): boolean {
    const { node, layout, part, sequence } = notice;
    let told = this.#nodes.get(node);
    if (told === undefined) {
      if (this.#nodes.size >= MAX_NODES) return false;
      told = { layout, sequence: 0, parts: new Map() };
      this.#nodes.set(node, told);
    }
    const older = told.parts.get(part);
    if (older !== undefined && sequence <= older.notice.sequence) return false;
    if (told.layout !== layout) {
      if (sequence < told.sequence) return false;
      for (const { notice: void_ } of told.parts.values()) this.#withdraw(void_, now);
      told.parts.clear();
      told.layout = layout;
    } else if (older !== undefined) this.#withdraw(older.notice, undefined);
    told.sequence = Math.max(told.sequence, sequence);
    if (this.#count + notice.entries.length > MAX_CLAIMS) return false;
    told.parts.set(part, { notice, heardAt: now });
    this.#enter(notice, now);
    return true;
  }

  member(name: string, status: MemberStatus, now: Instant): void {
    if (status === 'left') this.#members.delete(name);
    else this.#members.set(name, status);
    const told = this.#nodes.get(name);
    if (told === undefined) return;
    for (const { notice, heardAt } of told.parts.values()) {
      this.#withdraw(notice, undefined);
      if (status !== 'left') this.#enter(notice, heardAt);
      for (const entry of notice.entries) this.#judge(routerKeyText(entry), now);
    }
    if (status === 'left') this.#nodes.delete(name);
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
    const own = [...(this.#nodes.get(node)?.parts.values() ?? [])].flatMap(({ notice }) => notice.entries);
    for (const entry of own) {
      const claims = this.#claims.get(routerKeyText(entry)) ?? new Map<string, OwnershipClaim>();
      const live = [...claims.values()].filter(({ member }) => member !== 'failed');
      for (const { node: master, role } of live) {
        if (role !== 'master' || master === node) continue;
        const others = live.map((claim) => claim.node).filter((other) => other !== master);
        if (others.sort().slice(0, WATCHERS).includes(node)) masters.add(master);
      }
    }
    return [...masters].sort();
  }

  #shown(text: string, { key, verdict, since, ripeAt }: Standing, now: Instant): RouterOwnership {
    const claims = [...(this.#claims.get(text)?.values() ?? [])];
    return {
      ...key,
      verdict,
      since,
      settled: ripeAt <= now,
      claims: claims.sort((a, b) => (a.node < b.node ? -1 : 1)),
    };
  }

  #enter(notice: OwnershipNotice, heardAt: Instant): void {
    const member = this.#members.get(notice.node) ?? 'unknown';
    for (const entry of notice.entries) {
      const text = routerKeyText(entry);
      const claims = this.#claims.get(text) ?? new Map<string, OwnershipClaim>();
      if (!claims.has(notice.node)) {
        if (claims.size >= MAX_CLAIMANTS) continue;
        this.#count++;
      }
      claims.set(notice.node, { ...entry, node: notice.node, member, heardAt });
      this.#claims.set(text, claims);
      this.#judge(text, heardAt);
    }
  }

  /** Takes back what a notice said; without a time its successor follows at once, and judges. */
  #withdraw(notice: OwnershipNotice, now: Instant | undefined): void {
    for (const entry of notice.entries) {
      const text = routerKeyText(entry);
      const claims = this.#claims.get(text);
      if (claims?.delete(notice.node) === true) this.#count--;
      if (claims?.size === 0) this.#claims.delete(text);
      if (now !== undefined) this.#judge(text, now);
    }
  }

  #judge(text: string, now: Instant): void {
    const claims = [...(this.#claims.get(text)?.values() ?? [])];
    const [first] = claims;
    if (first === undefined) {
      this.#standings.delete(text);
      return;
    }
    const { verdict, grace } = judged(claims);
    const ripeAt = after(now, grace);
    const standing = this.#standings.get(text);
    if (standing?.verdict === verdict) return;
    if (standing !== undefined) {
      standing.verdict = verdict;
      standing.since = now;
      standing.ripeAt = ripeAt;
      return;
    }
    const { vrid, family, address } = first;
    this.#standings.set(text, { key: { vrid, family, address }, verdict, since: now, ripeAt, told: undefined });
  }
}

/**
 * One that is not heard is counted as no master: while it is a suspect only, two masters would be the usual crash and
 * take-over. A backup that hears adverts knows that there is a master nevertheless: one that does not gossip, or whose
 * control process does not.
 */
function judged(claims: readonly OwnershipClaim[]): { readonly verdict: OwnershipVerdict; readonly grace: Duration } {
  const heard = claims.filter(({ member }) => member === 'alive' || member === 'unknown');
  const masters = heard.filter(({ role }) => role === 'master').length;
  if (masters > 1) return { verdict: 'multi-master', grace: OWNERSHIP_GRACE };
  if (masters === 1 || heard.some(({ hearsMaster }) => hearsMaster))
    return { verdict: 'one-master', grace: OWNERSHIP_GRACE };
  const silent = claims.some(({ role, member }) => role === 'master' && (member === 'suspect' || member === 'failed'));
  return { verdict: 'no-master', grace: silent ? SILENT_GRACE : OWNERSHIP_GRACE };
}
