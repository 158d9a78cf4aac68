import type { Diagnostics, Position } from '../diagnostics.ts';
import type { Block, Statement } from '../syntax/tree.ts';
import { Arguments } from './context.ts';
import type { Form } from './form.ts';
import type { Reader } from './readers.ts';
import { hintFor } from './vocabulary.ts';

/** What a file says of a block before defaults: the settings it has, and where each was set last. */
export interface Draft<T> {
  readonly at: Position;
  readonly set: Partial<T>;
  readonly places: Partial<Record<keyof T, Position>>;
}

/** How one keyword of a block is read. */
export interface Row<D> {
  /** Undefined for a keyword that takes no block. */
  readonly block?: 'required' | 'optional';
  /** False when keepalived knows the keyword and Keepfleet does nothing with it yet. */
  readonly implemented: boolean;
  /** Its parameters; for a block of items each item's. Missing: it takes none. */
  readonly form?: Form;
  /** The field of the draft that it sets as a whole. */
  readonly field?: string;
  /** The keywords of its block. */
  readonly contents?: Table<never>;
  /** Each line of its block is an item of this form. */
  readonly items?: Form;
  /** Given up by keepalived for this one. */
  readonly deprecated?: string;
  /** Of several in a block the first counts. */
  readonly firstCounts?: true;
  /** Keepfleet's own: keepalived does not know it. */
  readonly own?: true;
  read(draft: D, args: Arguments, block: Block | undefined): void;
}

/** The keywords of one kind of block. */
export type Table<D> = Readonly<Record<string, Row<D>>>;

export function draft<T>(at: Position): Draft<T> {
  return { at, set: {}, places: {} };
}

/** A keyword that sets one field; the last one of a block wins, as in keepalived. */
export function sets<T, K extends keyof T>(field: K, reader: Reader<T[K]>): Row<Draft<T>> {
  return {
    implemented: true,
    field: String(field),
    ...(reader.form === undefined ? {} : { form: reader.form }),
    read(target, args) {
      const value = reader(args);
      if (value !== undefined) assign(target, field, value, args.at);
    },
  };
}

/** A keyword of which the first of a block wins, as in keepalived; with `repeatable`, saying the same again is no fault. */
export function setsOnce<T, K extends keyof T>(field: K, reader: Reader<T[K]>, repeatable = false): Row<Draft<T>> {
  const row = sets(field, reader);
  return {
    ...row,
    firstCounts: true,
    read(target, args, block) {
      const first = target.places[field];
      if (first === undefined) return row.read(target, args, block);
      const value = reader(args);
      if (value !== undefined && !(repeatable && value === target.set[field]))
        args.diagnostics.warning(
          'duplicate',
          args.at,
          `"${args.keyword.text}" is there already, on line ${first.line}; this one is left out`,
        );
    },
  };
}

export function assign<T, K extends keyof T>(target: Draft<T>, field: K, value: T[K], at: Position): void {
  target.set[field] = value;
  target.places[field] = at;
}

/** A keyword without parameters that sets a field to a fixed value. */
export function fixes<T, K extends keyof T>(field: K, value: T[K]): Row<Draft<T>> {
  return {
    implemented: true,
    field: String(field),
    read: (target, args) => assign(target, field, value, args.at),
  };
}

/** A keyword that keepalived does not have. */
export function own<D>(row: Row<D>): Row<D> {
  return { ...row, own: true };
}

/** A keyword whose block has one item a line; the items of several such blocks are kept in order. */
export function collects<T, K extends keyof T>(field: K, item: Reader<ItemOf<T[K]>>): Row<Draft<T>> {
  return {
    block: 'required',
    implemented: true,
    ...(item.form === undefined ? {} : { items: item.form }),
    read(target, args, block) {
      const before: T[K] | readonly never[] = target.set[field] ?? [];
      const items = [...(Array.isArray(before) ? before : []), ...readItems(block, args.diagnostics, item)];
      assign(target, field, items as T[K], args.at);
    },
  };
}

