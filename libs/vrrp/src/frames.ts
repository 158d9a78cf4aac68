import {
  ByteWriter,
  type IpAddress,
  type MacAddress,
  internetChecksum,
  ip,
  ipBytes,
  macBytes,
  unhex,
} from '@keepfleet/wire';

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const BROADCAST = unhex('ffffffffffff');
const ALL_NODES = ip('ff02::1');
const ALL_NODES_MAC = unhex('333300000001');
const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
const FLAG_ROUTER = 0x80;
const FLAG_OVERRIDE = 0x20;
const OPTION_TARGET_LINK_LAYER_ADDRESS = 2;
const ADVERTISEMENT_LENGTH = 32;

/** An Ethernet frame with a broadcast ARP request whose sender and target both are `address` (RFC 826, RFC 5227 section 3). */
export function gratuitousArp(mac: MacAddress, address: IpAddress): Uint8Array<ArrayBuffer> {
  //  | hardware type 1 | protocol type 0x0800 | 6 | 4 | request 1 |
  //  | sender MAC | sender IP | target MAC | target IP |
  return new ByteWriter(42)
    .bytes(BROADCAST)
    .bytes(macBytes(mac))
    .u16(ETHERTYPE_ARP)
    .u16(1)
    .u16(0x0800)
    .u8(6)
    .u8(4)
    .u16(1)
    .bytes(macBytes(mac))
    .bytes(ipBytes(address))
    .bytes(BROADCAST)
    .bytes(ipBytes(address))
    .finish();
}

/** An Ethernet frame with an unsolicited neighbour advertisement to all nodes (RFC 4861 section 4.4), from the address itself. */
export function neighbourAdvertisement(mac: MacAddress, address: IpAddress, router: boolean): Uint8Array<ArrayBuffer> {
  //  | type 136 | code 0 | checksum |
  //  | R S O flags, reserved        |
  //  | target address (16)          |
  //  | option 2, length 1, MAC (6)  |
  const message = new ByteWriter(ADVERTISEMENT_LENGTH)
    .u8(NEIGHBOUR_ADVERTISEMENT)
    .u8(0)
    .u16(0)
    .u8((router ? FLAG_ROUTER : 0) | FLAG_OVERRIDE)
    .zeros(3)
    .bytes(ipBytes(address))
    .u8(OPTION_TARGET_LINK_LAYER_ADDRESS)
    .u8(1)
    .bytes(macBytes(mac));
  const ends = new ByteWriter(32).bytes(ipBytes(address)).bytes(ipBytes(ALL_NODES)).finish();
  const pseudoHeader = new ByteWriter(40).bytes(ends).u32(ADVERTISEMENT_LENGTH).u32(ICMPV6).finish();
  message.patchU16(2, internetChecksum(pseudoHeader, message.finish()));
  return new ByteWriter(86)
    .bytes(ALL_NODES_MAC)
    .bytes(macBytes(mac))
    .u16(ETHERTYPE_IPV6)
    .u32(0x6000_0000)
    .u16(ADVERTISEMENT_LENGTH)
    .u8(ICMPV6)
    .u8(255)
    .bytes(ends)
    .bytes(message.finish())
    .finish();
}
