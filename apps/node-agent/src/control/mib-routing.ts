import type { KeepalivedConfig } from '@keepfleet/config';
import type { EncapRow, LockableRow, NextHopRow, RealmsRow, RouteRow, RuleRow } from '@keepfleet/mib';
import { SCOPES } from './mib-scopes.ts';

type RouteEntry = KeepalivedConfig['staticRoutes'][number]['entry'];
type RuleEntry = KeepalivedConfig['staticRules'][number]['entry'];
type Hop = RouteEntry['hops'][number];
type Encapsulation = NonNullable<Hop['encapsulation']>;
type Metric = keyof RouteEntry['metrics'];

/** What the kernel has of the entries: `set` of one, by its text. */
export interface Placed {
  readonly isSet: (text: string) => boolean;
  readonly interfaceIndex: (name: string) => number | undefined;
}

/** The kernel's types that the MIB has no number for are absent. */
const ROUTE_TYPES: Partial<Record<RouteEntry['type'], NonNullable<RouteRow['type']>>> = {
  unicast: 'unicast',
  broadcast: 'broadcast',
  multicast: 'multicast',
  throw: 'throw',
  unreachable: 'unreachable',
  prohibit: 'prohibit',
  blackhole: 'blackhole',
};

/** The kernel counts in eighths and quarters of a millisecond. */
const PARTS: Partial<Record<Metric, number>> = { rtt: 8, rttvar: 4 };

const ECN = 1;

export function routeRow(entry: RouteEntry, { isSet, interfaceIndex }: Placed): RouteRow {
  const { destination, from, metrics, locked, realms, hops } = entry;
  const [only, ...others] = hops;
  const single = others.length === 0 ? only : undefined;
  const index = single?.interface === undefined ? undefined : interfaceIndex(single.interface);
  const lockable = (metric: Metric): LockableRow | undefined => {
    const value = metrics[metric];
    return value === undefined
      ? undefined
      : { value: Math.trunc(value / (PARTS[metric] ?? 1)), locked: locked.includes(metric) };
  };
  return present<RouteRow>({
    key: entry.text,
    family: entry.family,
    destination: destination.address,
    destinationLength: destination.length,
    gateway: single?.via,
    source: entry.source,
    metric: entry.metric ?? 0,
    scope: entry.scope === undefined ? scopeOf(entry) : (SCOPES[entry.scope] ?? 'other'),
    type: ROUTE_TYPES[entry.type],
    ifIndex: index,
    ifName: single?.interface,
    table: entry.table,
    set: isSet(entry.text),
    from: from?.address,
    fromLength: from?.length,
    tos: entry.tos,
    protocol: entry.protocol,
    ecn: ((metrics.features ?? 0) & ECN) !== 0,
    quickAck: (metrics.quickack ?? 0) !== 0,
    expires: entry.expires,
    mtu: lockable('mtu'),
    hopLimit: metrics.hoplimit,
    advmss: lockable('advmss'),
    rtt: lockable('rtt'),
    rttVariance: lockable('rttvar'),
    reordering: lockable('reordering'),
    window: metrics.window,
    cwnd: lockable('cwnd'),
    ssthresh: lockable('ssthresh'),
    rtoMin: lockable('rto_min'),
    initCwnd: metrics.initcwnd,
    initRwnd: metrics.initrwnd,
    congestionControl: entry.congestion?.algorithm,
    preference: entry.preference,
    realms: realmsRow(realms ?? single?.realms),
    encap: encapRow(single?.encapsulation),
    fastOpenNoCookie: metrics.fastopen_no_cookie === undefined ? undefined : metrics.fastopen_no_cookie !== 0,
    nextHops: others.length === 0 ? [] : hops.map((hop) => nextHopRow(hop, interfaceIndex)),
  });
}

