import type { Family, IpAddress } from '@keepfleet/wire';
import type { PassedLine } from './parts.ts';

/** A line of virtual_routes or static_routes: its words, and what they mean. */
export interface RouteLine extends PassedLine {
  readonly entry: RouteEntry;
}

/** A line of virtual_rules or static_rules. */
export interface RuleLine extends PassedLine {
  readonly entry: RuleEntry;
}

export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

interface Entry {
  /** The line without what is only for keepalived. */
  readonly text: string;
  readonly family: Family;
  /** Put back when somebody removes it; false with `no_track`. */
  readonly tracked: boolean;
  /** Of a static one: a `track_group` whose instances are in fault while it cannot be restored. */
  readonly trackGroup?: string;
  /** rtnetlink's number; default 18, keepalived. */
  readonly protocol: number;
}

export const routeTypes = [
  'unicast',
  'local',
  'broadcast',
  'multicast',
  'throw',
  'unreachable',
  'prohibit',
  'blackhole',
] as const;
export type RouteType = (typeof routeTypes)[number];

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

export interface RouteEntry extends Entry {
  readonly kind: 'route';
  readonly type: RouteType;
  readonly destination: Prefix;
  readonly from?: Prefix;
  readonly source?: IpAddress;
  readonly tos?: number;
  /** Default 254, main. */
  readonly table: number;
  readonly scope?: number;
  readonly metric?: number;
  /** In the kernel's units. */
  readonly metrics: Readonly<Partial<Record<RouteMetric, number>>>;
  readonly locked: readonly RouteMetric[];
  readonly congestion?: { readonly algorithm: string; readonly locked: boolean };
  readonly expires?: number;
  readonly preference?: 'low' | 'medium' | 'high';
  readonly ttlPropagate?: boolean;
  readonly realms?: number;
  readonly placement: 'add' | 'append' | 'prepend';
  readonly hops: readonly Hop[];
}

export interface Hop {
  readonly via?: IpAddress;
  readonly interface?: string;
  readonly weight?: number;
  readonly onlink?: boolean;
  readonly realms?: number;
  readonly encapsulation?: Encapsulation;
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
    }
  | { readonly kind: 'ila'; readonly locator: string };

export interface Range {
  readonly low: number;
  readonly high: number;
}

export type RuleAction =
  | { readonly kind: 'table'; readonly table: number }
  | { readonly kind: 'goto'; readonly target: number }
  | { readonly kind: 'nop' | 'blackhole' | 'unreachable' | 'prohibit' };

export interface RuleEntry extends Entry {
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
  readonly users?: Range;
  readonly l3mdev: boolean;
  readonly ipProtocol?: number;
  readonly sourcePorts?: Range;
  readonly destinationPorts?: Range;
  readonly action: RuleAction;
}
