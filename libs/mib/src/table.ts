import type { Change } from './changes.ts';
import type { Oid } from './oid.ts';
import type { MibRows } from './rows.ts';
import type { ErrorStatus, Value } from './value.ts';

export interface Column<Row> {
  /** Last sub-identifier of the column's object identifier. */
  readonly number: number;
  readonly name: string;
  readonly syntax: string;
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
  readonly columns: readonly Column<Row>[];
  /** The rows in ascending order of their indexes. */
  readonly rows: (rows: MibRows) => readonly IndexedRow<Row>[];
}

/** A table whose row type is forgotten, so that tables of all kinds fit in one list. */
export interface AnyTable {
  readonly name: string;
  readonly entry: Oid;
  readonly columns: readonly Pick<Column<never>, 'number' | 'name' | 'syntax'>[];
  readonly writable: readonly string[];
  readonly load: (rows: MibRows) => LoadedTable;
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
  const { name, entry, columns } = table;
  return {
    name,
    entry,
    columns,
    writable: columns.filter((column) => column.write !== undefined).map((column) => column.name),
    load: (all) => {
      const rows = table.rows(all);
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

/** Rows counted from 1. */
export function ordinals<Row>(rows: readonly Row[]): IndexedRow<Row>[] {
  return rows.map((row, i) => ({ index: [i + 1], row }));
}

/** Rows counted from 1 within their parent. */
export function nestedOrdinals<Row>(parent: number, rows: readonly Row[]): IndexedRow<Row>[] {
  return rows.map((row, i) => ({ index: [parent, i + 1], row }));
}

/** What stands against an integer from `min` to `max`, in the order of RFC 3416 section 4.2.5. */
export function integerRefusal(value: Value, min: number, max: number): ErrorStatus | undefined {
  if (value.type !== 'integer') return 'wrong-type';
  return value.value < min || value.value > max ? 'wrong-value' : undefined;
}
