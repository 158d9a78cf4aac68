import type { Duration, Scheduling } from '@keepfleet/machine';
import type { Family, IpAddress, MacAddress } from '@keepfleet/wire';
import type { RoutingEntry } from './routing.ts';

/** The desired state of a node's VRRP: configuration with the overrides already merged in. JSON-safe; durations are integer microseconds. */
export interface VrrpSettings {
  readonly revision?: string;
  /** No advert is believed and no transition made before this much time has passed since the first configure; 0 = none. */
  readonly startupDelay: Duration;
  /** Nor before so much time has passed since the start of the system. */
  readonly delayAfterBoot?: Duration;
  /** Report adverts for a VRID that no instance has. */
  readonly logUnknownVrids: boolean;
  /** In configuration order, which is the order of the SNMP tables. */
  readonly instances: readonly VirtualRouterSettings[];
  /** What the node always has, whoever is master. */
  readonly staticAddresses?: readonly VirtualAddress[];
  readonly staticRouting?: readonly RoutingEntry[];
  readonly scheduling?: Scheduling;
  readonly firewall?: FirewallSettings;
  readonly syncGroups?: readonly SyncGroupSettings[];
  readonly interfaceDelays?: readonly InterfaceDelay[];
  readonly scripts?: readonly ScriptTrackerSettings[];
  readonly files?: readonly FileTrackerSettings[];
  readonly processes?: readonly ProcessTrackerSettings[];
  readonly notifyFifos?: readonly FifoSettings[];
  /** Tell the states of all instances and groups again after a reload. */
  readonly notifyOnReload?: boolean;
  /** Who commands run as that name nobody; default: keepalived_script if there is such a user, else root. */
  readonly scriptUser?: { readonly user: string; readonly group?: string };
  /** Run nothing as root that somebody else could have changed. */
  readonly scriptSecurity?: boolean;
  /** Gaps between announcements that several interfaces share. */
  readonly garpGroups?: readonly GarpGroup[];
  readonly trackGroups?: readonly TrackGroup[];
}

/** Where the packets for unaccepted addresses and of virtual interfaces are filtered. */
export interface FirewallSettings {
  readonly table: string;
  readonly priority: number;
  readonly counters: boolean;
}

/** An interface counts as up (or down) only after it has been so for so long. */
export interface InterfaceDelay {
  readonly interface: string;
  readonly up: Duration;
  readonly down: Duration;
}

/** One vrrp_script. */
export interface ScriptTrackerSettings {
  readonly name: string;
  readonly command: ScriptCommand;
  readonly interval: Duration;
  /** A run that takes longer has failed, and is ended. */
  readonly timeout: Duration;
  /** Successes in a row that make it up. */
  readonly rise: number;
  /** Failures in a row that make it down. */
  readonly fall: number;
  /** Down until it has succeeded `rise` times, rather than unknown until its first result. */
  readonly initiallyFailed: boolean;
}

/** One track_file. */
export interface FileTrackerSettings {
  readonly name: string;
  readonly path: string;
  /** What it is to hold at the start: where there is none, or in any case. */
  readonly initial?: { readonly value: number; readonly overwrite: boolean };
}

/** One vrrp_track_process. */
export interface ProcessTrackerSettings {
  readonly name: string;
  /** The program and the parameters that it must have; without any, all do. */
  readonly command: readonly string[];
  readonly parameters: 'exact' | 'initial' | 'partial';
  /** Compare the program with its path. */
  readonly fullCommand: boolean;
  /** So many must run, and not more than `quorumMax`. */
  readonly quorum: number;
  readonly quorumMax?: number;
  readonly forkDelay: Duration;
  readonly terminateDelay: Duration;
}

/** A pipe that gets a line for every notification. */
export interface FifoSettings {
  readonly path: string;
  readonly user?: string;
  readonly group?: string;
  /** Reads it; started with the path as its last argument, and again when it ends. */
  readonly script?: ScriptCommand;
}

export interface GarpGroup {
  readonly interfaces: readonly string[];
  readonly interval?: Duration;
  readonly gnaInterval?: Duration;
}

/** One vrrp_sync_group: its members are masters together or not at all. Its trackers are in the members' settings. */
export interface SyncGroupSettings {
  readonly name: string;
  /** Instances whose `syncGroup` this is, in the order of the configuration. */
  readonly members: readonly string[];
  readonly notify?: NotifySettings;
}

