import type { ErrorStatus } from './value.ts';

/** What a SET asks for, by the stable names of the rows and not by indexes, which shift when the configuration changes. */
export type Change =
  | { readonly kind: 'base-priority'; readonly instance: string; readonly value: number }
  | { readonly kind: 'preempt'; readonly instance: string; readonly value: boolean }
  | { readonly kind: 'accept'; readonly instance: string; readonly value: boolean }
  | { readonly kind: 'promote-secondaries'; readonly instance: string; readonly value: boolean }
  | {
      readonly kind: 'weight';
      readonly virtualServer: string;
      readonly realServer: string;
      readonly value: number;
    };

/** The answer to one variable binding of a SET. */
export type ChangeCheck =
  { readonly ok: true; readonly change: Change } | { readonly ok: false; readonly error: ErrorStatus };
