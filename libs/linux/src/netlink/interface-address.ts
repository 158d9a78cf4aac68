import {
  type ByteReader,
  ByteWriter,
  type IpAddress,
  UnexpectedEnd,
  familyOf,
  formatIp,
  ipBytes,
} from '@keepfleet/wire';
import { AF_INET, AF_INET6 } from '../socket/options.ts';
import { AttributeWriter, Attributes } from './attributes.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

export type AddressScope = 'global' | 'site' | 'link' | 'host' | 'nowhere';

/** An address to be put on an interface, or taken from it. */
export interface AddressSettings {
  /** Index of the interface. */
  readonly interface: number;
  readonly address: IpAddress;
  readonly prefix: number;
  /** The far end of a point-to-point link; `prefix` then belongs to it. */
  readonly peer?: IpAddress | undefined;
  /** IPv4 only. */
  readonly broadcast?: IpAddress | undefined;
  /** IPv4 only, at most 15 characters: the name that `ifconfig` shows. */
  readonly label?: string | undefined;
  /** Default global. The kernel finds the scope of an IPv6 address by itself. */
  readonly scope?: AddressScope | undefined;
  /** IPv6: in use at once, without duplicate address detection. */
  readonly noDad?: boolean | undefined;
  /** No route to the prefix is made with the address. */
  readonly noPrefixRoute?: boolean | undefined;
  /** IPv6: a home address (RFC 6275), preferred as a source. */
  readonly homeAddress?: boolean | undefined;
  /** Seconds for which the address is used as a source of new connections; 0 deprecates it. Default for ever. */
  readonly preferredLifetime?: number | undefined;
  /** IPv6: temporary addresses (RFC 8981) are made of it. */
  readonly manageTemporary?: boolean | undefined;
  /** A multicast address that the interface is to join. */
  readonly autoJoin?: boolean | undefined;
}

/** An address as the kernel reports it. */
export interface InterfaceAddress {
  readonly interface: number;
  readonly address: IpAddress;
  readonly prefix: number;
  readonly peer: IpAddress | undefined;
  readonly broadcast: IpAddress | undefined;
  readonly label: string | undefined;
  readonly scope: AddressScope;
  /** IPv6: duplicate address detection is running; the address cannot be used yet. */
  readonly tentative: boolean;
  /** IPv6: someone else has the address. */
  readonly dadFailed: boolean;
  readonly deprecated: boolean;
  /** Set by an administrator or a program, not by router advertisements or DHCP. */
  readonly permanent: boolean;
}

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;

const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_HOMEADDRESS = 0x10;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_PERMANENT = 0x80;
const IFA_F_MANAGETEMPADDR = 0x100;
const IFA_F_NOPREFIXROUTE = 0x200;
const IFA_F_MCAUTOJOIN = 0x400;

const FOREVER = 0xffffffff;

const SCOPES: Readonly<Record<AddressScope, number>> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 };

/** Payload of RTM_NEWADDR and RTM_DELADDR for a request. */
export function encodeAddress(settings: AddressSettings): Uint8Array<ArrayBuffer> {
  const v6 = familyOf(settings.address) === 'ipv6';
  const flags =
    (settings.noDad === true && v6 ? IFA_F_NODAD : 0) |
    (settings.homeAddress === true && v6 ? IFA_F_HOMEADDRESS : 0) |
    (settings.manageTemporary === true && v6 ? IFA_F_MANAGETEMPADDR : 0) |
    (settings.autoJoin === true ? IFA_F_MCAUTOJOIN : 0) |
    (settings.noPrefixRoute === true ? IFA_F_NOPREFIXROUTE : 0);
  const attributes = new AttributeWriter()
    .bytes(IFA_LOCAL, ipBytes(settings.address))
    .bytes(IFA_ADDRESS, ipBytes(settings.peer ?? settings.address));
  if (settings.broadcast !== undefined && !v6) attributes.bytes(IFA_BROADCAST, ipBytes(settings.broadcast));
  if (settings.label !== undefined && !v6) attributes.text(IFA_LABEL, settings.label);
  if (settings.preferredLifetime !== undefined) {
    // struct ifa_cacheinfo: preferred, valid, created, updated
    const lifetimes = new ByteWriter(16).u32le(settings.preferredLifetime).u32le(FOREVER).zeros(8);
    attributes.bytes(IFA_CACHEINFO, lifetimes.finish());
  }
  if (flags !== 0) attributes.u32(IFA_FLAGS, flags);
  return new ByteWriter()
    .bytes(
      addressHeader(v6 ? AF_INET6 : AF_INET, settings.prefix, SCOPES[settings.scope ?? 'global'], settings.interface),
    )
    .bytes(attributes.finish())
    .finish();
}

/** `struct ifaddrmsg`. The 8-bit flags are always 0 here, the 32-bit attribute rules. */
export function addressHeader(family: number, prefix: number, scope: number, index: number): Uint8Array<ArrayBuffer> {
  //  | family | prefix length | flags | scope |
  //  |            interface index             |
  return new ByteWriter(8).u8(family).u8(prefix).u8(0).u8(scope).u32le(index).finish();
}

/** Payload of RTM_NEWADDR and RTM_DELADDR from the kernel. Throws UnexpectedEnd: read inside `tryRead`. */
export function readAddress(reader: ByteReader): InterfaceAddress {
  reader.skip(1);
  const prefix = reader.u8();
  const shortFlags = reader.u8();
  const scope = reader.u8();
  const index = reader.u32le();
  const attributes = new Attributes(reader.rest());
  const flags = attributes.u32(IFA_FLAGS) ?? shortFlags;
  const far = address(attributes, IFA_ADDRESS);
  const near = address(attributes, IFA_LOCAL) ?? far;
  if (near === undefined) throw new UnexpectedEnd(4, 0);
  return {
    interface: index,
    address: near,
    prefix,
    peer: far === near ? undefined : far,
    broadcast: address(attributes, IFA_BROADCAST),
    label: attributes.text(IFA_LABEL),
    scope: scopeName(scope),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    permanent: (flags & IFA_F_PERMANENT) !== 0,
  };
}

function address(attributes: Attributes, type: number): IpAddress | undefined {
  const bytes = attributes.bytes(type);
  if (bytes === undefined) return undefined;
  if (bytes.length !== 4 && bytes.length !== 16) throw new UnexpectedEnd(16, bytes.length);
  return formatIp(bytes);
}

function scopeName(scope: number): AddressScope {
  switch (scope) {
    case SCOPES.site:
      return 'site';
    case SCOPES.link:
      return 'link';
    case SCOPES.host:
      return 'host';
    case SCOPES.nowhere:
      return 'nowhere';
    default:
      return 'global';
  }
}