/** What is run when an instance or a sync group gets into a state. */
export interface NotifySettings {
  readonly master?: ScriptCommand;
  readonly backup?: ScriptCommand;
  readonly fault?: ScriptCommand;
  readonly stop?: ScriptCommand;
  /** Without it, `fault` is run. */
  readonly deleted?: ScriptCommand;
  readonly masterRxLowerPri?: ScriptCommand;
  /** On every change, with four more arguments: INSTANCE or GROUP, the name, the state, the priority. */
  readonly any?: ScriptCommand;
  /** Tell changes of the effective priority. */
  readonly priorityChanges?: boolean;
}

export interface ScriptCommand {
  readonly argv: readonly string[];
  /** Who it runs as; default: the script user. */
  readonly user?: string;
  readonly group?: string;
}

/** One vrrp_instance. */
export interface VirtualRouterSettings {
  readonly name: string;
  readonly version: 2 | 3;
  readonly family: Family;
  /** 1..255. */
  readonly vrid: number;
  readonly interface: string;
  /** 1..255; 255 is the address owner. An override of the priority is already in here. */
  readonly priority: number;
  /** `last-resort`: take over only when nobody else advertises, whatever its priority (a drained node). */
  readonly standing: Standing;
  /** Version 2: whole seconds, 1..255 s. Version 3: whole centiseconds, 0.01..40.95 s. */
  readonly advertInterval: Duration;
  /** Adverts that may be missed before a takeover, 1..100; keepalived's down_timer_adverts, default 3. More of them: slower takeover, more loss endured. */
  readonly downTimerAdverts: number;
  /** Version 2; ignored in version 3, which has none. */
  readonly auth?: Authentication;
  /** A signed trailer behind every advert, in either version. */
  readonly hmac?: HmacSettings;
  /** Made for this router on top of `interface`; addresses may be on it, and adverts go through it. */
  readonly virtualInterface?: VirtualInterface;
  /** Made for addresses that are on other interfaces (use_vmac_addr). */
  readonly addressInterfaces?: readonly (VirtualInterface & { readonly base: string })[];
  readonly addresses: readonly VirtualAddress[];
  /** Routes and rules of the master. */
  readonly routing?: readonly RoutingEntry[];
  /** An address that was secondary takes the place of a removed primary one. */
  readonly promoteSecondaries?: boolean;
  /** A tracked interface that is down: without weight the instance is in fault, with weight the priority changes. */
  readonly trackInterfaces: readonly TrackedInterface[];
  /** Scripts, files, processes and BFD sessions, those of its sync group included. */
  readonly trackers?: readonly TrackedObject[];
  /** The instance's own interface being down is not a fault; its absence still is. */
  readonly dontTrackPrimary: boolean;
  readonly preempt: boolean;
  /** How long lower-priority adverts are still obeyed before a preemption, 0..1000 s. */
  readonly preemptDelay: Duration;
  readonly garp: GarpSettings;
  /** `master`: the first master-down timer is one interval and the smallest skew. */
  readonly startState: 'master' | 'backup';
  /** Adverts go to these peers instead of the multicast group. */
  readonly unicast?: UnicastSettings;
  /** Source of multicast adverts instead of the interface's primary address. */
  readonly mcastSource?: IpAddress;
  /** Group of multicast adverts instead of 224.0.0.18 or ff02::12. */
  readonly mcastGroup?: IpAddress;
  /** Once a sender's address list was checked, do not check it again while the sender stays the master. */
  readonly skipCheckAdvAddr: boolean;
  /** Master: answer a lower-priority advert with nothing, rather than with an advert. */
  readonly lowerPrioNoAdvert: boolean;
  /** Master: send one more advert before yielding to a higher priority. */
  readonly higherPrioSendAdvert: boolean;
  /** The configured source address has to be on the interface; without it the instance is in fault. */
  readonly trackSource?: boolean;
  /** It is to have unicast peers and has none, which is a fault; otherwise it speaks to the group. */
  readonly needsPeers?: boolean;
  /** With priority 255, hear nobody. */
  readonly ownerIgnoreAdverts?: boolean;
  /** Without preemption: a master whose timer ran later than so many advert intervals becomes backup. */
  readonly timerExpiredBackup?: number;
  /** Version 3 over IPv4: compute the checksum without pseudo-header, and do not reject a mismatch. */
  readonly v3ChecksumAsV2: boolean;
  /** Accept_Mode of RFC 9568; shown by SNMP. */
  readonly accept: boolean;
  /** Name of its sync group, if any. */
  readonly syncGroup?: string;
  readonly notify?: NotifySettings;
}

