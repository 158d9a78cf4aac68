import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import { ENABLED, columnsOf } from './columns.ts';
import {
  ALIVE,
  FORWARDING,
  NO_TIME,
  NO_TRAFFIC,
  WHEN_DOWN,
  commandOf,
  inOrder,
  pathOf,
  trafficColumns,
  tunnelColumns,
} from './lvs-columns.ts';
import { oid } from './oid.ts';
import type { GroupMemberRow, ServerGroupRow, VirtualServerRow } from './rows.ts';
import { type Table, hidden, numbered } from './table.ts';
import { numberedServices } from './instance-numbers.ts';

export const PROTOCOL = { tcp: 1, udp: 2, sctp: 3, none: 4 } as const;

const SCHEDULER = {
  rr: 1,
  wrr: 2,
  lc: 3,
  wlc: 4,
  lblc: 5,
  lblcr: 6,
  dh: 7,
  sh: 8,
  sed: 9,
  nq: 10,
  fo: 11,
  ovf: 12,
  mh: 13,
  twos: 14,
  unknown: 99,
} as const;

/** The third is for notifications only. */
export const QUORUM = { met: 1, notMet: 2, shutdown: 3 } as const;

const group = columnsOf<ServerGroupRow>();

/** `virtualServerGroupTable`, INDEX { virtualServerGroupIndex }. */
export const virtualServerGroupTable: Table<ServerGroupRow> = {
  name: 'virtualServerGroupTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.3.1.1'),
  index: ['virtualServerGroupIndex'],
  hidden: [hidden(1, 'virtualServerGroupIndex')],
  rows: (rows, numbers) => numbered(numbers, 'group', [], rows.groups, (row) => row.name),
  columns: [group.text(2, 'virtualServerGroupName', (row) => row.name)],
};

const member = columnsOf<GroupMemberRow>();

/** `virtualServerGroupMemberTable`, INDEX { virtualServerGroupIndex, virtualServerGroupMemberIndex }. */
export const virtualServerGroupMemberTable: Table<GroupMemberRow> = {
  name: 'virtualServerGroupMemberTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.3.2.1'),
  index: ['virtualServerGroupIndex', 'virtualServerGroupMemberIndex'],
  hidden: [hidden(1, 'virtualServerGroupMemberIndex')],
  rows: (rows, numbers) =>
    numbered(numbers, 'group', [], rows.groups, (row) => row.name).flatMap(({ index, row }) => {
      const members = [
        ...row.members.filter((one) => one.kind === 'fwmark'),
        ...row.members.filter((one) => one.kind !== 'fwmark'),
      ];
      return numbered(numbers, `member/${row.name}`, index, members, (one) => JSON.stringify(one));
    }),
  columns: [
    member.enumerated(2, 'virtualServerGroupMemberType', { fwmark: 1, ip: 2, iprange: 3 }, (row) => {
      if (row.kind === 'fwmark') return 'fwmark';
      return row.kind === 'address' ? 'ip' : 'iprange';
    }),
    member.unsigned(3, 'virtualServerGroupMemberFwMark', (row) => (row.kind === 'fwmark' ? row.fwmark : null)),
    member.addressType(4, 'virtualServerGroupMemberAddrType', (row) => {
      if (row.kind === 'fwmark') return null;
      return row.kind === 'address' ? row.address : row.first;
    }),
    member.address(5, 'virtualServerGroupMemberAddress', (row) => (row.kind === 'address' ? row.address : null)),
    member.address(6, 'virtualServerGroupMemberAddr1', (row) => (row.kind === 'range' ? row.first : null)),
    member.address(7, 'virtualServerGroupMemberAddr2', (row) => (row.kind === 'range' ? row.last : null)),
    member.port(8, 'virtualServerGroupMemberPort', (row) => (row.kind === 'fwmark' ? null : row.port)),
  ],
};

const service = columnsOf<VirtualServerRow>();

