import { type IpAddress, familyOf, ipBytes } from '@keepfleet/wire';
import { INET_ADDRESS_TYPE } from './columns.ts';
import { groupNumber, instanceNumber, serviceNumber } from './instance-numbers.ts';
import { type OwnershipNotification, keepfleetNotifications, ownershipVariables } from './keepfleet-mib.ts';
import { type Oid, oid } from './oid.ts';
import { realServerNumber } from './real-server-table.ts';
import { type Router, routers } from './rfc-routers.ts';
import type { RowNumbers } from './row-numbers.ts';
import type { MibRows, RealServerRow, StateOfInstance, VirtualServerRow } from './rows.ts';
import { utf8Bytes } from './utf8.ts';
import type { Value, VarBind } from './value.ts';
import { PROTOCOL, QUORUM } from './virtual-server-tables.ts';
import { VRRP_STATE } from './vrrp-tables.ts';
import { NEW_MASTER_REASON, PROTOCOL_ERROR, operationsIndex } from './vrrpv3-mib.ts';

/** What managers are told of, by the stable names of the rows. */
export type Notification =
  | { readonly kind: 'sync-group-state'; readonly group: string; readonly state: StateOfInstance }
  | { readonly kind: 'instance-state'; readonly instance: string; readonly state: StateOfInstance }
  | {
      readonly kind: 'real-server-state';
      readonly virtualServer: string;
      readonly realServer: string;
      readonly up: boolean;
      /** As many as there were then; left out, as many as the rows have. */
      readonly realServersUp?: number | undefined;
    }
  | {
      readonly kind: 'quorum-state';
      readonly virtualServer: string;
      readonly state: keyof typeof QUORUM;
      readonly realServersUp?: number | undefined;
    }
  | { readonly kind: 'new-master-v2'; readonly instance: string }
  | {
      readonly kind: 'auth-failure';
      readonly instance: string;
      readonly source: IpAddress;
      readonly error: keyof typeof AUTH_ERROR;
    }
  | {
      readonly kind: 'new-master-v3';
      readonly instance: string;
      readonly reason: keyof typeof NEW_MASTER_REASON;
    }
  | { readonly kind: 'protocol-error'; readonly instance: string; readonly error: keyof typeof PROTOCOL_ERROR }
  | OwnershipNotification;

const AUTH_ERROR = { invalidAuthType: 1, authTypeMismatch: 2, authFailure: 3 } as const;

interface NotificationType {
  readonly kind: Notification['kind'];
  readonly name: string;
  /** Value of snmpTrapOID.0. */
  readonly oid: Oid;
  /** In the order in which they are sent. */
  readonly variables: readonly string[];
}

/** By the virtual server's kind: name of its group, firewall mark, or address and port. */
const TARGET = [
  'virtualServerNameOfGroup or virtualServerFwMark or virtualServerAddrType, virtualServerAddress, virtualServerPort',
] as const;

/** The notifications of the three MIBs, and our own. */
export const notifications: readonly NotificationType[] = [
  {
    kind: 'sync-group-state',
    name: 'vrrpSyncGroupStateChange',
    oid: oid('1.3.6.1.4.1.9586.100.5.2.10.0.1'),
    variables: ['vrrpSyncGroupName', 'vrrpSyncGroupState', 'routerId'],
  },
  {
    kind: 'instance-state',
    name: 'vrrpInstanceStateChange',
    oid: oid('1.3.6.1.4.1.9586.100.5.2.10.0.2'),
    variables: ['vrrpInstanceName', 'vrrpInstanceState', 'vrrpInstanceInitialState', 'routerId'],
  },
  {
    kind: 'real-server-state',
    name: 'realServerStateChange',
    oid: oid('1.3.6.1.4.1.9586.100.5.3.5.0.1'),
    variables: [
      'realServerAddrType',
      'realServerAddress',
      'realServerPort',
      'realServerStatus',
      'virtualServerType',
      ...TARGET,
      'virtualServerProtocol',
      'virtualServerRealServersUp',
      'virtualServerRealServersTotal',
      'routerId',
    ],
  },
  {
    kind: 'quorum-state',
    name: 'virtualServerQuorumStateChange',
    oid: oid('1.3.6.1.4.1.9586.100.5.3.5.0.2'),
    variables: [
      'virtualServerType',
      ...TARGET,
      'virtualServerProtocol',
      'virtualServerQuorumStatus',
      'virtualServerQuorum',
      'virtualServerRealServersUp',
      'virtualServerRealServersTotal',
      'routerId',
    ],
  },
  {
    kind: 'new-master-v2',
    name: 'vrrpTrapNewMaster',
    oid: oid('1.3.6.1.2.1.68.0.1'),
    variables: ['vrrpOperMasterIpAddr'],
  },
  {
    kind: 'auth-failure',
    name: 'vrrpTrapAuthFailure',
    oid: oid('1.3.6.1.2.1.68.0.2'),
    variables: ['vrrpTrapPacketSrc', 'vrrpTrapAuthErrorType'],
  },
  {
    kind: 'new-master-v3',
    name: 'vrrpv3NewMaster',
    oid: oid('1.3.6.1.2.1.207.0.1'),
    variables: ['vrrpv3OperationsMasterIpAddr', 'vrrpv3StatisticsNewMasterReason'],
  },
  {
    kind: 'protocol-error',
    name: 'vrrpv3ProtoError',
    oid: oid('1.3.6.1.2.1.207.0.2'),
    variables: ['vrrpv3StatisticsProtoErrReason'],
  },
  ...keepfleetNotifications,
];

