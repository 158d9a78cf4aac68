import { ByteWriter, type IpAddress, ipBytes } from '@keepfleet/wire';
import { AttributeWriter } from './attributes.ts';

/** What a route wraps its packets in (lightweight tunnels). */
export type Encapsulation =
  | { readonly kind: 'mpls'; readonly labels: readonly number[]; readonly ttl?: number | undefined }
  | {
      readonly kind: 'ip' | 'ip6';
      readonly id?: number | undefined;
      readonly source?: IpAddress | undefined;
      readonly destination?: IpAddress | undefined;
      readonly trafficClass?: number | undefined;
      readonly hopLimit?: number | undefined;
      readonly flags?: number | undefined;
    }
  | { readonly kind: 'ila'; readonly locator: string };

// include/uapi/linux/lwtunnel.h
const LWTUNNEL_ENCAP = { mpls: 1, ip: 2, ila: 3, ip6: 4 } as const;
const LWTUNNEL_IP_ID = 1;
const LWTUNNEL_IP_DST = 2;
const LWTUNNEL_IP_SRC = 3;
const LWTUNNEL_IP_TTL = 4;
const LWTUNNEL_IP_TOS = 5;
const LWTUNNEL_IP_FLAGS = 6;
const MPLS_IPTUNNEL_DST = 1;
const MPLS_IPTUNNEL_TTL = 2;
const MPLS_BOTTOM = 0x100;
const ILA_ATTR_LOCATOR = 1;

export function encodeEncapsulation(encapsulation: Encapsulation): { type: number; attributes: Uint8Array } {
  const attributes = new AttributeWriter();
  switch (encapsulation.kind) {
    case 'mpls': {
      const { labels, ttl } = encapsulation;
      const stack = new ByteWriter();
      //  |            label (20)          | class (3) | bottom (1) | TTL (8) |
      for (const [i, label] of labels.entries())
        stack.u32(((label << 12) | (i === labels.length - 1 ? MPLS_BOTTOM : 0)) >>> 0);
      attributes.bytes(MPLS_IPTUNNEL_DST, stack.finish());
      if (ttl !== undefined) attributes.u8(MPLS_IPTUNNEL_TTL, ttl);
      break;
    }
    case 'ip':
    case 'ip6': {
      const { id, source, destination, trafficClass, hopLimit, flags } = encapsulation;
      if (id !== undefined) attributes.bytes(LWTUNNEL_IP_ID, bigEndian64(id));
      if (destination !== undefined) attributes.bytes(LWTUNNEL_IP_DST, ipBytes(destination));
      if (source !== undefined) attributes.bytes(LWTUNNEL_IP_SRC, ipBytes(source));
      if (hopLimit !== undefined) attributes.u8(LWTUNNEL_IP_TTL, hopLimit);
      if (trafficClass !== undefined) attributes.u8(LWTUNNEL_IP_TOS, trafficClass);
      if (flags !== undefined) attributes.bytes(LWTUNNEL_IP_FLAGS, new ByteWriter(2).u16(flags).finish());
      break;
    }
    case 'ila':
      attributes.bytes(ILA_ATTR_LOCATOR, locatorBytes(encapsulation.locator));
      break;
  }
  return { type: LWTUNNEL_ENCAP[encapsulation.kind], attributes: attributes.finish() };
}

export function bigEndian64(value: number): Uint8Array {
  return new ByteWriter(8)
    .u32(Math.floor(value / 0x1_0000_0000))
    .u32(value >>> 0)
    .finish();
}

/** Four groups of hexadecimal digits, as the upper half of an IPv6 address. */
function locatorBytes(text: string): Uint8Array {
  const writer = new ByteWriter(8);
  for (const group of text.split(':')) writer.u16(parseInt(group, 16));
  return writer.finish();
}
