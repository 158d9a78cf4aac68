import type { IpAddress } from '@keepfleet/wire';

/** Everything that can be wrong with a received message, in the order in which it is looked for. */
export const packetErrorKinds = [
  'length',
  'ttl',
  'version',
  'auth-type',
  'auth-failure',
  'advert-interval',
  'type',
  'checksum',
  'vrid',
  'destination',
  'unknown-peer',
  'address-list',
] as const;

export type PacketErrorKind = (typeof packetErrorKinds)[number];

/** Why a message was dropped; `address-list` alone is counted and reported but the advert still holds (keepalived does so). */
export type PacketError =
  | { readonly kind: 'length'; readonly length: number; readonly wanted: number }
  | { readonly kind: 'ttl'; readonly ttl: number; readonly wanted: number }
  | { readonly kind: 'version'; readonly version: number; readonly wanted: number }
  | { readonly kind: 'auth-type'; readonly authType: number; readonly wanted: number }
  | { readonly kind: 'auth-failure' }
  /** Microseconds. */
  | { readonly kind: 'advert-interval'; readonly interval: number; readonly wanted: number }
  | { readonly kind: 'type'; readonly type: number }
  | { readonly kind: 'checksum'; readonly checksum: number; readonly wanted: number }
  | { readonly kind: 'vrid'; readonly vrid: number; readonly wanted: number }
  | { readonly kind: 'destination'; readonly destination: IpAddress }
  | { readonly kind: 'unknown-peer'; readonly source: IpAddress }
  | {
      readonly kind: 'address-list';
      readonly addresses: readonly IpAddress[];
      readonly wanted: readonly IpAddress[];
    };
