import { z } from 'zod';
import { isRecord, isSame } from './delta.ts';

// Of thousands of real servers each is told as what it has otherwise than the one before it, mostly an address: to write, to
// read and to check all of their fields would be most of the time that their way into the kernel takes.

/** An item of a list with the fields that differ from the item before it, which is whole or like its own predecessor. */
interface Like {
  readonly like: Readonly<Record<string, unknown>>;
}

/** A JSON value in which items of lists of things with a `key`, at any depth, stand as {@link Like} where that says it all. */
export function withLikeness(value: unknown): unknown {
  if (Array.isArray(value)) return value.every(isKeyed) ? likeTheOneBefore(value) : (value as unknown);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, withLikeness(inner)]));
}

function likeTheOneBefore(items: readonly Readonly<Record<string, unknown>>[]): unknown[] {
  let before: Readonly<Record<string, unknown>> | undefined;
  return items.map((item) => {
    // One of an earlier revision is not there when the others are read.
    if (!('key' in item)) return item;
    const like = before && differences(before, item);
    before = item;
    return like === undefined ? withLikeness(item) : { like: withLikeness(like) };
  });
}

/** Or known by its key from an earlier revision. */
function isKeyed(item: unknown): item is Readonly<Record<string, unknown>> {
  return isRecord(item) && (typeof item['key'] === 'string' || typeof item['same'] === 'string');
}

/** Undefined where one of them has a field that the other has not. */
function differences(
  before: Readonly<Record<string, unknown>>,
  item: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  for (const field in before) if (!(field in item)) return undefined;
  const found: Record<string, unknown> = {};
  for (const field in item) {
    if (!(field in before) || item[field] === undefined) return undefined;
    if (!isSame(before[field], item[field])) found[field] = item[field];
  }
  return found;
}

/** Says of a value of a field that its schema would give it back as it is; of any other the schema decides. */
export type Plain = (value: unknown) => boolean;

/**
 * A list of `item`, of which those that come as {@link Like} are checked in the fields that they have. What is `plain` is
 * not shown to the schema, which takes ten times as long; whatever is wrong it sees and names.
 */
export function alikeItems<Shape extends Readonly<Record<string, z.ZodType>>>(
  item: z.ZodObject<Shape>,
  plain: Readonly<Partial<Record<string, Plain>>> = {},
): z.ZodType<z.infer<z.ZodObject<Shape>>[]> {
  type Item = z.infer<z.ZodObject<Shape>>;
  const fields = new Map(
    Object.entries<z.ZodType>(item.shape).map(([name, schema]) => [name, { schema, isPlain: plain[name] ?? never }]),
  );
  /** Undefined where the schema has to say something about it. */
  const readWhole = (raw: unknown): Item | undefined => {
    if (!isRecord(raw) || Object.keys(raw).length !== fields.size) return undefined;
    let read: Record<string, unknown> | undefined;
    for (const [name, { schema, isPlain }] of fields) {
      const value = raw[name];
      if (isPlain(value)) continue;
      const parsed = Object.hasOwn(raw, name) ? schema.safeParse(value) : undefined;
      if (parsed?.success !== true) return undefined;
      read ??= { ...raw };
      read[name] = parsed.data;
    }
    return (read ?? raw) as Item;
  };
  // By itself, so that V8 compiles it without all the rest while thousands of servers wait.
  const readLike = (before: Item, like: Like['like']): Item | BadField => {
    const changed: Record<string, unknown> = { ...before };
    for (const name in like) {
      const field = fields.get(name);
      const value = like[name];
      if (field === undefined) continue;
      if (field.isPlain(value)) changed[name] = value;
      else {
        const parsed = field.schema.safeParse(value);
        if (!parsed.success) return new BadField(name, parsed.error);
        changed[name] = parsed.data;
      }
    }
    return changed as Item;
  };
  return z.array(z.unknown()).transform((items, context) => {
    const fail = (error: z.ZodError, path: readonly PropertyKey[]) => {
      for (const { message, path: inner } of error.issues)
        context.issues.push({ code: 'custom', message, path: [...path, ...inner], input: items });
      return z.NEVER;
    };
    const read: Item[] = [];
    let before: Item | undefined;
    for (let i = 0; i < items.length; i++) {
      const raw = items[i];
      if (before === undefined || !isLike(raw)) {
        before = readWhole(raw);
        if (before === undefined) {
          const whole = item.safeParse(raw);
          if (!whole.success) return fail(whole.error, [i]);
          before = whole.data;
        }
        read.push(before);
        continue;
      }
      const changed = readLike(before, raw.like);
      if (changed instanceof BadField) return fail(changed.error, [i, changed.name]);
      before = changed;
      read.push(before);
    }
    return read;
  });
}

class BadField {
  readonly name: string;
  readonly error: z.ZodError;

  constructor(name: string, error: z.ZodError) {
    this.name = name;
    this.error = error;
  }
}

const never: Plain = () => false;

function isLike(item: unknown): item is Like {
  return isRecord(item) && isRecord(item['like']);
}
