import type { Duration, Instant } from '@keepfleet/machine';
import type { Family, IpAddress } from '@keepfleet/wire';
import type { PacketErrorKind } from './errors.ts';
import type { RoutingEntry } from './routing.ts';
import type { ScriptCommand, TrackerType, VirtualAddress, VirtualRouterSettings, VrrpSettings } from './settings.ts';

/** keepalived's vocabulary; RFC 9568 says Active for master. */
export type RouterStateName = 'initialize' | 'backup' | 'master' | 'fault';

/** What the kernel says of an interface, whole: the machines compare it with what they want. */
export interface InterfaceState {
  readonly name: string;
  readonly index: number;
  /** Administratively up and with carrier. */
  readonly up: boolean;
  /** In the kernel's order, virtual addresses included. */
  readonly addresses: readonly InterfaceAddress[];
}

export interface InterfaceAddress {
  readonly address: IpAddress;
  readonly prefix: number;
  /** IPv6 duplicate address detection is still running: not yet a source. */
  readonly tentative?: boolean;
}

/** A received VRRP message, without its IP header. */
export interface ReceivedPacket {
  readonly kind: 'packet';
  readonly interface: string;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** TTL or hop limit as received. */
  readonly ttl: number;
  /** Hexadecimal. */
  readonly bytes: string;
  /** Hexadecimal, of a message in an authentication header, which signs it; `bytes` begin with that header. */
  readonly ipHeader?: string;
}

/** What the kernel has of the routes and rules that were asked for: after every change, and when somebody else removes one. */
export interface RoutingInput {
  readonly kind: 'routing';
  readonly missing: readonly RoutingEntry[];
  /** In place, although some of them may have been missing. */
  readonly present: readonly RoutingEntry[];
}

export interface InterfaceInput {
  readonly kind: 'interface';
  readonly interface: InterfaceState;
}

/** Whether the socket of an instance's interface and family is open; until it is, the instance is in fault. */
export interface SocketInput {
  readonly kind: 'socket';
  readonly interface: string;
  readonly family: Family;
  readonly open: boolean;
}

export interface InterfaceGoneInput {
  readonly kind: 'interface-gone';
  readonly name: string;
}

/** What the watcher of a script, a file, a process or a BFD session found. A level, not an edge: it may be repeated. */
export interface TrackerInput {
  readonly kind: 'tracker';
  readonly tracker: TrackerType;
  readonly name: string;
  readonly state: TrackerState;
  /** Files: the number that it holds; its state is `down` when that is not 0. Processes: how many run. */
  readonly value?: number;
}

/** `unknown` until the first result: then an instance that has it as a hard tracker does not start. */
export type TrackerState = 'unknown' | 'up' | 'down';

/** `release`: a master sends priority 0 and removes its addresses. `leave`: everything stays as it is. */
export interface StopInput {
  readonly kind: 'stop';
  readonly mode: 'release' | 'leave';
}

/** What one virtual router is told. */
export type RouterInput =
  /** Before `startAt` (if given) nothing but a fault happens. */
  | { readonly kind: 'configure'; readonly settings: VirtualRouterSettings; readonly startAt?: Instant }
  | { readonly kind: 'relinquish' }
  /** No longer configured: as a stop by release. */
  | { readonly kind: 'remove' }
  /** Virtual addresses of every instance of the node, which are no source of adverts. */
  | { readonly kind: 'virtual-addresses'; readonly addresses: readonly IpAddress[] }
  /** What its sync group says; one that is in a group starts only after it. `mixed`: not all or none own their addresses. */
  | { readonly kind: 'group'; readonly mixed: boolean; readonly fault?: string }
  /** What is lost of the static addresses, routes and rules that its track groups have, if anything is. */
  | { readonly kind: 'static'; readonly missing?: string }
  /** Its sync group is master from now on, or is not any more. */
  | { readonly kind: 'lead' }
  | { readonly kind: 'yield' }
  /** Announce all addresses once more: `asked` for, or because another member of its sync group heard a lower priority. */
  | { readonly kind: 'announce'; readonly asked: boolean }
  | InterfaceInput
  | InterfaceGoneInput
  | SocketInput
  | TrackerInput
  | RoutingInput
  | ReceivedPacket
  | StopInput;

export type VrrpCommand = {
  /** Hand over, or announce the addresses again; of a sync group all do. */
  readonly kind: 'relinquish' | 'announce';
  readonly instance: string;
};

/** What the VRRP of a node is told. */
export type VrrpInput =
  | { readonly kind: 'configure'; readonly settings: VrrpSettings }
  | { readonly kind: 'command'; readonly command: VrrpCommand }
  | InterfaceInput
  | InterfaceGoneInput
  | SocketInput
  | TrackerInput
  | RoutingInput
  | ReceivedPacket
  | StopInput;

/** What the driver is to do, in the given order. */
export type VrrpOutput =
  | SendOutput
  | { readonly kind: 'add-addresses'; readonly addresses: readonly VirtualAddress[] }
  | { readonly kind: 'remove-addresses'; readonly addresses: readonly VirtualAddress[] }
  | { readonly kind: 'add-routing'; readonly entries: readonly RoutingEntry[] }
  | { readonly kind: 'remove-routing'; readonly entries: readonly RoutingEntry[] }
  | AnnounceOutput
  | NotifyOutput
  | HoldOutput
  /** The hold on these addresses ends, if it has not by itself. */
  | { readonly kind: 'release-connections'; readonly addresses: readonly IpAddress[] }
  | { readonly kind: 'event'; readonly event: VrrpEvent };

