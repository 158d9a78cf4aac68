import {
  ByteReader,
  ByteWriter,
  type Family,
  type IpAddress,
  type Result,
  err,
  familyOf,
  formatIp,
  hex,
  internetChecksum,
  ip,
  ipBytes,
  ok,
  unhex,
} from '@keepfleet/wire';
import type { DecodeError } from './errors.ts';

export const VRRP_PROTOCOL = 112;
/** TTL or hop limit of every multicast advert, sent and received: RFC 3768 section 5.2.3, RFC 9568 section 5.1.1.3. */
export const VRRP_TTL = 255;
export const GROUP_IPV4 = ip('224.0.0.18');
export const GROUP_IPV6 = ip('ff02::12');

const TYPE_ADVERTISEMENT = 1;
const HEADER_LENGTH = 8;
const AUTH_DATA_LENGTH = 8;
export const CHECKSUM_OFFSET = 6;
const MAX_ADVERT_INT_BITS = 0x0fff;

/** Values of the Auth Type field, RFC 2338 section 5.3.6. */
export const AUTH_NONE = 0;
export const AUTH_PASSWORD = 1;
export const AUTH_AH = 2;

/** Between which addresses a message travels; the pseudo-header of version 3. */
export interface Path {
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

/**
 * RFC 3768 section 5.1, IPv4 only:
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
 *    |   Auth Type   |   Adver Int   |          Checksum             |
 *    |                  IPv4 address (1) .. (n)                      |
 *    |                     Authentication Data (8 bytes)             |
 */
export interface AdvertV2 {
  readonly version: 2;
  readonly family: 'ipv4';
  readonly vrid: number;
  readonly priority: number;
  readonly authType: number;
  /** Adver Int. */
  readonly seconds: number;
  readonly addresses: readonly IpAddress[];
  /** Eight bytes in hexadecimal. */
  readonly authData: string;
}

/**
 * RFC 9568 section 5.2, both families:
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
 *    |(rsvd) |  Max Advertise Int    |          Checksum             |
 *    |                  IPvX address (1) .. (n)                      |
 */
export interface AdvertV3 {
  readonly version: 3;
  readonly family: Family;
  readonly vrid: number;
  readonly priority: number;
  /** Max Advertise Interval. */
  readonly centiseconds: number;
  readonly addresses: readonly IpAddress[];
}

export type Advert = AdvertV2 | AdvertV3;

export interface ChecksumRule {
  /** Version 3 over IPv4 without pseudo-header, as some other implementations do; a mismatch is then no error. */
  readonly v3ChecksumAsV2: boolean;
  /** What the checksum over IPv6 covers, where it is more than the message: a trailer that signs it. */
  readonly covered?: Uint8Array;
}

const STANDARD: ChecksumRule = { v3ChecksumAsV2: false };

/** Bytes of an advert as sent on `path`, checksum included. */
export function encodeAdvert(advert: Advert, path: Path, rule: ChecksumRule = STANDARD): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(HEADER_LENGTH + advert.addresses.length * 16 + AUTH_DATA_LENGTH)
    .u8((advert.version << 4) | TYPE_ADVERTISEMENT)
    .u8(advert.vrid)
    .u8(advert.priority)
    .u8(advert.addresses.length);
  if (advert.version === 2) writer.u8(advert.authType).u8(advert.seconds);
  else writer.u16(advert.centiseconds);
  writer.u16(0);
  for (const address of advert.addresses) writer.bytes(ipBytes(address));
  if (advert.version === 2) writer.bytes(unhex(advert.authData));
  const unsigned = writer.finish();
  const checksum = internetChecksum(...checksummed(unsigned, advert.version, path, rule));
  return writer.patchU16(CHECKSUM_OFFSET, checksum).finish();
}

