import { type ByteReader, ByteWriter, type Family, type IpAddress, familyOf, formatIp, ipBytes } from '@keepfleet/wire';
import { AF_INET, AF_INET6 } from '../socket/options.ts';
import { AttributeWriter, Attributes } from './attributes.ts';
import { type Encapsulation, encodeEncapsulation } from './encapsulation.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;

export type RouteType =
  'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw';

/** Numbers of include/uapi/linux/rtnetlink.h (RTAX_*), by the names of iproute2. */
export const ROUTE_METRICS = {
  mtu: 2,
  window: 3,
  rtt: 4,
  rttvar: 5,
  ssthresh: 6,
  cwnd: 7,
  advmss: 8,
  reordering: 9,
  hoplimit: 10,
  initcwnd: 11,
  features: 12,
  rto_min: 13,
  initrwnd: 14,
  quickack: 15,
  fastopen_no_cookie: 17,
} as const;
export type RouteMetric = keyof typeof ROUTE_METRICS;

export interface NetworkPrefix {
  readonly address: IpAddress;
  readonly length: number;
}

/** A route to be made or removed. */
export interface RouteRequest {
  readonly family: Family;
  readonly type: RouteType;
  readonly destination: NetworkPrefix;
  readonly from?: NetworkPrefix | undefined;
  readonly source?: IpAddress | undefined;
  readonly tos?: number | undefined;
  readonly table: number;
  readonly protocol: number;
  readonly scope?: number | undefined;
  readonly metric?: number | undefined;
  readonly metrics: Readonly<Partial<Record<RouteMetric, number>>>;
  readonly locked: readonly RouteMetric[];
  readonly congestion?: { readonly algorithm: string; readonly locked: boolean } | undefined;
  readonly expires?: number | undefined;
  readonly preference?: 'low' | 'medium' | 'high' | undefined;
  readonly ttlPropagate?: boolean | undefined;
  readonly realms?: number | undefined;
  readonly placement: 'add' | 'append' | 'prepend';
  readonly hops: readonly RouteHop[];
}

export interface RouteHop {
  readonly via?: IpAddress | undefined;
  /** Index of the interface. */
  readonly interface?: number | undefined;
  readonly weight?: number | undefined;
  readonly onlink?: boolean | undefined;
  readonly realms?: number | undefined;
  readonly encapsulation?: Encapsulation | undefined;
  readonly as?: IpAddress | undefined;
}

/** What tells one route from another in a notification. */
export interface RouteIdentity {
  readonly family: Family;
  readonly table: number;
  readonly tos: number;
  readonly protocol: number;
  readonly destination: NetworkPrefix;
  readonly metric: number | undefined;
}

const TYPES: Readonly<Record<RouteType, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
};

const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
const SCOPE_HOST = 254;
const TABLE_COMPAT = 252;
const RTNH_F_ONLINK = 4;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_FLOW = 11;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_NEWDST = 19;
const RTA_PREF = 20;
const RTA_ENCAP_TYPE = 21;
const RTA_ENCAP = 22;
const RTA_EXPIRES = 23;
const RTA_TTL_PROPAGATE = 26;

const RTAX_LOCK = 1;
const RTAX_CC_ALGO = 16;

/** RFC 4191. */
const PREFERENCES = { low: 3, medium: 0, high: 1 } as const;

/** Payload of RTM_NEWROUTE and RTM_DELROUTE. */
export function encodeRoute(route: RouteRequest): Uint8Array<ArrayBuffer> {
  const { family, destination, from, hops } = route;
  const [hop] = hops;
  const single = hops.length === 1 ? hop : undefined;
  //  | family | dst length | src length | tos |
  //  | table  | protocol   | scope      | type|
  //  |                flags                  |
  const header = new ByteWriter(12)
    .u8(familyNumber(family))
    .u8(destination.length)
    .u8(from?.length ?? 0)
    .u8(route.tos ?? 0)
    .u8(route.table < 256 ? route.table : TABLE_COMPAT)
    .u8(route.protocol)
    .u8(route.scope ?? scopeOf(route))
    .u8(TYPES[route.type])
    .u32le(single?.onlink === true ? RTNH_F_ONLINK : 0)
    .finish();
  const attributes = new AttributeWriter();
  if (destination.length > 0) attributes.bytes(RTA_DST, ipBytes(destination.address));
  if (from !== undefined) attributes.bytes(RTA_SRC, ipBytes(from.address));
  if (route.source !== undefined) attributes.bytes(RTA_PREFSRC, ipBytes(route.source));
  if (route.table > 255) attributes.u32(RTA_TABLE, route.table);
  if (route.metric !== undefined) attributes.u32(RTA_PRIORITY, route.metric);
  if (single !== undefined) hopAttributes(attributes, single, family);
  else if (hops.length > 1) attributes.bytes(RTA_MULTIPATH, multipath(hops, family));
  if (single?.interface !== undefined) attributes.u32(RTA_OIF, single.interface);
  const realms = route.realms ?? single?.realms;
  if (realms !== undefined) attributes.u32(RTA_FLOW, realms);
  metrics(attributes, route);
  if (route.expires !== undefined) attributes.u32(RTA_EXPIRES, route.expires);
  if (route.preference !== undefined) attributes.u8(RTA_PREF, PREFERENCES[route.preference]);
  if (route.ttlPropagate !== undefined) attributes.u8(RTA_TTL_PROPAGATE, route.ttlPropagate ? 1 : 0);
  return new ByteWriter().bytes(header).bytes(attributes.finish()).finish();
}

