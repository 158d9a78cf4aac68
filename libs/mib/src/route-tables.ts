import type { Family } from '@keepfleet/wire';
import { INET_ADDRESS_TYPE, columnsOf } from './columns.ts';
import { ofInstances } from './instance-numbers.ts';
import { oid } from './oid.ts';
import { type EncapRow, type LockableRow, type NextHopRow, ROUTE_TYPE, type RouteRow } from './route-rows.ts';
import type { RowNumbers } from './row-numbers.ts';
import type { MibRows } from './rows.ts';
import { type Column, type IndexedRow, type Table, hidden, numbered } from './table.ts';
import { INET_SCOPE } from './vrrp-tables.ts';

/** Names of the MIB for rtnetlink's numbers of what made a route, RTPROT_*, one higher here. */
export const PROTOCOL = {
  unspec: 1,
  redirect: 2,
  kernel: 3,
  boot: 4,
  static: 5,
  gated: 9,
  ra: 10,
  mrt: 11,
  zebra: 12,
  bird: 13,
  dnrouted: 14,
  xorp: 15,
  ntk: 16,
  dhcp: 17,
  keepalived: 112,
} as const;

/** RTPROT_KEEPALIVED of the kernel, for which the MIB has the number of VRRP itself. */
const RTPROT_KEEPALIVED = 18;

const ENCAP = { mpls: 1, ip: 2, ila: 3, ip6: 4 } as const;
const PREFERENCE = { low: 1, medium: 2, high: 3 } as const;

export const REALM = { syntax: 'Realm' } as const;
export const OCTET = { range: [0, 255] } as const;

export function protocolOf(number: number | undefined): keyof typeof PROTOCOL | null {
  if (number === undefined) return null;
  if (number === RTPROT_KEEPALIVED) return 'keepalived';
  const found = Object.entries(PROTOCOL).find(([name, value]) => name !== 'keepalived' && value === number + 1);
  return found === undefined ? 'unspec' : (found[0] as keyof typeof PROTOCOL);
}

/** Static routes are those of instance 0. */
function numberedRoutes(rows: MibRows, numbers: RowNumbers): IndexedRow<RouteRow>[] {
  return [
    ...numbered(numbers, 'route/', [0], rows.staticRoutes, ({ key }) => key),
    ...ofInstances(rows, numbers, ({ index, row }) =>
      numbered(numbers, `route/${row.name}`, index, row.routes, ({ key }) => key),
    ),
  ];
}

const route = columnsOf<RouteRow>();
const value = (metric: LockableRow | undefined) => metric?.value ?? null;
const locked = (metric: LockableRow | undefined) => metric?.locked ?? null;