/** A message of either version; the family is that of `path`. Total: any bytes give an advert or an error. */
export function decodeAdvert(
  bytes: Uint8Array,
  path: Path,
  rule: ChecksumRule = STANDARD,
): Result<Advert, DecodeError> {
  if (bytes.length < HEADER_LENGTH) return err({ kind: 'length', length: bytes.length, wanted: HEADER_LENGTH });
  const family = familyOf(path.source);
  const reader = new ByteReader(bytes);
  const versionAndType = reader.u8();
  const version = versionAndType >> 4;
  const versions = family === 'ipv4' ? [2, 3] : [3];
  if (!versions.includes(version)) return err({ kind: 'version', version, wanted: versions });
  const type = versionAndType & 0x0f;
  if (type !== TYPE_ADVERTISEMENT) return err({ kind: 'type', type });
  const vrid = reader.u8();
  const priority = reader.u8();
  const count = reader.u8();
  const addressLength = family === 'ipv4' ? 4 : 16;
  const wanted = HEADER_LENGTH + count * addressLength + (version === 2 ? AUTH_DATA_LENGTH : 0);
  if (bytes.length !== wanted) return err({ kind: 'length', length: bytes.length, wanted });
  const typeAndInterval = reader.u16();
  const checksum = reader.u16();
  const wrong = checksumError(bytes, version, path, rule, checksum);
  if (wrong !== undefined) return err(wrong);
  const addresses = Array.from({ length: count }, () => formatIp(reader.bytes(addressLength)));
  if (version === 2) {
    const [authType, seconds] = [typeAndInterval >> 8, typeAndInterval & 0xff];
    return ok({
      version,
      family: 'ipv4',
      vrid,
      priority,
      authType,
      seconds,
      addresses,
      authData: hex(reader.bytes(AUTH_DATA_LENGTH)),
    });
  }
  // The four bits above Max Advertise Int are ignored on receipt, RFC 9568 section 5.2.6.
  return ok({ version: 3, family, vrid, priority, centiseconds: typeAndInterval & MAX_ADVERT_INT_BITS, addresses });
}

/** How long a message says that it is; what is beyond is a trailer. */
export function pduLength(bytes: Uint8Array, family: Family): number {
  const version = (bytes[0] ?? 0) >> 4;
  return HEADER_LENGTH + (bytes[3] ?? 0) * (family === 'ipv4' ? 4 : 16) + (version === 2 ? AUTH_DATA_LENGTH : 0);
}

/** The VRID of a message that is long enough to have one, to find whom it concerns before it is decoded. */
export function peekVrid(bytes: Uint8Array, offset = 0): number | undefined {
  return bytes[offset + 1];
}

/** The Authentication Data field for a password: padded with zeros, cut at eight bytes. */
export function passwordData(password: string): string {
  const bytes = Uint8Array.from({ length: AUTH_DATA_LENGTH }, (_, i) => password.charCodeAt(i) & 0xff);
  return hex(bytes);
}

/** Authentication Data where there is none. */
export const NO_AUTH_DATA = '00'.repeat(AUTH_DATA_LENGTH);

function checksumError(
  bytes: Uint8Array,
  version: number,
  path: Path,
  rule: ChecksumRule,
  checksum: number,
): DecodeError | undefined {
  if (version === 3 && rule.v3ChecksumAsV2) return undefined;
  if (internetChecksum(...checksummed(bytes, version, path, rule)) === 0) return undefined;
  const blank = (version === 3 ? (rule.covered ?? bytes) : bytes).slice();
  blank[CHECKSUM_OFFSET] = 0;
  blank[CHECKSUM_OFFSET + 1] = 0;
  const wanted = internetChecksum(...checksummed(blank, version, path, { ...rule, covered: blank }));
  return { kind: 'checksum', checksum, wanted };
}

/** Version 2 sums the message alone (RFC 3768 section 5.3.8), version 3 the pseudo-header of RFC 8200 section 8.1 or its IPv4 likeness too. */
function checksummed(bytes: Uint8Array, version: number, path: Path, rule: ChecksumRule): Uint8Array[] {
  const family = familyOf(path.source);
  if (version === 2 || (family === 'ipv4' && rule.v3ChecksumAsV2)) return [bytes];
  const covered = family === 'ipv6' ? (rule.covered ?? bytes) : bytes;
  return [checksumPseudoHeader(path, covered.length), covered];
}

export function checksumPseudoHeader(path: Path, length: number): Uint8Array {
  const header = new ByteWriter(40).bytes(ipBytes(path.source)).bytes(ipBytes(path.destination));
  if (familyOf(path.source) === 'ipv4') header.u8(0).u8(VRRP_PROTOCOL).u16(length);
  else header.u32(length).zeros(3).u8(VRRP_PROTOCOL);
  return header.finish();
}
