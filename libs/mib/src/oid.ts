import { type Result, err, ok } from '@keepfleet/wire';

/** Sub-identifiers, most significant first. An empty one is the null object identifier. */
export type Oid = readonly number[];

/** SMIv2, RFC 2578 section 3.5: at most 128 sub-identifiers of 32 bits. */
export const MAX_SUBIDS = 128;

export interface OidError {
  readonly kind: 'bad-oid';
  readonly text: string;
}

/** Dotted decimal text, with or without a leading dot. */
export function parseOid(text: string): Result<Oid, OidError> {
  if (!/^\.?\d{1,10}(\.\d{1,10})*$/.test(text)) return err({ kind: 'bad-oid', text });
  const oid = text.replace(/^\./, '').split('.').map(Number);
  return oid.length > MAX_SUBIDS || oid.some((subid) => subid > 0xffffffff) ? err({ kind: 'bad-oid', text }) : ok(oid);
}

/** An object identifier known at writing time; throws on a mistake. */
export function oid(text: string): Oid {
  const result = parseOid(text);
  if (!result.ok) throw new TypeError(`not an object identifier: ${text}`);
  return result.value;
}

export function oidText(value: Oid): string {
  return value.join('.');
}

/** Lexicographic order, RFC 3416 section 4.2.2: a prefix comes before what it is a prefix of. */
export function compareOids(a: Oid, b: Oid): number {
  return compareFrom(a, 0, b);
}

/** Order of `a` without its first `from` sub-identifiers and `b`, without making the shortened copy. */
export function compareFrom(a: Oid, from: number, b: Oid): number {
  const shared = Math.min(a.length - from, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[from + i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - from - b.length;
}

export function startsWith(value: Oid, prefix: Oid): boolean {
  return value.length >= prefix.length && prefix.every((subid, i) => value[i] === subid);
}
