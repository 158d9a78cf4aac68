import type { Duration } from '@keepfleet/machine';
import type { Family, IpAddress } from '@keepfleet/wire';
import type { RouteRow, RuleRow, ScopeName } from './route-rows.ts';

/**
 * What the views of the three MIBs are made from. Plain, JSON-safe rows in the order of the configuration; null stands for
 * a column that does not exist in the row. Indexes are not part of a row: the view gives each name a number ({@link
 * RowNumbers}), from 1 and in the order of the configuration as keepalived does at first (a sorry server comes before the
 * real servers).
 */
export interface MibRows {
  readonly global: GlobalRow;
  readonly syncGroups: readonly SyncGroupRow[];
  readonly instances: readonly InstanceRow[];
  /** Of `static_ipaddress`, `static_routes` and `static_rules`: rows of instance 0. */
  readonly staticAddresses: readonly AddressRow[];
  readonly staticRoutes: readonly RouteRow[];
  readonly staticRules: readonly RuleRow[];
  readonly scripts: readonly TrackScriptRow[];
  readonly files: readonly TrackFileRow[];
  readonly bfds: readonly TrackBfdRow[];
  readonly processes: readonly TrackProcessRow[];
  readonly groups: readonly ServerGroupRow[];
  readonly virtualServers: readonly VirtualServerRow[];
  /** Adverts for virtual routers that this node has not. */
  readonly unknownVrids: number;
}

/** The scalars of KEEPALIVED-MIB. `mail` and `lvs` tell what the file sets. */
export interface GlobalRow {
  /** Shown as `version`. */
  readonly version: string;
  readonly routerId: string;
  readonly mail: MailRow;
  readonly trapEnable: boolean;
  readonly linkBeat: 'netlink' | 'polling';
  readonly netNamespace: string;
  readonly dbus: boolean;
  readonly dynamicInterfaces: boolean;
  readonly v3ChecksumAsV2: boolean;
  readonly lvsFlush: boolean;
  readonly lvsFlushOnStop: 'enabled' | 'disabled' | 'flush-vs';
  readonly syncDaemon: SyncDaemonRow | null;
  readonly timeouts: { readonly tcp: number | null; readonly tcpFin: number | null; readonly udp: number | null };
}

/** Null for an alert class whose keyword is absent. */
export interface MailRow {
  readonly server: { readonly address: IpAddress; readonly port: number } | null;
  /** Seconds; 0 without a server. */
  readonly timeout: number;
  readonly from: string | null;
  readonly recipients: readonly string[];
  readonly faults: boolean;
  readonly alert: boolean | null;
  readonly alertVrrp: boolean | null;
  readonly alertChecker: boolean | null;
}

export interface SyncDaemonRow {
  readonly interface: string;
  readonly instance: string | null;
  readonly syncId: number;
  readonly maxLength: number;
  readonly port: number;
  readonly ttl: number;
  readonly group: IpAddress;
}

/** The states of the convention VrrpState. */
export type StateOfInstance = 'init' | 'backup' | 'master' | 'fault' | 'unknown' | 'shutdown' | 'deleted';

/** A script of the configuration: what was written, and the file it was resolved to where that differs. */
export interface ScriptRow {
  readonly command: string;
  readonly path: string | null;
}

export interface InstanceRow {
  /** Also the stable name of the row in a SET. */
  readonly name: string;
  readonly vrid: number;
  readonly version: 2 | 3;
  readonly state: StateOfInstance;
  /** `state` of the configuration. */
  readonly initialState: StateOfInstance;
  /** The state that the instance strives for. */
  readonly wantedState: StateOfInstance;
  /** 1..255: of the configuration, or of an override. */
  readonly basePriority: number;
  readonly effectivePriority: number;
  /** All virtual addresses are on their interfaces. */
  readonly vipsSet: boolean;
  readonly interface: string;
  /** False with `dont_track_primary`. */
  readonly trackPrimary: boolean;
  readonly advertInterval: Duration;
  readonly preempt: boolean;
  readonly preemptDelay: Duration;
  readonly authentication: 'none' | 'password' | 'ah';
  /** Interface of the IPVS sync daemon when it is bound to this instance. */
  readonly syncDaemonInterface: string | null;
  readonly syncGroup: string | null;
  readonly garpDelay: Duration;
  readonly smtpAlert: boolean;
  readonly scripts: {
    readonly master: ScriptRow | null;
    readonly backup: ScriptRow | null;
    readonly fault: ScriptRow | null;
    readonly stop: ScriptRow | null;
    readonly any: ScriptRow | null;
    readonly masterReceivedLowerPriority: ScriptRow | null;
    readonly deleted: ScriptRow | null;
  };
  /** Null for VRRPv2, which has no such mode. */
  readonly accept: boolean | null;
  readonly promoteSecondaries: boolean;
  readonly useLinkbeat: boolean;
  readonly notifyDeleted: boolean;
  /** Null for an instance with unicast peers. */
  readonly multicastGroup: IpAddress | null;
  readonly v3ChecksumAsV2: boolean;
  /** Virtual addresses first, then the excluded ones. */
  readonly addresses: readonly AddressRow[];
  readonly routes: readonly RouteRow[];
  readonly rules: readonly RuleRow[];
  readonly tracked: TrackedRows;
  /** What the MIBs of the RFCs have of the instance; null where it is in none of them. */
  readonly router: RouterRow | null;
}

