import { type Duration, type Instant, earliest, millis, seconds } from '@keepfleet/machine';

/** Pauses between attempts: the first, doubled each time up to the last. A local socket costs next to nothing to try. */
const FIRST_PAUSE = millis(250);
const LONGEST_PAUSE = seconds(5);

/** For the connection, the session and each subtree. */
export const HANDSHAKE_TIMEOUT = seconds(5);

/** Silence of the master before it is asked whether it lives, and how long it then has. */
export const PING_AFTER = seconds(30);
export const PING_TIMEOUT = seconds(10);

/** How long a subtree that somebody else has is left to them before it is asked for again. */
export const REGISTER_AGAIN_AFTER = seconds(30);

export type State =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'waiting'; readonly retryAt: Instant }
  | { readonly kind: 'connecting'; readonly deadline: Instant }
  | { readonly kind: 'opening'; readonly deadline: Instant; readonly packetId: number }
  | {
      readonly kind: 'registering';
      readonly sessionId: number;
      readonly deadline: Instant;
      readonly packetId: number;
      /** Position in the settings of the subtree that was sent last. */
      readonly subtree: number;
    }
  | {
      readonly kind: 'serving';
      readonly sessionId: number;
      readonly pingAt: Instant;
      readonly ping: { readonly packetId: number; readonly deadline: Instant } | null;
      /** When the refused subtrees are asked for again. */
      readonly registerAt: Instant | undefined;
    };

export function pauseAfter(attempts: number): Duration {
  return Math.min(FIRST_PAUSE * 2 ** Math.min(Math.max(attempts - 1, 0), 10), LONGEST_PAUSE) as Duration;
}

export function deadlineOf(state: State): Instant | undefined {
  switch (state.kind) {
    case 'stopped':
      return undefined;
    case 'waiting':
      return state.retryAt;
    case 'connecting':
    case 'opening':
    case 'registering':
      return state.deadline;
    case 'serving':
      return earliest(state.ping?.deadline ?? state.pingAt, state.registerAt);
  }
}
