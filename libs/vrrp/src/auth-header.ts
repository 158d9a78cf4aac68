import { ByteReader, ByteWriter, type Result, err, internetChecksum, ipBytes, ok } from '@keepfleet/wire';
import type { Digests } from './authentication.ts';
import type { PacketError } from './errors.ts';
import { type Path, VRRP_PROTOCOL } from './packet.ts';

export const AH_PROTOCOL = 51;
/** RFC 2402 section 2 with the 96 bits of HMAC-MD5-96 (RFC 2403). */
export const AH_LENGTH = 24;

const IP_HEADER_LENGTH = 20;
const ICV_OFFSET = 12;
const ICV_LENGTH = 12;
const KEY_LENGTH = 8;
const NETWORK_CONTROL = 0xc0;
/** keepalived begins again before the counter could overflow. */
const LAST_SEQUENCE = 0xffff_fffd;

export interface HeaderKey {
  readonly password: string;
  /** Unicast adverts pass routers, so their TTL is no part of the signature. */
  readonly unicast: boolean;
  readonly digests: Digests;
}

/**
 * One counter for what is sent and what is accepted, as keepalived has it: a backup follows its master's numbers, and
 * goes on from them when it takes over, so that the others go on accepting.
 */
export class SequenceCounter {
  #last = 0;

  next(): number {
    this.#last = this.#last >= LAST_SEQUENCE ? 1 : this.#last + 1;
    return this.#last;
  }

  /** Whether a number is new. */
  accept(sequence: number): boolean {
    if (sequence <= this.#last) return false;
    this.#last = sequence;
    return true;
  }
}

/**
 * RFC 2402 section 2:
 *
 *    | Next Header   |  Payload Len  |          RESERVED             |
 *    |                 Security Parameters Index                     |   here the sender's address
 *    |                    Sequence Number                            |
 *    |                Authentication Data (12 bytes)                 |
 */
export function sealAuthHeader(
  message: Uint8Array,
  { source, destination }: Path,
  sequence: number,
  key: HeaderKey & { readonly ttl: number },
): { bytes: Uint8Array; ipHeader: Uint8Array } {
  const header = new ByteWriter(AH_LENGTH)
    .u8(VRRP_PROTOCOL)
    .u8(AH_LENGTH / 4 - 2)
    .u16(0)
    .bytes(ipBytes(source))
    .u32(sequence)
    .zeros(ICV_LENGTH)
    .finish();
  const ipHeader = new ByteWriter(IP_HEADER_LENGTH)
    .u8(0x45)
    .u8(NETWORK_CONTROL)
    .u16(IP_HEADER_LENGTH + AH_LENGTH + message.length)
    // Signed, so the kernel must not choose it, which it does for 0.
    .u16((sequence % 0xffff) + 1)
    .u16(0)
    .u8(key.ttl)
    .u8(AH_PROTOCOL)
    .u16(0)
    .bytes(ipBytes(source))
    .bytes(ipBytes(destination))
    .finish();
  const bytes = new ByteWriter(AH_LENGTH + message.length).bytes(header).bytes(message).finish();
  bytes.set(integrityValue(ipHeader, bytes, key), ICV_OFFSET);
  const checksum = internetChecksum(ipHeader);
  ipHeader[10] = checksum >> 8;
  ipHeader[11] = checksum & 0xff;
  return { bytes, ipHeader };
}

/** The message behind a header that is right. The sequence is for the caller to judge, who remembers the last. */
export function openAuthHeader(
  ipHeader: Uint8Array,
  bytes: Uint8Array,
  key: HeaderKey,
): Result<{ message: Uint8Array; sequence: number }, PacketError> {
  if (bytes.length < AH_LENGTH || ipHeader.length < IP_HEADER_LENGTH)
    return err({ kind: 'length', length: bytes.length, wanted: AH_LENGTH });
  const reader = new ByteReader(bytes);
  const [next, payloadLength] = [reader.u8(), reader.u8()];
  if (next !== VRRP_PROTOCOL || payloadLength !== AH_LENGTH / 4 - 2)
    return err({ kind: 'auth-failure', reason: 'header' });
  reader.skip(2);
  const index = reader.bytes(4);
  const sequence = reader.u32();
  const wanted = integrityValue(ipHeader, bytes, key);
  if (!equalBytes(bytes.subarray(ICV_OFFSET, ICV_OFFSET + ICV_LENGTH), wanted))
    return err({ kind: 'auth-failure', reason: 'signature' });
  if (!equalBytes(index, ipHeader.subarray(12, 16))) return err({ kind: 'auth-failure', reason: 'index' });
  return ok({ message: bytes.subarray(AH_LENGTH), sequence });
}

/** HMAC-MD5-96 over the IP header without what routers change (RFC 2402 section 3.3.3.1.1) and all behind it. */
function integrityValue(ipHeader: Uint8Array, bytes: Uint8Array, key: HeaderKey): Uint8Array {
  const data = new ByteWriter(ipHeader.length + bytes.length).bytes(ipHeader).bytes(bytes).finish();
  data[1] = 0;
  data.fill(0, 6, 8);
  if (key.unicast) data[8] = 0;
  data.fill(0, 10, 12);
  data.fill(0, ipHeader.length + ICV_OFFSET, ipHeader.length + ICV_OFFSET + ICV_LENGTH);
  const secret = Uint8Array.from({ length: KEY_LENGTH }, (_, i) => key.password.charCodeAt(i) & 0xff);
  return key.digests.hmac('md5', secret, data).subarray(0, ICV_LENGTH);
}

/** In a time that does not tell how many bytes are right. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
