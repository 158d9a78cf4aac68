import { toSeconds } from '@keepfleet/machine';
import { TRUE_FALSE, columnsOf } from './columns.ts';
import { numberedGroups, numberedInstances } from './instance-numbers.ts';
import { commandOf, pathOf } from './lvs-columns.ts';
import { type Oid, compareOids, oid } from './oid.ts';
import type { RowNumbers } from './row-numbers.ts';
import type {
  MibRows,
  TrackBfdRow,
  TrackFileRow,
  TrackProcessRow,
  TrackScriptRow,
  TrackedRow,
  TrackedRows,
} from './rows.ts';
import { type IndexedRow, type Table, hidden, numbered } from './table.ts';

const VRRP = '1.3.6.1.4.1.9586.100.5.2';

/** Weights of VRRP trackers, by which a priority of 1..254 can be moved. */
const WEIGHT = { range: [-254, 254] } as const;

const UNUSED_MAX = 0x7fffffff;

interface Owner {
  readonly kind: 'instance' | 'sync-group';
  readonly index: string;
  readonly all: (rows: MibRows, numbers: RowNumbers) => readonly IndexedRow<{ name: string; tracked: TrackedRows }>[];
}

const INSTANCE: Owner = { kind: 'instance', index: 'vrrpInstanceIndex', all: numberedInstances };
const GROUP: Owner = { kind: 'sync-group', index: 'vrrpSyncGroupIndex', all: numberedGroups };

type Kind = 'scripts' | 'files' | 'bfds' | 'processes';

/** The same table for what instances track and for what groups track. */
function trackedTable(owner: Owner, number: number, prefix: string, kind: Kind): Table<TrackedRow> {
  const columns = columnsOf<TrackedRow>();
  return {
    name: `${prefix}Table`,
    entry: oid(`${VRRP}.${number}.1`),
    index: [owner.index, `${prefix}Index`],
    hidden: [hidden(1, `${prefix}Index`)],
    rows: (rows, numbers) =>
      owner
        .all(rows, numbers)
        .flatMap(({ index, row }) =>
          numbered(numbers, `tracked-${kind}/${owner.kind}/${row.name}`, index, row.tracked[kind], ({ name }) => name),
        ),
    columns: [
      columns.text(2, `${prefix}Name`, (row) => row.name),
      columns.integer(3, `${prefix}Weight`, (row) => row.weight, kind === 'scripts' ? {} : WEIGHT),
      columns.yesNo(4, `${prefix}WgtRev`, TRUE_FALSE, (row) => row.reverse),
    ],
  };
}

type TrackedInterface = TrackedRows['interfaces'][number];

function byInterface(index: Oid, rows: readonly TrackedInterface[]): IndexedRow<TrackedInterface>[] {
  return rows
    .map((row) => ({ index: [...index, row.ifIndex], row }))
    .sort((a, b) => compareOids(a.index, b.index))
    .filter(({ index: own }, i, all) => i === 0 || compareOids(all[i - 1]?.index ?? [], own) !== 0);
}

const trackedInterface = columnsOf<TrackedInterface>();

/** INDEX { vrrpInstanceIndex, ifIndex }; keepalived has the position in place of the ifIndex. */
export const vrrpTrackedInterfaceTable: Table<TrackedInterface> = {
  name: 'vrrpTrackedInterfaceTable',
  entry: oid(`${VRRP}.4.1`),
  index: ['vrrpInstanceIndex', 'ifIndex'],
  hidden: [],
  rows: (rows, numbers) =>
    numberedInstances(rows, numbers).flatMap(({ index, row }) => byInterface(index, row.tracked.interfaces)),
  columns: [
    trackedInterface.text(1, 'vrrpTrackedInterfaceName', (row) => row.name),
    trackedInterface.integer(2, 'vrrpTrackedInterfaceWeight', (row) => row.weight),
    // The MIB file has no names for the two values of this one.
    trackedInterface.integer(3, 'vrrpTrackedInterfaceWgtRev', (row) => (row.reverse ? 1 : 2)),
  ],
};

export const vrrpSyncTrackedInterfaceTable: Table<TrackedInterface> = {
  name: 'vrrpSyncTrackedInterfaceTable',
  entry: oid(`${VRRP}.14.1`),
  index: ['vrrpSyncGroupIndex', 'ifIndex'],
  hidden: [],
  rows: (rows, numbers) =>
    numberedGroups(rows, numbers).flatMap(({ index, row }) => byInterface(index, row.tracked.interfaces)),
  columns: [
    trackedInterface.text(1, 'vrrpSyncTrackedInterfaceName', (row) => row.name),
    trackedInterface.integer(2, 'vrrpSyncTrackedInterfaceWeight', (row) => row.weight),
    trackedInterface.yesNo(3, 'vrrpSyncTrackedInterfaceWgtRev', TRUE_FALSE, (row) => row.reverse),
  ],
};

export const vrrpTrackedScriptTable = trackedTable(INSTANCE, 5, 'vrrpTrackedScript', 'scripts');
export const vrrpTrackedFileTable = trackedTable(INSTANCE, 12, 'vrrpTrackedFile', 'files');
export const vrrpSyncTrackedScriptTable = trackedTable(GROUP, 15, 'vrrpSyncTrackedScript', 'scripts');
export const vrrpSyncTrackedFileTable = trackedTable(GROUP, 16, 'vrrpSyncTrackedFile', 'files');
export const vrrpTrackedBfdTable = trackedTable(INSTANCE, 17, 'vrrpTrackedBfd', 'bfds');
export const vrrpSyncTrackedBfdTable = trackedTable(GROUP, 19, 'vrrpSyncTrackedBfd', 'bfds');
export const vrrpTrackedProcessTable = trackedTable(INSTANCE, 20, 'vrrpTrackedProcess', 'processes');
export const vrrpSyncTrackedProcessTable = trackedTable(GROUP, 22, 'vrrpSyncTrackedProcess', 'processes');

