import { type Duration, type Instant, after, between } from '@keepfleet/machine';
import type { AliveMessage, Versions } from './packet.ts';
import type { Endpoint, Tags } from './settings.ts';
import type { MemberSnapshot, MemberSource, MemberStatus } from './snapshot.ts';
import type { Suspicion } from './suspicion.ts';

/** What we speak: memberlist 1 to 5, at 2 as everybody does; serf's delegate 2 to 5, at 5. */
export const ourVersions: Versions = {
  protocolMin: 1,
  protocolMax: 5,
  protocol: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegate: 5,
};

type MemberState =
  | { readonly kind: 'alive' }
  | { readonly kind: 'suspect'; readonly suspicion: Suspicion }
  | { readonly kind: 'dead' }
  | { readonly kind: 'left' };

export interface Member {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** The address as it came, to be repeated unchanged. */
  readonly address: Uint8Array;
  readonly meta: Uint8Array;
  readonly tags: Tags;
  readonly versions: Versions;
  readonly protocolMax: number;
  readonly incarnation: number;
  readonly state: MemberState;
  readonly since: Instant;
  readonly source: MemberSource;
  /** Since when the member is known by the key of its claim, or by none. */
  readonly keySince: Instant;
}

export function isLive(member: Member): boolean {
  return member.state.kind === 'alive' || member.state.kind === 'suspect';
}

/** Whether a member has been in its state for so long. */
export function isOld(member: Member, age: Duration, now: Instant): boolean {
  return between(after(member.since, age), now) >= 0;
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

export function endpointKey({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}

const statusOf: Record<MemberState['kind'], MemberStatus> = {
  alive: 'alive',
  suspect: 'suspect',
  dead: 'failed',
  left: 'left',
};

export function snapshotOf(member: Member): MemberSnapshot {
  return {
    name: member.name,
    address: member.endpoint.address,
    port: member.endpoint.port,
    tags: member.tags,
    status: statusOf[member.state.kind],
    incarnation: member.incarnation,
    since: member.since,
    source: member.source,
    suspectedBy: member.state.kind === 'suspect' ? member.state.suspicion.accusers : [],
  };
}

export function aliveOf(member: Member): AliveMessage {
  return {
    type: 'alive',
    incarnation: member.incarnation,
    node: member.name,
    address: member.address,
    port: member.endpoint.port,
    meta: member.meta,
    versions: member.versions,
  };
}

/** Whether a member understands what we speak and speaks what we understand, by protocol and by delegate. */
export function speakable(v: Versions): boolean {
  const us = ourVersions;
  return (
    v.protocolMin <= us.protocol &&
    us.protocol <= v.protocolMax &&
    us.protocolMin <= v.protocol &&
    v.protocol <= us.protocolMax &&
    v.delegateMin <= us.delegate &&
    us.delegate <= v.delegateMax &&
    us.delegateMin <= v.delegate &&
    v.delegate <= us.delegateMax
  );
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
