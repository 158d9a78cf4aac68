import type { Family, IpAddress } from '@keepfleet/wire';
import type { Position } from '../diagnostics.ts';
import type { Account, Command } from '../grammar/readers.ts';
import type { Micros, TrackedName, VirtualAddress, VirtualInterface } from './parts.ts';
import type { RouteLine, RuleLine } from './routing.ts';
import type { VirtualServer, VirtualServerGroup } from './virtual-server.ts';

/** What a keepalived.conf says, with every default of keepalived in place. All times are whole microseconds. */
export interface KeepalivedConfig {
  readonly globalDefs: GlobalDefs;
  readonly vrrpInstances: readonly VrrpInstance[];
  readonly syncGroups: readonly SyncGroup[];
  readonly scripts: readonly VrrpScript[];
  readonly bfdInstances: readonly BfdInstance[];
  readonly trackFiles: readonly TrackFile[];
  /** `SSL`: what checkers over TLS present and believe. */
  readonly ssl: SslDefaults;
  readonly trackProcesses: readonly TrackProcess[];
  readonly garpGroups: readonly GarpGroup[];
  readonly trackGroups: readonly TrackGroup[];
  readonly interfaceDelays: readonly InterfaceDelay[];
  readonly virtualServerGroups: readonly VirtualServerGroup[];
  readonly virtualServers: readonly VirtualServer[];
  readonly staticAddresses: readonly VirtualAddress[];
  readonly staticRoutes: readonly RouteLine[];
  readonly staticRules: readonly RuleLine[];
}

/** `track_file`: a file with a number in it. */
export interface TrackFile {
  readonly name: string;
  readonly at: Position;
  readonly path: string;
  /** The number is multiplied by it; default 1. */
  readonly weight: number;
  readonly reverse: boolean;
  /** `init_file` */
  readonly initial?: { readonly value: number; readonly overwrite: boolean };
}

