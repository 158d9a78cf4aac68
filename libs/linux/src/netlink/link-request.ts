import { ByteWriter, type MacAddress, macBytes } from '@keepfleet/wire';
import { AttributeWriter } from './attributes.ts';

/** An interface to be made on top of another. */
export interface NewLink {
  readonly name: string;
  /** Index of the interface below. */
  readonly base: number;
  readonly kind:
    | { readonly kind: 'macvlan'; readonly mode: 'private' | 'vepa' | 'bridge'; readonly mac: MacAddress }
    | { readonly kind: 'ipvlan'; readonly mode: 'private' | 'vepa' | 'bridge' };
  /** Made up with the interface, not after it. */
  readonly group?: number | undefined;
  /** Index of the VRF (or bridge) it is to be part of. */
  readonly master?: number | undefined;
}

const IFF_UP = 1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_MODE_NONE = 1;
const AF_INET6 = 10;
const MAX_ALIAS = 255;

const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4 } as const;
const IPVLAN_MODE_L2 = 0;
const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const;

/** Payload of RTM_NEWLINK that makes an interface. */
export function encodeNewLink(link: NewLink): Uint8Array<ArrayBuffer> {
  const { kind } = link;
  const attributes = new AttributeWriter().text(IFLA_IFNAME, link.name).u32(IFLA_LINK, link.base);
  if (link.group !== undefined) attributes.u32(IFLA_GROUP, link.group);
  if (link.master !== undefined) attributes.u32(IFLA_MASTER, link.master);
  if (kind.kind === 'macvlan') attributes.bytes(IFLA_ADDRESS, macBytes(kind.mac));
  attributes.nested(IFLA_LINKINFO, (info) =>
    info.text(IFLA_INFO_KIND, kind.kind).nested(IFLA_INFO_DATA, (data) => {
      if (kind.kind === 'macvlan') data.u32(IFLA_MACVLAN_MODE, MACVLAN_MODES[kind.mode]);
      else data.u16(IFLA_IPVLAN_MODE, IPVLAN_MODE_L2).u16(IFLA_IPVLAN_FLAGS, IPVLAN_FLAGS[kind.mode]);
    }),
  );
  return new ByteWriter()
    .bytes(linkHeader(0, 0, 0))
    .bytes(attributes.finish())
    .finish();
}

/** The kernel gives the interface no link-local address of its own. */
export function encodeNoLinkLocal(index: number): Uint8Array<ArrayBuffer> {
  const attributes = new AttributeWriter().nested(IFLA_AF_SPEC, (families) =>
    families.nested(AF_INET6, (v6) => v6.u8(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE)),
  );
  return new ByteWriter()
    .bytes(linkHeader(index, 0, 0))
    .bytes(attributes.finish())
    .finish();
}

export function encodeLinkAlias(index: number, alias: string): Uint8Array<ArrayBuffer> {
  const attributes = new AttributeWriter().text(IFLA_IFALIAS, alias.slice(0, MAX_ALIAS));
  return new ByteWriter()
    .bytes(linkHeader(index, 0, 0))
    .bytes(attributes.finish())
    .finish();
}

export function encodeLinkUp(index: number): Uint8Array<ArrayBuffer> {
  return linkHeader(index, IFF_UP, IFF_UP);
}

/** `struct ifinfomsg` */
export function linkHeader(index: number, flags: number, change: number): Uint8Array<ArrayBuffer> {
  return new ByteWriter(16).zeros(4).i32le(index).u32le(flags).u32le(change).finish();
}