/** `vrrpRouteTable`, INDEX { vrrpInstanceIndex, vrrpRouteIndex }. */
export const vrrpRouteTable: Table<RouteRow> = {
  name: 'vrrpRouteTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.2.7.1'),
  index: ['vrrpInstanceIndex', 'vrrpRouteIndex'],
  hidden: [hidden(1, 'vrrpRouteIndex')],
  rows: numberedRoutes,
  columns: [
    addressType(2, 'vrrpRouteAddressType', ({ family }) => family),
    route.address(3, 'vrrpRouteDestination', (row) => row.destination ?? null),
    route.prefixLength(4, 'vrrpRouteDestinationMask', (row) => row.destinationLength ?? null),
    route.address(5, 'vrrpRouteGateway', (row) => row.gateway ?? null),
    route.address(6, 'vrrpRouteSecondaryGateway', secondGateway),
    route.address(7, 'vrrpRouteSource', (row) => row.source ?? null),
    route.unsigned(8, 'vrrpRouteMetric', (row) => row.metric ?? null),
    route.enumerated(
      9,
      'vrrpRouteScope',
      INET_SCOPE,
      ({ scope }) => (scope === undefined || scope === 'nowhere' || scope === 'other' ? null : scope),
      { syntax: 'InetScopeType' },
    ),
    route.enumerated(
      10,
      'vrrpRouteType',
      ROUTE_TYPE,
      (row) => (row.nextHops.length > 0 ? 'ecmp' : (row.type ?? null)),
      {
        syntax: 'RouteType',
      },
    ),
    route.interfaceIndex(11, 'vrrpRouteIfIndex', (row) => row.ifIndex || null),
    route.text(12, 'vrrpRouteIfName', (row) => row.ifName ?? null),
    route.unsigned(13, 'vrrpRouteRoutingTable', (row) => row.table ?? null),
    route.yesNo(14, 'vrrpRouteStatus', { true: ['set', 1], false: ['unset', 2] }, (row) => row.set),
    route.address(15, 'vrrpRouteFromAddress', (row) => row.from ?? null),
    route.prefixLength(16, 'vrrpRouteFromAddressMask', (row) => row.fromLength ?? null),
    route.unsigned(17, 'vrrpRouteTos', (row) => row.tos ?? null, OCTET),
    route.enumerated(18, 'vrrpRouteProtocol', PROTOCOL, (row) => protocolOf(row.protocol)),
    route.truth(19, 'vrrpRouteECN', (row) => row.ecn ?? null),
    route.truth(20, 'vrrpRouteQuickAck', (row) => row.quickAck ?? null),
    route.integer(21, 'vrrpRouteExpires', (row) => row.expires ?? null, { range: [1, 2147483647] }),
    route.unsigned(22, 'vrrpRouteMTU', (row) => value(row.mtu)),
    route.truth(23, 'vrrpRouteMTULock', (row) => locked(row.mtu)),
    route.unsigned(24, 'vrrpRouteHopLimit', (row) => row.hopLimit ?? null, { range: [1, 256] }),
    route.unsigned(25, 'vrrpRouteAdvmss', (row) => value(row.advmss)),
    route.truth(26, 'vrrpRouteAdvmssLock', (row) => locked(row.advmss)),
    route.unsigned(27, 'vrrpRouteRTT', (row) => value(row.rtt), { range: [1, 536870] }),
    route.truth(28, 'vrrpRouteRTTLock', (row) => locked(row.rtt)),
    route.unsigned(29, 'vrrpRouteRTTvar', (row) => value(row.rttVariance), { range: [1, 1073741] }),
    route.truth(30, 'vrrpRouteRTTvarLock', (row) => locked(row.rttVariance)),
    route.unsigned(31, 'vrrpRouteReordering', (row) => value(row.reordering)),
    route.truth(32, 'vrrpRouteReorderingLock', (row) => locked(row.reordering)),
    route.unsigned(33, 'vrrpRouteWindow', (row) => row.window ?? null),
    route.unsigned(34, 'vrrpRouteCwnd', (row) => value(row.cwnd)),
    route.truth(35, 'vrrpRouteCwndLock', (row) => locked(row.cwnd)),
    route.unsigned(36, 'vrrpRouteSSthresh', (row) => value(row.ssthresh)),
    route.truth(37, 'vrrpRouteSSthreshLock', (row) => locked(row.ssthresh)),
    route.unsigned(38, 'vrrpRouteRTOMin', (row) => value(row.rtoMin)),
    route.truth(39, 'vrrpRouteRTOMinLock', (row) => locked(row.rtoMin)),
    route.unsigned(40, 'vrrpRouteInitCwnd', (row) => row.initCwnd ?? null),
    route.unsigned(41, 'vrrpRouteInitRwnd', (row) => row.initRwnd ?? null),
    route.text(42, 'vrrpRouteCongCtl', (row) => row.congestionControl ?? null),
    route.enumerated(43, 'vrrpRoutePref', PREFERENCE, (row) => row.preference ?? null, { syntax: 'PrefType' }),
    route.unsigned(44, 'vrrpRouteRealmDst', (row) => row.realms?.destination ?? null, REALM),
    route.unsigned(45, 'vrrpRouteRealmSrc', (row) => row.realms?.source ?? null, REALM),
    ...encapColumns<RouteRow>(46, 'vrrpRoute', (row) => row.encap),
    route.truth(55, 'vrrpRouteFastOpenNoCookie', (row) => row.fastOpenNoCookie ?? null),
  ],
};

