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
import type { RowNumbers } from './row-numbers.ts';
import type { DestinationRow, RealServerRow, SorryServerRow, VirtualServerRow } from './rows.ts';
import { type Column, type Table, type Writer, hidden, integerRefusal, numbered } from './table.ts';
import { numberedServices } from './instance-numbers.ts';

/** The kernel's weight is a signed number of 32 bits. */
const MAX_WEIGHT = 0x7fffffff;

/** A row of the table: a real server, or the sorry server, which has fewer columns. */
interface PoolRow {
  readonly parent: VirtualServerRow;
  readonly server: RealServerRow | SorryServerRow;
  /** The same as `server` where it is no sorry server. */
  readonly regular: RealServerRow | null;
}

const weight: Writer<PoolRow> = {
  refusal: (value) => integerRefusal(value, 0, MAX_WEIGHT),
  change: ({ parent, regular }, value) =>
    regular === null || value.type !== 'integer'
      ? undefined
      : { kind: 'weight', virtualServer: parent.key, realServer: regular.key, value: value.value },
};

const real = columnsOf<RealServerRow>();

const regularColumns: readonly Column<RealServerRow>[] = [
  real.yesNo(6, 'realServerStatus', ALIVE, (row) => (row.state === 'unknown' ? null : row.state === 'up')),
  real.unsigned(8, 'realServerUpperConnectionLimit', (row) => row.upperThreshold || null),
  real.unsigned(9, 'realServerLowerConnectionLimit', (row) => row.lowerThreshold || null),
  real.yesNo(10, 'realServerActionWhenDown', WHEN_DOWN, (row) => row.inhibitOnFailure),
  real.text(11, 'realServerNotifyUp', (row) => commandOf(row.notifyUp)),
  real.text(12, 'realServerNotifyDown', (row) => commandOf(row.notifyDown)),
  real.unsigned(13, 'realServerFailedChecks', (row) => row.failedCheckers),
  real.text(41, 'realServerVirtualHost', (row) => row.virtualHost),
  real.text(55, 'realServerName', (row) => row.snmpName),
  real.text(56, 'realServerNotifyUpPath', (row) => pathOf(row.notifyUp)),
  real.text(57, 'realServerNotifyDownPath', (row) => pathOf(row.notifyDown)),
  real.unsigned(63, 'realServerNotRunCheckers', (row) => row.notRunCheckers),
];

const pool = columnsOf<PoolRow>();

/** `realServerTable`, INDEX { virtualServerIndex, realServerIndex }; a sorry server is the first of its virtual server. */
export const realServerTable: Table<PoolRow> = {
  name: 'realServerTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.3.4.1'),
  index: ['virtualServerIndex', 'realServerIndex'],
  hidden: [hidden(1, 'realServerIndex')],
  rows: (rows, numbers) =>
    numberedServices(rows, numbers).flatMap(({ index, row }) =>
      numbered(numbers, poolName(row), index, poolRows(row), nameInPool),
    ),
  columns: inOrder([
    pool.enumerated(2, 'realServerType', { regular: 1, sorry: 2 }, ({ regular }) =>
      regular === null ? 'sorry' : 'regular',
    ),
    pool.addressType(3, 'realServerAddrType', (row) => row.server.address),
    pool.address(4, 'realServerAddress', (row) => row.server.address),
    pool.port(5, 'realServerPort', (row) => row.server.port),
    pool.integer(7, 'realServerWeight', ({ regular }) => (regular === null ? null : regular.weight), {
      write: weight,
    }),
    pool.gauge32(15, 'realServerStatsActiveConns', (row) => kernelOf(row)?.connections.active ?? null),
    pool.gauge32(16, 'realServerStatsInactiveConns', (row) => kernelOf(row)?.connections.inactive ?? null),
    pool.gauge32(17, 'realServerStatsPersistentConns', (row) => kernelOf(row)?.connections.persistent ?? null),
    pool.enumerated(40, 'realServerForwardingMethod', FORWARDING, (row) => row.server.forwarding.kind),
    pool.yesNo(42, 'realServerAlpha', ENABLED, ({ regular }) => regular?.alpha === true),
    pool.unsigned(43, 'realServerRetry', (row) => inherited(row, 'retry') ?? 0),
    pool.seconds(44, 'realServerDelayBeforeRetry', (row) => inherited(row, 'delayBeforeRetry') ?? NO_TIME),
    pool.seconds(45, 'realServerWarmup', (row) => inherited(row, 'warmup') ?? NO_TIME),
    pool.seconds(46, 'realServerDelayLoop', (row) => inherited(row, 'delayLoop') ?? NO_TIME),
    pool.yesNo(47, 'realServerSmtpAlert', ENABLED, ({ regular }) => regular?.smtpAlert === true),
    pool.microseconds(48, 'realServerDelayBeforeRetryUsec', (row) => inherited(row, 'delayBeforeRetry') ?? NO_TIME),
    pool.microseconds(49, 'realServerWarmupUsec', (row) => inherited(row, 'warmup') ?? NO_TIME),
    pool.microseconds(50, 'realServerDelayLoopUsec', (row) => inherited(row, 'delayLoop') ?? NO_TIME),
    pool.microseconds(51, 'realServerConnTimeoutUsec', (row) => inherited(row, 'connectTimeout') ?? NO_TIME),
    ...trafficColumns<PoolRow>('realServer', (row) => kernelOf(row)?.traffic ?? null, {
      connections: 14,
      totals: 18,
      rates: 22,
      wideTotals: 27,
      halves: 30,
      wideRates: 58,
    }),
    ...tunnelColumns<PoolRow>('realServer', 52, (row) => row.server.forwarding),
    ...regularColumns.map(ofRegular),
  ]),
};

/** Number of a real server in its pool. */
export function realServerNumber(service: VirtualServerRow, server: RealServerRow, numbers: RowNumbers): number {
  return numbers.one(poolName(service), server.key, () => poolRows(service).map(nameInPool));
}

function poolName({ key }: VirtualServerRow): string {
  return `real-server/${key}`;
}

function nameInPool({ server, regular }: PoolRow): string {
  return regular === null ? `sorry ${server.key}` : server.key;
}

function poolRows(parent: VirtualServerRow): PoolRow[] {
  const sorry = parent.sorryServer === null ? [] : [{ parent, server: parent.sorryServer, regular: null }];
  const regular = parent.realServers.map((server) => ({ parent, server, regular: server }));
  return [...sorry, ...regular];
}

/** How a server is checked: as it says itself, or else as its virtual server has it. Null for a sorry server: nobody does. */
function inherited<K extends 'retry' | 'delayBeforeRetry' | 'warmup' | 'delayLoop' | 'connectTimeout'>(
  { parent, regular }: PoolRow,
  what: K,
): VirtualServerRow[K] | RealServerRow[K] {
  return regular === null ? null : (regular[what] ?? parent[what]);
}

/** A server that is not in the pool has no connections: null only where it is not known whether it is. */
function kernelOf({ parent, server }: PoolRow): DestinationRow | null {
  return server.kernel ?? (parent.state === 'unknown' ? null : NOT_IN_POOL);
}

const NOT_IN_POOL: DestinationRow = { connections: { active: 0, inactive: 0, persistent: 0 }, traffic: NO_TRAFFIC };

/** A column that the sorry server has not. */
function ofRegular({ read, write: _none, ...object }: Column<RealServerRow>): Column<PoolRow> {
  return { ...object, read: ({ regular }) => (regular === null ? undefined : read(regular)) };
}
