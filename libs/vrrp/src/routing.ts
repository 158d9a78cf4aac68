import type { Family, IpAddress } from '@keepfleet/wire';

// Routes and policy rules that go with mastership, or that the node always has. The machine only tells one from another;
// what they say is between the configuration and the kernel.

export type RoutingEntry = RouteSettings | RuleSettings;

interface Entry {
  /** As an operator would write it: the name of the entry in messages, and what tells it from another. */
  readonly text: string;
  readonly family: Family;
  /** Put back when somebody removes it. */
  readonly tracked: boolean;
  /** Of a static one: the name of a track group. */
  readonly trackGroup?: string;
  /** rtnetlink's number; keepalived's is 18. */
  readonly protocol: number;
}

export const routeTypes = [
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] as const;
export type RouteType = (typeof routeTypes)[number];

/** RTAX_* of the kernel that are numbers, by the name of iproute2. */
export const routeMetrics = [
  'mtu',
  'window',
  'rtt',
  'rttvar',
  'ssthresh',
  'cwnd',
  'advmss',
  'reordering',
  'hoplimit',
  'initcwnd',
  'features',
  'rto_min',
  'initrwnd',
  'quickack',
  'fastopen_no_cookie',
] as const;
export type RouteMetric = (typeof routeMetrics)[number];

export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

export interface RouteSettings extends Entry {
  readonly kind: 'route';
  readonly type: RouteType;
  readonly destination: Prefix;
  /** IPv6 with subtrees. */
  readonly from?: Prefix;
  /** Source address of what takes the route. */
  readonly source?: IpAddress;
  readonly tos?: number;
  /** 254 is main. */
  readonly table: number;
  /** The kernel's number; absent: as iproute2 would choose. */
  readonly scope?: number;
  readonly metric?: number;
  /** In the kernel's own units. */
  readonly metrics: Readonly<Partial<Record<RouteMetric, number>>>;
  readonly locked: readonly RouteMetric[];
  readonly congestion?: { readonly algorithm: string; readonly locked: boolean };
  /** Seconds, IPv6. */
  readonly expires?: number;
  /** RFC 4191, IPv6. */
  readonly preference?: 'low' | 'medium' | 'high';
  readonly ttlPropagate?: boolean;
  /** `from << 16 | to` */
  readonly realms?: number;
  /** Where it stands among equal ones. */
  readonly placement: 'add' | 'append' | 'prepend';
  /** None for a route that leads nowhere, several for a multipath route. */
  readonly hops: readonly NextHop[];
}

export interface NextHop {
  readonly via?: IpAddress;
  readonly interface?: string;
  /** 1..256. */
  readonly weight?: number;
  readonly onlink?: boolean;
  readonly realms?: number;
  readonly encapsulation?: Encapsulation;
  /** IPv6: an address that stands for a next hop elsewhere (RTA_NEWDST). */
  readonly as?: IpAddress;
}

export type Encapsulation =
  | { readonly kind: 'mpls'; readonly labels: readonly number[]; readonly ttl?: number }
  | {
      readonly kind: 'ip' | 'ip6';
      readonly id?: number;
      readonly source?: IpAddress;
      readonly destination?: IpAddress;
      readonly trafficClass?: number;
      readonly hopLimit?: number;
      readonly flags?: number;
    }
  | { readonly kind: 'ila'; readonly locator: string };

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

export type RuleAction =
  | { readonly kind: 'table'; readonly table: number }
  | { readonly kind: 'goto'; readonly target: number }
  | { readonly kind: 'nop' | 'blackhole' | 'unreachable' | 'prohibit' };

export interface RuleSettings extends Entry {
  readonly kind: 'rule';
  readonly priority: number;
  readonly not: boolean;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly tos?: number;
  readonly mark?: number;
  readonly markMask?: number;
  readonly realms?: number;
  readonly suppressPrefixLength?: number;
  readonly suppressGroup?: number;
  readonly inputInterface?: string;
  readonly outputInterface?: string;
  readonly tunnelId?: number;
  readonly users?: PortRange;
  /** Look the table up that the packet's L3 master device has. */
  readonly l3mdev: boolean;
  readonly ipProtocol?: number;
  readonly sourcePorts?: PortRange;
  readonly destinationPorts?: PortRange;
  readonly action: RuleAction;
}

export function sameEntry(a: RoutingEntry, b: RoutingEntry): boolean {
  return a.kind === b.kind && a.family === b.family && a.text === b.text;
}

/** Rules before the routes they lead to, when both go; the other way round when both come. */
export function inRemovalOrder(entries: readonly RoutingEntry[]): RoutingEntry[] {
  return [...entries.filter(({ kind }) => kind === 'rule'), ...entries.filter(({ kind }) => kind === 'route')];
}
