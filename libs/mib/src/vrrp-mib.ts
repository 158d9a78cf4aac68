import { toSeconds } from '@keepfleet/machine';
import { type IpAddress, ip } from '@keepfleet/wire';
import { columnsOf } from './columns.ts';
import { type Oid, compareOids, oid } from './oid.ts';
import { OPER_STATE, type Router, operState, subids, version2, virtualMac } from './rfc-routers.ts';
import type { MibRows, RouterCountersRow } from './rows.ts';
import { type AnyTable, type IndexedRow, type MibObject, SCALAR, type Table, anyTable, hidden } from './table.ts';

/** VRRP-MIB, RFC 2787. */
export const VRRP_MIB: Oid = oid('1.3.6.1.2.1.68');

const ROW_STATUS_ACTIVE = 1;
const CREATE = { access: 'read-create' } as const;
const ROW_STATUS = { access: 'read-create', syntax: 'RowStatus' } as const;
const NETWORK_PROTOCOL = { ip: 1, bridge: 2, decnet: 3, other: 4 } as const;
const UNKNOWN_ADDRESS: IpAddress = ip('0.0.0.0');

function oper(rows: MibRows): IndexedRow<Router>[] {
  return version2(rows)
    .map((row) => ({ index: [row.router.ifIndex, row.instance.vrid], row }))
    .sort((a, b) => compareOids(a.index, b.index));
}

function sum(rows: MibRows, member: keyof RouterCountersRow): number {
  return version2(rows).reduce((total, { router }) => total + router.counters[member], 0);
}

const all = columnsOf<MibRows>();

/** The notification objects are told apart by their access and have no instance. */
export const vrrpNotifyObjects: readonly MibObject[] = [
  { number: 5, name: 'vrrpTrapPacketSrc', syntax: 'IpAddress', access: 'accessible-for-notify', status: 'current' },
  {
    number: 6,
    name: 'vrrpTrapAuthErrorType',
    syntax: 'INTEGER {invalidAuthType(1), authTypeMismatch(2), authFailure(3)}',
    access: 'accessible-for-notify',
    status: 'current',
  },
];

const operations: Table<MibRows> = {
  name: 'vrrpOperations',
  entry: oid('1.3.6.1.2.1.68.1'),
  index: [],
  hidden: vrrpNotifyObjects,
  rows: (rows) => [{ index: SCALAR, row: rows }],
  columns: [
    all.integer(1, 'vrrpNodeVersion', () => 2),
    all.yesNo(
      2,
      'vrrpNotificationCntl',
      { true: ['enabled', 1], false: ['disabled', 2] },
      (rows) => rows.global.trapEnable,
      { access: 'read-write' },
    ),
  ],
};

const router = columnsOf<Router>();

const vrrpOperTable: Table<Router> = {
  name: 'vrrpOperTable',
  entry: oid('1.3.6.1.2.1.68.1.3.1'),
  index: ['ifIndex', 'vrrpOperVrId'],
  hidden: [hidden(1, 'vrrpOperVrId', 'VrId')],
  rows: oper,
  columns: [
    router.octets(2, 'vrrpOperVirtualMacAddr', 'MacAddress', virtualMac),
    router.enumerated(3, 'vrrpOperState', OPER_STATE, operState),
    router.yesNo(4, 'vrrpOperAdminState', { true: ['up', 1], false: ['down', 2] }, () => true, CREATE),
    router.integer(5, 'vrrpOperPriority', (row) => row.instance.basePriority, { ...CREATE, range: [0, 255] }),
    router.integer(6, 'vrrpOperIpAddrCount', (row) => row.addresses.length, { range: [0, 255] }),
    router.ipAddress(7, 'vrrpOperMasterIpAddr', (row) => row.router.master ?? UNKNOWN_ADDRESS),
    router.ipAddress(8, 'vrrpOperPrimaryIpAddr', (row) => row.router.primary ?? UNKNOWN_ADDRESS, CREATE),
    router.enumerated(
      9,
      'vrrpOperAuthType',
      { noAuthentication: 1, simpleTextPassword: 2, ipAuthenticationHeader: 3 },
      ({ instance: { authentication } }) => {
        if (authentication === 'none') return 'noAuthentication';
        return authentication === 'password' ? 'simpleTextPassword' : 'ipAuthenticationHeader';
      },
      CREATE,
    ),
    // RFC 2787: read, it is always an octet string of length zero.
    router.octets(10, 'vrrpOperAuthKey', 'OCTET STRING(SIZE(0..16))', () => new Uint8Array(), CREATE),
    router.integer(11, 'vrrpOperAdvertisementInterval', (row) => Math.floor(toSeconds(row.instance.advertInterval)), {
      ...CREATE,
      range: [1, 255],
    }),
    router.truth(12, 'vrrpOperPreemptMode', (row) => row.instance.preempt, CREATE),
    router.ticks(13, 'vrrpOperVirtualRouterUpTime', (row) => row.router.upSince ?? 0, { syntax: 'TimeStamp' }),
    router.enumerated(14, 'vrrpOperProtocol', NETWORK_PROTOCOL, (): keyof typeof NETWORK_PROTOCOL => 'ip', CREATE),
    router.integer(15, 'vrrpOperRowStatus', () => ROW_STATUS_ACTIVE, ROW_STATUS),
  ],
};