export type Standing = 'normal' | 'last-resort';

export interface Authentication {
  /** `ah`: IPsec's authentication header (RFC 2402) with HMAC-MD5-96, IPv4. */
  readonly type: 'password' | 'ah';
  /** At most 8 bytes of ASCII; clear text on the wire, or the key of the authentication header. */
  readonly password: string;
}

/** keepalived's auth_hmac, as of its version 2.4.2. */
export interface HmacSettings {
  readonly keys: readonly HmacKey[];
  /** Id of the key that signs. */
  readonly activeKey: number;
  /** How far the sender's clock may be from ours. */
  readonly window: Duration;
  /** `time`: a sequence must grow and be of now; `monotonic`: it must grow. */
  readonly antiReplay: 'time' | 'monotonic';
  /** `permissive`: an advert without trailer passes too; `receive-only`: that, and nothing is signed. */
  readonly mode: 'enforce' | 'permissive' | 'receive-only';
}

export interface HmacKey {
  /** 1..255. */
  readonly id: number;
  /** 32 to 64 bytes in hexadecimal. */
  readonly secret: string;
}

export interface VirtualInterface {
  readonly kind: 'macvlan' | 'ipvlan';
  readonly name: string;
  /** Of the interface made; macvlan. */
  readonly mac?: MacAddress;
  /** Adverts go through the interface below all the same. */
  readonly transmitBase: boolean;
  /** Who of the same interface may be reached directly; ipvlan. */
  readonly mode?: 'bridge' | 'private' | 'vepa';
  /** An address of its own; ipvlan. */
  readonly address?: { readonly address: IpAddress; readonly prefix: number };
  readonly group?: number;
}

export interface VirtualAddress {
  readonly address: IpAddress;
  readonly prefix: number;
  readonly interface: string;
  /** In the adverts (virtual_ipaddress) or only carried along (virtual_ipaddress_excluded). */
  readonly advertised: boolean;
  /** IPv4 only. */
  readonly broadcast?: IpAddress;
  /** IPv4 only, at most 15 characters. */
  readonly label?: string;
  /** Kernel scope number: 0 global, 200 site, 253 link, 254 host. */
  readonly scope: number;
  readonly peer?: IpAddress;
  /** IPv6: duplicate address detection runs for it. */
  readonly dad?: boolean;
  readonly home?: boolean;
  readonly manageTemporary?: boolean;
  readonly noPrefixRoute?: boolean;
  readonly autoJoin?: boolean;
  /** Seconds, IPv6; absent: as keepalived, 0 for a /128. */
  readonly preferredLifetime?: number;
  /** Not put back when somebody removes it. */
  readonly untracked?: boolean;
  /** Of a static one: see {@link TrackGroup}. */
  readonly trackGroup?: string;
}

export interface TrackedInterface {
  readonly name: string;
  /** -253..253; absent or 0: down means fault. */
  readonly weight?: number;
  /** The weight counts the other way round. */
  readonly reverse?: boolean;
}

/** What watches something other than an interface; what it finds comes as the input `tracker`. */
export type TrackerType = 'script' | 'file' | 'process' | 'bfd';

export interface TrackedObject {
  readonly type: TrackerType;
  readonly name: string;
  /**
   * -254..254. 0: when it is down, the instance is in fault. Otherwise what is added to the priority: while up (above 0) or
   * while down (below 0). A file's number is multiplied by it and added, and -254 or less is a fault.
   */
  readonly weight: number;
  /** It counts the other way round. */
  readonly reverse?: boolean;
}

/** Instances that are in fault while a static address, route or rule of the group is lost and cannot be restored. */
export interface TrackGroup {
  readonly name: string;
  readonly instances: readonly string[];
}

