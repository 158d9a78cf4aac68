import type { Family, IpAddress } from '@keepfleet/wire';

/** `scope` as iproute2 names it; any other number of the kernel is 'other'. */
export type ScopeName = 'global' | 'site' | 'link' | 'host' | 'nowhere' | 'other';

/** Encapsulation of a route or of one of its next hops. */
export interface EncapRow {
  readonly type: 'mpls' | 'ip' | 'ila' | 'ip6';
  readonly mplsLabels: string | null;
  /** Decimal text: 64 bits wide. */
  readonly id: string | null;
  readonly destination: IpAddress | null;
  readonly source: IpAddress | null;
  readonly tos: number | null;
  readonly ttl: number | null;
  readonly flags: number | null;
  readonly ilaLocator: string | null;
}

export interface RealmsRow {
  readonly destination: number | null;
  readonly source: number | null;
}

/** A metric of a route, and whether the kernel may not learn a better one; null where the route has none. */
export interface LockableRow {
  readonly value: number;
  readonly locked: boolean;
}

/** A route of `virtual_routes` or `static_routes`. Absent members are absent columns. */
export interface RouteRow {
  /** Stable name of the row. */
  readonly key: string;
  readonly family: Family;
  readonly destination?: IpAddress;
  readonly destinationLength?: number;
  readonly gateway?: IpAddress;
  readonly source?: IpAddress;
  readonly metric?: number;
  readonly scope?: ScopeName;
  /** Absent for one that the MIB has no number for. */
  readonly type?: keyof typeof ROUTE_TYPE;
  readonly ifIndex?: number;
  readonly ifName?: string;
  readonly table?: number;
  readonly set: boolean;
  readonly from?: IpAddress;
  readonly fromLength?: number;
  readonly tos?: number;
  /** Number of the kernel's rtnetlink. */
  readonly protocol?: number;
  readonly ecn?: boolean;
  readonly quickAck?: boolean;
  readonly expires?: number;
  readonly mtu?: LockableRow;
  readonly hopLimit?: number;
  readonly advmss?: LockableRow;
  /** Milliseconds. */
  readonly rtt?: LockableRow;
  readonly rttVariance?: LockableRow;
  readonly reordering?: LockableRow;
  readonly window?: number;
  readonly cwnd?: LockableRow;
  readonly ssthresh?: LockableRow;
  readonly rtoMin?: LockableRow;
  readonly initCwnd?: number;
  readonly initRwnd?: number;
  readonly congestionControl?: string;
  readonly preference?: 'low' | 'medium' | 'high';
  readonly realms?: RealmsRow;
  readonly encap?: EncapRow;
  readonly fastOpenNoCookie?: boolean;
  readonly nextHops: readonly NextHopRow[];
}

/** The convention RouteType of KEEPALIVED-MIB. */
export const ROUTE_TYPE = {
  unicast: 1,
  ecmp: 2,
  blackhole: 3,
  anycast: 4,
  multicast: 5,
  broadcast: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
  xresolve: 11,
} as const;

export interface NextHopRow {
  readonly address?: IpAddress;
  readonly ifIndex?: number;
  readonly ifName?: string;
  /** 1..256. */
  readonly weight?: number;
  readonly onlink: boolean;
  readonly realms?: RealmsRow;
  readonly encap?: EncapRow;
}

/** A rule of `virtual_rules` or `static_rules`. Absent members are absent columns. */
export interface RuleRow {
  /** Stable name of the row. */
  readonly key: string;
  readonly set: boolean;
  readonly invert: boolean;
  readonly destination?: IpAddress;
  readonly destinationLength?: number;
  readonly source?: IpAddress;
  readonly sourceLength?: number;
  readonly tos?: number;
  readonly fwmark?: number;
  readonly fwmask?: number;
  readonly realms?: RealmsRow;
  readonly inInterface?: string;
  readonly outInterface?: string;
  /** Preference of the rule that a goto leads to. */
  readonly target?: number;
  readonly action: keyof typeof RULE_ACTION;
  readonly table?: number;
  readonly preference?: number;
  readonly suppressPrefixLength?: number;
  readonly suppressGroup?: string;
  /** Decimal text: 64 bits wide. */
  readonly tunnelId?: string;
  readonly uids?: NumberRangeRow;
  readonly l3mdev?: boolean;
  /** Number of the kernel's rtnetlink. */
  readonly protocol?: number;
  readonly ipProtocol?: number;
  readonly sourcePorts?: NumberRangeRow;
  readonly destinationPorts?: NumberRangeRow;
}

export interface NumberRangeRow {
  readonly first: number;
  readonly last: number;
}

/** The convention RuleAction of KEEPALIVED-MIB. */
export const RULE_ACTION = { table: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
