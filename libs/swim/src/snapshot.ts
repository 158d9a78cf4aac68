import type { Instant } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';
import type { Tags } from './settings.ts';
import type { SwimStats } from './stats.ts';

export type MemberStatus = 'alive' | 'suspect' | 'failed' | 'left';

/** How a status was learned: from ourselves, by our own probe, from news spread by gossip, or from a full exchange of state. */
export interface MemberSource {
  readonly how: 'self' | 'probe' | 'gossip' | 'push-pull';
  /** The member that told, where one is known. */
  readonly by?: string;
}

export interface MemberSnapshot {
  readonly name: string;
  readonly address: IpAddress;
  readonly port: number;
  readonly tags: Tags;
  readonly status: MemberStatus;
  readonly incarnation: number;
  /** When the member entered its present status. */
  readonly since: Instant;
  readonly source: MemberSource;
  /** Who says so, while the status is suspect; otherwise empty. */
  readonly suspectedBy: readonly string[];
}

/** What we have measured of a member ourselves; both in µs. */
export interface MemberDistance {
  readonly name: string;
  /** Round trip of the last direct probe. */
  readonly measured?: number;
  /** Round trip as the coordinates of both tell it. */
  readonly estimated?: number;
}

export type SwimPhase = 'idle' | 'running' | 'leaving' | 'left';

export interface SwimSnapshot {
  readonly phase: SwimPhase;
  readonly name: string;
  /** Sorted by name; our own entry included. */
  readonly members: readonly MemberSnapshot[];
  /** Lifeguard's score of ourselves: 0 is healthy, higher means that we miss acks we should get. */
  readonly health: number;
  /** Messages that wait to be gossiped. */
  readonly queued: number;
  /** Whether a seed has answered since we were last alone. */
  readonly seeded: boolean;
  readonly distances: readonly MemberDistance[];
  readonly stats: SwimStats;
}