/** Gratuitous ARP (IPv4) and unsolicited neighbour advertisements (IPv6), see keepalived's garp_* keywords. */
export interface GarpSettings {
  /** From becoming master to the second set; 0 = no second set. */
  readonly delay: Duration;
  /** Announcements for each address in a set, at least 1. */
  readonly repeat: number;
  /** Time between sets while master; 0 = never. */
  readonly refresh: Duration;
  readonly refreshRepeat: number;
  /**
   * One announcement on each of these interfaces every so often while master, so that switches keep the MAC addresses
   * from which no adverts come. Default none.
   */
  readonly extra?: { readonly interval: Duration; readonly interfaces: readonly string[] };
  /** From a lower-priority advert to the second set that answers it. */
  readonly lowerPrioDelay: Duration;
  readonly lowerPrioRepeat: number;
  /** Least gap between two gratuitous ARPs of this instance. */
  readonly interval: Duration;
  /** Least gap between two unsolicited neighbour advertisements of this instance. */
  readonly gnaInterval: Duration;
}

export interface UnicastSettings {
  readonly source?: IpAddress;
  readonly peers: readonly UnicastPeer[];
  /** TTL or hop limit of what is sent, default 255. */
  readonly ttl?: number;
  /** Drop adverts from addresses that are not peers. */
  readonly checkSource?: boolean;
  /** Version 3 over IPv4 with the checksum of keepalived up to 1.3.6: send it, never take it, or follow the peer (the default). */
  readonly oldChecksum?: 'auto' | 'always' | 'never';
}

export interface UnicastPeer {
  readonly address: IpAddress;
  readonly minTtl?: number;
  readonly maxTtl?: number;
}

/** What makes it the same virtual router on the wire; anything else is changed in place. */
export function sameIdentity(a: VirtualRouterSettings, b: VirtualRouterSettings): boolean {
  return (
    a.vrid === b.vrid &&
    a.interface === b.interface &&
    a.family === b.family &&
    a.version === b.version &&
    JSON.stringify([a.virtualInterface, a.addressInterfaces]) ===
      JSON.stringify([b.virtualInterface, b.addressInterfaces])
  );
}

/** The interface that adverts travel through. */
export function wireInterface({ interface: base, virtualInterface }: VirtualRouterSettings): string {
  return virtualInterface === undefined || virtualInterface.transmitBase ? base : virtualInterface.name;
}

/** Whether two lines of configuration ask for the same address in the same way; whether it is advertised does not matter to the kernel. */
export function sameAddress(a: VirtualAddress, b: VirtualAddress): boolean {
  return (
    a.address === b.address &&
    a.prefix === b.prefix &&
    a.interface === b.interface &&
    a.broadcast === b.broadcast &&
    a.label === b.label &&
    a.scope === b.scope &&
    a.peer === b.peer &&
    a.dad === b.dad &&
    a.home === b.home &&
    a.manageTemporary === b.manageTemporary &&
    a.noPrefixRoute === b.noPrefixRoute &&
    a.autoJoin === b.autoJoin &&
    a.preferredLifetime === b.preferredLifetime
  );
}

/** Advertised first, then excluded: the order of keepalived's tables and of its work. */
export function inTableOrder(addresses: readonly VirtualAddress[]): VirtualAddress[] {
  return [...addresses.filter((one) => one.advertised), ...addresses.filter((one) => !one.advertised)];
}

/** keepalived's defaults. */
export const defaultGarp: GarpSettings = {
  delay: 5_000_000 as Duration,
  repeat: 5,
  refresh: 0 as Duration,
  refreshRepeat: 1,
  lowerPrioDelay: 5_000_000 as Duration,
  lowerPrioRepeat: 5,
  interval: 0 as Duration,
  gnaInterval: 0 as Duration,
};

/** keepalived's defaults for what the caller does not give. */
export function virtualRouter(
  given: Pick<VirtualRouterSettings, 'name' | 'vrid' | 'interface'> & Partial<VirtualRouterSettings>,
): VirtualRouterSettings {
  return {
    version: given.family === 'ipv6' ? 3 : 2,
    family: 'ipv4',
    priority: given.startState === 'master' ? 255 : 100,
    standing: 'normal',
    advertInterval: 1_000_000 as Duration,
    downTimerAdverts: 3,
    addresses: [],
    trackInterfaces: [],
    dontTrackPrimary: false,
    preempt: true,
    preemptDelay: 0 as Duration,
    garp: defaultGarp,
    startState: given.priority === 255 ? 'master' : 'backup',
    skipCheckAdvAddr: false,
    lowerPrioNoAdvert: false,
    higherPrioSendAdvert: false,
    v3ChecksumAsV2: false,
    accept: true,
    ...given,
  };
}
