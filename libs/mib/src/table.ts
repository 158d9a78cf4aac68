import type { Change } from './changes.ts';
import type { Oid } from './oid.ts';
import type { RowNumbers } from './row-numbers.ts';
import type { MibRows } from './rows.ts';
import type { ErrorStatus, Value } from './value.ts';

/** MAX-ACCESS of SMIv2 (RFC 2578 section 7.3). */
export type Access = 'not-accessible' | 'accessible-for-notify' | 'read-only' | 'read-write' | 'read-create';

export type Status = 'current' | 'deprecated' | 'obsolete';

/** An object as its MIB file has it. */
export interface MibObject {
  /** Last sub-identifier of the object identifier. */
  readonly number: number;
  readonly name: string;
  /** Type or textual convention, with the sub-range. */
  readonly syntax: string;
  readonly access: Access;
  readonly status: Status;
}

export interface Column<Row> extends MibObject {
  /** Undefined where the row has no such instance. */
  readonly read: (row: Row) => Value | undefined;
  /** Present for a column that a SET may change. */
  readonly write?: Writer<Row>;
}

export interface Writer<Row> {
  /** Undefined when the value would do, whatever the row. */
  readonly refusal: (value: Value) => ErrorStatus | undefined;
  /** Undefined when the row has no such instance. */
  readonly change: (row: Row, value: Value) => Change | undefined;
}

export interface IndexedRow<Row> {
  readonly index: Oid;
  readonly row: Row;
}

/** A conceptual table, or a group of scalars: then the one row has the index 0. */
export interface Table<Row> {
  readonly name: string;
  /** Object identifier of the entry; a scalar's parent. */
  readonly entry: Oid;
  /** INDEX clause; empty for scalars. */
  readonly index: readonly string[];
  /** Columns that are never served: the indexes, as a rule. */
  readonly hidden: readonly MibObject[];
  readonly columns: readonly Column<Row>[];
  /** The rows in ascending order of their indexes. */
  readonly rows: (rows: MibRows, numbers: RowNumbers) => readonly IndexedRow<Row>[];
}

/** A table whose row type is forgotten, so that tables of all kinds fit in one list. */
export interface AnyTable {
  readonly name: string;
  readonly entry: Oid;
  readonly index: readonly string[];
  readonly hidden: readonly MibObject[];
  readonly columns: readonly MibObject[];
  /** Names of the columns that a SET may change. */
  readonly writable: readonly string[];
  readonly load: (rows: MibRows, numbers: RowNumbers) => LoadedTable;
}

/** The rows of one table at one time, addressed by position. */
export interface LoadedTable {
  readonly indexes: readonly Oid[];
  readonly read: (column: number, row: number) => Value | undefined;
  /** Undefined for a column that nobody may write. */
  readonly refusal: (column: number, value: Value) => ErrorStatus | undefined;
  readonly change: (column: number, row: number, value: Value) => Change | undefined;
}

export function anyTable<Row>(table: Table<Row>): AnyTable {
  const { name, entry, index, hidden, columns } = table;
  return {
    name,
    entry,
    index,
    hidden,
    columns,
    writable: columns.filter((column) => column.write !== undefined).map((column) => column.name),
    load: (all, numbers) => {
      const rows = table.rows(all, numbers);
      return {
        indexes: rows.map((row) => row.index),
        read: (column, row) => {
          const indexed = rows[row];
          return indexed === undefined ? undefined : columns[column]?.read(indexed.row);
        },
        refusal: (column, value) => {
          const write = columns[column]?.write;
          return write === undefined ? 'not-writable' : write.refusal(value);
        },
        change: (column, row, value) => {
          const indexed = rows[row];
          return indexed === undefined ? undefined : columns[column]?.write?.change(indexed.row, value);
        },
      };
    },
  };
}

/** The one row of a group of scalars. */
export const SCALAR: Oid = [0];

/** `1..2147483647`, as nearly every table of KEEPALIVED-MIB counts its rows. */
export const ORDINAL = 'Integer32(1..2147483647)';

/** A column that only names rows. */
export function hidden(number: number, name: string, syntax = ORDINAL): MibObject {
  return { number, name, syntax, access: 'not-accessible', status: 'current' };
}

/** Rows counted from 1. */
export function ordinals<Row>(rows: readonly Row[]): IndexedRow<Row>[] {
  return rows.map((row, i) => ({ index: [i + 1], row }));
}

/** Rows under the numbers that their names have for good; `parent` goes before, and `kind` tells one list from another. */
export function numbered<Row>(
  numbers: RowNumbers,
  kind: string,
  parent: Oid,
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): IndexedRow<Row>[] {
  const given = numbers.of(kind, rows.map(nameOf));
  const indexed = rows.map((row, i) => ({ index: [...parent, given[i] ?? i + 1], row }));
  const last = parent.length;
  const ordered = indexed.every(({ index }, i) => i === 0 || (indexed[i - 1]?.index[last] ?? 0) < (index[last] ?? 0));
  return ordered ? indexed : indexed.sort((a, b) => (a.index[last] ?? 0) - (b.index[last] ?? 0));
}

/** What stands against an integer from `min` to `max`, in the order of RFC 3416 section 4.2.5. */
export function integerRefusal(value: Value, min: number, max: number): ErrorStatus | undefined {
  if (value.type !== 'integer') return 'wrong-type';
  return value.value < min || value.value > max ? 'wrong-value' : undefined;
}