/**
 * For so long, or until released, new TCP connections to these addresses get no answer while the open ones go on: what a
 * client asks again reaches the next master, and nothing is under way here when it takes the addresses over.
 */
export interface HoldOutput {
  readonly kind: 'hold-connections';
  readonly addresses: readonly IpAddress[];
  readonly duration: Duration;
}

/** keepalived's words for the FIFO and for the arguments of scripts. */
export type NotifyState =
  'MASTER' | 'BACKUP' | 'FAULT' | 'STOP' | 'DELETED' | 'MASTER_RX_LOWER_PRI' | 'MASTER_PRIORITY' | 'BACKUP_PRIORITY';

export interface Notification {
  readonly type: 'INSTANCE' | 'GROUP';
  readonly name: string;
  readonly state: NotifyState;
  /** Effective; 0 for a group. */
  readonly priority: number;
}

/** A line for every FIFO, and commands to start, in this order and without waiting for them. */
export interface NotifyOutput extends Notification {
  readonly kind: 'notify';
  readonly commands: readonly ScriptCommand[];
}

export interface SendOutput {
  readonly kind: 'send';
  readonly family: Family;
  readonly interface: string;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly ttl: number;
  /** Hexadecimal, checksum included. */
  readonly bytes: string;
  /** Hexadecimal: the IP header to send it with, of an advert in an authentication header. */
  readonly ipHeader?: string;
}

/** One gratuitous ARP request (IPv4) or unsolicited neighbour advertisement (IPv6). */
export interface AnnounceOutput {
  readonly kind: 'announce';
  readonly family: Family;
  readonly interface: string;
  readonly address: IpAddress;
}

export type StateReason =
  | 'started'
  | 'stopped'
  | 'removed'
  | 'reconfigured'
  | 'owner'
  | 'master-down'
  | 'higher-priority'
  | 'relinquished'
  /** Another member of its sync group became master, or is not any more. */
  | 'group'
  /** It was held up for so long that another may be the master. */
  | 'overslept'
  | 'fault'
  | 'fault-cleared';

/** Why an instance is in fault. */
export type FaultCause =
  | { readonly kind: 'interface-missing'; readonly interface: string }
  | { readonly kind: 'interface-down'; readonly interface: string }
  | { readonly kind: 'tracked-interface-missing'; readonly interface: string }
  | { readonly kind: 'tracked-interface-down'; readonly interface: string }
  | { readonly kind: 'no-source-address'; readonly interface: string }
  /** unicast_fault_no_peer, and there is no unicast_peer. */
  | { readonly kind: 'no-unicast-peer'; readonly interface: string }
  /** The driver could not open its socket: deaf, it would think that nobody else is there. */
  | { readonly kind: 'no-socket'; readonly interface: string }
  /** A tracker without weight failed. */
  | { readonly kind: 'tracker-down'; readonly tracker: TrackerType; readonly name: string }
  /** A tracker without weight has not told anything yet; keeps an instance from starting, not from going on. */
  | { readonly kind: 'tracker-unknown'; readonly tracker: TrackerType; readonly name: string }
  /** A static address, route or rule of a track group of its is lost and cannot be restored. */
  | { readonly kind: 'static-missing'; readonly entry: string }
  /** Another member of its sync group is in fault. */
  | { readonly kind: 'group-member'; readonly group: string; readonly instance: string };

/** What an operator should be able to read afterwards; every one is worth a log line and goes to the controller. */
export type VrrpEvent =
  | {
      readonly kind: 'state-changed';
      readonly instance: string;
      readonly from: RouterStateName;
      readonly to: RouterStateName;
      readonly reason: StateReason;
      readonly priority: number;
      readonly causes?: readonly FaultCause[];
      /** The router that is master now, as far as this one knows. */
      readonly master?: MasterView;
    }
  | { readonly kind: 'master-learned'; readonly instance: string; readonly master: MasterView }
  | {
      readonly kind: 'priority-changed';
      readonly instance: string;
      readonly from: number;
      readonly to: number;
    }
  /** Once per kind of error until the state or the master changes. */
  | {
      readonly kind: 'bad-packet';
      readonly instance: string;
      readonly error: PacketErrorKind;
      readonly source: IpAddress;
      readonly detail: string;
    }
  | { readonly kind: 'unknown-vrid'; readonly interface: string; readonly vrid: number; readonly source: IpAddress }
  | { readonly kind: 'lower-priority-advert'; readonly instance: string; readonly master: MasterView }
  | { readonly kind: 'residual-address-removed'; readonly instance: string; readonly address: VirtualAddress }
  | { readonly kind: 'address-restored'; readonly instance: string; readonly address: VirtualAddress }
  | { readonly kind: 'address-missing'; readonly instance: string; readonly address: VirtualAddress }
  | { readonly kind: 'routing-missing'; readonly instance: string; readonly entry: RoutingEntry }
  | { readonly kind: 'routing-restored'; readonly instance: string; readonly entry: RoutingEntry }
  /** The reader of a pipe does not keep up, and lines are lost; once until it takes lines again. Made by the driver. */
  | { readonly kind: 'fifo-overflow'; readonly path: string; readonly dropped: number }
  /** A timer ran later than the master-down time (or as timer_expired_backup says): others may have taken over meanwhile. */
  | {
      readonly kind: 'overslept';
      readonly instance: string;
      readonly state: 'backup' | 'master';
      readonly late: Duration;
    }
  | { readonly kind: 'fault-causes-changed'; readonly instance: string; readonly causes: readonly FaultCause[] };

export interface MasterView {
  readonly address: IpAddress;
  readonly priority: number;
}
