import type { IpAddress, MacAddress } from '@keepfleet/wire';
import type { Position } from '../diagnostics.ts';

/** A length of time in whole microseconds. */
export type Micros = number;

/** An address line, as in `virtual_ipaddress` and `static_ipaddress`. */
export interface VirtualAddress {
  readonly address: IpAddress;
  /** Default 32 or 128. */
  readonly prefixLength: number;
  /** That of `dev`, else the instance's, else the default interface. */
  readonly interface: string;
  /** IPv4 only; up to 15 characters. */
  readonly label?: string;
  /** IPv4 only; the kernel's number: 0 global (the default), 200 site, 253 link, 254 host. */
  readonly scope?: number;
  /** IPv4 only; `+` and `-` are worked out here. */
  readonly broadcast?: IpAddress;
  readonly peer?: { readonly address: IpAddress; readonly prefixLength: number };
  /** True unless `-nodad`: IPv6 addresses skip duplicate address detection. */
  readonly noDad: boolean;
  readonly home: boolean;
  readonly manageTemporary: boolean;
  readonly noPrefixRoute: boolean;
  readonly autoJoin: boolean;
  /** Of a static one: a `track_group` whose instances are in fault while it cannot be restored. */
  readonly trackGroup?: string;
  /** False with `no_track`: the loss of the address does not make the instance step down. */
  readonly tracked: boolean;
  /** Seconds, or forever; IPv6 only. A /128 is deprecated (0) unless told otherwise, so that it is no source address. */
  readonly preferredLifetime: number | 'forever';
  readonly at: Position;
}

/** An interface that is made for an instance, on top of its own. */
export interface VirtualInterface {
  readonly kind: 'macvlan' | 'ipvlan';
  readonly name: string;
  readonly mac?: MacAddress;
  /** Adverts go through the interface below. */
  readonly transmitBase: boolean;
  readonly mode?: 'bridge' | 'private' | 'vepa';
  readonly address?: { readonly address: IpAddress; readonly prefixLength: number };
  readonly group?: number;
}

/** What an instance or a group watches. */
export interface TrackedName {
  readonly name: string;
  /** Undefined: that of the tracked object, which is 0 for an interface. */
  readonly weight?: number;
  readonly reverse: boolean;
  readonly at: Position;
}

/** A line kept word by word. */
export interface PassedLine {
  readonly words: readonly string[];
  readonly at: Position;
}

/** While it is put together. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
