import { type ByteReader, type MacAddress, formatMac } from '@keepfleet/wire';
import { Attributes } from './attributes.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

/** RFC 2863 ifOperStatus, as the kernel numbers it. */
export type OperationalState = 'unknown' | 'not-present' | 'down' | 'lower-layer-down' | 'testing' | 'dormant' | 'up';

/** A network interface as the kernel reports it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** What an administrator asked for (IFF_UP). */
  readonly up: boolean;
  /** A carrier is there (IFF_LOWER_UP). */
  readonly lowerUp: boolean;
  /** Up, with carrier, and fit for packets (IFF_RUNNING). */
  readonly running: boolean;
  readonly operational: OperationalState;
  readonly loopback: boolean;
  readonly pointToPoint: boolean;
  readonly multicast: boolean;
  /** Interfaces without ARP (IFF_NOARP) cannot announce an address. */
  readonly arp: boolean;
  /** Absent where the link layer has no six-byte address (tunnels). */
  readonly mac: MacAddress | undefined;
  readonly mtu: number;
  /** Index of the interface below (VLAN, macvlan) or the veth peer. */
  readonly lower: number | undefined;
  /** Index of the bridge, bond or VRF that this one is part of. */
  readonly master: number | undefined;
  /** `veth`, `macvlan`, `vlan`, ...; absent for a physical interface. */
  readonly kind: string | undefined;
  /** What an administrator or a program noted on it. */
  readonly alias: string | undefined;
}

const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_POINTOPOINT = 0x10;
const IFF_RUNNING = 0x40;
const IFF_NOARP = 0x80;
const IFF_MULTICAST = 0x1000;
const IFF_LOWER_UP = 0x10000;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_INFO_KIND = 1;

const OPERATIONAL: readonly OperationalState[] = [
  'unknown',
  'not-present',
  'down',
  'lower-layer-down',
  'testing',
  'dormant',
  'up',
];

/** Payload of RTM_NEWLINK and RTM_DELLINK: `struct ifinfomsg` and attributes. Throws UnexpectedEnd: read inside `tryRead`. */
export function readLink(reader: ByteReader): Link {
  //  | family | pad |   type    |
  //  |          index           |
  //  |          flags           |
  //  |       change mask        |
  reader.skip(4);
  const index = reader.i32le();
  const flags = reader.u32le();
  reader.skip(4);
  const attributes = new Attributes(reader.rest());
  const mac = attributes.bytes(IFLA_ADDRESS);
  return {
    index,
    name: attributes.text(IFLA_IFNAME) ?? '',
    up: (flags & IFF_UP) !== 0,
    lowerUp: (flags & IFF_LOWER_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    operational: OPERATIONAL[attributes.u8(IFLA_OPERSTATE) ?? 0] ?? 'unknown',
    loopback: (flags & IFF_LOOPBACK) !== 0,
    pointToPoint: (flags & IFF_POINTOPOINT) !== 0,
    multicast: (flags & IFF_MULTICAST) !== 0,
    arp: (flags & IFF_NOARP) === 0,
    mac: mac?.length === 6 ? formatMac(mac) : undefined,
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    lower: attributes.u32(IFLA_LINK),
    master: attributes.u32(IFLA_MASTER),
    kind: attributes.nested(IFLA_LINKINFO)?.text(IFLA_INFO_KIND),
    alias: attributes.text(IFLA_IFALIAS),
  };
}
