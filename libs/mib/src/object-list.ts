import { mibModules } from './mibs.ts';
import type { Oid } from './oid.ts';
import type { MibObject } from './table.ts';

export interface ListedObject extends MibObject {
  readonly module: string;
  /** Without the instance. */
  readonly oid: Oid;
  /** Of a table, or of a group of scalars: then there is no index. */
  readonly table: string;
  readonly index: readonly string[];
  /** A SET can change it. */
  readonly writable: boolean;
}

/** Every object of the MIBs that are served, in the order of their object identifiers within a table. */
export function objectList(): ListedObject[] {
  return mibModules.flatMap(({ name: module, tables }) =>
    tables.flatMap(({ name: table, entry, index, hidden, columns, writable }) =>
      [...hidden, ...columns]
        .toSorted((a, b) => a.number - b.number)
        .map(({ number, name, syntax, access, status }) => ({
          module,
          oid: [...entry, number],
          table,
          index,
          writable: writable.includes(name),
          number,
          name,
          syntax,
          access,
          status,
        })),
    ),
  );
}
