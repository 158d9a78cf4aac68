/** Everything for which a received packet is discarded, in the order in which it is looked for (RFC 5880 section 6.8.6). */
export const discardKinds = [
  'too-short',
  'version',
  'length',
  'truncated',
  'detect-mult',
  'multipoint',
  'my-discriminator',
  'your-discriminator',
  'poll-and-final',
  'unknown-discriminator',
  'unknown-neighbor',
  'ttl',
  'authentication',
  'admin-down',
] as const;

export type DiscardKind = (typeof discardKinds)[number];

/** What the bytes alone can get wrong. */
export type DecodeError =
  | { readonly kind: 'too-short'; readonly length: number; readonly wanted: number }
  | { readonly kind: 'version'; readonly version: number }
  /** The Length field is less than a packet with these flags can have. */
  | { readonly kind: 'length'; readonly length: number; readonly wanted: number }
  /** The Length field is more than there is. */
  | { readonly kind: 'truncated'; readonly length: number; readonly present: number }
  | { readonly kind: 'detect-mult' }
  | { readonly kind: 'multipoint' }
  | { readonly kind: 'my-discriminator' }
  /** Zero in a state that is reached only by knowing the other side. */
  | { readonly kind: 'your-discriminator'; readonly state: string }
  | { readonly kind: 'poll-and-final' };

/** Why a packet was discarded. */
export type Discard =
  | DecodeError
  | { readonly kind: 'unknown-discriminator'; readonly discriminator: number }
  | { readonly kind: 'unknown-neighbor' }
  | { readonly kind: 'ttl'; readonly ttl: number; readonly least: number }
  | { readonly kind: 'authentication' }
  | { readonly kind: 'admin-down' };

/** What is wrong, for an operator. */
export function describeDiscard(discard: Discard): string {
  switch (discard.kind) {
    case 'too-short':
      return `${discard.length} bytes are no BFD packet, which has ${discard.wanted} at least`;
    case 'version':
      return `BFD version ${discard.version} instead of 1`;
    case 'length':
      return `its length field says ${discard.length}, less than the ${discard.wanted} that its flags ask for`;
    case 'truncated':
      return `its length field says ${discard.length}, but ${discard.present} bytes came`;
    case 'detect-mult':
      return 'its detection multiplier is 0';
    case 'multipoint':
      return 'its multipoint bit is set, which is reserved';
    case 'my-discriminator':
      return 'the sender has no discriminator';
    case 'your-discriminator':
      return `it has no discriminator of ours, and the sender is in state ${discard.state} all the same`;
    case 'poll-and-final':
      return 'both its poll and its final bit are set';
    case 'unknown-discriminator':
      return `no session has discriminator ${discard.discriminator}: it was meant for an earlier session of ours, or was forged`;
    case 'unknown-neighbor':
      return 'no session has this neighbour: add a bfd_instance with it as neighbor_ip, or stop its BFD';
    case 'ttl':
      return `TTL ${discard.ttl} is below ${discard.least}: it came over more hops than max_hops allows, or the neighbour does not send with 255`;
    case 'authentication':
      return 'it is authenticated, which the session is not: switch authentication off at the neighbour';
    case 'admin-down':
      return 'the session is administratively down';
  }
}