const script = columnsOf<TrackScriptRow>();

/** `vrrpScriptTable`, INDEX { vrrpScriptIndex }. */
export const vrrpScriptTable: Table<TrackScriptRow> = {
  name: 'vrrpScriptTable',
  entry: oid(`${VRRP}.9.1`),
  index: ['vrrpScriptIndex'],
  hidden: [hidden(1, 'vrrpScriptIndex')],
  rows: (rows, numbers) => numbered(numbers, 'script', [], rows.scripts, ({ name }) => name),
  columns: [
    script.text(2, 'vrrpScriptName', (row) => row.name),
    script.text(3, 'vrrpScriptCommand', (row) => commandOf(row.script)),
    script.integer(4, 'vrrpScriptInterval', (row) => Math.floor(toSeconds(row.interval))),
    script.integer(5, 'vrrpScriptWeight', (row) => row.weight),
    script.enumerated(6, 'vrrpScriptResult', { init: 1, bad: 2, good: 3, initfailed: 5 }, (row) => row.result),
    script.unsigned(7, 'vrrpScriptRise', (row) => row.rise),
    script.unsigned(8, 'vrrpScriptFall', (row) => row.fall),
    script.yesNo(9, 'vrrpScriptWgtRev', TRUE_FALSE, (row) => row.reverse),
    script.text(10, 'vrrpScriptPath', (row) => pathOf(row.script)),
    script.microseconds(11, 'vrrpScriptIntervalUsec', (row) => row.interval),
    script.unsigned(12, 'vrrpScriptTimeoutUsec', (row) => row.timeout ?? 0),
  ],
};

const file = columnsOf<TrackFileRow>();

/** `vrrpFileTable`, INDEX { vrrpFileIndex }. */
export const vrrpFileTable: Table<TrackFileRow> = {
  name: 'vrrpFileTable',
  entry: oid(`${VRRP}.13.1`),
  index: ['vrrpFileIndex'],
  hidden: [hidden(1, 'vrrpFileIndex')],
  rows: (rows, numbers) => numbered(numbers, 'file', [], rows.files, ({ name }) => name),
  columns: [
    file.text(2, 'vrrpFileName', (row) => row.name),
    file.text(3, 'vrrpFilePath', (row) => row.path),
    file.integer(4, 'vrrpFileResult', (row) => row.result),
    file.integer(5, 'vrrpFileWeight', (row) => row.weight, WEIGHT),
    file.yesNo(6, 'vrrpFileWgtRev', TRUE_FALSE, (row) => row.reverse),
  ],
};

const bfd = columnsOf<TrackBfdRow>();

/** `vrrpBfdTable`, INDEX { vrrpBfdIndex }. */
export const vrrpBfdTable: Table<TrackBfdRow> = {
  name: 'vrrpBfdTable',
  entry: oid(`${VRRP}.18.1`),
  index: ['vrrpBfdIndex'],
  hidden: [hidden(1, 'vrrpBfdIndex')],
  rows: (rows, numbers) => numbered(numbers, 'bfd', [], rows.bfds, ({ name }) => name),
  columns: [
    bfd.text(2, 'vrrpBfdName', (row) => row.name),
    bfd.integer(3, 'vrrpBfdResult', (row) => (row.up === null ? null : Number(row.up))),
    bfd.integer(4, 'vrrpBfdWeight', (row) => row.weight, WEIGHT),
    bfd.yesNo(5, 'vrrpBfdWgtRev', TRUE_FALSE, (row) => row.reverse),
  ],
};

const PARAM_MATCH = { none: 0, exact: 1, partial: 2, initial: 3 } as const;

const procs = columnsOf<TrackProcessRow>();

/** `vrrpProcessTable`, INDEX { vrrpProcessIndex }. */
export const vrrpProcessTable: Table<TrackProcessRow> = {
  name: 'vrrpProcessTable',
  entry: oid(`${VRRP}.21.1`),
  index: ['vrrpProcessIndex'],
  hidden: [hidden(1, 'vrrpProcessIndex')],
  rows: (rows, numbers) => numbered(numbers, 'process', [], rows.processes, ({ name }) => name),
  columns: [
    procs.text(2, 'vrrpProcessName', (row) => row.name),
    procs.text(3, 'vrrpProcessPath', (row) => row.path),
    procs.text(4, 'vrrpProcessParams', (row) => row.parameters),
    procs.enumerated(5, 'vrrpProcessParamMatch', PARAM_MATCH, (row) => row.parameterMatch),
    procs.integer(6, 'vrrpProcessWeight', (row) => row.weight, WEIGHT),
    procs.yesNo(7, 'vrrpProcessWgtRev', TRUE_FALSE, (row) => row.reverse),
    procs.unsigned(8, 'vrrpProcessQuorum', (row) => row.quorum),
    procs.integer(9, 'vrrpProcessQuorumMax', (row) => row.quorumMax ?? UNUSED_MAX),
    procs.microseconds(10, 'vrrpProcessForkDelay', (row) => row.forkDelay),
    procs.microseconds(11, 'vrrpProcessTerminateDelay', (row) => row.terminateDelay),
    procs.yesNo(12, 'vrrpProcessFullCommand', TRUE_FALSE, (row) => row.fullCommand),
    procs.integer(13, 'vrrpProcessCurProc', (row) => row.running),
    procs.yesNo(14, 'vrrpProcessResult', TRUE_FALSE, (row) => row.up),
  ],
};
