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

/** A list of `item`, of which those that come as {@link Like} are checked in the fields that they have. */
export function alikeItems<Shape extends Readonly<Record<string, z.ZodType>>>(
  item: z.ZodObject<Shape>,
): z.ZodType<z.infer<z.ZodObject<Shape>>[]> {
  type Item = z.infer<z.ZodObject<Shape>>;
  const fields = new Map<string, z.ZodType>(Object.entries(item.shape));
  return z.array(z.unknown()).transform((items, context) => {
    const fail = (error: z.ZodError, path: readonly PropertyKey[]) => {
      for (const { message, path: inner } of error.issues)
        context.issues.push({ code: 'custom', message, path: [...path, ...inner], input: items });
      return z.NEVER;
    };
    const read: Item[] = [];
    for (const [i, raw] of items.entries()) {
      const before = read.at(-1);
      if (before === undefined || !isLike(raw)) {
        const whole = item.safeParse(raw);
        if (!whole.success) return fail(whole.error, [i]);
        read.push(whole.data);
        continue;
      }
      const changed: Record<string, unknown> = { ...before };
      for (const field in raw.like) {
        const parsed = fields.get(field)?.safeParse(raw.like[field]);
        if (parsed?.success === false) return fail(parsed.error, [i, field]);
        if (parsed !== undefined) changed[field] = parsed.data;
      }
      read.push(changed as Item);
    }
    return read;
  });
}

function isLike(item: unknown): item is Like {
  return isRecord(item) && isRecord(item['like']);
}