/** An object that an instance or a group tracks; the weight is that of the instance or group. */
export interface TrackedRow {
  readonly name: string;
  readonly weight: number;
  readonly reverse: boolean;
}

export interface TrackedRows {
  /** An interface that does not exist has no row, since its index is what names it. */
  readonly interfaces: readonly (TrackedRow & { readonly ifIndex: number })[];
  readonly scripts: readonly TrackedRow[];
  readonly files: readonly TrackedRow[];
  readonly bfds: readonly TrackedRow[];
  readonly processes: readonly TrackedRow[];
}

export interface SyncGroupRow {
  readonly name: string;
  readonly state: StateOfInstance;
  readonly smtpAlert: boolean;
  readonly scripts: Pick<InstanceRow['scripts'], 'master' | 'backup' | 'fault' | 'stop' | 'any'>;
  readonly trackingWeight: boolean;
  readonly members: readonly string[];
  readonly tracked: TrackedRows;
}

/** `vrrp_script`. */
export interface TrackScriptRow {
  readonly name: string;
  readonly script: ScriptRow;
  readonly interval: Duration;
  readonly timeout: Duration | null;
  readonly weight: number;
  readonly reverse: boolean;
  readonly rise: number;
  readonly fall: number;
  /** Null while nothing runs it. */
  readonly result: 'init' | 'bad' | 'good' | 'initfailed' | null;
}

/** `track_file`. */
export interface TrackFileRow {
  readonly name: string;
  readonly path: string;
  readonly weight: number;
  readonly reverse: boolean;
  /** The value last read from the file. */
  readonly result: number | null;
}

/** `bfd_instance`, as VRRP tracks it. */
export interface TrackBfdRow {
  readonly name: string;
  readonly weight: number;
  readonly reverse: boolean;
  readonly up: boolean | null;
}

/** `track_process`. */
export interface TrackProcessRow {
  readonly name: string;
  readonly path: string;
  readonly parameters: string | null;
  readonly parameterMatch: 'none' | 'exact' | 'partial' | 'initial';
  readonly weight: number;
  readonly reverse: boolean;
  readonly quorum: number;
  /** Null for no upper bound. */
  readonly quorumMax: number | null;
  readonly forkDelay: Duration;
  readonly terminateDelay: Duration;
  readonly fullCommand: boolean;
  readonly running: number | null;
  readonly up: boolean | null;
}

/** A virtual router as VRRP-MIB and VRRPV3-MIB see it. */
export interface RouterRow {
  /** Of the interface that the router is on. */
  readonly ifIndex: number;
  readonly family: Family;
  readonly master: IpAddress | null;
  /** Source of its adverts. */
  readonly primary: IpAddress | null;
  /** Hundredths of a second since it left Initialize; null while it is there. */
  readonly upFor: number | null;
  /** sysUpTime when it left Initialize. */
  readonly upSince: number | null;
  readonly newMasterReason: 'notMaster' | 'priority' | 'preempted' | 'masterNoResponse';
  readonly lastError: 'noError' | 'ipTtlError' | 'versionError' | 'checksumError' | 'vrIdError';
  /** sysUpTime when the counters last began anew. */
  readonly countersSince: number;
  readonly counters: RouterCountersRow;
}

export interface RouterCountersRow {
  readonly becameMaster: number;
  readonly advertsReceived: number;
  readonly priorityZeroReceived: number;
  readonly priorityZeroSent: number;
  readonly intervalErrors: number;
  readonly authFailures: number;
  readonly ttlErrors: number;
  readonly typeErrors: number;
  readonly addressListErrors: number;
  readonly invalidAuthTypes: number;
  readonly authTypeMismatches: number;
  readonly lengthErrors: number;
  readonly checksumErrors: number;
  readonly versionErrors: number;
}

export interface AddressRow {
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly broadcast: IpAddress | null;
  readonly peer: IpAddress | null;
  /** `scope` as iproute2 names it; any other number of the kernel is 'other'. */
  readonly scope: ScopeName;
  /** 0 while the interface does not exist: the column is absent then. */
  readonly ifIndex: number;
  readonly ifName: string;
  readonly label: string | null;
  /** It is on the interface. */
  readonly set: boolean;
  /** It is carried in adverts: false for excluded and static addresses. */
  readonly advertised: boolean;
}

