import type { ChangeCheck } from './changes.ts';
import { type Oid, compareFrom, compareOids, startsWith } from './oid.ts';
import { KeptRowNumbers, type RowNumbers } from './row-numbers.ts';
import type { MibRows } from './rows.ts';
import type { AnyTable, LoadedTable } from './table.ts';
import type { SearchRange, Value, VarBind } from './value.ts';

/** One column of one table, in the order of object identifiers over all tables. */
interface Place {
  readonly prefix: Oid;
  readonly table: number;
  readonly column: number;
}

/** Absent instances that a search passes one by one before the whole column is looked at and remembered. */
const PATIENCE = 8;

/**
 * The variables of some tables in the order of their names. New rows cost nothing until somebody asks: a table is laid
 * out at the first question after an update, and a column with many absent instances is remembered once it was passed.
 * Every search is binary.
 */
export class MibView {
  readonly #tables: readonly AnyTable[];
  readonly #places: readonly Place[];
  readonly #numbers: RowNumbers;
  #rows: MibRows | undefined;
  #loaded: (LoadedTable | undefined)[];
  #present: (readonly number[] | undefined)[] = [];

  constructor(tables: readonly AnyTable[], numbers: RowNumbers = new KeptRowNumbers()) {
    this.#tables = tables;
    this.#numbers = numbers;
    this.#loaded = tables.map(() => undefined);
    this.#places = tables
      .flatMap(({ entry, columns }, table) =>
        columns.map(({ number }, column) => ({ prefix: [...entry, number], table, column })),
      )
      .sort((a, b) => compareOids(a.prefix, b.prefix));
  }

  /** Before the first rows there is no variable at all. */
  update(rows: MibRows): void {
    this.#rows = rows;
    this.#loaded = this.#tables.map(() => undefined);
    this.#present = [];
  }

  get(name: Oid): Value {
    const found = this.#find(name);
    if (found === undefined) return { type: 'no-such-object' };
    const { place, loaded, row } = found;
    return (row === undefined ? undefined : loaded.read(place.column, row)) ?? { type: 'no-such-instance' };
  }

  /** The first variable of a range (RFC 2741 section 7.2.3.2), or undefined when the range has none. */
  next({ start, include, end }: SearchRange): VarBind | undefined {
    const first = this.#lastPlaceUpTo(start);
    for (let i = Math.max(first, 0); i < this.#places.length; i++) {
      const place = this.#places[i];
      if (place === undefined) break;
      const within = i === first && startsWith(start, place.prefix);
      if (i === first && !within) continue;
      const variable = this.#nextIn(i, place, within ? start : undefined, include);
      if (variable === undefined) continue;
      return end.length > 0 && compareOids(variable.name, end) >= 0 ? undefined : variable;
    }
    return undefined;
  }

  /** What a SET of one variable would mean, or the error to answer with (RFC 3416 section 4.2.5). */
  check(name: Oid, value: Value): ChangeCheck {
    const found = this.#find(name);
    if (found === undefined) return { ok: false, error: 'not-writable' };
    const { place, loaded, row } = found;
    const error = loaded.refusal(place.column, value);
    if (error !== undefined) return { ok: false, error };
    const change = row === undefined ? undefined : loaded.change(place.column, row, value);
    return change === undefined ? { ok: false, error: 'no-creation' } : { ok: true, change };
  }

  #find(name: Oid): { place: Place; loaded: LoadedTable; row: number | undefined } | undefined {
    const place = this.#places[this.#lastPlaceUpTo(name)];
    if (place === undefined || !startsWith(name, place.prefix)) return undefined;
    const loaded = this.#table(place.table);
    if (loaded === undefined) return undefined;
    const row = firstTrue(
      loaded.indexes.length,
      (i) => compareFrom(name, place.prefix.length, loaded.indexes[i] ?? []) <= 0,
    );
    const index = loaded.indexes[row];
    const exact = index !== undefined && compareFrom(name, place.prefix.length, index) === 0;
    return { place, loaded, row: exact ? row : undefined };
  }

  #nextIn(position: number, place: Place, start: Oid | undefined, include: boolean): VarBind | undefined {
    const loaded = this.#table(place.table);
    if (loaded === undefined) return undefined;
    const { indexes } = loaded;
    const after = (row: number) => {
      if (start === undefined) return true;
      const order = compareFrom(start, place.prefix.length, indexes[row] ?? []);
      return include ? order <= 0 : order < 0;
    };
    const present = this.#present[position];
    if (present !== undefined) {
      const row = present[firstTrue(present.length, (i) => after(present[i] ?? 0))];
      return row === undefined ? undefined : variableAt(place, loaded, row);
    }
    const first = firstTrue(indexes.length, after);
    const last = Math.min(first + PATIENCE, indexes.length);
    for (let row = first; row < last; row++) {
      const variable = variableAt(place, loaded, row);
      if (variable !== undefined) return variable;
    }
    if (last === indexes.length) return undefined;
    this.#present[position] = Array.from(indexes.keys()).filter((row) => loaded.read(place.column, row) !== undefined);
    return this.#nextIn(position, place, start, include);
  }

  /** Position of the last column whose name is not after `name`; -1 when all are. */
  #lastPlaceUpTo(name: Oid): number {
    return firstTrue(this.#places.length, (i) => compareOids(this.#places[i]?.prefix ?? [], name) > 0) - 1;
  }

  #table(position: number): LoadedTable | undefined {
    if (this.#rows === undefined) return undefined;
    return (this.#loaded[position] ??= this.#tables[position]?.load(this.#rows, this.#numbers));
  }
}

function variableAt(place: Place, loaded: LoadedTable, row: number): VarBind | undefined {
  const value = loaded.read(place.column, row);
  return value === undefined ? undefined : { name: [...place.prefix, ...(loaded.indexes[row] ?? [])], value };
}

/** The first of `count` positions where a test holds that holds for all later ones too; `count` when for none. */
function firstTrue(count: number, test: (position: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (test(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
