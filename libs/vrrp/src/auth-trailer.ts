import {
  ByteReader,
  ByteWriter,
  type IpAddress,
  type Result,
  err,
  familyOf,
  internetChecksum,
  ipBytes,
  ok,
  unhex,
} from '@keepfleet/wire';
import { equalBytes } from './auth-header.ts';
import type { Digests } from './authentication.ts';
import type { PacketError } from './errors.ts';
import { CHECKSUM_OFFSET, type Path, checksumPseudoHeader } from './packet.ts';
import type { HmacKey, HmacSettings, VirtualRouterSettings } from './settings.ts';

/**
 * What keepalived's auth_hmac (2.4.2) appends to the message:
 *
 *    |   Type 1      |    Key Id     |          RESERVED             |
 *    |                seconds since 1970                             |
 *    |     1/65536 seconds           |          counter              |
 *    |                HMAC-SHA-256, its first 16 bytes               |
 *
 * The HMAC covers a pseudo-header (family, version, VRID, source), the message with its checksum as zero, and the trailer
 * with the HMAC as zero.
 */
export const TRAILER_LENGTH = 28;

const TYPE_SHA256 = 1;
const HMAC_LENGTH = 16;
const PREFIX_LENGTH = TRAILER_LENGTH - HMAC_LENGTH;
const SECOND = 1_000_000;
const SENDERS = 4;

type Router = Pick<VirtualRouterSettings, 'family' | 'version' | 'vrid'>;

/** Grows with the clock, and by one where the clock does not grow. */
export class SendSequence {
  #last: bigint | undefined;

  next(unixMicros: number, { antiReplay, window }: HmacSettings): bigint {
    const clock = clockSequence(unixMicros);
    const last = this.#last;
    // A clock that was put back by more than the others accept must be followed, or nobody would hear us.
    const restart = last !== undefined && antiReplay === 'time' && seconds(last - clock) > window / SECOND;
    this.#last = last === undefined || restart || isAfter(clock, last) ? clock : BigInt.asUintN(64, last + 1n);
    return this.#last;
  }
}

/** The highest sequence of each sender, of the last few senders. */
export class ReplayTable {
  readonly #last = new Map<IpAddress, bigint>();

  accept(source: IpAddress, sequence: bigint, unixMicros: number, { antiReplay, window }: HmacSettings): boolean {
    const last = this.#last.get(source);
    const expired =
      last !== undefined &&
      antiReplay === 'time' &&
      Math.abs(seconds(clockSequence(unixMicros) - last)) > window / SECOND;
    if (last !== undefined && !expired && !isAfter(sequence, last)) return false;
    // The order of a map is that of insertion: the first one is the longest unheard.
    this.#last.delete(source);
    this.#last.set(source, sequence);
    const [oldest] = this.#last.keys();
    if (this.#last.size > SENDERS && oldest !== undefined) this.#last.delete(oldest);
    return true;
  }
}

/** The message with its trailer. */
export function sealTrailer(
  message: Uint8Array,
  path: Path,
  router: Router,
  hmac: HmacSettings,
  sequence: bigint,
  digests: Digests,
): Uint8Array {
  const key = keyOf(hmac, hmac.activeKey);
  const whole = new ByteWriter(message.length + TRAILER_LENGTH)
    .bytes(message)
    .u8(TYPE_SHA256)
    .u8(hmac.activeKey)
    .u16(0)
    .u32(Number(sequence >> 32n))
    .u32(Number(sequence & 0xffff_ffffn))
    .zeros(HMAC_LENGTH)
    .finish();
  if (key !== undefined) whole.set(signature(whole, path.source, router, key, digests), message.length + PREFIX_LENGTH);
  if (familyOf(path.source) === 'ipv6') {
    whole.fill(0, CHECKSUM_OFFSET, CHECKSUM_OFFSET + 2);
    const checksum = internetChecksum(checksumPseudoHeader(path, whole.length), whole);
    whole[CHECKSUM_OFFSET] = checksum >> 8;
    whole[CHECKSUM_OFFSET + 1] = checksum & 0xff;
  }
  return whole;
}

/** The sequence of a trailer that is right; whether it is new is for the caller to judge. */
export function openTrailer(
  whole: Uint8Array,
  source: IpAddress,
  router: Router,
  hmac: HmacSettings,
  unixMicros: number,
  digests: Digests,
): Result<bigint, PacketError> {
  const reader = new ByteReader(whole.subarray(whole.length - TRAILER_LENGTH));
  const [type, id, reserved, sequence] = [reader.u8(), reader.u8(), reader.u16(), reader.u64()];
  if (type !== TYPE_SHA256 || reserved !== 0) return err({ kind: 'auth-malformed' });
  // Before the digest, which costs more: an old capture played in a loop must not keep us busy.
  const ahead = seconds(sequence - clockSequence(unixMicros));
  if (hmac.antiReplay === 'time' && Math.abs(ahead) > hmac.window / SECOND) return err({ kind: 'auth-stale', ahead });
  const key = keyOf(hmac, id);
  if (key === undefined) return err({ kind: 'auth-unknown-key', id });
  const wanted = signature(whole, source, router, key, digests);
  if (!equalBytes(reader.bytes(HMAC_LENGTH), wanted)) return err({ kind: 'auth-invalid', id });
  return ok(sequence);
}

function signature(whole: Uint8Array, source: IpAddress, router: Router, key: HmacKey, digests: Digests): Uint8Array {
  const address = ipBytes(source);
  const data = new ByteWriter(20 + whole.length)
    .u8(router.family === 'ipv6' ? 6 : 4)
    .u8(router.version)
    .u8(router.vrid)
    .u8(0)
    .bytes(address)
    .zeros(16 - address.length)
    .bytes(whole)
    .finish();
  data.fill(0, 20 + CHECKSUM_OFFSET, 20 + CHECKSUM_OFFSET + 2);
  data.fill(0, data.length - HMAC_LENGTH);
  return digests.hmac('sha256', unhex(key.secret), data).subarray(0, HMAC_LENGTH);
}

function keyOf(hmac: HmacSettings, id: number): HmacKey | undefined {
  return hmac.keys.find((key) => key.id === id);
}

function clockSequence(unixMicros: number): bigint {
  const second = Math.floor(unixMicros / SECOND);
  const fraction = Math.floor(((unixMicros - second * SECOND) * 65_536) / SECOND);
  return BigInt.asUintN(64, (BigInt(second) << 32n) | (BigInt(fraction) << 16n));
}

/** RFC 1982: right across the overflow of the seconds in 2106. */
function isAfter(a: bigint, b: bigint): boolean {
  return BigInt.asIntN(64, a - b) > 0n;
}

function seconds(difference: bigint): number {
  return Number(BigInt.asIntN(64, difference) >> 32n);
}