/** Members in the order of the configuration; the table shows firewall marks first, as keepalived does. */
export interface ServerGroupRow {
  readonly name: string;
  readonly members: readonly GroupMemberRow[];
}

export type GroupMemberRow =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'range'; readonly first: IpAddress; readonly last: IpAddress; readonly port: number }
  | { readonly kind: 'fwmark'; readonly fwmark: number };

export type TargetRow =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'fwmark'; readonly fwmark: number; readonly family: Family }
  | { readonly kind: 'group'; readonly name: string };

export type TunnelChecksumRow = 'nocsum' | 'csum' | 'remcsum';

export type ForwardingRow =
  | { readonly kind: 'nat' }
  | { readonly kind: 'dr' }
  | {
      readonly kind: 'tun';
      readonly tunnel:
        | { readonly type: 'ipip' }
        | { readonly type: 'gue'; readonly port: number; readonly checksum: TunnelChecksumRow }
        | { readonly type: 'gre'; readonly checksum: TunnelChecksumRow };
    };

/** Totals as decimal text because they are 64 bits wide; rates are per second. */
export interface TrafficRow {
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

/** The IPVS process' snapshot of a virtual server has these members and more, and can be handed over as it is. */
export interface VirtualServerRow {
  /** The stable name of the row in a SET. */
  readonly key: string;
  readonly target: TargetRow;
  /** Of no meaning for a firewall mark. */
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly scheduler: string;
  /** sh-fallback and mh-fallback are flag 1, sh-port and mh-port flag 2. */
  readonly flags: { readonly flag1: boolean; readonly flag2: boolean; readonly flag3: boolean };
  readonly onePacket: boolean;
  readonly hashed: boolean;
  readonly forwarding: ForwardingRow;
  /** `timeout` in seconds; `granularity` a prefix length, null for a client alone. */
  readonly persistence: { readonly timeout: number; readonly granularity: number | null } | null;
  readonly delayLoop: Duration;
  readonly retry: number | null;
  readonly delayBeforeRetry: Duration | null;
  readonly warmup: Duration | null;
  readonly connectTimeout: Duration;
  readonly weight: number;
  readonly quorum: number;
  readonly hysteresis: number;
  readonly quorumUp: ScriptRow | null;
  readonly quorumDown: ScriptRow | null;
  readonly alpha: boolean;
  readonly omega: boolean;
  readonly haSuspend: boolean;
  readonly inhibitOnFailure: boolean;
  readonly smtpAlert: boolean;
  readonly virtualHost: string | null;
  readonly snmpName: string | null;
  readonly alive: boolean;
  readonly quorumState: 'up' | 'down';
  /** Its process is silent: alive, quorum, number of real servers and statistics are not known, and absent. */
  readonly state?: 'unknown';
  readonly realServersUp: number;
  /** Null while the kernel has no such service: it counts from 0 when it comes there. */
  readonly traffic: TrafficRow | null;
  readonly sorryServer: SorryServerRow | null;
  readonly realServers: readonly RealServerRow[];
}

/** What the kernel has of a server; null when it is not in the pool. */
export interface DestinationRow {
  readonly connections: { readonly active: number; readonly inactive: number; readonly persistent: number };
  readonly traffic: TrafficRow;
}

export interface SorryServerRow {
  readonly key: string;
  readonly address: IpAddress;
  readonly port: number;
  readonly forwarding: ForwardingRow;
  readonly kernel: DestinationRow | null;
}

export interface RealServerRow {
  /** The stable name of the row in a SET. */
  readonly key: string;
  readonly address: IpAddress;
  readonly port: number;
  /** Of the configuration, or of an override. */
  readonly weight: number;
  readonly forwarding: ForwardingRow;
  readonly inhibitOnFailure: boolean;
  /** 0 for none. */
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly alpha: boolean;
  readonly retry: number | null;
  readonly delayBeforeRetry: Duration | null;
  readonly warmup: Duration | null;
  readonly delayLoop: Duration | null;
  readonly connectTimeout: Duration | null;
  readonly virtualHost: string | null;
  readonly notifyUp: ScriptRow | null;
  readonly notifyDown: ScriptRow | null;
  readonly smtpAlert: boolean;
  readonly snmpName: string | null;
  /** Unknown: its process is silent, and the column is absent. */
  readonly state: 'up' | 'down' | 'unknown';
  readonly failedCheckers: number;
  readonly notRunCheckers: number;
  readonly kernel: DestinationRow | null;
}
