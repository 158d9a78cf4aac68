import { type Result, err } from '@keepfleet/wire';
import type { CheckFailure, HeaderFields } from './messages.ts';

/** What one conversation came to: words such as `answered 200`, or why it failed. */
export type Judgement = Result<string, CheckFailure>;

/** What a conversation wants next. */
export type Step =
  | { readonly kind: 'wait' }
  | { readonly kind: 'say'; readonly bytes: Uint8Array }
  | { readonly kind: 'request'; readonly fields: HeaderFields; readonly body: Uint8Array }
  | { readonly kind: 'judged'; readonly judgement: Judgement };

export const wait: Step = { kind: 'wait' };

export function say(bytes: Uint8Array): Step {
  return { kind: 'say', bytes };
}

export function judged(judgement: Judgement): Step {
  return { kind: 'judged', judgement };
}

export function failed(failure: CheckFailure): Step {
  return judged(err(failure));
}

/** One connection to a server that is checked, from when it stands to the judgement. Total: any bytes lead to a step. */
export interface Conversation {
  begin(): Step;
  data(bytes: Uint8Array): Step;
  /** The other side sends no more. */
  closed(): Judgement;
  /** HTTP/2 only. */
  head?(status: number, fields: HeaderFields): Step;
  /** HTTP/2 only. */
  trailers?(fields: HeaderFields): Step;
  /** HTTP/2 only: the answer is complete. */
  ended?(): Judgement;
  /** What it comes to when no answer comes in time; without this, or undefined, that is a failure. */
  silence?(): Judgement | undefined;
}

/** Of a connection that ended before its time. */
export const closedEarly: Judgement = err({ kind: 'broken-answer', error: { kind: 'closed-early' } });

/** MD5 in the making, given by the driver: protocol code has no cryptography of its own. */
export interface DigestStream {
  update(bytes: Uint8Array): void;
  /** Lower-case hexadecimal; called once, at the end. */
  hex(): string;
}

/** Where in a body a pattern first matches, -1 for nowhere, or that it takes too long to find out. */
export type PatternSearch = (
  pattern: { readonly source: string; readonly flags: string },
  text: string,
  from: number,
) => number | 'too-slow';

/** What a checker needs of the world. */
export interface CheckerEnvironment {
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly md5: () => DigestStream;
  readonly search: PatternSearch;
}
