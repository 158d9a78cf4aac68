import type { Duration } from '@keepfleet/machine';
import type { Family, IpAddress } from '@keepfleet/wire';
import type { FaultCause, MasterView, RouterStateName, TrackerState } from './messages.ts';
import type { Standing, TrackedObject } from './settings.ts';
import type { RouterCounters } from './stats.ts';

/** The whole state of a node's VRRP, enough for KEEPALIVED-MIB's VRRP tables, VRRP-MIB and VRRPV3-MIB. JSON-safe. */
export interface VrrpSnapshot {
  readonly revision?: string;
  /** In configuration order: the index of vrrpInstanceTable is the position plus one. */
  readonly instances: readonly RouterSnapshot[];
  /** In configuration order. */
  readonly syncGroups: readonly SyncGroupSnapshot[];
  /** Adverts for a VRID that no instance has. */
  readonly unknownVrids: number;
  /** Static routes and rules that somebody took away, by their text; absent when none is. */
  readonly staticRoutingMissing?: readonly string[];
  /** Absent where nothing writes them. */
  readonly notifyFifos?: readonly FifoSnapshot[];
  /** Those that run, since something tracks them; absent where nothing runs any. */
  readonly scripts?: readonly ScriptSnapshot[];
  /** How late the process's timers ran; absent where nothing measures it. */
  readonly lateness?: LatenessSnapshot;
}

export interface FifoSnapshot {
  readonly path: string;
  /** Lines. */
  readonly written: number;
  /** Lines lost because the reader does not keep up. */
  readonly dropped: number;
}

export interface ScriptSnapshot {
  readonly name: string;
  readonly state: TrackerState;
  readonly run: ScriptRun;
}

/** `terminating` and `killing`: it took too long, and has been sent SIGTERM, or SIGKILL too. */
export type ScriptRun = 'idle' | 'running' | 'terminating' | 'killing';

/** Microseconds between a deadline and the moment it was served. */
export interface LatenessSnapshot {
  readonly last: Duration;
  readonly worst: Duration;
  /** Deadlines served later than 100 ms. */
  readonly late: number;
  readonly deadlines: number;
}

export interface SyncGroupSnapshot {
  readonly name: string;
  readonly members: readonly string[];
  readonly state: RouterStateName;
}

export interface RouterSnapshot {
  readonly name: string;
  readonly vrid: number;
  readonly version: 2 | 3;
  readonly family: Family;
  readonly state: RouterStateName;
  /** Since when in this state, milliseconds since 1970. */
  readonly since: number;
  /** The configured `state`. */
  readonly initialState: 'master' | 'backup';
  /** What the machine would be if nothing (a sync group) held it. */
  readonly wantedState: RouterStateName;
  readonly causes: readonly FaultCause[];
  readonly basePriority: number;
  readonly effectivePriority: number;
  readonly standing: Standing;
  readonly interface: string;
  readonly interfaceIndex?: number;
  /** Source of its adverts. */
  readonly source?: IpAddress;
  /** The master it obeys, or itself. */
  readonly master?: MasterView;
  /** Another router's adverts come in time, in whatever state this one is and whether it obeys them or not. */
  readonly hearsMaster: boolean;
  readonly dontTrackPrimary: boolean;
  readonly trackInterfaces: readonly TrackedInterfaceSnapshot[];
  readonly trackers: readonly TrackerSnapshot[];
  readonly advertInterval: Duration;
  /** Learned from the master (version 3), otherwise the own interval. */
  readonly masterAdvertInterval: Duration;
  readonly masterDownInterval: Duration;
  readonly skewTime: Duration;
  readonly preempt: boolean;
  readonly preemptDelay: Duration;
  readonly authType: 'none' | 'password' | 'ah';
  readonly syncGroup?: string;
  readonly garpDelay: Duration;
  readonly accept: boolean;
  readonly v3ChecksumAsV2: boolean;
  /** Absent for unicast. */
  readonly mcastGroup?: IpAddress;
  /** Every address that this state wants is installed, and none that it does not want. */
  readonly addressesInPlace: boolean;
  /** Advertised ones first, then the excluded, each in configuration order: the index of vrrpAddressTable is the position plus one. */
  readonly addresses: readonly AddressSnapshot[];
  /** Routes and rules of a master that somebody took away, by their text; absent when none is. */
  readonly routingMissing?: readonly string[];
  readonly counters: RouterCounters;
}

export interface TrackedInterfaceSnapshot {
  readonly name: string;
  readonly index?: number;
  readonly weight: number;
  readonly reverse: boolean;
  readonly up: boolean;
}

export interface TrackerSnapshot extends TrackedObject {
  readonly state: TrackerState;
  /** Of a file what it holds, of processes how many run. */
  readonly value?: number;
}

export interface AddressSnapshot {
  readonly address: IpAddress;
  readonly prefix: number;
  readonly interface: string;
  readonly interfaceIndex?: number;
  readonly broadcast?: IpAddress;
  readonly label?: string;
  readonly peer?: IpAddress;
  /** Kernel scope number. */
  readonly scope: number;
  readonly advertised: boolean;
  /** Read back from the kernel. */
  readonly installed: boolean;
}
