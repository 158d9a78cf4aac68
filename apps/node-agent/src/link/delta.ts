// Settings as what differs from earlier ones: of tens of thousands of real servers a reload changes a few, and writing,
// reading and checking all of them would be most of its time.

/** An item of a list of things with a `key`; one that stays as it is goes over the link as `{ same: key }`. */
type Keyed = Readonly<Record<string, unknown>> & { readonly key: string };

/** `next` with `{ same: key }` in the place of each item that `before` has too. */
export function deltaOf(before: object, next: object): object {
  const old = new Map<string, unknown>(Object.entries(before));
  return Object.fromEntries(
    Object.entries(next).map(([field, value]: [string, unknown]) => {
      const items = old.get(field);
      if (!isKeyedList(items) || !isKeyedList(value)) return [field, value];
      const known = byKey(items);
      return [field, value.map((item) => (isSame(known.get(item.key), item) ? { same: item.key } : item))];
    }),
  );
}

/** A delta in its parts: what must be read anew, and the order of its lists with items of `before` in place. */
export interface ReadDelta {
  /** The settings with only those items that were sent whole. */
  readonly changed: object;
  /** Puts the items of before back in their places. */
  whole<Settings extends object>(parsed: Settings): Settings;
}

/** Undefined where a key is not in `before`, or where this is no delta. */
export function readDelta(before: object, delta: unknown): ReadDelta | undefined {
  if (typeof delta !== 'object' || delta === null) return undefined;
  const old = new Map<string, unknown>(Object.entries(before));
  const changed: Record<string, unknown> = {};
  /** By field: the old item, or undefined where the next changed one goes. */
  const orders = new Map<string, (Keyed | undefined)[]>();
  for (const [field, value] of Object.entries(delta) as [string, unknown][]) {
    changed[field] = value;
    if (!Array.isArray(value) || !value.some((item) => sameAs(item) !== undefined)) continue;
    const items = old.get(field);
    if (!isKeyedList(items)) return undefined;
    const known = byKey(items);
    const order: (Keyed | undefined)[] = [];
    for (const item of value as readonly unknown[]) {
      const key = sameAs(item);
      const kept = key === undefined ? undefined : known.get(key);
      if (key !== undefined && kept === undefined) return undefined;
      order.push(kept);
    }
    orders.set(field, order);
    changed[field] = value.filter((item) => sameAs(item) === undefined);
  }
  return {
    changed,
    whole: (parsed) => {
      const fields = new Map<string, unknown>(Object.entries(parsed));
      const lists: Record<string, unknown> = {};
      for (const [field, order] of orders) {
        const list = fields.get(field);
        const read = Array.isArray(list) ? (list as readonly unknown[]).values() : [].values();
        lists[field] = order.map((kept) => kept ?? read.next().value);
      }
      return { ...parsed, ...lists };
    },
  };
}

function sameAs(item: unknown): string | undefined {
  return isRecord(item) && typeof item['same'] === 'string' && !('key' in item) ? item['same'] : undefined;
}

function byKey(items: readonly Keyed[]): ReadonlyMap<string, Keyed> {
  return new Map(items.map((item) => [item.key, item]));
}

function isKeyedList(value: unknown): value is readonly Keyed[] {
  return Array.isArray(value) && value.every((item: unknown) => isRecord(item) && typeof item['key'] === 'string');
}

/** Of JSON values; a field that is undefined is none. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!isSame(a[i], b[i])) return false;
    return true;
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  for (const field in a) if (!isSame(a[field], b[field])) return false;
  for (const field in b) if (!(field in a) && b[field] !== undefined) return false;
  return true;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
