import type { Duration } from '@keepfleet/machine';
import type { CheckUpReport } from './check-up.ts';
import type { SwimError } from './errors.ts';
import type { KeyOperation, KeyResponse } from './serf-queries.ts';
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
  /**
   * A stream ended: refused, timed out, or closed by the peer. Not expected after `close-stream`, and harmless then.
   * `refused` says that the host answered, and that nobody listens there.
   */
  | { readonly kind: 'stream-closed'; readonly stream: string; readonly reason: string; readonly refused?: boolean }
  /** Ask these as if they were seeds, now. Used for members remembered from an earlier run. */
  | { readonly kind: 'join'; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: 'set-tags'; readonly tags: Tags }
  /** Tell every member a serf user event. `coalesce` lets a receiver keep only the newest of one name. */
  | { readonly kind: 'raise'; readonly name: string; readonly payload: string; readonly coalesce: boolean }
  /** Ask members a serf query: all, those of these names, those with these tags. `ask` is the driver's name for it. */
  | {
      readonly kind: 'ask';
      readonly ask: string;
      readonly name: string;
      readonly payload: string;
      readonly acknowledge: boolean;
      /** So many others also carry each answer, for networks that lose much. */
      readonly relayFactor: number;
      readonly names?: readonly string[];
      readonly tags?: Tags;
      readonly timeout?: Duration;
    }
  /** Our answer to the output `query`. */
  | { readonly kind: 'answer'; readonly query: string; readonly payload: string }
  /** Our answer to the output `key-request`. Keys are base64. */
  | ({ readonly kind: 'answer-keys'; readonly query: string } & KeyResponse)
  /** Ping every member, by UDP small and large and by TCP, and tell the outcome. */
  | { readonly kind: 'check-up' }
  /** Members whose death matters more than that of others: pinged twice a probe interval, beside the probes. At most 16. */
  | { readonly kind: 'watch'; readonly names: readonly string[] }
  /** Seeds whose names were looked up: asked like those of the settings until one has answered. */
  | { readonly kind: 'seeds'; readonly endpoints: readonly Endpoint[] }
  /** An operator says that a failed member will not come back, and with `prune` that its name is free. */
  | { readonly kind: 'forget'; readonly name: string; readonly prune: boolean }
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
  /** A member, or we ourselves, ask; to be answered by the input `answer`, or not at all. */
  | {
      readonly kind: 'query';
      readonly query: string;
      readonly name: string;
      readonly payload: string;
      readonly from: string;
    }
  /** A query of ours was received, answered, and is over: because all have answered, or time is up. */
  | { readonly kind: 'acknowledged'; readonly ask: string; readonly from: string }
  | { readonly kind: 'answered'; readonly ask: string; readonly from: string; readonly payload: string }
  | {
      readonly kind: 'asked';
      readonly ask: string;
      readonly answers: number;
      readonly acks: number;
      readonly of: number;
    }
  /** A member with a key of the fleet asks to change or list keys; `key` is the raw key in hexadecimal. Answer by `answer-keys`. */
  | {
      readonly kind: 'key-request';
      readonly query: string;
      readonly operation: KeyOperation;
      readonly key: string;
      readonly from: string;
    }
  | { readonly kind: 'checked-up'; readonly report: CheckUpReport }
  | { readonly kind: 'problem'; readonly problem: SwimProblem }
  /** The fleet has been told that we leave; the driver may close its sockets. */
  | { readonly kind: 'left' };

/** `cleared`: a suspicion was refuted; of ourselves, that we contradicted an accusation. A member that comes back after `failed` or `left` is `joined` again. */
export type MemberChange = 'joined' | 'updated' | 'suspected' | 'cleared' | 'failed' | 'left';

/** What an operator should know of. Dropped input is also counted by kind in the snapshot. */
export type SwimProblem =
  | { readonly kind: 'dropped'; readonly from: Endpoint; readonly error: SwimError }
  /** Two hosts claim one name; we keep to the known one. */
  | { readonly kind: 'name-conflict'; readonly name: string; readonly known: Endpoint; readonly claimed: Endpoint }
  /** We asked the members where they know our name, and most know it elsewhere: another host has it. We fall silent. */
  | { readonly kind: 'name-lost'; readonly name: string; readonly votes: number; readonly of: number }
  /** The same question, and we keep the name: the other host has to find another. */
  | { readonly kind: 'name-kept'; readonly name: string; readonly votes: number; readonly of: number }
  /** A member moved to another address, and its key proved that it is the same. */
  | { readonly kind: 'moved'; readonly name: string; readonly from: Endpoint; readonly to: Endpoint }
  /** We were served late by so much: the host stalled, or we were stopped. What we missed meanwhile is held against nobody. */
  | { readonly kind: 'stalled'; readonly lateness: Duration }
  /** A member answers by TCP but not by UDP: look at the firewalls between us. */
  | { readonly kind: 'udp-blocked'; readonly name: string; readonly at: Endpoint }
  /** An exchange of state failed; with `join` it was an attempt to reach a seed or a lost member. */
  | { readonly kind: 'unreachable'; readonly at: Endpoint; readonly join: boolean; readonly reason: string }
  /** Another member thinks that we are gone; we have contradicted. */
  | { readonly kind: 'accused'; readonly by: string; readonly of: 'suspect' | 'dead' }
  /** Something of ours does not fit; nothing was sent. */
  | {
      readonly kind: 'oversized';
      readonly what: 'tags' | 'user-event' | 'query' | 'answer';
      readonly bytes: number;
      readonly limit: number;
    };