type ItemOf<L> = L extends readonly (infer I)[] ? I : never;

export function readItems<I>(
  block: Block | undefined,
  diagnostics: Diagnostics,
  item: (args: Arguments) => I | undefined,
): I[] {
  const found: I[] = [];
  for (const statement of block?.statements ?? []) {
    const args = new Arguments(statement, diagnostics, 0);
    const value = item(args);
    if (value !== undefined) {
      found.push(value);
      args.finish();
    }
    rejectBlock(statement, diagnostics);
  }
  return found;
}

/** A keyword that keepalived knows and that does nothing here yet: its parameters are checked all the same. */
export function pending<D>(reader?: Reader<unknown>): Row<D> {
  return {
    implemented: false,
    ...(reader?.form === undefined ? {} : { form: reader.form }),
    read: (_target, args) => void reader?.(args),
  };
}

/** A block that keepalived knows and that does nothing here yet; with a table its keywords are checked all the same. */
export function pendingBlock<D>(name?: Reader<unknown>, table?: Table<object>): Row<D> {
  return {
    implemented: false,
    block: 'required',
    ...(name?.form === undefined ? {} : { form: name.form }),
    ...(table === undefined ? {} : { contents: table }),
    read(_target, args, block) {
      name?.(args);
      if (table !== undefined && block !== undefined) readBlock(table, {}, block, args.diagnostics);
    },
  };
}

/** The same keyword under a name that keepalived has given up. */
export function deprecated<D>(row: Row<D>, instead: string): Row<D> {
  return {
    ...row,
    deprecated: instead,
    read(target, args, block) {
      args.diagnostics.warning('deprecated', args.at, `"${args.keyword.text}" is deprecated`, `write ${instead}`);
      row.read(target, args, block);
    },
  };
}

/** Reads the statements of a block by its table. An unknown keyword is skipped together with its block. */
export function readBlock<D>(table: Table<D>, target: D, block: Block, diagnostics: Diagnostics): void {
  readStatements(table, target, block.statements, diagnostics);
}

export function readStatements<D>(
  table: Table<D>,
  target: D,
  statements: Iterable<Statement>,
  diagnostics: Diagnostics,
): void {
  let row: Row<D> | undefined;
  let before: string | undefined;
  for (const statement of statements) {
    const keyword = statement.words[0];
    // Most statements of a large file are of the same keyword as the one before.
    if (keyword.text !== before) row = Object.hasOwn(table, keyword.text) ? table[keyword.text] : undefined;
    before = keyword.text;
    if (row === undefined) {
      unknownKeyword(statement, Object.keys(table), diagnostics);
      continue;
    }
    if (row.block === 'required' && statement.block === undefined) {
      diagnostics.error('missing-block', keyword.at, `"${keyword.text}" needs a block: "{" is expected after it`);
      continue;
    }
    const args = new Arguments(statement, diagnostics);
    row.read(target, args, statement.block);
    args.finish();
    if (row.block === undefined) rejectBlock(statement, diagnostics);
    if (!row.implemented) {
      diagnostics.warning('not-implemented', keyword.at, `"${keyword.text}" is understood but has no effect yet`);
    }
  }
}

function rejectBlock(statement: Statement, diagnostics: Diagnostics): void {
  if (statement.block === undefined) return;
  diagnostics.error(
    'unexpected-block',
    statement.block.open.at,
    `"${statement.words[0].text}" takes no block; what "{" encloses here is skipped`,
  );
}

function unknownKeyword(statement: Statement, known: readonly string[], diagnostics: Diagnostics): void {
  const { block, words } = statement;
  const [keyword] = words;
  const end = block?.lastLine === undefined ? 'the end of the file' : `line ${block.lastLine}`;
  diagnostics.warning(
    'unknown-keyword',
    keyword.at,
    `unknown keyword "${keyword.text}" is skipped${block === undefined ? '' : ` with its block up to ${end}`}`,
    diagnostics.keeps('warning') ? hintFor(keyword.text, known) : undefined,
  );
}