export function ruleRow(entry: RuleEntry, isSet: (text: string) => boolean): RuleRow {
  const { action, users, sourcePorts, destinationPorts } = entry;
  return present<RuleRow>({
    key: entry.text,
    set: isSet(entry.text),
    invert: entry.not,
    destination: entry.to?.address,
    destinationLength: entry.to?.length,
    source: entry.from?.address,
    sourceLength: entry.from?.length,
    tos: entry.tos ?? 0,
    fwmark: entry.mark,
    fwmask: entry.markMask,
    realms: realmsRow(entry.realms),
    inInterface: entry.inputInterface,
    outInterface: entry.outputInterface,
    target: action.kind === 'goto' ? action.target : undefined,
    action: action.kind,
    table: action.kind === 'table' ? action.table : undefined,
    preference: entry.priority,
    suppressPrefixLength: entry.suppressPrefixLength,
    suppressGroup: entry.suppressGroup === undefined ? undefined : String(entry.suppressGroup),
    tunnelId: entry.tunnelId === undefined ? undefined : String(entry.tunnelId),
    uids: rangeRow(users),
    l3mdev: entry.l3mdev ? true : undefined,
    protocol: entry.protocol,
    ipProtocol: entry.ipProtocol,
    sourcePorts: rangeRow(sourcePorts),
    destinationPorts: rangeRow(destinationPorts),
  });
}

function nextHopRow(hop: Hop, interfaceIndex: Placed['interfaceIndex']): NextHopRow {
  return present<NextHopRow>({
    address: hop.via,
    ifIndex: hop.interface === undefined ? undefined : interfaceIndex(hop.interface),
    ifName: hop.interface,
    weight: hop.weight,
    onlink: hop.onlink === true,
    realms: realmsRow(hop.realms),
    encap: encapRow(hop.encapsulation),
  });
}

/** As iproute2 would choose it. */
function scopeOf({ type, family, hops }: RouteEntry): RouteRow['scope'] {
  if (type === 'broadcast' || type === 'multicast') return 'link';
  const direct = hops.every(({ via }) => via === undefined);
  return type === 'unicast' && family === 'ipv4' && direct ? 'link' : 'global';
}

/** The kernel has both in one number; 0 stands for none. */
function realmsRow(realms: number | undefined): RealmsRow | undefined {
  if (realms === undefined) return undefined;
  return { destination: realms & 0xffff || null, source: realms >>> 16 || null };
}

function encapRow(encapsulation: Encapsulation | undefined): EncapRow | undefined {
  if (encapsulation === undefined) return undefined;
  const none = {
    mplsLabels: null,
    id: null,
    destination: null,
    source: null,
    tos: null,
    ttl: null,
    flags: null,
    ilaLocator: null,
  };
  switch (encapsulation.kind) {
    case 'mpls':
      return { ...none, type: 'mpls', mplsLabels: encapsulation.labels.join('/'), ttl: encapsulation.ttl ?? null };
    case 'ila':
      return { ...none, type: 'ila', ilaLocator: locatorNumber(encapsulation.locator) };
    case 'ip':
    case 'ip6':
      return {
        ...none,
        type: encapsulation.kind,
        id: encapsulation.id === undefined ? null : String(encapsulation.id),
        destination: encapsulation.destination ?? null,
        source: encapsulation.source ?? null,
        tos: encapsulation.trafficClass ?? null,
        ttl: encapsulation.hopLimit ?? null,
      };
  }
}

/** Four groups of 16 bits, as iproute2 writes a locator. */
function locatorNumber(locator: string): string {
  return String(locator.split(':').reduce((sum, group) => (sum << 16n) | BigInt(Number.parseInt(group, 16)), 0n));
}

function rangeRow(range: { readonly low: number; readonly high: number } | undefined) {
  return range && { first: range.low, last: range.high };
}

/** Without the members that are undefined: those are absent columns. */
function present<Row extends object>(row: { readonly [K in keyof Row]: Row[K] | undefined }): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as Row;
}
