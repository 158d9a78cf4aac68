import { toMillis } from '@keepfleet/machine';
import { ipBytes } from '@keepfleet/wire';
import { INET_ADDRESS_TYPE, columnsOf } from './columns.ts';
import { type Oid, compareOids, oid } from './oid.ts';
import { OPER_STATE, type Router, operState, routers, subids, virtualMac } from './rfc-routers.ts';
import type { MibRows, RouterCountersRow } from './rows.ts';
import { type AnyTable, type IndexedRow, SCALAR, type Table, anyTable, hidden } from './table.ts';

/** VRRPV3-MIB, RFC 6527. It has routers of version 2 as well (section 4: "a VRRP router ... of either version"). */
export const VRRPV3_MIB: Oid = oid('1.3.6.1.2.1.207');

const ROW_STATUS_ACTIVE = 1;
const CREATE = { access: 'read-create' } as const;
const ROW_STATUS = { access: 'read-create', syntax: 'RowStatus' } as const;

export const NEW_MASTER_REASON = { notMaster: 0, priority: 1, preempted: 2, masterNoResponse: 3 } as const;
export const PROTOCOL_ERROR = { noError: 0, ipTtlError: 1, versionError: 2, checksumError: 3, vrIdError: 4 } as const;

/** INDEX { ifIndex, vrrpv3OperationsVrId, vrrpv3OperationsInetAddrType }. */
export function operationsIndex({ instance, router }: Router): Oid {
  return [router.ifIndex, instance.vrid, INET_ADDRESS_TYPE[router.family]];
}

function operations(rows: MibRows): IndexedRow<Router>[] {
  return routers(rows)
    .map((row) => ({ index: operationsIndex(row), row }))
    .sort((a, b) => compareOids(a.index, b.index));
}

function sum(rows: MibRows, member: keyof RouterCountersRow): number {
  return routers(rows).reduce((total, { router: { counters } }) => total + counters[member], 0);
}

const router = columnsOf<Router>();

const vrrpv3OperationsTable: Table<Router> = {
  name: 'vrrpv3OperationsTable',
  entry: oid('1.3.6.1.2.1.207.1.1.1.1'),
  index: ['ifIndex', 'vrrpv3OperationsVrId', 'vrrpv3OperationsInetAddrType'],
  hidden: [
    hidden(1, 'vrrpv3OperationsVrId', 'Vrrpv3VrIdTC'),
    hidden(2, 'vrrpv3OperationsInetAddrType', 'InetAddressType'),
  ],
  rows: operations,
  columns: [
    router.octets(3, 'vrrpv3OperationsMasterIpAddr', 'InetAddress', ({ router: { master, family } }) =>
      master === null ? new Uint8Array(family === 'ipv4' ? 4 : 16) : ipBytes(master),
    ),
    router.octets(
      4,
      'vrrpv3OperationsPrimaryIpAddr',
      'InetAddress',
      ({ router: { primary, family } }) =>
        primary === null ? new Uint8Array(family === 'ipv4' ? 4 : 16) : ipBytes(primary),
      CREATE,
    ),
    router.octets(5, 'vrrpv3OperationsVirtualMacAddr', 'MacAddress', virtualMac),
    router.enumerated(6, 'vrrpv3OperationsStatus', OPER_STATE, operState),
    router.unsigned(7, 'vrrpv3OperationsPriority', (row) => row.instance.basePriority, { ...CREATE, range: [0, 255] }),
    router.integer(8, 'vrrpv3OperationsAddrCount', (row) => row.addresses.length, { range: [0, 255] }),
    router.integer(9, 'vrrpv3OperationsAdvInterval', (row) => Math.floor(toMillis(row.instance.advertInterval) / 10), {
      ...CREATE,
      syntax: 'TimeInterval',
      range: [1, 4095],
    }),
    router.truth(10, 'vrrpv3OperationsPreemptMode', (row) => row.instance.preempt, CREATE),
    // A router of version 2 takes packets for its addresses only as their owner (RFC 3768 section 6.4.3).
    router.truth(11, 'vrrpv3OperationsAcceptMode', (row) => row.instance.accept ?? false, CREATE),
    router.ticks(12, 'vrrpv3OperationsUpTime', (row) => row.router.upFor ?? 0),
    router.integer(13, 'vrrpv3OperationsRowStatus', () => ROW_STATUS_ACTIVE, ROW_STATUS),
  ],
};