const vrrpAssoIpAddrTable: Table<Router> = {
  name: 'vrrpAssoIpAddrTable',
  entry: oid('1.3.6.1.2.1.68.1.4.1'),
  index: ['ifIndex', 'vrrpOperVrId', 'vrrpAssoIpAddr'],
  hidden: [hidden(1, 'vrrpAssoIpAddr', 'IpAddress')],
  rows: (rows) =>
    oper(rows)
      .flatMap(({ index, row }) => row.addresses.map((address) => ({ index: [...index, ...subids(address)], row })))
      .sort((a, b) => compareOids(a.index, b.index)),
  columns: [router.integer(2, 'vrrpAssoIpAddrRowStatus', () => ROW_STATUS_ACTIVE, ROW_STATUS)],
};

const statistics: Table<MibRows> = {
  name: 'vrrpStatistics',
  entry: oid('1.3.6.1.2.1.68.2'),
  index: [],
  hidden: [],
  rows: (rows) => [{ index: SCALAR, row: rows }],
  columns: [
    all.counter32(1, 'vrrpRouterChecksumErrors', (rows) => sum(rows, 'checksumErrors')),
    all.counter32(2, 'vrrpRouterVersionErrors', (rows) => sum(rows, 'versionErrors')),
    all.counter32(3, 'vrrpRouterVrIdErrors', (rows) => rows.unknownVrids),
  ],
};

const count = (member: keyof RouterCountersRow) => (row: Router) => row.router.counters[member];

const vrrpRouterStatsTable: Table<Router> = {
  name: 'vrrpRouterStatsTable',
  entry: oid('1.3.6.1.2.1.68.2.4.1'),
  index: ['vrrpOperEntry'],
  hidden: [],
  rows: oper,
  columns: [
    router.counter32(1, 'vrrpStatsBecomeMaster', count('becameMaster')),
    router.counter32(2, 'vrrpStatsAdvertiseRcvd', count('advertsReceived')),
    router.counter32(3, 'vrrpStatsAdvertiseIntervalErrors', count('intervalErrors')),
    router.counter32(4, 'vrrpStatsAuthFailures', count('authFailures')),
    router.counter32(5, 'vrrpStatsIpTtlErrors', count('ttlErrors')),
    router.counter32(6, 'vrrpStatsPriorityZeroPktsRcvd', count('priorityZeroReceived')),
    router.counter32(7, 'vrrpStatsPriorityZeroPktsSent', count('priorityZeroSent')),
    router.counter32(8, 'vrrpStatsInvalidTypePktsRcvd', count('typeErrors')),
    router.counter32(9, 'vrrpStatsAddressListErrors', count('addressListErrors')),
    router.counter32(10, 'vrrpStatsInvalidAuthType', count('invalidAuthTypes')),
    router.counter32(11, 'vrrpStatsAuthTypeMismatch', count('authTypeMismatches')),
    router.counter32(12, 'vrrpStatsPacketLengthErrors', count('lengthErrors')),
  ],
};

export const vrrpMib: readonly AnyTable[] = [
  anyTable(operations),
  anyTable(vrrpOperTable),
  anyTable(vrrpAssoIpAddrTable),
  anyTable(statistics),
  anyTable(vrrpRouterStatsTable),
];