const SNMP_TRAP_OID: Oid = oid('1.3.6.1.6.3.1.1.4.1.0');
const ROUTER_ID: Oid = oid('1.3.6.1.4.1.9586.100.5.1.2.0');
const SYNC_GROUP = '1.3.6.1.4.1.9586.100.5.2.1.1';
const INSTANCE = '1.3.6.1.4.1.9586.100.5.2.3.1';
const SERVICE = '1.3.6.1.4.1.9586.100.5.3.3.1';
const REAL_SERVER = '1.3.6.1.4.1.9586.100.5.3.4.1';
const VRRP_OPER_MASTER = '1.3.6.1.2.1.68.1.3.1.7';
const VRRP_TRAP_SOURCE = '1.3.6.1.2.1.68.1.5';
const VRRP_TRAP_ERROR = '1.3.6.1.2.1.68.1.6';
const V3_MASTER = '1.3.6.1.2.1.207.1.1.1.1.3';
const V3_REASON = '1.3.6.1.2.1.207.1.2.5.1.2';
const V3_ERROR = '1.3.6.1.2.1.207.1.2.5.1.6';

/**
 * The variables of a notification, snmpTrapOID.0 first; whoever sends it puts sysUpTime.0 before them. Undefined when it is
 * about a row that is not there (any more).
 */
export function notificationVarBinds(
  notification: Notification,
  rows: MibRows,
  numbers: RowNumbers,
): readonly VarBind[] | undefined {
  const type = notifications.find(({ kind }) => kind === notification.kind);
  const variables = variablesOf(notification, rows, numbers);
  if (type === undefined || variables === undefined) return undefined;
  return [{ name: SNMP_TRAP_OID, value: { type: 'oid', value: type.oid } }, ...variables];
}