const vrrpv3AssociatedIpAddrTable: Table<Router> = {
  name: 'vrrpv3AssociatedIpAddrTable',
  entry: oid('1.3.6.1.2.1.207.1.1.2.1'),
  index: ['ifIndex', 'vrrpv3OperationsVrId', 'vrrpv3OperationsInetAddrType', 'vrrpv3AssociatedIpAddrAddress'],
  hidden: [hidden(1, 'vrrpv3AssociatedIpAddrAddress', 'InetAddress(SIZE(0|4|16))')],
  rows: (rows) =>
    operations(rows)
      .flatMap(({ index, row }) =>
        row.addresses.map((address) => {
          // Its size varies, so it goes behind its length (RFC 2578 section 7.7); keepalived leaves that out.
          const octets = subids(address);
          return { index: [...index, octets.length, ...octets], row };
        }),
      )
      .sort((a, b) => compareOids(a.index, b.index)),
  columns: [router.integer(2, 'vrrpv3AssociatedIpAddrRowStatus', () => ROW_STATUS_ACTIVE, ROW_STATUS)],
};

const all = columnsOf<MibRows>();

const statistics: Table<MibRows> = {
  name: 'vrrpv3Statistics',
  entry: oid('1.3.6.1.2.1.207.1.2'),
  index: [],
  hidden: [],
  rows: (rows) => [{ index: SCALAR, row: rows }],
  columns: [
    all.counter64(1, 'vrrpv3RouterChecksumErrors', (rows) => sum(rows, 'checksumErrors')),
    all.counter64(2, 'vrrpv3RouterVersionErrors', (rows) => sum(rows, 'versionErrors')),
    all.counter64(3, 'vrrpv3RouterVrIdErrors', (rows) => rows.unknownVrids),
    all.ticks(
      4,
      'vrrpv3GlobalStatisticsDiscontinuityTime',
      (rows) => Math.max(0, ...routers(rows).map((row) => row.router.countersSince)),
      { syntax: 'TimeStamp' },
    ),
  ],
};

const count = (member: keyof RouterCountersRow) => (row: Router) => row.router.counters[member];

const vrrpv3StatisticsTable: Table<Router> = {
  name: 'vrrpv3StatisticsTable',
  entry: oid('1.3.6.1.2.1.207.1.2.5.1'),
  index: ['vrrpv3OperationsEntry'],
  hidden: [],
  rows: operations,
  columns: [
    router.counter32(1, 'vrrpv3StatisticsMasterTransitions', count('becameMaster')),
    router.enumerated(2, 'vrrpv3StatisticsNewMasterReason', NEW_MASTER_REASON, (row) => row.router.newMasterReason),
    router.counter64(3, 'vrrpv3StatisticsRcvdAdvertisements', count('advertsReceived')),
    router.counter64(4, 'vrrpv3StatisticsAdvIntervalErrors', count('intervalErrors')),
    router.counter64(5, 'vrrpv3StatisticsIpTtlErrors', count('ttlErrors')),
    router.enumerated(6, 'vrrpv3StatisticsProtoErrReason', PROTOCOL_ERROR, (row) => row.router.lastError),
    router.counter64(7, 'vrrpv3StatisticsRcvdPriZeroPackets', count('priorityZeroReceived')),
    router.counter64(8, 'vrrpv3StatisticsSentPriZeroPackets', count('priorityZeroSent')),
    router.counter64(9, 'vrrpv3StatisticsRcvdInvalidTypePackets', count('typeErrors')),
    router.counter64(10, 'vrrpv3StatisticsAddressListErrors', count('addressListErrors')),
    router.counter64(11, 'vrrpv3StatisticsPacketLengthErrors', count('lengthErrors')),
    router.ticks(12, 'vrrpv3StatisticsRowDiscontinuityTime', (row) => row.router.countersSince, {
      syntax: 'TimeStamp',
    }),
    router.unsigned(13, 'vrrpv3StatisticsRefreshRate', (row) => Math.floor(toMillis(row.instance.advertInterval))),
  ],
};

export const vrrpv3Mib: readonly AnyTable[] = [
  anyTable(vrrpv3OperationsTable),
  anyTable(vrrpv3AssociatedIpAddrTable),
  anyTable(statistics),
  anyTable(vrrpv3StatisticsTable),
];