/** Payload of RTM_NEWROUTE and RTM_DELROUTE from the kernel; undefined for a family we have no routes of. */
export function readRoute(reader: ByteReader): RouteIdentity | undefined {
  const family = reader.u8();
  const length = reader.u8();
  reader.skip(1);
  const tos = reader.u8();
  const shortTable = reader.u8();
  const protocol = reader.u8();
  reader.skip(6);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = new Attributes(reader.rest());
  const address = attributes.bytes(RTA_DST) ?? new Uint8Array(family === AF_INET ? 4 : 16);
  return {
    family: family === AF_INET ? 'ipv4' : 'ipv6',
    table: attributes.u32(RTA_TABLE) ?? shortTable,
    tos,
    protocol,
    destination: { address: formatIp(address), length },
    metric: attributes.u32(RTA_PRIORITY),
  };
}

function hopAttributes(attributes: AttributeWriter, hop: RouteHop, family: Family): void {
  const { via, as, encapsulation } = hop;
  if (via !== undefined && familyOf(via) === family) attributes.bytes(RTA_GATEWAY, ipBytes(via));
  else if (via !== undefined) {
    const address = new ByteWriter().u16le(familyNumber(familyOf(via))).bytes(ipBytes(via));
    attributes.bytes(RTA_VIA, address.finish());
  }
  if (as !== undefined) attributes.bytes(RTA_NEWDST, ipBytes(as));
  if (encapsulation !== undefined) {
    const { type, attributes: inner } = encodeEncapsulation(encapsulation);
    attributes.u16(RTA_ENCAP_TYPE, type).bytes(RTA_ENCAP | 0x8000, inner);
  }
}

/** `struct rtnexthop` with the attributes of each. */
function multipath(hops: readonly RouteHop[], family: Family): Uint8Array {
  const writer = new ByteWriter();
  for (const hop of hops) {
    const attributes = new AttributeWriter();
    hopAttributes(attributes, hop, family);
    if (hop.realms !== undefined) attributes.u32(RTA_FLOW, hop.realms);
    const inner = attributes.finish();
    //  |       length        | flags | hops |
    //  |          interface index           |
    writer
      .u16le(8 + inner.length)
      .u8(hop.onlink === true ? RTNH_F_ONLINK : 0)
      .u8((hop.weight ?? 1) - 1)
      .u32le(hop.interface ?? 0)
      .bytes(inner);
  }
  return writer.finish();
}

function metrics(attributes: AttributeWriter, { metrics: values, locked, congestion }: RouteRequest): void {
  const inner = new AttributeWriter();
  let locks = 0;
  for (const name of locked) locks |= 1 << ROUTE_METRICS[name];
  if (congestion?.locked === true) locks |= 1 << RTAX_CC_ALGO;
  if (locks !== 0) inner.u32(RTAX_LOCK, locks);
  for (const [name, number] of Object.entries(ROUTE_METRICS)) {
    const value = values[name as RouteMetric];
    if (value !== undefined) inner.u32(number, value);
  }
  if (congestion !== undefined) inner.text(RTAX_CC_ALGO, congestion.algorithm);
  const bytes = inner.finish();
  if (bytes.length > 0) attributes.bytes(RTA_METRICS | 0x8000, bytes);
}

/** As keepalived, which leaves a direct route global where iproute2 says link. */
function scopeOf({ family, type }: RouteRequest): number {
  if (family === 'ipv6') return SCOPE_UNIVERSE;
  if (type === 'local') return SCOPE_HOST;
  return type === 'broadcast' || type === 'multicast' || type === 'anycast' ? SCOPE_LINK : SCOPE_UNIVERSE;
}

export function familyNumber(family: Family): number {
  return family === 'ipv4' ? AF_INET : AF_INET6;
}
