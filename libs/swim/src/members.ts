import { type Duration, type Instant, earliest } from '@keepfleet/machine';
import { type Verify, sameKey } from './claim.ts';
import type { SwimErrorKind } from './errors.ts';
import type { MemberChange, SwimProblem } from './messages.ts';
import {
  type Member,
  aliveOf,
  isLive,
  isOld,
  ourVersions,
  sameBytes,
  sameEndpoint,
  snapshotOf,
  speakable,
} from './member.ts';
import { isEarlierLife, mayMove } from './moves.ts';
import { type AccusationMessage, type AliveMessage, addressBytes, addressOf } from './packet.ts';
import { decodeTags } from './serf.ts';
import { Roster } from './roster.ts';
import type { Endpoint, SwimSettings } from './settings.ts';
import type { MemberSnapshot, MemberSource } from './snapshot.ts';
import type { NodeState } from './stream.ts';
import { Suspicion, suspicionBounds } from './suspicion.ts';

/**
 * How far an incarnation may be ahead of the one known. A member counts up by one for each refutation; a leap to the end
 * of the 32 bits would leave it nothing to refute with, and evict it for good.
 */
export const MAX_INCARNATION_LEAP = 1 << 20;
/** Most members known at a time. */
export const MAX_MEMBERS = 16_384;

/** A member that gossip no longer tells of, kept for people to see and for us to try again. */
export interface Departed {
  readonly member: Member;
  readonly status: 'failed' | 'left';
}

export interface MemberEffects {
  /** News to tell the others. */
  announce(message: AliveMessage | AccusationMessage): void;
  changed(change: MemberChange, member: MemberSnapshot): void;
  problem(problem: SwimProblem): void;
  dropped(kind: SwimErrorKind): void;
  /** We had to contradict an accusation. */
  refuted(): void;
  /** Another host claims our name. */
  contested(now: Instant): void;
  /** A new member takes part in the rounds of probes. */
  entered(name: string): void;
  /** Whether the member has said that it is about to leave. */
  isLeaving(name: string): boolean;
}

/** Who is in the fleet, by memberlist's rules: a higher incarnation wins, and only its owner raises it. */
export class Members {
  readonly #settings: SwimSettings;
  readonly #effects: MemberEffects;
  readonly #verify: Verify | undefined;
  readonly #roster = new Roster();
  readonly #departed = new Map<string, Departed>();
  #leaving = false;

