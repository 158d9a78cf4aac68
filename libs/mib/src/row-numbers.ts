/** Where the numbers of rows come from: each name of a list gets one, and keeps it. */
export interface RowNumbers {
  /** Numbers of a whole list: names that are not in it are gone. */
  of(list: string, names: readonly string[]): readonly number[];
  /** Of one name; `all` of its list get theirs first where it has none, so that the order of the list decides. */
  one(list: string, name: string, all: () => readonly string[]): number;
}

export interface StoredList {
  /** The highest number that was ever given. */
  readonly last: number;
  readonly numbers: Readonly<Record<string, number>>;
}

/** JSON-safe, to be kept on disk. */
export type StoredRowNumbers = Readonly<Record<string, StoredList>>;

/** Names that are gone are remembered, so that they come back under their number, up to this many a list. */
const REMEMBERED = 1000;

/** Lists (one a parent) that are remembered; those that were not asked for the longest go first. */
const MOST_LISTS = 20_000;

interface List {
  last: number;
  readonly numbers: Map<string, number>;
}

/**
 * Numbers rows from 1 in the order in which they are first seen, as keepalived does at its start. Unlike there a row keeps
 * its number when the configuration changes around it, and nobody else gets the number of one that is gone.
 */
export class KeptRowNumbers implements RowNumbers {
  readonly #lists = new Map<string, List>();
  /** Counts up whenever there is something new to store. */
  revision = 0;

  constructor(stored: StoredRowNumbers = {}) {
    for (const [name, { last, numbers }] of Object.entries(stored)) {
      this.#lists.set(name, { last, numbers: new Map(Object.entries(numbers)) });
    }
  }

  of(name: string, names: readonly string[]): readonly number[] {
    if (names.length === 0) return [];
    const list = this.#list(name);
    const times = new Map<string, number>();
    const given = names.map((one) => {
      // The same thing twice in one list: each time is a row of its own.
      const before = times.get(one) ?? 0;
      times.set(one, before + 1);
      return this.#numberOf(list, before === 0 ? one : `${one}\0${before}`);
    });
    if (list.numbers.size > names.length + REMEMBERED) forget(list, times);
    return given;
  }

  one(name: string, row: string, all: () => readonly string[]): number {
    if (this.#lists.get(name)?.numbers.has(row) !== true) this.of(name, all());
    return this.#numberOf(this.#list(name), row);
  }

  stored(): StoredRowNumbers {
    return Object.fromEntries(
      Array.from(this.#lists, ([name, { last, numbers }]) => [name, { last, numbers: Object.fromEntries(numbers) }]),
    );
  }

  /** The last of the map is the one that was asked for last. */
  #list(name: string): List {
    const list: List = this.#lists.get(name) ?? { last: 0, numbers: new Map() };
    this.#lists.delete(name);
    this.#lists.set(name, list);
    const [oldest] = this.#lists.keys();
    if (this.#lists.size > MOST_LISTS && oldest !== undefined) this.#lists.delete(oldest);
    return list;
  }

  #numberOf(list: List, name: string): number {
    const found = list.numbers.get(name);
    if (found !== undefined) return found;
    list.last++;
    list.numbers.set(name, list.last);
    this.revision++;
    return list.last;
  }
}

function forget(list: List, present: ReadonlyMap<string, number>): void {
  let left = list.numbers.size - present.size - REMEMBERED / 2;
  for (const name of list.numbers.keys()) {
    if (left-- <= 0) return;
    if (!present.has(name.split('\0')[0] ?? name)) list.numbers.delete(name);
  }
}
