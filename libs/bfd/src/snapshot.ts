import type { Duration } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';
import type { SessionState } from './packet.ts';
import type { Hops } from './settings.ts';
import type { DiscardCounters, SessionCounters } from './stats.ts';

/** The whole state of a node's BFD. JSON-safe. */
export interface BfdSnapshot {
  readonly revision?: string;
  /** In configuration order. */
  readonly sessions: readonly SessionSnapshot[];
  /** All packets that were discarded, those that no session wanted too. */
  readonly discarded: DiscardCounters;
}

export interface SessionSnapshot {
  readonly name: string;
  readonly neighbor: IpAddress;
  readonly source?: IpAddress;
  readonly hops: Hops;
  readonly passive: boolean;
  readonly state: SessionState;
  /** Since when in this state, milliseconds since 1970. */
  readonly since: number;
  readonly diagnostic: number;
  readonly remoteState: SessionState;
  readonly remoteDiagnostic: number;
  readonly localDiscriminator: number;
  /** 0 while the neighbour is not known. */
  readonly remoteDiscriminator: number;
  readonly detectMult: number;
  readonly remoteDetectMult: number;
  /** What we tell the neighbour at present. */
  readonly desiredMinTx: Duration;
  readonly requiredMinRx: Duration;
  readonly remoteMinTx: Duration;
  readonly remoteMinRx: Duration;
  /** Between two packets of ours, before jitter. */
  readonly transmitInterval: Duration;
  /** So long a silence is a failure; 0 while the neighbour is not known. */
  readonly detectionTime: Duration;
  readonly polling: boolean;
  readonly counters: SessionCounters;
}
