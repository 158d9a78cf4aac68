import type {
  Endpoint,
  KeyOperation,
  MemberChange,
  MemberSnapshot,
  SwimProblem,
  SwimProfile,
  SwimTunables,
  Tags,
} from '@keepfleet/swim';

export interface GossipOptions {
  /** Where to listen, UDP and TCP; port 0 takes a free one. */
  readonly bind: Endpoint;
  /** What the others are told; default `bind`. Needed when that is no address to send to, such as 0.0.0.0. */
  readonly advertise?: Endpoint | undefined;
  readonly name: string;
  readonly tags: Tags;
  /** Members to join by: `host`, `host:port`, `[IPv6]:port`; port 7946 by default. Names are looked up again while we are alone. */
  readonly seeds: readonly string[];
  /** A file as serf's `-keyring-file`; without it nothing is encrypted. */
  readonly keyring?: string | undefined;
  /** memberlist's packet label; default none, as serf has it. */
  readonly label?: string | undefined;
  /** Where members are remembered for the next start. */
  readonly stateFile: string;
  /** Where the key is kept that proves our name; without it the name is anybody's that memberlist's rules allow. */
  readonly identityFile?: string | undefined;
  /** Told to a doctor who asks; default `unknown`. */
  readonly version?: string | undefined;
  readonly profile?: SwimProfile | undefined;
  readonly tunables?: Partial<SwimTunables> | undefined;
  readonly onEvent: (event: GossipEvent) => void;
  /** Answers queries that are none of the fleet's own; undefined for those that it has no answer to. */
  readonly onQuery?: ((name: string, payload: Uint8Array, from: string) => Uint8Array | undefined) | undefined;
}

/** A member as others see it; `since` is wall-clock time, milliseconds since 1970. */
export interface GossipMember extends Omit<MemberSnapshot, 'since'> {
  readonly since: number;
  readonly self: boolean;
}

export type GossipEvent =
  | { readonly kind: 'member'; readonly change: MemberChange; readonly member: GossipMember }
  | { readonly kind: 'user-event'; readonly name: string; readonly payload: Uint8Array; readonly time: number }
  /** A member changed the keyring of everybody, or tried to; `reason` says why ours was not changed. */
  | {
      readonly kind: 'keys';
      readonly operation: Exclude<KeyOperation, 'list'>;
      readonly from: string;
      readonly reason: string | undefined;
    }
  /** Another host has our name, and gossip is closed: see the problem before it. */
  | { readonly kind: 'silenced' }
  | { readonly kind: 'problem'; readonly problem: GossipProblem };

/** One that repeats itself is told once a minute; the snapshot counts them all. */
export type GossipProblem =
  | SwimProblem
  | { readonly kind: 'socket'; readonly reason: string }
  | { readonly kind: 'seed-name'; readonly host: string; readonly reason: string }
  | { readonly kind: 'state-file'; readonly file: string; readonly reason: string };
