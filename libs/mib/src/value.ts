import type { Oid } from './oid.ts';

/** A value of a variable, or why there is none (RFC 2741 section 5.4). */
export type Value =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'octets'; readonly value: Uint8Array }
  | { readonly type: 'null' }
  | { readonly type: 'oid'; readonly value: Oid }
  | { readonly type: 'ip-address'; readonly value: Uint8Array }
  | { readonly type: 'counter32'; readonly value: number }
  | { readonly type: 'gauge32'; readonly value: number }
  | { readonly type: 'timeticks'; readonly value: number }
  | { readonly type: 'opaque'; readonly value: Uint8Array }
  | { readonly type: 'counter64'; readonly value: bigint }
  | Exception;

export type Exception =
  { readonly type: 'no-such-object' } | { readonly type: 'no-such-instance' } | { readonly type: 'end-of-mib-view' };

export interface VarBind {
  readonly name: Oid;
  readonly value: Value;
}

/** From `start` (itself only when `include` is set) up to, not including, `end`; an empty `end` is unbounded. */
export interface SearchRange {
  readonly start: Oid;
  readonly include: boolean;
  readonly end: Oid;
}

/** Errors of a Response: RFC 3416 section 3 and RFC 2741 section 6.2.16. */
export const ERROR_STATUS = {
  'no-error': 0,
  'gen-err': 5,
  'no-access': 6,
  'wrong-type': 7,
  'wrong-length': 8,
  'wrong-encoding': 9,
  'wrong-value': 10,
  'no-creation': 11,
  'inconsistent-value': 12,
  'resource-unavailable': 13,
  'commit-failed': 14,
  'undo-failed': 15,
  'not-writable': 17,
  'inconsistent-name': 18,
  'open-failed': 256,
  'not-open': 257,
  'index-wrong-type': 258,
  'index-already-allocated': 259,
  'index-none-available': 260,
  'index-not-allocated': 261,
  'unsupported-context': 262,
  'duplicate-registration': 263,
  'unknown-registration': 264,
  'unknown-agent-caps': 265,
  'parse-error': 266,
  'request-denied': 267,
  'processing-error': 268,
} as const;

export type ErrorStatus = keyof typeof ERROR_STATUS;

/** The name of an error number; a number of no standard stays a number. */
export function errorStatusText(status: number): string {
  for (const [name, value] of Object.entries(ERROR_STATUS)) if (value === status) return name;
  return `error ${status}`;
}
