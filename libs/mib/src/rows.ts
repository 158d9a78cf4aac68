import type { Duration } from '@keepfleet/machine';
import type { Family, IpAddress } from '@keepfleet/wire';

/**
 * What the KEEPALIVED-MIB view is made from. Plain, JSON-safe rows in the order of the configuration; null stands for a
 * column that does not exist in the row. Indexes are not part of a row: instances, groups and virtual servers are counted
 * from 1 in their order, addresses and real servers from 1 within their parent (a sorry server is number 1 and moves the
 * real servers up), as keepalived counts them.
 */
export interface MibRows {
  readonly global: GlobalRow;
  readonly instances: readonly InstanceRow[];
  /** Addresses of `static_ipaddress`: rows of instance 0. */
  readonly staticAddresses: readonly AddressRow[];
  readonly groups: readonly ServerGroupRow[];
  readonly virtualServers: readonly VirtualServerRow[];
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
  /** Seconds. */
  readonly timeout: number;
  readonly from: string;
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
}

export interface AddressRow {
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly broadcast: IpAddress | null;
  readonly peer: IpAddress | null;
  /** `scope` as iproute2 names it; any other number of the kernel is 'other'. */
  readonly scope: 'global' | 'site' | 'link' | 'host' | 'nowhere' | 'other';
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
  readonly realServersUp: number;
  /** Null while the kernel has no such service: statistics columns are absent. */
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
  readonly state: 'up' | 'down';
  readonly failedCheckers: number;
  readonly notRunCheckers: number;
  readonly kernel: DestinationRow | null;
}
