import type { IpAddress } from '@keepfleet/wire';
import type { DiscardKind } from './errors.ts';
import type { SessionState } from './packet.ts';
import type { BfdSettings, Hops } from './settings.ts';

/** A received UDP payload. */
export interface ReceivedPacket {
  readonly kind: 'packet';
  /** By the port that it came to. */
  readonly hops: Hops;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** TTL or hop limit as received. */
  readonly ttl: number;
  /** Hexadecimal. */
  readonly bytes: string;
}

export type BfdCommand = { readonly kind: 'disable' | 'enable'; readonly session: string };

/** What the BFD of a node is told. */
export type BfdInput =
  | { readonly kind: 'configure'; readonly settings: BfdSettings }
  | { readonly kind: 'command'; readonly command: BfdCommand }
  /** There is no way to the neighbour: no route, or the interface is down. */
  | { readonly kind: 'path-down'; readonly session: string }
  | ReceivedPacket
  /** `release`: the neighbours are told. `leave`: they will find out by themselves. */
  | { readonly kind: 'stop'; readonly mode: 'release' | 'leave' };

/** What the driver is to do, in the given order. */
export type BfdOutput = SendOutput | { readonly kind: 'event'; readonly event: BfdEvent };

export interface SendOutput {
  readonly kind: 'send';
  readonly session: string;
  readonly hops: Hops;
  /** Missing: the kernel's choice. */
  readonly source?: IpAddress;
  readonly destination: IpAddress;
  readonly ttl: number;
  /** Hexadecimal. */
  readonly bytes: string;
}

/** Why a session changed its state. */
export type StateReason =
  | 'started'
  /** The neighbour said so, by its state. */
  | 'neighbor'
  | 'detection-time'
  | 'path-down'
  | 'disabled'
  | 'enabled'
  | 'removed'
  | 'stopped';

/** What happened, for logs and operators. */
export type BfdEvent =
  | {
      readonly kind: 'state-changed';
      readonly session: string;
      readonly neighbor: IpAddress;
      readonly from: SessionState;
      readonly to: SessionState;
      readonly reason: StateReason;
      /** Values of the Diag field: ours now, and what the neighbour said last. */
      readonly diagnostic: number;
      readonly remoteDiagnostic: number;
      readonly remoteState: SessionState;
      /** Microseconds of silence when the detection time was over. */
      readonly silence?: number;
    }
  /** Told once a kind and session until the session is up again. */
  | {
      readonly kind: 'discarded';
      readonly session: string;
      readonly error: DiscardKind;
      readonly source: IpAddress;
      readonly detail: string;
    }
  /** Told once for each source. */
  | {
      readonly kind: 'stranger';
      readonly error: DiscardKind;
      readonly source: IpAddress;
      readonly detail: string;
    };
