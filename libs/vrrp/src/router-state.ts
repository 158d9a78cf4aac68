import type { Duration, Instant } from '@keepfleet/machine';
import type { BackupState, Heard } from './backup.ts';
import type { Mastership } from './mastership.ts';
import type { FaultCause, RoutingInput } from './messages.ts';
import type { InterfaceChange } from './situation.ts';

export type RouterState =
  /** Not yet started, or stopped. `heldUp`: the start-up delay is over, but not everything that it depends on is known. */
  | { readonly kind: 'initialize'; readonly startAt: Instant | undefined; readonly heldUp?: true }
  | BackupState
  | { readonly kind: 'master'; readonly mastership: Mastership }
  | { readonly kind: 'fault'; readonly causes: readonly FaultCause[]; readonly startAt: Instant | undefined };

/** What the inputs come down to, once the situation has been updated from them. */
export type Happening =
  /** `interface` is absent when it was something else that changed. */
  | { readonly kind: 'changed'; readonly interface?: InterfaceChange }
  | { readonly kind: 'advert'; readonly heard: Heard }
  | { readonly kind: 'relinquish' | 'lead' | 'yield' }
  | { readonly kind: 'announce'; readonly asked: boolean }
  | RoutingInput
  /** `late`: how long after the deadline. */
  | { readonly kind: 'timeout'; readonly late: Duration };