  constructor(settings: SwimSettings, meta: Uint8Array, effects: MemberEffects, verify?: Verify) {
    this.#settings = settings;
    this.#effects = effects;
    this.#verify = verify;
    const { name, advertise } = settings;
    this.#roster.put({
      name,
      endpoint: advertise,
      address: addressBytes(advertise.address),
      meta,
      tags: decodeTags(meta),
      versions: ourVersions,
      protocolMax: ourVersions.protocolMax,
      incarnation: 0,
      state: { kind: 'alive' },
      since: 0 as Instant,
      source: { how: 'self' },
      keySince: 0 as Instant,
    });
  }

  get self(): Member {
    const self = this.#roster.get(this.#settings.name);
    if (self === undefined) throw new Error('we are always a member');
    return self;
  }

  get(name: string): Member | undefined {
    return this.#roster.get(name);
  }

  departed(name: string): Departed | undefined {
    return this.#departed.get(name);
  }

  all(): Member[] {
    return this.#roster.all();
  }

  /** Alive and suspect members other than ourselves. */
  peers(): Member[] {
    return this.all().filter((member) => isLive(member) && member.name !== this.#settings.name);
  }

  /** Everybody that gossip tells of, ourselves included. */
  get size(): number {
    return this.#roster.size;
  }

  /** Alive and suspect members, ourselves included. */
  get live(): number {
    return this.#roster.live;
  }

  /** The same at two members that see the same alive, where and in which incarnation, whatever the order; above 0. */
  get digest(): number {
    return this.#roster.digest;
  }

  /** The member that owns an endpoint, if any. */
  at(endpoint: Endpoint): Member | undefined {
    return this.#roster.at(endpoint);
  }

  /** Whom news is told: everybody but us and those that left, and the dead for a while, so that they can refute. */
  audience(now: Instant): Member[] {
    return this.all().filter(
      (member) =>
        member.name !== this.#settings.name &&
        (isLive(member) || (member.state.kind === 'dead' && !isOld(member, this.#settings.gossipToDead, now))),
    );
  }

  failed(): Member[] {
    const dead = this.#roster.gone().filter((member) => member.state.kind === 'dead');
    for (const { member, status } of this.#departed.values()) if (status === 'failed') dead.push(member);
    return dead;
  }

  snapshots(): MemberSnapshot[] {
    const list = this.all().map(snapshotOf);
    for (const { member, status } of this.#departed.values()) list.push({ ...snapshotOf(member), status });
    return list.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  states(): NodeState[] {
    return this.all().map((member) => ({
      name: member.name,
      status: member.state.kind,
      incarnation: member.incarnation,
      address: member.address,
      port: member.endpoint.port,
      meta: member.meta,
      versions: member.versions,
    }));
  }

  /** Tells of ourselves under a new incarnation: at start, and when our tags change. */
  introduce(meta: Uint8Array, now: Instant): void {
    const { self } = this;
    const first = self.incarnation === 0;
    const member = this.#roster.put({
      ...self,
      meta,
      tags: decodeTags(meta),
      incarnation: self.incarnation + 1,
      since: first ? now : self.since,
    });
    this.#effects.announce(aliveOf(member));
    this.#effects.changed(first ? 'joined' : 'updated', snapshotOf(member));
  }

  /** Tells of our departure; from here on nothing said of us is contradicted. */
  leave(now: Instant): void {
    const { name, incarnation } = this.self;
    this.#leaving = true;
    this.accuse({ type: 'dead', node: name, from: name, incarnation }, { how: 'self' }, now);
  }

  alive(message: AliveMessage, source: MemberSource, now: Instant): void {
    if (!speakable(message.versions)) return this.#effects.dropped('bad-version');
    if (message.node === this.#settings.name) return this.#aliveOfUs(message, now);
    const known = this.#roster.get(message.node);
    const endpoint = { address: addressOf(message.address), port: message.port };
    const tags = decodeTags(message.meta);
    const held = known ?? this.#departed.get(message.node)?.member;
    const away = held !== undefined && !sameEndpoint(held.endpoint, endpoint);
    const rules = { verify: this.#verify, reclaim: this.#settings.deadReclaim };
    if (away && !mayMove(held, this.#roster.get(held.name) !== undefined, { message, tags }, rules, now)) {
      // Told by somebody who has not heard of the move.
      if (isEarlierLife(tags, held.tags)) return;
      return this.#effects.problem({
        kind: 'name-conflict',
        name: message.node,
        known: held.endpoint,
        claimed: endpoint,
      });
    }
    if (known === undefined && this.#roster.size >= MAX_MEMBERS) return this.#effects.dropped('too-large');
    if (known !== undefined && !away) {
      if (message.incarnation <= known.incarnation) return;
      if (!this.#plausible(known, message.incarnation)) return;
    }
    if (away && known !== undefined && isLive(known))
      this.#effects.problem({ kind: 'moved', name: message.node, from: known.endpoint, to: endpoint });
    const wasLive = known !== undefined && isLive(known);
    const member = this.#roster.put({
      name: message.node,
      endpoint,
      address: message.address.slice(),
      meta: message.meta.slice(),
      tags,
      versions: message.versions,
      protocolMax: message.versions.protocolMax,
      incarnation: message.incarnation,
      state: { kind: 'alive' },
      since: known?.state.kind === 'alive' ? known.since : now,
      source: known?.state.kind === 'alive' ? known.source : source,
      keySince: held !== undefined && sameKey(held.tags, tags) ? held.keySince : now,
    });
    this.#departed.delete(member.name);
    if (!wasLive) this.#effects.entered(member.name);
    this.#effects.announce(message);
    const snapshot = snapshotOf(member);
    if (!wasLive) this.#effects.changed('joined', snapshot);
    else {
      if (known.state.kind === 'suspect') this.#effects.changed('cleared', snapshot);
      if (!sameBytes(known.meta, member.meta)) this.#effects.changed('updated', snapshot);
    }
  }

  accuse(message: AccusationMessage, source: MemberSource, now: Instant): void {
    const member = this.#roster.get(message.node);
    if (member === undefined || message.incarnation < member.incarnation) return;
    if (!this.#plausible(member, message.incarnation)) return;
    if (member.name === this.#settings.name) {
      if (!this.#leaving) return this.#refute(message);
      if (message.from !== member.name) return;
    }
    switch (member.state.kind) {
      case 'dead':
      case 'left':
        return;
      case 'alive':
        if (message.type === 'dead') break;
        this.#suspect(member, message, source, now);
        return;
      case 'suspect':
        if (message.type === 'dead') break;
        if (member.state.suspicion.confirm(message.from)) this.#effects.announce(message);
        return;
    }
    const left = message.from === message.node || this.#effects.isLeaving(message.node);
    const gone = this.#roster.put({
      ...member,
      incarnation: message.incarnation,
      state: { kind: left ? 'left' : 'dead' },
      since: now,
      source,
    });
    this.#effects.announce(message);
    this.#effects.changed(left ? 'left' : 'failed', snapshotOf(gone));
  }

  /** An operator, or the member itself before it died, says that a failed member is not to come back. */
  dismiss(name: string, source: MemberSource, now: Instant): void {
    const member = this.#roster.get(name);
    const departed = this.#departed.get(name);
    if (member?.state.kind === 'dead')
      this.#effects.changed(
        'left',
        snapshotOf(this.#roster.put({ ...member, state: { kind: 'left' }, since: now, source })),
      );
    else if (departed?.status === 'failed') {
      const left: Member = { ...departed.member, state: { kind: 'left' }, since: now, source };
      this.#departed.set(name, { member: left, status: 'left' });
      this.#effects.changed('left', snapshotOf(left));
    }
  }

  /** A name that may come back as anybody's. */
  forget(name: string): void {
    const member = this.#roster.get(name);
    if (name === this.#settings.name || (member !== undefined && isLive(member))) return;
    this.#roster.remove(name);
    this.#departed.delete(name);
  }

  /** We were stopped for so long: suspects could not be heard refuting meanwhile. */
  postpone(by: Duration): void {
    for (const name of this.#roster.suspects) {
      const state = this.#roster.get(name)?.state;
      if (state?.kind === 'suspect') state.suspicion.postpone(by);
    }
  }

  /** Declares dead whose time to refute is over. */
  timeout(now: Instant): void {
    for (const suspect of [...this.#roster.suspects]) {
      const member = this.#roster.get(suspect);
      if (member?.state.kind !== 'suspect' || member.state.suspicion.deadline > now) continue;
      const { name, incarnation, source } = member;
      this.accuse({ type: 'dead', node: name, from: this.#settings.name, incarnation }, source, now);
    }
  }

  nextDeadline(): Instant | undefined {
    let next: Instant | undefined;
    for (const name of this.#roster.suspects) {
      const state = this.#roster.get(name)?.state;
      if (state?.kind === 'suspect') next = earliest(next, state.suspicion.deadline);
    }
    return next;
  }

  /** Stops telling of the long dead, whose name is then free, and in the end forgets them. */
  reap(now: Instant): void {
    const { gossipToDead, rememberFailed, rememberLeft, name } = this.#settings;
    for (const member of this.#roster.gone()) {
      if (member.name === name || !isOld(member, gossipToDead, now)) continue;
      this.#roster.remove(member.name);
      this.#departed.set(member.name, { member, status: member.state.kind === 'left' ? 'left' : 'failed' });
    }
    for (const { member, status } of this.#departed.values())
      if (isOld(member, status === 'left' ? rememberLeft : rememberFailed, now)) this.#departed.delete(member.name);
  }

  #aliveOfUs(message: AliveMessage, now: Instant): void {
    const { self } = this;
    if (this.#leaving || message.incarnation < self.incarnation) return;
    const claimed = { address: addressOf(message.address), port: message.port };
    // Overruling would be a race of two hosts that nobody wins; the others keep to the address they know.
    if (!sameEndpoint(self.endpoint, claimed)) {
      if (isEarlierLife(decodeTags(message.meta), self.tags)) {
        if (this.#plausible(self, message.incarnation)) this.#overrule(message.incarnation);
        return;
      }
      this.#effects.problem({ kind: 'name-conflict', name: self.name, known: self.endpoint, claimed });
      return this.#effects.contested(now);
    }
    if (!this.#plausible(self, message.incarnation)) return;
    // Our own news comes back to us; what differs from it is of a past life of ours.
    if (message.incarnation === self.incarnation && sameBytes(message.meta, self.meta)) return;
    this.#overrule(message.incarnation);
  }

  #refute(message: AccusationMessage): void {
    this.#effects.problem({ kind: 'accused', by: message.from, of: message.type });
    this.#overrule(message.incarnation);
    this.#effects.changed('cleared', snapshotOf(this.self));
  }

  #overrule(incarnation: number): void {
    const { self } = this;
    const member = this.#roster.put({ ...self, incarnation: Math.max(self.incarnation, incarnation) + 1 });
    this.#effects.refuted();
    this.#effects.announce(aliveOf(member));
  }

  #suspect(member: Member, message: AccusationMessage, source: MemberSource, now: Instant): void {
    const suspicion = new Suspicion(message.from, suspicionBounds(this.#roster.live, this.#settings), now);
    const suspect = this.#roster.put({
      ...member,
      incarnation: message.incarnation,
      state: { kind: 'suspect', suspicion },
      since: now,
      source,
    });
    this.#effects.announce(message);
    this.#effects.changed('suspected', snapshotOf(suspect));
  }

  #plausible(member: Member, incarnation: number): boolean {
    if (incarnation <= member.incarnation + MAX_INCARNATION_LEAP) return true;
    this.#effects.dropped('implausible');
    return false;
  }
}
