import type { SwimError } from './errors.ts';
import type { Endpoint, Tags } from './settings.ts';
import type { MemberSnapshot } from './snapshot.ts';

/**
 * Streams are TCP connections, named by whoever makes them: the machine names those it opens (`out-1`, …), the driver
 * those it accepts, by any other text. All bytes are hexadecimal text. The driver ends every stream after 10 s.
 */
export type SwimInput =
  /** Announce ourselves and ask the seeds. */
  | { readonly kind: 'start' }
  | { readonly kind: 'datagram'; readonly from: Endpoint; readonly data: string }
  /** The host could not send a datagram at all (no route, for one): there is no use in waiting for an answer. */
  | { readonly kind: 'datagram-failed'; readonly to: Endpoint }
  | { readonly kind: 'stream-accepted'; readonly stream: string; readonly from: Endpoint }
  | { readonly kind: 'stream-data'; readonly stream: string; readonly data: string }
  /** A stream ended: refused, timed out, or closed by the peer. Not expected after `close-stream`, and harmless then. */
  | { readonly kind: 'stream-closed'; readonly stream: string; readonly reason: string }
  /** Ask these as if they were seeds, now. Used for members remembered from an earlier run. */
  | { readonly kind: 'join'; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: 'set-tags'; readonly tags: Tags }
  /** Tell every member a serf user event. `coalesce` lets a receiver keep only the newest of one name. */
  | { readonly kind: 'raise'; readonly name: string; readonly payload: string; readonly coalesce: boolean }
  | { readonly kind: 'leave' };

export type SwimOutput =
  | { readonly kind: 'send'; readonly to: Endpoint; readonly data: string }
  /** Connect, then write. The answer comes as `stream-data`. */
  | { readonly kind: 'open-stream'; readonly stream: string; readonly to: Endpoint; readonly data: string }
  | { readonly kind: 'write-stream'; readonly stream: string; readonly data: string }
  /** Close once all that was written is sent. */
  | { readonly kind: 'close-stream'; readonly stream: string }
  | { readonly kind: 'member'; readonly change: MemberChange; readonly member: MemberSnapshot }
  | {
      readonly kind: 'user-event';
      readonly name: string;
      readonly payload: string;
      readonly time: number;
    }
  | { readonly kind: 'problem'; readonly problem: SwimProblem }
  /** The fleet has been told that we leave; the driver may close its sockets. */
  | { readonly kind: 'left' };

/** `cleared`: a suspicion was refuted. A member that comes back after `failed` or `left` is `joined` again. */
export type MemberChange = 'joined' | 'updated' | 'suspected' | 'cleared' | 'failed' | 'left';

/** What an operator should know of. Dropped input is also counted by kind in the snapshot. */
export type SwimProblem =
  | { readonly kind: 'dropped'; readonly from: Endpoint; readonly error: SwimError }
  /** Two hosts claim one name; we keep to the known one. */
  | { readonly kind: 'name-conflict'; readonly name: string; readonly known: Endpoint; readonly claimed: Endpoint }
  /** A member answers by TCP but not by UDP: look at the firewalls between us. */
  | { readonly kind: 'udp-blocked'; readonly name: string; readonly at: Endpoint }
  /** An exchange of state failed; with `join` it was an attempt to reach a seed or a lost member. */
  | { readonly kind: 'unreachable'; readonly at: Endpoint; readonly join: boolean; readonly reason: string }
  /** Another member thinks that we are gone; we have contradicted. */
  | { readonly kind: 'accused'; readonly by: string; readonly of: 'suspect' | 'dead' }
  /** A user event or tags of ours do not fit; nothing was sent. */
  | {
      readonly kind: 'oversized';
      readonly what: 'tags' | 'user-event';
      readonly bytes: number;
      readonly limit: number;
    };
