import type { KeepalivedConfig } from './model/model.ts';

export interface ChangedItem {
  readonly name: string;
  /** Fields of the model that differ, real servers as `realServers[192.168.1.10:80].weight`. */
  readonly fields: readonly string[];
}

export interface ListDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly ChangedItem[];
}

/** What a new configuration does to each kind of object, by name. Moving a block to another line changes nothing. */
export interface ConfigDiff {
  /** Fields of globalDefs. */
  readonly globalDefs: readonly string[];
  readonly vrrpInstances: ListDiff;
  readonly syncGroups: ListDiff;
  readonly scripts: ListDiff;
  readonly bfdInstances: ListDiff;
  readonly virtualServerGroups: ListDiff;
  readonly virtualServers: ListDiff;
  /** Whether static addresses, routes or rules differ. */
  readonly statics: boolean;
}

export function diffConfigs(previous: KeepalivedConfig, next: KeepalivedConfig): ConfigDiff {
  return {
    globalDefs: changedFields(previous.globalDefs, next.globalDefs),
    vrrpInstances: diffLists(previous.vrrpInstances, next.vrrpInstances, ({ name }) => name),
    syncGroups: diffLists(previous.syncGroups, next.syncGroups, ({ name }) => name),
    scripts: diffLists(previous.scripts, next.scripts, ({ name }) => name),
    bfdInstances: diffLists(previous.bfdInstances, next.bfdInstances, ({ name }) => name),
    virtualServerGroups: diffLists(previous.virtualServerGroups, next.virtualServerGroups, ({ name }) => name),
    virtualServers: diffLists(previous.virtualServers, next.virtualServers, ({ key }) => key),
    statics:
      !same(previous.staticAddresses, next.staticAddresses) ||
      !same(previous.staticRoutes, next.staticRoutes) ||
      !same(previous.staticRules, next.staticRules),
  };
}

export function isEmptyDiff(diff: ConfigDiff): boolean {
  const lists = [
    diff.vrrpInstances,
    diff.syncGroups,
    diff.scripts,
    diff.bfdInstances,
    diff.virtualServerGroups,
    diff.virtualServers,
  ];
  return (
    diff.globalDefs.length === 0 &&
    !diff.statics &&
    lists.every(({ added, removed, changed }) => added.length + removed.length + changed.length === 0)
  );
}

/** Where something is written is no part of what it means. */
function isPosition(field: string): boolean {
  return field === 'at' || field === 'places';
}

function diffLists<T extends object>(
  previous: readonly T[],
  next: readonly T[],
  nameOf: (item: T) => string,
): ListDiff {
  const before = new Map(previous.map((item) => [nameOf(item), item]));
  const after = new Map(next.map((item) => [nameOf(item), item]));
  const changed: ChangedItem[] = [];
  for (const [name, item] of after) {
    const old = before.get(name);
    const fields = old === undefined ? [] : changedFields(old, item);
    if (fields.length > 0) changed.push({ name, fields });
  }
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed,
  };
}

function changedFields(before: object, after: object): readonly string[] {
  // Nearly all of a large configuration is the same.
  if (same(before, after)) return [];
  const old = new Map<string, unknown>(Object.entries(before));
  const now = new Map<string, unknown>(Object.entries(after));
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((field) => {
    const [from, to] = [old.get(field), now.get(field)];
    if (isPosition(field) || same(from, to)) return [];
    return field === 'realServers' && isKeyedList(from) && isKeyedList(to) ? changedInList(field, from, to) : [field];
  });
}

interface Keyed {
  readonly key: string;
}

function changedInList(field: string, before: readonly Keyed[], after: readonly Keyed[]): readonly string[] {
  const { added, removed, changed } = diffLists(before, after, ({ key }) => key);
  const names = [
    ...[...added, ...removed].map((key) => `${field}[${key}]`),
    ...changed.flatMap(({ name, fields }) => fields.map((inner) => `${field}[${name}].${inner}`)),
  ];
  // Only their order differs.
  return names.length === 0 ? [field] : names;
}

function isKeyedList(value: unknown): value is readonly Keyed[] {
  return Array.isArray(value) && value.every((item: unknown) => isObject(item) && typeof item['key'] === 'string');
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!same(a[i], b[i])) return false;
    return true;
  }
  if (!isObject(a) || !isObject(b) || Array.isArray(a) || Array.isArray(b)) return false;
  for (const field in a) if (!isPosition(field) && !same(a[field], b[field])) return false;
  for (const field in b) if (!(field in a) && !isPosition(field) && b[field] !== undefined) return false;
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
