import { type Duration, seconds } from '@keepfleet/machine';
import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import type { KernelOptionSettings } from './kernel-options.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

export type TunnelChecksum = 'nocsum' | 'csum' | 'remcsum';

export type Tunnel =
  | { readonly type: 'ipip' }
  | { readonly type: 'gue'; readonly port: number; readonly checksum: TunnelChecksum }
  | { readonly type: 'gre'; readonly checksum: TunnelChecksum };

/** How packets reach a real server: `lvs_method` of keepalived.conf. */
export type Forwarding =
  { readonly kind: 'nat' } | { readonly kind: 'dr' } | { readonly kind: 'tun'; readonly tunnel: Tunnel };

/**
 * What a virtual server listens on; a group stands for one kernel service per address or mark of its members. Its family is
 * that of marks which have none of their own: two virtual servers can share a group, one for each.
 */
export type VirtualServerTarget =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'fwmark'; readonly fwmark: number; readonly family: Family }
  | { readonly kind: 'group'; readonly name: string; readonly family?: Family };

/** One line of a virtual_server_group. A prefix (ADDR/len) is a range from its first to its last address. */
export type GroupMember =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'range'; readonly first: IpAddress; readonly last: IpAddress; readonly port: number }
  | { readonly kind: 'fwmark'; readonly fwmark: number; readonly family?: Family };

/** The mark that nftables gives to what is sent to the addresses of a group, of each protocol that has one. */
export type GroupMarks = Readonly<Partial<Record<Protocol, number>>>;

export interface VirtualServerGroupSettings {
  readonly name: string;
  readonly members: readonly GroupMember[];
  /** With a mark the addresses are one service of it. */
  readonly marks?: GroupMarks | undefined;
}

/** nftables_ipvs: addresses of groups become marks. */
export interface AddressMarkSettings {
  readonly table: string;
  readonly priority: number;
  readonly counters: boolean;
  /** The first mark that is dealt out. */
  readonly first: number;
}

export interface Persistence {
  /** Whole seconds. */
  readonly timeout: number;
  /** Prefix length that clients are put together by: 1..32 for IPv4, 1..128 for IPv6; null is one client alone. */
  readonly granularity: number | null;
  /** Persistence engine, such as `sip`. */
  readonly engine: string | null;
}

/** The three scheduler flags; sh-fallback and mh-fallback are flag 1, sh-port and mh-port flag 2. */
export interface SchedulerFlags {
  readonly flag1: boolean;
  readonly flag2: boolean;
  readonly flag3: boolean;
}

/** A script of the configuration: what was written, and the file it was resolved to where that differs. */
export interface ScriptSettings {
  readonly command: string;
  readonly path: string | null;
  readonly argv: readonly string[];
  /** Null: script_user of the configuration. */
  readonly user: string | null;
  readonly group: string | null;
}

/**
 * Everything of a virtual server but its real servers. Where the configuration leaves a value to the default of something
 * below it (retry, delays), the value is null.
 */
export interface VirtualServerTraits {
  /** Made by {@link virtualServerKey}: `tcp/198.51.100.15:80`, `fwmark/7`, `group/web`. */
  readonly key: string;
  readonly target: VirtualServerTarget;
  /** Of no meaning for a firewall mark. */
  readonly protocol: Protocol;
  readonly scheduler: string;
  readonly flags: SchedulerFlags;
  readonly onePacket: boolean;
  readonly hashed: boolean;
  /** Default of the real servers, shown only: each real server carries its own. */
  readonly forwarding: Forwarding;
  readonly persistence: Persistence | null;
  readonly delayLoop: Duration;
  readonly retry: number | null;
  readonly delayBeforeRetry: Duration | null;
  readonly warmup: Duration | null;
  readonly connectTimeout: Duration;
  /** Default weight of the real servers, shown only. */
  readonly weight: number;
  readonly quorum: number;
  readonly hysteresis: number;
  readonly quorumUp: ScriptSettings | null;
  readonly quorumDown: ScriptSettings | null;
  readonly alpha: boolean;
  readonly omega: boolean;
  readonly haSuspend: boolean;
  readonly inhibitOnFailure: boolean;
  readonly smtpAlert: boolean;
  readonly virtualHost: string | null;
  readonly snmpName: string | null;
  /** Where the configuration has it, `keepalived.conf:12`; null when it is not known. */
  readonly place: string | null;
}

export interface SorryServerSettings {
  /** Made by {@link realServerKey}. */
  readonly key: string;
  readonly address: IpAddress;
  readonly port: number;
  readonly forwarding: Forwarding;
  /** Keep it in the pool with weight 0 while it is not in use. */
  readonly inhibit: boolean;
}

