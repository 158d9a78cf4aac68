import { ByteReader, formatMac, tryRead } from '@keepfleet/wire';

/** What the bench looks at on the wire. `at` is the kernel's time of the frame, in milliseconds since 1970. */
export type Frame =
  | {
      readonly kind: 'advert';
      readonly at: number;
      readonly mac: string;
      readonly vrid: number;
      readonly priority: number;
    }
  /** `sequence` of an ICMP echo reply. */
  | { readonly kind: 'answer'; readonly at: number; readonly mac: string; readonly sequence: number }
  /** `state` as in RFC 5880 section 4.1. */
  | { readonly kind: 'bfd'; readonly at: number; readonly mac: string; readonly state: number };

/** Of libpcap, for those frames. */
export const CAPTURE_FILTER = 'ip proto 112 or icmp[icmptype] == icmp-echoreply or udp dst port 3784';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** pcap with nanoseconds, written by a little-endian machine. */
const MAGIC = 0xa1b23c4d;
const ETHERNET = 14;
const IPV4 = 0x0800;
const UDP_HEADER = 8;
const ICMP = 1;
const UDP = 17;
const VRRP = 112;

/** Reads a pcap stream in whatever pieces it comes. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();
  #begun = false;

  read(piece: Uint8Array): Frame[] {
    const bytes = new Uint8Array(this.#rest.length + piece.length);
    bytes.set(this.#rest);
    bytes.set(piece, this.#rest.length);
    const reader = new ByteReader(bytes);
    const frames: Frame[] = [];
    if (!this.#begun && reader.left >= FILE_HEADER) {
      if (reader.u32le() !== MAGIC) throw new Error('tcpdump gives no pcap with nanoseconds in little-endian order');
      reader.skip(FILE_HEADER - 4);
      this.#begun = true;
    }
    let end = reader.offset;
    while (this.#begun && reader.left >= RECORD_HEADER) {
      const at = reader.u32le() * 1_000 + reader.u32le() / 1_000_000;
      const length = reader.u32le();
      reader.skip(4);
      if (reader.left < length) break;
      const frame = tryRead(reader.bytes(length), (content) => readFrame(content, at));
      if (frame.ok && frame.value !== undefined) frames.push(frame.value);
      end = reader.offset;
    }
    this.#rest = bytes.subarray(end);
    return frames;
  }
}

function readFrame(reader: ByteReader, at: number): Frame | undefined {
  reader.skip(6);
  const mac = formatMac(reader.bytes(6));
  if (reader.u16() !== IPV4) return undefined;
  const headerLength = (reader.u8() & 0x0f) * 4;
  reader.skip(8);
  const protocol = reader.u8();
  reader.skip(ETHERNET + headerLength - reader.offset);
  if (protocol === ICMP) {
    reader.skip(6);
    return { kind: 'answer', at, mac, sequence: reader.u16() };
  }
  if (protocol === UDP) {
    reader.skip(UDP_HEADER + 1);
    return { kind: 'bfd', at, mac, state: reader.u8() >> 6 };
  }
  if (protocol !== VRRP) return undefined;
  reader.skip(1);
  return { kind: 'advert', at, mac, vrid: reader.u8(), priority: reader.u8() };
}
