import type { IpAddress } from '@keepfleet/wire';

/** Everything that can be wrong with a received message, in the order in which it is looked for. */
export const packetErrorKinds = [
  'own-source',
  'ttl',
  'length',
  'version',
  'type',
  'checksum',
  'vrid',
  'auth-missing',
  'auth-malformed',
  'auth-stale',
  'auth-unknown-key',
  'auth-invalid',
  'auth-replay',
  'auth-type-unknown',
  'auth-type',
  'auth-failure',
  'advert-interval',
  'destination',
  'unknown-peer',
  'address-list',
] as const;

export type PacketErrorKind = (typeof packetErrorKinds)[number];

/** What the bytes alone can get wrong. */
export type DecodeError =
  | { readonly kind: 'length'; readonly length: number; readonly wanted: number }
  | { readonly kind: 'version'; readonly version: number; readonly wanted: readonly number[] }
  | { readonly kind: 'type'; readonly type: number }
  | { readonly kind: 'checksum'; readonly checksum: number; readonly wanted: number };

/** Why a message was dropped. */
export type PacketError =
  | DecodeError
  /** A message from our own address: a second router has it, or the network sends our messages back. */
  | { readonly kind: 'own-source'; readonly source: IpAddress }
  | { readonly kind: 'ttl'; readonly ttl: number; readonly lowest: number; readonly highest: number }
  | { readonly kind: 'vrid'; readonly vrid: number; readonly wanted: number }
  /** `auth-type-unknown`: none that there is (RFC 2787 counts it for itself). */
  | { readonly kind: 'auth-type' | 'auth-type-unknown'; readonly authType: number; readonly wanted: number }
  /** `password` of version 2; the rest of the authentication header. */
  | { readonly kind: 'auth-failure'; readonly reason: 'password' | 'header' | 'signature' | 'index' | 'sequence' }
  /** An advert without the trailer that auth_hmac asks for. */
  | { readonly kind: 'auth-missing' }
  | { readonly kind: 'auth-malformed' }
  /** `ahead`: by how many seconds the sender's clock is before ours. */
  | { readonly kind: 'auth-stale'; readonly ahead: number }
  | { readonly kind: 'auth-unknown-key'; readonly id: number }
  | { readonly kind: 'auth-invalid'; readonly id: number }
  | { readonly kind: 'auth-replay' }
  /** Seconds. Version 2: not the configured one; version 3: none at all, or a {@link Mismatch}. */
  | { readonly kind: 'advert-interval'; readonly interval: number; readonly wanted: number }
  | { readonly kind: 'destination'; readonly destination: IpAddress }
  | { readonly kind: 'unknown-peer'; readonly source: IpAddress };

/** Counted and reported like an error, but the advert still holds (keepalived's way, and RFC 9568 section 7.1's). */
export type Mismatch =
  | {
      readonly kind: 'address-list';
      readonly addresses: readonly IpAddress[];
      readonly wanted: readonly IpAddress[];
    }
  /** Version 3, which learns it. */
  | Extract<PacketError, { kind: 'advert-interval' }>;

const AUTH_FAILURES: Readonly<Record<Extract<PacketError, { kind: 'auth-failure' }>['reason'], string>> = {
  password: 'wrong password',
  header: 'an authentication header that is not one of VRRP',
  signature: 'a wrong signature in the authentication header: the passwords differ, or something on the way changed it',
  index: 'an authentication header of another sender',
  sequence: 'a sequence number that was there already: played back, or its sender started again',
};

/** What is wrong, for an operator. */
export function describeError(error: PacketError | Mismatch): string {
  switch (error.kind) {
    case 'own-source':
      return `comes from our own address ${error.source}: another router has it, or the network returns our adverts`;
    case 'ttl':
      return error.lowest === error.highest
        ? `TTL ${error.ttl} instead of ${error.highest}: it was routed or forged`
        : `TTL ${error.ttl} is not in ${error.lowest}..${error.highest}`;
    case 'length':
      return `${error.length} bytes instead of ${error.wanted}`;
    case 'version':
      return `VRRP version ${error.version} instead of ${error.wanted.join(' or ')}`;
    case 'type':
      return `message type ${error.type} instead of 1`;
    case 'checksum':
      return `checksum ${error.checksum} instead of ${error.wanted}`;
    case 'vrid':
      return `VRID ${error.vrid} instead of ${error.wanted}`;
    case 'auth-type-unknown':
    case 'auth-type':
      return `authentication type ${error.authType} instead of ${error.wanted} (0 none, 1 password, 2 AH)`;
    case 'auth-failure':
      return AUTH_FAILURES[error.reason];
    case 'auth-missing':
      return 'carries no auth_hmac trailer, and mode enforce asks for one: its sender is not yet configured for it, or forged';
    case 'auth-malformed':
      return 'carries a trailer that is no auth_hmac of ours: is the sender a keepalived before 2.4.2?';
    case 'auth-stale':
      return `was signed ${Math.abs(error.ahead)} s ${error.ahead > 0 ? 'ahead of' : 'behind'} our clock: set the clocks, raise time_window, or it is an old one played back`;
    case 'auth-unknown-key':
      return `is signed with key ${error.id}, which this instance does not have`;
    case 'auth-invalid':
      return `has a wrong signature by key ${error.id}: the keys differ, or it is forged`;
    case 'auth-replay':
      return 'has a sequence that was there already: played back, or its sender lost its clock';
    case 'advert-interval':
      return `advertisement interval ${error.interval} s instead of ${error.wanted} s`;
    case 'destination':
      return `sent to ${error.destination}: the sender uses ${error.destination.startsWith('224.') || error.destination.startsWith('ff') ? 'multicast' : 'unicast'}, this instance does not`;
    case 'unknown-peer':
      return `${error.source} is not one of the unicast peers`;
    case 'address-list':
      return `advertises ${error.addresses.join(', ') || 'nothing'}, configured here are ${error.wanted.join(', ') || 'none'}`;
  }
}
