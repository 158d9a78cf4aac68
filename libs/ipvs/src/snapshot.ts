import type { SyncDaemon, Timeouts } from './kernel-options.ts';
import type {
  RealServerTraits,
  SorryServerSettings,
  VirtualServerGroupSettings,
  VirtualServerTraits,
} from './settings.ts';

/** Totals since the service or destination was created, as decimal text because they are 64 bits wide; rates are per second. */
export interface TrafficSnapshot {
  readonly connections: string;
  readonly inPackets: string;
  readonly outPackets: string;
  readonly inBytes: string;
  readonly outBytes: string;
  readonly connectionRate: number;
  readonly inPacketRate: number;
  readonly outPacketRate: number;
  readonly inByteRate: number;
  readonly outByteRate: number;
}

/** Entries of the kernel's connection table that belong to a destination. */
export interface ConnectionCounts {
  readonly active: number;
  readonly inactive: number;
  readonly persistent: number;
}

export interface CheckerSnapshot {
  /** What is checked, such as `HTTP_GET http://192.168.1.10:80/`. */
  readonly what: string;
  readonly state: 'up' | 'down';
  /** False until a first run has ended. */
  readonly ran: boolean;
  /** How the last run ended, such as `answered 503, want 200`; null before the first. */
  readonly lastResult: string | null;
  /** Failed runs one after another, ended by a run that succeeds. */
  readonly failures: number;
  /** Unix milliseconds of the last change of `state`. */
  readonly since: number;
}

/** What the kernel has of a destination; null members of the snapshots below mean that the kernel has none. */
export interface DestinationSnapshot {
  readonly weight: number;
  readonly connections: ConnectionCounts;
  readonly traffic: TrafficSnapshot;
}

export interface RealServerSnapshot extends RealServerTraits {
  readonly state: 'up' | 'down';
  /** Unix milliseconds of the last change of `state`. */
  readonly since: number;
  /** The weight that the server should have in the kernel now; null when it should not be in the pool. */
  readonly effectiveWeight: number | null;
  readonly checkers: readonly CheckerSnapshot[];
  readonly failedCheckers: number;
  readonly notRunCheckers: number;
  /** Sum over the services of a group. */
  readonly kernel: DestinationSnapshot | null;
}

export interface SorryServerSnapshot extends SorryServerSettings {
  readonly inUse: boolean;
  readonly kernel: DestinationSnapshot | null;
}

export interface VirtualServerSnapshot extends VirtualServerTraits {
  /** Whether all its services are in the kernel. */
  readonly alive: boolean;
  readonly quorumState: 'up' | 'down';
  readonly realServersUp: number;
  /** Sum over the services of a group; null when the kernel has none of them. */
  readonly traffic: TrafficSnapshot | null;
  readonly sorryServer: SorryServerSnapshot | null;
  readonly realServers: readonly RealServerSnapshot[];
  /** What stands in the way, such as an operation that the kernel refused. */
  readonly problems: readonly string[];
}

/** What the kernel has once and not for each service. */
export interface KernelOptionsSnapshot {
  /** Connection synchronisation that runs. */
  readonly syncDaemons: readonly SyncDaemon[];
  /** Null before they were read. */
  readonly timeouts: Timeouts | null;
  /** What stands in the way of either. */
  readonly optionProblems: readonly string[];
}

/** The whole state of a node's IPVS, in the order of the configuration. JSON-safe. */
export interface LvsSnapshot extends KernelOptionsSnapshot {
  /** Of the settings in force. */
  readonly revision?: string;
  readonly available: boolean;
  /** Why IPVS is not available and what to do; null when it is. */
  readonly reason: string | null;
  /** Unix milliseconds at which the kernel's tables were last read; null before the first time. */
  readonly readAt: number | null;
  readonly groups: readonly VirtualServerGroupSettings[];
  readonly virtualServers: readonly VirtualServerSnapshot[];
  /** Services in the kernel that are not ours; they are left alone. */
  readonly foreignServices: readonly string[];
  /** Repaired differences since the start of the process. */
  readonly repairs: number;
  /** With the policy to report: what would have to be done to repair what others changed. */
  readonly drift: readonly string[];
}
