import type { RowNumbers } from './row-numbers.ts';
import type { InstanceRow, MibRows, SyncGroupRow, VirtualServerRow } from './rows.ts';
import { type IndexedRow, numbered } from './table.ts';

export function numberedInstances(rows: MibRows, numbers: RowNumbers): IndexedRow<InstanceRow>[] {
  return numbered(numbers, 'instance', [], rows.instances, (row) => row.name);
}

/** Rows of tables whose first index is that of an instance. */
export function ofInstances<Row>(
  rows: MibRows,
  numbers: RowNumbers,
  of: (instance: IndexedRow<InstanceRow>) => readonly IndexedRow<Row>[],
): IndexedRow<Row>[] {
  return numberedInstances(rows, numbers).flatMap(of);
}

export function numberedGroups(rows: MibRows, numbers: RowNumbers): IndexedRow<SyncGroupRow>[] {
  return numbered(numbers, 'sync-group', [], rows.syncGroups, (row) => row.name);
}

export function ofGroups<Row>(
  rows: MibRows,
  numbers: RowNumbers,
  of: (group: IndexedRow<SyncGroupRow>) => readonly IndexedRow<Row>[],
): IndexedRow<Row>[] {
  return numberedGroups(rows, numbers).flatMap(of);
}

export function numberedServices(rows: MibRows, numbers: RowNumbers): IndexedRow<VirtualServerRow>[] {
  return numbered(numbers, 'virtual-server', [], rows.virtualServers, (row) => row.key);
}

export function instanceNumber(name: string, rows: MibRows, numbers: RowNumbers): number {
  return numbers.one('instance', name, () => rows.instances.map((row) => row.name));
}

export function groupNumber(name: string, rows: MibRows, numbers: RowNumbers): number {
  return numbers.one('sync-group', name, () => rows.syncGroups.map((row) => row.name));
}

export function serviceNumber(key: string, rows: MibRows, numbers: RowNumbers): number {
  return numbers.one('virtual-server', key, () => rows.virtualServers.map((row) => row.key));
}