/** `virtualServerTable`, INDEX { virtualServerIndex }. */
export const virtualServerTable: Table<VirtualServerRow> = {
  name: 'virtualServerTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.3.3.1'),
  index: ['virtualServerIndex'],
  hidden: [hidden(1, 'virtualServerIndex')],
  rows: numberedServices,
  columns: inOrder([
    service.enumerated(2, 'virtualServerType', { fwmark: 1, ip: 2, group: 3 }, ({ target }) =>
      target.kind === 'address' ? 'ip' : target.kind,
    ),
    service.text(3, 'virtualServerNameOfGroup', ({ target }) => (target.kind === 'group' ? target.name : null)),
    service.unsigned(4, 'virtualServerFwMark', ({ target }) => (target.kind === 'fwmark' ? target.fwmark : null)),
    service.addressType(5, 'virtualServerAddrType', addressOf),
    service.address(6, 'virtualServerAddress', addressOf),
    service.port(7, 'virtualServerPort', ({ target }) => (target.kind === 'address' ? target.port : null)),
    service.enumerated(8, 'virtualServerProtocol', PROTOCOL, (row) =>
      row.target.kind === 'fwmark' ? null : row.protocol,
    ),
    service.enumerated(9, 'virtualServerLoadBalancingAlgo', SCHEDULER, (row) => schedulerOf(row.scheduler)),
    service.enumerated(10, 'virtualServerLoadBalancingKind', FORWARDING, (row) => row.forwarding.kind),
    service.yesNo(11, 'virtualServerStatus', ALIVE, (row) => ifKnown(row, row.alive)),
    service.text(12, 'virtualServerVirtualHost', (row) => row.virtualHost),
    service.yesNo(13, 'virtualServerPersist', ENABLED, (row) => row.persistence !== null),
    service.unsigned(14, 'virtualServerPersistTimeout', (row) => row.persistence?.timeout ?? null),
    service.octets(15, 'virtualServerPersistGranularity', 'InetAddress', (row) =>
      familyOfTarget(row) === 'ipv6' ? null : netmask(granularity(row, 32)),
    ),
    service.seconds(16, 'virtualServerDelayLoop', (row) => row.delayLoop),
    service.truth(17, 'virtualServerHaSuspend', (row) => row.haSuspend),
    service.yesNo(18, 'virtualServerAlpha', ENABLED, (row) => row.alpha),
    service.yesNo(19, 'virtualServerOmega', ENABLED, (row) => row.omega),
    service.unsigned(20, 'virtualServerRealServersTotal', (row) => row.realServers.length),
    service.unsigned(21, 'virtualServerRealServersUp', (row) => ifKnown(row, row.realServersUp)),
    service.unsigned(22, 'virtualServerQuorum', (row) => row.quorum),
    service.enumerated(23, 'virtualServerQuorumStatus', QUORUM, (row) =>
      ifKnown(row, row.quorumState === 'up' ? 'met' : 'notMet'),
    ),
    service.text(24, 'virtualServerQuorumUp', (row) => commandOf(row.quorumUp)),
    service.text(25, 'virtualServerQuorumDown', (row) => commandOf(row.quorumDown)),
    service.unsigned(26, 'virtualServerHysteresis', (row) => row.hysteresis),
    ...trafficColumns<VirtualServerRow>('virtualServer', (row) => ifKnown(row, row.traffic ?? NO_TRAFFIC), {
      connections: 27,
      totals: 28,
      rates: 32,
      wideTotals: 38,
      halves: 41,
      wideRates: 74,
    }),
    service.truth(37, 'virtualServerOPS', (row) => row.onePacket),
    service.unsigned(51, 'virtualServerPersistGranularity6', (row) =>
      familyOfTarget(row) === 'ipv4' ? null : granularity(row, 128),
    ),
    service.truth(52, 'virtualServerHashed', (row) => row.hashed),
    service.truth(53, 'virtualServerSHFallback', (row) => row.scheduler === 'sh' && row.flags.flag1),
    service.truth(54, 'virtualServerSHPort', (row) => row.scheduler === 'sh' && row.flags.flag2),
    service.truth(55, 'virtualServerSched3', (row) => row.flags.flag3),
    service.yesNo(56, 'virtualServerActionWhenDown', WHEN_DOWN, (row) => row.inhibitOnFailure),
    service.unsigned(57, 'virtualServerRetry', (row) => row.retry ?? 0),
    service.seconds(58, 'virtualServerDelayBeforeRetry', (row) => row.delayBeforeRetry ?? NO_TIME),
    service.seconds(59, 'virtualServerWarmup', (row) => row.warmup ?? NO_TIME),
    service.integer(60, 'virtualServerWeight', (row) => row.weight),
    service.yesNo(61, 'virtualServerSmtpAlert', ENABLED, (row) => row.smtpAlert),
    service.truth(62, 'virtualServerMHFallback', (row) => row.scheduler === 'mh' && row.flags.flag1),
    service.truth(63, 'virtualServerMHPort', (row) => row.scheduler === 'mh' && row.flags.flag2),
    service.microseconds(64, 'virtualServerDelayLoopUsec', (row) => row.delayLoop),
    service.microseconds(65, 'virtualServerDelayBeforeRetrUsec', (row) => row.delayBeforeRetry ?? NO_TIME),
    service.microseconds(66, 'virtualServerWarmupUsec', (row) => row.warmup ?? NO_TIME),
    service.microseconds(67, 'virtualServerConnTimeoutUsec', (row) => row.connectTimeout),
    ...tunnelColumns<VirtualServerRow>('virtualServer', 68, (row) => row.forwarding),
    service.text(71, 'virtualServerName', (row) => row.snmpName),
    service.text(72, 'virtualServerQuorumUpPath', (row) => pathOf(row.quorumUp)),
    service.text(73, 'virtualServerQuorumDownPath', (row) => pathOf(row.quorumDown)),
  ]),
};

function ifKnown<T>({ state }: VirtualServerRow, value: T): T | null {
  return state === 'unknown' ? null : value;
}

function addressOf({ target }: VirtualServerRow): IpAddress | null {
  return target.kind === 'address' ? target.address : null;
}

/** Null for a group, which may hold addresses of both families. */
function familyOfTarget({ target }: VirtualServerRow): Family | null {
  if (target.kind === 'group') return null;
  return target.kind === 'address' ? familyOf(target.address) : target.family;
}

function schedulerOf(name: string): keyof typeof SCHEDULER {
  return isScheduler(name) ? name : 'unknown';
}

function isScheduler(name: string): name is keyof typeof SCHEDULER {
  return Object.hasOwn(SCHEDULER, name);
}

/** A client alone where the configuration puts none together. */
function granularity(row: VirtualServerRow, whole: number): number {
  return row.persistence?.granularity ?? whole;
}

function netmask(length: number): Uint8Array {
  return Uint8Array.from([0, 8, 16, 24], (before) => 0xff00 >> Math.min(Math.max(length - before, 0), 8));
}
