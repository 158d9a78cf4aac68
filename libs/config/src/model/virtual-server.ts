import type { Family, IpAddress } from '@keepfleet/wire';
import type { Position } from '../diagnostics.ts';
import type { Command } from '../grammar/readers.ts';
import type { Check } from './check.ts';
import type { Micros } from './parts.ts';

/** Transport protocols that IPVS balances. */
export type Protocol = 'tcp' | 'udp' | 'sctp';
/** `lb_kind`: NAT rewrites addresses, DR only the link layer's, TUN wraps the packet. */
export type ForwardingMethod = 'nat' | 'dr' | 'tun';

/** How packets reach a real server. */
export interface Forwarding {
  readonly method: ForwardingMethod;
  /** Only with `tun`. */
  readonly tunnel?: {
    readonly type: 'ipip' | 'gue' | 'gre';
    readonly port?: number;
    readonly checksum: 'nocsum' | 'csum' | 'remcsum';
  };
}

/** What a virtual server listens for. */
export type ServiceTarget =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'fwmark'; readonly mark: number; readonly family: Family }
  | { readonly kind: 'group'; readonly name: string };

/** One line of a group; a single address is a range of one. */
export type GroupMember =
  | {
      readonly kind: 'addresses';
      readonly first: IpAddress;
      readonly last: IpAddress;
      readonly port: number;
      readonly at: Position;
    }
  | { readonly kind: 'fwmark'; readonly mark: number; readonly family?: Family; readonly at: Position };

/** `virtual_server_group`: addresses and marks that share one set of real servers. */
export interface VirtualServerGroup {
  readonly name: string;
  readonly at: Position;
  readonly members: readonly GroupMember[];
}

/** `virtual_server`: a service with the servers behind it. */
export interface VirtualServer {
  /**
   * `tcp/192.0.2.1:80`, `tcp/[2001:db8::1]:80`, `fwmark/7`, `fwmark/7/ipv6`, `group/web`: the same service before and after a
   * change of the file. Further services of one group have their protocol behind it, `group/web/udp`, and where that is there
   * already for the other family, theirs: `group/web/ipv6`.
   */
  readonly key: string;
  readonly at: Position;
  readonly places: Readonly<Record<string, Position>>;
  readonly target: ServiceTarget;
  /** Undefined where only the group can tell. */
  readonly family?: Family;
  readonly protocol: Protocol;
  /** IPVS scheduler; default wlc. */
  readonly scheduler: string;
  /** Names of scheduler flags such as `sh-port` and `flag-1`. */
  readonly schedulerFlags: readonly string[];
  readonly onePacket: boolean;
  /** Default NAT. */
  readonly forwarding: Forwarding;
  /** Time between two checks of a real server; default 60 s. */
  readonly delayLoop: Micros;
  readonly persistence?: {
    /** Bare keyword: 360 s. */
    readonly timeout: Micros;
    /** Leading bits of the address that clients are put together by; missing: each address is a client. */
    readonly prefixLength?: number;
    readonly engine?: string;
  };
  readonly realServers: readonly RealServer[];
  readonly sorryServer?: SorryServer;
  /** What it sets for the checkers of its real servers, as written. */
  readonly timing: ServerTiming;
  /** Default weight of the real servers; default 1. */
  readonly weight: number;
  readonly inhibitOnFailure: boolean;
  readonly hashed: boolean;
  readonly snmpName?: string;
  /** Sum of the weights of live real servers below which the service is down; default 1. */
  readonly quorum: number;
  /** Default 0; always below the quorum. */
  readonly hysteresis: number;
  readonly quorumUp?: Command;
  readonly quorumDown?: Command;
  /** Real servers count as down until their first check succeeds. */
  readonly alpha: boolean;
  /** Notifications are made on shutdown too. */
  readonly omega: boolean;
  /** Checks rest while the virtual address is not on this node. */
  readonly haSuspend: boolean;
  readonly virtualHost?: string;
  readonly smtpAlert: boolean;
}

/** Settings that a checker takes from its real server, else from the virtual server, else from its kind. */
export interface ServerTiming {
  readonly retry?: number;
  readonly delayBeforeRetry?: Micros;
  readonly warmup?: Micros;
  readonly connectTimeout?: Micros;
}

/** Where clients go while the quorum is not reached. */
export interface SorryServer {
  /** As a real server's. */
  readonly key: string;
  readonly address: IpAddress;
  readonly port: number;
  readonly inhibitOnFailure: boolean;
  readonly forwarding: Forwarding;
  readonly at: Position;
}

/** `real_server`: one server of a service. */
export interface RealServer {
  /** `192.168.1.10:80`, `[fd00::10]:80`: the same server of the same service before and after a change of the file. */
  readonly key: string;
  readonly at: Position;
  readonly address: IpAddress;
  readonly port: number;
  /** 0..2147483647; default 1. */
  readonly weight: number;
  readonly forwarding: Forwarding;
  /** Weight 0 instead of removal when a check fails. */
  readonly inhibitOnFailure: boolean;
  /** Connections; 0 = no limit. */
  /** How long it takes to its whole weight when it comes back; 0 = none. */
  readonly slowStart: Micros;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly alpha: boolean;
  /** What it sets for its checkers, as written. */
  readonly timing: ServerTiming & { readonly delayLoop?: Micros };
  readonly virtualHost?: string;
  readonly snmpName?: string;
  readonly notifyUp?: Command;
  readonly notifyDown?: Command;
  /** Unlike every other alert, on by default once the file has an smtp_server. */
  readonly smtpAlert: boolean;
  readonly checks: readonly Check[];
}