function variablesOf(notification: Notification, rows: MibRows, numbers: RowNumbers): VarBind[] | undefined {
  const routerId: VarBind = { name: ROUTER_ID, value: text(rows.global.routerId) };
  switch (notification.kind) {
    case 'sync-group-state': {
      const index = [groupNumber(notification.group, rows, numbers)];
      return [
        at(SYNC_GROUP, 2, index, text(notification.group)),
        at(SYNC_GROUP, 3, index, integer(VRRP_STATE[notification.state])),
        routerId,
      ];
    }
    case 'instance-state': {
      const index = [instanceNumber(notification.instance, rows, numbers)];
      const row = rows.instances.find(({ name }) => name === notification.instance);
      return [
        at(INSTANCE, 2, index, text(notification.instance)),
        at(INSTANCE, 4, index, integer(VRRP_STATE[notification.state])),
        at(INSTANCE, 5, index, integer(VRRP_STATE[row?.initialState ?? 'backup'])),
        routerId,
      ];
    }
    case 'real-server-state': {
      const service = rows.virtualServers.find(({ key }) => key === notification.virtualServer);
      const server = service?.realServers.find(({ key }) => key === notification.realServer);
      if (service === undefined || server === undefined) return undefined;
      const number = serviceNumber(service.key, rows, numbers);
      return [
        ...realServerVariables(server, notification.up, [number, realServerNumber(service, server, numbers)]),
        ...targetVariables(service, [number]),
        ...countVariables(service, [number], notification.realServersUp),
        routerId,
      ];
    }
    case 'quorum-state': {
      const service = rows.virtualServers.find(({ key }) => key === notification.virtualServer);
      if (service === undefined) return undefined;
      const index = [serviceNumber(service.key, rows, numbers)];
      return [
        ...targetVariables(service, index),
        at(SERVICE, 23, index, integer(QUORUM[notification.state])),
        at(SERVICE, 22, index, gauge(service.quorum)),
        ...countVariables(service, index, notification.realServersUp),
        routerId,
      ];
    }
    case 'new-master-v2':
      return ofRouter(rows, notification.instance, (row) => [
        {
          name: [...oid(VRRP_OPER_MASTER), row.router.ifIndex, row.instance.vrid],
          value: { type: 'ip-address', value: ownAddress(row) },
        },
      ]);
    case 'auth-failure':
      return ofRouter(rows, notification.instance, ({ instance, router }) => [
        {
          name: [...oid(VRRP_TRAP_SOURCE), router.ifIndex, instance.vrid],
          value: { type: 'ip-address', value: ipBytes(notification.source) },
        },
        {
          name: [...oid(VRRP_TRAP_ERROR), router.ifIndex, instance.vrid],
          value: integer(AUTH_ERROR[notification.error]),
        },
      ]);
    case 'new-master-v3':
      return ofRouter(rows, notification.instance, (row) => [
        {
          name: [...oid(V3_MASTER), ...operationsIndex(row)],
          value: { type: 'octets', value: ownAddress(row) },
        },
        {
          name: [...oid(V3_REASON), ...operationsIndex(row)],
          value: integer(NEW_MASTER_REASON[notification.reason]),
        },
      ]);
    case 'protocol-error':
      return ofRouter(rows, notification.instance, (row) => [
        { name: [...oid(V3_ERROR), ...operationsIndex(row)], value: integer(PROTOCOL_ERROR[notification.error]) },
      ]);
    case 'multi-master':
    case 'no-master':
    case 'one-master':
      return [...ownershipVariables(notification), routerId];
  }
}

function realServerVariables(server: RealServerRow, up: boolean, index: Oid): VarBind[] {
  return [
    at(REAL_SERVER, 3, index, integer(INET_ADDRESS_TYPE[familyOf(server.address)])),
    at(REAL_SERVER, 4, index, { type: 'octets', value: ipBytes(server.address) }),
    at(REAL_SERVER, 5, index, gauge(server.port)),
    at(REAL_SERVER, 6, index, integer(up ? 1 : 2)),
  ];
}

/** Kind, what it listens on, and protocol: `none` for a firewall mark, whose packets may be of any. */
function targetVariables({ target, protocol }: VirtualServerRow, index: Oid): VarBind[] {
  const protocolVariable = at(
    SERVICE,
    8,
    index,
    integer(target.kind === 'fwmark' ? PROTOCOL.none : PROTOCOL[protocol]),
  );
  switch (target.kind) {
    case 'fwmark':
      return [at(SERVICE, 2, index, integer(1)), at(SERVICE, 4, index, gauge(target.fwmark)), protocolVariable];
    case 'address':
      return [
        at(SERVICE, 2, index, integer(2)),
        at(SERVICE, 5, index, integer(INET_ADDRESS_TYPE[familyOf(target.address)])),
        at(SERVICE, 6, index, { type: 'octets', value: ipBytes(target.address) }),
        at(SERVICE, 7, index, gauge(target.port)),
        protocolVariable,
      ];
    case 'group':
      return [at(SERVICE, 2, index, integer(3)), at(SERVICE, 3, index, text(target.name)), protocolVariable];
  }
}

function countVariables(service: VirtualServerRow, index: Oid, up = service.realServersUp): VarBind[] {
  return [at(SERVICE, 21, index, gauge(up)), at(SERVICE, 20, index, gauge(service.realServers.length))];
}

function ofRouter(rows: MibRows, instance: string, variables: (router: Router) => VarBind[]): VarBind[] | undefined {
  const router = routers(rows).find((one) => one.instance.name === instance);
  return router === undefined ? undefined : variables(router);
}

/** The new master is this router itself. */
function ownAddress({ router: { primary, family } }: Router): Uint8Array {
  return primary === null ? new Uint8Array(family === 'ipv4' ? 4 : 16) : ipBytes(primary);
}

function at(entry: string, column: number, index: Oid, value: Value): VarBind {
  return { name: [...oid(entry), column, ...index], value };
}

function text(value: string): Value {
  return { type: 'octets', value: utf8Bytes(value, 255) };
}

function integer(value: number): Value {
  return { type: 'integer', value };
}

function gauge(value: number): Value {
  return { type: 'gauge32', value };
}