/** The block `SSL`. */
export interface SslDefaults {
  /** Of the key. */
  readonly password?: string;
  /** Files. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** A pipe that events are written to, and the program that reads it. */
export interface NotifyFifo {
  readonly path: string;
  /** Of a pipe that has to be made. */
  readonly owner?: Account;
  /** Gets the path as its last argument. */
  readonly script?: Command;
}

/** `global_defs`; what it presets for instances is in the instances. */
export interface GlobalDefs {
  /** Name of this node in SNMP and mails; the host name when the file has none. */
  readonly routerId?: string;
  readonly notificationEmail: readonly string[];
  readonly notificationEmailFrom?: string;
  readonly smtpServer?: { readonly host: string; readonly port: number };
  /** Default 30 s. */
  readonly smtpConnectTimeout: Micros;
  /** Missing where the file leaves it to the class of alert. */
  readonly smtpAlert?: boolean;
  readonly smtpAlertVrrp?: boolean;
  readonly smtpAlertChecker?: boolean;
  /** Default: the host name. */
  readonly smtpHeloName?: string;
  /** TLS towards the mail server: never, where it offers it, always after STARTTLS, or from the first octet; default `off`. */
  readonly smtpTls: 'off' | 'offered' | 'starttls' | 'implicit';
  /** Whether its certificate must be good; default true. */
  readonly smtpTlsVerify: boolean;
  readonly smtpUser?: string;
  readonly smtpPassword?: string;
  /** No mail about a fault. */
  readonly noEmailFaults: boolean;
  /** Mail only of servers that change, not of each of several checkers. */
  readonly noCheckerEmails: boolean;
  readonly lvsNotifyFifo?: NotifyFifo;
  /** Tell of real servers that are up at start, too. */
  readonly realServerInitNotifies: boolean;
  readonly enableTraps: boolean;
  readonly snmp: SnmpKeywords;
  readonly enableScriptSecurity: boolean;
  /** User of the scripts that name none. */
  readonly scriptUser?: { readonly user: string; readonly group?: string };
  /** Interfaces may appear after the start; without effect, since they always may here. */
  readonly dynamicInterfaces: boolean;
  /** For static addresses without `dev`; default eth0. */
  readonly defaultInterface: string;
  /** Default 224.0.0.18. */
  readonly multicastGroup4: IpAddress;
  /** Default ff02::12. */
  readonly multicastGroup6: IpAddress;
  /** Preset of every instance's strict mode. */
  readonly strict: boolean;
  /** No advert is believed and no transition made until then; default 0. Raising it delays every takeover after a start. */
  readonly startupDelay: Micros;
  /** Not before so long after the start of the system either; default 0. */
  readonly delayAfterBoot: Micros;
  /** `notify_fifo`: lines of every kind of event. */
  readonly notifyFifo?: NotifyFifo;
  /** `vrrp_notify_fifo`: lines of VRRP alone. */
  readonly vrrpNotifyFifo?: NotifyFifo;
  /** `fifo_write_vrrp_states_on_reload` */
  readonly notifyOnReload: boolean;
  /** Report adverts of routers that no instance has. */
  readonly logUnknownVrids: boolean;
  /** How the vrrp process runs. */
  readonly vrrpProcess: ProcessSettings;
  /** How the bfd process runs. */
  readonly bfdProcess: ProcessSettings;
  /** How the process of the health checks runs. */
  readonly checkerProcess: ProcessSettings;
  /** Up to which SCHED_RR priority a late process raises itself; 0 = never. */
  readonly maxAutoPriority: number;
  /** Lateness that raises it; default 1 s. */
  readonly minAutoPriorityDelay: Micros;
  /** Table and priority of the filter; default keepfleet and -1. */
  readonly nftables: { readonly table?: string; readonly priority: number; readonly counters: boolean };
  /** With a table, nftables marks the addresses of groups, from this mark on; default priority -1, mark 1000. */
  readonly nftablesIpvs: { readonly table?: string; readonly priority: number; readonly firstMark: number };
  /** Files of the dumps that signals ask for. */
  readonly dumps: {
    readonly state?: string;
    readonly stats?: string;
    readonly json?: string;
    readonly jsonVersion: 1 | 2;
  };
  /** Of interfaces that are made; default vrrp. */
  readonly vmacPrefix: string;
  readonly vmacAddressPrefix: string;
  /** Empty the kernel's table at start. */
  readonly lvsFlush: boolean;
  /** What is removed when the node stops: nothing, the whole table at once, or the services. */
  readonly lvsFlushOnStop: 'no' | 'everything' | 'services';
  /** Lifetimes of connections without traffic; missing where the kernel's stay. */
  readonly lvsTimeouts?: LvsTimeouts;
  readonly lvsSyncDaemon?: LvsSyncDaemon;
  /** Of what the kernel may refuse; missing where nothing of it is written. */
  readonly places?: { readonly lvsTimeouts?: Position; readonly lvsSyncDaemon?: Position };
  /** Bytes of the receive buffer of the IPVS netlink socket; default 4 MiB. */
  readonly lvsReceiveBuffer?: number;
  /** What becomes of services that somebody else changed; default repair. */
  readonly lvsDrift: 'repair' | 'report';
  /** What becomes of services that somebody else made; default leave. */
  readonly lvsForeign: 'leave' | 'remove';
  readonly reload: ReloadDefs;
}

/** `lvs_timeouts` in whole seconds; 0 leaves the kernel's. */
export interface LvsTimeouts {
  readonly tcp: number;
  readonly tcpFin: number;
  readonly udp: number;
}

/** `lvs_sync_daemon`: connections are sent to, and taken from, the directors on this interface. */
export interface LvsSyncDaemon {
  readonly interface: string;
  /** Its state decides whether they are sent or taken; without one both are done always. */
  readonly instance?: string;
  /** Default: the VRID of the instance, else 0. */
  readonly syncId?: number;
  /** Bytes; default: what the interface carries. */
  readonly maxLength?: number;
  /** Default 8848. */
  readonly port?: number;
  /** Default 1. */
  readonly ttl?: number;
  /** Default 224.0.0.81. */
  readonly group?: IpAddress;
}

/** Keywords about SNMP. All MIBs are served in any case; the flags say which notifications are sent with enable_traps. */
export interface SnmpKeywords {
  readonly vrrp: boolean;
  readonly checker: boolean;
  readonly rfcV2: boolean;
  readonly rfcV3: boolean;
  /** Where the master agent listens; agent.yaml goes before. Default `unix:/var/agentx/master`. */
  readonly socket: string;
  /** Age that statistics of virtual servers may have; default 5 s. Lowering it costs a reading of the kernel each time. */
  readonly serviceInterval: Micros;
  /** The same for real servers; default that of virtual servers. */
  readonly serverInterval: Micros;
}

/** When and how the file is read anew; '' stands for a place that the node chooses. */
export interface ReloadDefs {
  /** `reload_check_config`: a warning keeps a file from being taken too; messages go into this file. */
  readonly check?: string;
  /** `reload_time_file`: when to read the file anew. */
  readonly timeFile?: string;
  /** `reload_repeat`: a time without a date holds for every day. */
  readonly repeat: boolean;
  /** `reload_file`: is there while the file is read and put in force. */
  readonly file?: string;
}

/** Schedule of gratuitous ARP and unsolicited neighbour advertisements. Raising a repeat costs broadcasts on every takeover. */
export interface GarpSettings {
  /** Second set after becoming master; 0 = none. Default 5 s. */
  readonly masterDelay: Micros;
  /** Announcements a set; default 5. */
  readonly masterRepeat: number;
  /** Period of repeated announcements while master; 0 = none, the default. */
  readonly masterRefresh: Micros;
  /** Announcements a refresh; default 1. */
  readonly masterRefreshRepeat: number;
  /** Second set after a lower-priority advert was heard; default: masterDelay. */
  readonly lowerPriorityDelay: Micros;
  /** Announcements when a lower-priority advert was heard; default: masterRepeat. */
  readonly lowerPriorityRepeat: number;
  /** Period of one announcement on each interface of the addresses that carries no adverts; 0 = none, the default. */
  readonly extraInterval: Micros;
  /** On all of those, not only on the virtual ones that are made for the instance. */
  readonly extraOnAll: boolean;
  /** Least time between two gratuitous ARPs on an interface; default 0. */
  readonly arpInterval: Micros;
  /** Least time between two unsolicited neighbour advertisements on an interface; default 0. */
  readonly neighbourInterval: Micros;
}

/** Commands to run when an instance or a group gets into a state; only those the file has. */
export interface NotifyCommands {
  readonly master?: Command;
  readonly backup?: Command;
  readonly fault?: Command;
  readonly stop?: Command;
  readonly deleted?: Command;
  /** `notify`: on every change, with the new state behind its arguments. */
  readonly any?: Command;
  readonly masterHeardLowerPriority?: Command;
  /** Lines for changes of the priority too. */
  readonly priorityChanges?: boolean;
}

/** A router that adverts are sent to and taken from, with the TTLs its adverts may have. */
export interface UnicastPeer {
  readonly address: IpAddress;
  readonly minTtl: number;
  readonly maxTtl: number;
  readonly at: Position;
}

/** `vrrp_instance`: one virtual router of this node. */
export interface VrrpInstance {
  readonly name: string;
  readonly at: Position;
  /** Where each setting stands that the file has, by field of this model. */
  readonly places: Readonly<Record<string, Position>>;
  readonly interface: string;
  /** 1..255, unique among the instances of one interface and family. */
  readonly virtualRouterId: number;
  readonly version: 2 | 3;
  /** Family of the adverts: that of the first virtual address, else of the unicast source or peers, else IPv4. */
  readonly family: Family;
  /** The hint of `state`; default BACKUP, MASTER with priority 255. */
  readonly initialState: 'master' | 'backup';
  /** 1..255; default 100, 255 where the state is MASTER and the file has no priority. */
  readonly priority: number;
  /** Default 1 s. Version 2 has whole seconds, version 3 centiseconds up to 40.95 s. Raising it delays every takeover by three times as much. */
  readonly advertInterval: Micros;
  readonly authentication?: { readonly type: 'PASS' | 'AH'; readonly password: string };
  /** `auth_hmac`, keys in hexadecimal. */
  readonly hmac?: HmacAuthentication;
  /** `use_vmac` or `use_ipvlan`. */
  readonly virtualInterface?: VirtualInterface;
  /** Made for addresses on other interfaces, with the interface below each. */
  readonly addressInterfaces: readonly (VirtualInterface & { readonly base: string })[];
  /** In the adverts, in the order of the file. */
  readonly addresses: readonly VirtualAddress[];
  /** Added and removed with the others, but not in the adverts; of any family. */
  readonly excludedAddresses: readonly VirtualAddress[];
  readonly routes: readonly RouteLine[];
  readonly rules: readonly RuleLine[];
  /** A secondary address takes the place of a removed primary one. */
  readonly promoteSecondaries: boolean;
  readonly unicastPeers: readonly UnicastPeer[];
  /** `unicast_src_ip` or `mcast_src_ip`. */
  readonly sourceAddress?: IpAddress;
  /** Default 224.0.0.18 or ff02::12, or what global_defs has. */
  readonly multicastGroup: IpAddress;
  /** TTL of unicast adverts, 0..255; default 255. */
  readonly unicastTtl: number;
  /** Without a peer: fault instead of multicast. */
  readonly unicastFaultNoPeer: boolean;
  /** Drop adverts of strangers. */
  readonly checkUnicastSource: boolean;
  /** False with `dont_track_primary`: the own interface's state does not count. */
  readonly trackPrimary: boolean;
  readonly trackInterfaces: readonly TrackedName[];
  readonly trackScripts: readonly TrackedName[];
  readonly trackFiles: readonly TrackedName[];
  readonly trackProcesses: readonly TrackedName[];
  readonly trackBfd: readonly TrackedName[];
  /** Take over from a master of lower priority; always true with state MASTER. */
  readonly preempt: boolean;
  /** 0..1000 s; default 0. */
  readonly preemptDelay: Micros;
  /** Take packets for the virtual addresses though not their owner; default true, in strict mode the owner only. */
  readonly accept: boolean;
  /** Nothing that the RFC does not know: what it forbids is out of this model already. */
  readonly strict: boolean;
  /** Adverts missed before takeover, 1..100; default 3. */
  readonly downTimerAdverts: number;
  /** A master does not answer an advert of lower priority. */
  readonly lowerPriorityNoAdvert: boolean;
  /** A master sends one more advert before it yields to a higher priority. */
  readonly higherPrioritySendAdvert: boolean;
  /** The address list of a master is compared once, not in every advert. */
  readonly skipCheckAdvertAddresses: boolean;
  /** Fault while the interface does not have the configured source address. */
  readonly trackSource: boolean;
  /** Checksum of version 3 unicast of keepalived up to 1.3.6: sent, never taken, or after the peer (`auto`, the default). */
  readonly oldUnicastChecksum: 'auto' | 'always' | 'never';
  /** Advert intervals that a timer may run late before a master that does not preempt becomes backup. */
  readonly timerExpiredBackup?: number;
  /** With priority 255, hear nobody. */
  readonly ownerIgnoreAdverts: boolean;
  /** Checksum of version 3 over IPv4 without pseudo-header, for peers that compute it so. */
  readonly v3ChecksumAsV2: boolean;
  readonly garp: GarpSettings;
  readonly notify: NotifyCommands;
  readonly smtpAlert: boolean;
}

/** `auth_hmac`: a signed trailer behind every advert. */
export interface HmacAuthentication {
  readonly keys: readonly { readonly id: number; readonly secret: string }[];
  /** Default: the first key. */
  readonly activeKey: number;
  /** Default: three intervals, at least 5 s. */
  readonly window: Micros;
  readonly antiReplay: 'time' | 'monotonic';
  readonly mode: 'enforce' | 'permissive' | 'receive-only';
}

/** Keywords of one process: `vrrp_…`. */
export interface ProcessSettings {
  readonly name?: string;
  /** SCHED_RR, 1..99. */
  readonly realTimePriority?: number;
  /** Longest run without a pause; default 10 ms. */
  readonly realTimeLimit: Micros;
  /** Default DEFAULT_NICE. */
  readonly nice: number;
  readonly noSwap: boolean;
  readonly cpus: readonly number[];
}

/** `vrrp_sync_group`: instances that are masters together or not at all. */
export interface SyncGroup {
  readonly name: string;
  readonly at: Position;
  /** Names of instances that exist. */
  readonly members: readonly string[];
  readonly trackInterfaces: readonly TrackedName[];
  readonly trackScripts: readonly TrackedName[];
  readonly trackFiles: readonly TrackedName[];
  readonly trackProcesses: readonly TrackedName[];
  readonly trackBfd: readonly TrackedName[];
  /** Weights of trackers count for the members; default false, since they would part them. */
  readonly trackingWeight: boolean;
  readonly notify: NotifyCommands;
  readonly smtpAlert: boolean;
}

/** `vrrp_script`: a command whose exit code instances track. */
export interface VrrpScript {
  readonly name: string;
  readonly at: Position;
  readonly command: Command;
  /** Default 1 s. */
  readonly interval: Micros;
  /** Default: interval. */
  readonly timeout: Micros;
  /** 0 (the default): failure is a fault; else what is added while it succeeds (above 0) or while it fails (below 0). */
  readonly weight: number;
  readonly reverse: boolean;
  /** Successes before it counts as good; default 1. */
  readonly rise: number;
  /** Failures before it counts as bad; default 1. */
  readonly fall: number;
  /** It counts as failed until it has succeeded `rise` times. */
  readonly initiallyFailed: boolean;
}

/** `vrrp_track_process`: processes that must run. */
export interface TrackProcess {
  readonly name: string;
  readonly at: Position;
  /** The program, and the parameters that it must have. */
  readonly command: readonly string[];
  readonly parameters: 'exact' | 'initial' | 'partial';
  /** 0 (the default): a fault without them. */
  readonly weight: number;
  readonly reverse: boolean;
  /** Default 1. */
  readonly quorum: number;
  readonly quorumMax?: number;
  readonly forkDelay: Micros;
  readonly terminateDelay: Micros;
  readonly fullCommand: boolean;
}

/** `track_group`: instances that are in fault while a static address, route or rule of the group cannot be restored. */
export interface TrackGroup {
  readonly name: string;
  readonly instances: readonly string[];
}

/** `garp_group`: interfaces that share gaps between announcements. */
export interface GarpGroup {
  readonly interfaces: readonly string[];
  /** Missing: that of vrrp_garp_interval. */
  readonly arpInterval?: Micros;
  readonly neighbourInterval?: Micros;
}

/** A line of `interface_up_down_delays`. */
export interface InterfaceDelay {
  readonly interface: string;
  readonly up: Micros;
  readonly down: Micros;
}

/** `bfd_instance`: a session with a neighbour that says whether there is a way to it. */
export interface BfdInstance {
  readonly name: string;
  readonly at: Position;
  readonly neighbor: IpAddress;
  /** Default: the kernel's choice. */
  readonly source?: IpAddress;
  /** The least time between two packets of the neighbour; default 10 ms. */
  readonly minRx: Micros;
  /** The time between two packets of ours while the session is up; default 10 ms. */
  readonly minTx: Micros;
  /** The time between two packets of ours while it is not; default 1 s, and never less. */
  readonly idleTx: Micros;
  /** Packets missed in a row that are a failure, 1..255; default 5. */
  readonly multiplier: number;
  /** The neighbour has to begin. */
  readonly passive: boolean;
  /** `ttl` or `hoplimit`, 1..255; what its absence means is up to who runs it. */
  readonly ttl?: number;
  /** The greatest loss of TTL of a packet that is believed; default 0, 255 believes all. */
  readonly maxHops: number;
  /** Over several hops (port 4784) instead of one (port 3784). */
  readonly multihop: boolean;
  /** Weight of the trackers that have none of their own; default 0: a failure is a fault. */
  readonly weight: number;
  readonly reverse: boolean;
  /** VRRP instances may track it. */
  readonly forVrrp: boolean;
  /** BFD_CHECK may ask it. */
  readonly forChecker: boolean;
}