interface RouteHop {
  readonly family: Family;
  readonly hop: NextHopRow;
}

const hop = columnsOf<RouteHop>();
const [hopEncapType, ...hopEncap] = encapColumns<RouteHop>(10, 'vrrpRouteNextHop', (row) => row.hop.encap);

/** `vrrpRouteNextHopTable`, INDEX { vrrpInstanceIndex, vrrpRouteIndex, vrrpRouteNextHopIndex }. */
export const vrrpRouteNextHopTable: Table<RouteHop> = {
  name: 'vrrpRouteNextHopTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.2.11.1'),
  index: ['vrrpInstanceIndex', 'vrrpRouteIndex', 'vrrpRouteNextHopIndex'],
  // The MIB file has the type of the encapsulation as not-accessible.
  hidden: [
    hidden(1, 'vrrpRouteNextHopIndex'),
    hidden(hopEncapType?.number ?? 10, 'vrrpRouteNextHopEncapType', 'EncapType'),
  ],
  rows: (rows, numbers) =>
    numberedRoutes(rows, numbers).flatMap(({ index, row }) =>
      row.nextHops.map((one, i) => ({ index: [...index, i + 1], row: { family: row.family, hop: one } })),
    ),
  columns: [
    hop.enumerated(2, 'vrrpRouteNextHopAddressType', INET_ADDRESS_TYPE, (row) => row.family, {
      syntax: 'InetAddressType',
    }),
    hop.address(3, 'vrrpRouteNextHopAddress', (row) => row.hop.address ?? null),
    hop.interfaceIndex(4, 'vrrpRouteNextHopIfIndex', (row) => row.hop.ifIndex || null),
    hop.text(5, 'vrrpRouteNextHopIfName', (row) => row.hop.ifName ?? null),
    hop.unsigned(6, 'vrrpRouteNextHopWeight', (row) => row.hop.weight ?? null, { range: [1, 256] }),
    hop.truth(7, 'vrrpRouteNextHopOnlink', (row) => row.hop.onlink),
    hop.unsigned(8, 'vrrpRouteNextHopRealmDst', (row) => row.hop.realms?.destination ?? null, REALM),
    hop.unsigned(9, 'vrrpRouteNextHopRealmSrc', (row) => row.hop.realms?.source ?? null, REALM),
    ...hopEncap,
  ],
};

function addressType(number: number, name: string, read: (row: RouteRow) => Family) {
  return route.enumerated(number, name, INET_ADDRESS_TYPE, read, { syntax: 'InetAddressType' });
}

/** Nine columns from `first` on. */
function encapColumns<Row>(first: number, prefix: string, encap: (row: Row) => EncapRow | undefined): Column<Row>[] {
  const columns = columnsOf<Row>();
  const of =
    <Member extends keyof EncapRow>(member: Member) =>
    (row: Row) =>
      encap(row)?.[member] ?? null;
  return [
    columns.enumerated(first, `${prefix}EncapType`, ENCAP, (row) => encap(row)?.type ?? null, { syntax: 'EncapType' }),
    columns.text(first + 1, `${prefix}EncapMplsLabels`, of('mplsLabels')),
    columns.counter64(first + 2, `${prefix}EncapId`, of('id')),
    columns.address(first + 3, `${prefix}EncapDstAddress`, of('destination')),
    columns.address(first + 4, `${prefix}EncapSrcAddress`, of('source')),
    columns.unsigned(first + 5, `${prefix}EncapTOS`, of('tos'), OCTET),
    columns.unsigned(first + 6, `${prefix}EncapTTL`, of('ttl'), { range: [1, 255] }),
    columns.unsigned(first + 7, `${prefix}EncapFlags`, of('flags')),
    columns.counter64(first + 8, `${prefix}EncapIlaLocator`, of('ilaLocator')),
  ];
}

/** The one next hop of a route that has just one, and plainly. */
function secondGateway(row: RouteRow) {
  const [only, ...others] = row.nextHops;
  return only === undefined || others.length > 0 || only.encap !== undefined ? null : (only.address ?? null);
}