/** Everything of a real server but its checkers. Null is inherited from the virtual server. */
export interface RealServerTraits {
  /** Made by {@link realServerKey}: `192.168.1.10:80`, `[fd00::10]:80`. */
  readonly key: string;
  readonly address: IpAddress;
  readonly port: number;
  /** The weight to use: of the configuration, or of an override. 0 drains. */
  readonly weight: number;
  /** The weight of the configuration. */
  readonly configuredWeight: number;
  /** `weight` is an operator's, which may be that of the configuration. An earlier control process does not say. */
  readonly weightIsSet?: boolean;
  readonly forwarding: Forwarding;
  readonly inhibitOnFailure: boolean;
  /** How long it takes to its whole weight when it comes back; 0 = none. */
  readonly slowStart: Duration;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly alpha: boolean;
  readonly retry: number | null;
  readonly delayBeforeRetry: Duration | null;
  readonly warmup: Duration | null;
  readonly delayLoop: Duration | null;
  readonly connectTimeout: Duration | null;
  readonly virtualHost: string | null;
  readonly notifyUp: ScriptSettings | null;
  readonly notifyDown: ScriptSettings | null;
  readonly smtpAlert: boolean;
  readonly snmpName: string | null;
  readonly place: string | null;
}

/** As much as has to be known of a checker here; its whole type belongs to the health library. */
export interface CheckerTraits {
  readonly schedule: { readonly alpha: boolean; readonly latency?: object | null };
  /** A script that gives the weight. */
  readonly dynamic?: boolean;
  /** What the number in a file counts. */
  readonly weight?: number;
}

export interface RealServerSettings<Checker> extends RealServerTraits {
  readonly checkers: readonly Checker[];
}

export interface VirtualServerSettings<Checker> extends VirtualServerTraits {
  readonly sorryServer: SorryServerSettings | null;
  readonly realServers: readonly RealServerSettings<Checker>[];
}

/** Who is told of what happens, besides the scripts of services and servers. */
export interface LvsNotifySettings {
  /** `lvs_notify_fifo`. */
  readonly fifo: {
    readonly path: string;
    readonly owner: { readonly user: string; readonly group: string | null } | null;
    readonly script: ScriptSettings | null;
  } | null;
  /** `notify_fifo`, which is for everything on the node; its reader is started by the vrrp process. */
  readonly commonFifo?:
    | {
        readonly path: string;
        readonly owner: { readonly user: string; readonly group: string | null } | null;
      }
    | undefined;
  /** `rs_init_notifies`: servers that begin as up are told of, too. */
  readonly initial: boolean;
  /** `script_user`. */
  readonly user: { readonly user: string; readonly group: string | null } | null;
  /** `enable_script_security`. */
  readonly secure: boolean;
}

/** What is done with the parts of the kernel's table that are not as they should be. */
export interface TablePolicy {
  /** Services of ours that others changed: put right at the next reading, or only shown until something of theirs changes. */
  readonly drift: 'repair' | 'report';
  /** Services that others created: left alone and shown, or removed. */
  readonly foreign: 'leave' | 'remove';
  /** Once, at the start of the process: remove every service that is not configured, whoever made it. */
  readonly flushAtStart: boolean;
  /** At the end: remove everything in the table, also what is not ours. */
  readonly flushAtStop: boolean;
  /** Of the statistics, the oldest that they are to be; the table is read as often. */
  readonly statisticsAge: Duration;
}

export const defaultPolicy: TablePolicy = {
  drift: 'repair',
  foreign: 'leave',
  flushAtStart: false,
  flushAtStop: false,
  statisticsAge: seconds(5),
};

/** The whole desired state of a node's IPVS, in the order of the configuration. JSON-safe. */
export interface LvsSettings<Checker> {
  /** Comes back in the snapshots. */
  readonly revision?: string;
  readonly policy: TablePolicy;
  readonly kernel: KernelOptionSettings;
  /** Missing: nobody is told. */
  readonly notify?: LvsNotifySettings | undefined;
  readonly groups: readonly VirtualServerGroupSettings[];
  /** Missing: each address of a group is a service. */
  readonly addressMarks?: AddressMarkSettings | undefined;
  readonly virtualServers: readonly VirtualServerSettings<Checker>[];
}

/** The stable name of a virtual server. A mark of IPv6 has its own name, since the kernel keeps the two families apart. */
export function virtualServerKey(target: VirtualServerTarget, protocol: Protocol): string {
  switch (target.kind) {
    case 'address':
      return `${protocol}/${endpointText(target.address, target.port)}`;
    case 'fwmark':
      return target.family === 'ipv6' ? `fwmark/${target.fwmark}/ipv6` : `fwmark/${target.fwmark}`;
    case 'group':
      return `group/${target.name}`;
  }
}

/** The stable name of a real server within its virtual server. */
export function realServerKey(address: IpAddress, port: number): string {
  return endpointText(address, port);
}

export function endpointText(address: IpAddress, port: number): string {
  return familyOf(address) === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
